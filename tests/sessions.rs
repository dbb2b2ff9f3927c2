//! Operators list and end sessions and grants, over the admin API.

use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use sekisho_tests::{Browser, Rp, Tokens, Wallet, World, affiliation, error_of, parameter};
use sekisho_web::admin::{self, Peer};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const SCOPE: &str = "openid profile offline_access";

async fn send(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let router = admin::router(world.broker.clone()).layer(Extension(Peer { uid: 1000 }));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn rows(world: &World, path: &str, name: &str) -> Vec<Value> {
    let (status, body) = send(world, "GET", path, &Value::Null).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["next"], Value::Null, "one page");
    body[name].as_array().unwrap().clone()
}

async fn sessions(world: &World) -> Vec<Value> {
    rows(world, "/v1/sessions", "sessions").await
}

async fn grants(world: &World, query: &str) -> Vec<Value> {
    rows(world, &format!("/v1/grants{query}"), "grants").await
}

async fn end(world: &World, path: &str, body: Value) -> Value {
    let (status, body) = send(world, "POST", path, &body).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn log_in(wallet: &Wallet, rp: &Rp) -> (Browser, Tokens) {
    let mut browser = Browser::new();
    let tokens = browser.log_in(wallet, &rp.request(SCOPE, &[]), rp).await;
    (browser, tokens)
}

async fn is_logged_in(browser: &Browser, rp: &Rp) -> bool {
    let silent = rp.request(SCOPE, &[("prompt", "none")]);
    let location = browser.clone().get(&silent.url).await.location.unwrap();
    parameter(&location, "code").is_some()
}

/// A wallet of a colleague.
async fn colleague(world: &World) -> Wallet {
    let mut claims = affiliation();
    claims["member_ref"] = json!("m-0002");
    let mut wallet = Wallet::new(world.broker.site().clock().now());
    wallet.accept(&world.offer(sekisho_tests::TENANT, "affiliation", claims).await.uri, None).await;
    wallet
}

async fn good(rp: &Rp, tokens: &Tokens) -> (bool, bool) {
    let token = tokens.body["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let userinfo = rp.userinfo(&tokens.access_token).await.0 == 200;
    (userinfo, rp.token_request(&form).await.0 == 200)
}

/// Reads a list in pages of two.
async fn in_pages(world: &World, path: &str, name: &str) -> (Vec<usize>, Vec<Value>) {
    let (mut sizes, mut all, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = format!("{path}{mark}limit=2{after}");
        let (status, body) = send(world, "GET", &page, &Value::Null).await;
        assert_eq!(status, 200, "{body}");
        let rows = body[name].as_array().unwrap().clone();
        sizes.push(rows.len());
        all.extend(rows);
        match body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (sizes, all),
        }
    }
}

/// Lists are in order and complete, in as many pages as it takes, and can be filtered.
#[tokio::test]
async fn word_01_sessions_and_grants_are_listed_whole_and_in_order() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let wallets = [world.member().await, colleague(&world).await];
    let mut browsers = Vec::new();
    for (turn, wallet) in [0, 1, 0, 0, 1].into_iter().enumerate() {
        let client = if turn == 4 { &other } else { &rp };
        browsers.push(log_in(&wallets[wallet], client).await);
        world.clock.advance(1);
    }
    for (path, name) in [("/v1/sessions", "sessions"), ("/v1/grants", "grants")] {
        let (sizes, paged) = in_pages(&world, path, name).await;
        assert_eq!(sizes, [2, 2, 1], "{name}");
        let whole = rows(&world, path, name).await;
        assert_eq!(paged, whole);
        assert!(whole.is_sorted_by_key(|row| row["expires"].as_i64().unwrap()));
        let person = whole[0]["person"].as_str().unwrap();
        let of_person = format!("{path}?person={person}");
        let (sizes, mine) = in_pages(&world, &of_person, name).await;
        assert_eq!((sizes, mine.len()), (vec![2, 1], 3));
        assert!(mine.iter().all(|row| row["person"] == person));
        let of_client = format!("{path}?client={}", other.client_id);
        assert_eq!(rows(&world, &of_client, name).await, whole[4..]);
        assert!(rows(&world, &format!("{path}?client=nobody"), name).await.is_empty());
        for wrong in ["limit=0", "after=x", "after=AAAA", "limit=a", "persons=x"] {
            let (status, _) = send(&world, "GET", &format!("{path}?{wrong}"), &Value::Null).await;
            assert_eq!(status, 400, "{wrong}");
        }
    }
    let all = grants(&world, "").await;
    let subject = all[1]["subject"].as_str().unwrap();
    let query = format!("?subject={subject}&client={}", rp.client_id);
    assert_eq!(grants(&world, &query).await, all[1..2]);
    let sid = all[2]["sid"].as_str().unwrap();
    assert_eq!(grants(&world, &format!("?sid={sid}")).await, all[2..3]);
    let claims = &browsers[1].1.id_token;
    assert_eq!((&claims["sub"], &claims["sid"]), (&all[1]["subject"], &all[1]["sid"]));
    // What has expired is not listed, although no sweep has taken it away.
    world.clock.advance(8 * 3600);
    assert!(sessions(&world).await.is_empty());
    world.clock.advance(30 * 86_400);
    assert!(grants(&world, "?all=true").await.is_empty());
}

