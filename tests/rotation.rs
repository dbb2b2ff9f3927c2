//! Key rotation: at no time does a verifier meet a signature that it cannot verify.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_broker::admin::{By, ChangeStatus, KeyRow, RotateKey};
use sekisho_credential::sd_jwt::SdJwt;
use sekisho_credential::status::{CheckToken, StatusList, verify_token};
use sekisho_jose::{Claims, Expected, JwkSet, UnverifiedJwt, b64u};
use sekisho_keyring::plan::{PlanAct, PlanStep};
use sekisho_profile::lifetimes::KEY_DOCUMENTS;
use sekisho_tests::{Browser, NOW, Rp, TENANT, Wallet, World, affiliation, http};
use serde_json::Value;

fn rotate(purpose: &str, compromised: bool) -> RotateKey {
    let organization = (purpose == "credential").then(|| TENANT.to_owned());
    RotateKey {
        resource: None,
        purpose: purpose.to_owned(),
        organization,
        algorithm: None,
        compromised,
    }
}

/// Fetches the key set whenever it is asked to, and remembers when each key was first seen.
#[derive(Default)]
struct Recorder {
    seen: BTreeMap<String, i64>,
    now: BTreeSet<String>,
    set: Option<JwkSet>,
}

impl Recorder {
    async fn fetch(&mut self, world: &World) {
        let url = format!("{}/jwks", world.origin);
        let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        let time = world.broker.site().clock().now().unix();
        let keys = document["keys"].as_array().unwrap();
        self.now = keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        for kid in &self.now {
            self.seen.entry(kid.clone()).or_insert(time);
        }
        self.set = Some(JwkSet::from_value(&document).unwrap());
    }

    /// The `kid` of the key that signed `token`, if the fetched set has the key and the signature
    /// verifies.
    fn verify(&self, token: &str, rp: &Rp) -> Option<String> {
        let jwt = UnverifiedJwt::<Claims>::parse(token).unwrap();
        let kid = jwt.header().kid.clone().unwrap();
        let key = self.set.as_ref().unwrap().with_kid(&kid).next()?.verifying_key().unwrap();
        let algorithms = [rp.algorithm];
        let want = Expected { typ: &["JWT"], algorithms: &algorithms, allow_missing_typ: true };
        jwt.verify(&key, &want).ok()?;
        Some(kid)
    }
}

async fn id_token(world: &World, rp: &Rp) -> String {
    let mut wallet = world.member().await;
    wallet.now = world.broker.site().clock().now();
    let tokens = Browser::new().log_in(&wallet, &rp.plain_request(), rp).await;
    tokens.body["id_token"].as_str().unwrap().to_owned()
}

/// DISC-17: Part 10: during a whole rotation, every ID token verifies from its creation to its
/// expiry, with keys that were fetched as long ago as they may be cached.
#[tokio::test]
async fn every_signature_of_a_rotation_can_be_verified() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut recorder = Recorder::default();
    recorder.fetch(&world).await;
    // This verifier fetches the keys just before the rotation is asked for.
    world.broker.rotate_key(&world.act(), &rotate("id-token", false)).await.unwrap();
    let mut tokens: Vec<(i64, String)> = Vec::new();
    let mut signers = BTreeSet::new();
    for round in 0..14 {
        world.broker.sweep_keys().await.unwrap();
        let now = world.broker.site().clock().now().unix();
        let token = id_token(&world, &rp).await;
        // The verifier fetches keys again as rarely as it may.
        if round % 5 == 0 {
            recorder.fetch(&world).await;
        }
        tokens.push((now, token));
        for (made, token) in tokens.iter().filter(|(made, _)| now < made + 300) {
            let kid = recorder.verify(token, &rp);
            let kid = kid.unwrap_or_else(|| panic!("round {round}: a token of {made} at {now}"));
            signers.insert(kid);
        }
        world.clock.advance(60);
    }
    assert_eq!(signers.len(), 2, "the rotation took place");
    let first_use = NOW.unix() + KEY_DOCUMENTS;
    for kid in &signers {
        assert!(recorder.seen[kid] <= first_use);
    }
    // Much later, no document contains the old key any more, and there is a new spare.
    world.clock.advance(3600);
    world.broker.sweep_keys().await.unwrap();
    recorder.fetch(&world).await;
    let gone = signers.iter().filter(|kid| !recorder.now.contains(*kid)).count();
    assert_eq!((gone, recorder.now.len()), (1, 4), "two algorithms, each with a key and a spare");
}

