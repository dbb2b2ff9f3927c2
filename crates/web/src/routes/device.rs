//! The device authorization endpoint, and the page on which a person types the code of a device (RFC
//! 8628, sections 3.1 to 3.3).

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sekisho_login::{Logins, TypedCode};
use sekisho_oauth::token::TokenError;
use sekisho_profile::Code;
use sekisho_site::paths::{DEVICE, DEVICE_AUTHORIZATION};
use sekisho_site::{Mismatch, Refusal};

use super::authorize::first_page;
use crate::extract::{Browser, ClientRequest, OwnDeviceForm, PageQuery};
use crate::reply::{Page, Refused, json};
use crate::{cookies, pages};

pub(crate) async fn authorize(State(logins): State<Logins>, request: ClientRequest) -> Response {
    let evidence = request.evidence(DEVICE_AUTHORIZATION);
    match logins.authorize_device(&evidence, &request.from).await {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(body) => json(200, &body),
            Err(_) => request.refuse(TokenError::ServerError.into()).await,
        },
        Err(failure) => request.refuse(failure).await,
    }
}

/// The code in the query is not even read: whoever opens the link has to look at the device.
pub(crate) async fn page(browser: Browser, PageQuery(query): PageQuery) -> Response {
    let page = entry(&browser, query.has("user_code"), false);
    browser.answer(Ok(page))
}

pub(crate) async fn typed(State(logins): State<Logins>, own: OwnDeviceForm) -> Response {
    let OwnDeviceForm { browser, form } = own;
    let typed = form.one("user_code").ok().flatten().unwrap_or_default();
    let refused = |refusal| Refused::from(refusal).or_again(DEVICE.to_owned());
    let page = match logins.begin_device(typed, &browser.visitor).await {
        Ok(TypedCode::Right(begun)) => Ok(first_page(*begun)),
        Ok(TypedCode::Wrong) => Ok(wrong(&browser)),
        Ok(TypedCode::TooMany(seconds)) => {
            Err(refused(Refusal::code(Code::TooManyUserCodes, "")).after(seconds))
        }
        Err(refusal) => Err(refused(refusal)),
    };
    browser.answer(page)
}

/// The page again, after a code for which no device waits.
fn wrong(browser: &Browser) -> Page {
    let site = &browser.site;
    site.log_refusal(&site.fresh_reference(), Code::UserCode.id(), &Mismatch::default());
    entry(browser, false, true).with_status(StatusCode::BAD_REQUEST)
}

fn entry(browser: &Browser, linked: bool, wrong: bool) -> Page {
    let (cookie, form_token) = browser.device_page();
    let (lang, device_path) = (browser.lang, DEVICE.to_owned());
    let view = pages::DeviceView { lang, device_path, form_token, linked, wrong };
    Page::html(pages::device(&view)).setting(cookies::DEVICE, cookie)
}
