//! Promises that did not hold for somebody from outside, each by the number under which it was
//! written down: a login keeps its word.

use sekisho_broker::admin::RotateKey;
use sekisho_openid4vp::response;
use sekisho_profile::lifetimes::KEY_DOCUMENTS;
use sekisho_tests::{Browser, Page, World, http, parameter};

fn rows(world: &World) -> u64 {
    std::fs::metadata(world.dir.path().join("sekisho.redb")).unwrap().len()
}

/// Strangers who ask for logins leave no row and no entry in the log, whatever the size of the
/// request; what is too large for a cookie has a bound.
#[tokio::test]
async fn word_04_strangers_leave_nothing_durable() {
    let world = World::start().await;
    let rp = world.rp().await;
    let url = |fat: &str| rp.request("openid", &[("login_hint", fat)]).url;
    Browser::new().get(&url("first")).await;
    let (size, records) = (rows(&world), world.broker.audit_tail(None, 1000).await.unwrap().len());
    for turn in 0..300 {
        let fat = "s".repeat(if turn % 2 == 0 { 40 } else { 1500 });
        let begun = http().get(url(&fat)).send().await.unwrap();
        assert_eq!(begun.status(), 303);
    }
    assert_eq!(world.broker.audit_tail(None, 1000).await.unwrap().len(), records);
    assert_eq!(rows(&world), size);

    let wallet = world.member().await;
    let link = Browser::new().begin(&url("x"), &rp).await.link("wallet-open");
    let request = wallet.open(&link).await;
    let records = world.broker.audit_tail(None, 1000).await.unwrap().len();
    for _ in 0..4 {
        let lie = [("affiliation".to_owned(), vec!["x".to_owned()])];
        assert_eq!(wallet.send(&request, &lie.into()).await.status, 400);
    }
    assert_eq!(world.broker.audit_tail(None, 1000).await.unwrap().len(), records);
}

/// A request that is too large for a cookie works, and there is a bound to how many are kept. At the
/// bound new ones are refused, and those that are kept go on.
#[tokio::test]
async fn word_04_large_requests_are_kept_up_to_a_bound() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let large = || rp.request("openid", &[("login_hint", &"s".repeat(4000))]);
    let mut browser = Browser::new();
    let expected = large();
    let page = browser.begin(&expected.url, &rp).await;
    let mut refused = None;
    for turn in 0..2_000 {
        let begun = http().get(large().url).send().await.unwrap();
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        if let Some(error) = parameter(&location, "error") {
            assert_eq!(error, "temporarily_unavailable");
            refused = Some(turn);
            break;
        }
    }
    assert!(refused.is_some_and(|turn| turn < 1_100), "{refused:?}");
    // A small one is not refused, and the one from before goes on.
    Browser::new().begin(&rp.plain_request().url, &rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    let back = browser.get(&answer.redirect_uri()).await;
    let consent = browser.follow(back, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    rp.tokens(&expected, &rp.code(&expected, &location)).await;
    // The places are free again when the logins are over.
    world.clock.advance(601);
    let begun = http().get(large().url).send().await.unwrap();
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(parameter(&location, "error"), None);
}

/// The link in the QR code stays short.
#[tokio::test]
async fn word_04_a_qr_code_is_short() {
    let world = World::start().await;
    let rp = world.rp().await;
    let scope = "openid profile email organization training gpu_access offline_access";
    let page = Browser::new().begin(&rp.request(scope, &[]).url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    assert!(link.len() < 300, "{} characters: {link}", link.len());
}

/// The key that signs requests is rotated while a login page is open.
#[tokio::test]
async fn word_13_an_open_login_outlives_a_rotation_of_the_request_key() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    world.clock.advance(2 * KEY_DOCUMENTS);
    world.broker.sweep_keys().await.unwrap();
    wallet.now = world.broker.site().clock().now();
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let link = page.link("wallet-open");
    let before = wallet.open(&link).await;
    let rotate = RotateKey {
        resource: None,
        purpose: "request-object".to_owned(),
        organization: None,
        algorithm: None,
        compromised: false,
    };
    world.broker.rotate_key(&world.act(), &rotate).await.unwrap();
    // The page is loaded again, and the wallet fetches the request only now.
    assert_eq!(browser.get(&page.url).await.link("wallet-open"), link);
    let after = wallet.open(&link).await;
    assert_eq!(before.client_id(), after.client_id());
    let back = browser.get(&wallet.present(&link).await.redirect_uri()).await;
    assert!(back.location.unwrap().contains("/consent/"));
    // A login that begins now uses the new key.
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    assert_ne!(wallet.open(&page.link("wallet-open")).await.client_id(), before.client_id());
}

/// A compromised key signs nothing more. The waiting page says so and offers a new request.
#[tokio::test]
async fn word_13_a_compromised_request_key_signs_no_open_login() {
    let world = World::start().await;
    let rp = world.rp().await;
    world.clock.advance(2 * KEY_DOCUMENTS);
    world.broker.sweep_keys().await.unwrap();
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let uri = parameter(&page.link("wallet-open"), "request_uri").unwrap();
    let rotate = RotateKey {
        resource: None,
        purpose: "request-object".to_owned(),
        organization: None,
        algorithm: None,
        compromised: true,
    };
    world.broker.rotate_key(&world.act(), &rotate).await.unwrap();
    assert_ne!(http().get(&uri).send().await.unwrap().status(), 200);
    let page = browser.get(&page.url).await;
    assert!(page.body.contains("login-renew") && !page.body.contains("id=\"wallet-open\""));
    let token = page.form_token();
    let again = browser.post(&format!("{}/renew", page.url), &[("form_token", &token)]).await;
    let fresh = browser.follow(again, &rp.redirect_uri).await;
    assert!(fresh.body.contains("id=\"wallet-open\""));
}

/// A finished login has a page of its own, in the tab that waited.
#[tokio::test]
async fn word_14_the_waiting_tab_says_that_the_login_is_done() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let expected = rp.plain_request();
    let page = browser.begin(&expected.url, &rp).await;
    let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
    let waits = browser.get(&page.url).await;
    assert!(waits.body.contains("login-renew") && waits.body.contains("login-cancel"));
    let first = browser.get(&back).await;
    let consent = browser.follow(first, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let done = browser.get(&page.url).await;
    assert_eq!((done.status, done.code()), (200, None), "{}", done.body);
    assert!(done.body.contains("id=\"done\"") && !done.body.contains("error="));
    // The way back, and the consent page, opened once more.
    assert_eq!(browser.get(&back).await.location.as_ref(), Some(&location));
    let page = browser.get(&consent.url).await;
    assert!(browser.follow(page, &rp.redirect_uri).await.body.contains("id=\"done\""));
    rp.tokens(&expected, &rp.code(&expected, &location)).await;
}

/// A number that was typed twice leads to the same place twice.
#[tokio::test]
async fn word_14_a_right_number_is_right_again() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    let phone = wallet.present(&link).await.redirect_uri();
    let number = number_on(&Browser::new().get(&phone).await);
    let entry = browser.get(&page.url).await;
    let token = entry.form_token();
    let form = [("form_token", token.as_str()), ("number", number.as_str())];
    let url = format!("{}/number", page.url);
    let first = browser.post(&url, &form).await.location.unwrap();
    assert_eq!(browser.post(&url, &form).await.location.as_ref(), Some(&first));
    let wrong = [("form_token", token.as_str()), ("number", "x")];
    assert_eq!(browser.post(&url, &wrong).await.code().as_deref(), Some("A-1004"));
}

