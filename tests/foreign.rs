//! Credentials of a foreign issuer under its own root (`keys-dev`). They are accepted as far as the
//! issuer is trusted, and refused if their status cannot be read. The broker calls only hosts that
//! the operator listed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::Entropy;
use sekisho_broker::admin::AddTrust;
use sekisho_broker::config::Config;
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_credential::status::{self, IssueToken, StatusList, StatusReference};
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, SigningKey};
use sekisho_profile::types;
use sekisho_tests::{Browser, Elsewhere, TENANT, Wallet, World, affiliation, parameter};

pub(crate) const ISSUER: &str = "https://issuer.example.jp";

pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../keys-dev/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

/// A world a year later, when the fixtures are valid, which trusts the foreign issuer for the
/// tenant.
async fn world() -> World {
    world_with(|_| {}).await
}

pub(crate) async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let world = World::with(change).await;
    world.clock.advance(365 * 86_400);
    world.broker.sweep_keys().await.unwrap();
    let add = AddTrust {
        issuer: ISSUER.to_owned(),
        types: vec!["affiliation".to_owned()],
        organizations: vec![TENANT.to_owned()],
        anchors_pem: Some(fixture("root.pem")),
    };
    world.broker.add_trust(&world.act(), &add).await.unwrap();
    world
}

/// A wallet with a credential of the foreign issuer, whose status list is at `status`.
pub(crate) fn wallet(world: &World, status: Option<&str>) -> Wallet {
    wallet_of(world, world.broker.site().type_authority(), status)
}

/// The same, for a credential whose type has the authority `authority`.
fn wallet_of(world: &World, authority: &str, status: Option<&str>) -> Wallet {
    let mut wallet = Wallet::new(world.broker.site().clock().now());
    let key = SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap();
    let leaf = der(&fixture("issuer.pem"));
    let status = status.map(|uri| StatusReference { uri: uri.to_owned(), index: 7 });
    let holder = wallet.key.public_jwk();
    let claims = affiliation();
    let issuance = Issuance {
        credential_type: types::find("affiliation").unwrap(),
        authority,
        issuer: ISSUER,
        claims: claims.as_object().unwrap(),
        holder_key: &holder,
        status: status.as_ref(),
        issued_at: wallet.now,
        expires: None,
        decoys: 0,
    };
    wallet.held.push(vc::issue(&issuance, vec![leaf], &key, &Entropy::system()).unwrap());
    wallet
}

/// VP-30: the credential of a foreign issuer is accepted only while the issuer is trusted.
#[tokio::test]
async fn a_foreign_issuer_is_believed_as_far_as_it_is_trusted() {
    let world = world().await;
    let rp = world.rp().await;
    let wallet = wallet(&world, None);
    Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    world.broker.remove_trust(&world.act(), ISSUER).await.unwrap();
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    assert_eq!(wallet.present(&page.link("wallet-open")).await.code(), "C-2005");
}

/// NET-01, ST-02, TSL-6: an unknown status is refused, and the address in the credential is not
/// called.
#[tokio::test]
async fn a_status_elsewhere_fails_closed_and_nobody_is_called() {
    let world = world().await;
    let rp = world.rp().await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    for uri in [
        format!("https://127.0.0.1:{port}/list"),
        format!("https://localhost:{port}/list"),
        format!("http://localhost:{port}/list"),
        format!("{}.evil.example/orgs/{TENANT}/status/0", world.origin),
    ] {
        let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
        let answer = wallet(&world, Some(&uri)).present(&page.link("wallet-open")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "C-2008"), "{uri}");
    }
    let called = tokio::time::timeout(std::time::Duration::from_millis(50), canary.accept()).await;
    assert!(called.is_err(), "the canary was called");
}

