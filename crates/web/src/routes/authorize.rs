//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2).

use axum::extract::State;
use axum::response::Response;
use sekisho_ambient::Handle;
use sekisho_login::{Begin, Logins};
use sekisho_site::paths::{self, AUTHORIZE};

use crate::cookies::BROWSER;
use crate::extract::{Browser, PageForm, PageQuery};
use crate::reply::{Page, Refused, see_other};

pub(crate) async fn by_query(
    State(logins): State<Logins>,
    browser: Browser,
    PageQuery(params): PageQuery,
) -> Response {
    let begun = logins.begin(&params, &browser.visitor).await;
    browser.answer(begun.map(first_page).map_err(Refused::from))
}

fn first_page(begun: Begin) -> Page {
    let to = |path: String, new: Option<Handle>| match new {
        Some(handle) => Page::to(path).setting(BROWSER, handle),
        None => Page::to(path),
    };
    match begun {
        Begin::Respond(answer) => Page::respond(&answer),
        Begin::Login { login, browser } => to(paths::login(login.expose()), browser),
        Begin::Consent { login, browser } => to(paths::consent(login.expose()), browser),
    }
}

/// A POST from another site does not carry a `SameSite=Lax` cookie. So the browser is redirected to
/// ask the same by GET, which carries its session (AUTH-1).
pub(crate) async fn by_form(PageForm(params): PageForm) -> Response {
    see_other(&format!("{AUTHORIZE}?{}", params.to_query()))
}
