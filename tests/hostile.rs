//! Runs the whole product on a store engine that runs every closure twice, lets other transactions
//! go first and reports conflicts. People and relying parties must notice nothing.

use std::collections::BTreeSet;

use sekisho_broker::admin::{AddClient, AddTrust, RotateKey};
use sekisho_profile::lifetimes::KEY_DOCUMENTS;
use sekisho_tests::{
    Browser, Expected, OPERATOR, Rp, TENANT, Tokens, Wallet, World, affiliation, http,
};

#[tokio::test]
async fn a_login_is_the_same_whatever_the_engine_does() {
    for seed in 0..4 {
        let world = World::hostile(seed).await;
        let rp = world.rp().await;
        let mut wallet = world.member().await;
        let mut browser = Browser::new();
        let page = browser.show(&wallet, &rp.gpu_request(8).url, &rp).await;
        assert_eq!(page.reasons(), ["P-3201"]);
        world.train(&mut wallet).await;
        let tokens = browser.log_in(&wallet, &rp.gpu_request(8), &rp).await;
        assert_eq!(tokens.body["authorization_details"][0]["gpus"], 8);
        world.revoke("affiliation").await;
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
        assert_eq!(world.credentials().await.len(), 2);
        assert_eq!(world.broker.audit_verify().await.unwrap().fault, None);
    }
}

/// OA-04, VP-02, VI-01: Of simultaneous attempts exactly one succeeds: redeeming a code or an
/// offer, using a nonce, answering a request, returning with a response code, consenting. This
/// holds at one broker and at two.
#[tokio::test(flavor = "multi_thread")]
async fn every_race_has_one_winner() {
    races(World::hostile(7).await).await;
    races(World::of_two(8).await).await;
}

/// OA-03, OA-09, OA-23, VI-02, VI-05, ST-02: one broker knows at once what the other one did: a
/// used code or assertion, an ended family of refresh tokens, tries at a transaction code, a used
/// nonce, a revocation.
#[tokio::test]
async fn two_brokers_on_one_store_are_one() {
    let world = World::of_two(11).await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let expected = rp.request("openid profile offline_access", &[("prompt", "consent")]);
    let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
    let code = rp.code(&expected, &location);
    let tokens = rp.tokens(&expected, &code).await;
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    // Ask twice, so that each of the two brokers answers once.
    for _ in 0..2 {
        assert_eq!(rp.redeem(&expected, &code).await.0, 400);
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    }

    let tokens = Browser::new().log_in(&wallet, &expected, &rp).await;
    let first = tokens.body["refresh_token"].as_str().unwrap().to_owned();
    let refresh = |token: String| {
        let rp = rp.clone();
        async move {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            rp.token_request(&form).await
        }
    };
    let mut newest = first.clone();
    for _ in 0..3 {
        let (status, body) = refresh(newest).await;
        assert_eq!(status, 200, "{body}");
        newest = body["refresh_token"].as_str().unwrap().to_owned();
    }
    for _ in 0..2 {
        assert_eq!(refresh(first.clone()).await.0, 400, "an old one ends the family");
        assert_eq!(refresh(newest.clone()).await.0, 400);
    }

    let offered =
        world.offer_with(TENANT, "affiliation", affiliation(), |o| o.tx_code = true).await;
    let offer = wallet.read_offer(&offered.uri).await;
    let right = offered.tx_code.unwrap();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(wallet.redeem_offer(&offer, Some(wrong)).await.status, 400);
    }
    for _ in 0..2 {
        assert_eq!(
            wallet.redeem_offer(&offer, Some(&right)).await.status,
            400,
            "five tries in all"
        );
    }
    let offered = world.offer(TENANT, "affiliation", affiliation()).await;
    let offer = wallet.read_offer(&offered.uri).await;
    let token = wallet.redeem_offer(&offer, None).await.body["access_token"].clone();
    let token = token.as_str().unwrap();
    let body = wallet.honest_request(&offer).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(wallet.request_credential(&offer, token, &body).await.status);
        // Send another request in between, so that the same broker does not get every try.
        http().get(format!("{}/jwks", world.origin)).send().await.unwrap();
    }
    assert_eq!(statuses, [200, 400, 400], "a nonce is good once");

    let tokens = Browser::new().log_in(&wallet, &rp.gpu_request(8), &rp).await;
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    world.revoke("ai-training").await;
    for _ in 0..2 {
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    }
}

