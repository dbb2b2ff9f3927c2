//! Client assertions (`private_key_jwt`) at the token, introspection and revocation endpoints.

use sekisho_ambient::Entropy;
use sekisho_jose::{Algorithm, Claims, Header, SigningKey, b64u};
use sekisho_tests::{Browser, Elsewhere, Expected, Rp, World, error_of, http};
use serde_json::{Value, json};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that authenticates with a key.
struct Assertor {
    rp: Rp,
    key: SigningKey,
}

impl Assertor {
    async fn new(world: &World, algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm, &Entropy::system()).unwrap();
        let jwk = key.public_jwk().with_kid(key.kid());
        let rp = world
            .rp_with(|add| {
                "private_key_jwt".clone_into(&mut add.token_endpoint_auth_method);
                add.jwks = Some(json!({"keys": [jwk.to_value()]}));
            })
            .await;
        assert_eq!(rp.secret, None, "a client with a key has no secret");
        Self { rp, key }
    }

    fn claims(&self, world: &World) -> Claims {
        let now = world.broker.site().clock().now();
        let claims = json!({
            "iss": self.rp.client_id, "sub": self.rp.client_id, "aud": world.origin,
            "jti": Entropy::system().id(), "iat": now.unix(), "exp": now.plus(60).unix(),
        });
        claims.as_object().unwrap().clone()
    }

    fn sign(&self, claims: &Claims) -> String {
        sekisho_jose::sign(&self.key, &Header::for_key(&self.key, "JWT"), claims).unwrap()
    }

    fn assertion(&self, world: &World) -> String {
        self.sign(&self.claims(world))
    }

    async fn post(&self, path: &str, assertion: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let mut form = form.to_vec();
        form.push(("client_assertion_type", TYPE));
        form.push(("client_assertion", assertion));
        send(&self.rp, path, &form, None).await
    }

    async fn redeem(&self, assertion: &str, expected: &Expected, code: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.rp.redirect_uri.as_str()),
            ("code_verifier", expected.verifier.as_str()),
        ];
        self.post("/token", assertion, &form).await
    }
}

