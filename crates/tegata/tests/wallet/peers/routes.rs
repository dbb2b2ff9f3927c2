//! The peers' endpoints.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sekisho_jose::{Ahead, Algorithm, SigningKey};
use sekisho_oauth::params::Params;
use sekisho_openid4vci::offer::PRE_AUTHORIZED_CODE_GRANT;
use sekisho_openid4vci::proof::{self, ProofCheck};
use sekisho_openid4vci::{metadata, nonce};
use sekisho_openid4vp::request::RequestObject;
use sekisho_openid4vp::response::{self, ResponseCheck, WalletAnswer};
use sekisho_profile::types;
use serde_json::{Value, json};

use super::{Answer, CODE, Inner, NONCE_KEY, NUMBER, STATE, TX_CODE};

type Shared = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    let issuer = format!("/orgs/{NUMBER}");
    Router::new()
        .route(&format!("/.well-known/openid-credential-issuer{issuer}"), get(issuer_metadata))
        .route("/.well-known/oauth-authorization-server", get(server_metadata))
        .route("/offer", get(|State(peer): Shared| async move { Json(peer.offer().to_value()) }))
        .route("/token", post(token))
        .route("/nonce", post(c_nonce))
        .route("/credential", post(credential))
        .route("/request", get(request).post(request_by_post))
        .route("/response", post(answer))
}

async fn issuer_metadata(State(peer): Shared) -> Json<Value> {
    let vct = if peer.mood().wrong_type {
        "https://other.example/types/affiliation/1".to_owned()
    } else {
        types::AFFILIATION.vct(&peer.base)
    };
    let issuer =
        if peer.mood().wrong_credential_issuer { peer.base.clone() } else { peer.issuer() };
    Json(metadata::build(&metadata::IssuerDescription {
        identifier: &issuer,
        authorization_server: &peer.base,
        credential_endpoint: &format!("{}/credential", peer.base),
        nonce_endpoint: &format!("{}/nonce", peer.base),
        name_ja: "瀬戸内精密工業株式会社",
        name_en: "Setouchi Precision Industries",
        configurations: &[metadata::Configuration {
            id: "affiliation".to_owned(),
            scope: "affiliation".to_owned(),
            vct,
            credential_type: &types::AFFILIATION,
        }],
    }))
}

async fn server_metadata(State(peer): Shared) -> Json<Value> {
    Json(json!({
        "issuer": peer.base,
        "token_endpoint": format!("{}/token", peer.base),
        "grant_types_supported": [PRE_AUTHORIZED_CODE_GRANT],
        "pre-authorized_grant_anonymous_access_supported": true,
    }))
}

async fn token(State(peer): Shared, body: String) -> Response {
    let params = Params::parse(&body).unwrap();
    let one = |name| params.one(name).unwrap();
    let expected = peer.mood().tx_code.then_some(TX_CODE);
    peer.codes.lock().unwrap().extend(one("tx_code").map(str::to_owned));
    let good = !peer.mood().used_offer
        && one("grant_type") == Some(PRE_AUTHORIZED_CODE_GRANT)
        && one("pre-authorized_code") == Some(CODE)
        && one("client_id").is_none()
        && one("tx_code") == expected;
    if !good {
        let description = peer.mood().grant_description;
        let error = json!({"error": "invalid_grant", "error_description": description});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    Json(json!({"access_token": "token", "token_type": "Bearer", "expires_in": 300}))
        .into_response()
}

async fn c_nonce(State(peer): Shared) -> Json<Value> {
    Json(json!({"c_nonce": nonce::mint(&NONCE_KEY, peer.clock.now(), &peer.entropy)}))
}

async fn credential(State(peer): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
        != Some("Bearer token")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(body["credential_configuration_id"], "affiliation");
    if peer.mood().no_credential {
        let error = json!({"error": "credential_request_denied"});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let check = ProofCheck {
        issuer: &peer.issuer(),
        client_id: None,
        now: peer.clock.now(),
        nonce_key: &NONCE_KEY,
        ahead: Ahead::default(),
    };
    let proven = proof::verify(body.get("proofs"), &check).unwrap();
    let foreign = SigningKey::generate(Algorithm::Es256, &peer.entropy).unwrap().public_jwk();
    let holder = if peer.mood().foreign_holder { &foreign } else { proven.key() };
    Json(sekisho_openid4vci::credential::response(&[peer.issue(holder, peer.clock.now())]))
        .into_response()
}

async fn request(State(peer): Shared) -> Response {
    signed(&peer, None)
}

async fn request_by_post(State(peer): Shared, body: String) -> Response {
    let params = Params::parse(&body).unwrap();
    let posted = params.one("wallet_nonce").unwrap();
    assert!(posted.is_some_and(|nonce| nonce.len() >= 22), "128 bits and more");
    let answered = peer.mood().wallet_nonce.or(posted).filter(|nonce| !nonce.is_empty());
    let answered = answered.map(str::to_owned);
    signed(&peer, answered)
}

fn signed(peer: &Inner, wallet_nonce: Option<String>) -> Response {
    let signer = if peer.mood().foreign_signature { &peer.issuer } else { peer.leaf() };
    let object = RequestObject { wallet_nonce, ..peer.request_object() };
    let jwt = object.sign(vec![peer.leaf().der.clone()], &signer.key).unwrap();
    ([(header::CONTENT_TYPE, "application/oauth-authz-req+jwt")], jwt).into_response()
}

async fn answer(State(peer): Shared, body: String) -> Response {
    peer.forms.lock().unwrap().push(body.clone());
    if let Some(description) = peer.mood().refusal {
        let error = json!({"error": "invalid_request", "error_description": description});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let asked = peer.request_object();
    let answer = response::parse(
        &Params::parse(&body).unwrap(),
        asked.response_mode,
        Some(&peer.encryption),
    )
    .unwrap();
    assert_eq!(answer.state(), Some(STATE));
    let answer = match answer {
        WalletAnswer::Refused { error, .. } => Answer::Refused(error.to_string()),
        WalletAnswer::Presented { vp_token, .. } => {
            let verified = response::verify(
                &vp_token,
                &ResponseCheck {
                    query: &asked.dcql_query,
                    binding: asked.binding(),
                    trust: &peer.trust(),
                    now: peer.clock.now(),
                    rules: &types::rules(&peer.base),
                    ahead: Ahead::default(),
                },
            );
            let verified = verified.unwrap();
            let claims = |(id, credential): (&str, &sekisho_credential::vc::VerifiedCredential)| {
                (id.to_owned(), Value::Object(credential.claims().clone()))
            };
            Answer::Presented(verified.credentials().map(claims).collect())
        }
    };
    peer.answers.lock().unwrap().push(answer);
    if peer.mood().lost_reply {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let base =
        if peer.mood().redirect_elsewhere { "https://elsewhere.example" } else { &peer.base };
    Json(json!({"redirect_uri": format!("{base}/done?response_code=c")})).into_response()
}
