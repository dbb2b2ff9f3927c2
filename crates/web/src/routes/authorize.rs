//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2).

use axum::extract::State;
use axum::response::Response;
use sekisho_login::{Begin, Begun, Logins};
use sekisho_site::paths::{self, AUTHORIZE};

use crate::cookies;
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

/// Where a login begins.
pub(super) fn first_page(begun: Begin) -> Page {
    match begun {
        Begin::Respond(answer) => Page::respond(&answer),
        Begin::Login(begun) => to(paths::login, begun),
        Begin::Consent(begun) => to(paths::consent, begun),
    }
}

/// A redirect to a page of a login, with the login's cookie.
fn to(path: impl FnOnce(&str) -> String, begun: Begun) -> Page {
    let Begun { login, cookie, crowded_out } = begun;
    let page = Page::to(path(login.expose())).keeping(cookie);
    crowded_out.iter().fold(page, |page, name| page.forgetting(cookies::login_name(name)))
}

/// A POST from another site does not carry a `SameSite=Lax` cookie. So the browser is redirected to
/// ask the same by GET, which carries its session (AUTH-1).
pub(crate) async fn by_form(PageForm(params): PageForm) -> Response {
    see_other(&format!("{AUTHORIZE}?{}", params.to_query()))
}
