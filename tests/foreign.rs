//! Credentials of a foreign issuer under its own root (`keys-dev`). They are accepted as far as the
//! issuer is trusted, and refused if their status cannot be read. The broker calls only hosts that
//! the operator listed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::{Entropy, sha256};
use sekisho_broker::admin::AddTrust;
use sekisho_broker::config::Config;
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_credential::status::{self, IssueToken, StatusList, StatusReference};
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, Header, SigningKey, b64u};
use sekisho_keyring::Purpose;
use sekisho_profile::types;
use sekisho_tests::{
    Browser, Elsewhere, OPERATOR, Rp, TENANT, Wallet, World, affiliation, parameter, training,
};
use serde_json::{Value, json};

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
    let mut claims = affiliation();
    claims["valid_through"] = serde_json::json!("2028-03-31");
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

/// The claims of a credential of the foreign issuer for this wallet, which lasts 30 days.
fn affiliated(world: &World, wallet: &Wallet) -> Value {
    let mut claims = affiliation();
    claims["valid_through"] = json!("2027-12-31");
    registered(world, wallet, "affiliation", &claims)
}

/// The same for a training.
fn trained(world: &World, wallet: &Wallet) -> Value {
    let mut claims = training();
    claims["valid_through"] = json!("2028-03-31");
    registered(world, wallet, "ai-training", &claims)
}

