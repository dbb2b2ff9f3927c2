//! The whole product on an engine that runs every closure twice, lets others go first and claims
//! conflicts: what a person and a relying party see is the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use sekisho_tests::{Browser, World};

#[tokio::test]
async fn a_login_is_the_same_whatever_the_engine_does() {
    for seed in 0..4 {
        let world = World::hostile(seed).await;
        let rp = world.rp().await;
        let mut wallet = world.member().await;
        let mut browser = Browser::new();
        let page = browser.show(&wallet, &rp.gpu_request(8).url, &rp).await;
        assert_eq!(page.reasons(), ["P-3201"]);
        world.train(&mut wallet).await;
        let tokens = browser.log_in(&wallet, &rp.gpu_request(8), &rp).await;
        assert_eq!(tokens.body["authorization_details"][0]["gpus"], 8);
        world.revoke("affiliation").await;
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
        assert_eq!(world.credentials().await.len(), 2);
        assert_eq!(world.broker.audit_verify().await.unwrap().fault, None);
    }
}

/// OA-04, VP-02, VI-01: Every race has one winner: redeeming a code, redeeming an offer, using a
/// nonce, answering a request, returning with a response code, agreeing.
#[tokio::test(flavor = "multi_thread")]
async fn every_race_has_one_winner() {
    let world = World::hostile(7).await;
    let rp = world.rp().await;
    let wallet = std::sync::Arc::new(world.member().await);
    let mut browser = Browser::new();
    let expected = rp.plain_request();
    let page = browser.begin(&expected.url, &rp).await;

    let request = std::sync::Arc::new(wallet.open(&page.link("wallet-open")).await);
    let vp_token = wallet.presentations(&request);
    let answers = race(16, || {
        let (wallet, request, vp_token) = (wallet.clone(), request.clone(), vp_token.clone());
        async move {
            let answer = wallet.send(&request, &vp_token).await;
            (answer.status == 200).then(|| answer.redirect_uri())
        }
    })
    .await;
    let [back] = answers.as_slice() else { panic!("{} answers were taken", answers.len()) };

    let returned = race(16, || {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move {
            let page = browser.get(&back).await;
            page.location.is_some().then_some((browser, page))
        }
    })
    .await;
    let [(browser, after)] = returned.as_slice() else { panic!("{} returned", returned.len()) };
    let mut browser = browser.clone();
    let consent = browser.get(after.location.as_ref().unwrap()).await;

    let agreed = race(16, || {
        let mut browser = browser.clone();
        let (token, url) = (consent.form_token(), consent.url.clone());
        async move {
            browser.post(&url, &[("form_token", &token), ("decision", "allow")]).await.location
        }
    })
    .await;
    let [location] = agreed.as_slice() else { panic!("{} codes", agreed.len()) };

    let code = rp.code(&expected, location);
    let redeemed = race(16, || {
        let (rp, expected, code) = (rp.clone(), expected.clone(), code.clone());
        async move { (rp.redeem(&expected, &code).await.0 == 200).then_some(()) }
    })
    .await;
    assert_eq!(redeemed.len(), 1);
}

/// Runs `count` at once, and gives what succeeded.
async fn race<T: Send + 'static, F>(count: usize, make: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = Option<T>> + Send + 'static,
{
    let tries: Vec<_> = (0..count).map(|_| tokio::spawn(make())).collect();
    let mut succeeded = Vec::new();
    for attempt in tries {
        succeeded.extend(attempt.await.unwrap());
    }
    succeeded
}