/// A dry run returns the plan and changes nothing.
#[tokio::test]
async fn a_plan_is_a_plan() {
    let world = World::start().await;
    let before = world.broker.list_keys(true).await.unwrap();
    let act = By::operator(0, true);
    let planned = world.broker.rotate_key(&act, &rotate("id-token", false)).await.unwrap();
    assert_eq!(planned.audit_id, None);
    let steps: Vec<String> =
        planned.result.steps.iter().map(|step| step.step.to_string()).collect();
    assert_eq!(steps.iter().filter(|step| **step == "activate").count(), 2, "{steps:?}");
    assert!(planned.result.steps.iter().all(|step| step.at.since(NOW) >= KEY_DOCUMENTS));
    let after = world.broker.list_keys(true).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}

/// DISC-17: A compromised key leaves every document at once and signs nothing more.
#[tokio::test]
async fn a_compromised_key_is_withdrawn_at_once() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut recorder = Recorder::default();
    recorder.fetch(&world).await;
    let signer = recorder.verify(&id_token(&world, &rp).await, &rp).unwrap();
    world.clock.advance(KEY_DOCUMENTS + 60);
    world.broker.rotate_key(&world.act(), &rotate("id-token", true)).await.unwrap();
    recorder.fetch(&world).await;
    assert!(!recorder.now.contains(&signer));
    let next = recorder.verify(&id_token(&world, &rp).await, &rp).unwrap();
    assert_ne!(next, signer);
    assert!(recorder.seen[&next] <= NOW.unix(), "it was the spare from the start");
}

/// After the keys for credentials and requests were rotated, holders can still log in.
#[tokio::test]
async fn credentials_from_before_a_rotation_still_log_in() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    for purpose in ["credential", "request-object"] {
        world.broker.rotate_key(&world.act(), &rotate(purpose, false)).await.unwrap();
    }
    for _ in 0..4 {
        world.clock.advance(200);
        world.broker.sweep_keys().await.unwrap();
        wallet.now = world.broker.site().clock().now();
        Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    }
    let kids: BTreeSet<String> = world
        .broker
        .list_keys(false)
        .await
        .unwrap()
        .into_iter()
        .filter(|key| key.purpose == "credential" && key.organization.as_deref() == Some(TENANT))
        .map(|key| format!("{} {}", key.state, key.kid))
        .collect();
    assert_eq!(kids.len(), 3, "one retiring, one active, one spare: {kids:?}");
    let mut renewed = sekisho_tests::Wallet::new(world.broker.site().clock().now());
    renewed.accept(&world.offer(TENANT, "affiliation", affiliation()).await.uri, None).await;
    Browser::new().log_in(&renewed, &rp.plain_request(), &rp).await;
}

sekisho_store::table!(/// The status lists, from which a test takes away what an earlier version did not
    /// write.
    StatusLists = "status_lists_1": (String, u64) => Value);

/// The header of a credential or of a status list.
fn header(token: &str) -> sekisho_jose::Header {
    let token = token.split('~').next().unwrap();
    UnverifiedJwt::<Claims>::parse(token).unwrap().header().clone()
}

fn list_of(credential: &str) -> (String, u64) {
    let open = SdJwt::parse(credential).unwrap().claims();
    let reference = &open["status"]["status_list"];
    (reference["uri"].as_str().unwrap().to_owned(), reference["idx"].as_u64().unwrap())
}

async fn token_at(uri: &str) -> String {
    http().get(uri).send().await.unwrap().text().await.unwrap()
}

/// Reads the status of a credential as wallets do that know no key but the credential's own.
async fn status_by_own_key(credential: &str) -> Option<u8> {
    let (uri, index) = list_of(credential);
    let token = token_at(&uri).await;
    let leaf = sekisho_jose::x5c::dangerous_leaf(&header(credential).x5c[0]).unwrap();
    let want = Expected {
        typ: &["statuslist+jwt"],
        algorithms: &[sekisho_jose::Algorithm::Es256],
        allow_missing_typ: false,
    };
    let claims = UnverifiedJwt::<Claims>::parse(&token).unwrap().verify(&leaf.key, &want).ok()?;
    let list = StatusList::from_value(&claims.claims()["status_list"], 1 << 24).unwrap();
    Some(list.status(index).unwrap().value())
}