fn registered(world: &World, wallet: &Wallet, type_name: &str, claims: &Value) -> Value {
    let now = wallet.now.unix();
    let mut all = json!({
        "iss": ISSUER, "iat": now - 60, "nbf": now - 60, "exp": now + 30 * 86_400,
        "vct": types::vct(world.broker.site().type_authority(), type_name),
        "cnf": {"jwk": wallet.key.public_jwk().minimal()},
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all
}

/// Signs the claims as the foreign issuer, which hides those at `hidden` (names from the top, or an
/// index of an array) each behind a digest; returns the credential with all disclosures.
fn hiding(mut claims: Value, hidden: &[&[&str]]) -> String {
    let mut disclosures = String::new();
    for path in hidden {
        let (last, parents) = path.split_last().unwrap();
        let parent = parents.iter().fold(&mut claims, |value, name| &mut value[*name]);
        let salt = format!("a salt of 128 bits for {last}");
        let (disclosure, place) = if let Some(elements) = parent.as_array_mut() {
            let element = &mut elements[last.parse::<usize>().unwrap()];
            (json!([salt, element]), Some(element))
        } else {
            let value = parent.as_object_mut().unwrap().remove(*last).unwrap();
            (json!([salt, last, value]), None)
        };
        let disclosure = b64u::encode(disclosure.to_string());
        let digest = b64u::encode(sha256(disclosure.as_bytes()));
        match place {
            Some(element) => *element = json!({"...": digest}),
            None => match parent.get_mut("_sd").and_then(Value::as_array_mut) {
                Some(digests) => digests.push(digest.into()),
                None => parent["_sd"] = json!([digest]),
            },
        }
        disclosures.push_str(&disclosure);
        disclosures.push('~');
    }
    let key = SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap();
    let header = Header::for_key(&key, vc::TYP).with_x5c(vec![der(&fixture("issuer.pem"))]);
    format!("{}~{disclosures}", sekisho_jose::sign(&key, &header, &claims).unwrap())
}

/// Shows these presentations, whatever was asked for; returns the code of the refusal, or `None`.
async fn shown(wallet: &Wallet, url: &str, rp: &Rp, all: &[(&str, &str)]) -> Option<String> {
    let page = Browser::new().begin(url, rp).await;
    let request = wallet.open(&page.link("wallet-open")).await;
    let (audience, nonce) = (request.client_id(), request.nonce());
    let bind = |text| sd_jwt::bind(text, audience, nonce, wallet.now, &wallet.key).unwrap();
    let all = all.iter().map(|(id, text)| ((*id).to_owned(), vec![bind(text)]));
    let answer = wallet.send(&request, &all.collect()).await;
    (answer.status != 200).then(|| answer.code())
}

/// Only the part of a credential that the issuer signed: everything that is hidden is withheld.
fn withheld(credential: &str) -> &str {
    credential.split_inclusive('~').next().unwrap()
}

/// SDJ-2: what a type never discloses selectively is refused behind a digest, in every type, and so are
/// the registered claims. What may be hidden stays good.
#[tokio::test]
async fn word_06_a_claim_that_must_be_open_is_refused_where_it_is_hidden() {
    let world = world().await;
    world.broker.remove_trust(&world.act(), ISSUER).await.unwrap();
    let add = AddTrust {
        issuer: ISSUER.to_owned(),
        types: vec!["affiliation".to_owned(), "ai-training".to_owned()],
        organizations: vec![TENANT.to_owned()],
        anchors_pem: Some(fixture("root.pem")),
    };
    world.broker.add_trust(&world.act(), &add).await.unwrap();
    let rp = world.rp().await;
    let wallet = Wallet::new(world.broker.site().clock().now());
    let (login, gpus) = (rp.request("openid", &[]).url, rp.gpu_request(8).url);
    let open = hiding(affiliated(&world, &wallet), &[]);
    let affiliation = async |hidden: &[&[&str]]| {
        let credential = hiding(affiliated(&world, &wallet), hidden);
        shown(&wallet, &login, &rp, &[("affiliation", &credential)]).await
    };
    let training = async |credential: &str| {
        shown(&wallet, &gpus, &rp, &[("affiliation", &open), ("ai-training", credential)]).await
    };
    let against = Some("C-2021".to_owned());
    let allowed: &[&[&str]] = &[&["name"], &["member_ref"], &["roles", "0"], &["iat"]];
    assert_eq!(affiliation(allowed).await, None);
    for name in ["valid_through", "roles", "org_name", "org_corporate_number"] {
        assert_eq!(affiliation(&[&[name]]).await, against, "{name}");
        assert_eq!(affiliation(&[&["email"], &[name]]).await, against, "{name}");
    }
    for name in ["iss", "nbf", "exp", "cnf", "vct"] {
        assert_eq!(affiliation(&[&[name]]).await, against, "{name}");
    }
    let plain = trained(&world, &wallet);
    assert_eq!(training(&hiding(plain.clone(), &[&["level"], &["level_gte_1"]])).await, None);
    for name in ["achievement_id", "achievement_name", "framework", "valid_through"] {
        let hidden = hiding(plain.clone(), &[&[name]]);
        assert_eq!(training(&hidden).await, against, "{name}");
        // Withheld, it is missing, and every training has it.
        assert_eq!(training(withheld(&hidden)).await, against, "{name}");
    }
}

/// P-3111: a foreign affiliation that may hide its end is not read as one without an end.
#[tokio::test]
async fn word_06_a_hidden_end_is_not_an_unlimited_affiliation() {
    let world = world().await;
    let rp = world.rp().await;
    let mut wallet = Wallet::new(world.broker.site().clock().now());
    let mut claims = training();
    claims["valid_through"] = json!("2028-03-31");
    let offer = world.offer(OPERATOR, "ai-training", claims).await;
    wallet.accept(&offer.uri, None).await;
    let training = wallet.held[0].clone();
    let url = rp.gpu_request(8).url;
    let shows = async |affiliation: &str| {
        shown(&wallet, &url, &rp, &[("affiliation", affiliation), ("ai-training", &training)]).await
    };
    let mut ended = affiliated(&world, &wallet);
    ended["valid_through"] = json!("2027-10-31");
    let hidden = hiding(ended, &[&["valid_through"]]);
    assert_eq!(shows(&hidden).await.as_deref(), Some("C-2021"), "disclosed");
    assert_eq!(shows(withheld(&hidden)).await.as_deref(), Some("C-2021"), "withheld");
    // In the open it counts, beside whatever is withheld.
    let open = hiding(affiliated(&world, &wallet), &[&["name"], &["email"]]);
    assert_eq!(shows(withheld(&open)).await, None);
    // Without an end and with nothing withheld, there is none.
    let mut endless = affiliated(&world, &wallet);
    endless.as_object_mut().unwrap().remove("valid_through");
    assert_eq!(shows(&hiding(endless, &[])).await, None);
    // Where nobody reads the end, nobody asks for it.
    let plain = rp.request("openid", &[]).url;
    let login = [("affiliation", withheld(&hidden))];
    assert_eq!(shown(&wallet, &plain, &rp, &login).await, None);
}

/// SDJ-3: a credential ends, and not later than its type allows.
#[tokio::test]
async fn word_06_a_credential_does_not_outlive_its_type() {
    let world = world().await;
    let rp = world.rp().await;
    let wallet = Wallet::new(world.broker.site().clock().now());
    let url = rp.request("openid", &[]).url;
    let now = wallet.now.unix();
    let day = 86_400;
    let lives = async |iat: Option<i64>, exp: Option<i64>| {
        let mut claims = affiliated(&world, &wallet);
        let members = claims.as_object_mut().unwrap();
        members.remove("nbf");
        for (name, time) in [("iat", iat), ("exp", exp)] {
            members.remove(name);
            members.extend(time.map(|time| (name.to_owned(), time.into())));
        }
        shown(&wallet, &url, &rp, &[("affiliation", &hiding(claims, &[]))]).await
    };
    assert_eq!(lives(Some(now), Some(now + 89 * day)).await, None);
    assert_eq!(lives(None, Some(now + 89 * day)).await, None);
    assert_eq!(lives(Some(now - 80 * day), Some(now + 9 * day)).await, None);
    let too_late = Some("C-2022".to_owned());
    for (iat, exp) in [
        (Some(now), Some(now + 36_500 * day)),
        (Some(now), Some(now + 92 * day)),
        (None, Some(now + 92 * day)),
        (Some(now - 80 * day), Some(now + 20 * day)),
        (Some(now - 9_000 * day), Some(now + day)),
        (Some(now), None),
        (None, None),
    ] {
        assert_eq!(lives(iat, exp).await, too_late, "{iat:?} to {exp:?}");
    }
    // A status is no end.
    let elsewhere = format!("{ISSUER}/list");
    for exp in [None, Some(now + 36_500 * day)] {
        let mut claims = affiliated(&world, &wallet);
        claims["status"] = json!({"status_list": {"idx": 7, "uri": elsewhere}});
        claims.as_object_mut().unwrap().remove("exp");
        claims.as_object_mut().unwrap().extend(exp.map(|exp| ("exp".to_owned(), exp.into())));
        let code = shown(&wallet, &url, &rp, &[("affiliation", &hiding(claims, &[]))]).await;
        assert_eq!(code, too_late);
    }
}

/// Signs these claims with the tenant's own credential key.
fn as_tenant(world: &World, claims: &Value) -> String {
    let ring = world.broker.keyring().ring();
    let purpose = Purpose::Credential { org: TENANT.to_owned() };
    let key = ring.active(&purpose, Algorithm::Es256).unwrap();
    format!("{}~", sekisho_jose::sign(&key.key, &key.header(vc::TYP), claims).unwrap())
}

/// ST-03: a credential that says that one of our organizations issued it has an entry that was given
/// out here for it. A key in other hands gives nobody a credential that cannot be revoked.
#[tokio::test]
async fn word_06_a_credential_of_ours_has_an_entry_of_ours() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let url = rp.request("openid", &[]).url;
    let open = SdJwt::parse(&wallet.held[0]).unwrap().claims();
    let own = open["status"].clone();
    let forged = async |wallet: &Wallet, status: Option<Value>| {
        let mut claims = registered(&world, wallet, "affiliation", &affiliation());
        claims["iss"] = json!(world.issuer(TENANT));
        claims.as_object_mut().unwrap().extend(status.map(|status| ("status".to_owned(), status)));
        let forged = as_tenant(&world, &claims);
        shown(wallet, &url, &rp, &[("affiliation", &forged)]).await
    };
    assert_eq!(forged(&wallet, Some(own.clone())).await, None, "its own entry");
    assert_eq!(forged(&wallet, None).await.as_deref(), Some("C-2023"), "no entry");
    for uri in [
        format!("{ISSUER}/list"),
        format!("{}/status/0", world.issuer(OPERATOR)),
        format!("{}/status/00", world.issuer(TENANT)),
    ] {
        let status = json!({"status_list": {"idx": 7, "uri": uri}});
        assert_eq!(forged(&wallet, Some(status)).await.as_deref(), Some("C-2023"), "{uri}");
    }
    // An index that was never given out says "valid" in the signed list.
    let mut free = own.clone();
    let index = own["status_list"]["idx"].as_u64().unwrap();
    free["status_list"]["idx"] = json!((index + 1) % (1 << 17));
    let unknown = forged(&wallet, Some(free)).await;
    assert!(["C-2008", "C-2001"].contains(&unknown.as_deref().unwrap()), "never given out");
    // The entry of somebody else's credential, and of the same person's credential of another type.
    let other = world.member().await;
    assert_eq!(forged(&other, Some(own)).await.as_deref(), Some("C-2023"));
    let offer = world.offer(
        TENANT,
        "organization",
        json!({
            "corporate_number": TENANT, "corporate_name": "瀬戸内精密工業株式会社",
        }),
    );
    wallet.accept(&offer.await.uri, None).await;
    let another = SdJwt::parse(&wallet.held[1]).unwrap().claims()["status"].clone();
    assert_eq!(forged(&wallet, Some(another)).await.as_deref(), Some("C-2023"));
}

/// A credential may leave out `iss`: its certificate says who issued it (SD-JWT VC, 3.2.2.2). Where
/// the certificate does not say it either, or `iss` is no text, the code does not speak of a signature.
#[tokio::test]
async fn word_10_a_missing_issuer_is_the_one_of_the_certificate() {
    let world = world().await;
    let rp = world.rp().await;
    let wallet = Wallet::new(world.broker.site().clock().now());
    let url = rp.request("openid", &[]).url;
    let with = async |issuer: Option<Value>| {
        let mut claims = affiliated(&world, &wallet);
        claims.as_object_mut().unwrap().remove("iss");
        claims.as_object_mut().unwrap().extend(issuer.map(|issuer| ("iss".to_owned(), issuer)));
        shown(&wallet, &url, &rp, &[("affiliation", &hiding(claims, &[]))]).await
    };
    assert_eq!(with(None).await, None);
    for malformed in [json!(""), json!(7), Value::Null] {
        assert_eq!(with(Some(malformed)).await.as_deref(), Some("C-2021"));
    }
    let stranger = json!("https://other.example.jp");
    assert_eq!(with(Some(stranger)).await.as_deref(), Some("C-2005"));
    world.broker.remove_trust(&world.act(), ISSUER).await.unwrap();
    assert_eq!(with(None).await.as_deref(), Some("C-2005"));
}
