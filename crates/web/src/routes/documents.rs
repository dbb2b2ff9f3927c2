//! Public documents, readable from every origin (GEN-18): discovery, keys, DIDs, issuer and type
//! metadata, status lists.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use sekisho_grants::Grants;
use sekisho_issuer::Issuer;
use sekisho_profile::lifetimes;
use sekisho_site::{Refusal, Site};
use sekisho_standing::own::Published;
use sekisho_standing::{OwnList, Standing, StatusListError};
use serde_json::Value;

use crate::reply::bare;

/// A public document whose bytes are already made.
fn kept(content_type: &'static str, body: &Arc<[u8]>) -> Response {
    public(content_type, lifetimes::KEY_DOCUMENTS, Bytes::from_owner(Arc::clone(body)))
}

/// A public document that anybody may cache for `max_age` seconds.
fn public(content_type: &'static str, max_age: i64, body: impl Into<Bytes>) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type.to_owned()),
        (CACHE_CONTROL, format!("public, max-age={max_age}")),
    ];
    (headers, body.into()).into_response()
}

fn document(content_type: &'static str, value: &Value) -> Response {
    public(content_type, lifetimes::KEY_DOCUMENTS, value.to_string().into_bytes())
}

fn found(content_type: &'static str, value: Result<Value, Refusal>) -> Response {
    match value {
        Ok(value) => document(content_type, &value),
        Err(refusal) => bare(&refusal),
    }
}

pub(crate) async fn discovery(State(grants): State<Grants>) -> Response {
    kept("application/json", &grants.documents().discovery)
}

pub(crate) async fn jwks(State(grants): State<Grants>) -> Response {
    kept("application/jwk-set+json", &grants.documents().jwks)
}

pub(crate) async fn resource_jwks(
    State(grants): State<Grants>,
    Path(file): Path<String>,
) -> Response {
    let Some(id) = file.strip_suffix(".json") else { return StatusCode::NOT_FOUND.into_response() };
    match grants.resource_jwks(id).await {
        Ok(Some(keys)) => document("application/jwk-set+json", &keys),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => bare(&error.into()),
    }
}

pub(crate) async fn did(State(issuer): State<Issuer>) -> Response {
    found("application/did+json", issuer.did_document(None).await)
}

pub(crate) async fn organization_did(
    State(issuer): State<Issuer>,
    Path(org): Path<String>,
) -> Response {
    found("application/did+json", issuer.did_document(Some(&org)).await)
}

pub(crate) async fn issuer(State(issuer): State<Issuer>, Path(org): Path<String>) -> Response {
    found("application/json", issuer.issuer_metadata(&org).await)
}

pub(crate) async fn jwt_vc_issuer(
    State(issuer): State<Issuer>,
    Path(org): Path<String>,
) -> Response {
    found("application/json", issuer.jwt_vc_issuer(&org).await)
}

pub(crate) async fn status_list(
    State(standing): State<Standing>,
    State(site): State<Site>,
    Path((organization, number)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Response {
    let list = OwnList { organization, number };
    match standing.published_list(&list, site.now()).await {
        Ok(list) => signed_list(&list, &headers),
        Err(StatusListError::Unknown) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a status list could not be published");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// A signed list, or the answer that the caller's copy is still the same.
fn signed_list(list: &Published, headers: &HeaderMap) -> Response {
    let same = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|tag| tag.trim() == list.etag());
    let ttl = lifetimes::STATUS_LIST_TTL;
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        public("application/statuslist+jwt", ttl, list.token().as_bytes().to_vec())
    };
    if let Ok(tag) = HeaderValue::from_str(list.etag()) {
        response.headers_mut().insert(ETAG, tag);
    }
    if same && let Ok(kept) = HeaderValue::from_str(&format!("public, max-age={ttl}")) {
        response.headers_mut().insert(CACHE_CONTROL, kept);
    }
    response
}

pub(crate) async fn credential_type(
    State(issuer): State<Issuer>,
    Path((name, major)): Path<(String, String)>,
) -> Response {
    match issuer.type_metadata(&name, &major) {
        Some(bytes) => public("application/json", lifetimes::KEY_DOCUMENTS, bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of the pages, whose path contains the hash of its content.
pub(crate) fn asset(content_type: &'static str, body: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, body).into_response()
}
