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
    Authorization(authorization): Authorization,
    Form(form): Form,
) -> Response {
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
