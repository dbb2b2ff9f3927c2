//! The device authorization grant (RFC 8628): a program without a browser, and a person who answers for
//! it on a device of one's own.

use std::net::IpAddr;

use axum::Extension;
use axum::body::Body;
use axum::http::{Request, Response};
use sekisho_ambient::sha256;
use sekisho_broker::admin::{AddClient, GrantType};
use sekisho_jose::b64u;
use sekisho_tests::{Browser, Page, Rp, Wallet, World, error_of, http, parameter};
use sekisho_web::PeerAddress;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid profile offline_access";

/// A public program on people's machines, as oidc-agent and kubectl's plugins are: it has no redirect
/// URI.
async fn program(world: &World) -> Rp {
    program_with(world, |_| {}).await
}

async fn program_with(world: &World, change: impl FnOnce(&mut AddClient)) -> Rp {
    world
        .rp_with(|add| {
            add.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken];
            add.redirect_uris.clear();
            "none".clone_into(&mut add.token_endpoint_auth_method);
            change(add);
        })
        .await
}

/// A client that logs people in both in browsers and on devices.
async fn web_and_device(world: &World) -> Rp {
    let grants = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
    world.rp_with(|add| add.grant_types = grants.to_vec()).await
}

/// The codes of a device that asks now.
struct Asked {
    device_code: String,
    user_code: String,
    body: Value,
}

async fn ask(rp: &Rp, form: &[(&str, &str)]) -> Asked {
    let (status, body) = rp.post("/device_authorization", form).await;
    assert_eq!(status, 200, "{body}");
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Asked { device_code: text("device_code"), user_code: text("user_code"), body }
}

async fn ask_for_profile(rp: &Rp) -> Asked {
    ask(rp, &[("scope", SCOPE)]).await
}

async fn poll(rp: &Rp, asked: &Asked) -> (u16, Value) {
    rp.token_request(&[("grant_type", GRANT), ("device_code", &asked.device_code)]).await
}

/// What a poll is answered with: an error, or `tokens`.
async fn polled(rp: &Rp, asked: &Asked) -> String {
    match poll(rp, asked).await {
        (200, _) => "tokens".to_owned(),
        (400, body) => error_of(&body),
        (status, body) => panic!("{status} {body}"),
    }
}

