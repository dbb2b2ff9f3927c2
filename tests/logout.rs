//! Logout at the request of a relying party: which session it may end, and where the browser goes
//! then.

use sekisho_ambient::Entropy;
use sekisho_jose::{Algorithm, Header, SigningKey, b64u};
use sekisho_tests::{Browser, Page, Rp, World, parameter};

const BYE: &str = "http://127.0.0.1:4000/bye?from=sekisho";

async fn rp(world: &World) -> Rp {
    world.rp_with(|add| add.post_logout_redirect_uris = vec![BYE.to_owned()]).await
}

fn url(world: &World, parameters: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&format!("{}/logout", world.origin)).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

/// Logs in; returns the browser and the ID token.
async fn logged_in(world: &World, rp: &Rp) -> (Browser, String) {
    let mut browser = Browser::new();
    let tokens = browser.log_in(&world.member().await, &rp.plain_request(), rp).await;
    (browser, tokens.body["id_token"].as_str().unwrap().to_owned())
}

async fn is_logged_in(browser: &mut Browser, rp: &Rp) -> bool {
    let silent = rp.request("openid profile organization", &[("prompt", "none")]);
    let location = browser.get(&silent.url).await.location.unwrap();
    match parameter(&location, "error").as_deref() {
        None => true,
        Some("login_required") => false,
        Some(other) => panic!("{other}"),
    }
}

/// The page with the question, after following redirects within the broker.
async fn question(browser: &mut Browser, url: &str) -> Page {
    let page = browser.get(url).await;
    let page = browser.follow(page, "http://127.0.0.1:4000").await;
    assert!(page.body.contains("id=\"logout-yes\""), "{} {}", page.url, page.body);
    page
}

async fn decide(browser: &mut Browser, page: &Page, decision: &str) -> Page {
    let token = page.form_token();
    browser.post(&page.url, &[("form_token", &token), ("decision", decision)]).await
}

/// OUT-1, OUT-3: with an ID token of this session as hint, no question is asked, and `state` comes
/// back unchanged.
#[tokio::test]
async fn a_session_ends_at_the_wish_of_its_client() {
    let world = World::start().await;
    let rp = rp(&world).await;
    let (mut browser, hint) = logged_in(&world, &rp).await;
    assert!(is_logged_in(&mut browser, &rp).await);
    let asked = url(
        &world,
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "s t&ä")],
    );
    let page = browser.get(&asked).await;
    assert_eq!(page.status, 303);
    let location = page.location.unwrap();
    assert!(location.starts_with(BYE), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some("s t&ä"));
    assert!(!is_logged_in(&mut browser, &rp).await);
    // A second request finds no session to end, and sends the browser back in the same way.
    assert!(browser.get(&asked).await.location.unwrap().starts_with(BYE));
}

/// OUT-1: the request may be a POST from the client's own site, and the hint may have expired.
#[tokio::test]
async fn a_form_and_an_old_hint_will_do() {
    let world = World::start().await;
    let rp = rp(&world).await;
    let (mut browser, hint) = logged_in(&world, &rp).await;
    world.clock.advance(3600);
    let form = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)];
    let page = browser.post(&format!("{}/logout", world.origin), &form).await;
    assert_eq!(page.status, 303);
    let page = browser.follow(page, BYE).await;
    assert_eq!(page.location.as_deref(), Some(BYE));
    assert!(!is_logged_in(&mut browser, &rp).await);
}

/// OUT-2, OI-02: without a hint the person is asked. Only "yes" with the form's token logs out.
#[tokio::test]
async fn without_a_hint_the_person_is_asked() {
    let world = World::start().await;
    let rp = rp(&world).await;
    let (mut browser, _) = logged_in(&world, &rp).await;
    for parameters in [vec![], vec![("state", "s")], vec![("post_logout_redirect_uri", BYE)]] {
        let page = question(&mut browser, &url(&world, &parameters)).await;
        assert!(is_logged_in(&mut browser, &rp).await, "a GET alone ends nothing");
        let stayed = decide(&mut browser, &page, "no").await;
        assert_eq!((stayed.status, stayed.location), (200, None));
    }
    let page = question(&mut browser, &url(&world, &[])).await;
    let forged = [("form_token", "forged"), ("decision", "yes")];
    assert_eq!(browser.post(&page.url, &forged).await.code().as_deref(), Some("A-1005"));
    assert!(is_logged_in(&mut browser, &rp).await);

    // The request names no client, so the browser is not sent to one.
    let page = question(&mut browser, &url(&world, &[("post_logout_redirect_uri", BYE)])).await;
    let done = decide(&mut browser, &page, "yes").await;
    assert_eq!(done.location.unwrap(), format!("{}/logout/done", world.origin));
    assert!(!is_logged_in(&mut browser, &rp).await);
    assert_eq!(browser.get(&format!("{}/logout/done", world.origin)).await.status, 200);

    // The request names its client, so the browser goes there once the person agreed.
    let (mut browser, _) = logged_in(&world, &rp).await;
    let named = [("client_id", rp.client_id.as_str()), ("post_logout_redirect_uri", BYE)];
    let page = question(&mut browser, &url(&world, &named)).await;
    assert!(page.policy.as_ref().unwrap().contains("http://127.0.0.1:4000"));
    assert_eq!(decide(&mut browser, &page, "yes").await.location.as_deref(), Some(BYE));
}

