//! Access tokens for protected resources: each is for one resource, in the format that it can read,
//! and good nowhere else.

use sekisho_broker::admin::{EditResource, RotateResourceSecret};
use sekisho_jose::{Algorithm, Claims, Expected as Want, JwkSet, UnverifiedJwt};
use sekisho_tests::{Browser, Rp, Wallet, World, error_of, http, parameter};
use serde_json::{Value, json};

const SCOPE: &str = "openid profile organization offline_access";

async fn get(url: &str) -> Value {
    http().get(url).send().await.unwrap().json().await.unwrap()
}

/// Verifies a token as its resource would, with the keys at this URL.
async fn read(token: &str, jwks: &str, typ: &str) -> Claims {
    let keys = JwkSet::from_value(&get(jwks).await).unwrap();
    let jwt = UnverifiedJwt::<Claims>::parse(token).unwrap();
    let kid = jwt.header().kid.clone().unwrap();
    let key = keys.with_kid(&kid).next().expect("a published key").verifying_key().unwrap();
    let algorithms = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa];
    let want = Want { typ: &[typ], algorithms: &algorithms, allow_missing_typ: false };
    jwt.verify(&key, &want).unwrap().into_claims()
}

/// Introspects as this resource or client.
async fn introspect(world: &World, (id, secret): (&str, &str), token: &str) -> (u16, Value) {
    let request = http().post(format!("{}/introspect", world.origin)).basic_auth(id, Some(secret));
    let answer = request.form(&[("token", token)]).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

async fn log_in(wallet: &Wallet, rp: &Rp, more: &[(&str, &str)]) -> Value {
    Browser::new().log_in(wallet, &rp.request(SCOPE, more), rp).await.body
}

async fn refresh(rp: &Rp, token: &Value, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
    rp.token_request(&[&form[..], more].concat()).await
}

/// RFC 9068, section 2.2: what a resource reads in a JWT.
#[tokio::test]
async fn tokens_01_a_jwt_is_for_its_resource_alone() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let secret = world
        .resource(
            "store",
            &rp,
            json!({
                "format": "jwt", "algorithm": "ES256", "lifetime": 600,
                "claims": {"groups": "groups", "preferred_username": "preferred_username"},
            }),
        )
        .await;
    let other = world.resource("other", &rp, json!({"format": "jwt"})).await;

    let body = log_in(&wallet, &rp, &[("resource", "https://store.example")]).await;
    assert_eq!(body["expires_in"], 600);
    let token = body["access_token"].as_str().unwrap();
    let claims = read(token, &format!("{}/jwks", world.origin), "at+jwt").await;
    assert_eq!(claims["iss"], world.origin);
    assert_eq!(claims["aud"], "https://store.example");
    assert_eq!(claims["client_id"], rp.client_id);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    for name in ["sub", "jti", "auth_time", "preferred_username", "groups"] {
        assert!(claims.contains_key(name), "{name}");
    }
    for name in ["scope", "email", "name", "nonce"] {
        assert!(!claims.contains_key(name), "{name}");
    }
    // It is good nowhere else.
    assert_eq!(rp.userinfo(token).await.0, 401);
    let (_, seen) = introspect(&world, ("store", &secret), token).await;
    assert_eq!((&seen["active"], &seen["aud"]), (&json!(true), &claims["aud"]));
    assert_eq!((&seen["sub"], &seen["jti"]), (&claims["sub"], &claims["jti"]));
    assert_eq!(seen["username"], claims["preferred_username"]);
    assert_eq!(seen["groups"], claims["groups"]);
    let (_, unseen) = introspect(&world, ("other", &other), token).await;
    assert_eq!(unseen, json!({"active": false}));
    // Nor is an ID token an access token.
    let id_token = body["id_token"].as_str().unwrap();
    assert_eq!(introspect(&world, ("store", &secret), id_token).await.1, json!({"active": false}));

    // What the credential's end ends, the token's end is.
    world.revoke("affiliation").await;
    assert_eq!(introspect(&world, ("store", &secret), token).await.1, json!({"active": false}));
}

