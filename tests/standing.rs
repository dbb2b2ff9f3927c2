//! What was given stands on trust, on keys, on the client's registration and on the gate's rules.
//! When one of them is taken away, everything that was given before is dead, at every step; when a
//! status merely cannot be read, everything is refused and nothing ends.

use sekisho_ambient::HandleKey;
use sekisho_broker::admin::{AddClient, AddTrust, RotateKey};
use sekisho_broker::config::Config;
use sekisho_profile::lifetimes::KEY_DOCUMENTS;
use sekisho_tests::given::{Given, SCOPE, STEPS, introspect, refresh, request};
use sekisho_tests::{
    Browser, Elsewhere, OPERATOR, Rp, TENANT, Wallet, World, affiliation, error_of, parameter,
};
use serde_json::{Value, json};

use crate::foreign;

/// A gate that needs no training.
fn open_gate(config: &mut Config) {
    config.gates[0].training = None;
}

async fn audit(world: &World, action: &str) -> Vec<Value> {
    let records = world.broker.audit_tail(None, 1000).await.unwrap();
    let entries = records.into_iter().map(|record| serde_json::to_value(record.entry).unwrap());
    entries.filter(|entry| entry["action"] == action).collect()
}

/// The control: as long as nothing is taken away, every step is possible.
#[tokio::test]
async fn word_01_what_was_given_is_good_while_it_stands() {
    let mut world = World::with(open_gate).await;
    let (rp, wallet) = (world.rp().await, world.member().await);
    let mut given = Given::by(&world, &rp, &wallet).await;
    world.restart(|_| {}).await;
    assert_eq!(given.good().await, STEPS);
    let mut given = Given::by(&world, &rp, &wallet).await;
    let act = world.act();
    world.broker.rotate_key(&act, &rotation("credential", false)).await.unwrap();
    // Trust that is said again as it was, or said of somebody else, takes nothing away.
    world.trust(TENANT, &["affiliation", "organization"]).await;
    world.broker.remove_trust(&act, &world.issuer(OPERATOR)).await.unwrap();
    assert_eq!(given.good().await, STEPS);
}

fn trust(types: &[&str], organizations: &[&str], anchors_pem: Option<String>) -> AddTrust {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    AddTrust {
        issuer: foreign::ISSUER.to_owned(),
        types: owned(types),
        organizations: owned(organizations),
        anchors_pem,
    }
}

/// A root certificate that has nothing to do with the issuer.
fn another_root() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}

/// When an issuer is trusted no longer, or for less, what stands on its credentials is dead at
/// every step.
#[tokio::test]
async fn word_01_trust_that_is_taken_away_counts_at_every_step() {
    let root = || Some(foreign::fixture("root.pem"));
    for (change, less) in [
        ("removed", None),
        ("fewer types", Some(trust(&["organization"], &[TENANT], root()))),
        ("fewer organizations", Some(trust(&["affiliation"], &[OPERATOR], root()))),
        ("another root", Some(trust(&["affiliation"], &[TENANT], Some(another_root())))),
    ] {
        let world = foreign::world_with(open_gate).await;
        let rp = world.rp().await;
        let wallet = foreign::wallet(&world, None);
        let mut given = Given::by(&world, &rp, &wallet).await;
        let act = world.act();
        match less {
            None => {
                world.broker.remove_trust(&act, foreign::ISSUER).await.map(drop).unwrap();
            }
            Some(less) => {
                world.broker.add_trust(&act, &less).await.map(drop).unwrap();
            }
        }
        assert_eq!(given.good().await, [""; 0], "{change}");
        let ended = audit(&world, "grant.end").await;
        assert!(ended.iter().all(|entry| entry["reason"] == "C-2005"), "{ended:?}");
        assert_eq!(ended.len(), 6, "one for each grant: {ended:?}");
        assert_eq!(audit(&world, "session.end").await.last().unwrap()["reason"], "C-2005");

        // Trust that comes back makes new logins possible. What has ended stays ended.
        let again = trust(&["affiliation"], &[TENANT], root());
        world.broker.add_trust(&act, &again).await.unwrap();
        assert_eq!(refresh(&rp, given.refresh_token(3)).await.0, 400, "{change}");
        Browser::new().log_in(&wallet, &request(&rp, &[]), &rp).await;
    }
}

