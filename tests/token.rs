//! The token endpoint: a code is redeemed once, by its own client, with the values that it is bound
//! to. A request that does not match uses up nothing.

use sekisho_tests::{Browser, Expected, Rp, World, error_of};

async fn code_of(world: &World, rp: &Rp, expected: &Expected) -> String {
    let wallet = world.member().await;
    let location = Browser::new().answer_of(&wallet, expected, rp).await;
    rp.code(expected, &location)
}

/// TOK-3, TOK-4, TOK-5, TOK-12, CA-1, OA-01, OA-02, GEN-13: each wrong request is refused, and the
/// right one still succeeds.
#[tokio::test]
async fn a_wrong_request_consumes_nothing() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let expected = rp.plain_request();
    let code = code_of(&world, &rp, &expected).await;
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", rp.redirect_uri.as_str()),
        ("code_verifier", expected.verifier.as_str()),
    ];
    let with = |name: &str, value: &'static str| {
        let mut form: Vec<(&str, &str)> = right.to_vec();
        form.retain(|(found, _)| *found != name);
        if !value.is_empty() {
            form.push((
                match name {
                    "grant_type" => "grant_type",
                    "code" => "code",
                    "redirect_uri" => "redirect_uri",
                    _ => "code_verifier",
                },
                value,
            ));
        }
        form
    };
    let wrong = "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong";
    for (form, status, error) in [
        (with("grant_type", ""), 400, "invalid_request"),
        (with("grant_type", "password"), 400, "unsupported_grant_type"),
        (with("grant_type", "client_credentials"), 400, "invalid_target"),
        (with("grant_type", "implicit"), 400, "unsupported_grant_type"),
        (with("code", ""), 400, "invalid_request"),
        (with("code", "unknown"), 400, "invalid_grant"),
        (with("redirect_uri", ""), 400, "invalid_grant"),
        (with("redirect_uri", "http://127.0.0.1:4000/other"), 400, "invalid_grant"),
        (with("code_verifier", ""), 400, "invalid_grant"),
        (with("code_verifier", wrong), 400, "invalid_grant"),
    ] {
        let found = rp.refused(&form).await;
        assert_eq!((found.0, found.1.as_str()), (status, error), "{form:?}");
    }
    // Refuse another client, although it authenticates well, and the right client with a wrong
    // secret.
    let found = other.refused(&right).await;
    assert_eq!((found.0, found.1.as_str()), (400, "invalid_grant"));
    let thief = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
    let found = thief.refused(&right).await;
    assert_eq!((found.0, found.1.as_str()), (401, "invalid_client"));
    // CA-3: only the registered method is accepted.
    let post = Rp { method: "client_secret_post".to_owned(), ..rp.clone() };
    assert_eq!(post.refused(&right).await.1, "invalid_client");
    let none = Rp { method: "none".to_owned(), ..rp.clone() };
    assert_eq!(none.refused(&right).await.1, "invalid_client");

    let (status, body) = rp.redeem(&expected, &code).await;
    assert_eq!(status, 200, "{body}");
}

/// TOK-3, RES-4, OA-03: the second redemption is refused and ends the tokens of the first.
#[tokio::test]
async fn a_replayed_code_ends_its_grant() {
    let world = World::start().await;
    let rp = world.rp().await;
    let expected = rp.plain_request();
    let code = code_of(&world, &rp, &expected).await;
    let tokens = rp.tokens(&expected, &code).await;
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    let (status, body) = rp.redeem(&expected, &code).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_grant"));
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
}

/// AUTH-30, RES-4: a code is valid for one minute.
#[tokio::test]
async fn a_code_and_a_token_end() {
    let world = World::start().await;
    let rp = world.rp().await;
    let expected = rp.plain_request();
    let code = code_of(&world, &rp, &expected).await;
    world.clock.advance(60);
    assert_eq!(rp.redeem(&expected, &code).await.0, 400);

    let expected = rp.plain_request();
    let mut browser = Browser::new();
    let mut wallet = world.member().await;
    wallet.now = world.broker.site().clock().now();
    let tokens = browser.log_in(&wallet, &expected, &rp).await;
    world.clock.advance(299);
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    world.clock.advance(1);
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
}

/// OA-04: of 64 redemptions at once, one succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_redemptions_at_once_one_succeeds() {
    let world = World::start().await;
    let rp = world.rp().await;
    let expected = rp.plain_request();
    let code = code_of(&world, &rp, &expected).await;
    let tries = (0..64).map(|_| {
        let (rp, expected, code) = (rp.clone(), expected.clone(), code.clone());
        tokio::spawn(async move { rp.redeem(&expected, &code).await.0 })
    });
    let mut succeeded = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            200 => succeeded += 1,
            400 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(succeeded, 1);
}

/// CA-1, CA-2, IDT-2, IDT-3, TOK-2: clients get their tokens with every method that discovery names
/// and with both algorithms.
#[tokio::test]
async fn each_kind_of_client_gets_its_tokens() {
    let world = World::start().await;
    let wallet = world.member().await;
    for method in ["client_secret_basic", "client_secret_post", "none"] {
        for algorithm in [sekisho_jose::Algorithm::Rs256, sekisho_jose::Algorithm::Es256] {
            let rp = world
                .rp_with(|add| {
                    method.clone_into(&mut add.token_endpoint_auth_method);
                    add.id_token_signed_response_alg = algorithm;
                })
                .await;
            let tokens = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
            assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200, "{method} {algorithm}");
        }
    }
}

/// OA-37: When a client is removed, its codes and tokens become invalid.
#[tokio::test]
async fn nothing_of_a_removed_client_is_good() {
    let world = World::start().await;
    let rp = world.rp().await;
    let expected = rp.plain_request();
    let tokens = Browser::new().log_in(&world.member().await, &expected, &rp).await;
    world.broker.remove_client(&world.act(), &rp.client_id).await.unwrap();
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    assert_eq!(Browser::new().get(&expected.url).await.code().as_deref(), Some("R-4001"));
}

/// TOK-1, GEN-5, GEN-6: the endpoint takes only POST and only forms, and its answers are never
/// cached.
#[tokio::test]
async fn the_endpoint_takes_forms_by_post_and_its_answers_are_not_kept() {
    let world = World::start().await;
    let rp = world.rp().await;
    let url = format!("{}/token", world.origin);
    let http = sekisho_tests::http();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    let json = http.post(&url).json(&serde_json::json!({"grant_type": "authorization_code"}));
    assert_eq!(json.send().await.unwrap().status(), 415);
    let form = http.post(&url).form(&[("grant_type", "x"), ("client_id", &rp.client_id)]);
    let answer = form.send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let challenge = http
        .post(&url)
        .basic_auth(&rp.client_id, Some("wrong"))
        .form(&[("grant_type", "authorization_code"), ("code", "c")]);
    let answer = challenge.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
}