/// Types a code on the page; returns the answer.
async fn type_code(world: &World, browser: &mut Browser, code: &str) -> Page {
    let page = browser.get(&format!("{}/device", world.origin)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let token = page.form_token();
    browser.post(&page.url, &[("form_token", &token), ("user_code", code)]).await
}

/// Types a code and follows to the page of the login, or of consent if somebody is logged in.
async fn begin(world: &World, browser: &mut Browser, code: &str) -> Page {
    let typed = type_code(world, browser, code).await;
    assert_eq!(typed.status, 303, "{}", typed.body);
    browser.follow(typed, "nowhere:").await
}

/// Types a code and presents on this device; returns the page of consent.
async fn show(world: &World, browser: &mut Browser, wallet: &Wallet, code: &str) -> Page {
    let page = begin(world, browser, code).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    let back = browser.get(&answer.redirect_uri()).await;
    browser.follow(back, "nowhere:").await
}

/// Logs a device in, as its person does.
async fn approve(world: &World, wallet: &Wallet, asked: &Asked) -> Browser {
    let mut browser = Browser::new();
    let page = show(world, &mut browser, wallet, &asked.user_code).await;
    let done = decide(&mut browser, &page, "allow").await;
    assert!(done.body.contains("id=\"done\""), "{}", done.body);
    browser
}

/// Answers the page of consent and follows to the last page.
async fn decide(browser: &mut Browser, page: &Page, decision: &str) -> Page {
    assert!(page.body.contains("consent-allow"), "{}", page.body);
    let answered = browser.decide(page, decision, &[]).await;
    assert_eq!(answered.status, 303, "{}", answered.body);
    browser.follow(answered, "nowhere:").await
}

/// One login of a device from its beginning to its end.
#[tokio::test]
async fn tokens_03_a_device_is_logged_in_by_its_person() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let discovery: Value = http()
        .get(format!("{}/.well-known/openid-configuration", world.origin))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let endpoint = format!("{}/device_authorization", world.origin);
    assert_eq!(discovery["device_authorization_endpoint"], endpoint);
    assert!(discovery["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));

    let asked = ask_for_profile(&rp).await;
    let page = format!("{}/device", world.origin);
    assert_eq!(asked.body["verification_uri"], page);
    let complete = format!("{page}?user_code={}", asked.user_code);
    assert_eq!(asked.body["verification_uri_complete"], complete);
    assert_eq!((&asked.body["expires_in"], &asked.body["interval"]), (&json!(600), &json!(5)));
    assert!(asked.device_code.len() >= 22, "128 bits");
    let (first, second) = asked.user_code.split_once('-').unwrap();
    assert!([first, second].iter().all(|half| {
        half.len() == 4 && half.chars().all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(c))
    }));
    assert_eq!(polled(&rp, &asked).await, "authorization_pending");

    let mut browser = Browser::new();
    let login = begin(&world, &mut browser, &asked.user_code).await;
    for text in ["GPU コンソール", "計算資源の利用者を確かめるため", "id=\"device-notice\""]
    {
        assert!(login.body.contains(text), "{text}: {}", login.body);
    }
    let answer = wallet.present(&login.link("wallet-open")).await;
    let back = browser.get(&answer.redirect_uri()).await;
    let consent = browser.follow(back, "nowhere:").await;
    assert!(consent.body.contains("id=\"device-notice\""), "{}", consent.body);
    world.clock.advance(5);
    assert_eq!(polled(&rp, &asked).await, "authorization_pending", "not before the person agrees");
    let done = decide(&mut browser, &consent, "allow").await;
    assert!(done.body.contains("端末の画面に戻ってください"), "{}", done.body);
    assert!(!done.body.contains("device-notice"));

    let (status, tokens) = poll(&rp, &asked).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!(SCOPE)));
    let claims = rp.verify(tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.origin), &json!(rp.client_id)));
    assert!(claims.get("nonce").is_none());
    let (status, about) = rp.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((status, &about["name"]), (200, &json!("山田 太郎")));
    assert_eq!(about["sub"], claims["sub"]);

    // A public client's refresh tokens rotate, and an old one ends them all.
    let old = tokens["refresh_token"].as_str().unwrap();
    let refresh = async |token: &str| {
        rp.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    };
    let (status, next) = refresh(old).await;
    assert_eq!(status, 200, "{next}");
    let next = next["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(next, old);
    let (status, last) = refresh(&next).await;
    assert_eq!(status, 200, "{last}");
    assert_eq!(refresh(old).await.0, 400);
    assert_eq!(refresh(last["refresh_token"].as_str().unwrap()).await.0, 400);
    assert!(world.broker.audit_verify().await.unwrap().fault.is_none());
}