/// Rotates the tenant's credential key, waits until the spare signs, and gives a new member's wallet.
async fn next_key(world: &World) -> Wallet {
    world.clock.advance(KEY_DOCUMENTS + 60);
    world.broker.rotate_key(&world.act(), &rotate("credential", false)).await.unwrap();
    world.broker.sweep_keys().await.unwrap();
    world.member().await
}

async fn credential_keys(world: &World) -> Vec<KeyRow> {
    let keys = world.broker.list_keys(true).await.unwrap();
    let is_own = |key: &KeyRow| key.organization.as_deref() == Some(TENANT);
    keys.into_iter().filter(is_own).collect()
}

fn state_of<'k>(keys: &'k [KeyRow], credential: &str) -> &'k KeyRow {
    let kid = header(credential).kid.unwrap();
    keys.iter().find(|key| key.kid == kid).unwrap()
}

/// DISC-18, TSL-3: the key of a credential signs its status list, also after two rotations, and each
/// key has lists of its own. The list's header names the key with its `kid`, once outside and once in
/// `jwk`, which is the public key and nothing else.
#[tokio::test]
async fn word_10_the_key_of_a_credential_signs_its_status_list() {
    let world = World::start().await;
    let rp = world.rp().await;
    let first = world.member().await;
    let second = next_key(&world).await;
    let third = next_key(&world).await;
    let held = [&first.held[0], &second.held[0], &third.held[0]];
    let kids: BTreeSet<_> = held.iter().map(|credential| header(credential).kid.unwrap()).collect();
    assert_eq!(kids.len(), 3, "the key was rotated twice");
    let lists: BTreeSet<_> = held.iter().map(|credential| list_of(credential).0).collect();
    assert_eq!(lists.len(), 3, "each key has lists of its own");
    for (number, credential) in held.into_iter().enumerate() {
        assert_eq!(status_by_own_key(credential).await, Some(0), "credential {number}");
        let token = token_at(&list_of(credential).0).await;
        let (list, own) = (header(&token), header(credential));
        assert_eq!((&list.kid, &list.x5c), (&own.kid, &own.x5c));
        let jwk = list.jwk.unwrap();
        assert_eq!(jwk.kid(), own.kid.as_deref());
        let raw: Value =
            serde_json::from_slice(&b64u::decode(token.split('.').next().unwrap()).unwrap())
                .unwrap();
        let members: Vec<&String> = raw["jwk"].as_object().unwrap().keys().collect();
        let known = |name: &&String| ["kty", "crv", "x", "y", "kid"].contains(&name.as_str());
        assert!(members.iter().all(known) && members.len() == 5, "{members:?}");
    }
    for mut wallet in [first.clone(), second.clone(), third.clone()] {
        wallet.now = world.broker.site().clock().now();
        Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    }
    let (keys, act) = (credential_keys(&world).await, world.act());
    for (credential, state) in [(&first, "retiring"), (&second, "retiring"), (&third, "active")] {
        let key = state_of(&keys, &credential.held[0]);
        assert_eq!((key.state.as_str(), key.signs_only_lists), (state, state == "retiring"));
    }
    for row in world.credentials().await {
        let why = ChangeStatus { reason: None };
        world.broker.revoke_credential(&act, &row.id, &why).await.map(drop).unwrap();
    }
    for wallet in [&first, &second, &third] {
        assert_eq!(
            status_by_own_key(&wallet.held[0]).await,
            Some(1),
            "a revocation is seen by all"
        );
    }
}

/// DISC-17: a retiring credential key ends with the last credential that it signed. Then the active key
/// signs its lists.
#[tokio::test]
async fn word_10_a_retiring_key_ends_with_its_last_credential() {
    let world = World::start().await;
    let first = world.member().await;
    let second = next_key(&world).await;
    let ends = SdJwt::parse(&first.held[0]).unwrap().claims()["exp"].as_i64().unwrap();
    let keys = credential_keys(&world).await;
    let until = state_of(&keys, &first.held[0]).until.unwrap().unix();
    assert_eq!(until, ends + 60, "with the allowed difference of clocks");
    world.clock.advance(ends - world.broker.site().clock().now().unix());
    world.broker.sweep_keys().await.unwrap();
    assert_eq!(status_by_own_key(&first.held[0]).await, Some(0), "as long as the credential lasts");
    world.clock.advance(60);
    world.broker.sweep_keys().await.unwrap();
    let keys = credential_keys(&world).await;
    let key = state_of(&keys, &first.held[0]);
    assert_eq!((key.state.as_str(), key.signs_only_lists), ("retired", false));
    assert_eq!(status_by_own_key(&first.held[0]).await, None);
    let token = token_at(&list_of(&first.held[0]).0).await;
    assert_eq!(header(&token).kid, header(&second.held[0]).kid, "another key signs it");
}

