//! What was seen binds: a later, larger thing never rides on an earlier consent, offer or figure.

use sekisho_broker::admin::{ChangeStatus, CredentialRow};
use sekisho_openid4vci::offer::CredentialOffer;
use sekisho_profile::Status;
use sekisho_tests::{
    Browser, NOW, OPERATOR, Page, Rp, TENANT, Wallet, World, affiliation, error_of, parameter,
    training,
};
use serde_json::{Value, json};

const SCOPE: &str = "openid profile training gpu_access";

/// A broker whose gate offers partitions and models.
async fn world() -> World {
    World::with(|config| {
        let gate = &mut config.gates[0];
        gate.partitions = vec!["small".to_owned(), "large".to_owned()];
        gate.gpu_models = vec!["a100".to_owned(), "h100".to_owned()];
    })
    .await
}

fn details(changes: &Value) -> Value {
    let mut details = json!({"type": "gpu_access", "service": "console", "actions": ["submit"]});
    details.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    details
}

/// How a request with these parameters is answered without a page: `code`, or the error.
async fn silently(browser: &mut Browser, rp: &Rp, scope: &str, more: &[(&str, &str)]) -> String {
    let more = [more, &[("prompt", "none")]].concat();
    let location = browser.get(&rp.request(scope, &more).url).await.location.unwrap();
    parameter(&location, "error").unwrap_or_else(|| {
        assert!(parameter(&location, "code").is_some(), "{location}");
        "code".to_owned()
    })
}

/// Logs in with these details and agrees.
async fn agree_to(browser: &mut Browser, world: &World, rp: &Rp, changes: &Value) -> Page {
    let wallet = world.trained_member().await;
    let asked = json!([details(changes)]).to_string();
    let expected = rp.request(SCOPE, &[("authorization_details", &asked)]);
    let page = browser.show(&wallet, &expected.url, rp).await;
    browser.agree(&page).await;
    page
}

