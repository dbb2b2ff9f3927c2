//! The userinfo endpoint (OpenID Connect Core 1.0, section 5.3; RFC 6750).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use sekisho_broker::Broker;
use sekisho_broker::grants::UserinfoFailure;
use sekisho_oauth::params::Params;
use sekisho_oauth::userinfo::{BearerError, bearer_token};
use serde_json::Value;

use crate::extract::{Authorization, Query};
use crate::reply::{code_of, json};

pub(crate) async fn by_get(
    State(broker): State<Broker>,
    Authorization(authorization): Authorization,
    Query(query): Query,
) -> Response {
    answer(&broker, authorization.as_deref(), &query, None).await
}

pub(crate) async fn by_post(
    State(broker): State<Broker>,
    Authorization(authorization): Authorization,
    Query(query): Query,
    body: String,
) -> Response {
    // A body is optional here; what is no form has no token.
    let form = Params::parse(&body).unwrap_or_default();
    answer(&broker, authorization.as_deref(), &query, Some(&form)).await
}

async fn answer(
    broker: &Broker,
    authorization: Option<&str>,
    query: &Params,
    form: Option<&Params>,
) -> Response {
    let token = match bearer_token(authorization, query, form) {
        Ok(token) => token,
        Err(error) => return refuse(error),
    };
    match broker.userinfo(token).await {
        Ok(claims) => json(200, &Value::Object(claims)),
        Err(UserinfoFailure::Bearer(error)) => refuse(error),
        Err(UserinfoFailure::Broker(refusal)) => {
            code_of(&refusal);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The challenge of a refused bearer token.
pub(crate) fn refuse(error: BearerError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = status.into_response();
    if let Ok(challenge) = HeaderValue::from_str(&error.www_authenticate()) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