fn number_on(page: &Page) -> String {
    let after = page.body.split_once("id=\"match-number\"").unwrap().1;
    let (number, _) = after.split_once('>').unwrap().1.split_once('<').unwrap();
    number.to_owned()
}

/// The wallet opens another browser than the one that began. If the client allows other devices, the
/// person goes on by a number; such a login is not phishing-resistant.
#[tokio::test]
async fn word_16_another_browser_names_the_one_that_waits() {
    let world = World::start().await;
    let rp = world.rp().await;
    let strict = world.rp_with(|add| add.cross_device = false).await;
    let wallet = world.member().await;

    let mut browser = Browser::new();
    let page = browser.begin(&strict.plain_request().url, &strict).await;
    let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
    let other = Browser::new().get(&back).await;
    assert_eq!(other.code().as_deref(), Some("A-1005"), "{}", other.body);
    assert!(!other.body.contains("match-number"));

    let mut browser = Browser::named("Mozilla/5.0 (iPhone) Version/18.0 Mobile Safari/604.1");
    let expected = rp.plain_request();
    let page = browser.begin(&expected.url, &rp).await;
    let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
    let mut stranger = Browser::new();
    let wrong = back.replace("response_code=AAAA", "response_code=BBBB");
    assert!(!stranger.get(&wrong).await.body.contains("match-number"));
    let other = stranger.get(&back).await;
    assert!(other.body.contains("Safari (iPhone)"), "{}", other.body);
    assert_eq!(number_on(&stranger.get(&back).await), number_on(&other), "asked for twice");
    let entry = browser.get(&page.url).await;
    let (token, number) = (entry.form_token(), number_on(&other));
    let form = [("form_token", token.as_str()), ("number", number.as_str())];
    let right = browser.post(&format!("{}/number", page.url), &form).await;
    let consent = browser.follow(right, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
    assert_eq!(tokens.id_token.get("acr"), None);
}

/// A refused answer is shown on the waiting page with its reason; after the fifth a new request is
/// offered.
#[tokio::test]
async fn word_17_a_refused_answer_is_shown_where_the_person_waits() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    world.revoke("affiliation").await;
    let link = page.link("wallet-open");
    let request = wallet.open(&link).await;
    for turn in 1..=5 {
        let answer = wallet.send(&request, &wallet.presentations(&request)).await;
        assert_eq!(answer.code(), "C-2001");
        let shown = browser.get(&page.url).await;
        assert!(shown.body.contains("id=\"refused\"") && shown.body.contains("C-2001"));
        assert_eq!(shown.body.contains("id=\"wallet-open\""), turn < 5, "{turn}");
        assert!(shown.body.contains("login-renew"));
    }
    let uri = parameter(&link, "request_uri").unwrap();
    let ended = http().get(&uri).send().await.unwrap();
    assert!(ended.text().await.unwrap().contains("A-1009"));
    let offer =
        world.offer(sekisho_tests::TENANT, "affiliation", sekisho_tests::affiliation()).await;
    wallet.held.clear();
    wallet.accept(&offer.uri, None).await;
    let expired = browser.get(&page.url).await;
    let token = expired.form_token();
    let again = browser.post(&format!("{}/renew", page.url), &[("form_token", &token)]).await;
    let fresh = browser.follow(again, &rp.redirect_uri).await;
    wallet.present(&fresh.link("wallet-open")).await.redirect_uri();
}

