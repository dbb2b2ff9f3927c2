//! Presenting (OpenID4VP 1.0): how answers of a dishonest wallet are refused. A failed answer uses
//! up one counted try and nothing else.

use std::collections::BTreeMap;

use sekisho_ambient::Entropy;
use sekisho_jose::{Ahead, Algorithm, SigningKey};
use sekisho_login::{ClientIdPrefix, ResponseMode};
use sekisho_openid4vp::response;
use sekisho_profile::Code;
use sekisho_tests::malform::{Liar, honest, malformed};
use sekisho_tests::{Answer, Browser, NOW, OPERATOR, TENANT, Wallet, World, affiliation, http};
use serde_json::{Value, json};

/// Begins a login; returns the link of its presentation request.
async fn link(world: &World) -> String {
    let rp = world.rp().await;
    Browser::new().begin(&rp.plain_request().url, &rp).await.link("wallet-open")
}

async fn send(wallet: &Wallet, link: &str, presentation: &str) -> Answer {
    let request = wallet.open(link).await;
    let vp_token = BTreeMap::from([("affiliation".to_owned(), vec![presentation.to_owned()])]);
    wallet.send(&request, &vp_token).await
}

/// SD-01, SD-05, SD-12, SD-13, SD-14, VP-03, VP-09, VP-24, VP-31, VP-32: every malformed
/// presentation is refused, then the right one is accepted.
#[tokio::test]
async fn every_malformed_presentation_is_refused() {
    let world = World::start().await;
    let wallet = world.member().await;
    let stranger = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
    let mut refused = 0;
    let mut at = link(&world).await;
    loop {
        let request = wallet.open(&at).await;
        let valid = wallet.presentations(&request)["affiliation"][0].clone();
        let liar = Liar {
            holder: &wallet.key,
            stranger: &stranger,
            now: NOW,
            audience: request.client_id(),
            nonce: request.nonce(),
        };
        let forms = malformed(&valid, &liar);
        // The fifth failure ends a request, so send four malformed answers to each, then the right
        // one.
        for (what, form) in forms.iter().skip(refused).take(4) {
            let answer = send(&wallet, &at, form).await;
            assert_eq!(answer.status, 400, "{what}: {}", answer.body);
            assert!(answer.body.get("redirect_uri").is_none(), "{what}");
            refused += 1;
        }
        send(&wallet, &at, &honest(&valid, &liar)).await.redirect_uri();
        if refused == forms.len() {
            break;
        }
        at = link(&world).await;
    }
    assert!(refused > 30);
}

/// VP-02: A request accepts five failed answers, and then no answer at all.
#[tokio::test]
async fn the_fifth_bad_answer_ends_the_request() {
    let world = World::start().await;
    let wallet = world.member().await;
    let at = link(&world).await;
    let request = wallet.open(&at).await;
    for _ in 0..5 {
        assert_eq!(send(&wallet, &at, "x").await.status, 400);
    }
    let vp_token = wallet.presentations(&request);
    let answer = wallet.send(&request, &vp_token).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "A-1009"));
}

/// VP-02, VP-04, VP-21, VP-50: a presentation for another login is refused, and an answer is
/// accepted once.
#[tokio::test]
async fn a_presentation_is_for_one_request_and_once() {
    let world = World::start().await;
    let wallet = world.member().await;
    let (one, two) = (link(&world).await, link(&world).await);
    let (first, second) = (wallet.open(&one).await, wallet.open(&two).await);
    let vp_token = wallet.presentations(&first);
    let relayed = wallet.send(&second, &vp_token).await;
    assert_eq!((relayed.status, relayed.code().as_str()), (400, "C-2007"));
    let back = wallet.send(&first, &vp_token).await.redirect_uri();
    let again = wallet.send(&first, &wallet.presentations(&first)).await;
    assert_eq!((again.status, again.code().as_str()), (400, "A-1004"), "{}", again.body);
    // The wallet may not have got the reply.
    assert_eq!(wallet.send(&first, &vp_token).await.redirect_uri(), back);
    let fetched = http().get(
        sekisho_tests::parameter(&one.replace("openid4vp://", "x://x/"), "request_uri").unwrap(),
    );
    assert_eq!(
        fetched.send().await.unwrap().status(),
        400,
        "an answered request is not given again"
    );
}

/// VP-06, VP-20, VP-22: if an encrypted answer was asked for, an unencrypted one is refused, and so
/// is one with another state.
#[tokio::test]
async fn an_answer_in_another_form_than_asked_is_refused() {
    let world = World::start().await;
    let wallet = world.member().await;
    let (at, other) = (link(&world).await, link(&world).await);
    let (request, other) = (wallet.open(&at).await, wallet.open(&other).await);
    let vp_token = wallet.presentations(&request);
    let sealed = response::build(&vp_token, &request, &Entropy::system()).unwrap();
    let clear = vec![("vp_token".to_owned(), json!(vp_token).to_string())];
    for (what, form) in [
        ("in the clear", clear.clone()),
        ("in the clear and sealed", [clear, sealed.clone()].concat()),
        ("twice", [sealed.clone(), sealed.clone()].concat()),
        ("sealed to another key", response::build(&vp_token, &other, &Entropy::system()).unwrap()),
        ("nothing", Vec::new()),
    ] {
        let answer = wallet.post(&request, &form).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
    }
}

