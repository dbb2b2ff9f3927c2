//! The audit log records every decision and every act, in the same batch as its effect, and
//! contains no names of people.

use sekisho_tests::{Browser, TENANT, World, affiliation};
use serde_json::Value;

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

sekisho_store::table!(/// The entries of our lists, some of which a test takes away.
    StatusEntries = "status_entries_1": (String, u64) => Value);
sekisho_store::table!(/// The lists themselves.
    StatusLists = "status_lists_1": (String, u64) => Value);

/// Where the entry of the only credential stands: the key of its row, and the URI of its list.
async fn entry_of(world: &World) -> ((String, u64), String) {
    let id = &world.credentials().await[0].id;
    let credential = world.broker.issuer().credential(id).await.unwrap().unwrap();
    let list = format!("{TENANT}/{}", credential.status_list);
    let uri = format!("{}/orgs/{TENANT}/status/{}", world.origin, credential.status_list);
    ((list, credential.status_index), uri)
}

async fn faults(world: &World) -> Vec<String> {
    world.broker.audit_verify().await.unwrap().faults
}

/// Who can write the file can remove the entry of a revoked credential, or put back what it was
/// before. A list with a missing entry is not signed; the log tells which credential it was.
#[tokio::test]
async fn word_03_a_list_without_all_its_entries_is_not_signed() {
    let world = World::start().await;
    world.member().await;
    let ((list, index), uri) = entry_of(&world).await;
    let key = (list.clone(), index);
    let store = world.broker.site().store();
    let valid = store.get::<StatusEntries>(&key).await.unwrap().unwrap();
    world.revoke("affiliation").await;
    let id = world.credentials().await[0].id.clone();
    let status = async || sekisho_tests::http().get(&uri).send().await.unwrap().status().as_u16();
    assert_eq!((status().await, faults(&world).await), (200, Vec::new()));

    // A change makes the server sign the list again, as a start would.
    let list_key = (TENANT.to_owned(), list.rsplit('/').next().unwrap().parse().unwrap());
    let newer = async || {
        let moved = store.transact(|tx| {
            let mut row = tx.get::<StatusLists>(&list_key)?.unwrap();
            row["version"] = Value::from(row["version"].as_u64().unwrap() + 1);
            tx.put::<StatusLists>(&list_key, &row)
        });
        moved.await.unwrap();
    };
    let revoked = store.get::<StatusEntries>(&key).await.unwrap().unwrap();
    store.transact(|tx| tx.delete::<StatusEntries>(&key)).await.unwrap();
    newer().await;
    assert_eq!(status().await, 503);
    let told = faults(&world).await;
    assert!(
        told.iter().any(|fault| fault.contains(&uri) && fault.contains("not signed")),
        "{told:?}"
    );
    let missing = told.iter().find(|fault| fault.contains(&id)).unwrap();
    assert!(
        missing.contains("no status list has its entry") && missing.contains("record"),
        "{missing}"
    );
    // Nobody knows what the entry said, so the credential can only be revoked, and that mends it.
    let why = sekisho_broker::admin::ChangeStatus { reason: None };
    assert!(world.broker.resume_credential(&world.act(), &id, &why).await.is_err());
    world.broker.revoke_credential(&world.act(), &id, &why).await.unwrap();
    assert_eq!((status().await, faults(&world).await), (200, Vec::new()));

    // What the entry was before: the count is right, and the log says otherwise.
    store.transact(|tx| tx.put::<StatusEntries>(&key, &valid)).await.unwrap();
    let told = faults(&world).await;
    let differs = format!("credential {id} is revoked by the log, and entry {index}");
    assert!(told.len() == 1 && told[0].starts_with(&differs), "{told:?}");
    store.transact(|tx| tx.put::<StatusEntries>(&key, &revoked)).await.unwrap();

    // A whole list that is gone, and an entry too many.
    let extra = (list.clone(), 131_071);
    store.transact(|tx| tx.put::<StatusEntries>(&extra, &valid)).await.unwrap();
    newer().await;
    assert_eq!(status().await, 503);
    let told = faults(&world).await;
    assert!(told.iter().any(|fault| fault.contains("entries of 2 credentials")), "{told:?}");
    store.transact(|tx| tx.delete::<StatusEntries>(&extra)).await.unwrap();
    store.transact(|tx| tx.delete::<StatusLists>(&list_key)).await.unwrap();
    let told = faults(&world).await;
    assert!(told.iter().any(|fault| fault.contains("is missing, but")), "{told:?}");
}