/// Whoever declines on the phone gets a page for the phone, and the other screen says it, too.
#[tokio::test]
async fn word_18_declining_on_the_phone_has_its_own_page() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    let request = wallet.open(&link).await;
    let refusal = response::refuse(response::WalletError::AccessDenied, &request);
    let phone = wallet.post(&request, &refusal).await.redirect_uri();
    let shown = Browser::new().get(&phone).await;
    assert_eq!((shown.status, shown.code()), (200, None), "{}", shown.body);
    assert_eq!(wallet.post(&request, &refusal).await.redirect_uri(), phone);
    let other = browser.get(&page.url).await;
    assert_eq!(other.code().as_deref(), Some("A-1002"));
    let again = browser.get(&format!("{}{}", world.origin, other.link("error-again"))).await;
    let fresh = browser.follow(again, &rp.redirect_uri).await;
    assert!(fresh.body.contains("id=\"wallet-open\""));
}

/// Others on the host may set a cookie of the same name. The one that opens counts.
#[tokio::test]
async fn word_21_a_cookie_of_the_same_name_hides_none_of_ours() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let (name, ours) = browser.login_cookie(&page.url).unwrap();
    let mut forged = ours.clone();
    forged.replace_range(60..64, if &ours[60..64] == "AAAA" { "BBBB" } else { "AAAA" });
    let status = async |cookies: String| {
        let request = http().get(&page.url).header("cookie", cookies);
        request.send().await.unwrap().status().as_u16()
    };
    for theirs in ["theirs", &forged] {
        assert_eq!(status(format!("{name}={theirs}; {name}={ours}")).await, 200, "{theirs}");
        assert_eq!(status(format!("{name}={theirs}")).await, 400, "{theirs}");
    }
}

/// Several tabs without a cookie begin at once, and each login ends well. A browser keeps a bounded
/// number of logins; finished ones go first.
#[tokio::test]
async fn word_22_parallel_logins_do_not_overwrite_each_other() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let mut browser = Browser::new();
    let mut tabs = Vec::new();
    for _ in 0..4 {
        // Each tab sends no cookie of the others.
        let mut tab = Browser::new();
        let expected = rp.plain_request();
        let page = tab.begin(&expected.url, &rp).await;
        browser.take_cookies(&tab);
        tabs.push((expected, page));
    }
    world.clock.advance(290);
    wallet.now = world.broker.site().clock().now();
    for (expected, page) in tabs.into_iter().rev() {
        let back =
            browser.get(&wallet.present(&page.link("wallet-open")).await.redirect_uri()).await;
        let next = browser.follow(back, &rp.redirect_uri).await;
        let location = match next.location.clone() {
            Some(location) => location,
            None => browser.agree(&next).await,
        };
        rp.tokens(&expected, &rp.code(&expected, &location)).await;
    }
    let open = browser.begin(&rp.request("openid", &[("prompt", "login")]).url, &rp).await;
    for _ in 0..20 {
        let fresh = rp.request("openid", &[("prompt", "login"), ("login_hint", &"s".repeat(300))]);
        let mut other = browser.clone();
        other.begin(&fresh.url, &rp).await;
        assert!(other.login_cookies() <= 8);
        assert_eq!(other.get(&open.url).await.status, 200, "a finished login went first");
    }
    for _ in 0..20 {
        browser.begin(&rp.request("openid", &[("prompt", "login")]).url, &rp).await;
        assert!(browser.login_cookies() <= 8, "{}", browser.login_cookies());
    }
}

/// The number has three minutes, and then says that it has ended, on both screens.
#[tokio::test]
async fn word_28_the_number_ends_with_a_code_and_a_new_try() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    let phone = wallet.present(&link).await.redirect_uri();
    world.clock.advance(179);
    number_on(&Browser::new().get(&phone).await);
    assert!(browser.get(&page.url).await.body.contains("id=\"number\""));
    world.clock.advance(1);
    let ended = browser.get(&page.url).await;
    assert_eq!(ended.code().as_deref(), Some("A-1012"));
    let begun = browser.get(&format!("{}{}", world.origin, ended.link("error-again"))).await;
    let again = browser.follow(begun, &rp.redirect_uri).await;
    assert!(again.body.contains("id=\"wallet-open\""));
    let phone = Browser::new().get(&phone).await;
    assert_eq!(phone.code().as_deref(), Some("A-1012"));
    assert!(!phone.body.contains("match-number"));
}
