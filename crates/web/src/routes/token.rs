//! The endpoints at which clients authenticate: the token endpoint (RFC 6749, section 3.2),
//! introspection (RFC 7662) and revocation (RFC 7009).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use sekisho_broker::token::TokenEndpoint;
use sekisho_grants::Grants;
use sekisho_grants::introspection::Introspection;
use sekisho_oauth::token::TokenError;
use sekisho_site::paths::{INTROSPECT, REVOKE, TOKEN};

use crate::extract::ClientRequest;
use crate::reply::json;

/// The media type of a signed answer of the introspection endpoint (RFC 9701, section 5).
const SIGNED: &str = "application/token-introspection+jwt";

pub(crate) async fn token(
    State(endpoint): State<TokenEndpoint>,
    request: ClientRequest,
) -> Response {
    let mut response = match endpoint.token(&request.evidence(TOKEN)).await {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(body) => json(200, &body),
            Err(_) => request.refuse(TokenError::ServerError.into()).await,
        },
        Err(failure) => request.refuse(failure).await,
    };
    // Wallets are registered nowhere, and some are pages.
    if request.is_of_wallet() {
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

pub(crate) async fn introspect(
    State(grants): State<Grants>,
    headers: HeaderMap,
    request: ClientRequest,
) -> Response {
    let signed = accepts_signed(&headers);
    match grants.introspect(&request.evidence(INTROSPECT), signed).await {
        Ok(Introspection::Plain(answer)) => json(200, &answer),
        Ok(Introspection::Signed(jwt)) => ([(CONTENT_TYPE, SIGNED)], jwt).into_response(),
        Err(failure) => request.refuse(failure).await,
    }
}

/// Whether the caller wants the answer as a JWT (RFC 9701, section 4).
fn accepts_signed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|line| line.split(','));
    types.any(|wanted| {
        let name = wanted.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(SIGNED)
    })
}

pub(crate) async fn revoke(State(grants): State<Grants>, request: ClientRequest) -> Response {
    match grants.revoke(&request.evidence(REVOKE)).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => request.refuse(failure).await,
    }
}