/// RFC 8707, section 2: one resource for each access token; none that is not registered.
#[tokio::test]
async fn tokens_01_an_access_token_is_for_one_resource() {
    let world = World::start().await;
    let (rp, stranger) = (world.rp().await, world.rp().await);
    let wallet = world.member().await;
    for id in ["store", "slurm"] {
        world.resource(id, &rp, json!({"format": "jwt", "aliases": [format!("{id}-alias")]})).await;
    }
    let both = [("resource", "https://store.example"), ("audience", "slurm-alias")];

    let expected = rp.request(SCOPE, &both);
    let mut browser = Browser::new();
    let code = rp.code(&expected, &browser.answer_of(&wallet, &expected, &rp).await);
    let form = |more: &[(&str, &str)]| {
        let mut form = vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("code".to_owned(), code.clone()),
            ("redirect_uri".to_owned(), rp.redirect_uri.clone()),
            ("code_verifier".to_owned(), expected.verifier.clone()),
        ];
        form.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        form
    };
    for wrong in [
        &[][..],
        &both[..],
        &[("resource", "https://unknown.example")],
        &[("resource", "https://store.example/")],
        &[("resource", "store.example")],
        &[("audience", "store")],
        &[("resource", "https://store.example"), ("resource", "https://slurm.example")],
    ] {
        let form = form(wrong);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (status, body) = rp.token_request(&form).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_target"), "{wrong:?}");
    }
    // None of that used up the code. The alias is the same resource.
    let right = form(&[("audience", "slurm-alias"), ("resource", "https://slurm.example")]);
    let right: Vec<(&str, &str)> = right.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let (status, body) = rp.token_request(&right).await;
    assert_eq!(status, 200, "{body}");
    let jwks = format!("{}/jwks", world.origin);
    let claims = read(body["access_token"].as_str().unwrap(), &jwks, "at+jwt").await;
    assert_eq!(claims["aud"], "https://slurm.example");

    // Refreshing leads to any of those that were granted, and to userinfo if it is named.
    let refreshed =
        refresh(&rp, &body["refresh_token"], &[("resource", "https://store.example")]).await.1;
    let claims = read(refreshed["access_token"].as_str().unwrap(), &jwks, "at+jwt").await;
    assert_eq!(claims["aud"], "https://store.example");
    let several = refresh(&rp, &refreshed["refresh_token"], &[]).await;
    assert_eq!((several.0, error_of(&several.1).as_str()), (400, "invalid_target"));
    let own = refresh(&rp, &refreshed["refresh_token"], &[("resource", &world.origin)]).await.1;
    assert_eq!(rp.userinfo(own["access_token"].as_str().unwrap()).await.0, 200);

    // A client that is not listed gets nothing, and is told at its redirect URI.
    for named in
        [("resource", "https://store.example"), ("audience", "slurm-alias"), ("resource", "x")]
    {
        let asking = stranger.request(SCOPE, &[named]);
        let location = Browser::new().get(&asking.url).await.location.unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_target"), "{named:?}");
        assert_eq!(parameter(&location, "state").as_deref(), Some(asking.state.as_str()));
    }
    // What was not asked for in the beginning is not had later.
    let plain = log_in(&wallet, &rp, &[]).await;
    let later =
        refresh(&rp, &plain["refresh_token"], &[("resource", "https://store.example")]).await;
    assert_eq!((later.0, error_of(&later.1).as_str()), (400, "invalid_target"));
}

