//! Only the browser that began a login is logged in (OpenID4VP 1.0, sections 13.3 and 14.3; VP-25;
//! attacks VP-01 to VP-04, OA-13).

use sekisho_tests::{Browser, Page, Rp, Wallet, World, parameter};

/// The link in the QR code.
fn cross_link(page: &Page) -> String {
    page.attribute("id=\"qr-link\"", "value").unwrap()
}

/// The number on the page that the wallet opens on its own device.
async fn number(phone: &mut Browser, url: &str) -> String {
    let page = phone.get(url).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let after = page.body.split_once("id=\"match-number\"").unwrap().1;
    let after = after.split_once('>').unwrap().1;
    after.split_once('<').unwrap().0.to_owned()
}

async fn type_number(browser: &mut Browser, login: &Page, number: &str) -> Page {
    let page = browser.get(&login.url).await;
    let token = page.form_token();
    let url = format!("{}/number", login.url);
    browser.post(&url, &[("form_token", &token), ("number", number)]).await
}

/// Begins a login and answers it with a wallet on another device; returns the browser, the login
/// page, and the phone's URL.
async fn answered_elsewhere(world: &World, rp: &Rp, wallet: &Wallet) -> (Browser, Page, String) {
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, rp).await;
    let answer = wallet.present(&cross_link(&page)).await;
    let phone = answer.redirect_uri();
    assert!(phone.starts_with(&format!("{}/login/", world.origin)));
    (browser, page, phone)
}

fn is_session(browser: &Browser, world: &World) -> bool {
    browser.cookie(&world.origin, "sekisho-session").is_some()
}

/// VP-25, AUTH-26, OA-17: Of the four combinations with and without cookie and response code, only
/// the one with both is accepted.
#[tokio::test]
async fn of_cookie_and_response_code_both_are_needed() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();

    // The response code is well-formed, but belongs to another login.
    let mut other = Browser::new();
    let other_page = other.begin(&rp.plain_request().url, &rp).await;
    let other_back = wallet.present(&other_page.link("wallet-open")).await.redirect_uri();
    let foreign = parameter(&other_back, "response_code").unwrap();
    let (place, _) = back.split_once('?').unwrap();
    let wrong = format!("{place}?response_code={foreign}");

    let mut stranger = Browser::new();
    for (who, url) in [("no cookie, no code", &wrong), ("no cookie", &back)] {
        let refused = stranger.get(url).await;
        assert_eq!(refused.code().as_deref(), Some("A-1005"), "{who}: {}", refused.body);
    }
    for (who, url) in [("a foreign code", wrong.as_str()), ("no code", place)] {
        let refused = browser.get(url).await;
        assert!(refused.code().is_some() && refused.location.is_none(), "{who}");
        assert!(!is_session(&browser, &world), "{who}");
    }
    assert!(!is_session(&stranger, &world));
    // Another browser has the cookie of its own login.
    let refused = other.get(&back).await;
    assert_eq!(refused.code().as_deref(), Some("A-1005"), "{}", refused.body);
    assert!(!is_session(&other, &world));
    // A refused try has not used up anything.
    let right = browser.get(&back).await.location;
    assert!(right.as_ref().unwrap().contains("/consent/"));
    assert!(is_session(&browser, &world));
    // The same proof leads to the same place, and no further.
    let again = browser.get(&back).await;
    assert_eq!(again.location, right);
    assert_eq!(browser.get(&wrong).await.code().as_deref(), Some("A-1004"));
}