/// RFC 8628, 3.5: who asks too early is told to slow down, and more so each time.
#[tokio::test]
async fn tokens_03_a_device_that_asks_too_often_slows_down() {
    let world = World::start().await;
    let (rp, mut wallet) = (program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    for (wait, told) in [
        (0, "authorization_pending"),
        (5, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (15, "authorization_pending"),
        (14, "slow_down"),
    ] {
        world.clock.advance(wait);
        let (status, body) = poll(&rp, &asked).await;
        assert_eq!((status, error_of(&body).as_str()), (400, told), "after {wait}");
    }
    // Another device is not slowed down by that, and an answer that is ready is given at once.
    assert_eq!(polled(&rp, &ask_for_profile(&rp).await).await, "authorization_pending");
    wallet.now = world.broker.site().clock().now();
    approve(&world, &wallet, &asked).await;
    assert_eq!(polled(&rp, &asked).await, "tokens");
}

/// A link for the wallet that has ended is replaced without typing the code again, as long as the device
/// waits.
#[tokio::test]
async fn tokens_03_a_person_who_takes_long_types_the_code_once() {
    let world = World::start().await;
    let (rp, mut wallet) = (program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    let mut browser = Browser::new();
    let page = begin(&world, &mut browser, &asked.user_code).await;
    world.clock.advance(301);
    wallet.now = world.broker.site().clock().now();
    let renew = async |browser: &mut Browser, page: &Page| {
        let token = page.form_token();
        browser.post(&format!("{}/renew", page.url), &[("form_token", &token)]).await
    };
    let expired = browser.get(&page.url).await;
    assert!(!expired.body.contains("id=\"wallet-open\""), "{}", expired.body);
    let renewed = renew(&mut browser, &expired).await;
    let page = browser.follow(renewed, "nowhere:").await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    let back = browser.get(&answer.redirect_uri()).await;
    let consent = browser.follow(back, "nowhere:").await;
    decide(&mut browser, &consent, "allow").await;
    let over = renew(&mut browser, &expired).await;
    assert_eq!(over.location, Some(format!("{}/device", world.origin)), "it waits no more");
    assert_eq!(polled(&rp, &asked).await, "tokens");
}

/// What the person refuses, on whichever page, the device is told at its next poll; then nobody can agree
/// any more.
#[tokio::test]
async fn tokens_03_a_refusal_reaches_the_device() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    for at in ["consent", "login"] {
        let asked = ask_for_profile(&rp).await;
        let mut browser = Browser::new();
        let last = if at == "consent" {
            let page = show(&world, &mut browser, &wallet, &asked.user_code).await;
            decide(&mut browser, &page, "deny").await
        } else {
            let page = begin(&world, &mut browser, &asked.user_code).await;
            let form = [("form_token", page.form_token())];
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let left = browser.post(&format!("{}/cancel", page.url), &form).await;
            browser.follow(left, "nowhere:").await
        };
        assert_eq!(last.code().as_deref(), Some("A-1013"), "{}", last.body);
        assert_eq!(polled(&rp, &asked).await, "access_denied", "{at}");
        assert_eq!(polled(&rp, &asked).await, "access_denied", "{at}, again");
        let typed = type_code(&world, &mut Browser::new(), &asked.user_code).await;
        assert!(typed.body.contains("A-1015"), "{}", typed.body);
    }
}

/// The policies refuse a device as they refuse a browser, by the same rules, and it is told at once.
#[tokio::test]
async fn tokens_03_the_gate_decides_for_devices_too() {
    let world = World::start().await;
    let rp = program(&world).await;
    let details = |gpus: u32| {
        json!([{"type": "gpu_access", "service": "console", "gpus": gpus, "actions": ["submit"]}])
            .to_string()
    };
    let (small, large) = (details(2), details(1));
    let untrained = world.member().await;
    let asked = ask(&rp, &[("scope", "openid"), ("authorization_details", &small)]).await;
    let mut browser = Browser::new();
    let page = show(&world, &mut browser, &untrained, &asked.user_code).await;
    assert_eq!(page.reasons(), ["P-3201"], "{}", page.body);
    assert!(!page.body.contains("denied-again"), "the device has to begin again");
    assert_eq!(polled(&rp, &asked).await, "access_denied");

    let trained = world.trained_member().await;
    let asked = ask(&rp, &[("scope", "openid"), ("authorization_details", &small)]).await;
    approve(&world, &trained, &asked).await;
    let (status, tokens) = rp
        .token_request(&[
            ("grant_type", GRANT),
            ("device_code", &asked.device_code),
            ("authorization_details", &large),
        ])
        .await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["authorization_details"][0]["gpus"], 1, "narrowed by the token request");
    let other = json!([{"type": "gpu_access", "service": "elsewhere"}]).to_string();
    for wrong in ["[]", "{}", "[{\"type\": \"unheard_of\"}]", &other] {
        let form = [("scope", "openid"), ("authorization_details", wrong)];
        let (status, body) = rp.post("/device_authorization", &form).await;
        let found = (status, error_of(&body));
        assert_eq!(found, (400, "invalid_authorization_details".to_owned()), "{wrong}");
    }
}

/// Both codes end after ten minutes, whatever was answered meanwhile.
#[tokio::test]
async fn tokens_03_codes_of_a_device_expire() {
    let world = World::start().await;
    let (rp, mut wallet) = (program(&world).await, world.member().await);
    let (waiting, granted) = (ask_for_profile(&rp).await, ask_for_profile(&rp).await);
    approve(&world, &wallet, &granted).await;
    let mut browser = Browser::new();
    world.clock.advance(590);
    wallet.now = world.broker.site().clock().now();
    let late = show(&world, &mut browser, &wallet, &waiting.user_code).await;
    world.clock.advance(9);
    assert_eq!(polled(&rp, &waiting).await, "authorization_pending");
    world.clock.advance(1);
    for asked in [&waiting, &granted] {
        assert_eq!(polled(&rp, asked).await, "expired_token");
        let typed = type_code(&world, &mut Browser::new(), &asked.user_code).await;
        assert!(typed.body.contains("A-1015"), "{}", typed.body);
    }
    let agreed = browser.decide(&late, "allow", &[]).await;
    assert_eq!(agreed.code().as_deref(), Some("A-1015"), "{}", agreed.body);
    world.clock.advance(1_300);
    world.broker.grants().sweep().await.unwrap();
    assert_eq!(polled(&rp, &waiting).await, "expired_token", "after the sweep, too");
}

/// OA-01: a device code is redeemed once. A second redemption is refused and ends what the first gave, as
/// with an authorization code; another client's attempt changes nothing.
#[tokio::test]
async fn tokens_03_a_replayed_device_code_ends_its_grant() {
    let world = World::start().await;
    let (rp, other, wallet) = (program(&world).await, program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    assert_eq!(polled(&other, &asked).await, "invalid_grant", "while it waits");
    approve(&world, &wallet, &asked).await;
    assert_eq!(polled(&other, &asked).await, "invalid_grant", "when it is granted");
    let (status, tokens) = poll(&rp, &asked).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(polled(&other, &asked).await, "invalid_grant", "after it was redeemed");
    assert_eq!(rp.userinfo(access).await.0, 200);
    assert_eq!(polled(&rp, &asked).await, "invalid_grant");
    assert_eq!(rp.userinfo(access).await.0, 401);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(rp.refused(&form).await, (400, "invalid_grant".to_owned()));
    for unknown in ["", "x", access] {
        let asked =
            Asked { device_code: unknown.to_owned(), user_code: String::new(), body: Value::Null };
        let error = if unknown.is_empty() { "invalid_request" } else { "invalid_grant" };
        assert_eq!(polled(&rp, &asked).await, error, "{unknown}");
    }
}

/// OA-04: of 64 polls at once, on two brokers and a store that runs every closure twice, one gets tokens.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_03_of_many_polls_at_once_one_gets_tokens() {
    let world = World::of_two(7).await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    approve(&world, &wallet, &asked).await;
    let polls = (0..64).map(|_| {
        let (rp, code) = (rp.clone(), asked.device_code.clone());
        tokio::spawn(async move {
            rp.token_request(&[("grant_type", GRANT), ("device_code", &code)]).await
        })
    });
    let mut given = 0;
    for poll in polls.collect::<Vec<_>>() {
        match poll.await.unwrap() {
            (200, _) => given += 1,
            (400, body) => assert_eq!(error_of(&body), "invalid_grant"),
            (503, _) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(given, 1);
}

/// Of several people who type one code, one answers for the device.
#[tokio::test]
async fn tokens_03_a_device_is_answered_once() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    let (mut one, mut two) = (Browser::new(), Browser::new());
    let first = show(&world, &mut one, &wallet, &asked.user_code).await;
    let second = show(&world, &mut two, &wallet, &asked.user_code).await;
    decide(&mut one, &first, "allow").await;
    // Pressing twice leads to the same place.
    let again = decide(&mut one, &first, "deny").await;
    assert!(again.body.contains("id=\"done\""), "{}", again.body);
    let late = two.decide(&second, "allow", &[]).await;
    assert_eq!(late.code().as_deref(), Some("A-1015"), "{}", late.body);
    assert_eq!(polled(&rp, &asked).await, "tokens");
}

/// RFC 8628, 5.4: the link with the code in it fills in nothing and begins nothing; neither does a form of
/// another site.
#[tokio::test]
async fn tokens_03_the_complete_uri_still_asks_for_the_code() {
    let world = World::start().await;
    let rp = program(&world).await;
    let asked = ask_for_profile(&rp).await;
    let complete = asked.body["verification_uri_complete"].as_str().unwrap();
    let mut browser = Browser::new();
    for uri in [complete.to_owned(), format!("{complete}&lang=en")] {
        let page = browser.get(&uri).await;
        assert_eq!((page.status, page.location.as_ref()), (200, None));
        assert!(page.body.contains("id=\"user-code\"") && page.body.contains("device-linked"));
        assert!(page.body.contains("device-only"), "{}", page.body);
        let (first, _) = asked.user_code.split_once('-').unwrap();
        assert!(!page.body.contains(first), "the code is not shown: {}", page.body);
    }
    assert_eq!(browser.login_cookies(), 0);
    // The same answer, whether the code in the link exists or not.
    let strip = |page: Page| page.body;
    let there = strip(browser.get(complete).await);
    let url = format!("{}/device?user_code=BCDF-BCDF", world.origin);
    assert_eq!(strip(browser.get(&url).await), there);

    let url = format!("{}/device", world.origin);
    let own = Browser::new().get(&url).await.form_token();
    for token in ["", "x", own.as_str()] {
        let mut victim = Browser::new();
        victim.get(&url).await;
        for browser in [&mut victim, &mut Browser::new()] {
            let form = [("form_token", token), ("user_code", asked.user_code.as_str())];
            let page = browser.post(&url, &form).await;
            assert_eq!((page.status, page.code().as_deref()), (400, Some("A-1005")), "{token}");
        }
    }
    // However a person writes it, the code is the same.
    let lower = asked.user_code.to_lowercase().replace('-', "");
    let wide: String =
        asked.user_code.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
    let spaced = format!(" {} ", asked.user_code.replace('-', " "));
    for typed in [&lower, &wide, &spaced, &wide.to_lowercase()] {
        begin(&world, &mut Browser::new(), typed).await;
    }
    // The page is in the person's language, and leads nowhere else.
    let page = Browser::new().get(&format!("{url}?lang=en")).await;
    assert!(page.body.contains("Type the code that your device shows"));
    assert!(page.policy.unwrap().contains("form-action 'self';"));
}

/// RFC 8628, 5.4: a login of a device is never `phr`, though the wallet is on the same device, and a
/// session that is does not help.
#[tokio::test]
async fn tokens_03_a_login_of_a_device_is_never_phishing_resistant() {
    let world = World::start().await;
    let (rp, web) = (program(&world).await, world.rp().await);
    let wallet = world.trained_member().await;
    let asked = ask_for_profile(&rp).await;
    let mut browser = approve(&world, &wallet, &asked).await;
    let (_, tokens) = poll(&rp, &asked).await;
    let claims = rp.verify(tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims.get("acr"), None, "{claims:?}");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let (_, refreshed) = rp.token_request(&form).await;
    let claims = rp.verify(refreshed["id_token"].as_str().unwrap()).await;
    assert_eq!(claims.get("acr"), None, "{claims:?}");

    // The browser itself is logged in so, and may use that for itself alone.
    let own = web.request("openid", &[]);
    let page = browser.begin(&own.url, &web).await;
    let location = browser.agree(&page).await;
    let own = web.tokens(&own, &web.code(&own, &location)).await;
    assert_eq!(own.id_token["acr"], "phr");
    let asked = ask_for_profile(&rp).await;
    let page = begin(&world, &mut browser, &asked.user_code).await;
    decide(&mut browser, &page, "allow").await;
    let (_, tokens) = poll(&rp, &asked).await;
    let claims = rp.verify(tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims.get("acr"), None, "{claims:?}");

    let strict = program_with(&world, |add| add.required_acr = Some("phr".to_owned())).await;
    let (status, body) = strict.post("/device_authorization", &[("scope", "openid")]).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "unauthorized_client"));
}

