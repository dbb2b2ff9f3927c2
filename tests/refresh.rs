//! Refresh tokens, introspection and revocation: how a grant lives on after login, and how it ends.

use sekisho_broker::admin::ChangeStatus;
use sekisho_tests::{Browser, Rp, Tokens, World, error_of, http};
use serde_json::{Value, json};

/// Logs in with `offline_access`; returns the tokens, and the refresh token by itself.
async fn offline(world: &World, rp: &Rp) -> (Tokens, String) {
    let expected = rp.request("openid profile offline_access", &[("prompt", "consent")]);
    let mut wallet = world.member().await;
    wallet.now = world.broker.site().clock().now();
    let tokens = Browser::new().log_in(&wallet, &expected, rp).await;
    let refresh = tokens.body["refresh_token"].as_str().expect("a refresh token").to_owned();
    (tokens, refresh)
}

async fn refresh(rp: &Rp, token: &str) -> (u16, Value) {
    rp.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

fn successor(answer: &(u16, Value)) -> String {
    assert_eq!(answer.0, 200, "{}", answer.1);
    answer.1["refresh_token"].as_str().unwrap().to_owned()
}

/// TOK-9, TOK-13, IDT-1: a refresh keeps the person and the time of login and gives a new access
/// token; the new ID token has no nonce.
#[tokio::test]
async fn a_refresh_gives_the_same_grant_anew() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (first, token) = offline(&world, &rp).await;
    world.clock.advance(600);
    let answer = refresh(&rp, &token).await;
    assert_ne!(successor(&answer), token);
    let body = &answer.1;
    assert_eq!(body["scope"], "openid profile offline_access");
    let id_token = rp.verify(body["id_token"].as_str().unwrap()).await;
    for name in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(id_token[name], first.id_token[name], "{name}");
    }
    assert!(!id_token.contains_key("nonce"));
    assert_ne!(id_token["iat"], first.id_token["iat"]);
    let (status, claims) = rp.userinfo(body["access_token"].as_str().unwrap()).await;
    assert_eq!((status, &claims["sub"]), (200, &first.id_token["sub"]));

    // Without the scope there is no refresh token.
    let plain = Browser::new().log_in(&world.member().await, &rp.plain_request(), &rp).await;
    assert!(plain.body.get("refresh_token").is_none());
}

/// TOK-9, OA-12: a refresh may ask for fewer scopes, never for more.
#[tokio::test]
async fn a_refresh_narrows_and_never_widens() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (_, token) = offline(&world, &rp).await;
    let with = |scope: &'static str| {
        let (rp, token) = (rp.clone(), token.clone());
        async move {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
                ("scope", scope),
            ];
            rp.token_request(&form).await
        }
    };
    for wider in ["openid email", "openid gpu_access", "unknown", "open\"id"] {
        let (status, body) = with(wider).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_scope"), "{wider}");
    }
    let (status, body) = with("openid").await;
    assert_eq!((status, &body["scope"]), (200, &json!("openid")));
    let claims = rp.userinfo(body["access_token"].as_str().unwrap()).await.1;
    assert_eq!(claims.as_object().unwrap().len(), 1, "sub alone: {claims}");
    // The grant itself keeps all scopes.
    let next = refresh(&rp, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(next.1["scope"], "openid profile offline_access");
}

/// TOK-8, OA-07, OA-08, OA-09: five rotations within a second. In the grace period the token before
/// the newest gets the same successor; an older token ends the family with its access tokens.
#[tokio::test]
async fn an_old_refresh_token_ends_its_family() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (_, first) = offline(&world, &rp).await;
    let mut tokens = vec![first];
    for _ in 0..5 {
        tokens.push(successor(&refresh(&rp, tokens.last().unwrap()).await));
    }
    let again = refresh(&rp, &tokens[4]).await;
    assert_eq!(successor(&again), tokens[5], "the very same successor");
    let access = again.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(rp.userinfo(&access).await.0, 200);

    for old in &tokens[..4] {
        let (status, body) = refresh(&rp, old).await;
        assert_eq!((status, error_of(&body).as_str()), (400, "invalid_grant"));
    }
    assert_eq!(rp.userinfo(&access).await.0, 401);
    assert_eq!(refresh(&rp, &tokens[5]).await.0, 400);
    assert!(audit(&world).await.iter().any(|line| line.contains("refresh token reused")));
}

/// TOK-8: after the grace period, the token before the newest counts as old too.
#[tokio::test]
async fn the_grace_ends() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (_, first) = offline(&world, &rp).await;
    let second = successor(&refresh(&rp, &first).await);
    world.clock.advance(29);
    assert_eq!(successor(&refresh(&rp, &first).await), second);
    world.clock.advance(1);
    assert_eq!(refresh(&rp, &first).await.0, 400);
    assert_eq!(refresh(&rp, &second).await.0, 400, "the family has ended");
}

