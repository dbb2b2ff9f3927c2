//! The consent page and its answer.

use axum::extract::State;
use axum::response::Response;
use sekisho_login::Logins;
use sekisho_login::consent::{Answer, Consented};
use sekisho_site::paths;

use crate::extract::{AtLogin, OwnForm};
use crate::reply::{Page, Refused};
use crate::{labels, pages};

pub(crate) async fn page(State(logins): State<Logins>, at: AtLogin) -> Response {
    let question = question(&logins, &at).await;
    at.browser.answer(question)
}

async fn question(logins: &Logins, at: &AtLogin) -> Result<Page, Refused> {
    let AtLogin { login, browser } = at;
    if !login.awaits_consent() {
        // The login went on, or there is nothing to ask yet: its own page says which.
        return Ok(Page::to(paths::login(login.handle().expose())));
    }
    let question = logins.consent_question(login).await?;
    let path = paths::consent(login.handle().expose());
    let view = labels::consent_view(&question, path, browser.form_token(login), browser.lang);
    Ok(Page::html(pages::consent(&view)).leading_to(login.return_origin()))
}

pub(crate) async fn answer(State(logins): State<Logins>, own: OwnForm) -> Response {
    let OwnForm { at: AtLogin { login, browser }, form } = own;
    // Only the exact word allows. Everything else denies, even an absent value.
    let answer = match form.one("decision") {
        Ok(Some("allow")) => {
            Answer::Allow { optional: form.all("optional").map(str::to_owned).collect() }
        }
        _ => Answer::Deny,
    };
    let page = |consented| match consented {
        Consented::Respond(answer, over) => Page::respond(&answer).keeping(over),
        Consented::Login => Page::to(paths::login(login.handle().expose())),
    };
    let consented = logins.consent(&login, &answer).await;
    browser.answer(consented.map(page).map_err(Refused::from))
}
