//! The claims that services read in ID tokens and at userinfo (OpenID Connect Core 1.0, sections 5.1
//! and 5.4; checklist IDT-4 and RES-2).

use sekisho_broker::admin::AddClient;
use sekisho_jose::Claims;
use sekisho_tests::{Browser, NOW, Rp, TENANT, Tokens, Wallet, World, affiliation, http};
use serde_json::{Value, json};

/// A wallet with a credential of these claims.
async fn wallet_of(world: &World, claims: Value) -> Wallet {
    let mut wallet = Wallet::new(NOW);
    wallet.accept(&world.offer(TENANT, "affiliation", claims).await.uri, None).await;
    wallet
}

/// A wallet with the sample credential, and what the issuer says about the e-mail address.
async fn wallet_saying(world: &World, verified: Option<bool>) -> Wallet {
    let mut claims = affiliation();
    if let Some(verified) = verified {
        claims["email_verified"] = json!(verified);
    }
    wallet_of(world, claims).await
}

async fn both(wallet: &Wallet, rp: &Rp, scope: &str) -> (Tokens, Value) {
    let tokens = Browser::new().log_in(wallet, &rp.request(scope, &[]), rp).await;
    let (status, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(status, 200, "{userinfo}");
    (tokens, userinfo)
}

/// The members of a registration that no option was given for have their defaults.
async fn registered(world: &World, scopes: &str) -> Rp {
    let add = registration(scopes);
    world.rp_with(|given| *given = add).await
}

fn registration(scopes: &str) -> AddClient {
    let text = json!({"ja": "試験", "en": "Test"});
    let scopes: Vec<&str> = scopes.split(' ').collect();
    serde_json::from_value(json!({
        "name": text, "purpose": text, "scopes": scopes, "native": true,
        "redirect_uris": ["http://127.0.0.1:4000/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
    }))
    .unwrap()
}

/// What the issuer says about the address is passed on. What it does not say is left out: a service
/// such as oauth2-proxy refuses everybody whose address is said to be unverified.
#[tokio::test]
async fn word_23_unknown_is_not_false() {
    let world = World::start().await;
    let rp = registered(&world, "openid email").await;
    for said in [None, Some(true), Some(false)] {
        let wallet = wallet_saying(&world, said).await;
        let (tokens, userinfo) = both(&wallet, &rp, "openid email").await;
        for claims in [&Value::Object(tokens.id_token), &userinfo] {
            assert_eq!(claims["email"], "taro@setouchi.example");
            assert_eq!(claims.get("email_verified"), said.map(Value::from).as_ref(), "{claims}");
        }
    }
}

/// Without an address there is nothing that was verified. Asked for by its name, the claim comes alone.
#[tokio::test]
async fn word_23_it_is_about_an_address() {
    let world = World::start().await;
    let rp = registered(&world, "openid profile email").await;
    let mut claims = affiliation();
    claims["email_verified"] = json!(true);
    let named = r#"{"userinfo": {"email_verified": null}}"#;
    let expected = rp.request("openid", &[("claims", named)]);
    let wallet = wallet_of(&world, claims.clone()).await;
    let tokens = Browser::new().log_in(&wallet, &expected, &rp).await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!((&userinfo["email_verified"], userinfo.get("email")), (&json!(true), None));
    claims.as_object_mut().unwrap().remove("email");
    let (_, userinfo) = both(&wallet_of(&world, claims).await, &rp, "openid profile email").await;
    assert_eq!((userinfo.get("email"), userinfo.get("email_verified")), (None, None));
    assert_eq!(userinfo["name"], "山田 太郎");
}

/// The type carries it, disclosed only if it is asked for, and the consent page names it.
#[tokio::test]
async fn word_23_the_type_carries_it() {
    let world = World::start().await;
    let url = format!("{}/types/affiliation/1", world.origin);
    let metadata: Value = http().get(url).send().await.unwrap().json().await.unwrap();
    let claims = metadata["claims"].as_array().unwrap();
    let claim = claims.iter().find(|claim| claim["path"] == json!(["email_verified"])).unwrap();
    assert_eq!((&claim["sd"], &claim["mandatory"]), (&json!("always"), &json!(false)));
    let rp = registered(&world, "openid email").await;
    let wallet = wallet_saying(&world, Some(false)).await;
    let shown = |scope| rp.request(scope, &[("prompt", "consent"), ("ui_locales", "ja")]).url;
    let page = Browser::new().show(&wallet, &shown("openid email"), &rp).await;
    let told = page.body.contains("メールアドレスの確認") && page.body.contains("未確認");
    assert!(told, "{}", page.body);
    let page = Browser::new().show(&wallet, &shown("openid"), &rp).await;
    assert!(!page.body.contains("メールアドレスの確認"), "{}", page.body);
    let mut wrong = affiliation();
    wrong["email_verified"] = json!("true");
    let offer = serde_json::from_value(json!({
        "organization": TENANT, "type": "affiliation", "claims": wrong, "subject": "p",
    }));
    let refused = world.broker.offer_credential(&world.act(), &offer.unwrap()).await;
    assert!(refused.err().unwrap().to_string().contains("email_verified"));
}

/// IDT-4: Claims of granted scopes are in the ID token too, unless the client was registered without:
/// most services never call userinfo.
#[tokio::test]
async fn word_24_claims_of_granted_scopes_are_in_the_id_token() {
    let world = World::start().await;
    let rp = registered(&world, "openid profile email organization").await;
    let wallet = world.member().await;
    let (tokens, userinfo) = both(&wallet, &rp, "openid profile email organization").await;
    for (name, value) in userinfo.as_object().unwrap() {
        assert_eq!(tokens.id_token.get(name), Some(value), "{name}");
    }
    for (name, value) in [("name", "山田 太郎"), ("email", "taro@setouchi.example")] {
        assert_eq!(tokens.id_token[name], value);
    }
    // Fewer scopes, fewer claims.
    let (tokens, _) = both(&wallet, &rp, "openid email").await;
    assert_eq!(tokens.id_token["email"], "taro@setouchi.example");
    assert_eq!((tokens.id_token.get("name"), tokens.id_token.get("groups")), (None, None));
    let without = world
        .rp_with(|add| {
            *add = registration("openid profile email");
            add.claims_in_id_token = false;
        })
        .await;
    let (tokens, userinfo) = both(&wallet, &without, "openid profile email").await;
    assert_eq!((tokens.id_token.get("name"), tokens.id_token.get("email")), (None, None));
    assert_eq!(userinfo["name"], "山田 太郎");
    // Asked for one by one, a claim is there all the same.
    let named = [("claims", r#"{"id_token": {"email": null}}"#)];
    let expected = without.request("openid", &named);
    let tokens = Browser::new().log_in(&wallet, &expected, &without).await;
    assert_eq!(tokens.id_token["email"], "taro@setouchi.example");
    assert_eq!(tokens.id_token.get("name"), None);
}

/// What the person withheld is in no ID token, neither in the first nor in one of a refresh; a refresh
/// for fewer scopes gives fewer claims.
#[tokio::test]
async fn word_24_what_was_withheld_stays_out() {
    let world = World::start().await;
    let rp = registered(&world, "openid profile email offline_access").await;
    let wallet = world.member().await;
    let expected = rp.request("openid profile email offline_access", &[("prompt", "consent")]);
    let mut browser = Browser::new();
    let page = browser.show(&wallet, &expected.url, &rp).await;
    let location = browser.decide(&page, "allow", &["name#ja-Latn-JP"]).await.location.unwrap();
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
    let refresh = |token: Value, scope: Option<&'static str>| {
        let rp = rp.clone();
        async move {
            let token = token.as_str().unwrap().to_owned();
            let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &token)];
            form.extend(scope.map(|scope| ("scope", scope)));
            let (status, body) = rp.token_request(&form).await;
            assert_eq!(status, 200, "{body}");
            let claims = rp.verify(body["id_token"].as_str().unwrap()).await;
            (claims, body["refresh_token"].clone())
        }
    };
    let (second, token) = refresh(tokens.body["refresh_token"].clone(), None).await;
    for claims in [&tokens.id_token, &second] {
        assert_eq!(claims["name#ja-Latn-JP"], "YAMADA Taro");
        assert_eq!(claims.get("name#ja-Kana-JP"), None, "withheld");
        assert_eq!(claims["email"], "taro@setouchi.example");
    }
    let (third, _) = refresh(token, Some("openid email")).await;
    assert_eq!(third["email"], "taro@setouchi.example");
    assert_eq!(third.get("name"), None);
}

/// A client whose claims could be too long for an ID token is refused when it is registered, whatever
/// the claims of the people of today weigh.
#[tokio::test]
async fn word_24_what_has_no_room_is_refused_at_registration() {
    let world = World::start().await;
    let all = "openid profile email organization training gpu_access";
    let refused = world.broker.add_client(&world.act(), &registration(all)).await;
    let reason = refused.err().unwrap().to_string();
    assert!(reason.contains("2048") && reason.contains("--no-claims-in-id-token"), "{reason}");
    let mut add = registration(all);
    add.claims_in_id_token = false;
    world.broker.add_client(&world.act(), &add).await.unwrap();
    for some in ["openid", "openid profile email organization offline_access", "openid gpu_access"]
    {
        world.broker.add_client(&world.act(), &registration(some)).await.unwrap();
    }
}

/// Whatever an issuer writes, the claims weigh at most 2 KiB. What is too long is named in the ID token
/// and stands at userinfo in full; nothing is cut.
#[tokio::test]
async fn word_24_an_id_token_stays_small_and_says_what_it_lacks() {
    let world = World::start().await;
    let scope = "openid profile email organization";
    let rp = registered(&world, scope).await;
    let mut claims = affiliation();
    claims["name"] = json!("長".repeat(170));
    claims["name#ja-Hani-JP"] = json!("長".repeat(42));
    claims["roles"] = json!((0..64).map(|n| format!("role-{n:04}")).collect::<Vec<_>>());
    let (tokens, userinfo) = both(&wallet_of(&world, claims).await, &rp, scope).await;
    assert_eq!(tokens.id_token["claims_at_userinfo"], json!(["name", "groups"]));
    assert_eq!((tokens.id_token.get("name"), tokens.id_token.get("groups")), (None, None));
    assert_eq!(tokens.id_token["name#ja-Hani-JP"], "長".repeat(42));
    assert_eq!(userinfo["name"], "長".repeat(170));
    assert_eq!(userinfo["groups"].as_array().unwrap().len(), 64);
    assert_eq!(userinfo.get("claims_at_userinfo"), None);
    let of_scopes = |(name, _): &(&String, &Value)| userinfo.get(name.as_str()).is_some();
    let kept: Claims = tokens
        .id_token
        .iter()
        .filter(of_scopes)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    assert!(Value::Object(kept).to_string().len() <= 2048);
}