async fn send(rp: &Rp, path: &str, form: &[(&str, &str)], basic: Option<&str>) -> (u16, Value) {
    let request = http().post(format!("{}{path}", rp.issuer)).form(form);
    let request = match basic {
        Some(secret) => request.basic_auth(&rp.client_id, Some(secret)),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

async fn code_of(world: &World, rp: &Rp) -> (Expected, String) {
    let expected = rp.plain_request();
    let wallet = world.member().await;
    let location = Browser::new().answer_of(&wallet, &expected, rp).await;
    let code = rp.code(&expected, &location);
    (expected, code)
}

/// CA-3, CA-6: a client can sign with every algorithm that discovery names.
#[tokio::test]
async fn a_client_proves_itself_with_its_key() {
    let world = World::start().await;
    let url = format!("{}/.well-known/openid-configuration", world.origin);
    let discovery: Value = http().get(url).send().await.unwrap().json().await.unwrap();
    let named = discovery["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert_eq!(named.len(), 4);
    for name in named {
        let algorithm = Algorithm::from_name(name.as_str().unwrap()).unwrap();
        let client = Assertor::new(&world, algorithm).await;
        let (expected, code) = code_of(&world, &client.rp).await;
        let (status, body) = client.redeem(&client.assertion(&world), &expected, &code).await;
        assert_eq!(status, 200, "{name} {body}");
        let access = body["access_token"].as_str().unwrap();
        let assertion = client.assertion(&world);
        let asked = client.post("/introspect", &assertion, &[("token", access)]).await;
        assert_eq!(asked.1["active"], true);
        let ended = client.post("/revoke", &client.assertion(&world), &[("token", access)]).await;
        assert_eq!(ended.0, 200);
        assert_eq!(client.rp.userinfo(access).await.0, 401);
    }
}

/// OA-22, OA-23, OA-25, OA-26, OA-27, OA-28, GEN-13, GEN-14: a faulty assertion is refused, and
/// uses up neither the code nor a good assertion.
#[tokio::test]
async fn a_wrong_assertion_is_refused_and_consumes_nothing() {
    let world = World::start().await;
    let client = Assertor::new(&world, Algorithm::Es256).await;
    let (expected, code) = code_of(&world, &client.rp).await;
    let now = world.broker.site().clock().now();
    let with = |name: &str, value: Value| {
        let mut claims = client.claims(&world);
        claims.insert(name.to_owned(), value);
        client.sign(&claims)
    };
    let origin = &world.origin;
    let right = client.assertion(&world);
    let payload = right.split('.').nth(1).unwrap().to_owned();
    let stranger = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
    let stranger = stranger.with_kid(client.key.kid());
    let header = |json: Value| b64u::encode(json.to_string());
    let signed = |header: Header, key: &SigningKey| {
        sekisho_jose::sign(key, &header, &client.claims(&world)).unwrap()
    };
    let id_token = {
        let rp = world.rp().await;
        let tokens = Browser::new().log_in(&world.member().await, &rp.plain_request(), &rp).await;
        tokens.body["id_token"].as_str().unwrap().to_owned()
    };
    let wrong = [
        ("aud is another server", with("aud", json!("https://evil.test"))),
        ("aud with a slash", with("aud", json!(format!("{origin}/")))),
        ("aud has two", with("aud", json!([origin, "https://evil.test"]))),
        ("aud is userinfo", with("aud", json!(format!("{origin}/userinfo")))),
        ("aud is null", with("aud", Value::Null)),
        ("iss is another client", with("iss", json!("other"))),
        ("sub is another client", with("sub", json!("other"))),
        ("expired", with("exp", json!(now.plus(-11).unix()))),
        ("lives a day", with("exp", json!(now.plus(86_400).unix()))),
        ("exp is text", with("exp", json!("1795564900"))),
        ("issued tomorrow", with("iat", json!(now.plus(86_400).unix()))),
        ("not yet", with("nbf", json!(now.plus(61).unix()))),
        ("jti is a number", with("jti", json!(7))),
        ("another key", signed(Header::for_key(&stranger, "JWT"), &stranger)),
        ("another type", signed(Header::for_key(&client.key, "dpop+jwt"), &client.key)),
        ("no signature", format!("{}.{payload}.", header(json!({"alg": "none"})))),
        ("alg none, any case", format!("{}.{payload}.", header(json!({"alg": "nOnE"})))),
        ("an ID token", id_token),
        ("no JWT", "x".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, assertion) in &wrong {
        let (status, body) = client.redeem(assertion, &expected, &code).await;
        let error = error_of(&body);
        assert!(
            (status == 401 && error == "invalid_client")
                || (status == 400 && error == "invalid_request"),
            "{what}: {status} {body}"
        );
        assert!(body.get("access_token").is_none());
    }
    let (status, body) = client.redeem(&right, &expected, &code).await;
    assert_eq!(status, 200, "{body}");
}

/// CA-5: the audience is the issuer, the token endpoint or the endpoint that is called, and no
/// other endpoint.
#[tokio::test]
async fn an_assertion_is_for_the_endpoint_that_is_called() {
    let world = World::start().await;
    let client = Assertor::new(&world, Algorithm::Es256).await;
    let (expected, code) = code_of(&world, &client.rp).await;
    let for_path = |path: &str| {
        let mut claims = client.claims(&world);
        claims.insert("aud".to_owned(), json!(format!("{}{path}", world.origin)));
        client.sign(&claims)
    };
    for path in ["", "/token", "/introspect", "/revoke", "/userinfo"] {
        for called in ["/introspect", "/revoke"] {
            let status = client.post(called, &for_path(path), &[("token", "x")]).await.0;
            let fits = ["", "/token", called].contains(&path);
            assert_eq!(status, if fits { 200 } else { 401 }, "for {path}, at {called}");
        }
    }
    for path in ["/introspect", "/revoke"] {
        assert_eq!(client.redeem(&for_path(path), &expected, &code).await.0, 401, "for {path}");
    }
    assert_eq!(client.redeem(&for_path("/token"), &expected, &code).await.0, 200);
}

/// CA-3, OA-23: an assertion is accepted once, even if 32 requests bring it at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_good_once() {
    let world = World::start().await;
    let client = std::sync::Arc::new(Assertor::new(&world, Algorithm::Es256).await);
    let assertion = client.assertion(&world);
    let tries = (0..32).map(|_| {
        let (client, assertion) = (client.clone(), assertion.clone());
        let asked =
            async move { client.post("/introspect", &assertion, &[("token", "x")]).await.0 };
        tokio::spawn(asked)
    });
    let mut statuses = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    world.clock.advance(69);
    assert_eq!(client.post("/introspect", &assertion, &[("token", "x")]).await.0, 401);
}

/// CA-1, OA-24: a client must use exactly one method, the registered one.
#[tokio::test]
async fn one_method_and_the_registered_one() {
    let world = World::start().await;
    let client = Assertor::new(&world, Algorithm::Es256).await;
    let with_secret = world.rp().await;
    let assertion = client.assertion(&world);
    let form = |assertion: &'static str| {
        [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", assertion)]
    };
    let both =
        [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
    let (status, body) = send(&client.rp, "/introspect", &both, Some("secret")).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_request"));
    // A fake assertion beside the right secret does not count as authentication by assertion.
    let secret = with_secret.secret.clone().unwrap();
    let (status, _) = send(&with_secret, "/introspect", &form("x.y.z"), Some(&secret)).await;
    assert_eq!(status, 400);
    let other_type =
        [("token", "x"), ("client_assertion_type", "x"), ("client_assertion", &assertion)];
    assert_eq!(send(&client.rp, "/introspect", &other_type, None).await.0, 401);
    let named = [("token", "x"), ("client_id", client.rp.client_id.as_str())];
    assert_eq!(send(&client.rp, "/introspect", &named, None).await.0, 401);
    let other_id = [("token", "x"), ("client_id", with_secret.client_id.as_str())];
    assert_eq!(client.post("/introspect", &assertion, &other_id).await.0, 401);
    let own_id = [("token", "x"), ("client_id", client.rp.client_id.as_str())];
    assert_eq!(client.post("/introspect", &assertion, &own_id).await.0, 200);
}

/// RFC 6749, 2.3.1: an empty secret is none, in the header or the body, as programs send it for a public
/// client (oidc-agent does). It proves nothing for a client that has one.
#[tokio::test]
async fn tokens_07_an_empty_secret_is_no_secret() {
    let world = World::start().await;
    let public = world.rp_with(|add| "none".clone_into(&mut add.token_endpoint_auth_method)).await;
    let with_secret = world.rp().await;
    for (id, basic, more) in [
        (&public, Some(""), None),
        (&public, None, Some("")),
        (&public, Some("x"), None),
        (&public, None, Some("x")),
        (&with_secret, Some(""), None),
        (&with_secret, None, Some("")),
    ] {
        let (expected, code) = code_of(&world, id).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", id.redirect_uri.as_str()),
            ("code_verifier", expected.verifier.as_str()),
        ];
        form.extend(more.map(|secret| ("client_secret", secret)));
        form.extend(more.map(|_| ("client_id", id.client_id.as_str())));
        let (status, body) = send(id, "/token", &form, basic).await;
        if id.secret.is_none() && basic.or(more) == Some("") {
            assert_eq!(status, 200, "{basic:?} {more:?} {body}");
        } else {
            assert_eq!((status, error_of(&body).as_str()), (401, "invalid_client"));
        }
    }
}

/// OA-21: keys are fetched only from hosts that the operator listed.
#[tokio::test]
async fn keys_of_an_unlisted_host_are_not_fetched() {
    let world = World::start().await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    let mut client = Assertor::new(&world, Algorithm::Es256).await;
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1"] {
        client.rp = world
            .rp_with(|add| {
                "private_key_jwt".clone_into(&mut add.token_endpoint_auth_method);
                add.jwks_uri = Some(format!("https://{host}:{port}/jwks"));
            })
            .await;
        let answer = client.post("/introspect", &client.assertion(&world), &[("token", "x")]).await;
        assert_eq!((answer.0, error_of(&answer.1).as_str()), (401, "invalid_client"));
    }
    let silent = tokio::time::timeout(std::time::Duration::from_millis(50), canary.accept()).await;
    assert!(silent.is_err(), "somebody called");
}

/// CA-7, OA-26: keys at a `jwks_uri` are fetched once and kept. An unknown `kid` causes another
/// fetch, at most twice a minute.
#[tokio::test]
async fn a_client_may_rotate_the_keys_that_it_publishes() {
    let elsewhere = Elsewhere::start().await;
    let world = World::with(|config| elsewhere.allow(config)).await;
    let mut client = Assertor::new(&world, Algorithm::Es256).await;
    client.rp = world
        .rp_with(|add| {
            "private_key_jwt".clone_into(&mut add.token_endpoint_auth_method);
            add.jwks_uri = Some(format!("{}/jwks", elsewhere.url));
        })
        .await;
    let publish = |key: &SigningKey| {
        let jwk = key.public_jwk().with_kid(key.kid()).to_value();
        elsewhere.answers(200, json!({"keys": [jwk]}).to_string());
    };
    let ask = async |client: &Assertor| {
        client.post("/introspect", &client.assertion(&world), &[("token", "x")]).await.0
    };
    assert_eq!(ask(&client).await, 401, "nothing is published yet");
    publish(&client.key);
    assert_eq!(ask(&client).await, 200);
    assert_eq!(ask(&client).await, 200);
    let fetched = elsewhere.asked();
    assert_eq!(fetched, 2);

    let first = std::mem::replace(
        &mut client.key,
        SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap(),
    );
    publish(&client.key);
    for _ in 0..3 {
        assert_eq!(ask(&client).await, 401, "too soon to look again");
    }
    assert_eq!(elsewhere.asked(), fetched);
    world.clock.advance(30);
    assert_eq!(ask(&client).await, 200);
    assert_eq!(elsewhere.asked(), fetched + 1);
    // The key that is no longer published is no longer accepted.
    client.key = first;
    assert_eq!(ask(&client).await, 401);
    // While the host is down, known keys are accepted for five minutes and no longer.
    elsewhere.answers(503, "");
    world.clock.advance(300);
    assert_eq!(ask(&client).await, 401);
}