/// A resource with keys of its own: nothing else is signed by them, and they stand in no other set.
#[tokio::test]
async fn tokens_01_a_key_of_its_own_signs_nothing_else() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    world.resource("slurm", &rp, json!({
        "format": "jwt", "typ": "JWT", "own_key": true, "claims": {"sun": "preferred_username"},
        "audience": "urn:slurm:tokyo-1",
    })).await;
    let body = log_in(&wallet, &rp, &[("resource", "urn:slurm:tokyo-1")]).await;
    let own = format!("{}/jwks/slurm.json", world.origin);
    let claims = read(body["access_token"].as_str().unwrap(), &own, "JWT").await;
    assert!(claims["sun"].as_str().unwrap().starts_with('u'), "{claims:?}");
    let kids = |set: &Value| {
        let keys = set["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (own, main) = (get(&own).await, get(&format!("{}/jwks", world.origin)).await);
    assert!(kids(&own).iter().all(|kid| !kids(&main).contains(kid)));
    assert_eq!(kids(&own).len(), 2, "an active key and its spare: {own}");
    assert!(own["keys"].as_array().unwrap().iter().all(|key| key["alg"] == "RS256"));
    // The ID token of the same login, which a cluster must not take for a token of its own.
    let id_token = body["id_token"].as_str().unwrap();
    let kid = UnverifiedJwt::<Claims>::parse(id_token).unwrap().header().kid.clone().unwrap();
    assert!(!kids(&own).contains(&kid));
    for missing in ["store", "slurm", "slurm.json.json", ".json"] {
        let answer = http().get(format!("{}/jwks/{missing}", world.origin)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{missing}");
    }
}

/// A lean token has no claim that it need not have, and a path scope only narrows.
#[tokio::test]
async fn tokens_01_a_lean_token_has_what_it_must_have() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    world
        .resource(
            "data",
            &rp,
            json!({
                "format": "lean", "scopes": ["storage.read:/data", "compute.read"],
                "claims": {"wlcg.ver": {"value": "1.0"}},
            }),
        )
        .await;
    let scope = format!(
        "{SCOPE} storage.read:/data/x storage.read:/other storage.read:/data/../etc storage.write:/data compute.read"
    );
    let expected = rp.request(&scope, &[("resource", "https://data.example")]);
    let mut browser = Browser::new();
    let page = browser.show(&wallet, &expected.url, &rp).await;
    assert!(page.body.contains("storage.read:/data/x compute.read"), "{}", page.body);
    assert!(page.body.contains("id=\"resources\""), "{}", page.body);
    let location = browser.agree(&page).await;
    let body = rp.tokens(&expected, &rp.code(&expected, &location)).await.body;
    let jwks = format!("{}/jwks", world.origin);
    let claims = read(body["access_token"].as_str().unwrap(), &jwks, "JWT").await;
    assert_eq!(claims["scope"], "storage.read:/data/x compute.read");
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    let wanted = ["aud", "exp", "iat", "iss", "jti", "nbf", "scope", "sub", "wlcg.ver"];
    assert_eq!(names, wanted);
    assert_eq!(claims["iat"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 60);
    // Without the resource its scopes mean nothing.
    let without = log_in(&wallet, &rp, &[("prompt", "login")]).await;
    assert!(!without["scope"].as_str().unwrap().contains("storage"));
}

/// Consent to one server is no consent to another, or to more there.
#[tokio::test]
async fn tokens_01_consent_covers_the_resources_that_were_shown() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    world.resource("store", &rp, json!({"format": "jwt", "scopes": ["read:/"]})).await;
    let mut browser = Browser::new();
    browser.log_in(&wallet, &rp.request(SCOPE, &[]), &rp).await;
    let silent = |more: &[(&str, &str)], scope: &str| {
        rp.request(scope, &[&[("prompt", "none")], more].concat())
    };
    let store = ("resource", "https://store.example");
    let refused = browser.get(&silent(&[store], SCOPE).url).await.location.unwrap();
    assert_eq!(parameter(&refused, "error").as_deref(), Some("consent_required"));
    let page = browser.get(&rp.request(SCOPE, &[store]).url).await;
    let page = browser.follow(page, &rp.redirect_uri).await;
    browser.agree(&page).await;
    let given = browser.get(&silent(&[store], SCOPE).url).await.location.unwrap();
    assert!(parameter(&given, "code").is_some(), "{given}");
    let more = browser.get(&silent(&[store], &format!("{SCOPE} read:/all")).url).await;
    let more = more.location.unwrap();
    assert_eq!(parameter(&more, "error").as_deref(), Some("consent_required"));
}

/// RFC 9396, section 2.2: a permit reaches only the resources among its locations.
#[tokio::test]
async fn tokens_01_a_permit_reaches_its_locations_alone() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let mut secrets = Vec::new();
    for id in ["slurm", "store"] {
        secrets.push(world.resource(id, &rp, json!({"format": "jwt"})).await);
    }
    let details = |locations: Value| {
        json!([{
            "type": "gpu_access", "service": "console", "gpus": 2, "gpu_hours": 2,
            "actions": ["submit"], "locations": locations,
        }])
        .to_string()
    };
    let asked = details(json!(["https://slurm.example"]));
    let named = [
        ("resource", "https://slurm.example"),
        ("resource", "https://store.example"),
        ("authorization_details", asked.as_str()),
    ];
    let scope = format!("{SCOPE} gpu_access");
    let expected = rp.request(&scope, &named);
    let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
    let code = rp.code(&expected, &location);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", rp.redirect_uri.as_str()),
        ("code_verifier", expected.verifier.as_str()),
        ("resource", "https://slurm.example"),
    ];
    let (status, here) = rp.token_request(&form).await;
    assert_eq!(status, 200, "{here}");
    let there =
        refresh(&rp, &here["refresh_token"], &[("resource", "https://store.example")]).await.1;
    let jwks = format!("{}/jwks", world.origin);
    let token = |body: &Value| body["access_token"].as_str().unwrap().to_owned();
    let reached = read(&token(&here), &jwks, "at+jwt").await;
    assert_eq!(reached["authorization_details"][0]["gpus"], 2);
    assert_eq!(here["authorization_details"], reached["authorization_details"]);
    let seen = introspect(&world, ("slurm", &secrets[0]), &token(&here)).await.1;
    assert_eq!(seen["authorization_details"], reached["authorization_details"]);
    assert!(!read(&token(&there), &jwks, "at+jwt").await.contains_key("authorization_details"));
    assert_eq!(there["authorization_details"], Value::Null);
    let unseen = introspect(&world, ("store", &secrets[1]), &token(&there)).await.1;
    assert_eq!(unseen["authorization_details"], Value::Null);
    assert_eq!(unseen["active"], true);

    // A location that is not asked for is refused.
    for locations in [json!(["https://other.example"]), json!([]), json!(["https://store.example"])]
    {
        let asked = details(locations);
        let named =
            [("resource", "https://slurm.example"), ("authorization_details", asked.as_str())];
        let location = Browser::new().get(&rp.request(&scope, &named).url).await.location.unwrap();
        let error = parameter(&location, "error");
        assert_eq!(error.as_deref(), Some("invalid_authorization_details"), "{asked}");
    }
}

