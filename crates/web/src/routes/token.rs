//! The endpoints at which clients authenticate: the token endpoint (RFC 6749, section 3.2),
//! introspection (RFC 7662) and revocation (RFC 7009).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, WWW_AUTHENTICATE};
use sekisho_broker::token::TokenEndpoint;
use sekisho_grants::Grants;
use sekisho_oauth::token::TokenError;
use sekisho_registry::TokenFailure;
use sekisho_site::paths::{INTROSPECT, REVOKE, TOKEN};

use crate::extract::ClientRequest;
use crate::reply::json;

pub(crate) async fn token(
    State(endpoint): State<TokenEndpoint>,
    request: ClientRequest,
) -> Response {
    let mut response = match endpoint.token(&request.evidence(TOKEN)).await {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(body) => json(200, &body),
            Err(_) => refuse(TokenError::ServerError.into()),
        },
        Err(failure) => refuse(failure),
    };
    // Wallets are registered nowhere, and some are pages.
    if request.is_of_wallet() {
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

pub(crate) async fn introspect(State(grants): State<Grants>, request: ClientRequest) -> Response {
    match grants.introspect(&request.evidence(INTROSPECT)).await {
        Ok(answer) => json(200, &answer),
        Err(failure) => refuse(failure),
    }
}

pub(crate) async fn revoke(State(grants): State<Grants>, request: ClientRequest) -> Response {
    match grants.revoke(&request.evidence(REVOKE)).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => refuse(failure),
    }
}

fn refuse(failure: TokenFailure) -> Response {
    let error = match failure {
        TokenFailure::Token(error) => error,
        TokenFailure::Store(error) => {
            tracing::error!(%error, "the store did not answer a client's request");
            TokenError::TemporarilyUnavailable
        }
        TokenFailure::Broker(error) => {
            tracing::error!(%error, "a client's request failed");
            TokenError::ServerError
        }
    };
    let mut response = json(error.status(), &error.body());
    if let Some(challenge) = error.www_authenticate() {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
