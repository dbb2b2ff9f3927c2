//! The token endpoint (RFC 6749, section 3.2).

use axum::extract::State;
use axum::response::Response;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use sekisho_broker::Broker;
use sekisho_broker::grants::TokenFailure;
use sekisho_oauth::token::TokenError;

use crate::extract::{Authorization, Form};
use crate::reply::json;

pub(crate) async fn token(
    State(broker): State<Broker>,
    authorization: Result<Authorization, Response>,
    form: Result<Form, Response>,
) -> Response {
    let (Authorization(authorization), Form(form)) = match (authorization, form) {
        (Ok(authorization), Ok(form)) => (authorization, form),
        (Err(unread), _) | (_, Err(unread)) => {
            return json(unread.status().as_u16(), &TokenError::Unreadable.body());
        }
    };
    let error = match broker.token(authorization.as_deref(), &form).await {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(body) => return json(200, &body),
            Err(_) => TokenError::ServerError,
        },
        Err(TokenFailure::Token(error)) => error,
        Err(TokenFailure::Store(error)) => {
            tracing::error!(%error, "the store did not answer a token request");
            TokenError::TemporarilyUnavailable
        }
        Err(TokenFailure::Broker(error)) => {
            tracing::error!(%error, "a token request failed");
            TokenError::ServerError
        }
    };
    let mut response = json(error.status(), &error.body());
    if let Some(challenge) = error.www_authenticate() {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
