//! A revocation takes effect at once for every decision that relies on the credential, and an
//! unknown status is refused (Token Status List, TSL-1 to TSL-6; C-2001, C-2008).

use std::collections::{BTreeMap, BTreeSet};

use sekisho_broker::admin::{ChangeStatus, RotateKey};
use sekisho_credential::status::{CheckToken, Status, VerifiedStatusList, verify_token};
use sekisho_tests::{Browser, NOW, TENANT, World, http};
use serde_json::Value;

sekisho_store::table!(/// The entries of our lists, one of which a test takes away.
    StatusEntries = "status_entries_1": (String, u64) => Value);

/// The place of a credential's status entry: the URI of the list, and the index.
fn place_of(credential: &str) -> (String, u64) {
    let open = sekisho_credential::sd_jwt::SdJwt::parse(credential).unwrap().claims();
    let reference = &open["status"]["status_list"];
    (reference["uri"].as_str().unwrap().to_owned(), reference["idx"].as_u64().unwrap())
}

/// Fetches a list and verifies it as any verifier does.
async fn read(world: &World, uri: &str) -> VerifiedStatusList {
    let token = http().get(uri).send().await.unwrap().text().await.unwrap();
    let (trust, issuer) = (world.broker.registry().trust(), world.issuer(TENANT));
    let authority = &world.broker.site().type_authority();
    let check = CheckToken {
        uri,
        now: world.broker.site().clock().now(),
        issuer: &issuer,
        trust: &trust.list,
        vct: &sekisho_profile::types::vct(authority, "affiliation"),
        not_older_than: None,
    };
    verify_token(&token, &check).unwrap()
}

/// The number of entries of a list that are revoked.
fn revoked(list: &VerifiedStatusList) -> usize {
    (0..list.entries()).filter(|index| list.status(*index).unwrap() == Status::Invalid).count()
}

/// TSL-5, ST-05: credentials are spread over several lists of more than 100,000 entries, at random
/// places. Decoys are revoked along with them, so an outsider can read neither the number of
/// revocations nor which entry changed.
#[tokio::test]
async fn indexes_are_spread_and_hidden_among_decoys() {
    let world = World::start().await;
    let mut wallet = world.member().await;
    for _ in 0..23 {
        let offer = world.offer(TENANT, "affiliation", sekisho_tests::affiliation()).await;
        wallet.accept(&offer.uri, None).await;
    }
    let places: Vec<_> = wallet.held.iter().map(|held| place_of(held)).collect();
    let lists: BTreeSet<&String> = places.iter().map(|(uri, _)| uri).collect();
    assert!((2..=4).contains(&lists.len()), "{lists:?}");
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
    let close = |(a, b): (&u64, &u64)| a.abs_diff(*b) < 100;
    let indexes: Vec<u64> = places.iter().map(|(_, index)| *index).collect();
    assert!(
        indexes.iter().zip(&indexes[1..]).filter(|pair| close(*pair)).count() < 3,
        "{indexes:?}"
    );

    let mut before = BTreeMap::new();
    for uri in &lists {
        let list = read(&world, uri).await;
        assert!(list.entries() >= 100_000);
        let decoys = revoked(&list);
        assert!((60..200).contains(&decoys), "{decoys} before anything was revoked");
        before.insert((*uri).clone(), decoys);
    }
    for row in world.credentials().await {
        let why = ChangeStatus { reason: None };
        world.broker.revoke_credential(&world.act(), &row.id, &why).await.map(drop).unwrap();
    }
    let mut more = 0;
    for (uri, before) in &before {
        more += revoked(&read(&world, uri).await) - before;
    }
    assert!(more > 24, "24 revocations show as {more}");
    for (uri, index) in &places {
        assert_eq!(read(&world, uri).await.status(*index).unwrap(), Status::Invalid);
    }
}

/// TSL-3: a list is signed again before it expires, and at once when its key is replaced, whether
/// somebody fetches it or only the timer runs.
#[tokio::test]
async fn lists_are_renewed_by_the_timer() {
    let world = World::start().await;
    let wallet = world.member().await;
    let (uri, _) = place_of(&wallet.held[0]);
    let token = async || http().get(&uri).send().await.unwrap().text().await.unwrap();
    let first = token().await;
    let ends = read(&world, &uri).await.expires().unwrap();
    for _ in 0..12 {
        world.clock.advance(300);
        world.broker.renew_lists().await;
        let left =
            read(&world, &uri).await.expires().unwrap().since(world.broker.site().clock().now());
        assert!(left > 600, "good for {left} seconds more, which is twice its ttl and more");
    }
    assert!(world.broker.site().clock().now() >= ends);
    let last = token().await;
    assert_ne!(last, first);
    let kid = |token: &str| {
        sekisho_jose::UnverifiedJwt::<serde_json::Value>::parse(token).unwrap().header().kid.clone()
    };
    let rotate = RotateKey {
        resource: None,
        purpose: "credential".to_owned(),
        organization: Some(TENANT.to_owned()),
        algorithm: None,
        compromised: true,
    };
    world.broker.rotate_key(&world.act(), &rotate).await.map(drop).unwrap();
    assert_ne!(kid(&token().await), kid(&last));
    read(&world, &uri).await;
}

/// TSL-1, TSL-2, TSL-3, TSL-4: the list is a signed token that another verifier can check.
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
        let trust = world.broker.registry().trust();
        let check = CheckToken {
            uri,
            now: NOW,
            issuer: &issuer,
            trust: &trust.list,
            vct,
            not_older_than: None,
        };
        let list = verify_token(&token, &check).unwrap();
        (list.status(index).unwrap(), list.ttl())
    };
    assert_eq!(read().await, (Status::Valid, Some(300)));
    world.revoke("affiliation").await;
    assert_eq!(read().await.0, Status::Invalid);
}

/// OA-37, VP-33: A revocation between any two steps of a login ends the login.
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

/// OA-37: A revocation between the phone's answer and the typed number ends the login, too.
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

/// If one of two credentials is revoked, only the decision that relies on it falls.
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

/// ST-02: a credential of ours whose status entry is missing is refused.
#[tokio::test]
async fn an_entry_that_is_lost_fails_closed() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;
    let (list, index) = place_of(&wallet.held[0]);
    let number = list.rsplit('/').next().unwrap();
    let place = (format!("{TENANT}/{number}"), index);
    let store = world.broker.site().store();
    assert_eq!(store.get::<StatusEntries>(&place).await.unwrap().unwrap()["value"], 0);
    store.transact(|tx| tx.delete::<StatusEntries>(&place)).await.unwrap();
    let refused = browser.get(&rp.plain_request().url).await;
    assert_eq!(refused.code().as_deref(), Some("C-2008"));
}

/// A session ends with its credentials: at most 90 days after the login, and never after the fiscal
/// year.
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
    wallet.now = world.broker.site().clock().now();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;
    world.clock.advance(601);
    wallet.now = world.broker.site().clock().now();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2003"));
}
