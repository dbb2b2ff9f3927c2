//! Key rotation: at no time does a verifier meet a signature that it cannot verify.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_broker::admin::{By, RotateKey};
use sekisho_jose::{Claims, Expected, JwkSet, UnverifiedJwt};
use sekisho_profile::lifetimes::KEY_DOCUMENTS;
use sekisho_tests::{Browser, NOW, Rp, TENANT, World, affiliation, http};
use serde_json::Value;

fn rotate(purpose: &str, compromised: bool) -> RotateKey {
    let organization = ["credential", "status-list"].contains(&purpose).then(|| TENANT.to_owned());
    RotateKey { purpose: purpose.to_owned(), organization, algorithm: None, compromised }
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

/// After the keys for credentials, lists and requests were rotated, holders can still log in.
#[tokio::test]
async fn credentials_from_before_a_rotation_still_log_in() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    for purpose in ["credential", "status-list", "request-object"] {
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