/// The same for one of our own organizations.
#[tokio::test]
async fn word_01_our_own_issuers_need_trust_too() {
    let world = World::with(open_gate).await;
    let (rp, wallet) = (world.rp().await, world.member().await);
    let mut given = Given::by(&world, &rp, &wallet).await;
    world.broker.remove_trust(&world.act(), &world.issuer(TENANT)).await.unwrap();
    assert_eq!(given.good().await, [""; 0]);
    assert_eq!(audit(&world, "grant.end").await[0]["reason"], "C-2005");
}

fn rotation(purpose: &str, compromised: bool) -> RotateKey {
    RotateKey {
        resource: None,
        purpose: purpose.to_owned(),
        organization: Some(TENANT.to_owned()),
        algorithm: None,
        compromised,
    }
}

/// When the key of an organization is compromised, the credentials that it signed log nobody in,
/// and what stands on them is dead. Credentials under the new key are good.
#[tokio::test]
async fn word_01_a_compromised_key_takes_its_credentials_along() {
    let world = World::with(open_gate).await;
    let rp = world.rp().await;
    // The spare has to be published for a while before it may sign.
    world.clock.advance(2 * KEY_DOCUMENTS);
    let mut wallet = world.trained_member().await;
    let mut given = Given::by(&world, &rp, &wallet).await;
    world.broker.rotate_key(&world.act(), &rotation("credential", true)).await.unwrap();
    assert_eq!(given.good().await, [""; 0]);
    let ended = audit(&world, "grant.end").await;
    assert!(ended.iter().all(|entry| entry["reason"] == "C-2014"), "{ended:?}");

    let page = Browser::new().begin(&request(&rp, &[]).url, &rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2014"));

    let old = wallet.held.remove(0);
    let offer = world.offer(TENANT, "affiliation", affiliation()).await;
    wallet.accept(&offer.uri, None).await;
    // The training is signed by another organization, whose key is as good as before.
    let mut given = Given::by(&world, &rp, &wallet).await;
    assert_eq!(given.good().await, STEPS);
    let both = Wallet { held: vec![old], ..wallet };
    let page = Browser::new().begin(&request(&rp, &[]).url, &rp).await;
    assert_eq!(both.present(&page.link("wallet-open")).await.code(), "C-2014");
}

async fn register(world: &World, id: &str, scopes: &str) -> Rp {
    let own = |add: &mut AddClient| {
        add.client_id = Some(id.to_owned());
        add.scopes = scopes.split(' ').map(str::to_owned).collect();
    };
    world.rp_with(own).await
}

/// A client that is removed takes everything along. A later client of the same id, with the same
/// scopes or fewer, gets nothing of it, also after a restart.
#[tokio::test]
async fn word_01_a_client_takes_along_what_it_was_given() {
    for (scopes, restarts) in [(SCOPE, false), (SCOPE, true), ("openid offline_access", false)] {
        let mut world = World::with(open_gate).await;
        let wallet = world.member().await;
        let rp = register(&world, "portal", SCOPE).await;
        let mut given = Given::by(&world, &rp, &wallet).await;
        let mut late = Given::by(&world, &rp, &wallet).await;
        let act = world.act();
        world.broker.remove_client(&act, "portal").await.unwrap();
        assert_eq!(given.good().await, [""; 0], "while it is removed");
        if restarts {
            world.restart(|_| {}).await;
        }
        let again = register(&world, "portal", scopes).await;
        given.rp = again.clone();
        assert_eq!(given.good().await, [""; 0], "{scopes} {restarts}");
        if scopes == SCOPE {
            let silent = request(&again, &[("prompt", "none")]);
            let location = given.browser.get(&silent.url).await.location.unwrap();
            assert_eq!(parameter(&location, "error").as_deref(), Some("consent_required"));
            assert_eq!(Given::by(&world, &again, &wallet).await.good().await, STEPS);
            // Consent to the new one does not complete a login that the old one began.
            late.rp = again.clone();
            assert_eq!(late.good().await, ["session"], "{restarts}: the person's own");
        }
        // Nothing comes back with a third registration either.
        world.broker.remove_client(&act, "portal").await.unwrap();
        given.rp = register(&world, "portal", SCOPE).await;
        assert_eq!(given.good().await, [""; 0]);
    }
}

sekisho_store::table!(/// Clients, grants and sessions, which a test makes as old versions did.
    Clients = "clients_1": String => Value);
sekisho_store::table!(/// See above.
    Grants = "grants_1": HandleKey => Value);
sekisho_store::table!(/// See above.
    Sessions = "sessions_1": HandleKey => Value);

/// Takes away what rows did not have before trust, keys, registrations and gates were asked for.
async fn make_old(world: &World) {
    let store = world.broker.site().store();
    let clients = store.scan::<Clients>(std::ops::Bound::Unbounded, 100).await.unwrap();
    let grants = store.scan::<Grants>(std::ops::Bound::Unbounded, 100).await.unwrap();
    let sessions = store.scan::<Sessions>(std::ops::Bound::Unbounded, 100).await.unwrap();
    let without = |value: &mut Value, names: &[&str]| {
        let Some(members) = value.as_object_mut() else { return };
        members.retain(|name, _| !names.contains(&name.as_str()));
    };
    let old_evidence = |row: &mut Value| {
        for relied in row["evidence"]["relied"].as_array_mut().unwrap() {
            without(relied, &["organization", "signed"]);
        }
    };
    store
        .transact(|tx| {
            for (key, row) in &clients {
                let mut row = row.clone();
                without(&mut row, &["generation"]);
                tx.put::<Clients>(key, &row)?;
            }
            for (key, row) in &grants {
                let mut row = row.clone();
                without(&mut row, &["generation", "issued"]);
                without(&mut row["granted"], &["request", "rules"]);
                old_evidence(&mut row);
                tx.put::<Grants>(key, &row)?;
            }
            for (key, row) in &sessions {
                let mut row = row.clone();
                old_evidence(&mut row);
                tx.put::<Sessions>(key, &row)?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// What was given before the upgrade stays good, and ends for the same reasons.
#[tokio::test]
async fn word_01_what_was_given_before_the_upgrade_ends_likewise() {
    let kept = &STEPS[..6];
    for change in ["nothing", "trust", "key", "client", "gate"] {
        let mut world = World::with(open_gate).await;
        let rp = register(&world, "portal", SCOPE).await;
        world.clock.advance(2 * KEY_DOCUMENTS);
        let mut given = Given::by(&world, &rp, &world.member().await).await;
        make_old(&world).await;
        let act = world.act();
        match change {
            "trust" => {
                world.broker.remove_trust(&act, &world.issuer(TENANT)).await.map(drop).unwrap();
            }
            "key" => {
                let rotate = rotation("credential", true);
                world.broker.rotate_key(&act, &rotate).await.map(drop).unwrap();
            }
            "client" => {
                world.broker.remove_client(&act, "portal").await.unwrap();
                given.rp = register(&world, "portal", SCOPE).await;
            }
            "gate" => world.restart(|config| config.gates[0].max_gpus = 1).await,
            _ => {}
        }
        let mut good = given.good().await;
        good.retain(|step| kept.contains(step));
        assert_eq!(good, if change == "nothing" { kept } else { &[] }, "{change}");
    }
}

/// A gate whose rules no longer permit what was granted ends it at every step.
#[tokio::test]
async fn word_01_a_tightened_gate_counts_at_every_step() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 4] = [
        ("P-3501", |config| config.gates[0].max_gpus = 1),
        ("P-3201", |config| {
            let rule = json!({"achievements": ["ai-safety-basic"], "min_level": 1});
            config.gates[0].training = Some(serde_json::from_value(rule).unwrap());
        }),
        ("P-3111", |config| {
            config.gates[0].allowed_affiliation_types =
                serde_json::from_value(json!(["faculty"])).unwrap();
        }),
        ("R-4003", |config| config.gates.clear()),
    ];
    for (code, change) in changes {
        let mut world = World::with(open_gate).await;
        let (rp, wallet) = (world.rp().await, world.member().await);
        let mut given = Given::by(&world, &rp, &wallet).await;
        let plain = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
        world.restart(change).await;
        // The page still shows what was asked; the answer to it is what counts.
        assert_eq!(given.good().await, ["consent page"; 1], "{code}");
        let ended = audit(&world, "grant.end").await;
        assert_eq!(ended.len(), 6, "{ended:?}");
        for entry in &ended {
            assert_eq!(
                (&entry["reason"], &entry["details"]["gate"]),
                (&json!(code), &json!("console"))
            );
        }
        let (status, body) = refresh(&rp, given.refresh_token(3)).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_grant"));
        // A login without GPUs does not stand on the gate.
        assert_eq!(rp.userinfo(&plain.access_token).await.0, 200, "{code}");
    }
}

/// What is told of a permit at each place: GPU-hours, run, and end.
async fn told(rp: &Rp, given: &Given) -> Vec<Value> {
    let mut told = vec![
        rp.userinfo(given.access(0)).await.1["authorization_details"][0].clone(),
        introspect(rp, given.access(1)).await["authorization_details"][0].clone(),
        introspect(rp, given.refresh_token(2)).await["authorization_details"][0].clone(),
    ];
    for at in [3, 4] {
        let (status, body) = refresh(rp, given.refresh_token(at)).await;
        assert_eq!(status, 200, "{body}");
        told.push(body["authorization_details"][0].clone());
        let access = body["access_token"].as_str().unwrap();
        told.push(rp.userinfo(access).await.1["authorization_details"][0].clone());
    }
    let (status, body) = rp.redeem(&given.code.0, &given.code.1).await;
    assert_eq!(status, 200, "{body}");
    told.push(body["authorization_details"][0].clone());
    told
}

/// A gate that permits less than before leaves as much as it permits now. One that permits more
/// adds nothing, and another gate's rules do not matter.
#[tokio::test]
async fn word_01_a_permit_only_becomes_smaller() {
    let mut world = World::with(open_gate).await;
    let (rp, wallet) = (world.rp().await, world.member().await);
    let given = Given::by(&world, &rp, &wallet).await;
    let granted = given.tokens[0].body["authorization_details"][0].clone();
    assert_eq!((&granted["gpus"], &granted["gpu_hours"]), (&json!(16), &json!(384)));
    world
        .restart(|config| {
            let gate = &mut config.gates[0];
            (gate.max_gpus, gate.max_gpu_hours, gate.permit_hours) = (64, 4096, 48);
        })
        .await;
    for details in told(&rp, &given).await {
        assert_eq!(details, granted, "a loosened gate");
    }

    let given = Given::by(&world, &rp, &wallet).await;
    let hour = world.broker.site().clock().now().plus(3600);
    world.clock.advance(30);
    world
        .restart(|config| {
            let gate = &mut config.gates[0];
            (gate.max_gpu_hours, gate.max_walltime_h, gate.permit_hours) = (100, Some(8), 1);
        })
        .await;
    for details in told(&rp, &given).await {
        let figures = ["gpus", "gpu_hours", "walltime_h"].map(|name| details[name].clone());
        assert_eq!(figures, [json!(16), json!(16), json!(1)]);
        assert_eq!(details["expires"], hour.to_rfc3339(), "an hour after it was granted");
    }

    let mut given = Given::by(&world, &rp, &wallet).await;
    world
        .restart(|config| {
            let mut service = config.services[0].clone();
            "other".clone_into(&mut service.id);
            config.services.push(service);
            let mut gate = config.gates[0].clone();
            "other".clone_into(&mut gate.id);
            "other".clone_into(&mut gate.service);
            gate.max_gpus = 1;
            config.gates.push(gate);
        })
        .await;
    assert_eq!(given.good().await, STEPS, "another gate");
}

/// A status that cannot be read now refuses every step and ends nothing.
#[tokio::test]
async fn word_01_a_status_that_cannot_be_read_ends_nothing() {
    let elsewhere = Elsewhere::start().await;
    let world = foreign::world_with(|config| {
        open_gate(config);
        elsewhere.allow(config);
    })
    .await;
    let rp = world.rp().await;
    let uri = format!("{}/list", elsewhere.url);
    let wallet = foreign::wallet(&world, Some(&uri));
    elsewhere.answers(200, foreign::list_for(&world, &uri, 0, 0, 1));
    let mut given = Given::by(&world, &rp, &wallet).await;
    world.clock.advance(2);
    elsewhere.answers(503, "");
    assert_eq!(given.good().await, [""; 0]);
    let (status, body) = refresh(&rp, given.refresh_token(3)).await;
    assert_eq!((status, error_of(&body).as_str()), (503, "temporarily_unavailable"));
    let page = given.browser.get(&request(&rp, &[]).url).await;
    assert_eq!(page.code().as_deref(), Some("C-2008"));
    assert!(audit(&world, "grant.end").await.is_empty());
    let replaced = json!("replaced by another login");
    let ended = audit(&world, "session.end").await;
    assert!(ended.iter().all(|entry| entry["reason"] == replaced), "{ended:?}");

    elsewhere.answers(200, foreign::list_for(&world, &uri, 0, 0, 300));
    assert_eq!(given.good().await, STEPS, "it can be read again");
}
