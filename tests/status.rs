//! Revocation counts at once, everywhere that a decision stands on a credential; and what cannot be
//! known is refused (Token Status List, TSL-1 to TSL-6; C-2001, C-2008).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use sekisho_broker::tables::StatusEntries;
use sekisho_credential::status::{CheckToken, Status, verify_token};
use sekisho_tests::{Browser, NOW, TENANT, World, http};

/// TSL-1, TSL-2, TSL-3, TSL-4: the list is a signed token that a verifier elsewhere can
/// check.
#[tokio::test]
async fn the_list_is_served_and_says_what_was_revoked() {
    let world = World::start().await;
    let wallet = world.member().await;
    let open = sekisho_credential::sd_jwt::SdJwt::parse(&wallet.held[0]).unwrap().claims();
    let reference = &open["status"]["status_list"];
    let uri = reference["uri"].as_str().unwrap();
    let index = reference["idx"].as_u64().unwrap();
    let vct = open["vct"].as_str().unwrap();
    let issuer = world.issuer(TENANT);
    let read = async || {
        let answer = http().get(uri).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/statuslist+jwt");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let token = answer.text().await.unwrap();
        let trust = world.broker.trust();
        let check =
            CheckToken { uri, now: NOW, issuer: &issuer, trust: &trust, vct, not_older_than: None };
        let list = verify_token(&token, &check).unwrap();
        (list.status(index).unwrap(), list.ttl())
    };
    assert_eq!(read().await, (Status::Valid, Some(300)));
    world.revoke("affiliation").await;
    assert_eq!(read().await.0, Status::Invalid);
}

/// OA-37, VP-33: Between any two steps of a login, a revocation ends it.
#[tokio::test]
async fn a_revocation_between_two_steps_ends_the_login() {
    for step in ["return", "consent", "redeem", "userinfo"] {
        let world = World::start().await;
        let rp = world.rp().await;
        let wallet = world.member().await;
        let mut browser = Browser::new();
        let expected = rp.plain_request();
        let page = browser.begin(&expected.url, &rp).await;
        let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
        if step == "return" {
            world.revoke("affiliation").await;
            assert_eq!(browser.get(&back).await.code().as_deref(), Some("C-2001"), "{step}");
            continue;
        }
        let after = browser.get(&back).await;
        let consent = browser.follow(after, &rp.redirect_uri).await;
        if step == "consent" {
            world.revoke("affiliation").await;
            let refused = browser.decide(&consent, "allow", &[]).await;
            assert_eq!(refused.code().as_deref(), Some("C-2001"), "{step}");
            continue;
        }
        let location = browser.agree(&consent).await;
        let code = rp.code(&expected, &location);
        if step == "redeem" {
            world.revoke("affiliation").await;
            assert_eq!(rp.redeem(&expected, &code).await.0, 400, "{step}");
            continue;
        }
        let tokens = rp.tokens(&expected, &code).await;
        world.revoke("affiliation").await;
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401, "{step}");
    }
}

/// OA-37: A revocation between the phone's answer and the typed number counts, too.
#[tokio::test]
async fn a_revocation_before_the_number_is_typed_ends_the_login() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    wallet.present(&link).await.redirect_uri();
    let entry = browser.get(&page.url).await;
    world.revoke("affiliation").await;
    let form = [("form_token", entry.form_token()), ("number", "0000".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
    let refused = browser.post(&format!("{}/number", page.url), &form).await;
    assert_eq!(refused.code().as_deref(), Some("C-2001"));
}

/// Only one of two credentials is revoked: the decision that stands on it falls, the other stays.
#[tokio::test]
async fn a_revoked_training_takes_the_gpus_and_not_the_login() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let mut browser = Browser::new();
    let gpus = browser.log_in(&wallet, &rp.gpu_request(8), &rp).await;
    world.revoke("ai-training").await;
    assert_eq!(rp.userinfo(&gpus.access_token).await.0, 401);
    browser.log_in(&wallet, &rp.request("openid", &[("prompt", "login")]), &rp).await;
}

/// ST-02: an entry of ours that is not there says nothing good.
#[tokio::test]
async fn an_entry_that_is_lost_fails_closed() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;
    let place = format!("{TENANT}/0");
    let store = world.broker.store();
    let entries = store.scan_prefix::<StatusEntries>(&place, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    store.transact(|tx| tx.delete::<StatusEntries>(&entries[0].0)).await.unwrap();
    let refused = browser.get(&rp.plain_request().url).await;
    assert_eq!(refused.code().as_deref(), Some("C-2008"));
}

/// A session ends with its credentials: no longer than 90 days, and never past the fiscal year.
#[tokio::test]
async fn an_expired_credential_ends_its_session() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = sekisho_tests::Wallet::new(NOW);
    let short = world
        .offer_with(TENANT, "affiliation", sekisho_tests::affiliation(), |offer| {
            offer.days = Some(1);
        })
        .await;
    wallet.accept(&short.uri, None).await;
    let mut browser = Browser::new();
    world.clock.advance(86_400 - 600);
    wallet.now = world.broker.clock().now();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;
    world.clock.advance(601);
    wallet.now = world.broker.clock().now();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2003"));
}