/// INTR-1, INTR-3: a resource proves itself, and may have the answer signed (RFC 9701).
#[tokio::test]
async fn tokens_02_a_resource_introspects_with_its_own_secret() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let secret = world.resource("store", &rp, json!({})).await;
    let body = log_in(&wallet, &rp, &[("resource", "https://store.example")]).await;
    let token = body["access_token"].as_str().unwrap();
    let (status, seen) = introspect(&world, ("store", &secret), token).await;
    assert_eq!(
        (status, &seen["active"], &seen["aud"]),
        (200, &json!(true), &json!("https://store.example"))
    );
    for wrong in ["", "x", &format!("{secret}x")] {
        let (status, body) = introspect(&world, ("store", wrong), token).await;
        assert_eq!((status, error_of(&body).as_str()), (401, "invalid_client"));
    }
    // Its id and secret are good nowhere else.
    let thief = Rp { client_id: "store".to_owned(), secret: Some(secret.clone()), ..rp.clone() };
    let refused = thief.refused(&[("grant_type", "client_credentials")]).await;
    assert_eq!((refused.0, refused.1.as_str()), (401, "invalid_client"));

    let request = http().post(format!("{}/introspect", world.origin));
    let request = request.basic_auth("store", Some(&secret)).form(&[("token", token)]);
    let request = request.header("accept", "application/token-introspection+jwt");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/token-introspection+jwt");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let jwks = format!("{}/jwks", world.origin);
    let claims = read(&answer.text().await.unwrap(), &jwks, "token-introspection+jwt").await;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.origin), &json!("store")));
    assert_eq!(claims["token_introspection"]["sub"], seen["sub"]);
    assert!(!claims.contains_key("sub") && !claims.contains_key("exp"));

    // A new secret: both count for a while, then the old one does not.
    let rotate = RotateResourceSecret { keep_old_for: 100 };
    let by = world.act();
    let rotated = world.broker.rotate_resource_secret(&by, "store", rotate).await.unwrap();
    let new = rotated.result.secret.unwrap();
    for secret in [&secret, &new] {
        assert_eq!(introspect(&world, ("store", secret), token).await.0, 200);
    }
    world.clock.advance(100);
    assert_eq!(introspect(&world, ("store", &secret), token).await.0, 401);
    assert_eq!(introspect(&world, ("store", &new), token).await.1["active"], true);
}

