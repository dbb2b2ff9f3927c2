//! Which pages of other origins may read an answer (Fetch, section 3.2; GEN-18).
//!
//! Invariant: no answer allows credentials. So a page of another origin reads nothing that depends
//! on a cookie: only public documents, and what its own code, token or proof gives it.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};
use sekisho_registry::Registry;

/// The headers that a program sends to these endpoints, besides those that need no permission.
const REQUEST_HEADERS: &str = "authorization, content-type, if-none-match";
/// The headers of our answers that a program needs, besides those that need no permission.
const ANSWER_HEADERS: &str = "www-authenticate, etag, retry-after";

/// Lets pages of every origin read: public documents, and the endpoints of wallets.
pub(crate) async fn anybody(request: Request, next: Next) -> Response {
    let any = HeaderValue::from_static("*");
    if is_preflight(&request) {
        return permit(StatusCode::NO_CONTENT.into_response(), any, true);
    }
    permit(next.run(request).await, any, false)
}

/// Lets pages read that stand at the origin of a registered redirect URI. An answer that is for
/// everybody stays so.
pub(crate) async fn of_clients(
    State(registry): State<Registry>,
    request: Request,
    next: Next,
) -> Response {
    let origin = match request.headers().get(ORIGIN) {
        Some(origin) if is_registered(&registry, origin).await => Some(origin.clone()),
        _ => None,
    };
    let mut response = match (origin, is_preflight(&request)) {
        (Some(origin), true) => permit(StatusCode::NO_CONTENT.into_response(), origin, true),
        (Some(origin), false) => permit(next.run(request).await, origin, false),
        (None, _) => next.run(request).await,
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    response
}

async fn is_registered(registry: &Registry, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    registry.is_client_origin(origin).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the origins of clients could not be read");
        false
    })
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn permit(mut response: Response, origin: HeaderValue, preflight: bool) -> Response {
    let headers = response.headers_mut();
    headers.entry(ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(origin);
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    } else {
        expose(headers);
    }
    response
}

fn expose(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
}
