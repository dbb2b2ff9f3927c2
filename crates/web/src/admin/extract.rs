//! What a handler of the admin API takes from a request, and how a request fails.
//!
//! Invariant: whatever is wrong with a request is answered as JSON, in the form of every other error.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use sekisho_broker::admin::AdminError;
use serde::de::DeserializeOwned;

use super::Peer;

/// Who calls: the [`Peer`] of the connection.
#[derive(Clone, Copy)]
pub(super) struct Caller(pub(super) Peer);

/// Why an administrative request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// Nobody vouched for the peer.
    #[error("only the server's own user and root may use the admin API")]
    Denied,
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    NoSuchPath,
    /// The endpoint knows other methods.
    #[error("the endpoint does not know this method")]
    NoSuchMethod,
    /// The request does not read.
    #[error("{0}")]
    Malformed(String),
    /// The use-case said no.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        parts.extensions.get::<Peer>().copied().map(Self).ok_or(Failed::Denied)
    }
}

/// The query.
pub(super) struct Asked<Q>(pub(super) Q);

impl<Q: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<Q> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let Query(query) = Query::try_from_uri(&parts.uri)
            .map_err(|error| Failed::Malformed(format!("query: {}", error.body_text())))?;
        Ok(Self(query))
    }
}

/// The body, as JSON whatever its declared type.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| Failed::Malformed(format!("body: {}", error.body_text())))?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Failed::Malformed(format!("body: {error}")))?;
        Ok(Self(value))
    }
}