/// The person is asked each time. A consent of before does not answer for a device, and one to a device
/// answers for nothing else.
#[tokio::test]
async fn tokens_03_consent_to_a_device_is_never_remembered() {
    let world = World::start().await;
    let wallet = world.member().await;
    let rp = web_and_device(&world).await;
    let asked = ask_for_profile(&rp).await;
    let mut browser = approve(&world, &wallet, &asked).await;
    assert_eq!(polled(&rp, &asked).await, "tokens");
    let silent = async |browser: &mut Browser| {
        let url = rp.request(SCOPE, &[("prompt", "none")]).url;
        let location = browser.get(&url).await.location.unwrap();
        parameter(&location, "error").unwrap_or_else(|| "code".to_owned())
    };
    assert_eq!(silent(&mut browser).await, "consent_required");
    for _ in 0..2 {
        let asked = ask_for_profile(&rp).await;
        let page = begin(&world, &mut browser, &asked.user_code).await;
        decide(&mut browser, &page, "allow").await;
        assert_eq!(polled(&rp, &asked).await, "tokens");
    }
    assert_eq!(silent(&mut browser).await, "consent_required");
    let begun = browser.get(&rp.request(SCOPE, &[]).url).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    browser.agree(&page).await;
    assert_eq!(silent(&mut browser).await, "code");
    let asked = ask_for_profile(&rp).await;
    let page = begin(&world, &mut browser, &asked.user_code).await;
    let denied = decide(&mut browser, &page, "deny").await;
    assert_eq!(denied.code().as_deref(), Some("A-1013"));
    assert_eq!(silent(&mut browser).await, "code", "the other consent stands");
}

