//! The authorization endpoint refuses bad requests: with a page if the browser must not be
//! redirected, else with an error at the redirect URI. A refused request stores nothing.

use sekisho_tests::{Browser, Rp, World, parameter};
use serde_json::{Value, json};

sekisho_store::table!(/// The logins, to be counted.
    Logins = "logins_2": sekisho_ambient::HandleKey => Value);

/// The URL of a good request, with some parameters replaced. An empty value removes the parameter.
fn changed(rp: &Rp, changes: &[(&str, &str)]) -> String {
    let good = url::Url::parse(&rp.plain_request().url).unwrap();
    let mut pairs: Vec<(String, String)> = good.query_pairs().into_owned().collect();
    for (name, value) in changes {
        pairs.retain(|(found, _)| found != name);
        if !value.is_empty() {
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let mut url = good.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

async fn logins(world: &World) -> usize {
    world.broker.site().store().scan::<Logins>(std::ops::Bound::Unbounded, 100).await.unwrap().len()
}

/// AUTH-2, AUTH-3, OA-14, GEN-19: without a known client and a registered redirect URI, the browser
/// is never redirected.
#[tokio::test]
async fn an_unknown_client_or_redirect_uri_is_a_page_and_never_a_redirect() {
    let world = World::start().await;
    let rp = world.rp().await;
    for (changes, code) in [
        (vec![("client_id", "nobody")], "R-4001"),
        (vec![("client_id", "")], "R-4001"),
        (vec![("redirect_uri", "https://evil.example/callback")], "R-4002"),
        (vec![("redirect_uri", "http://127.0.0.1:4000/callback/")], "R-4002"),
        (vec![("redirect_uri", "http://127.0.0.1:4000/callback?x=1")], "R-4002"),
        (vec![("redirect_uri", "http://127.0.0.1:4000/CALLBACK")], "R-4002"),
        (vec![("redirect_uri", "http://127.0.0.1:4000@evil.example/callback")], "R-4002"),
        (vec![("redirect_uri", "http://localhost:4000/callback")], "R-4002"),
    ] {
        let page = Browser::new().get(&changed(&rp, &changes)).await;
        assert_eq!(page.code().as_deref(), Some(code), "{changes:?}: {}", page.body);
        assert_eq!((page.location, page.status), (None, 400), "{changes:?}");
    }
    let twice = format!("{}&client_id={}", rp.plain_request().url, rp.client_id);
    assert_eq!(Browser::new().get(&twice).await.location, None);
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", rp.plain_request().url);
    assert_eq!(Browser::new().get(&twice).await.location, None);
    assert_eq!(logins(&world).await, 0);
}

/// AUTH-4, AUTH-6, AUTH-11, GEN-4, OA-16, OA-32: every other fault has its own error code at the
/// redirect URI, with `state` and `iss`.
#[tokio::test]
async fn every_other_fault_is_an_error_at_the_redirect_uri() {
    let world = World::start().await;
    let rp = world.rp().await;
    let details = |value: serde_json::Value| value.to_string();
    let gpu = |service: &str| json!({"type": "gpu_access", "service": service, "actions": ["submit"], "gpus": 1});
    let unknown = details(json!([{"type": "payment"}]));
    let other = details(json!([gpu("another")]));
    let several = details(json!([gpu("console"), gpu("console")]));
    let no_list = details(gpu("console"));
    let many = details(
        json!([{"type": "gpu_access", "service": "console", "actions": ["submit"], "gpus": "8"}]),
    );
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("scope", "openid \"")], "invalid_scope"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("max_age", "soon")], "invalid_request"),
        (vec![("request", "eyJ.e30.")], "request_not_supported"),
        (vec![("request_uri", "https://rp.example/r")], "request_uri_not_supported"),
        (vec![("registration", "{}")], "registration_not_supported"),
        (vec![("authorization_details", "not json")], "invalid_authorization_details"),
        (vec![("authorization_details", &unknown)], "invalid_authorization_details"),
        (vec![("authorization_details", &other)], "invalid_authorization_details"),
        (vec![("authorization_details", &several)], "invalid_authorization_details"),
        (vec![("authorization_details", &no_list)], "invalid_authorization_details"),
        (vec![("authorization_details", &many)], "invalid_authorization_details"),
        (vec![("prompt", "none")], "login_required"),
    ] {
        let url = changed(&rp, &changes);
        let location = Browser::new().get(&url).await.location.unwrap_or_default();
        assert!(location.starts_with(&rp.redirect_uri), "{changes:?}: {location}");
        assert_eq!(parameter(&location, "error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(parameter(&location, "state"), parameter(&url, "state"), "{changes:?}");
        assert_eq!(parameter(&location, "iss").as_ref(), Some(&world.origin), "{changes:?}");
        assert_eq!(parameter(&location, "code"), None, "{changes:?}");
    }
    let twice = format!("{}&scope=openid", rp.plain_request().url);
    let location = Browser::new().get(&twice).await.location.unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_request"));
    assert_eq!(logins(&world).await, 0);
}

/// AUTH-31: a public client must use PKCE.
#[tokio::test]
async fn a_public_client_without_pkce_is_refused() {
    let world = World::start().await;
    let rp = world.rp_with(|add| "none".clone_into(&mut add.token_endpoint_auth_method)).await;
    let url = changed(&rp, &[("code_challenge", ""), ("code_challenge_method", "")]);
    let location = Browser::new().get(&url).await.location.unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_request"));
    let confidential = world.rp().await;
    let url = changed(&confidential, &[("code_challenge", ""), ("code_challenge_method", "")]);
    assert_eq!(Browser::new().begin(&url, &confidential).await.status, 200);
}

/// AUTH-7: scopes beyond the registration are left out, and details without their scope are
/// refused.
#[tokio::test]
async fn a_client_gets_no_further_than_its_registration() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.scopes = vec!["openid".to_owned()]).await;
    let asked = rp.plain_request();
    let tokens = Browser::new().log_in(&world.member().await, &asked, &rp).await;
    assert_eq!(tokens.body["scope"], "openid");
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo, json!({"sub": tokens.id_token["sub"]}));
    let details =
        json!([{"type": "gpu_access", "service": "console", "actions": ["submit"], "gpus": 1}]);
    let asked = rp.request("openid", &[("authorization_details", &details.to_string())]);
    let location = Browser::new().get(&asked.url).await.location.unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_authorization_details"));
}

