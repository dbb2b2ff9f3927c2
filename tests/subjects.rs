//! By which subject a relying party knows a person, and which claims it gets (OpenID Connect Core
//! 1.0, sections 5 and 8.1; attacks OI-07).

use sekisho_tests::{Browser, NOW, OPERATOR, Rp, TENANT, Wallet, World, affiliation};
use serde_json::json;

async fn sub(wallet: &Wallet, rp: &Rp) -> String {
    let tokens = Browser::new().log_in(wallet, &rp.plain_request(), rp).await;
    tokens.id_token["sub"].as_str().unwrap().to_owned()
}

/// OI-05, IDT-5: If two issuers attest the same member reference, these are two people.
#[tokio::test]
async fn the_subject_contains_the_issuer() {
    let world = World::start().await;
    world.trust(OPERATOR, &["affiliation", "ai-training"]).await;
    let rp = world.rp().await;
    let one = world.member().await;
    let mut claims = affiliation();
    claims["org_corporate_number"] = json!(OPERATOR);
    claims["org_name"] = json!("北海AI計算基盤株式会社");
    let mut other = Wallet::new(NOW);
    other.accept(&world.offer(OPERATOR, "affiliation", claims).await.uri, None).await;
    assert_ne!(sub(&one, &rp).await, sub(&other, &rp).await);
}

/// OI-04, IDT-5: A person with a new phone, credential and keys keeps the same subject at a
/// service. Another service gets another subject.
#[tokio::test]
async fn the_subject_outlives_credentials_and_keys_and_is_no_other_services() {
    let world = World::start().await;
    let rp = world.rp().await;
    let first = sub(&world.member().await, &rp).await;
    for purpose in ["id-token", "credential"] {
        let rotate = sekisho_broker::admin::RotateKey {
            resource: None,
            purpose: purpose.to_owned(),
            organization: (purpose == "credential").then(|| TENANT.to_owned()),
            algorithm: None,
            compromised: false,
        };
        world.broker.rotate_key(&world.act(), &rotate).await.unwrap();
    }
    world.clock.advance(3600);
    world.broker.sweep_keys().await.unwrap();
    let mut renewed = Wallet::new(world.broker.site().clock().now());
    renewed.accept(&world.offer(TENANT, "affiliation", affiliation()).await.uri, None).await;
    assert_eq!(sub(&renewed, &rp).await, first);
    let elsewhere = world
        .rp_with(|add| {
            add.native = false;
            add.redirect_uris = vec!["https://other.example.jp/callback".to_owned()];
        })
        .await;
    assert_ne!(sub(&renewed, &elsewhere).await, first);
}

/// Optional claims are released only if the person chose them. A `gpu:` role in a tenant's
/// credential is not released.
#[tokio::test]
async fn a_service_learns_what_was_agreed_to_and_no_more() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut claims = affiliation();
    claims["roles"] = json!(["lead", "gpu:console"]);
    let mut wallet = Wallet::new(NOW);
    wallet.accept(&world.offer(TENANT, "affiliation", claims).await.uri, None).await;
    for (chosen, released) in [(&[][..], false), (&["name#ja-Kana-JP"][..], true)] {
        let expected = rp.request("openid profile organization", &[("prompt", "consent")]);
        let mut browser = Browser::new();
        let page = browser.show(&wallet, &expected.url, &rp).await;
        let location = browser.decide(&page, "allow", chosen).await.location.unwrap();
        let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
        let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
        assert_eq!(userinfo.get("name#ja-Kana-JP").is_some(), released, "{userinfo}");
        assert_eq!(userinfo["name"], "山田 太郎");
        assert_eq!(userinfo["groups"], json!(["lead"]));
        for never in ["email", "department", "member_ref", "org_corporate_number"] {
            assert_eq!(userinfo.get(never), None, "{never}");
        }
        assert_eq!(tokens.id_token.get("name"), None);
    }
}

/// IDT-4: A client can be registered to get the claims in its ID token, as Kubernetes needs.
#[tokio::test]
async fn claims_stand_in_the_id_token_of_clients_that_are_registered_so() {
    let world = World::start().await;
    let rp = world
        .rp_with(|add| {
            add.claims_in_id_token = true;
            add.scopes.retain(|scope| scope != "gpu_access");
        })
        .await;
    let tokens = Browser::new().log_in(&world.member().await, &rp.plain_request(), &rp).await;
    assert_eq!(tokens.id_token["name"], "山田 太郎");
    assert_eq!(tokens.id_token["groups"], json!(["gpu-user", "lead"]));
}
