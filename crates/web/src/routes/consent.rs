//! The consent page and its answer.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sekisho_broker::Broker;
use sekisho_broker::consent::{Answer, Consented};

use super::login::{is_ours, other_browser};
use crate::extract::{AtLogin, PageForm};
use crate::reply::{html, refusal_page, see_other};
use crate::{labels, pages};

pub(crate) async fn page(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
) -> Response {
    match broker.consent_question(&login, &browser.visitor).await {
        Ok(question) => {
            let token = broker.digests().form_token(login.expose(), &browser.secret);
            let path = format!("/consent/{}", login.expose());
            let view = labels::consent_view(&question, path, token, browser.lang);
            let target = broker.return_origin(&login, &browser.visitor).await;
            let page = pages::consent(&view);
            html(StatusCode::OK, page, &broker, &browser, target.as_deref())
        }
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn answer(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageForm(form): PageForm,
) -> Response {
    if !is_ours(&broker, &browser, &login, &form) {
        return refusal_page(&broker, &browser, &other_browser(&login), None);
    }
    // Only the one word allows; everything else, nothing included, denies.
    let answer = match form.one("decision") {
        Ok(Some("allow")) => {
            Answer::Allow { optional: form.all("optional").map(str::to_owned).collect() }
        }
        _ => Answer::Deny,
    };
    match broker.consent(&login, &browser.visitor, &answer).await {
        Ok(Consented::Redirect(url)) => see_other(&url),
        Ok(Consented::Login) => see_other(&format!("/login/{}", login.expose())),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}
