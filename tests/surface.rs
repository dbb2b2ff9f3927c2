//! Rules for all endpoints: where URLs come from, what is ignored, what is limited, who may read
//! across origins, and that a token of one endpoint is refused at every other.

use std::collections::BTreeMap;

use sekisho_broker::admin::GrantType;
use sekisho_profile::Status;
use sekisho_tests::{Browser, OPERATOR, Rp, TENANT, World, affiliation, error_of, http, parameter};
use serde_json::{Value, json};

async fn document(world: &World, path: &str) -> Value {
    let answer = http().get(format!("{}{path}", world.origin)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

/// Collects every text in a document.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(all) => all.iter().for_each(|value| texts(value, found)),
        Value::Object(all) => all.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// GEN-2: URLs come from the configuration, whatever host a request names.
#[tokio::test]
async fn no_url_comes_from_a_request() {
    let world = World::start().await;
    for path in [
        "/.well-known/openid-configuration".to_owned(),
        "/.well-known/did.json".to_owned(),
        format!("/.well-known/openid-credential-issuer/orgs/{TENANT}"),
        format!("/.well-known/jwt-vc-issuer/orgs/{TENANT}"),
    ] {
        let forged = http()
            .get(format!("{}{path}", world.origin))
            .header("host", "evil.test")
            .header("x-forwarded-host", "evil.test")
            .header("forwarded", "host=evil.test;proto=https");
        let body: Value = forged.send().await.unwrap().json().await.unwrap();
        let mut found = Vec::new();
        texts(&body, &mut found);
        let urls = found.iter().filter(|text| text.starts_with("http"));
        for url in urls {
            let known = ["https://types.example.jp", "https://www.w3.org", "https://w3id.org"];
            let ours = url.starts_with(&world.origin) || known.iter().any(|k| url.starts_with(k));
            assert!(ours, "{path}: {url}");
        }
        assert!(!body.to_string().contains("evil.test"));
    }
}

/// GEN-3, AUTH-9: unknown parameters are ignored, and optional hints never make a login fail.
#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let world = World::start().await;
    let rp = world.rp().await;
    let hints = [
        ("display", "popup"),
        ("ui_locales", "fr-CA en"),
        ("claims_locales", "de"),
        ("login_hint", "山田"),
        ("acr_values", "gold silver"),
        ("prompt", "create"),
        ("access_type", "offline"),
        ("x", ""),
    ];
    let expected = rp.request("openid unheard_of", &hints);
    let wallet = world.member().await;
    let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
    let code = rp.code(&expected, &location);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", rp.redirect_uri.as_str()),
        ("code_verifier", expected.verifier.as_str()),
        ("audience_hint", "x"),
    ];
    let (status, body) = rp.token_request(&form).await;
    assert_eq!(status, 200, "{body}");
}

/// AUTH-5: `state` and `nonce` come back unchanged, and only if they were sent.
#[tokio::test]
async fn state_and_nonce_come_back_as_they_were() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let long = "s".repeat(2000);
    let with = |state: Option<&str>, nonce: Option<&str>| {
        let mut expected = rp.plain_request();
        let mut url = url::Url::parse(&expected.url).unwrap();
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "state" && name != "nonce")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
        if let Some(state) = state {
            url.query_pairs_mut().append_pair("state", state);
        }
        if let Some(nonce) = nonce {
            url.query_pairs_mut().append_pair("nonce", nonce);
        }
        expected.url = url.into();
        expected
    };
    for (state, nonce) in [(Some(long.as_str()), Some(&long[..384])), (None, None)] {
        let expected = with(state, nonce);
        let location = Browser::new().answer_of(&wallet, &expected, &rp).await;
        assert_eq!(parameter(&location, "state").as_deref(), state);
        let (_, body) = rp.redeem(&expected, &parameter(&location, "code").unwrap()).await;
        let id_token = rp.verify(body["id_token"].as_str().unwrap()).await;
        assert_eq!(id_token.get("nonce").and_then(Value::as_str), nonce);
    }
    let too_long = "s".repeat(5000);
    let location = Browser::new().get(&with(Some(&too_long), None).url).await.location.unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("invalid_request"));
}

