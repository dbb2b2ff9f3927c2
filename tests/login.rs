//! One login, whole: a relying party asks, a wallet answers, the person consents, tokens come.
//! Then everything that a decision stands on is taken away, one after the other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use sekisho_tests::{
    Browser, NOW, OPERATOR, Page, Rp, TENANT, Wallet, World, affiliation, training,
};
use serde_json::json;

/// A wallet with the person's affiliation.
async fn wallet_of_member(world: &World) -> Wallet {
    let mut wallet = Wallet::new(NOW);
    let offer = world.offer(TENANT, "affiliation", affiliation()).await;
    wallet.accept(&offer.uri, None).await;
    wallet
}

async fn add_training(world: &World, wallet: &mut Wallet) {
    let offer = world.offer(OPERATOR, "ai-training", training()).await;
    wallet.accept(&offer.uri, None).await;
}

/// From a request to the page after the wallet's answer in the same browser.
async fn wallet_answers(browser: &mut Browser, wallet: &Wallet, url: &str, rp: &Rp) -> Page {
    let begun = browser.get(url).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let answer = wallet.present(&page.link("wallet-open")).await;
    let back = browser.get(&answer.redirect_uri()).await;
    browser.follow(back, &rp.redirect_uri).await
}

/// Agrees on a consent page; gives where the relying party's answer goes.
async fn agree(browser: &mut Browser, page: &Page) -> String {
    assert!(page.body.contains("consent-allow"), "{}", page.body);
    let form = [("form_token", page.form_token()), ("decision", "allow".to_owned())];
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answered = browser.post(&page.url, &form).await;
    answered.location.expect("a redirect to the relying party")
}

#[tokio::test]
async fn a_person_is_refused_learns_why_and_then_gets_the_gpus() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = wallet_of_member(&world).await;
    let mut browser = Browser::new();

    // Without the training: every unmet condition, and the way back.
    let expected = rp.gpu_request(8);
    let page = wallet_answers(&mut browser, &wallet, &expected.url, &rp).await;
    assert_eq!(page.reasons(), ["P-3201"], "{}", page.body);
    let back = page.link("denied-return");
    assert_eq!(sekisho_tests::parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(sekisho_tests::parameter(&back, "state").as_ref(), Some(&expected.state));

    // With it: consent, code, tokens, and the allocation.
    add_training(&world, &mut wallet).await;
    let expected = rp.gpu_request(8);
    let page = wallet_answers(&mut browser, &wallet, &expected.url, &rp).await;
    let location = agree(&mut browser, &page).await;
    let code = rp.code(&expected, &location);
    let tokens = rp.tokens(&expected, &code).await;
    assert_eq!(tokens.body["authorization_details"][0]["gpus"], 8);
    assert_eq!(tokens.id_token["acr"], "phr");
    let (status, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(status, 200);
    assert_eq!(userinfo["sub"], tokens.id_token["sub"]);
    assert_eq!(userinfo["name"], "山田 太郎");
    assert_eq!(userinfo["organization"]["corporate_number"], TENANT);
    assert_eq!(userinfo["authorization_details"][0]["gpus"], 8);
    assert_eq!(userinfo["groups"], json!(["gpu-user", "lead", "gpu:console"]));

    // The live session and the remembered consent answer the next request at once.
    let expected = rp.gpu_request(4);
    let begun = browser.get(&expected.url).await;
    let code = rp.code(&expected, &begun.location.unwrap());
    let again = rp.tokens(&expected, &code).await;
    assert_eq!(again.id_token["sub"], tokens.id_token["sub"]);
    assert_eq!(again.body["authorization_details"][0]["gpus"], 4);

    // Revoked: the token, the session and the remembered consent are worth nothing any more.
    world.revoke("affiliation").await;
    let (status, _) = rp.userinfo(&again.access_token).await;
    assert_eq!(status, 401);
    let expected = rp.gpu_request(4);
    let refused = browser.get(&expected.url).await;
    assert_eq!(refused.code().as_deref(), Some("C-2001"), "{}", refused.body);
    // And the wallet is refused, too.
    let begun = browser.get(&rp.gpu_request(4).url).await;
    let page = browser.follow(begun, &rp.redirect_uri).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2001"));

    assert!(world.broker.audit_verify().await.unwrap().fault.is_none());
}