/// SD-16, NET-01: the type of a credential is only a name. Nobody calls the URL that it looks like,
/// nor the URL that its metadata would extend, whoever signed it.
#[tokio::test]
async fn a_type_is_not_fetched() {
    let elsewhere = Elsewhere::start().await;
    let world = world_with(|config| elsewhere.allow(config)).await;
    let rp = world.rp().await;
    elsewhere.answers(200, r#"{"vct":"x","extends":"https://localhost/y"}"#);
    let wallet = wallet_of(&world, &format!("{}/types", elsewhere.url), None);
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    let request = wallet.open(&page.link("wallet-open")).await;
    let (audience, nonce) = (request.client_id(), request.nonce());
    let shown = SdJwt::parse(&wallet.held[0]).unwrap().select(&[]);
    let bound = sd_jwt::bind(&shown, audience, nonce, wallet.now, &wallet.key).unwrap();
    let answer = wallet.send(&request, &[("affiliation".to_owned(), vec![bound])].into()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2005"), "{}", answer.body);
    assert_eq!(elsewhere.asked(), 0);
}

/// ST-03: A foreign credential may refer to one of our lists, but that list does not count as its
/// issuer's.
#[tokio::test]
async fn a_foreign_credential_cannot_borrow_our_list() {
    let world = world().await;
    let rp = world.rp().await;
    let uri = format!("{}/status/0", world.issuer(TENANT));
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    let answer = wallet(&world, Some(&uri)).present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2008"));
}

/// A status list of the foreign issuer at `uri`, made `ago` seconds ago, in which the wallet's
/// entry has `value`.
fn list(world: &World, uri: &str, value: u8, ago: i64) -> String {
    list_for(world, uri, value, ago, 300)
}

/// The same, which may be kept for `ttl` seconds.
pub(crate) fn list_for(world: &World, uri: &str, value: u8, ago: i64, ttl: i64) -> String {
    let key = SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap();
    let mut list = StatusList::new(2, 1000).unwrap();
    list.set(7, value).unwrap();
    let iat = world.broker.site().clock().now().plus(-ago);
    let issue = IssueToken { uri, iat, exp: Some(iat.plus(86_400)), ttl: Some(ttl) };
    let header = status::header(&key, vec![der(&fixture("issuer.pem"))]);
    status::issue_token(&list, &issue, &header, &key).unwrap()
}

/// Tries to log in with this wallet; returns the code of the refusal, or `None` if there was none.
async fn outcome(world: &World, wallet: &Wallet) -> Option<String> {
    let rp = world.rp().await;
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    let wallet = Wallet { now: world.broker.site().clock().now(), ..wallet.clone() };
    let answer = wallet.present(&page.link("wallet-open")).await;
    (answer.status != 200).then(|| answer.code())
}

/// TSL-6, VP-33, GEN-17: a list at a listed host is fetched over TLS and used for its `ttl` but no
/// longer. What it says takes effect within that time.
#[tokio::test]
async fn a_listed_list_is_fetched_kept_and_believed() {
    let elsewhere = Elsewhere::start().await;
    let world = world_with(|config| elsewhere.allow(config)).await;
    let uri = format!("{}/list", elsewhere.url);
    let wallet = wallet(&world, Some(&uri));
    elsewhere.answers(200, list(&world, &uri, 0, 0));
    assert_eq!(outcome(&world, &wallet).await, None);
    assert_eq!(outcome(&world, &wallet).await, None);
    assert_eq!(elsewhere.asked(), 1, "it is kept");
    elsewhere.answers(200, list(&world, &uri, 1, 0));
    world.clock.advance(299);
    assert_eq!(outcome(&world, &wallet).await, None);
    world.clock.advance(1);
    assert_eq!(outcome(&world, &wallet).await.as_deref(), Some("C-2001"), "after its ttl");
    elsewhere.answers(200, list(&world, &uri, 2, 0));
    world.clock.advance(300);
    assert_eq!(outcome(&world, &wallet).await.as_deref(), Some("C-2002"));
}

/// ST-02, ST-03, ST-04, ST-01: a credential is not valid if the host is down, answers something
/// else, redirects, or sends an older list or a list for another place.
#[tokio::test]
async fn a_list_that_is_not_the_one_says_nothing_good() {
    let elsewhere = Elsewhere::start().await;
    let world = world_with(|config| elsewhere.allow(config)).await;
    let uri = format!("{}/list", elsewhere.url);
    let other = format!("{}/other", elsewhere.url);
    let wallet = wallet(&world, Some(&uri));
    let unknown = Some("C-2008".to_owned());
    for (status, body) in [
        (404, String::new()),
        (500, list(&world, &uri, 0, 0)),
        (200, String::new()),
        (200, "no JWT".to_owned()),
        (200, list(&world, &other, 0, 0)),
        (200, list(&world, &uri, 0, 86_500)),
        (200, list(&world, &uri, 0, -3600)),
        (200, "x".repeat(2 << 20)),
    ] {
        elsewhere.answers(status, body);
        assert_eq!(outcome(&world, &wallet).await, unknown, "{status}");
    }
    elsewhere.redirects(&other);
    let before = elsewhere.asked();
    assert_eq!(outcome(&world, &wallet).await, unknown);
    assert_eq!(elsewhere.asked(), before + 1, "no redirect is followed");

    // A list that is older than one seen before is refused, because it may be a replay.
    elsewhere.answers(200, list(&world, &uri, 1, 0));
    assert_eq!(outcome(&world, &wallet).await.as_deref(), Some("C-2001"));
    world.clock.advance(300);
    elsewhere.answers(200, list(&world, &uri, 0, 400));
    assert_eq!(outcome(&world, &wallet).await, unknown);
    elsewhere.answers(200, list(&world, &uri, 0, 0));
    assert_eq!(outcome(&world, &wallet).await, None);
}

/// TSL-6, VP-33: the timer fetches lists that decisions use at half of their lifetime, so no login
/// has to. If the host is down, its last list is used until it expires and no longer.
#[tokio::test]
async fn lists_are_refreshed_by_the_timer() {
    let elsewhere = Elsewhere::start().await;
    let world = world_with(|config| elsewhere.allow(config)).await;
    let uri = format!("{}/list", elsewhere.url);
    let wallet = wallet(&world, Some(&uri));
    elsewhere.answers(200, list(&world, &uri, 0, 0));
    assert_eq!(outcome(&world, &wallet).await, None);
    for asked in 2..6 {
        world.clock.advance(149);
        world.broker.refresh_lists().await;
        assert_eq!(elsewhere.asked(), asked - 1, "not before half of its ttl");
        world.clock.advance(1);
        elsewhere.answers(200, list(&world, &uri, 0, 0));
        world.broker.refresh_lists().await;
        assert_eq!(elsewhere.asked(), asked);
        assert_eq!(outcome(&world, &wallet).await, None);
        assert_eq!(elsewhere.asked(), asked, "a login asks nobody");
    }
    elsewhere.answers(503, "");
    world.clock.advance(299);
    world.broker.refresh_lists().await;
    assert_eq!(outcome(&world, &wallet).await, None);
    world.clock.advance(1);
    assert_eq!(outcome(&world, &wallet).await.as_deref(), Some("C-2008"));
    // Nobody has used the list for longer than any session lasts, so the timer stops fetching it.
    elsewhere.answers(200, list(&world, &uri, 0, 0));
    assert_eq!(outcome(&world, &wallet).await, None);
    let asked = elsewhere.asked();
    world.clock.advance(8 * 3600);
    world.broker.refresh_lists().await;
    assert_eq!(elsewhere.asked(), asked);
}

/// TSL-6, OA-37: a person tries every second after a foreign issuer revoked the credential, while
/// the timer of the server runs. The refusal comes within the list's `ttl`.
#[tokio::test]
async fn a_revocation_elsewhere_counts_within_the_ttl() {
    let elsewhere = Elsewhere::start().await;
    let world = world_with(|config| elsewhere.allow(config)).await;
    let uri = format!("{}/list", elsewhere.url);
    let wallet = wallet(&world, Some(&uri));
    elsewhere.answers(200, list(&world, &uri, 0, 0));
    let rp = world.rp().await;
    for timer in [30, 10_000] {
        elsewhere.answers(200, list(&world, &uri, 0, 0));
        world.clock.advance(300);
        let (mut browser, now) = (Browser::new(), world.broker.site().clock().now());
        let wallet = Wallet { now, ..wallet.clone() };
        let tokens = browser.log_in(&wallet, &rp.request("openid", &[]), &rp).await;
        elsewhere.answers(200, list(&world, &uri, 1, 0));
        let mut delay = 0;
        let silent = rp.request("openid", &[("prompt", "none")]).url;
        while parameter(&browser.get(&silent).await.location.unwrap(), "code").is_some() {
            world.clock.advance(1);
            delay += 1;
            if delay % timer == 0 {
                world.broker.refresh_lists().await;
            }
            assert!(delay <= 300, "{delay} seconds");
        }
        println!("refused {delay} s after the revocation: ttl 300 s, timer {timer} s");
        assert!(timer > 300 || delay <= 150 + timer);
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    }
}