/// GEN-9, OA-15: a form is answered by 303, so that the browser continues by GET and does not send
/// the form again.
#[tokio::test]
async fn every_form_is_answered_by_303() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let expected = rp.plain_request();
    let query = expected.url.split_once('?').unwrap().1;
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let authorize = format!("{}/authorize", world.origin);
    assert_eq!(browser.post(&authorize, &form).await.status, 303);
    let page = browser.show(&wallet, &expected.url, &rp).await;
    let agreed = browser.decide(&page, "allow", &[]).await;
    assert_eq!(agreed.status, 303);
    let logout = format!("{}/logout", world.origin);
    assert_eq!(browser.post(&logout, &[]).await.status, 303);
    let page = browser.begin(&rp.request("openid", &[("prompt", "login")]).url, &rp).await;
    let token = page.form_token();
    let cancel = browser.post(&format!("{}/cancel", page.url), &[("form_token", &token)]).await;
    assert_eq!(cancel.status, 303);
}

/// GEN-18, OI-07: every origin may read the documents, without credentials, and nothing else.
#[tokio::test]
async fn only_documents_are_readable_across_origins() {
    let world = World::start().await;
    let cross = |path: String| {
        let request = http().get(format!("{}{path}", world.origin));
        request.header("origin", "https://elsewhere.example").send()
    };
    for path in [
        "/.well-known/openid-configuration".to_owned(),
        "/.well-known/oauth-authorization-server".to_owned(),
        "/jwks".to_owned(),
        format!("/.well-known/openid-credential-issuer/orgs/{TENANT}"),
        "/types/affiliation/1".to_owned(),
    ] {
        let answer = cross(path.clone()).await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"), "{path}");
    }
    for path in ["/authorize", "/token", "/userinfo", "/introspect", "/revoke", "/logout/done"] {
        let answer = cross(path.to_owned()).await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
    }
}

