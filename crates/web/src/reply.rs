//! How outcomes are said over HTTP: a code becomes its page or its JSON, a store that does not
//! answer becomes 503. One place for each.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use sekisho_broker::Broker;
use sekisho_broker::login::Refusal;
use sekisho_profile::Code;
use serde_json::Value;

use crate::extract::Browser;
use crate::headers::page_policy;
use crate::{cookies, pages};

/// A page under its policy.
pub(crate) fn html(
    status: StatusCode,
    body: String,
    broker: &Broker,
    browser: &Browser,
    form_target: Option<&str>,
) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&page_policy(form_target)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if browser.chosen {
        let tag = browser.lang.tag();
        cookies::set(&mut headers, &broker.config().origin, cookies::LANGUAGE, tag, 31_536_000);
    }
    (status, headers, body).into_response()
}

/// 303: the method of what follows is GET, and no body is sent along (GEN-9).
pub(crate) fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The origin of a URL, for the policy of the page whose form leads there.
pub(crate) fn origin_of(url: &str) -> Option<String> {
    let origin = url::Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// JSON with a status.
pub(crate) fn json(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}

/// The error page of a refusal.
pub(crate) fn refusal_page(
    broker: &Broker,
    browser: &Browser,
    refusal: &Refusal,
    retry_link: Option<String>,
) -> Response {
    let (code, reference) = code_of(refusal);
    let status = match refusal {
        Refusal::NotFound => StatusCode::NOT_FOUND,
        _ => status_of(code),
    };
    let view = pages::ErrorView {
        lang: browser.lang,
        code,
        reference,
        time: broker.clock().now(),
        status: status.as_u16(),
        retry_link,
    };
    let mut response = html(status, pages::error(&view), broker, browser, None);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// The HTTP status of a code.
pub(crate) fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The code and reference that a refusal is shown under; what broke is logged here.
pub(crate) fn code_of(refusal: &Refusal) -> (Code, String) {
    match refusal {
        Refusal::Code { code, reference } => (*code, reference.clone()),
        Refusal::NotFound => (Code::LoginExpired, String::new()),
        Refusal::Store(error) => {
            tracing::error!(%error, "the store did not answer");
            (refusal.store_code(), String::new())
        }
        Refusal::Person(error) => {
            tracing::error!(%error, "sealed claims do not open");
            (Code::Store, String::new())
        }
        Refusal::NoKey => {
            tracing::error!("a key that must be there is not");
            (Code::KeyUnavailable, String::new())
        }
    }
}
