//! Logging out (OpenID Connect RP-Initiated Logout 1.0; checklist OUT-1, OUT-2).

use axum::extract::State;
use axum::response::Response;
use sekisho_login::Logins;
use sekisho_login::logout::Logout;
use sekisho_oauth::params::Params;
use sekisho_oauth::redirect_uri;
use sekisho_site::paths::{LOGOUT, LOGOUT_CONFIRM, LOGOUT_DONE};

use crate::cookies::SESSION;
use crate::extract::{Browser, OwnLogoutForm, PageForm, PageQuery};
use crate::pages;
use crate::reply::{Page, Refused, see_other};

pub(crate) async fn by_query(
    State(logins): State<Logins>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    let page = |logout| match logout {
        Logout::Ask { .. } => Page::to(confirm_path(&params)),
        Logout::Done(back) => leave(back),
    };
    let logout = logins.log_out(&params, &browser.visitor).await;
    browser.answer(logout.map(page).map_err(Refused::log_out))
}

/// A POST from another site does not carry a `SameSite=Lax` cookie, so the browser is redirected to
/// ask the same by GET.
pub(crate) async fn by_form(PageForm(params): PageForm) -> Response {
    see_other(&format!("{LOGOUT}?{}", params.to_query()))
}

pub(crate) async fn question(
    State(logins): State<Logins>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    let page = |logout| match logout {
        Logout::Ask { client_name, back } => {
            let view = pages::LogoutView {
                lang: browser.lang,
                logout_path: confirm_path(&params),
                form_token: browser.logout_token(),
                service_name: client_name.map(|name| name.say(browser.lang).to_owned()),
            };
            let target = back.as_deref().and_then(redirect_uri::form_action);
            Page::html(pages::logout_confirm(&view)).leading_to(target)
        }
        Logout::Done(back) => leave(back),
    };
    let logout = logins.log_out(&params, &browser.visitor).await;
    browser.answer(logout.map(page).map_err(Refused::log_out))
}

pub(crate) async fn answer(State(logins): State<Logins>, own: OwnLogoutForm) -> Response {
    let OwnLogoutForm { browser, query, form } = own;
    // Only the exact word logs out.
    if form.one("decision") != Ok(Some("yes")) {
        let (lang, message) = (browser.lang, pages::Message::StillLoggedIn);
        let page = pages::message(&pages::MessageView { lang, message });
        return browser.answer(Ok(Page::html(page)));
    }
    let left = logins.confirm_logout(&query, &browser.visitor).await;
    browser.answer(left.map(leave).map_err(Refused::log_out))
}

pub(crate) async fn done(browser: Browser) -> Response {
    let view = pages::SignedOutView { lang: browser.lang, return_url: None };
    browser.answer(Ok(Page::html(pages::signed_out(&view))))
}

fn confirm_path(params: &Params) -> String {
    format!("{LOGOUT_CONFIRM}?{}", params.to_query())
}

/// Sends the browser to `back`, or to the page after logging out, and deletes its session cookie.
fn leave(back: Option<String>) -> Page {
    Page::to(back.unwrap_or_else(|| LOGOUT_DONE.to_owned())).forgetting(SESSION)
}
