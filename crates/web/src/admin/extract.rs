//! What a handler of the admin API takes from a request, and the errors of requests.
//!
//! Invariant: every error is answered as JSON in the same form.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use sekisho_broker::admin::AdminError;
use serde::de::DeserializeOwned;

use super::Peer;

/// The caller: the [`Peer`] of the connection.
#[derive(Clone, Copy)]
pub(super) struct Caller(pub(super) Peer);

/// Why an administrative request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The request has no [`Peer`].
    #[error("only the server's own user and root may use the admin API")]
    Denied,
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    NoSuchPath,
    /// The endpoint does not have this method.
    #[error("the endpoint does not know this method")]
    NoSuchMethod,
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The use-case refused or failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        parts.extensions.get::<Peer>().copied().map(Self).ok_or(Failed::Denied)
    }
}

/// The query, parsed as `Q`.
pub(super) struct Asked<Q>(pub(super) Q);

impl<Q: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<Q> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let Query(query) = Query::try_from_uri(&parts.uri)
            .map_err(|error| Failed::Malformed(format!("query: {}", error.body_text())))?;
        Ok(Self(query))
    }
}

/// The body, parsed as JSON whatever its media type.
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
