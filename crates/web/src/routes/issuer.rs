//! The issuer's endpoints for wallets: the offer, the nonce, the credential (OpenID4VCI 1.0,
//! sections 4.1.3, 7 and 8).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use sekisho_issuer::{IssuanceFailure, Issuer};
use sekisho_oauth::userinfo::{BearerError, bearer_token};
use sekisho_site::Refusal;
use serde_json::json;

use super::userinfo::refuse;
use crate::extract::{Authorization, InPath, Query, is_of_type};
use crate::reply::{bare, json};

pub(crate) async fn offer(State(issuer): State<Issuer>, InPath(link): InPath) -> Response {
    match issuer.offer_document(&link).await {
        Ok(document) => json(200, &document),
        Err(refusal) => bare(&refusal),
    }
}

pub(crate) async fn nonce(State(issuer): State<Issuer>, Path(org): Path<String>) -> Response {
    match issuer.is_issuer(&org).await {
        Ok(true) => json(200, &json!({"c_nonce": issuer.credential_nonce(&org)})),
        Ok(false) => bare(&Refusal::NotFound),
        Err(refusal) => bare(&refusal),
    }
}

pub(crate) async fn credential(
    State(issuer): State<Issuer>,
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
    let is_json = is_of_type(&headers, "application/json");
    let body: &[u8] = if is_json { &body } else { b"" };
    match issuer.issue(&org, bearer, body).await {
        Ok(answer) => json(200, &answer),
        Err(IssuanceFailure::Token) => refuse(BearerError::InvalidToken),
        Err(IssuanceFailure::Code { code, description }) => {
            json(code.status(), &code.body(Some(&description)))
        }
        Err(IssuanceFailure::Broker(refusal)) => bare(&refusal),
    }
}