/// When one broker changes trust, keys or clients, the other one obeys at once, although it keeps
/// copies of them in memory.
#[tokio::test]
async fn what_one_broker_changes_the_other_obeys() {
    let world = World::of_two(12).await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let mut wallet = world.member().await;
    // Wait until the spare keys have been published for long enough to sign.
    world.clock.advance(2 * KEY_DOCUMENTS);
    world.broker.sweep_keys().await.unwrap();
    wallet.now = world.broker.site().clock().now();
    let expected = rp.plain_request();
    let code = |location: &str| rp.code(&expected, location);
    let withdrawn = kid(&rp.tokens(&expected, &code(&log_in(&wallet, &expected, &rp).await)).await);
    let rotate = RotateKey {
        resource: None,
        purpose: "id-token".to_owned(),
        organization: None,
        algorithm: None,
        compromised: true,
    };
    world.broker.rotate_key(&world.act(), &rotate).await.unwrap();
    for turn in 0..4 {
        let location = log_in(&wallet, &expected, &rp).await;
        let signed_by = kid(&rp.tokens(&expected, &code(&location)).await);
        assert_ne!(signed_by, withdrawn, "turn {turn}");
        next_turn(&world, turn).await;
    }

    let location = log_in(&wallet, &other.plain_request(), &other).await;
    assert!(location.contains("code="), "{location}");
    world.broker.remove_client(&world.act(), &other.client_id).await.unwrap();
    for turn in 0..2 {
        let refused = Browser::new().get(&other.plain_request().url).await;
        assert_eq!(refused.code().as_deref(), Some("R-4001"), "turn {turn}");
    }

    world.broker.remove_trust(&world.act(), &world.issuer(TENANT)).await.unwrap();
    for turn in 0..4 {
        let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
        let answer = wallet.present(&page.link("wallet-open")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "C-2005"), "turn {turn}");
        next_turn(&world, turn).await;
    }
}

/// A broker that only reads obeys the other one at once too: when trust is taken away, for one type
/// or for one organization, when the issuer's key is compromised, and when a client is removed and
/// comes back under the same id.
#[tokio::test]
async fn word_01_what_is_only_read_obeys_the_other_broker() {
    let scope = "openid profile offline_access";
    let changes = ["types", "organizations", "trust", "key", "client"];
    for (seed, change) in (20..).zip(changes) {
        let world = World::of_two(seed).await;
        let portal = |add: &mut AddClient| add.client_id = Some("portal".to_owned());
        let rp = world.rp_with(portal).await;
        world.clock.advance(2 * KEY_DOCUMENTS);
        let wallet = world.member().await;
        let expected = rp.request(scope, &[]);
        let tokens = Browser::new().log_in(&wallet, &expected, &rp).await;
        let refresh = tokens.body["refresh_token"].as_str().unwrap();
        for _ in 0..2 {
            assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200, "{change}");
        }
        let act = world.act();
        let mut asking = rp.clone();
        let less = |types: &str, organization: &str| AddTrust {
            issuer: world.issuer(TENANT),
            types: vec![types.to_owned()],
            organizations: vec![organization.to_owned()],
            anchors_pem: None,
        };
        match change {
            "types" => {
                world.broker.add_trust(&act, &less("organization", TENANT)).await.unwrap();
            }
            "organizations" => {
                world.broker.add_trust(&act, &less("affiliation", OPERATOR)).await.unwrap();
            }
            "trust" => {
                world.broker.remove_trust(&act, &world.issuer(TENANT)).await.unwrap();
            }
            "key" => {
                let rotate = RotateKey {
                    resource: None,
                    purpose: "credential".to_owned(),
                    organization: Some(TENANT.to_owned()),
                    algorithm: None,
                    compromised: true,
                };
                world.broker.rotate_key(&act, &rotate).await.unwrap();
            }
            _ => {
                world.broker.remove_client(&act, "portal").await.unwrap();
                asking = world.rp_with(portal).await;
            }
        }
        // Ask twice, so that each of the two brokers answers once.
        for turn in 0..2 {
            assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401, "{change} {turn}");
        }
        for turn in 0..2 {
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            assert_eq!(asking.token_request(&form).await.0, 400, "{change} {turn}");
        }
    }
}

