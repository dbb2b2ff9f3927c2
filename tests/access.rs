//! The gate decides about access. A denial names every unmet condition at once, in both languages.

use sekisho_tests::{Browser, NOW, TENANT, Wallet, World, affiliation, parameter};
use serde_json::json;

/// The page that answers an authorization request with these details.
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

/// Part 8: P-3111, P-3201, P-3501: each reason alone, and all together in the order of their codes.
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

/// A request within the limits is granted as asked; a request by scope alone gets the smallest
/// access.
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
    // Without the scope nothing is decided and nothing is granted.
    let plain = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    assert_eq!(plain.body.get("authorization_details"), None);
}

/// TOK-11: when a code is redeemed and at each refresh, a client may ask for a token with less
/// access than was granted. A request for more, or for something else, is refused. A reduced token
/// is never taken for less than it says, and the grant itself keeps everything.
#[tokio::test]
async fn a_token_may_be_good_for_less() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let details = json!([{
        "type": "gpu_access", "service": "console", "gpus": 8, "gpu_hours": 64,
        "actions": ["submit", "infer"],
    }]);
    let offline = [("authorization_details", &*details.to_string()), ("prompt", "consent")];
    let expected = rp.request("openid profile gpu_access offline_access", &offline);
    let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
    let code = rp.code(&expected, &location);
    let form = |asked: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &*rp.redirect_uri),
            ("code_verifier", &*expected.verifier),
            ("authorization_details", asked),
        ];
        form.map(|(name, value)| (name, value.to_owned()))
    };
    let redeem = async |asked: &str| {
        let form = form(asked);
        let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
        rp.token_request(&form).await
    };
    let less = |more: serde_json::Value| {
        let mut one = json!({"type": "gpu_access", "service": "console"});
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([one]).to_string()
    };
    let two = json!([{"type": "gpu_access", "service": "console"}, {"type": "gpu_access", "service": "console"}]);
    for refused in [
        "{}",
        "[]",
        "[[]]",
        "[\"gpu_access\"]",
        "not json",
        &*two.to_string(),
        "[{\"type\":\"gpu_access\",\"type\":\"gpu_access\",\"service\":\"console\"}]",
        "[{\"type\":\"gpu_access\"}]",
        "[{\"service\":\"console\"}]",
        &*json!([{"type": "gpu_access", "service": "batch"}]).to_string(),
        &*json!([{"type": "openid_credential", "service": "console"}]).to_string(),
        &*less(json!({"gpus": 9})),
        &*less(json!({"gpus": 0})),
        &*less(json!({"gpus": -1})),
        &*less(json!({"gpus": "1"})),
        &*less(json!({"gpus": 1.5})),
        &*less(json!({"gpu_hours": 65})),
        &*less(json!({"walltime_h": 9})),
        &*less(json!({"actions": ["submit", "ssh"]})),
        &*less(json!({"actions": []})),
        &*less(json!({"actions": "submit"})),
        &*less(json!({"partition": "a"})),
        &*less(json!({"expires": "2030-01-01T00:00:00Z"})),
    ] {
        let (status, body) = redeem(refused).await;
        let error = sekisho_tests::error_of(&body);
        let named = ["invalid_authorization_details", "invalid_request"].contains(&error.as_str());
        assert!(status == 400 && named, "{refused}: {status} {body}");
    }
    let asked = less(json!({"gpus": 2, "actions": ["infer"]}));
    let (status, body) = redeem(&asked).await;
    assert_eq!(status, 200, "{body}");
    let granted = &body["authorization_details"][0];
    assert_eq!((&granted["gpus"], &granted["actions"]), (&json!(2), &json!(["infer"])));
    assert_eq!(granted["gpu_hours"], 64, "what is not named stays");
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(rp.userinfo(token).await.1["authorization_details"], body["authorization_details"]);

    let refresh = body["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let wider = less(json!({"gpus": 9}));
    let wider = [&form[..], &[("authorization_details", &wider)]].concat();
    let (_, refused) = rp.token_request(&wider).await;
    assert_eq!(sekisho_tests::error_of(&refused), "invalid_authorization_details");
    let half = less(json!({"gpus": 4}));
    let (_, next) =
        rp.token_request(&[&form[..], &[("authorization_details", &half)]].concat()).await;
    assert_eq!(next["authorization_details"][0]["gpus"], 4, "{next}");
    let refresh = next["refresh_token"].as_str().unwrap();
    let whole = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (_, last) = rp.token_request(&whole).await;
    assert_eq!(last["authorization_details"][0]["gpus"], 8);
    assert_eq!(last["authorization_details"][0]["actions"], json!(["submit", "infer"]));
    // A client may ask for exactly what a token response said.
    let refresh = last["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let same = last["authorization_details"].to_string();
    let (_, again) =
        rp.token_request(&[&form[..], &[("authorization_details", &same)]].concat()).await;
    assert_eq!(again["authorization_details"], last["authorization_details"]);
    // A grant without details cannot be narrowed.
    let expected = rp.plain_request();
    let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
    let code = rp.code(&expected, &location);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", &*rp.redirect_uri),
        ("code_verifier", &*expected.verifier),
        ("authorization_details", &*asked),
    ];
    let refused = rp.token_request(&form).await;
    assert_eq!(sekisho_tests::error_of(&refused.1), "invalid_authorization_details");
}