/// What an operator takes away is gone at the next question, at every step.
#[tokio::test]
async fn tokens_02_who_may_ask_no_more_has_nothing_left() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let secret = world.resource("store", &rp, json!({"format": "jwt"})).await;
    let body = log_in(&wallet, &rp, &[("resource", "https://store.example")]).await;
    let token = body["access_token"].as_str().unwrap();
    let active = introspect(&world, ("store", &secret), token).await.1["active"].clone();
    assert_eq!(active, true);
    let edit =
        EditResource { remove_clients: vec![rp.client_id.clone()], ..EditResource::default() };
    world.broker.edit_resource(&world.act(), "store", &edit).await.unwrap();
    assert_eq!(introspect(&world, ("store", &secret), token).await.1, json!({"active": false}));
    let refused = refresh(&rp, &body["refresh_token"], &[]).await;
    assert_eq!((refused.0, error_of(&refused.1).as_str()), (400, "invalid_target"));
    // The client keeps what it had besides.
    let own = refresh(&rp, &body["refresh_token"], &[("resource", &world.origin)]).await;
    assert_eq!(own.0, 200, "{}", own.1);
}

/// RFC 7009: its client revokes a JWT, and introspection knows it no more.
#[tokio::test]
async fn tokens_02_a_jwt_can_be_revoked() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let wallet = world.member().await;
    let secret = world.resource("store", &rp, json!({"format": "jwt"})).await;
    let body = log_in(&wallet, &rp, &[("resource", "https://store.example")]).await;
    let token = body["access_token"].as_str().unwrap();
    for (who, alive) in [(&other, true), (&rp, false)] {
        let request = http().post(format!("{}/revoke", world.origin));
        let request = request.basic_auth(&who.client_id, who.secret.as_ref());
        assert_eq!(request.form(&[("token", token)]).send().await.unwrap().status(), 200);
        let seen = introspect(&world, ("store", &secret), token).await.1;
        assert_eq!(seen["active"], alive);
    }
}

/// RFC 6749, section 4.4: a client for itself, in each format.
#[tokio::test]
async fn tokens_03_a_client_gets_a_token_for_itself() {
    let world = World::start().await;
    let rp = world.rp().await;
    let public = world.rp_with(|add| add.token_endpoint_auth_method = "none".to_owned()).await;
    let grant = ("grant_type", "client_credentials");
    assert_eq!(rp.refused(&[grant]).await.1, "invalid_target");
    let mut secrets = Vec::new();
    for (id, format) in [("one", "jwt"), ("two", "lean"), ("three", "opaque")] {
        let members = json!({"format": format, "scopes": ["compute.read"], "lifetime": 120});
        secrets.push((id, world.resource(id, &rp, members).await));
    }
    assert_eq!(rp.refused(&[grant]).await.1, "invalid_target");
    let unlisted = public.refused(&[grant, ("resource", "https://one.example")]).await;
    assert_eq!((unlisted.0, unlisted.1.as_str()), (400, "unauthorized_client"));
    for (id, secret) in &secrets {
        let resource = format!("https://{id}.example");
        let named = ("resource", resource.as_str());
        let wrong = rp.refused(&[grant, named, ("scope", "compute.read openid")]).await;
        assert_eq!((wrong.0, wrong.1.as_str()), (400, "invalid_scope"));
        let (status, body) = rp.token_request(&[grant, named, ("scope", "compute.read")]).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!((&body["expires_in"], &body["scope"]), (&json!(120), &json!("compute.read")));
        assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
        let token = body["access_token"].as_str().unwrap();
        let seen = introspect(&world, (id, secret), token).await.1;
        assert_eq!(seen["active"], true, "{id}");
        assert_eq!(
            (&seen["sub"], &seen["client_id"]),
            (&json!(rp.client_id), &json!(rp.client_id))
        );
        assert_eq!((&seen["aud"], &seen["scope"]), (&json!(resource), &json!("compute.read")));
        for (other, secret) in secrets.iter().filter(|(other, _)| other != id) {
            let unseen = introspect(&world, (other, secret), token).await.1;
            assert_eq!(unseen, json!({"active": false}));
        }
        assert_eq!(rp.userinfo(token).await.0, 401);
        let own = introspect(&world, (&rp.client_id, rp.secret.as_ref().unwrap()), token).await.1;
        assert_eq!(own["active"], true);
    }
    let tokens = rp.token_request(&[grant, ("resource", "https://one.example")]).await.1;
    let jwt = tokens["access_token"].as_str().unwrap();
    let opaque = rp.token_request(&[grant, ("resource", "https://three.example")]).await.1;
    let opaque = opaque["access_token"].as_str().unwrap();
    // A later client of the same id is another one.
    world.broker.remove_client(&world.act(), &rp.client_id).await.unwrap();
    let id = rp.client_id.clone();
    world.rp_with(|add| add.client_id = Some(id)).await;
    for ((id, secret), token) in [(&secrets[0], jwt), (&secrets[2], opaque)] {
        let seen = introspect(&world, (id, secret), token).await.1;
        assert_eq!(seen, json!({"active": false}), "{id}");
    }
    world.clock.advance(121);
    assert_eq!(introspect(&world, ("one", &secrets[0].1), jwt).await.1, json!({"active": false}));
}