/// DISC-17: after a compromise the key that follows signs the lists of the compromised one, active or
/// retiring, and nothing is signed by that one any more.
#[tokio::test]
async fn word_10_after_a_compromise_another_key_signs_the_lists() {
    let world = World::start().await;
    let first = world.member().await;
    world.clock.advance(KEY_DOCUMENTS + 60);
    world.broker.rotate_key(&world.act(), &rotate("credential", true)).await.unwrap();
    let second = world.member().await;
    assert_eq!(status_by_own_key(&first.held[0]).await, None);
    assert_eq!(status_by_own_key(&second.held[0]).await, Some(0));
    let (uri, index) = list_of(&first.held[0]);
    let token = token_at(&uri).await;
    assert_eq!(header(&token).kid, header(&second.held[0]).kid);
    assert_ne!(list_of(&second.held[0]).0, uri, "and its lists get no more credentials");
    // Whoever follows the certificate still reads it.
    let (trust, issuer) = (world.broker.registry().trust(), world.issuer(TENANT));
    let authority = &world.broker.site().type_authority();
    let check = CheckToken {
        uri: &uri,
        now: world.broker.site().clock().now(),
        issuer: &issuer,
        trust: &trust.list,
        vct: &sekisho_profile::types::vct(authority, "affiliation"),
        not_older_than: None,
    };
    assert_eq!(verify_token(&token, &check).unwrap().status(index).unwrap().value(), 0);
    assert_eq!(state_of(&credential_keys(&world).await, &first.held[0]).state, "compromised");
}

/// A list of an earlier version, which belonged to no key, is given to the credential key that is
/// active at the next start. It is signed by that key from then on, and so it stays when the key
/// rotates.
#[tokio::test]
async fn word_10_a_list_of_before_is_given_to_the_active_key() {
    let world = World::start().await;
    let rp = world.rp().await;
    let first = world.member().await;
    let store = world.broker.site().store();
    let at = |number: u64| (TENANT.to_owned(), number);
    for number in 0..4 {
        let mut row = store.get::<StatusLists>(&at(number)).await.unwrap().unwrap();
        let members = row.as_object_mut().unwrap();
        assert!(members.remove("kid").is_some() && members.remove("ends").is_some());
        store.transact(|tx| tx.put::<StatusLists>(&at(number), &row)).await.unwrap();
    }
    drop(world.open_again().await);
    assert_eq!(status_by_own_key(&first.held[0]).await, Some(0));
    let second = next_key(&world).await;
    assert_eq!(status_by_own_key(&first.held[0]).await, Some(0));
    assert_eq!(status_by_own_key(&second.held[0]).await, Some(0));
    let keys = credential_keys(&world).await;
    let until = state_of(&keys, &first.held[0]).until.unwrap();
    let longest = sekisho_profile::lifetimes::CREDENTIAL + 60;
    assert_eq!(until.since(world.broker.site().clock().now()), longest, "its end is not known");
    let mut wallet = first.clone();
    wallet.now = world.broker.site().clock().now();
    Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
}

/// A plan says that the credential key that leaves goes on signing its lists.
#[tokio::test]
async fn word_10_the_plan_of_a_rotation_speaks_of_the_lists() {
    let world = World::start().await;
    let rehearse = By::operator(0, true);
    for (purpose, keeps) in [("credential", true), ("request-object", false)] {
        let plan = world.broker.rotate_key(&rehearse, &rotate(purpose, false)).await.unwrap();
        let retires = |step: &&PlanStep| step.step == PlanAct::Retire;
        let retire = plan.result.steps.iter().find(retires).unwrap();
        assert_eq!(retire.signs_lists, keeps, "{purpose}");
    }
    let lists = RotateKey { purpose: "status-list".to_owned(), ..rotate("credential", false) };
    assert!(
        world.broker.rotate_key(&world.act(), &lists).await.is_err(),
        "no key is only for lists"
    );
}