/// GEN-14, VP-32: a key binding contains a nonce of ours, so the clock of its maker may be 60 s ahead,
/// or up to 120 s where the operator says so. Beyond that, the code names the clock.
#[tokio::test]
async fn word_15_a_wallets_clock_may_be_a_minute_ahead() {
    for (setting, last) in [(None, 60), (Some(120), 120), (Some(0), 0)] {
        let world = World::with(|config| {
            if let Some(seconds) = setting {
                config.clock_ahead = Ahead::try_from(seconds).unwrap();
            }
        })
        .await;
        let mut wallet = world.member().await;
        for (ahead, expected) in [(last, None), (last + 1, Some("C-2015")), (-301, Some("C-2015"))]
        {
            let at = link(&world).await;
            let request = wallet.open(&at).await;
            wallet.now = NOW.plus(ahead);
            let vp_token = wallet.presentations(&request);
            let answer = wallet.send(&request, &vp_token).await;
            wallet.now = NOW;
            match expected {
                None => assert_eq!(answer.status, 200, "{ahead}: {}", answer.body),
                Some(code) => {
                    assert_eq!((answer.status, answer.code().as_str()), (400, code), "{ahead}");
                    assert!(answer.body["error_description"].as_str().unwrap().contains("clock"));
                }
            }
        }
    }
    let code = Code::from_id("C-2015").unwrap().entry();
    assert!(code.cause.ja.contains("時計") && code.cause.en.contains("clock"));
}

/// VP-07, VP-13, VP-23: an answer is refused if it lacks a required credential, or contains one
/// that was not asked for.
#[tokio::test]
async fn an_answer_holds_what_was_asked_and_no_more() {
    let world = World::start().await;
    let wallet = world.trained_member().await;
    let at = link(&world).await;
    let request = wallet.open(&at).await;
    let right = wallet.presentations(&request)["affiliation"].clone();
    let answers: [(&str, Value); 5] = [
        ("nothing", json!({})),
        ("an id that was not asked", json!({"affiliation": right, "another": right})),
        ("two where one was asked", json!({"affiliation": [right[0], right[0]]})),
        ("an empty list", json!({"affiliation": []})),
        ("not a list", json!({"affiliation": right[0]})),
    ];
    for (what, vp_token) in answers.into_iter().take(4) {
        let vp_token: BTreeMap<String, Vec<String>> = serde_json::from_value(vp_token).unwrap();
        assert_eq!(wallet.send(&request, &vp_token).await.status, 400, "{what}");
    }
}

/// VP-30, attack VP-12: an issuer is not believed for another organization or for another type,
/// even if its certificate chain is good.
#[tokio::test]
async fn an_issuer_is_believed_for_its_own_organization_and_types_only() {
    let world = World::start().await;
    // The operator attests affiliations, but is trusted for trainings only.
    let mut claims = affiliation();
    claims["org_corporate_number"] = json!(OPERATOR);
    let mut wallet = Wallet::new(NOW);
    wallet.accept(&world.offer(OPERATOR, "affiliation", claims).await.uri, None).await;
    let answer = wallet.present(&link(&world).await).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2005"));
    // Now it is trusted for the type, but for another organization than it attests.
    let add = sekisho_broker::admin::AddTrust {
        issuer: world.issuer(OPERATOR),
        types: vec!["affiliation".to_owned()],
        organizations: vec![TENANT.to_owned()],
        anchors_pem: None,
    };
    world.broker.add_trust(&world.act(), &add).await.unwrap();
    let answer = wallet.present(&link(&world).await).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2005"));
    // With the right trust it is believed, until the trust is removed.
    world.trust(OPERATOR, &["affiliation"]).await;
    wallet.present(&link(&world).await).await.redirect_uri();
    world.broker.remove_trust(&world.act(), &world.issuer(OPERATOR)).await.unwrap();
    let answer = wallet.present(&link(&world).await).await;
    assert_eq!(answer.code(), "C-2005");
}