/// The audit log counts them by client, resource and minute.
#[tokio::test]
async fn tokens_03_tokens_of_clients_are_counted() {
    let world = World::start().await;
    let rp = world.rp().await;
    world.resource("store", &rp, json!({"format": "jwt"})).await;
    for _ in 0..3 {
        assert_eq!(rp.token_request(&[("grant_type", "client_credentials")]).await.0, 200);
    }
    world.broker.write_counts().await.unwrap();
    let counted = || async {
        let records = world.broker.audit_tail(None, 50).await.unwrap();
        let records = serde_json::to_value(&records).unwrap();
        let records = records.as_array().unwrap().iter();
        let mut found = records.filter(|record| record.to_string().contains("client.token"));
        found.next().cloned()
    };
    assert!(counted().await.is_none());
    world.clock.advance(60);
    world.broker.write_counts().await.unwrap();
    let record = counted().await.unwrap().to_string();
    assert!(record.contains("store") && record.contains("\"tokens\":3"), "{record}");
}

/// Names of resources and ids of clients are apart: a token for one never looks addressed to the
/// other.
#[tokio::test]
async fn tokens_01_no_client_is_called_like_a_resource() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.client_id = Some("portal".to_owned())).await;
    world.resource("store", &rp, json!({"aliases": ["vault"]})).await;
    let act = world.act();
    for (id, audience) in [("portal", "urn:a"), ("b", "portal"), ("store", "urn:c"), ("d", "vault")]
    {
        let resource = serde_json::from_value(json!({
            "id": id, "name": {"ja": "あ", "en": "a"}, "audience": audience,
        }));
        assert!(world.broker.add_resource(&act, &resource.unwrap()).await.is_err(), "{id}");
    }
    for (id, audience) in [("store", ""), ("vault", ""), ("https://store.example", "")] {
        let add = |client: &mut sekisho_broker::admin::AddClient| {
            client.client_id = Some(id.to_owned());
            let _ = audience;
        };
        assert!(world.try_rp_with(add).await.is_err(), "{id}");
    }
}

/// Two brokers on one store: a resource that one has registered is known to the other at once.
#[tokio::test]
async fn tokens_01_two_brokers_know_the_same_resources() {
    let world = World::of_two(7).await;
    let rp = world.rp().await;
    let secret = world.resource("store", &rp, json!({"format": "jwt", "algorithm": "ES256"})).await;
    for _ in 0..4 {
        let (status, body) = rp.token_request(&[("grant_type", "client_credentials")]).await;
        assert_eq!(status, 200, "{body}");
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(introspect(&world, ("store", &secret), token).await.1["active"], true);
        assert_eq!(introspect(&world, ("store", &secret), token).await.1["active"], true);
    }
}

