//! What clients call with their credentials: the token endpoint (RFC 6749, section 3.2),
//! introspection (RFC 7662) and revocation (RFC 7009).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use sekisho_broker::Broker;
use sekisho_broker::grants::TokenFailure;
use sekisho_oauth::params::Params;
use sekisho_oauth::token::TokenError;

use crate::extract::{Authorization, Form};
use crate::reply::json;

pub(crate) async fn token(
    State(broker): State<Broker>,
    authorization: Result<Authorization, Response>,
    form: Result<Form, Response>,
) -> Response {
    let (authorization, form) = match read(authorization, form) {
        Ok(read) => read,
        Err(status) => return json(status, &TokenError::Unreadable.body()),
    };
    match broker.token(authorization.as_deref(), &form).await {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(body) => json(200, &body),
            Err(_) => refuse(TokenError::ServerError.into()),
        },
        Err(failure) => refuse(failure),
    }
}

pub(crate) async fn introspect(
    State(broker): State<Broker>,
    authorization: Result<Authorization, Response>,
    form: Result<Form, Response>,
) -> Response {
    let (authorization, form) = match read(authorization, form) {
        Ok(read) => read,
        Err(status) => return json(status, &TokenError::Unreadable.body()),
    };
    match broker.introspect(authorization.as_deref(), &form).await {
        Ok(answer) => json(200, &answer),
        Err(failure) => refuse(failure),
    }
}

pub(crate) async fn revoke(
    State(broker): State<Broker>,
    authorization: Result<Authorization, Response>,
    form: Result<Form, Response>,
) -> Response {
    let (authorization, form) = match read(authorization, form) {
        Ok(read) => read,
        Err(status) => return json(status, &TokenError::Unreadable.body()),
    };
    match broker.revoke(authorization.as_deref(), &form).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => refuse(failure),
    }
}

/// Header and form, or the status of a request whose header or form cannot be read.
fn read(
    authorization: Result<Authorization, Response>,
    form: Result<Form, Response>,
) -> Result<(Option<String>, Params), u16> {
    match (authorization, form) {
        (Ok(Authorization(authorization)), Ok(Form(form))) => Ok((authorization, form)),
        (Err(unread), _) | (_, Err(unread)) => Err(unread.status().as_u16()),
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
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}
