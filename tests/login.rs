//! One whole login: a relying party asks, a wallet answers, the person consents, and tokens come.
//! Then everything that the decision relied on is taken away, one thing after the other.

use sekisho_tests::{Browser, TENANT, World};
use serde_json::json;

#[tokio::test]
async fn a_person_is_refused_learns_why_and_then_gets_the_gpus() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    let mut browser = Browser::new();

    // Without the training access is denied: the page shows every unmet condition and a link back.
    let expected = rp.gpu_request(8);
    let page = browser.show(&wallet, &expected.url, &rp).await;
    assert_eq!(page.reasons(), ["P-3201"], "{}", page.body);
    let back = page.link("denied-return");
    assert_eq!(sekisho_tests::parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(sekisho_tests::parameter(&back, "state").as_ref(), Some(&expected.state));

    // With the training come consent, the code, the tokens and the GPU allocation.
    world.train(&mut wallet).await;
    let expected = rp.gpu_request(8);
    let page = browser.show(&wallet, &expected.url, &rp).await;
    let location = browser.agree(&page).await;
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

    // After the revocation, the token, the session and the remembered consent have no effect any
    // more.
    world.revoke("affiliation").await;
    let (status, _) = rp.userinfo(&again.access_token).await;
    assert_eq!(status, 401);
    let expected = rp.gpu_request(4);
    let refused = browser.get(&expected.url).await;
    assert_eq!(refused.code().as_deref(), Some("C-2001"), "{}", refused.body);
    // The wallet is refused as well.
    let page = browser.begin(&rp.gpu_request(4).url, &rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2001"));

    assert!(world.broker.audit_verify().await.unwrap().fault.is_none());
}