/// VP-01: an attacker begins a login, and the victim's wallet answers on another device. Nobody is
/// logged in, whatever the attacker's browser tries without the number, and whatever the victim's
/// browser tries.
#[tokio::test]
async fn a_victims_answer_from_another_device_logs_no_attacker_in() {
    let world = World::start().await;
    let rp = world.rp().await;
    let victim = world.member().await;
    let (mut attacker, page, phone) = answered_elsewhere(&world, &rp, &victim).await;
    // The login page asks for the number and does not lead to consent yet.
    assert!(attacker.get(&page.url).await.body.contains("id=\"number\""));
    let consent = page.url.replace("/login/", "/consent/");
    assert_eq!(attacker.get(&consent).await.location.as_ref(), Some(&page.url));
    // The third wrong guess ends the attempt.
    let right = number(&mut Browser::new(), &phone).await;
    for (guess, code) in [(0_u32, None), (1, None), (2, Some("A-1006"))] {
        let wrong = format!("{:04}", (right.parse::<u32>().unwrap() + 1 + guess) % 10_000);
        let page = type_number(&mut attacker, &page, &wrong).await;
        assert_eq!((page.status, page.code().as_deref()), (400, code), "{}", page.body);
        assert!(page.location.is_none());
    }
    let late = attacker.get(&page.url).await;
    assert_eq!(late.code().as_deref(), Some("A-1006"));
    assert!(!is_session(&attacker, &world));
}

/// VP-14: Only a request with the response code gets to see the number.
#[tokio::test]
async fn the_number_is_shown_with_the_response_code_only() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (mut browser, page, phone) = answered_elsewhere(&world, &rp, &world.member().await).await;
    let code = parameter(&phone, "response_code").unwrap();
    let tampered = if code.ends_with('A') {
        code.replace('A', "B")
    } else {
        format!("{}A", &code[..code.len() - 1])
    };
    for url in
        [format!("{}/phone", page.url), format!("{}/phone?response_code={tampered}", page.url)]
    {
        assert!(!browser.get(&url).await.body.contains("match-number"), "{url}");
    }
    let number = number(&mut Browser::new(), &phone).await;
    assert_eq!(number.len(), 4);
    assert!(!browser.get(&page.url).await.body.contains(&number), "the page that asks for it");
}

/// The person types the number into the browser that began. Full-width digits and spaces are
/// accepted.
#[tokio::test]
async fn the_right_number_binds_the_browser_that_began() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (mut browser, page, phone) = answered_elsewhere(&world, &rp, &world.member().await).await;
    let number = number(&mut Browser::new(), &phone).await;
    // Another browser has neither the cookie nor the form token.
    let mut stranger = Browser::new();
    let refused = stranger.post(&format!("{}/number", page.url), &[("number", &number)]).await;
    assert_eq!(refused.code().as_deref(), Some("A-1005"));
    let wide: String = number
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + 0xFF10).unwrap())
        .collect();
    let right = type_number(&mut browser, &page, &format!(" {wide} ")).await;
    assert!(right.location.unwrap().contains("/consent/"));
    assert!(is_session(&browser, &world));
}

/// A number that is typed more than three minutes after the answer is refused.
#[tokio::test]
async fn a_late_number_ends_the_attempt() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (mut browser, page, phone) = answered_elsewhere(&world, &rp, &world.member().await).await;
    let number = number(&mut Browser::new(), &phone).await;
    let entry = browser.get(&page.url).await;
    world.clock.advance(181);
    let url = format!("{}/number", page.url);
    let form = [("form_token", entry.form_token()), ("number", number)];
    let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
    assert_eq!(browser.post(&url, &form).await.code().as_deref(), Some("A-1012"));
    assert!(!is_session(&browser, &world));
}

/// OI-06: A login over another device has no `acr`. If a client requires one, its login page does
/// not offer another device.
#[tokio::test]
async fn a_login_over_another_device_is_not_phishing_resistant() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let expected = rp.plain_request();
    let page = browser.begin(&expected.url, &rp).await;
    let phone = wallet.present(&cross_link(&page)).await.redirect_uri();
    let number = number(&mut Browser::new(), &phone).await;
    let right = type_number(&mut browser, &page, &number).await;
    let consent = browser.follow(right, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
    assert_eq!(tokens.id_token.get("acr"), None);

    let strict = world.rp_with(|add| add.required_acr = Some("phr".to_owned())).await;
    // A session from a login over another device cannot answer this client either.
    let page = browser.begin(&strict.plain_request().url, &strict).await;
    assert!(page.body.contains("id=\"wallet-open\"") && !page.body.contains("qr-link"));
}