/// A wallet on another device answers for a device too, by the number.
#[tokio::test]
async fn tokens_03_a_wallet_on_another_device_answers_for_a_device() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let asked = ask_for_profile(&rp).await;
    let mut browser = Browser::new();
    let page = begin(&world, &mut browser, &asked.user_code).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    let phone = Browser::new().get(&wallet.present(&link).await.redirect_uri()).await;
    let digits = phone.body.split_once("id=\"match-number\"").unwrap().1;
    let digits = digits.split_once('>').unwrap().1.split_once('<').unwrap().0;
    let entry = browser.get(&page.url).await;
    assert!(entry.body.contains("device-notice"), "{}", entry.body);
    let form = [("form_token", entry.form_token()), ("number", digits.to_owned())];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let typed = browser.post(&format!("{}/number", page.url), &form).await;
    let consent = browser.follow(typed, "nowhere:").await;
    decide(&mut browser, &consent, "allow").await;
    assert_eq!(polled(&rp, &asked).await, "tokens");
}

/// What a grant stands on is asked again when the device redeems it.
#[tokio::test]
async fn tokens_03_what_a_device_gets_stands() {
    for fallen in ["credential", "client"] {
        let world = World::start().await;
        let (rp, wallet) = (program(&world).await, world.member().await);
        let asked = ask_for_profile(&rp).await;
        approve(&world, &wallet, &asked).await;
        if fallen == "credential" {
            world.revoke("affiliation").await;
            assert_eq!(polled(&rp, &asked).await, "invalid_grant");
        } else {
            let waiting = ask_for_profile(&rp).await;
            world.broker.remove_client(&world.act(), &rp.client_id).await.unwrap();
            assert_eq!(poll(&rp, &asked).await.0, 401);
            let id = rp.client_id.clone();
            let again = program_with(&world, |add| add.client_id = Some(id)).await;
            assert_eq!(polled(&again, &asked).await, "invalid_grant", "another registration");
            assert_eq!(polled(&again, &waiting).await, "invalid_grant");
            let page = type_code(&world, &mut Browser::new(), &waiting.user_code).await;
            assert_eq!(page.code().as_deref(), Some("R-4001"), "{}", page.body);
        }
    }
}