/// AUTH-7: Without the scope `openid` a request is plain OAuth: it gives no ID token, and userinfo
/// refuses its access token.
#[tokio::test]
async fn without_openid_there_is_no_id_token_and_no_userinfo() {
    let world = World::start().await;
    let rp = world.rp().await;
    let asked = rp.request("profile", &[]);
    let location = Browser::new().answer_of(&world.member().await, &asked, &rp).await;
    let (status, body) = rp.redeem(&asked, &rp.code(&asked, &location)).await;
    assert_eq!((status, &body["id_token"]), (200, &serde_json::Value::Null));
    assert_eq!(rp.userinfo(body["access_token"].as_str().unwrap()).await.0, 403);
}

/// AUTH-1: Core, 3.1.2.1: a request may be sent by GET or by POST.
#[tokio::test]
async fn a_request_may_be_posted() {
    let world = World::start().await;
    let rp = world.rp().await;
    let url = url::Url::parse(&rp.plain_request().url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let form: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let mut browser = Browser::new();
    let begun = browser.post(&format!("{}/authorize", world.origin), &form).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    assert!(page.body.contains("id=\"wallet-open\""));
}

/// AUTH-20, AUTH-21, AUTH-22, OI-06: `prompt` and `max_age` decide whether a live session and a
/// remembered consent may answer.
#[tokio::test]
async fn a_session_answers_only_what_it_may() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;

    // No page is needed, because the consent is remembered.
    let silent = rp.request("openid profile", &[("prompt", "none")]);
    let location = browser.get(&silent.url).await.location.unwrap();
    rp.code(&silent, &location);

    // These are more scopes than the person agreed to: consent is asked for, or without a page the
    // error says so.
    let more = rp.request("openid profile organization email", &[("prompt", "none")]);
    let location = browser.get(&more.url).await.location.unwrap();
    let error = parameter(&location, "error").unwrap();
    assert!(["consent_required", "login_required"].contains(&error.as_str()), "{error}");

    let consent = rp.request("openid profile", &[("prompt", "consent")]);
    let page = browser.begin(&consent.url, &rp).await;
    assert!(page.body.contains("consent-allow"));

    for fresh in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0")] {
        let asked = rp.request("openid profile", &[fresh]);
        let page = browser.begin(&asked.url, &rp).await;
        assert!(page.body.contains("id=\"wallet-open\""), "{fresh:?}");
    }
    world.clock.advance(120);
    let recent = rp.request("openid profile", &[("max_age", "60")]);
    assert!(browser.begin(&recent.url, &rp).await.body.contains("id=\"wallet-open\""));
    let lenient = rp.request("openid profile", &[("max_age", "600")]);
    let location = browser.get(&lenient.url).await.location.unwrap();
    let tokens = rp.tokens(&lenient, &rp.code(&lenient, &location)).await;
    assert_eq!(tokens.id_token["auth_time"], json!(sekisho_tests::NOW.unix()));
}

/// Single sign-on: a session also serves another service, after a consent for that service.
#[tokio::test]
async fn one_login_serves_two_services() {
    let world = World::start().await;
    let (one, two) = (world.rp().await, world.rp().await);
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let first = browser.log_in(&wallet, &one.plain_request(), &one).await;
    let expected = two.plain_request();
    let page = browser.begin(&expected.url, &two).await;
    let location = browser.agree(&page).await;
    let second = two.tokens(&expected, &two.code(&expected, &location)).await;
    assert_eq!(first.id_token["sid"], second.id_token["sid"]);
    assert_eq!(first.id_token["auth_time"], second.id_token["auth_time"]);
    assert_ne!(first.access_token, second.access_token);
}