/// The other way round: a credential that a list says is revoked, and the log does not.
#[tokio::test]
async fn word_03_a_list_says_nothing_that_the_log_does_not_say() {
    let world = World::start().await;
    world.member().await;
    let (key, uri) = entry_of(&world).await;
    let id = world.credentials().await[0].id.clone();
    let store = world.broker.site().store();
    let why = sekisho_broker::admin::ChangeStatus { reason: None };
    world.broker.suspend_credential(&world.act(), &id, &why).await.unwrap();
    assert!(faults(&world).await.is_empty());
    let suspended = store.get::<StatusEntries>(&key).await.unwrap().unwrap();
    world.broker.resume_credential(&world.act(), &id, &why).await.unwrap();
    assert!(faults(&world).await.is_empty());
    store.transact(|tx| tx.put::<StatusEntries>(&key, &suspended)).await.unwrap();
    let told = faults(&world).await;
    assert!(
        told.len() == 1 && told[0].contains(&uri) && told[0].contains("says suspended"),
        "{told:?}"
    );
    let verified = world.broker.audit_verify().await.unwrap();
    assert_eq!(verified.fault.map(|(record, _)| record), Some(0));
}

/// What is issued and revoked while the log is verified is no fault.
#[tokio::test]
async fn word_03_what_happens_meanwhile_is_no_fault() {
    let world = World::hostile(3).await;
    let mut wallet = world.member().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let broker = world.broker.clone();
    let verifying = tokio::spawn(async move {
        let mut stopped = stopped;
        while stopped.try_recv().is_err() {
            assert_eq!(broker.audit_verify().await.unwrap().faults, Vec::<String>::new());
        }
    });
    for _ in 0..5 {
        let offer = world.offer(TENANT, "affiliation", affiliation()).await;
        wallet.accept(&offer.uri, None).await;
    }
    let why = sekisho_broker::admin::ChangeStatus { reason: None };
    for row in world.credentials().await {
        world.broker.revoke_credential(&world.act(), &row.id, &why).await.map(drop).unwrap();
    }
    stop.send(()).unwrap();
    verifying.await.unwrap();
}

sekisho_store::table!(/// Registered clients, one of which comes back.
    Clients = "clients_1": String => Value);
sekisho_store::table!(/// Trusted issuers, one of which is taken away.
    Trust = "trust_1": String => Value);

/// A client or an issuer that was removed does not come back with an older row, and none goes.
#[tokio::test]
async fn word_03_what_was_removed_is_not_put_back() {
    let world = World::start().await;
    let rp = world.rp().await;
    let store = world.broker.site().store();
    let client = store.get::<Clients>(&rp.client_id).await.unwrap().unwrap();
    world.broker.remove_client(&world.act(), &rp.client_id).await.unwrap();
    assert!(faults(&world).await.is_empty());
    store.transact(|tx| tx.put::<Clients>(&rp.client_id, &client)).await.unwrap();
    let told = faults(&world).await;
    assert!(told.len() == 1 && told[0].contains("it is there again"), "{told:?}");
    store.transact(|tx| tx.delete::<Clients>(&rp.client_id)).await.unwrap();
    let issuer = world.issuer(TENANT);
    store.transact(|tx| tx.delete::<Trust>(&issuer)).await.unwrap();
    let told = faults(&world).await;
    assert!(told.len() == 1 && told[0].contains(&issuer), "{told:?}");
    assert!(told[0].contains("it is not there"), "{told:?}");
}