/// RFC 7636 in the device grant, as some programs use it: a challenge is checked, and a verifier without
/// one is refused. A wrong verifier uses nothing up.
#[tokio::test]
async fn tokens_03_a_challenge_of_a_device_is_checked() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let verifier = "v".repeat(43);
    let challenge = b64u::encode(sha256(verifier.as_bytes()));
    let with = [
        ("scope", "openid"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let asked = ask(&rp, &with).await;
    approve(&world, &wallet, &asked).await;
    let redeem = async |asked: &Asked, verifier: Option<&str>| {
        let mut form = vec![("grant_type", GRANT), ("device_code", asked.device_code.as_str())];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        rp.token_request(&form).await.0
    };
    let wrong = "w".repeat(43);
    for attempt in [None, Some(wrong.as_str()), Some("short")] {
        assert_eq!(redeem(&asked, attempt).await, 400, "{attempt:?}");
    }
    assert_eq!(redeem(&asked, Some(&verifier)).await, 200);
    let plain = ask(&rp, &[("scope", "openid")]).await;
    approve(&world, &wallet, &plain).await;
    assert_eq!(redeem(&plain, Some(&verifier)).await, 400);
    assert_eq!(redeem(&plain, None).await, 200);
    for (challenge, method) in [
        (challenge.as_str(), Some("plain")),
        (challenge.as_str(), None),
        ("x", Some("S256")),
        ("", Some("S256")),
    ] {
        let mut form = vec![("scope", "openid"), ("code_challenge", challenge)];
        form.extend(method.map(|method| ("code_challenge_method", method)));
        let (status, body) = rp.post("/device_authorization", &form).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_request"), "{method:?}");
    }
}

/// Each wrong request has its error, and none is kept: neither the client's authentication nor a place
/// is used up by it.
#[tokio::test]
async fn tokens_03_a_wrong_request_of_a_device_is_refused() {
    let world = World::start().await;
    let rp = web_and_device(&world).await;
    for (form, error) in [
        (vec![], "invalid_scope"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("scope", "unheard_of")], "invalid_scope"),
        (vec![("scope", "a\"b")], "invalid_scope"),
        (vec![("scope", "openid"), ("scope", "openid")], "invalid_request"),
        (vec![("scope", "openid"), ("resource", "https://elsewhere.example")], "invalid_target"),
        (vec![("scope", "openid"), ("audience", "elsewhere")], "invalid_target"),
        (vec![("scope", "openid"), ("resource", "no-uri")], "invalid_target"),
        (vec![("scope", "openid"), ("max_age", "x")], "invalid_request"),
    ] {
        let (status, body) = rp.post("/device_authorization", &form).await;
        assert_eq!((status, error_of(&body).as_str()), (400, error), "{form:?}");
        assert!(body["error_description"].is_string());
    }
    let login = world.rp().await;
    let (status, body) = login.post("/device_authorization", &[("scope", "openid")]).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "unauthorized_client"));
    let thief = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
    let (status, body) = thief.post("/device_authorization", &[("scope", "openid")]).await;
    assert_eq!((status, error_of(&body).as_str()), (401, "invalid_client"));
    let nobody = Rp { client_id: "nobody".to_owned(), method: "none".to_owned(), ..rp.clone() };
    let (status, body) = nobody.post("/device_authorization", &[("scope", "openid")]).await;
    assert_eq!((status, error_of(&body).as_str()), (401, "invalid_client"));

    // Several targets may be named, if they are known. Our own is.
    let own = world.origin.as_str();
    ask(&rp, &[("scope", "openid"), ("resource", own), ("resource", own), ("audience", own)]).await;
    let url = format!("{own}/device_authorization");
    let http = http();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    let typed = http.post(&url).json(&json!({"scope": "openid"})).send().await.unwrap();
    assert_eq!(typed.status(), 415);
    let form = [("client_id", rp.client_id.as_str()), ("scope", "openid")];
    let right = http
        .post(&url)
        .header("origin", "http://127.0.0.1:4000")
        .basic_auth(&rp.client_id, rp.secret.as_ref())
        .form(&form);
    let right = right.send().await.unwrap();
    assert_eq!(right.status(), 200);
    assert_eq!(right.headers()["cache-control"], "no-store");
    assert_eq!(right.headers()["access-control-allow-origin"], "http://127.0.0.1:4000");
}