async fn log_in(wallet: &Wallet, expected: &Expected, rp: &Rp) -> String {
    Browser::new().answer_of(wallet, expected, rp).await
}

/// Sends a request in every other turn, so that the brokers swap their turns.
async fn next_turn(world: &World, turn: usize) {
    if turn % 2 == 1 {
        http().get(format!("{}/jwks", world.origin)).send().await.unwrap();
    }
}

/// The `kid` of the key that signed an ID token.
fn kid(tokens: &Tokens) -> String {
    let token = tokens.body["id_token"].as_str().unwrap();
    let jwt = sekisho_jose::UnverifiedJwt::<sekisho_jose::Claims>::parse(token).unwrap();
    jwt.header().kid.clone().unwrap()
}

async fn races(world: World) {
    let rp = world.rp().await;
    let wallet = std::sync::Arc::new(world.member().await);
    let mut browser = Browser::new();
    let expected = rp.plain_request();
    let page = browser.begin(&expected.url, &rp).await;

    let request = std::sync::Arc::new(wallet.open(&page.link("wallet-open")).await);
    let vp_token = wallet.presentations(&request);
    let answers = race(16, || {
        let (wallet, request, vp_token) = (wallet.clone(), request.clone(), vp_token.clone());
        async move {
            let answer = wallet.send(&request, &vp_token).await;
            (answer.status == 200).then(|| answer.redirect_uri())
        }
    })
    .await;
    // All sent the same, so all got the same.
    assert_eq!((answers.len(), answers.iter().collect::<BTreeSet<_>>().len()), (16, 1));
    let back = &answers[0];

    let login = rp.plain_request();
    let page = Browser::new().begin(&login.url, &rp).await;
    let request = std::sync::Arc::new(wallet.open(&page.link("wallet-open")).await);
    let others = race(16, || {
        let (wallet, request) = (wallet.clone(), request.clone());
        async move {
            let answer = wallet.send(&request, &wallet.presentations(&request)).await;
            (answer.status == 200).then(|| answer.redirect_uri())
        }
    })
    .await;
    assert_eq!(others.len(), 1, "of different answers one is taken");

    let returned = race(16, || {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move {
            let page = browser.get(&back).await;
            page.location.is_some().then_some((browser, page))
        }
    })
    .await;
    let sessions: BTreeSet<_> =
        returned.iter().map(|(browser, _)| browser.cookie(back, "sekisho-session")).collect();
    let places: BTreeSet<_> = returned.iter().map(|(_, page)| page.location.as_ref()).collect();
    assert_eq!((returned.len(), sessions.len(), places.len()), (16, 1, 1));
    let (browser, after) = &returned[0];
    let mut browser = browser.clone();
    let consent = browser.get(after.location.as_ref().unwrap()).await;

    let agreed = race(16, || {
        let mut browser = browser.clone();
        let (token, url) = (consent.form_token(), consent.url.clone());
        async move {
            browser.post(&url, &[("form_token", &token), ("decision", "allow")]).await.location
        }
    })
    .await;
    let codes: BTreeSet<_> = agreed.iter().collect();
    assert_eq!((agreed.len(), codes.len()), (16, 1), "one code for all");
    let location = &agreed[0];

    let code = rp.code(&expected, location);
    let redeemed = race(16, || {
        let (rp, expected, code) = (rp.clone(), expected.clone(), code.clone());
        async move { (rp.redeem(&expected, &code).await.0 == 200).then_some(()) }
    })
    .await;
    assert_eq!(redeemed.len(), 1);
}

/// Runs `count` attempts at once, and returns the results of those that succeeded.
async fn race<T: Send + 'static, F>(count: usize, make: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = Option<T>> + Send + 'static,
{
    let tries: Vec<_> = (0..count).map(|_| tokio::spawn(make())).collect();
    let mut succeeded = Vec::new();
    for attempt in tries {
        succeeded.extend(attempt.await.unwrap());
    }
    succeeded
}
