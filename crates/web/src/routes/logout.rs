//! Logging out (OpenID Connect RP-Initiated Logout 1.0; checklist OUT-1, OUT-2).

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use sekisho_ambient::Handle;
use sekisho_broker::Broker;
use sekisho_broker::logout::Logout;

use crate::cookies;
use crate::extract::{Browser, PageForm, PageQuery};
use crate::pages;
use crate::paths::{LOGOUT, LOGOUT_CONFIRM, LOGOUT_DONE};
use crate::reply::{html, origin_of, refusal_page, see_other};

/// What the form tokens of the question are bound to, beside the session.
const FORM: &str = "logout";

pub(crate) async fn by_query(
    State(broker): State<Broker>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    match broker.log_out(&params, &browser.visitor).await {
        Ok(Logout::Ask { .. }) => see_other(&format!("{LOGOUT_CONFIRM}?{}", params.to_query())),
        Ok(Logout::Done(back)) => leave(&broker, back.as_deref()),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

/// A form of another site brings no cookie that is `SameSite=Lax`: the same is asked again by GET.
pub(crate) async fn by_form(PageForm(params): PageForm) -> Response {
    see_other(&format!("{LOGOUT}?{}", params.to_query()))
}

pub(crate) async fn question(
    State(broker): State<Broker>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    match broker.log_out(&params, &browser.visitor).await {
        Ok(Logout::Ask { client_name, back }) => {
            let view = pages::LogoutView {
                lang: browser.lang,
                logout_path: format!("{LOGOUT_CONFIRM}?{}", params.to_query()),
                form_token: form_token(&broker, &browser),
                service_name: client_name.map(|name| name.say(browser.lang).to_owned()),
            };
            let target = back.as_deref().and_then(origin_of);
            let page = pages::logout_confirm(&view);
            html(StatusCode::OK, page, &broker, &browser, target.as_deref())
        }
        Ok(Logout::Done(back)) => leave(&broker, back.as_deref()),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn answer(
    State(broker): State<Broker>,
    browser: Browser,
    PageQuery(params): PageQuery,
    PageForm(form): PageForm,
) -> Response {
    let token = form.one("form_token").ok().flatten().unwrap_or_default();
    let session = browser.visitor.session.as_ref().map(Handle::expose).unwrap_or_default();
    if !broker.digests().is_form_token(token, FORM, session) {
        return refusal_page(&broker, &browser, &other_browser(), None);
    }
    // Only the one word logs out.
    if form.one("decision") != Ok(Some("yes")) {
        let message = pages::Message::StillLoggedIn;
        let page = pages::message(&pages::MessageView { lang: browser.lang, message });
        return html(StatusCode::OK, page, &broker, &browser, None);
    }
    match broker.confirm_logout(&params, &browser.visitor).await {
        Ok(back) => leave(&broker, back.as_deref()),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn done(State(broker): State<Broker>, browser: Browser) -> Response {
    let view = pages::SignedOutView { lang: browser.lang, return_url: None };
    html(StatusCode::OK, pages::signed_out(&view), &broker, &browser, None)
}

fn form_token(broker: &Broker, browser: &Browser) -> String {
    let session = browser.visitor.session.as_ref().map(Handle::expose).unwrap_or_default();
    broker.digests().form_token(FORM, session)
}

fn other_browser() -> sekisho_broker::login::Refusal {
    sekisho_broker::login::Refusal::Code {
        code: sekisho_profile::Code::OtherBrowser,
        reference: String::new(),
    }
}

/// Away, without a session.
fn leave(broker: &Broker, back: Option<&str>) -> Response {
    let mut response = see_other(back.unwrap_or(LOGOUT_DONE));
    forget(response.headers_mut(), broker);
    response
}

fn forget(headers: &mut HeaderMap, broker: &Broker) {
    cookies::set(headers, &broker.config().origin, cookies::SESSION, "", 0);
}