/// GEN-12, RES-2, OI-07: userinfo answers in JSON whatever the request accepts, and does not accept
/// an ID token as an access token.
#[tokio::test]
async fn userinfo_is_json_about_the_same_subject() {
    let world = World::start().await;
    let rp = world.rp().await;
    let expected = rp.request("openid profile email", &[]);
    let tokens = Browser::new().log_in(&world.member().await, &expected, &rp).await;
    let ask = |token: String, accept: &'static str| {
        let request = http().get(format!("{}/userinfo", world.origin)).bearer_auth(token);
        request.header("accept", accept).send()
    };
    for accept in ["image/png", "*/*", "application/jwt", "x"] {
        let answer = ask(tokens.access_token.clone(), accept).await.unwrap();
        assert_eq!(answer.status(), 200, "{accept}");
        assert!(answer.headers().contains_key("date"));
        assert_eq!(answer.headers()["content-type"], "application/json");
        let claims: Value = answer.json().await.unwrap();
        assert_eq!(claims["sub"], tokens.id_token["sub"]);
        assert_eq!(claims.get("email_verified"), None, "unknown is not false");
        let odd = |value: &Value| value.is_null() || value == "";
        assert!(!claims.as_object().unwrap().values().any(odd), "{claims}");
    }
    let id_token = tokens.body["id_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(id_token, "*/*").await.unwrap().status(), 401);
}

/// DISC-10, DISC-11, DISC-12, DISC-16, DISC-18, DISC-19: endpoints, methods and keys are as
/// published.
#[tokio::test]
async fn discovery_and_keys_are_complete() {
    let world = World::start().await;
    let discovery = document(&world, "/.well-known/openid-configuration").await;
    for (name, path) in [
        ("end_session_endpoint", "/logout"),
        ("introspection_endpoint", "/introspect"),
        ("revocation_endpoint", "/revoke"),
    ] {
        assert_eq!(discovery[name], format!("{}{path}", world.origin));
    }
    let introspection = &discovery["introspection_endpoint_auth_methods_supported"];
    assert!(!introspection.as_array().unwrap().contains(&json!("none")));
    assert!(discovery["revocation_endpoint_auth_methods_supported"].is_array());
    assert_eq!(discovery["pre-authorized_grant_anonymous_access_supported"], true);
    for name in ["frontchannel_logout_supported", "backchannel_logout_supported"] {
        assert_eq!(discovery[name], false);
    }
    let jwks = document(&world, "/jwks").await;
    let keys = jwks["keys"].as_array().unwrap();
    let mut kids = Vec::new();
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
        assert_eq!(key["use"], "sig");
        assert!(key["alg"].is_string() && key["kty"] != "oct");
        kids.push(key["kid"].as_str().unwrap().to_owned());
    }
    let of_issuer = document(&world, &format!("/.well-known/jwt-vc-issuer/orgs/{TENANT}")).await;
    let of_requests = document(&world, "/.well-known/did.json").await;
    let others = of_issuer["jwks"]["keys"].as_array().unwrap().iter().map(|key| &key["kid"]);
    kids.extend(others.map(|kid| kid.as_str().unwrap().to_owned()));
    let distinct: std::collections::BTreeSet<_> = kids.iter().collect();
    assert_eq!(distinct.len(), kids.len(), "no key serves two purposes");
    let methods = of_requests["verificationMethod"].to_string();
    assert!(!kids.iter().any(|kid| methods.contains(kid.as_str())));
    let webfinger = format!("{}/.well-known/webfinger?resource=x", world.origin);
    assert_eq!(http().get(webfinger).send().await.unwrap().status(), 404);
}

/// One valid handle of each kind.
async fn handles(world: &World, rp: &Rp) -> (BTreeMap<&'static str, String>, String) {
    let mut found = BTreeMap::new();
    let mut browser = Browser::new();
    let wallet = world.member().await;
    let expected = rp.request("openid offline_access", &[]);
    let tokens = browser.log_in(&wallet, &expected, rp).await;
    found.insert("access token", tokens.access_token);
    found.insert("refresh token", tokens.body["refresh_token"].as_str().unwrap().to_owned());
    let session = browser.cookie(&world.origin, "sekisho-session").unwrap().clone();
    found.insert("session", session);
    let asked = rp.post("/device_authorization", &[("scope", "openid")]).await.1;
    found.insert("device code", browser.approve_device(&world.origin, &asked).await);
    let expected = rp.request("openid offline_access", &[]);
    let location = browser.get(&expected.url).await.location.unwrap();
    found.insert("code", parameter(&location, "code").unwrap());
    let verifier = expected.verifier;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.request("openid", &[("prompt", "login")]).url, rp).await;
    found.insert(
        "browser",
        browser.login_cookie(&page.url).map(|(n, v)| format!("{n}={v}")).unwrap(),
    );
    found.insert("login", page.url.rsplit('/').next().unwrap().to_owned());
    let link = page.link("wallet-open");
    let request_uri = parameter(&link, "request_uri").unwrap();
    found.insert("request", request_uri.rsplit('/').next().unwrap().to_owned());
    let back = wallet.present(&link).await.redirect_uri();
    found.insert("response code", parameter(&back, "response_code").unwrap());
    let offered = world.offer(TENANT, "affiliation", affiliation()).await;
    let by_reference = parameter(&offered.uri, "credential_offer_uri").unwrap();
    found.insert("offer", by_reference.rsplit('/').next().unwrap().to_owned());
    let offer = wallet.read_offer(&offered.uri).await;
    let grants = serde_json::to_value(offer.to_value()).unwrap();
    let grant = &grants["grants"]["urn:ietf:params:oauth:grant-type:pre-authorized_code"];
    found.insert("pre-authorized code", grant["pre-authorized_code"].as_str().unwrap().to_owned());
    found.insert("nonce", wallet.nonce(&offer).await);
    let other = world.offer(TENANT, "affiliation", affiliation()).await;
    let redeemed = wallet.redeem_offer(&wallet.read_offer(&other.uri).await, None).await;
    found.insert("issuance token", redeemed.body["access_token"].as_str().unwrap().to_owned());
    (found, verifier)
}

/// Whether `handle` is accepted at an endpoint that takes handles of the kind `takes`, while
/// everything else is right: the verifier, the browser, the login.
async fn works(
    world: &World,
    rp: &Rp,
    (right, verifier): &(BTreeMap<&'static str, String>, String),
    takes: &str,
    handle: &str,
) -> bool {
    let origin = &world.origin;
    let form = |form: Vec<(&'static str, String)>| {
        let rp = rp.clone();
        async move {
            let form: Vec<(&str, &str)> =
                form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            rp.token_request(&form).await.0 == 200
        }
    };
    let handle = handle.to_owned();
    match takes {
        "code" => {
            form(vec![
                ("grant_type", "authorization_code".to_owned()),
                ("code", handle),
                ("redirect_uri", rp.redirect_uri.clone()),
                ("code_verifier", verifier.clone()),
            ])
            .await
        }
        "device code" => {
            let grant = "urn:ietf:params:oauth:grant-type:device_code".to_owned();
            form(vec![("grant_type", grant), ("device_code", handle)]).await
        }
        "refresh token" => {
            form(vec![("grant_type", takes.replace(' ', "_")), ("refresh_token", handle)]).await
        }
        "pre-authorized code" => {
            let grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code".to_owned();
            form(vec![("grant_type", grant), ("pre-authorized_code", handle)]).await
        }
        "access token" => rp.userinfo(&handle).await.0 == 200,
        "issuance token" => {
            let request = http().post(format!("{origin}/orgs/{TENANT}/credential"));
            let body = json!({"credential_configuration_id": "affiliation"});
            request.bearer_auth(handle).json(&body).send().await.unwrap().status() != 401
        }
        "session" => {
            let silent = rp.request("openid offline_access", &[("prompt", "none")]).url;
            let cookie = format!("sekisho-session={handle}");
            let answer = http().get(silent).header("cookie", cookie).send().await.unwrap();
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            parameter(&location, "code").is_some()
        }
        "login" => ok(format!("{origin}/login/{handle}"), &right["browser"]).await,
        "browser" => ok(format!("{origin}/login/{}", right["login"]), &handle).await,
        "response code" => {
            let login = &right["login"];
            let url = format!("{origin}/login/{login}/complete?response_code={handle}");
            ok(url, &right["browser"]).await
        }
        "request" => ok(format!("{origin}/request/{handle}"), "").await,
        "offer" => ok(format!("{origin}/offers/{handle}"), "").await,
        other => panic!("{other}"),
    }
}

async fn ok(url: String, browser: &str) -> bool {
    let request = http().get(url).header("cookie", browser);
    matches!(request.send().await.unwrap().status().as_u16(), 200 | 303)
}

/// OA-06, OA-27, VI-10: a handle is accepted only at the endpoint for its kind; every kind is tried
/// at every endpoint.
#[tokio::test]
async fn a_handle_is_good_at_its_own_endpoint_alone() {
    let world = World::start().await;
    let rp = world
        .rp_with(|add| {
            add.grant_types =
                vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
        })
        .await;
    let right = handles(&world, &rp).await;
    let handles = &right.0;
    let endpoints = [
        "code",
        "device code",
        "refresh token",
        "pre-authorized code",
        "access token",
        "issuance token",
        "session",
        "response code",
        "browser",
        "login",
        "request",
        "offer",
    ];
    for takes in endpoints {
        for (kind, handle) in handles {
            if *kind != takes {
                assert!(!works(&world, &rp, &right, takes, handle).await, "{kind} as {takes}");
            }
        }
    }
    // Every handle still works after all that, so no wrong endpoint has used it up. The last
    // endpoint comes first: an offer cannot be fetched after its code is redeemed, nor a login
    // continued after it is complete.
    let alive = endpoints.iter().rev().filter(|kind| **kind != "request");
    for kind in alive {
        assert!(works(&world, &rp, &right, kind, &handles[kind]).await, "{kind} as itself");
    }
}

/// attack VP-13: what a wallet presents is not accepted as an access token.
#[tokio::test]
async fn a_presentation_is_no_access_token() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let page = browser.begin(&rp.plain_request().url, &rp).await;
    let request = wallet.open(&page.link("wallet-open")).await;
    let shown = wallet.presentations(&request);
    for text in shown.values().flatten() {
        assert_eq!(rp.userinfo(text).await.0, 401);
        let url = format!("{}/orgs/{TENANT}/credential", world.origin);
        let answer = http().post(url).bearer_auth(text).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
}

/// VP-5, VP-15: a request may be fetched again, also by another wallet, and stays the same.
#[tokio::test]
async fn a_request_that_is_fetched_twice_is_one_request() {
    let world = World::start().await;
    let rp = world.rp().await;
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    let uri = parameter(&page.link("wallet-open"), "request_uri").unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let object = http().get(&uri).send().await.unwrap().text().await.unwrap();
        let payload = object.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&sekisho_jose::b64u::decode(payload).unwrap()).unwrap();
        let kept = ["nonce", "state", "response_uri", "client_metadata", "dcql_query"];
        seen.push(kept.map(|name| claims[name].clone()));
    }
    assert!(seen.iter().all(|object| *object == seen[0]), "never two nonces for one login");
}

/// VP-12, VP-08: the wallet is asked for the claims that the scopes need, and not for claims that
/// are always disclosed.
#[tokio::test]
async fn nobody_asks_for_more_than_was_agreed() {
    let world = World::start().await;
    let rp = world.rp().await;
    for (scope, needed) in [
        ("openid", vec!["org_corporate_number", "member_ref"]),
        ("openid email", vec!["org_corporate_number", "member_ref", "email", "email_verified"]),
    ] {
        let page = Browser::new().begin(&rp.request(scope, &[]).url, &rp).await;
        let uri = parameter(&page.link("wallet-open"), "request_uri").unwrap();
        let object = http().get(&uri).send().await.unwrap().text().await.unwrap();
        let payload = sekisho_jose::b64u::decode(object.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        let asked = claims["dcql_query"]["credentials"].as_array().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        let paths = asked[0]["claims"].as_array().unwrap();
        let mut paths: Vec<&str> = paths.iter().map(|c| c["path"][0].as_str().unwrap()).collect();
        paths.sort_unstable();
        let mut needed = needed.clone();
        needed.sort_unstable();
        assert_eq!(paths, needed, "{scope}");
    }
}

/// VI-04: a wallet may stay anonymous, but may not name a client without proof, nor prove what nobody
/// knows. The offer is not used up by that.
#[tokio::test]
async fn an_offer_is_not_redeemed_under_a_false_name() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let offered = world.offer(OPERATOR, "ai-training", sekisho_tests::training()).await;
    let offer = wallet.read_offer(&offered.uri).await;
    let value = offer.to_value();
    let grant = &value["grants"]["urn:ietf:params:oauth:grant-type:pre-authorized_code"];
    let code = grant["pre-authorized_code"].as_str().unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:pre-authorized_code"),
        ("pre-authorized_code", code),
    ];
    for (id, secret) in [(rp.client_id.as_str(), None), ("nobody", Some("x"))] {
        let mut form = form.to_vec();
        form.push(("client_id", id));
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let request = http().post(format!("{}/token", world.origin)).form(&form);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{id}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(error_of(&body), "invalid_client");
    }
    assert_eq!(wallet.redeem_offer(&offer, None).await.status, 200);
}

/// VCI-40: the credential endpoint takes JSON by POST with a token, and says so if a request
/// differs.
#[tokio::test]
async fn the_credential_endpoint_takes_json_with_a_token() {
    let world = World::start().await;
    let url = format!("{}/orgs/{TENANT}/credential", world.origin);
    let answer = http().post(&url).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let answer = http().post(&url).bearer_auth("x").json(&json!({})).send().await.unwrap();
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(http().get(&url).send().await.unwrap().status(), 405);
    let wallet = world.member().await;
    let offered = world.offer(TENANT, "affiliation", affiliation()).await;
    let redeemed = wallet.redeem_offer(&wallet.read_offer(&offered.uri).await, None).await;
    let token = redeemed.body["access_token"].as_str().unwrap();
    let answer = http().post(&url).bearer_auth(token).form(&[("a", "b")]).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(error_of(&body), "invalid_credential_request");
}

/// DOS-03, DOS-06: input that is too large, too deeply nested or too often repeated is refused, and
/// the server keeps working.
#[tokio::test]
async fn what_is_too_much_is_refused() {
    let world = World::start().await;
    let rp = world.rp().await;
    let token = format!("{}/token", world.origin);
    let huge = "x".repeat(300 * 1024);
    let answer = http().post(&token).form(&[("grant_type", &huge)]).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    let many: Vec<(String, &str)> = (0..500).map(|n| (format!("p{n}"), "x")).collect();
    let answer = http().post(&token).form(&many).send().await.unwrap();
    assert!(answer.status().is_client_error());
    let wallet = world.member().await;
    let offered = world.offer(TENANT, "affiliation", affiliation()).await;
    let redeemed = wallet.redeem_offer(&wallet.read_offer(&offered.uri).await, None).await;
    let bearer = redeemed.body["access_token"].as_str().unwrap();
    let credential = format!("{}/orgs/{TENANT}/credential", world.origin);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long_number = format!("{{\"a\": {}}}", "9".repeat(100_000));
    for body in [deep, long_number, "{\"a\": 1e999999999}".to_owned()] {
        let request = http().post(&credential).bearer_auth(bearer);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status(), 400);
    }
    for path in ["/status/18446744073709551616", "/status/18446744073709551615", "/status/-1"] {
        let url = format!("{}/orgs/{TENANT}{path}", world.origin);
        assert!(http().get(url).send().await.unwrap().status().is_client_error(), "{path}");
    }
    let max_age = rp.request("openid", &[("max_age", "9223372036854775807")]);
    assert_eq!(Browser::new().begin(&max_age.url, &rp).await.status, 200);
}

/// TSL-4, ST-05: an unchanged list is not sent again, and indexes reveal nothing.
#[tokio::test]
async fn a_list_is_sent_when_it_changed() {
    let world = World::start().await;
    let (mut wallet, mut indexes) = (world.member().await, Vec::new());
    for _ in 0..8 {
        let offered = world.offer(TENANT, "affiliation", affiliation()).await;
        wallet.accept(&offered.uri, None).await;
    }
    for credential in &wallet.held {
        let payload = credential.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&sekisho_jose::b64u::decode(payload).unwrap()).unwrap();
        indexes.push(claims["status"]["status_list"]["idx"].as_u64().unwrap());
    }
    let neighbours = indexes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    assert!(neighbours < 2, "{indexes:?}");

    let world = World::start().await;
    let wallet = world.member().await;
    let open = sekisho_credential::sd_jwt::SdJwt::parse(&wallet.held[0]).unwrap().claims();
    let url = open["status"]["status_list"]["uri"].as_str().unwrap().to_owned();
    let list = http().get(&url).send().await.unwrap();
    let tag = list.headers()["etag"].to_str().unwrap().to_owned();
    let again = || http().get(&url).header("if-none-match", format!("\"x\", {tag}")).send();
    let same = again().await.unwrap();
    assert_eq!((same.status().as_u16(), &same.headers()["etag"]), (304, &list.headers()["etag"]));
    assert_eq!(same.text().await.unwrap(), "");
    let id = world.credentials().await[0].id.clone();
    let why = sekisho_broker::admin::ChangeStatus { reason: None };
    world.broker.suspend_credential(&world.act(), &id, &why).await.map(drop).unwrap();
    let changed = again().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"], tag);
    // A revocation is final; a suspension is not.
    world.broker.resume_credential(&world.act(), &id, &why).await.map(drop).unwrap();
    world.broker.revoke_credential(&world.act(), &id, &why).await.map(drop).unwrap();
    assert!(world.broker.resume_credential(&world.act(), &id, &why).await.is_err());
    assert!(world.broker.suspend_credential(&world.act(), &id, &why).await.is_err());
    assert_eq!(world.credentials().await[0].status, Status::Revoked);
    // A resumed credential that has expired meanwhile stays expired.
    world.member().await;
    let rows = world.credentials().await;
    let id = rows.iter().find(|row| row.status == Status::Valid).unwrap().id.clone();
    world.broker.suspend_credential(&world.act(), &id, &why).await.map(drop).unwrap();
    world.clock.advance(91 * 86_400);
    let resumed = world.broker.resume_credential(&world.act(), &id, &why).await.unwrap();
    assert_eq!(resumed.result.status, Status::Expired);
}