const EXCHANGE: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
const KIND: (&str, &str) = ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token");

async fn exchange(rp: &Rp, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
    rp.token_request(&[&[EXCHANGE, KIND, ("subject_token", token)], more].concat()).await
}

/// RFC 8693: the same grant, no further, no longer; it ends with the token before.
#[tokio::test]
async fn tokens_03_an_exchanged_token_reaches_no_further() {
    let world = World::start().await;
    let (rp, hub, stranger) = (world.rp().await, world.rp().await, world.rp().await);
    let wallet = world.member().await;
    let front = json!({
        "format": "jwt", "lifetime": 200, "agents": [hub.client_id], "scopes": ["read:/a"],
    });
    world.resource("front", &rp, front).await;
    let secret = world
        .resource(
            "back",
            &hub,
            json!({
                "format": "jwt", "lifetime": 600, "scopes": ["read:/", "write:/"],
                "clients": [hub.client_id, stranger.client_id],
                "claims": {"preferred_username": "preferred_username"},
            }),
        )
        .await;
    let named = ("audience", "https://back.example");
    let scope = format!("{SCOPE} read:/a/b");
    let expected = rp.request(&scope, &[("resource", "https://front.example")]);
    let first = Browser::new().log_in(&wallet, &expected, &rp).await;
    let token = first.access_token.as_str();

    for (who, more, error) in [
        (&stranger, &[named][..], "invalid_request"),
        (&rp, &[named], "invalid_target"),
        (&hub, &[], "invalid_request"),
        (&hub, &[("audience", "https://front.example")], "invalid_target"),
        (&hub, &[named, ("scope", "read:/")], "invalid_scope"),
        (&hub, &[named, ("scope", "write:/a")], "invalid_scope"),
        (&hub, &[named, ("scope", "email")], "invalid_scope"),
        (&hub, &[named, ("actor_token", "x")], "invalid_request"),
        (
            &hub,
            &[named, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
            "invalid_request",
        ),
    ] {
        let (status, body) = exchange(who, token, more).await;
        assert_eq!((status, error_of(&body).as_str()), (400, error), "{more:?}");
    }
    for subject in [
        "x",
        first.body["refresh_token"].as_str().unwrap(),
        first.body["id_token"].as_str().unwrap(),
    ] {
        let (status, body) = exchange(&hub, subject, &[named]).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_request"));
    }
    let (status, second) = exchange(&hub, token, &[named]).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(second["issued_token_type"], KIND.1);
    assert_eq!((&second["expires_in"], &second["scope"]), (&json!(200), &json!("read:/a/b")));
    assert!(second.get("refresh_token").is_none() && second.get("id_token").is_none());
    let back = second["access_token"].as_str().unwrap();
    let claims = read(back, &format!("{}/jwks", world.origin), "at+jwt").await;
    assert_eq!(claims["sub"], first.id_token["sub"]);
    assert_eq!(claims["client_id"], hub.client_id);
    assert_eq!(claims["act"], json!({"sub": hub.client_id}));
    assert_eq!(claims["scope"], "read:/a/b");
    assert!(claims.contains_key("preferred_username"));
    let seen = introspect(&world, ("back", &secret), back).await.1;
    assert_eq!((&seen["active"], &seen["act"]), (&json!(true), &claims["act"]));
    assert_eq!(seen["client_id"], hub.client_id);
    // It is not a token of the first client, nor good at the first resource or at userinfo.
    let own = introspect(&world, (&rp.client_id, rp.secret.as_ref().unwrap()), back).await.1;
    assert_eq!(own["active"], false);
    assert_eq!(hub.userinfo(back).await.0, 401);

    // Revoking the token before ends this one.
    let request = http().post(format!("{}/revoke", world.origin));
    let request = request.basic_auth(&rp.client_id, rp.secret.as_ref()).form(&[("token", token)]);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(introspect(&world, ("back", &secret), back).await.1, json!({"active": false}));
    assert_eq!(error_of(&exchange(&hub, token, &[named]).await.1), "invalid_request");
}

/// A token that its client may have no more is not exchanged either.
#[tokio::test]
async fn tokens_03_what_was_taken_away_is_not_exchanged() {
    let world = World::start().await;
    let (rp, hub) = (world.rp().await, world.rp().await);
    let wallet = world.member().await;
    world.resource("front", &rp, json!({"format": "jwt", "agents": [hub.client_id]})).await;
    let secret = world.resource("back", &hub, json!({"format": "jwt"})).await;
    let body = log_in(&wallet, &rp, &[("resource", "https://front.example")]).await;
    let token = body["access_token"].as_str().unwrap();
    let named = [("audience", "https://back.example")];
    let back = exchange(&hub, token, &named).await.1["access_token"].as_str().unwrap().to_owned();
    let known = async || introspect(&world, ("back", &secret), &back).await.1["active"] == true;
    assert!(known().await);
    // Who no longer acts behind the first server has nothing from there, and gets it back with that.
    for (agents, expected) in [(json!([]), false), (json!([hub.client_id]), true)] {
        let set = [("agents".to_owned(), agents)].into_iter().collect();
        let edit = EditResource { set, ..EditResource::default() };
        world.broker.edit_resource(&world.act(), "front", &edit).await.unwrap();
        assert_eq!(known().await, expected);
    }
    let edit = EditResource { remove_clients: vec![rp.client_id], ..EditResource::default() };
    world.broker.edit_resource(&world.act(), "front", &edit).await.unwrap();
    assert!(!known().await);
    let (status, body) = exchange(&hub, token, &named).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_request"));
}

/// RFC 8693, section 4.1: who acted before is told; the chain has a bound.
#[tokio::test]
async fn tokens_03_a_chain_of_exchanges_has_a_bound() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut hubs = Vec::new();
    for _ in 0..4 {
        hubs.push(world.rp().await);
    }
    let agents =
        |at: usize| hubs.get(at).map(|hub| hub.client_id.clone()).into_iter().collect::<Vec<_>>();
    world.resource("r0", &rp, json!({"format": "jwt", "agents": agents(0)})).await;
    for (at, hub) in hubs.iter().enumerate() {
        let members = json!({"format": "jwt", "agents": agents(at + 1)});
        world.resource(&format!("r{}", at + 1), hub, members).await;
    }
    let first = log_in(&wallet, &rp, &[("resource", "https://r0.example")]).await;
    let mut token = first["access_token"].as_str().unwrap().to_owned();
    for (at, hub) in hubs.iter().enumerate() {
        let resource = format!("https://r{}.example", at + 1);
        let (status, body) = exchange(hub, &token, &[("resource", &resource)]).await;
        if at == 3 {
            assert_eq!((status, error_of(&body).as_str()), (400, "invalid_request"));
            continue;
        }
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().clone_into(&mut token);
    }
    let claims = read(&token, &format!("{}/jwks", world.origin), "at+jwt").await;
    let id = |at: usize| hubs[at].client_id.as_str();
    let chain = json!({"sub": id(2), "act": {"sub": id(1), "act": {"sub": id(0)}}});
    assert_eq!(claims["act"], chain);
    world.revoke("affiliation").await;
    assert_eq!(
        error_of(&exchange(&hubs[3], &token, &[("resource", "https://r4.example")]).await.1),
        "invalid_request"
    );
}

/// What the person did not see at consent is not had by an exchange either.
#[tokio::test]
async fn tokens_03_a_token_of_ones_own_is_exchanged_for_what_was_agreed_to() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    for id in ["seen", "unseen"] {
        world.resource(id, &rp, json!({"format": "jwt"})).await;
    }
    let seen = ("resource", "https://seen.example");
    let body = log_in(&wallet, &rp, &[seen]).await;
    let token = body["access_token"].as_str().unwrap();
    let (status, same) = exchange(&rp, token, &[seen]).await;
    assert_eq!(status, 200, "{same}");
    for token in [token, same["access_token"].as_str().unwrap()] {
        let (status, body) = exchange(&rp, token, &[("resource", "https://unseen.example")]).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_target"));
    }
}