/// Consent covers what it showed: more in any dimension is asked about again, less or the same is
/// not.
#[tokio::test]
async fn word_02_more_than_was_agreed_to_is_asked_about_again() {
    let world = world().await;
    let rp = world.rp().await;
    let mut browser = Browser::new();
    let base = json!({
        "actions": ["submit", "infer"], "gpus": 2, "gpu_hours": 16, "walltime_h": 8,
        "partition": "small", "gpu_model": "a100",
    });
    let page = agree_to(&mut browser, &world, &rp, &base).await;
    for shown in ["ジョブの投入、モデルの利用", "small", "a100"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let changed = |name: &str, value: Value| {
        let mut changed = base.clone();
        match value {
            Value::Null => drop(changed.as_object_mut().unwrap().remove(name)),
            value => changed[name] = value,
        }
        changed
    };
    for (name, value, answer) in [
        ("gpus", json!(2), "code"),
        ("gpus", json!(1), "code"),
        ("gpus", json!(3), "consent_required"),
        ("gpus", json!(16), "consent_required"),
        ("gpu_hours", json!(1), "code"),
        ("gpu_hours", json!(17), "consent_required"),
        ("gpu_hours", Value::Null, "code"),
        ("walltime_h", json!(7), "code"),
        ("walltime_h", json!(9), "consent_required"),
        ("actions", json!(["infer", "submit"]), "code"),
        ("actions", json!(["infer"]), "code"),
        ("actions", json!(["ssh"]), "consent_required"),
        ("actions", json!(["submit", "infer", "allocate", "ssh"]), "consent_required"),
        ("partition", json!("large"), "consent_required"),
        ("partition", Value::Null, "consent_required"),
        ("gpu_model", json!("h100"), "consent_required"),
        ("gpu_model", Value::Null, "consent_required"),
    ] {
        let asked = json!([details(&changed(name, value.clone()))]).to_string();
        let more = [("authorization_details", asked.as_str())];
        let found = silently(&mut browser, &rp, SCOPE, &more).await;
        assert_eq!(found, answer, "{name} {value}");
    }
    // With a page allowed, the larger request is shown, and after consent it is remembered too.
    let asked = json!([details(&changed("gpus", json!(4)))]).to_string();
    let more = [("authorization_details", asked.as_str())];
    let begun = browser.get(&rp.request(SCOPE, &more).url).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    let denied = browser.decide(&page, "deny", &[]).await.location.unwrap();
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(silently(&mut browser, &rp, SCOPE, &more).await, "consent_required");
    let begun = browser.get(&rp.request(SCOPE, &more).url).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    browser.agree(&page).await;
    assert_eq!(silently(&mut browser, &rp, SCOPE, &more).await, "code");
}

/// Consent to scopes is no consent to details, consent to a plain `gpu_access` is consent to the
/// smallest access alone, and a claim that is named asks again.
#[tokio::test]
async fn word_02_scopes_agree_to_no_details() {
    let world = world().await;
    let rp = world.rp().await;
    let mut browser = Browser::new();
    let small = json!({"gpus": 1, "gpu_hours": 1, "actions": ["allocate"]});
    let large = json!({
        "gpus": 16, "gpu_hours": 384, "walltime_h": 24,
        "actions": ["allocate", "ssh", "submit", "infer"],
    });
    agree_to(&mut browser, &world, &rp, &large).await;
    let of = |changes: &Value| json!([details(changes)]).to_string();
    let (small, large) = (of(&small), of(&large));
    let small = [("authorization_details", small.as_str())];
    let large = [("authorization_details", large.as_str())];
    assert_eq!(silently(&mut browser, &rp, SCOPE, &large).await, "code");
    let mut again = async |scope: &str| {
        let begun = browser.get(&rp.request(scope, &[("prompt", "consent")]).url).await;
        let page = browser.follow(begun, &rp.redirect_uri).await;
        browser.agree(&page).await;
    };
    again("openid profile training").await;
    for more in [&small, &large] {
        for scope in ["openid profile training", "openid"] {
            assert_eq!(silently(&mut browser, &rp, scope, more).await, "consent_required");
        }
    }
    assert_eq!(silently(&mut browser, &rp, SCOPE, &[]).await, "consent_required");
    let mut again = async |scope: &str| {
        let begun = browser.get(&rp.request(scope, &[("prompt", "consent")]).url).await;
        let page = browser.follow(begun, &rp.redirect_uri).await;
        browser.agree(&page).await;
    };
    again(SCOPE).await;
    assert_eq!(silently(&mut browser, &rp, SCOPE, &[]).await, "code");
    assert_eq!(silently(&mut browser, &rp, SCOPE, &small).await, "code");
    assert_eq!(silently(&mut browser, &rp, SCOPE, &large).await, "consent_required");
    let claims = json!({"userinfo": {"name#ja-Kana-JP": null, "email": null}}).to_string();
    let named = silently(&mut browser, &rp, SCOPE, &[("claims", &claims)]).await;
    assert!(["consent_required", "login_required"].contains(&named.as_str()), "{named}");
}

/// What the page showed is what is given, even if the rules permit more when the person agrees; and
/// if they permit less, what they permit.
#[tokio::test]
async fn word_02_nothing_is_given_that_was_not_shown() {
    let mut world = World::with(|config| config.gates[0].max_walltime_h = Some(4)).await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let asked = json!([details(&json!({"gpus": 2}))]).to_string();
    let more = [("authorization_details", asked.as_str())];
    for (limit, granted, later) in [(24, (8, 4), "consent_required"), (2, (4, 2), "code")] {
        let mut browser = Browser::new();
        let expected = rp.request(SCOPE, &[&more[..], &[("prompt", "consent")]].concat());
        let page = browser.show(&wallet, &expected.url, &rp).await;
        world.restart(|config| config.gates[0].max_walltime_h = Some(limit)).await;
        let location = browser.agree(&page).await;
        let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
        let found = &tokens.body["authorization_details"][0];
        assert_eq!(
            (&found["gpu_hours"], &found["walltime_h"]),
            (&json!(granted.0), &json!(granted.1))
        );
        assert_eq!(silently(&mut browser, &rp, SCOPE, &more).await, later, "{limit}");
        world.restart(|config| config.gates[0].max_walltime_h = Some(4)).await;
    }
}

/// Figures that contradict each other count by the larger, no run outlives its permit, and the
/// granted details say what was granted.
#[tokio::test]
async fn word_02_contradictory_figures_count_by_the_larger() {
    let world = world().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let mut browser = Browser::new();
    let mut ask = async |changes: &Value| {
        let asked = json!([details(changes)]).to_string();
        let more = [("authorization_details", asked.as_str()), ("prompt", "consent")];
        let expected = rp.request("openid gpu_access", &more);
        let begun = browser.get(&expected.url).await;
        let mut page = browser.follow(begun, &rp.redirect_uri).await;
        if page.location.is_none() && page.body.contains("id=\"wallet-open\"") {
            let answer = wallet.present(&page.link("wallet-open")).await;
            let back = browser.get(&answer.redirect_uri()).await;
            page = browser.follow(back, &rp.redirect_uri).await;
        }
        if let Some(location) = &page.location {
            return Err(parameter(location, "error").unwrap());
        }
        if !page.reasons().is_empty() {
            return Err(page.reasons().join(" "));
        }
        let location = browser.agree(&page).await;
        let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
        let granted = tokens.body["authorization_details"][0].clone();
        let figure = |name: &str| granted[name].as_u64().unwrap();
        Ok((figure("gpus"), figure("gpu_hours"), figure("walltime_h")))
    };
    for (asked, granted) in [
        (json!({"gpus": 16, "gpu_hours": 1, "walltime_h": 8784}), Err("P-3501")),
        (json!({"gpus": 16, "gpu_hours": 1, "walltime_h": 33}), Err("P-3501")),
        (json!({"gpus": 16, "walltime_h": 33}), Err("P-3501")),
        (json!({"gpus": 1, "gpu_hours": 513, "walltime_h": 1}), Err("P-3501")),
        (json!({"gpus": 1, "walltime_h": 25}), Err("P-3501")),
        (json!({"gpus": 1, "gpu_hours": 8784}), Err("P-3501")),
        (json!({"gpus": 16, "gpu_hours": 1, "walltime_h": 24}), Ok((16, 384, 24))),
        (json!({"gpus": 16, "gpu_hours": 512, "walltime_h": 1}), Ok((16, 512, 1))),
        (json!({"gpus": 16, "gpu_hours": 128}), Ok((16, 128, 8))),
        (json!({"gpus": 16, "gpu_hours": 1}), Ok((16, 16, 1))),
        (json!({"gpus": 1, "gpu_hours": 512}), Ok((1, 512, 24))),
        (json!({"gpus": 1, "gpu_hours": 1}), Ok((1, 1, 1))),
        (json!({"gpus": 16}), Ok((16, 384, 24))),
        (json!({"gpus": 1, "walltime_h": 1}), Ok((1, 1, 1))),
    ] {
        let expected = granted.map_err(str::to_owned);
        assert_eq!(ask(&asked).await, expected, "{asked}");
    }
    let numbers = ["0", "-1", "1.5", "1.0", "1e1", "4294967296", "1e400", "\"1\"", "null", "[1]"];
    for name in ["gpus", "gpu_hours", "walltime_h"] {
        for number in numbers {
            let mut asked = json!({"gpus": 1});
            asked[name] = serde_json::from_str(number).unwrap();
            let refused = Err("invalid_authorization_details".to_owned());
            assert_eq!(ask(&asked).await, refused, "{name} {number}");
        }
    }
    let missing = ask(&json!({"gpu_hours": 1, "walltime_h": 1})).await;
    assert_eq!(missing, Err("invalid_authorization_details".to_owned()));
}

/// Redeems a new offer of a training; returns the offer and the token.
async fn token(world: &World, wallet: &Wallet) -> (CredentialOffer, String) {
    let link = world.offer(OPERATOR, "ai-training", training()).await.uri;
    let offer = wallet.read_offer(&link).await;
    let answer = wallet.redeem_offer(&offer, None).await;
    (offer, answer.body["access_token"].as_str().unwrap().to_owned())
}

/// Asks for the credential under a new key; returns the answer's status.
async fn fetch(wallet: &mut Wallet, offer: &CredentialOffer, token: &str) -> u16 {
    wallet.change_key();
    let body = wallet.honest_request(offer).await;
    let answer = wallet.request_credential(offer, token, &body).await;
    if answer.status == 200 {
        let credential = answer.body["credentials"][0]["credential"].as_str().unwrap();
        wallet.held.push(credential.to_owned());
    } else {
        assert_eq!(error_of(&answer.body), "credential_request_denied");
    }
    answer.status
}

async fn trainings(world: &World) -> Vec<CredentialRow> {
    let rows = world.credentials().await;
    rows.into_iter().filter(|row| row.type_name == "ai-training").collect()
}

fn count(rows: &[CredentialRow], status: Status) -> usize {
    rows.iter().filter(|row| row.status == status).count()
}

/// The code with which an answer of these two credentials is refused, if it is.
async fn refusal(rp: &Rp, wallet: &Wallet, held: &[&String]) -> Option<String> {
    let wallet = Wallet { held: held.iter().map(|&one| one.clone()).collect(), ..wallet.clone() };
    let page = Browser::new().begin(&rp.gpu_request(1).url, rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    (answer.status != 200).then(|| answer.code())
}

/// One token has one living set. Five requests under five keys leave one living credential, and one
/// revocation, of whichever, ends it.
#[tokio::test]
async fn word_02_one_token_has_one_living_set() {
    for named in [Status::Valid, Status::Revoked] {
        let world = World::start().await;
        let rp = world.rp().await;
        let mut wallet = world.member().await;
        let id = world.credentials().await[0].id.clone();
        let link = world
            .offer_with(OPERATOR, "ai-training", training(), |offer| offer.holder = Some(id))
            .await
            .uri;
        let offer = wallet.read_offer(&link).await;
        let token = wallet.redeem_offer(&offer, None).await;
        let token = token.body["access_token"].as_str().unwrap().to_owned();
        assert_eq!(
            wallet.redeem_offer(&offer, None).await.status,
            400,
            "an offer is redeemed once"
        );
        for asked in 1..=5 {
            // A wallet that lost the answer asks again and gets a living one.
            assert_eq!(fetch(&mut wallet, &offer, &token).await, 200);
            let rows = trainings(&world).await;
            assert_eq!((rows.len(), count(&rows, Status::Valid)), (asked, 1));
            assert_eq!(count(&rows, Status::Revoked), asked - 1);
        }
        let held = wallet.held.clone();
        for old in &held[1..5] {
            let code = refusal(&rp, &wallet, &[&held[0], old]).await;
            assert_eq!(code.as_deref(), Some("C-2001"));
        }
        assert_eq!(refusal(&rp, &wallet, &[&held[0], &held[5]]).await, None);
        let rows = trainings(&world).await;
        let revoke = ChangeStatus { reason: None };
        let id = &rows.iter().find(|row| row.status == named).unwrap().id;
        world.broker.revoke_credential(&world.act(), id, &revoke).await.unwrap();
        let rows = trainings(&world).await;
        assert_eq!(count(&rows, Status::Revoked), 5, "one revocation ends the whole set");
        let code = refusal(&rp, &wallet, &[&held[0], &held[5]]).await;
        assert_eq!(code.as_deref(), Some("C-2001"));
        let suspended = world.broker.suspend_credential(&world.act(), id, &revoke).await;
        assert!(suspended.is_err(), "a revocation is final");
    }
}

/// A suspension and its end act on the whole set, and a token gives nothing new while what it gave
/// is suspended or after it was revoked.
#[tokio::test]
async fn word_02_a_token_undoes_no_suspension_and_no_revocation() {
    let world = World::start().await;
    let mut wallet = Wallet::new(NOW);
    let why = ChangeStatus { reason: Some("device lost".to_owned()) };
    let (offer, token) = token(&world, &wallet).await;
    assert_eq!(fetch(&mut wallet, &offer, &token).await, 200);
    let first = trainings(&world).await[0].id.clone();
    assert_eq!(fetch(&mut wallet, &offer, &token).await, 200);
    let act = world.act();
    // The first one was replaced: what is told is what became of the one in its place.
    let suspended = world.broker.suspend_credential(&act, &first, &why).await.unwrap().result;
    assert_eq!((suspended.status, suspended.id == first), (Status::Suspended, false));
    assert_eq!(count(&trainings(&world).await, Status::Valid), 0);
    assert_eq!(fetch(&mut wallet, &offer, &token).await, 400);
    let resumed = world.broker.resume_credential(&act, &first, &why).await.unwrap().result;
    assert_eq!(resumed.status, Status::Valid);
    let rows = trainings(&world).await;
    assert_eq!((count(&rows, Status::Valid), count(&rows, Status::Revoked)), (1, 1));
    assert_eq!(fetch(&mut wallet, &offer, &token).await, 200);
    world.broker.revoke_credential(&act, &first, &why).await.unwrap();
    assert_eq!(fetch(&mut wallet, &offer, &token).await, 400);
    assert_eq!(count(&trainings(&world).await, Status::Valid), 0);
    assert!(world.broker.audit_verify().await.unwrap().fault.is_none());
}

/// Requests that race leave one living credential, on a store that runs every closure twice, lets
/// others go first, and serves two brokers.
#[tokio::test]
async fn word_02_requests_that_race_leave_one_living_credential() {
    for seed in 0..3 {
        let world = World::of_two(seed).await;
        let wallet = Wallet::new(NOW);
        let (offer, token) = token(&world, &wallet).await;
        let racers = (0..4).map(|_| {
            let (mut wallet, offer, token) = (wallet.clone(), offer.clone(), token.clone());
            tokio::spawn(async move { fetch(&mut wallet, &offer, &token).await })
        });
        let mut issued = 0;
        for racer in racers.collect::<Vec<_>>() {
            issued += usize::from(racer.await.unwrap() == 200);
        }
        let rows = trainings(&world).await;
        assert!(issued >= 1 && rows.len() == issued, "{issued} of {}", rows.len());
        assert_eq!(count(&rows, Status::Valid), 1, "seed {seed}");
    }
}

/// An offer of another organization or for another person is a set of its own.
#[tokio::test]
async fn word_02_sets_of_two_offers_are_apart() {
    let world = World::start().await;
    let mut wallet = Wallet::new(NOW);
    for _ in 0..2 {
        let (offer, token) = token(&world, &wallet).await;
        assert_eq!(fetch(&mut wallet, &offer, &token).await, 200);
    }
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    wallet.accept(&link, None).await;
    let rows = trainings(&world).await;
    assert_eq!(count(&rows, Status::Valid), 2);
    let revoke = ChangeStatus { reason: None };
    world.broker.revoke_credential(&world.act(), &rows[0].id, &revoke).await.unwrap();
    assert_eq!(count(&world.credentials().await, Status::Valid), 2);
}
