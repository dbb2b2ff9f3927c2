//! The userinfo endpoint (OpenID Connect Core 1.0, section 5.3; RFC 6750).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use sekisho_grants::{Grants, UserinfoFailure};
use sekisho_oauth::params::Params;
use sekisho_oauth::userinfo::{BearerError, bearer_token};
use serde_json::Value;

use crate::extract::{Authorization, Query};
use crate::reply::{bare, json};

pub(crate) async fn by_get(
    State(grants): State<Grants>,
    Authorization(authorization): Authorization,
    Query(query): Query,
) -> Response {
    answer(&grants, authorization.as_deref(), &query, None).await
}

pub(crate) async fn by_post(
    State(grants): State<Grants>,
    Authorization(authorization): Authorization,
    Query(query): Query,
    body: String,
) -> Response {
    // The body is optional. One that is not a form is treated as having no token.
    let form = Params::parse(&body).unwrap_or_default();
    answer(&grants, authorization.as_deref(), &query, Some(&form)).await
}

async fn answer(
    grants: &Grants,
    authorization: Option<&str>,
    query: &Params,
    form: Option<&Params>,
) -> Response {
    let token = match bearer_token(authorization, query, form) {
        Ok(token) => token,
        Err(error) => return refuse(error),
    };
    match grants.userinfo(token).await {
        Ok(claims) => json(200, &Value::Object(claims)),
        Err(UserinfoFailure::Bearer(error)) => refuse(error),
        Err(UserinfoFailure::Broker(refusal)) => bare(&refusal),
    }
}

/// The challenge that answers a refused bearer token.
pub(crate) fn refuse(error: BearerError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = status.into_response();
    if let Ok(challenge) = HeaderValue::from_str(&error.www_authenticate()) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