/// VP-51, attack VP-10: credentials of two holders cannot be combined to one person, if nothing
/// links them.
#[tokio::test]
async fn credentials_of_two_holders_are_refused() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut other = Wallet::new(NOW);
    world.train(&mut other).await;
    let page = Browser::new().begin(&rp.gpu_request(8).url, &rp).await;
    let request = wallet.open(&page.link("wallet-open")).await;
    let mut vp_token = wallet.presentations(&request);
    let parsed = sekisho_credential::sd_jwt::SdJwt::parse(&other.held[0]).unwrap();
    let all = parsed.select(&[]);
    let bound = sekisho_credential::sd_jwt::bind(
        &all,
        request.client_id(),
        request.nonce(),
        NOW,
        &other.key,
    )
    .unwrap();
    vp_token.insert("ai-training".to_owned(), vec![bound]);
    let answer = wallet.send(&request, &vp_token).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "C-2012"), "{}", answer.body);
}

/// VP-5: a request expires after five minutes, whether it was fetched or not.
#[tokio::test]
async fn a_late_answer_is_refused() {
    let world = World::start().await;
    let mut wallet = world.member().await;
    let at = link(&world).await;
    let request = wallet.open(&at).await;
    world.clock.advance(300);
    wallet.now = world.broker.site().clock().now();
    let vp_token = wallet.presentations(&request);
    assert_eq!(wallet.send(&request, &vp_token).await.code(), "A-1008");
}

/// VP-1, VP-2, VP-3, VP-5, VP-6, VP-05: the contents of the request object, as a wallet reads them.
#[tokio::test]
async fn the_request_is_signed_fresh_and_says_who_asks() {
    let world = World::start().await;
    let wallet = Wallet::new(NOW);
    let at = link(&world).await;
    assert!(at.starts_with("openid4vp://?client_id=x509_hash"), "{at}");
    let request = wallet.open(&at).await;
    let statement = request.service().unwrap();
    assert_eq!(statement.service.name.ja, "GPU コンソール");
    assert_eq!(statement.service.operator.unwrap().corporate_number, OPERATOR);
    assert_eq!(statement.purpose.en, "To know who uses the machines");
    assert!(request.response_uri().starts_with(&world.origin));
    let other = wallet.open(&link(&world).await).await;
    assert_ne!(request.nonce(), other.nonce());
    // Fetch it by POST, with a nonce of the wallet.
    let url =
        sekisho_tests::parameter(&at.replace("openid4vp://", "x://x/"), "request_uri").unwrap();
    let posted = http().post(&url).form(&[("wallet_nonce", "n-1")]).send().await.unwrap();
    assert_eq!(posted.headers()["content-type"], "application/oauth-authz-req+jwt");
    let jwt =
        sekisho_jose::UnverifiedJwt::<sekisho_jose::Claims>::parse(&posted.text().await.unwrap())
            .unwrap();
    let claims = jwt.dangerous_claims().unwrap();
    assert_eq!(claims["wallet_nonce"], "n-1");
    assert_eq!(claims["aud"], "https://self-issued.me/v2");
    assert_eq!(jwt.header().typ.as_deref(), Some("oauth-authz-req+jwt"));
}

/// VP-4: The other response mode and the other client identifier prefix work as well.
#[tokio::test]
async fn plain_answers_and_names_by_host_can_be_configured() {
    let world = World::with(|config| {
        config.response_mode = ResponseMode::DirectPost;
        config.client_id_prefix = ClientIdPrefix::X509SanDns;
    })
    .await;
    let rp = world.rp().await;
    let mut wallet = world.member().await;
    wallet.anchors = vec![world.broker.own_root().await.unwrap()];
    let at = link(&world).await;
    assert!(at.starts_with("openid4vp://?client_id=x509_san_dns%3Alocalhost"), "{at}");
    let request = wallet.open(&at).await;
    let vp_token = json!(wallet.presentations(&request)).to_string();
    // An answer is matched to its request by `state`, so another `state` or none is refused.
    for state in [None, Some("another")] {
        let mut form = vec![("vp_token".to_owned(), vp_token.clone())];
        form.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
        assert_eq!(wallet.post(&request, &form).await.code(), "A-1007", "{state:?}");
    }
    Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
}

/// VP-7: the login page shows each kind of wallet that can be configured, with its link.
#[tokio::test]
async fn wallets_of_every_kind_can_be_opened() {
    let endpoints = ["openid4vp://", "haip-vp://", "https://wallet.example.jp/authorize"];
    let world = World::with(|config| {
        config.wallets = endpoints
            .iter()
            .enumerate()
            .map(|(n, endpoint)| {
                let mut wallet = config.wallets[0].clone();
                wallet.name = format!("w{n}");
                wallet.preferred = n == 2;
                (*endpoint).clone_into(&mut wallet.authorization_endpoint);
                wallet
            })
            .collect();
    })
    .await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    for (n, endpoint) in endpoints.iter().enumerate() {
        let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
        let link = page.link(&format!("wallet-w{n}"));
        assert!(link.starts_with(&format!("{endpoint}?client_id=x509_hash")), "{link}");
        assert_eq!(page.link("wallet-open"), page.link("wallet-w2"), "the preferred one");
        wallet.present(&link).await.redirect_uri();
    }
}