/// OA-17, GEN-20: Forms from other sites and from other logins have no effect.
#[tokio::test]
async fn a_form_needs_the_token_of_its_login_and_browser() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.show(&wallet, &rp.plain_request().url, &rp).await;
    let other = browser.begin(&rp.request("openid email", &[("prompt", "login")]).url, &rp).await;
    for token in ["", "guessed", &other.form_token()] {
        let form = [("form_token", token), ("decision", "allow")];
        let refused = browser.post(&page.url, &form).await;
        assert_eq!(refused.code().as_deref(), Some("A-1005"), "{token}");
    }
    let mut thief = Browser::new();
    let refused =
        thief.post(&page.url, &[("form_token", &page.form_token()), ("decision", "allow")]).await;
    assert_eq!(refused.code().as_deref(), Some("A-1005"));
    // Nothing was decided, so the person can still answer.
    let allowed = browser.agree(&page).await;
    assert!(allowed.contains("code="));
    // The first answer stays, whatever the form is posted with later.
    for decision in ["allow", "deny"] {
        assert_eq!(browser.decide(&page, decision, &[]).await.location.as_ref(), Some(&allowed));
    }
}

/// AUTH-25: Only the button "allow" is consent; every other value denies.
#[tokio::test]
async fn only_the_word_allow_allows() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    for decision in ["deny", "", "yes", "Allow"] {
        let mut browser = Browser::new();
        let page = browser.show(&wallet, &rp.plain_request().url, &rp).await;
        let location = browser.decide(&page, decision, &[]).await.location.unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("access_denied"), "{decision}");
    }
}

/// AUTH-25, VP-26: If the person gives up or the wallet declines, the relying party gets an error.
#[tokio::test]
async fn who_cancels_or_declines_is_sent_back_with_an_error() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let token = page.form_token();
    let left = browser.post(&format!("{}/cancel", page.url), &[("form_token", &token)]).await;
    assert_eq!(parameter(&left.location.unwrap(), "error").as_deref(), Some("access_denied"));
    assert_eq!(browser.get(&page.url).await.code().as_deref(), Some("A-1013"));

    let page = browser.begin(&rp.plain_request().url, &rp).await;
    wallet.decline(&page.link("wallet-open")).await.redirect_uri();
    let over = browser.get(&page.url).await;
    assert_eq!(over.code().as_deref(), Some("A-1002"));
    let back = over.link("error-retry");
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
}

/// OA-17, OA-19: A session cookie that somebody planted has no effect, neither before nor after the
/// login.
#[tokio::test]
async fn a_login_gives_a_session_of_its_own() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    browser.log_in(&wallet, &rp.plain_request(), &rp).await;
    let before = browser.cookie(&world.origin, "sekisho-session").unwrap().clone();
    let fresh = rp.request("openid", &[("prompt", "login")]);
    browser.log_in(&wallet, &fresh, &rp).await;
    let after = browser.cookie(&world.origin, "sekisho-session").unwrap().clone();
    assert_ne!(before, after);
}

/// A login expires after ten minutes, and its links after five.
#[tokio::test]
async fn an_old_login_is_over() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    world.clock.advance(300);
    let renew = browser.get(&page.url).await;
    assert!(!renew.body.contains("id=\"wallet-open\"") && renew.body.contains("login-renew"));
    let token = renew.form_token();
    let again = browser.post(&format!("{}/renew", page.url), &[("form_token", &token)]).await;
    let fresh = browser.follow(again, &rp.redirect_uri).await;
    assert!(fresh.body.contains("id=\"wallet-open\""));
    let mut later = wallet;
    later.now = world.broker.site().clock().now();
    later.present(&fresh.link("wallet-open")).await.redirect_uri();
    world.clock.advance(300);
    assert_eq!(browser.get(&page.url).await.code().as_deref(), Some("A-1001"));
}