/// OA-04: if 32 requests bring one token at once, all get the same successor, and the family lives
/// on.
#[tokio::test(flavor = "multi_thread")]
async fn many_refreshes_at_once_get_one_successor() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (_, token) = offline(&world, &rp).await;
    let tries = (0..32).map(|_| {
        let (rp, token) = (rp.clone(), token.clone());
        tokio::spawn(async move { refresh(&rp, &token).await })
    });
    let mut successors = std::collections::BTreeSet::new();
    for attempt in tries.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        if answer.0 != 503 {
            successors.insert(successor(&answer));
        }
    }
    assert_eq!(successors.len(), 1);
    assert_eq!(refresh(&rp, successors.first().unwrap()).await.0, 200);
}

/// TOK-9, OA-05, CA-1: a refresh needs the same client, as registered, and a token that we made.
#[tokio::test]
async fn a_refresh_token_is_good_to_its_client_alone() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let (tokens, token) = offline(&world, &rp).await;
    assert_eq!(refresh(&other, &token).await.0, 400);
    let thief = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
    assert_eq!(refresh(&thief, &token).await.0, 401);
    let nobody = Rp { method: "none".to_owned(), ..rp.clone() };
    assert_eq!(refresh(&nobody, &token).await.0, 401);
    let mut forged = token.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for wrong in [forged.as_str(), &tokens.access_token, "x", ""] {
        assert_eq!(refresh(&rp, wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(refresh(&rp, &token).await.0, 200, "nothing was consumed");
}

/// TOK-1: a client that is not registered for `offline_access` may not refresh.
#[tokio::test]
async fn a_client_without_offline_access_may_not_refresh() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.scopes.retain(|scope| scope != "offline_access")).await;
    let (status, body) = refresh(&rp, "x").await;
    assert_eq!((status, error_of(&body).as_str()), (400, "unauthorized_client"));
}

async fn post(rp: &Rp, path: &str, form: &[(&str, &str)]) -> (u16, String) {
    let request = http().post(format!("{}{path}", rp.issuer)).form(form);
    let answer = request.basic_auth(&rp.client_id, rp.secret.as_deref()).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn introspect(rp: &Rp, token: &str) -> Value {
    let (status, body) = post(rp, "/introspect", &[("token", token)]).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// INTR-1, INTR-2, OA-35: a client gets a description of its own tokens and learns nothing about
/// others.
#[tokio::test]
async fn introspection_tells_a_client_about_its_own_tokens() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let (tokens, token) = offline(&world, &rp).await;
    let access = introspect(&rp, &tokens.access_token).await;
    let now = world.broker.site().clock().now().unix();
    assert_eq!(
        access,
        json!({
            "active": true, "scope": "openid profile offline_access", "client_id": rp.client_id,
            "sub": tokens.id_token["sub"], "iss": world.origin, "aud": world.origin,
            "exp": now + 300, "iat": now, "token_type": "Bearer",
        })
    );
    let described = introspect(&rp, &token).await;
    assert_eq!((&described["active"], &described["token_type"]), (&json!(true), &Value::Null));
    let dead = json!({"active": false});
    for unknown in ["x", tokens.body["id_token"].as_str().unwrap(), &format!("{token}A")] {
        assert_eq!(introspect(&rp, unknown).await, dead, "{unknown}");
    }
    for theirs in [&tokens.access_token, &token] {
        assert_eq!(introspect(&other, theirs).await, dead);
    }
    world.clock.advance(300);
    assert_eq!(introspect(&rp, &tokens.access_token).await, dead);

    let wrong = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
    assert_eq!(post(&wrong, "/introspect", &[("token", "x")]).await.0, 401);
    assert_eq!(post(&rp, "/introspect", &[]).await.0, 400);
    assert_eq!(post(&rp, "/introspect", &[("token", "a"), ("token", "b")]).await.0, 400);
    let public = world.rp_with(|add| "none".clone_into(&mut add.token_endpoint_auth_method)).await;
    let form = [("token", "x"), ("client_id", public.client_id.as_str())];
    let answer = http().post(format!("{}/introspect", world.origin)).form(&form);
    assert_eq!(answer.send().await.unwrap().status(), 401);
}

/// REV-1, OA-35: a client ends its own tokens. Revoking another client's token changes nothing, and
/// the answer does not tell.
#[tokio::test]
async fn revocation_ends_a_clients_own_tokens() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let (tokens, token) = offline(&world, &rp).await;
    for theirs in [&tokens.access_token, &token] {
        assert_eq!(post(&other, "/revoke", &[("token", theirs)]).await, (200, String::new()));
        assert_eq!(introspect(&rp, theirs).await["active"], true);
    }
    assert_eq!(post(&rp, "/revoke", &[("token", "unknown")]).await, (200, String::new()));
    assert_eq!(post(&rp, "/revoke", &[]).await.0, 400);
    let hint = [("token", tokens.access_token.as_str()), ("token_type_hint", "refresh_token")];
    assert_eq!(post(&rp, "/revoke", &hint).await, (200, String::new()));
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    let next = refresh(&rp, &token).await;
    let access = next.1["access_token"].as_str().unwrap().to_owned();

    let newest = successor(&next);
    assert_eq!(post(&rp, "/revoke", &[("token", &newest)]).await.0, 200);
    assert_eq!(rp.userinfo(&access).await.0, 401, "access tokens go with the refresh token");
    assert_eq!(refresh(&rp, &newest).await.0, 400);
    let wrong = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
    assert_eq!(post(&wrong, "/revoke", &[("token", "x")]).await.0, 401);
}

