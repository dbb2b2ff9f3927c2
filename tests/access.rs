//! The gate decides, and says why not: every unmet condition at once, in both languages.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use sekisho_tests::{Browser, NOW, TENANT, Wallet, World, affiliation, parameter};
use serde_json::json;

/// The page that answers a request with these details.
async fn asked(
    world: &World,
    wallet: &Wallet,
    lang: &str,
    more: serde_json::Value,
) -> sekisho_tests::Page {
    let rp = world.rp().await;
    let mut details = json!({"type": "gpu_access", "service": "console", "actions": ["submit"]});
    details.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let details = json!([details]).to_string();
    let expected = rp.request("openid gpu_access", &[("authorization_details", &details)]);
    Browser::speaking(lang).show(wallet, &expected.url, &rp).await
}

/// Part 8: P-3111, P-3201, P-3501, each alone and all together, in the order of their codes.
#[tokio::test]
async fn every_unmet_condition_is_told_at_once() {
    let world = World::start().await;
    let member = world.trained_member().await;
    let untrained = world.member().await;
    let mut claims = affiliation();
    claims["affiliation_type"] = json!("contractor");
    let mut contractor = Wallet::new(NOW);
    contractor.accept(&world.offer(TENANT, "affiliation", claims).await.uri, None).await;
    for (wallet, details, codes) in [
        (&member, json!({"gpus": 17, "gpu_hours": 8}), vec!["P-3501"]),
        (&member, json!({"gpus": 8, "gpu_hours": 513}), vec!["P-3501"]),
        (&member, json!({"gpus": 8, "gpu_hours": 8, "partition": "other"}), vec!["P-3301"]),
        (&untrained, json!({"gpus": 8, "gpu_hours": 8}), vec!["P-3201"]),
        (&contractor, json!({"gpus": 17, "gpu_hours": 8}), vec!["P-3111", "P-3201", "P-3501"]),
    ] {
        let page = asked(&world, wallet, "ja", details.clone()).await;
        assert_eq!(page.reasons(), codes, "{details}: {}", page.body);
        let back = page.link("denied-return");
        assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
        assert_eq!(parameter(&back, "error_description"), Some(codes.join(" ")));
    }
    let page = asked(&world, &contractor, "en", json!({"gpus": 17, "gpu_hours": 8})).await;
    assert!(page.body.contains("Conditions not met: 3 of 3."), "{}", page.body);
    assert!(
        page.body.contains("contractor") && page.body.contains("16"),
        "what was found, what is needed"
    );
}

/// What is within the limits is granted as asked; the scope alone asks for the smallest.
#[tokio::test]
async fn what_is_granted_is_what_was_asked() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let tokens = Browser::new().log_in(&wallet, &rp.gpu_request(16), &rp).await;
    let granted = &tokens.body["authorization_details"][0];
    assert_eq!((&granted["gpus"], &granted["gpu_hours"]), (&json!(16), &json!(128)));
    assert_eq!(granted["service"], "console");
    assert!(granted["expires"].as_str().unwrap().starts_with("2026-11-26T"));
    let smallest = rp.request("openid gpu_access", &[("prompt", "login")]);
    let tokens = Browser::new().log_in(&wallet, &smallest, &rp).await;
    assert_eq!(tokens.body["authorization_details"][0]["gpus"], 1);
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo["authorization_details"], tokens.body["authorization_details"]);
    assert_eq!(userinfo["svc_residency"], "北海道石狩市");
    // Without the scope there is no decision, and no grant.
    let plain = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    assert_eq!(plain.body.get("authorization_details"), None);
}
