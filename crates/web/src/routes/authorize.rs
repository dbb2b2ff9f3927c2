//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2).

use axum::extract::State;
use axum::response::Response;
use sekisho_broker::Broker;
use sekisho_broker::login::Begin;

use crate::cookies;
use crate::extract::{Browser, PageForm, PageQuery};
use crate::paths::AUTHORIZE;
use crate::reply::{refusal_page, see_other};

pub(crate) async fn by_query(
    State(broker): State<Broker>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    let (path, new) = match broker.begin(&params, &browser.visitor).await {
        Ok(Begin::Redirect(url)) => return see_other(&url),
        Ok(Begin::Login { login, browser }) => (format!("/login/{}", login.expose()), browser),
        Ok(Begin::Consent { login, browser }) => (format!("/consent/{}", login.expose()), browser),
        Err(refusal) => return refusal_page(&broker, &browser, &refusal, None),
    };
    let mut response = see_other(&path);
    if let Some(handle) = new {
        let origin = &broker.config().origin;
        let now = broker.clock().now();
        cookies::set_handle(response.headers_mut(), origin, cookies::BROWSER, &handle, now);
    }
    response
}

/// A form of another site brings no cookie that is `SameSite=Lax`. So the browser is sent to ask the
/// same by GET, and brings its session along (AUTH-1).
pub(crate) async fn by_form(PageForm(params): PageForm) -> Response {
    see_other(&format!("{AUTHORIZE}?{}", params.to_query()))
}