async fn audit(world: &World) -> Vec<String> {
    let records = world.broker.audit_tail(None, 1000).await.unwrap();
    records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
}

/// OA-12, OA-37: the permit for a GPU service ends at its own time, however often the grant is
/// refreshed.
#[tokio::test]
async fn a_permit_ends_under_a_living_grant() {
    let world = World::start().await;
    let rp = world.rp().await;
    let details = json!([{
        "type": "gpu_access", "service": "console", "gpus": 2, "gpu_hours": 8, "actions": ["submit"],
    }])
    .to_string();
    let scope = "openid organization training gpu_access offline_access";
    let expected = rp.request(scope, &[("authorization_details", &details)]);
    let wallet = world.trained_member().await;
    let tokens = Browser::new().log_in(&wallet, &expected, &rp).await;
    let token = tokens.body["refresh_token"].as_str().unwrap().to_owned();
    let has_gpu_group = |claims: &Value| {
        let groups = claims["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().any(|group| group.as_str().unwrap().starts_with("gpu:"))
    };
    let good = refresh(&rp, &token).await;
    assert_eq!(good.1["authorization_details"], tokens.body["authorization_details"]);
    let access = good.1["access_token"].as_str().unwrap();
    assert!(has_gpu_group(&rp.userinfo(access).await.1));

    let end = tokens.body["authorization_details"][0]["expires"].as_str().unwrap();
    let end = sekisho_ambient::Timestamp::from_rfc3339(end).unwrap();
    world.clock.set(end.plus(-1));
    let good = refresh(&rp, &successor(&good)).await;
    let access = good.1["access_token"].as_str().unwrap().to_owned();
    assert!(has_gpu_group(&rp.userinfo(&access).await.1));
    world.clock.advance(1);
    let (status, claims) = rp.userinfo(&access).await;
    assert_eq!(status, 200);
    assert!(!has_gpu_group(&claims) && claims.get("authorization_details").is_none(), "{claims}");
    assert!(introspect(&rp, &access).await.get("authorization_details").is_none());
    let later = refresh(&rp, &successor(&good)).await;
    assert!(later.1.get("authorization_details").is_none(), "{}", later.1);
}

/// OA-37: when a credential is revoked, the session, the code, the refresh token and the access
/// token that rely on it are dead, and the audit log names the cause. The same holds when it is
/// suspended or expires.
#[tokio::test]
async fn what_stands_on_a_fallen_credential_is_dead() {
    for how in ["revoke", "suspend", "expire"] {
        let world = World::start().await;
        let rp = world.rp().await;
        let mut browser = Browser::new();
        let wallet = world.member().await;
        let expected = rp.request("openid offline_access", &[]);
        let tokens = browser.log_in(&wallet, &expected, &rp).await;
        let token = tokens.body["refresh_token"].as_str().unwrap().to_owned();
        let expected = rp.request("openid offline_access", &[]);
        let page = browser.get(&expected.url).await;
        let code = rp.code(&expected, &page.location.unwrap());

        let id = world.credentials().await[0].id.clone();
        let why = ChangeStatus { reason: None };
        match how {
            "revoke" => {
                world.broker.revoke_credential(&world.act(), &id, &why).await.map(drop).unwrap();
            }
            "suspend" => {
                world.broker.suspend_credential(&world.act(), &id, &why).await.map(drop).unwrap();
            }
            _ => world.clock.advance(90 * 86_400),
        }
        assert_eq!(rp.redeem(&expected, &code).await.0, 400, "{how}: code");
        assert_eq!(refresh(&rp, &token).await.0, 400, "{how}: refresh token");
        assert_eq!(introspect(&rp, &token).await, json!({"active": false}), "{how}");
        let access = introspect(&rp, &tokens.access_token).await;
        assert_eq!(access, json!({"active": false}), "{how}: access token");
        assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401, "{how}: userinfo");
        let silent = rp.request("openid", &[("prompt", "none")]);
        let location = browser.get(&silent.url).await.location.unwrap();
        let error = sekisho_tests::parameter(&location, "error");
        assert_eq!(error.as_deref(), Some("login_required"), "{how}: session");
        if how == "expire" {
            continue;
        }
        let audit = audit(&world).await;
        let ended =
            |action: &str| audit.iter().any(|line| line.contains(action) && line.contains(&id));
        assert!(ended(&format!("credential.{how}")), "the cause");
        assert!(ended("grant.end") && ended("session.end"), "its effects: {audit:?}");

        // After a suspension the person may log in again, but what ended stays ended.
        if how == "suspend" {
            world.broker.resume_credential(&world.act(), &id, &why).await.map(drop).unwrap();
            assert_eq!(refresh(&rp, &token).await.0, 400);
            browser.log_in(&wallet, &rp.plain_request(), &rp).await;
        }
    }
}
