//! The sample GPU service against a provider that lies about one value at a time. With every lie,
//! nobody is logged in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use sekisho::console::{ConsoleConfig, router};
use sekisho_ambient::{Clock, Entropy, Secret, Timestamp, sha256};
use sekisho_jose::{Algorithm, Header, SigningKey, b64u};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_unix(1_795_564_800);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Iss,
    IdTokenIss,
    Audience,
    Nonce,
    Signature,
    AccessTokenHash,
    Expired,
    Subject,
    State,
    OtherBrowser,
    NoIdToken,
}

/// A provider that logs everybody in at once and tells one lie.
struct Provider {
    issuer: String,
    key: SigningKey,
    other: SigningKey,
    lie: Lie,
    nonce: Mutex<String>,
}

async fn serve(make: impl FnOnce(&str) -> Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = make(&origin);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

fn provider(issuer: &str, lie: Lie) -> (Router, Arc<Provider>) {
    let entropy = Entropy::seeded(7);
    let key = || SigningKey::generate(Algorithm::Es256, &entropy).unwrap();
    let provider = Arc::new(Provider {
        issuer: issuer.to_owned(),
        key: key(),
        other: key(),
        lie,
        nonce: Mutex::default(),
    });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/token", post(token))
        .route("/userinfo", get(userinfo))
        .with_state(Arc::clone(&provider));
    (router, provider)
}

async fn discovery(State(op): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &op.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
    }))
}

async fn jwks(State(op): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({"keys": [op.key.public_jwk().to_value()]}))
}

async fn token(State(op): State<Arc<Provider>>) -> Json<Value> {
    let lies =
        |lie, no: &str, yes: &str| if op.lie == lie { yes.to_owned() } else { no.to_owned() };
    let nonce = op.nonce.lock().unwrap().clone();
    let hash = sha256(lies(Lie::AccessTokenHash, "access", "another").as_bytes());
    let end = if op.lie == Lie::Expired { NOW.plus(-3600) } else { NOW.plus(300) };
    let claims = json!({
        "iss": lies(Lie::IdTokenIss, &op.issuer, "https://another.example"),
        "aud": lies(Lie::Audience, "console", "another"),
        "sub": "s-1",
        "nonce": lies(Lie::Nonce, &nonce, "another"),
        "iat": NOW.plus(-10).unix(),
        "exp": end.unix(),
        "at_hash": b64u::encode(&hash[..16]),
    });
    let header = Header::for_key(&op.key, "JWT");
    let signer = if op.lie == Lie::Signature { &op.other } else { &op.key };
    let id_token = sekisho_jose::sign(signer, &header, &claims).unwrap();
    let mut answer = json!({
        "access_token": "access",
        "token_type": "Bearer",
        "id_token": id_token,
        "authorization_details": [{
            "type": "gpu_access",
            "gpus": 8,
            "gpu_hours": 64,
            "expires": "2026-11-26T11:17:23Z",
        }],
    });
    if op.lie == Lie::NoIdToken {
        answer.as_object_mut().unwrap().remove("id_token");
    }
    Json(answer)
}

async fn userinfo(State(op): State<Arc<Provider>>) -> Json<Value> {
    let sub = if op.lie == Lie::Subject { "s-2" } else { "s-1" };
    Json(json!({"sub": sub, "name": "山田 太郎"}))
}

/// The page on which a browser ends after a login at a provider that tells this lie.
async fn log_in(lie: Lie) -> String {
    let slot = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&slot);
    let issuer = serve(move |origin| {
        let (router, op) = provider(origin, lie);
        *kept.lock().unwrap() = Some(op);
        router
    })
    .await;
    let op = slot.lock().unwrap().take().unwrap();
    let console = serve(|origin| {
        let config = ConsoleConfig {
            issuer: issuer.clone(),
            client_id: "console".to_owned(),
            client_secret: Secret::new("secret".to_owned()),
            origin: origin.to_owned(),
            service: "console".to_owned(),
            ca: None,
        };
        let (clock, _) = Clock::manual(NOW);
        router(config, clock, Entropy::seeded(8)).unwrap()
    })
    .await;
    let http = reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let begun = http.get(format!("{console}/login?gpus=8")).send().await.unwrap();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let url = url::Url::parse(begun.headers()["location"].to_str().unwrap()).unwrap();
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["authorization_details"].contains("\"gpus\":8"));
    op.nonce.lock().unwrap().clone_from(&asked["nonce"]);
    let state = if lie == Lie::State { "another" } else { &asked["state"] };
    let iss = if lie == Lie::Iss { "https://another.example" } else { &issuer };
    let answer = [("code", "c"), ("state", state), ("iss", iss)];
    let cookie = if lie == Lie::OtherBrowser { "gpu-console=another" } else { cookie };
    let request = http.get(format!("{console}/callback")).query(&answer).header("cookie", cookie);
    let ended = request.send().await.unwrap();
    if ended.status() != 303 {
        return ended.text().await.unwrap();
    }
    let session = ended.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_ne!(session, cookie, "the session has a cookie of its own");
    let page = http.get(&console).header("cookie", session).send().await.unwrap();
    page.text().await.unwrap()
}

#[tokio::test]
async fn an_honest_provider_logs_somebody_in_with_what_was_granted() {
    let page = log_in(Lie::None).await;
    assert!(page.contains("id=\"granted\"") && page.contains("山田 太郎"), "{page}");
    assert!(page.contains("2026-11-26 20:17 JST") || page.contains("2026年11月26日 20時17分"));
}

#[tokio::test]
async fn whatever_does_not_fit_nobody_is_logged_in() {
    for lie in [
        Lie::Iss,
        Lie::IdTokenIss,
        Lie::Audience,
        Lie::Nonce,
        Lie::Signature,
        Lie::AccessTokenHash,
        Lie::Expired,
        Lie::Subject,
        Lie::State,
        Lie::OtherBrowser,
        Lie::NoIdToken,
    ] {
        let page = log_in(lie).await;
        assert!(
            page.contains("id=\"error\"") && !page.contains("id=\"granted\""),
            "{lie:?}: {page}"
        );
    }
}