/// OI-01, OUT-2: a hint that we did not sign redirects no browser and ends no session without a
/// question.
#[tokio::test]
async fn a_forged_hint_is_no_hint() {
    let world = World::start().await;
    let rp = rp(&world).await;
    let (mut browser, hint) = logged_in(&world, &rp).await;
    let payload = hint.split('.').nth(1).unwrap();
    let none = format!("{}.{payload}.", b64u::encode(r#"{"alg":"none","typ":"JWT"}"#));
    let key = SigningKey::generate(Algorithm::Rs256, &Entropy::system()).unwrap();
    let claims = b64u::decode(payload).unwrap();
    let claims: sekisho_jose::Claims = serde_json::from_slice(&claims).unwrap();
    let foreign = sekisho_jose::sign(&key, &Header::for_key(&key, "JWT"), &claims).unwrap();
    let cut = hint[..hint.len() - 4].to_owned();
    for forged in [none, foreign, cut, "x".to_owned()] {
        let parameters = [
            ("id_token_hint", forged.as_str()),
            ("client_id", rp.client_id.as_str()),
            ("post_logout_redirect_uri", BYE),
        ];
        let page = question(&mut browser, &url(&world, &parameters)).await;
        assert!(is_logged_in(&mut browser, &rp).await);
        let done = decide(&mut browser, &page, "yes").await.location.unwrap();
        assert!(done.ends_with("/logout/done"), "{done}");
        (browser, _) = logged_in(&world, &rp).await;
    }
}

/// OI-01, OA-19: if the hint belongs to another session, the person is asked.
#[tokio::test]
async fn another_sessions_hint_needs_the_persons_word() {
    let world = World::start().await;
    let rp = rp(&world).await;
    let (_, other) = logged_in(&world, &rp).await;
    let (mut browser, _) = logged_in(&world, &rp).await;
    let parameters = [("id_token_hint", other.as_str()), ("post_logout_redirect_uri", BYE)];
    question(&mut browser, &url(&world, &parameters)).await;
    assert!(is_logged_in(&mut browser, &rp).await);
}

/// OUT-1, OUT-2, OI-02: a URI that is not registered for this client, even by one character, is an
/// error, and the session stays.
#[tokio::test]
async fn only_a_registered_uri_of_this_client_is_gone_to() {
    let world = World::start().await;
    let (rp, other) = (rp(&world).await, world.rp().await);
    let (mut browser, hint) = logged_in(&world, &rp).await;
    for wrong in [
        "http://127.0.0.1:4000/bye",
        "http://127.0.0.1:4000/bye?from=sekisho&x=1",
        "http://127.0.0.1:4001/bye?from=sekisho",
        "http://127.0.0.1:4000/callback",
        "https://evil.test/",
        "javascript:alert(1)",
    ] {
        let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", wrong)];
        let page = browser.get(&url(&world, &parameters)).await;
        assert_eq!((page.status, page.code().as_deref()), (400, Some("R-4002")), "{wrong}");
    }
    let parameters = [("id_token_hint", hint.as_str()), ("client_id", other.client_id.as_str())];
    assert_eq!(browser.get(&url(&world, &parameters)).await.code().as_deref(), Some("R-4006"));
    let twice = [("state", "a"), ("state", "b"), ("id_token_hint", hint.as_str())];
    assert_eq!(browser.get(&url(&world, &twice)).await.code().as_deref(), Some("R-4006"));
    let unknown = [("client_id", "nobody"), ("post_logout_redirect_uri", BYE)];
    assert_eq!(browser.get(&url(&world, &unknown)).await.code().as_deref(), Some("R-4001"));
    assert!(is_logged_in(&mut browser, &rp).await);
}