/// RFC 8707: a device asks for tokens for other servers, the person sees for which, and each token is for
/// one of them.
#[tokio::test]
async fn tokens_03_a_device_gets_tokens_for_other_servers() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    for id in ["store", "slurm"] {
        world.resource(id, &rp, json!({"format": "jwt"})).await;
    }
    let [store, slurm] = ["store", "slurm"].map(|id| ("resource", format!("https://{id}.example")));
    let asked = ask(&rp, &[("scope", SCOPE), (store.0, &store.1), (slurm.0, &slurm.1)]).await;
    let mut browser = Browser::new();
    let page = show(&world, &mut browser, &wallet, &asked.user_code).await;
    decide(&mut browser, &page, "allow").await;
    assert_eq!(polled(&rp, &asked).await, "invalid_target", "it names none of the two");
    let form = [("grant_type", GRANT), ("device_code", &asked.device_code), (store.0, &store.1)];
    let (status, tokens) = rp.token_request(&form).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    let claims = b64u::decode(access.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], store.1);
    assert_eq!(rp.userinfo(access).await.0, 401);
    // A resource of another client is not known to this one.
    let other = program(&world).await;
    let (status, body) =
        other.post("/device_authorization", &[("scope", "openid"), (store.0, &store.1)]).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_target"));
}

/// The broker as it answers a peer at this address.
async fn send(world: &World, from: &str, request: Request<Body>) -> Response<Body> {
    let address: IpAddr = from.parse().unwrap();
    let router = sekisho_web::router(world.broker.clone());
    router.layer(Extension(PeerAddress(address))).oneshot(request).await.unwrap()
}

