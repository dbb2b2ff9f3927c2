//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2).

use axum::extract::State;
use axum::response::Response;
use sekisho_broker::Broker;
use sekisho_broker::login::Begin;
use sekisho_oauth::params::Params;

use crate::cookies;
use crate::extract::{Browser, Form, Query};
use crate::reply::{refusal_page, see_other};

pub(crate) async fn by_query(
    State(broker): State<Broker>,
    browser: Browser,
    Query(params): Query,
) -> Response {
    begin(&broker, &browser, &params).await
}

pub(crate) async fn by_form(
    State(broker): State<Broker>,
    browser: Browser,
    Form(params): Form,
) -> Response {
    begin(&broker, &browser, &params).await
}

async fn begin(broker: &Broker, browser: &Browser, params: &Params) -> Response {
    let (path, new) = match broker.begin(params, &browser.visitor).await {
        Ok(Begin::Redirect(url)) => return see_other(&url),
        Ok(Begin::Login { login, browser }) => (format!("/login/{}", login.expose()), browser),
        Ok(Begin::Consent { login, browser }) => (format!("/consent/{}", login.expose()), browser),
        Err(refusal) => return refusal_page(broker, browser, &refusal, None),
    };
    let mut response = see_other(&path);
    if let Some(handle) = new {
        let origin = &broker.config().origin;
        let now = broker.clock().now();
        cookies::set_handle(response.headers_mut(), origin, cookies::BROWSER, &handle, now);
    }
    response
}