/// An operator ends a session: the browser is logged out, and what services got in it is dead.
/// Other sessions of the same person live on.
#[tokio::test]
async fn word_01_a_session_ends_with_its_grants() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let (browser, tokens) = log_in(&wallet, &rp).await;
    let (other, kept) = log_in(&wallet, &rp).await;
    let silent = rp.request(SCOPE, &[("prompt", "none")]);
    let location = browser.clone().get(&silent.url).await.location.unwrap();
    let code = rp.code(&silent, &location);

    let sid = tokens.id_token["sid"].as_str().unwrap();
    let listed = sessions(&world).await;
    let row = listed.iter().find(|row| row["sid"] == sid).unwrap();
    let id = row["id"].as_str().unwrap();
    let path = format!("/v1/sessions/{id}/end");
    let rehearsed = end(&world, &format!("{path}?dry_run=true"), json!({})).await;
    assert_eq!(rehearsed["audit_id"], Value::Null);
    assert_eq!(rehearsed["grants"].as_array().unwrap().len(), 2, "{rehearsed}");
    assert!(is_logged_in(&browser, &rp).await);

    let ended = end(&world, &path, json!({"reason": "device lost"})).await;
    assert_eq!((&ended["id"], &ended["sid"]), (&row["id"], &row["sid"]));
    // One more grant came from the question whether the person is still logged in.
    assert_eq!(ended["grants"].as_array().unwrap().len(), 3, "{ended}");
    assert!(!is_logged_in(&browser, &rp).await);
    assert_eq!(good(&rp, &tokens).await, (false, false));
    let (status, body) = rp.redeem(&silent, &code).await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_grant"));
    assert!(is_logged_in(&other, &rp).await);
    assert_eq!(good(&rp, &kept).await, (true, true));

    for path in [&path, &format!("/v1/sessions/{sid}/end"), "/v1/sessions/nobody/end"] {
        let (status, body) = send(&world, "POST", path, &json!({})).await;
        assert_eq!((status, &body["error"]), (404, &json!("not_found")));
    }
    let records = world.broker.audit_tail(None, 1000).await.unwrap();
    let entries: Vec<_> = records.into_iter().map(|record| record.entry).collect();
    let of_session: Vec<_> =
        entries.iter().filter(|e| e.action == "session.end" && e.object == id).collect();
    let [entry] = of_session.as_slice() else { panic!("{of_session:?}") };
    assert_eq!(entry.reason.as_deref(), Some("device lost"));
    assert!(entry.actor.contains("1000"), "{entry:?}");
    assert_eq!(entry.details["id"], ended["audit_id"]);
    let of_grants = entries.iter().filter(|e| e.action == "grant.end").count();
    assert_eq!(of_grants, 3);
}

/// The grants of a session can be kept, and the session can be named by its `sid`.
#[tokio::test]
async fn word_01_the_grants_of_a_session_can_be_kept() {
    let world = World::start().await;
    let rp = world.rp().await;
    let (browser, tokens) = log_in(&world.member().await, &rp).await;
    let sid = tokens.id_token["sid"].as_str().unwrap();
    let path = format!("/v1/sessions/{sid}/end");
    let ended = end(&world, &path, json!({"keep_grants": true})).await;
    assert_eq!(ended["grants"], json!([]));
    assert!(!is_logged_in(&browser, &rp).await);
    assert_eq!(good(&rp, &tokens).await, (true, true));
}

/// An operator ends one grant. Its session and other grants live on.
#[tokio::test]
async fn word_01_a_grant_ends_alone() {
    let world = World::start().await;
    let (rp, other) = (world.rp().await, world.rp().await);
    let (mut browser, tokens) = log_in(&world.member().await, &rp).await;
    let page = browser.get(&other.request(SCOPE, &[]).url).await;
    let page = browser.follow(page, &other.redirect_uri).await;
    browser.agree(&page).await;

    let listed = grants(&world, &format!("?client={}", rp.client_id)).await;
    let [row] = listed.as_slice() else { panic!("{listed:?}") };
    let path = format!("/v1/grants/{}/end", row["id"].as_str().unwrap());
    let rehearsed = end(&world, &format!("{path}?dry_run=true"), json!({})).await;
    assert_eq!((&rehearsed["audit_id"], &rehearsed["state"]), (&Value::Null, &json!("ended")));
    assert_eq!(grants(&world, "").await.len(), 2);
    let ended = end(&world, &path, json!({"reason": "service closed"})).await;
    assert!(ended["audit_id"].is_string());
    assert_eq!(good(&rp, &tokens).await, (false, false));
    assert_eq!(send(&world, "POST", &path, &json!({})).await.0, 404, "it ended already");
    let left = grants(&world, "").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["client_id"], other.client_id);
    let all = grants(&world, &format!("?all=true&client={}", rp.client_id)).await;
    let state = ["state", "reason"].map(|name| all[0][name].clone());
    assert_eq!(state, [json!("ended"), json!("ended by an operator")]);
    assert!(is_logged_in(&browser, &rp).await);
    let records = world.broker.audit_tail(None, 1000).await.unwrap();
    let entry = records.into_iter().map(|record| record.entry);
    let entries: Vec<_> = entry.filter(|entry| entry.action == "grant.end").collect();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.reason.as_deref(), Some("service closed"));
    assert_eq!(entry.details["id"], ended["audit_id"]);

    // A removed client's grants have ended too, and the list says so.
    world.broker.remove_client(&world.act(), &other.client_id).await.unwrap();
    assert!(grants(&world, &format!("?client={}", other.client_id)).await.is_empty());
    let all = grants(&world, &format!("?all=true&client={}", other.client_id)).await;
    assert_eq!(all[0]["reason"], "its client was removed");
}
