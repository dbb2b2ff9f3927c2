//! What people read: a denial says how to try again, references are found, and pages say only what the
//! operator has stated.

use sekisho_ambient::Text;
use sekisho_broker::config::Operator;
use sekisho_tests::{Browser, OPERATOR, Page, Rp, Wallet, World, parameter, training};
use serde_json::json;

fn gpus(rp: &Rp) -> sekisho_tests::Expected {
    let details = json!([{
        "type": "gpu_access", "service": "console", "actions": ["submit"], "gpus": 8, "gpu_hours": 8,
    }]);
    rp.request("openid gpu_access", &[("authorization_details", &details.to_string())])
}

/// Answers the request of a login page without the training.
async fn withhold(browser: &mut Browser, wallet: &Wallet, page: &Page, rp: &Rp) -> Page {
    let request = wallet.open(&page.link("wallet-open")).await;
    let mut chosen = wallet.presentations(&request);
    assert_eq!(chosen.len(), 2, "{:?}", chosen.keys());
    chosen.retain(|id, _| id.starts_with("affiliation"));
    assert_eq!(chosen.len(), 1);
    let back = wallet.send(&request, &chosen).await.redirect_uri();
    let back = browser.get(&back).await;
    browser.follow(back, &rp.redirect_uri).await
}

/// Presses the button that asks the wallet again. The service's request stays the same.
async fn again(browser: &mut Browser, world: &World, denied: &Page, rp: &Rp) -> Page {
    let path = denied.link("denied-again");
    for name in ["client_id", "redirect_uri", "state", "nonce", "code_challenge"] {
        assert!(parameter(&format!("{}{path}", world.origin), name).is_some(), "{name}: {path}");
    }
    browser.begin(&format!("{}{path}", world.origin), rp).await
}

/// A wallet that does not send optional credentials by itself: the refusal says first to choose the
/// training, in both languages, and its button begins the login again with the same request.
#[tokio::test]
async fn word_12_a_withheld_training_can_be_chosen_in_a_new_try() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    for (lang, words) in [
        ("ja", "<dd>修了証をお持ちなら、もう一度提示し、ウォレットで選んでください。"),
        ("en", "<dd>If you have the certificate, present again and choose it in the wallet."),
    ] {
        let mut browser = Browser::speaking(lang);
        let expected = gpus(&rp);
        let page = browser.begin(&expected.url, &rp).await;
        let denied = withhold(&mut browser, &wallet, &page, &rp).await;
        assert_eq!(denied.reasons(), ["P-3201"]);
        assert!(denied.body.contains(words), "{}", denied.body);
        let page = again(&mut browser, &world, &denied, &rp).await;
        let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
        let back = browser.get(&back).await;
        let consent = browser.follow(back, &rp.redirect_uri).await;
        let location = match consent.location.clone() {
            // The person has consented before.
            Some(location) => location,
            None => browser.agree(&consent).await,
        };
        rp.tokens(&expected, &rp.code(&expected, &location)).await;
    }
}

/// A training that does not suffice is in the session. The new try asks the wallet all the same.
#[tokio::test]
async fn word_12_a_new_try_asks_the_wallet_and_not_the_session() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let mut claims = training();
    claims["achievement_id"] = json!("another");
    wallet.accept(&world.offer(OPERATOR, "ai-training", claims).await.uri, None).await;
    let mut browser = Browser::new();
    let expected = gpus(&rp);
    let denied = browser.show(&wallet, &expected.url, &rp).await;
    assert_eq!(denied.reasons(), ["P-3201"]);
    let page = again(&mut browser, &world, &denied, &rp).await;
    assert!(page.body.contains("id=\"wallet-open\""), "{}", page.body);
    // A limit is not met by another credential.
    let large = json!([{
        "type": "gpu_access", "service": "console", "actions": ["submit"], "gpus": 99, "gpu_hours": 8,
    }]);
    let details = [("authorization_details", large.to_string())];
    let details: Vec<(&str, &str)> =
        details.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let member = world.trained_member().await;
    let url = rp.request("openid gpu_access", &details).url;
    let denied = Browser::new().show(&member, &url, &rp).await;
    assert_eq!(denied.reasons(), ["P-3501"]);
    assert!(!denied.body.contains("denied-again"), "{}", denied.body);
}

