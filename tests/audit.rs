//! The audit log records every decision and every act, in the same batch as its effect, and
//! contains no names of people.

use sekisho_tests::{Browser, TENANT, World, affiliation};

#[tokio::test]
async fn every_decision_and_act_is_found_and_nobody_is_named() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let mut browser = Browser::new();
    browser.show(&wallet, &rp.gpu_request(8).url, &rp).await;
    world.train(&mut wallet).await;
    browser.log_in(&wallet, &rp.gpu_request(8), &rp).await;
    world.revoke("affiliation").await;
    browser.get(&rp.gpu_request(8).url).await;

    let records = world.broker.audit_tail(None, 1000).await.unwrap();
    let found: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record.entry.action.as_str(), record.entry.outcome.as_str()))
        .collect();
    for expected in [
        ("organization.add", "done"),
        ("trust.add", "done"),
        ("client.add", "done"),
        ("credential.offer", "done"),
        ("offer.redeem", "done"),
        ("credential.issue", "done"),
        ("presentation.accept", "done"),
        ("session.begin", "done"),
        ("access.decide", "refused"),
        ("access.decide", "done"),
        ("code.issue", "done"),
        ("code.redeem", "done"),
        ("credential.revoke", "done"),
        ("session.end", "done"),
    ] {
        assert!(found.contains(&expected), "{expected:?} of {found:?}");
    }
    let denied = records
        .iter()
        .find(|record| record.entry.action == "access.decide" && record.entry.outcome == "refused");
    assert_eq!(denied.unwrap().entry.reason.as_deref(), Some("P-3201"));
    let log = serde_json::to_string(&records).unwrap();
    for secret in ["山田", "YAMADA", "m-0001", "taro@", "研究開発部", rp.secret.as_deref().unwrap()]
    {
        assert!(!log.contains(secret), "{secret}");
    }
    let verified = world.broker.audit_verify().await.unwrap();
    assert_eq!(verified.fault, None);
    assert_eq!(verified.records, u64::try_from(records.len()).unwrap());
    assert_eq!(records.last().unwrap().hash, verified.hash);
}

/// A rehearsal leaves no trace, and a refused act leaves no part of one.
#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let world = World::start().await;
    let before = world.broker.audit_verify().await.unwrap().records;
    let act = sekisho_broker::admin::By::operator(0, true);
    let add = sekisho_broker::admin::AddOrganization {
        corporate_number: "Ｔ5900000000004".to_owned(),
        name: sekisho_ambient::Text { ja: "見本".to_owned(), en: "Sample".to_owned() },
    };
    let planned = world.broker.add_organization(&act, &add).await.unwrap();
    assert_eq!(
        (planned.audit_id, planned.result.corporate_number.as_str()),
        (None, "5900000000004")
    );
    let offer = sekisho_broker::admin::OfferCredential {
        organization: TENANT.to_owned(),
        type_name: "affiliation".to_owned(),
        claims: affiliation().as_object().unwrap().clone(),
        subject: None,
        holder: None,
        tx_code: true,
        days: None,
        by_value: false,
        wallet: None,
    };
    let planned = world.broker.offer_credential(&act, &offer).await.unwrap();
    assert_eq!((planned.result.uri.as_str(), planned.result.tx_code), ("", None));
    assert_eq!(world.broker.list_organizations().await.unwrap().len(), 2);
    assert_eq!(world.broker.audit_verify().await.unwrap().records, before);
    let twice =
        sekisho_broker::admin::AddOrganization { corporate_number: TENANT.to_owned(), ..add };
    assert!(world.broker.add_organization(&world.act(), &twice).await.is_err());
    assert_eq!(world.broker.audit_verify().await.unwrap().records, before);
}
