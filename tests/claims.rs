//! The `claims` parameter and `id_token_hint`: what a request demands of its login.

use sekisho_tests::{Browser, Expected, Rp, World, affiliation, parameter};
use serde_json::json;

fn asking(rp: &Rp, claims: &str, more: &[(&str, &str)]) -> Expected {
    let mut all = vec![("claims", claims)];
    all.extend_from_slice(more);
    rp.request("openid", &all)
}

/// AUTH-24: claims that are named one by one come in the place where they were asked for, without
/// the other claims of their scopes.
#[tokio::test]
async fn claims_come_one_by_one_where_they_were_asked_for() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let claims = json!({
        "userinfo": {"name": {"essential": true}, "groups": null, "unheard_of": null},
        "id_token": {"email": null, "auth_time": {"essential": true}},
    });
    let mut browser = Browser::new();
    let expected = asking(&rp, &claims.to_string(), &[]);
    let tokens = browser.log_in(&wallet, &expected, &rp).await;
    assert_eq!(tokens.id_token["email"], "taro@setouchi.example");
    assert!(!tokens.id_token.contains_key("name"));
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    let names: Vec<_> = userinfo.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["sub", "name", "groups"]);
    assert_eq!(userinfo["name"], "山田 太郎");

    // The person agreed to these claims only. For another claim, the wallet and the person are
    // asked again.
    let more = asking(&rp, r#"{"userinfo": {"organization": null}}"#, &[("prompt", "none")]);
    let location = browser.get(&more.url).await.location.unwrap();
    let error = parameter(&location, "error").unwrap();
    assert!(["login_required", "consent_required"].contains(&error.as_str()), "{error}");
}

/// AUTH-24, OA-12: a client cannot get claims beyond its registration by naming them one by one.
#[tokio::test]
async fn a_claim_beyond_the_registration_is_ignored() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.scopes = vec!["openid".to_owned()]).await;
    let claims = r#"{"userinfo": {"name": null, "email": {"essential": true}}, "id_token": {"groups": null}}"#;
    let expected = asking(&rp, claims, &[]);
    let tokens = Browser::new().log_in(&world.member().await, &expected, &rp).await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo.as_object().unwrap().len(), 1, "{userinfo}");
    assert!(!tokens.id_token.contains_key("groups"));
    let malformed = asking(&rp, "{\"userinfo\": [", &[]);
    let location = Browser::new().get(&malformed.url).await.location.unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_request"));
}

/// AUTH-24, OI-06: a login meets an essential `acr` or is refused; the `acr` in the ID token never
/// exceeds what the login achieved.
#[tokio::test]
async fn an_essential_acr_is_met_or_refused() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let with =
        |values: &str| format!(r#"{{"id_token": {{"acr": {{"essential": true{values}}}}}}}"#);
    for values in ["", r#", "value": "phr""#, r#", "values": ["gold", "phr"]"#] {
        let expected = asking(&rp, &with(values), &[]);
        let mut browser = Browser::new();
        let page = browser.begin(&expected.url, &rp).await;
        assert!(!page.body.contains("class=\"qr\""), "no other device: {}", page.body);
        let tokens = browser.log_in(&wallet, &expected, &rp).await;
        assert_eq!(tokens.id_token["acr"], "phr");
    }
    let unmet = asking(&rp, &with(r#", "values": ["gold"]"#), &[]);
    let location = Browser::new().get(&unmet.url).await.location.unwrap();
    let error = parameter(&location, "error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
}

/// AUTH-23, OI-01: a hint, or `sub` in `claims`, says which person is expected. It logs nobody in.
#[tokio::test]
async fn another_person_than_expected_is_not_answered_for() {
    let world = World::start().await;
    let rp = world.rp().await;
    let taro = world.member().await;
    let mut hanako = sekisho_tests::Wallet::new(world.broker.site().clock().now());
    let mut claims = affiliation();
    claims["member_ref"] = json!("m-0002");
    let offer = world.offer(sekisho_tests::TENANT, "affiliation", claims).await;
    hanako.accept(&offer.uri, None).await;

    let mut browser = Browser::new();
    let tokens = browser.log_in(&taro, &rp.plain_request(), &rp).await;
    let hint = tokens.body["id_token"].as_str().unwrap().to_owned();
    let sub = tokens.id_token["sub"].as_str().unwrap().to_owned();
    let by_claim = json!({"id_token": {"sub": {"value": sub}}}).to_string();

    let again: [(&str, &str); 2] = [("id_token_hint", &hint), ("claims", &by_claim)];
    for expectation in again {
        let scope = "openid profile organization";
        // The expected person has a session and is answered without a page.
        let silent = rp.request(scope, &[expectation, ("prompt", "none")]);
        let location = browser.get(&silent.url).await.location.unwrap();
        assert_eq!(parameter(&location, "error"), None);
        // Nobody is logged in, and the hint alone logs nobody in.
        let location = Browser::new().get(&silent.url).await.location.unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("login_required"));
        // Somebody else is logged in. Without a page that is an error; else the wallet is asked.
        let mut other = Browser::new();
        other.log_in(&hanako, &rp.plain_request(), &rp).await;
        let location = other.get(&silent.url).await.location.unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("login_required"));
        let asked = rp.request(scope, &[expectation]);
        let location = other.answer_of(&hanako, &asked, &rp).await;
        assert_eq!(parameter(&location, "error").as_deref(), Some("login_required"));
        let asked = rp.request(scope, &[expectation]);
        let tokens = other.log_in(&taro, &asked, &rp).await;
        assert_eq!(tokens.id_token["sub"], sub);
    }
    let forged = format!("{}x", &hint[..hint.len() - 1]);
    let other_rp = world.rp().await;
    for (rp, hint) in [(&rp, forged.as_str()), (&rp, "x"), (&other_rp, hint.as_str())] {
        let location = browser.get(&rp.request("openid", &[("id_token_hint", hint)]).url).await;
        let location = location.location.unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_request"));
    }
}