/// The reference of a denial is in the audit log, and found by its beginning.
#[tokio::test]
async fn word_28_a_denials_reference_is_found_in_the_audit_log() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let denied = Browser::new().show(&wallet, &gpus(&rp).url, &rp).await;
    let (_, reference) = denied.body.rsplit_once("<span class=\"code\">").unwrap();
    let reference = reference.split_once('<').unwrap().0;
    for asked in [reference, &reference[..8], &reference.to_ascii_uppercase()] {
        let found = world.broker.audit_query(asked, None, 10).await.unwrap();
        assert_eq!(found.next, None);
        assert!(!found.records.is_empty(), "{asked}");
        assert!(found.records.iter().any(|record| record.entry.object == reference), "{asked}");
    }
    let first = world.broker.audit_query(&reference[..8], None, 1).await.unwrap();
    let all = world.broker.audit_query(&reference[..8], None, 10).await.unwrap().records.len();
    assert_eq!((first.records.len(), first.next.is_some()), (1, all > 1));
    let after = Some(first.records[0].seq);
    let rest = world.broker.audit_query(&reference[..8], after, 10).await.unwrap();
    assert_eq!(rest.records.len(), all - 1);
    assert!(world.broker.audit_query("abc", None, 10).await.is_err());
}

/// Pages name the operator whom the configuration names, and nobody if it names nobody.
#[tokio::test]
async fn word_29_the_foot_of_a_page_names_the_operator_of_the_broker() {
    let quiet = World::start().await;
    let page = Browser::new().begin(&quiet.rp().await.plain_request().url, &quiet.rp().await).await;
    assert!(page.body.contains("<footer class=\"bottom\"><!-- operator --></footer>"));
    let world = World::with(|config| {
        config.operator = Some(Operator {
            name: Text { ja: "北海<計算>".to_owned(), en: "Hokkai".to_owned() },
            contact_uri: Some("mailto:help@gpu.example.jp".to_owned()),
            privacy_uri: Some("https://gpu.example.jp/privacy".to_owned()),
        });
    })
    .await;
    let mut browser = Browser::speaking("ja");
    for url in [world.rp().await.plain_request().url, format!("{}/authorize", world.origin)] {
        let begun = browser.get(&url).await;
        let page = browser.follow(begun, "nowhere:").await;
        let (_, foot) = page.body.split_once("<footer").unwrap();
        assert!(foot.contains("北海&#60;計算&#62;") && foot.contains("お問い合わせ"), "{foot}");
        assert_eq!(page.link("operator-contact"), "mailto:help@gpu.example.jp");
        assert_eq!(page.link("operator-privacy"), "https://gpu.example.jp/privacy");
    }
}

/// What the operator has not stated about a service is not made up, on the page or in the request.
#[tokio::test]
async fn word_29_a_service_without_facts_has_none() {
    let world = World::with(|config| {
        let service = &mut config.services[0];
        (service.operator, service.operator_number, service.residency) = (None, None, None);
    })
    .await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let mut browser = Browser::speaking("ja");
    let expected = gpus(&rp);
    let page = browser.begin(&expected.url, &rp).await;
    assert!(page.body.contains("<dt>所在地</dt><dd>確認されていません"), "{}", page.body);
    assert!(!page.body.contains("<dt>運営者</dt>"));
    let back = wallet.present(&page.link("wallet-open")).await.redirect_uri();
    let back = browser.get(&back).await;
    let consent = browser.follow(back, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
    let (_, claims) = rp.userinfo(&tokens.access_token).await;
    assert!(claims.get("svc_residency").is_none(), "{claims}");
}
