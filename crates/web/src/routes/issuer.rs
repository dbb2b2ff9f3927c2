//! What wallets call of an issuer: the offer, the nonce, the credential (OpenID4VCI 1.0, sections
//! 4.1.3, 7 and 8).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use sekisho_broker::Broker;
use sekisho_broker::issuance::IssuanceFailure;
use sekisho_oauth::userinfo::{BearerError, bearer_token};
use serde_json::json;

use super::userinfo::refuse;
use crate::extract::{Authorization, InPath, Query};
use crate::reply::{code_of, json};

pub(crate) async fn offer(State(broker): State<Broker>, InPath(link): InPath) -> Response {
    match broker.offer_document(&link).await {
        Ok(document) => json(200, &document),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) async fn nonce(State(broker): State<Broker>, Path(org): Path<String>) -> Response {
    match broker.is_issuer(&org).await {
        Ok(true) => json(200, &json!({"c_nonce": broker.credential_nonce(&org)})),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

pub(crate) async fn credential(
    State(broker): State<Broker>,
    Path(org): Path<String>,
    Authorization(authorization): Authorization,
    Query(query): Query,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let bearer = match bearer_token(authorization.as_deref(), &query, None) {
        Ok(bearer) => bearer,
        Err(error) => return refuse(error),
    };
    let is_json =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
        });
    let body: &[u8] = if is_json { &body } else { b"" };
    match broker.issue(&org, bearer, body).await {
        Ok(answer) => json(200, &answer),
        Err(IssuanceFailure::Token) => refuse(BearerError::InvalidToken),
        Err(IssuanceFailure::Code { code, description }) => {
            json(code.status(), &code.body(Some(&description)))
        }
        Err(IssuanceFailure::Broker(refusal)) => {
            code_of(&refusal);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