async fn body_of(answer: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn form(world: &World, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    Request::post(path)
        .header("host", world.origin.trim_start_matches("http://"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(Body::from(text.finish()))
        .unwrap()
}

/// Types a code at this address; returns the status, `Retry-After` and the page.
async fn type_from(world: &World, from: &str, code: &str) -> (u16, Option<String>, String) {
    let page = Request::get("/device").header("host", "x").body(Body::empty()).unwrap();
    let page = send(world, from, page).await;
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = body_of(page).await;
    let token = page.split_once("name=\"form_token\" value=\"").unwrap().1;
    let token = token.split_once('"').unwrap().0.to_owned();
    let fields = [("form_token", token.as_str()), ("user_code", code)];
    let answer = send(world, from, form(world, "/device", &cookie, &fields)).await;
    let retry = answer.headers().get("retry-after");
    let retry = retry.map(|after| after.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry, body_of(answer).await)
}

fn wrong_code(number: usize) -> String {
    let letters: Vec<char> = "BCDFGHJKLMNPQRSTVWXZ".chars().collect();
    let code = [7, 3, 11, 19, number / 20, number % 20, 5, 2].map(|place| letters[place % 20]);
    code.iter().collect()
}

/// RFC 8628, 5.1: 100 wrong codes a minute find none. An address that was wrong too often waits, and so
/// does everybody once too many were wrong in all; then even the right code is not looked at.
#[tokio::test]
async fn tokens_03_codes_of_devices_are_not_guessed() {
    let world = World::start().await;
    let rp = program(&world).await;
    let asked = ask_for_profile(&rp).await;
    let one = "192.0.2.1";
    for turn in 0..5 {
        let (status, _, page) = type_from(&world, one, &wrong_code(turn)).await;
        assert!(status == 400 && page.contains("A-1015"), "{status} {page}");
    }
    for code in [wrong_code(5), asked.user_code.clone(), "not a code".to_owned()] {
        let (status, retry, page) = type_from(&world, one, &code).await;
        assert_eq!((status, retry.as_deref()), (429, Some("60")), "{code}");
        assert!(page.contains("A-1016") && page.contains("error-again"), "{page}");
    }
    assert_eq!(type_from(&world, "192.0.2.2", &asked.user_code).await.0, 303);
    world.clock.advance(59);
    let (status, retry, _) = type_from(&world, one, &asked.user_code).await;
    assert_eq!((status, retry.as_deref()), (429, Some("1")));
    world.clock.advance(1);
    assert_eq!(type_from(&world, one, &asked.user_code).await.0, 303);
    // The right code costs nothing.
    for _ in 0..20 {
        assert_eq!(type_from(&world, one, &asked.user_code).await.0, 303);
    }
    let (mut looked_at, mut refused) = (0, 0);
    for turn in 0..100 {
        let from = format!("198.51.100.{turn}");
        match type_from(&world, &from, &wrong_code(turn)).await.0 {
            400 => looked_at += 1,
            429 => refused += 1,
            status => panic!("{status}"),
        }
    }
    assert_eq!((looked_at, refused), (60, 40));
    assert_eq!(type_from(&world, "203.0.113.1", &asked.user_code).await.0, 429);
    world.clock.advance(60);
    assert_eq!(type_from(&world, "203.0.113.1", &asked.user_code).await.0, 303);
}

/// Tries that race count like tries one after the other, and without addresses all count together.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_03_guesses_that_race_are_bounded() {
    let world = World::start().await;
    let rp = program(&world).await;
    let asked = ask_for_profile(&rp).await;
    let url = format!("{}/device", world.origin);
    let mut browser = Browser::new();
    let token = browser.get(&url).await.form_token();
    let tries = (0..100).map(|turn| {
        let (mut browser, url, token) = (browser.clone(), url.clone(), token.clone());
        tokio::spawn(async move {
            let code = wrong_code(turn);
            let form = [("form_token", token.as_str()), ("user_code", code.as_str())];
            browser.post(&url, &form).await.status
        })
    });
    let mut looked_at = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            400 => looked_at += 1,
            429 => {}
            status => panic!("{status}"),
        }
    }
    assert_eq!(looked_at, 60);
    let page = type_code(&world, &mut Browser::new(), &asked.user_code).await;
    assert_eq!((page.status, page.code().as_deref()), (429, Some("A-1016")));
}

/// A flood of requests from one address fills the places of that address alone. Those that wait are not
/// driven out, and an answered one makes room.
#[tokio::test]
async fn tokens_03_waiting_devices_are_bounded_and_none_is_driven_out() {
    let world = World::start().await;
    let (rp, wallet) = (program(&world).await, world.member().await);
    let from = async |from: &str| {
        let fields = [("client_id", rp.client_id.as_str()), ("scope", SCOPE)];
        let request = form(&world, "/device_authorization", "", &fields);
        let answer = send(&world, from, request).await;
        let (status, retry) = (answer.status(), answer.headers().contains_key("retry-after"));
        let body: Value = serde_json::from_str(&body_of(answer).await).unwrap();
        (status.as_u16(), retry, body)
    };
    let (status, _, first) = from("192.0.2.1").await;
    assert_eq!(status, 200, "{first}");
    for _ in 1..32 {
        assert_eq!(from("192.0.2.1").await.0, 200);
    }
    for _ in 0..3 {
        let (status, retry, body) = from("192.0.2.1").await;
        assert_eq!((status, error_of(&body).as_str()), (503, "temporarily_unavailable"));
        assert!(retry, "it says when to try again");
    }
    assert_eq!(from("192.0.2.2").await.0, 200, "another address");
    let text = |name: &str| first[name].as_str().unwrap().to_owned();
    let first =
        Asked { device_code: text("device_code"), user_code: text("user_code"), body: Value::Null };
    assert_eq!(polled(&rp, &first).await, "authorization_pending", "the eldest waits on");
    approve(&world, &wallet, &first).await;
    assert_eq!(polled(&rp, &first).await, "tokens");
    assert_eq!(from("192.0.2.1").await.0, 200, "its place is free");
    assert_eq!(from("192.0.2.1").await.0, 503);
    world.clock.advance(600);
    assert_eq!(from("192.0.2.1").await.0, 200, "the others have expired");
}
