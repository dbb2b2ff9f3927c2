//! The console's handlers: each takes a request apart, makes one call, and renders.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sekisho_web::pages::{Lang, choose_language};
use serde_json::{Map, Value};

use super::Console;
use super::exchange::ExchangeError;
use super::pages;

/// The cookie that identifies the browser, and its session once it has one.
const COOKIE_NAME: &str = "gpu-console";
/// The number of GPUs that the form proposes.
pub(super) const DEFAULT_GPUS: u32 = 8;
/// The number of GPU-hours that the form proposes.
pub(super) const DEFAULT_GPU_HOURS: u32 = 64;

pub(super) async fn index(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = parameters(query.as_deref());
    let lang = language(&headers, &query);
    let session =
        cookie(&headers).and_then(|cookie| console.visitors.session(&cookie, console.clock.now()));
    pages::index(&console.config.issuer, lang, session.as_ref())
}

pub(super) async fn login(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = parameters(query.as_deref());
    let lang = language(&headers, &query);
    let number = |name: &str, default: u32| {
        let text = query.get(name).and_then(Value::as_str);
        text.map_or(Some(default), |text| text.trim().parse().ok())
    };
    let (Some(gpus), Some(hours)) =
        (number("gpus", DEFAULT_GPUS), number("gpu_hours", DEFAULT_GPU_HOURS))
    else {
        let issuer = &console.config.issuer;
        return pages::error(issuer, lang, StatusCode::BAD_REQUEST, "invalid_request", "");
    };
    let known = cookie(&headers);
    let browser = known.clone().unwrap_or_else(|| console.entropy.token().expose().clone());
    let begun = match console.begin(&browser, gpus, hours).await {
        Ok(begun) => begun,
        Err(error) => return failed(&console, lang, &error),
    };
    if !console.visitors.begin(begun.state, begun.pending) {
        let (issuer, busy) = (&console.config.issuer, StatusCode::SERVICE_UNAVAILABLE);
        return pages::error(issuer, lang, busy, "temporarily_unavailable", "");
    }
    let mut response = see_other(&begun.url);
    if known.is_none() {
        set_cookie(&mut response, &browser);
    }
    response
}

pub(super) async fn callback(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = parameters(query.as_deref());
    let lang = language(&headers, &Map::new());
    let browser = cookie(&headers).unwrap_or_default();
    match console.finish(&answer, &browser).await {
        Ok(session) => {
            // The session gets a fresh cookie, so that a cookie that somebody planted earlier does
            // not lead to it.
            let fresh = console.entropy.token().expose().clone();
            console.visitors.leave(&browser);
            console.visitors.enter(fresh.clone(), session);
            let mut response = see_other("/");
            set_cookie(&mut response, &fresh);
            response
        }
        Err(error) => failed(&console, lang, &error),
    }
}

pub(super) async fn logout(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers) {
        console.visitors.leave(&cookie);
    }
    see_other("/")
}

fn failed(console: &Console, lang: Lang, error: &ExchangeError) -> Response {
    let issuer = &console.config.issuer;
    match error {
        ExchangeError::Refused { error, description } => {
            pages::error(issuer, lang, StatusCode::FORBIDDEN, error, description)
        }
        ExchangeError::Unreachable(_) => {
            tracing::warn!(%error, "the console could not reach its provider");
            pages::error(issuer, lang, StatusCode::BAD_GATEWAY, "provider_unreachable", "")
        }
        ExchangeError::NotAsked | ExchangeError::Mismatch(_) => {
            tracing::warn!(%error, "the console refused an answer");
            let text = error.to_string();
            pages::error(issuer, lang, StatusCode::BAD_REQUEST, "invalid_response", &text)
        }
    }
}

/// Query parameters by name. A parameter that occurs twice has no value.
fn parameters(query: Option<&str>) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let value = if all.contains_key(&*name) { Value::Null } else { value.into_owned().into() };
        all.insert(name.into_owned(), value);
    }
    all
}

fn language(headers: &HeaderMap, query: &Map<String, Value>) -> Lang {
    let accept = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    choose_language(query.get("lang").and_then(Value::as_str), None, accept)
}

/// The value of the console's cookie. Other services on this host have cookies too, which need not be
/// well-formed, so the header is read pair by pair, in bytes.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let pairs =
        headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    let mut values = pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(COOKIE_NAME.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    });
    let value = values.next()?;
    values.next().is_none().then(|| value.to_owned())
}

fn set_cookie(response: &mut Response, value: &str) {
    let cookie = format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
