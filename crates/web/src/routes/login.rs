//! A login's pages: the wallet is asked, the browser comes back, the number is typed.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sekisho_ambient::Handle;
use sekisho_broker::Broker;
use sekisho_broker::login::{AskScreen, Next, Number, Refusal, Screen};
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::NUMBER_DIGITS;
use sekisho_profile::Code;

use crate::extract::{AtLogin, Browser, PageForm, PageQuery};
use crate::labels;
use crate::reply::{html, refusal_page, see_other};
use crate::{cookies, pages};

pub(crate) async fn page(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
) -> Response {
    match broker.login_screen(&login, &browser.visitor).await {
        Ok(screen) => show(&broker, &browser, &login, screen).await,
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

async fn show(broker: &Broker, browser: &Browser, login: &Handle, screen: Screen) -> Response {
    let target = broker.return_origin(login, &browser.visitor).await;
    let path = format!("/login/{}", login.expose());
    let form_token = broker.digests().form_token(login.expose(), &browser.secret);
    let page = match screen {
        Screen::Ask(ask) => pages::login(&login_view(broker, browser, &path, form_token, ask)),
        Screen::Number { facts, tries_left, remaining } => {
            pages::number_entry(&pages::NumberEntryView {
                lang: browser.lang,
                service: labels::service_card(&facts, browser.lang),
                login_path: path,
                form_token,
                digits: NUMBER_DIGITS,
                tries_left,
                remaining_s: remaining,
                wrong: false,
            })
        }
        Screen::Answered => pages::message(&pages::MessageView {
            lang: browser.lang,
            message: pages::Message::ReturnFromWallet,
        }),
        Screen::Consent => return see_other(&format!("/consent/{}", login.expose())),
        Screen::Denied { facts, denied, return_url } => {
            let view = labels::denied_view(&facts, &denied, login, return_url, browser.lang);
            pages::denied(&view)
        }
        Screen::Over { code, return_url } => {
            let refusal = Refusal::Code { code, reference: login.key().reference() };
            return refusal_page(broker, browser, &refusal, Some(return_url));
        }
    };
    html(StatusCode::OK, page, broker, browser, target.as_deref())
}

fn login_view(
    broker: &Broker,
    browser: &Browser,
    path: &str,
    form_token: String,
    ask: AskScreen,
) -> pages::LoginView {
    let expires_at = broker.clock().now().plus(ask.remaining);
    let wallets = if ask.expired { Vec::new() } else { ask.wallets };
    pages::LoginView {
        lang: browser.lang,
        service: labels::service_card(&ask.facts, browser.lang),
        wallets: wallets
            .into_iter()
            .map(|(wallet, url)| pages::WalletLink {
                name: wallet.name,
                label_ja: wallet.label.ja,
                label_en: wallet.label.en,
                url,
                preferred: wallet.preferred,
            })
            .collect(),
        cross: ask.cross_device.map(|qr_url| pages::CrossDevice {
            qr_url,
            expires_at,
            remaining_s: ask.remaining,
        }),
        login_path: path.to_owned(),
        form_token,
        asks: ask.asks.iter().map(|name| labels::asked(name, browser.lang)).collect(),
    }
}

pub(crate) async fn complete(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageQuery(query): PageQuery,
) -> Response {
    let Some(code) = handle(&query, "response_code") else {
        return refusal_page(&broker, &browser, &Refusal::NotFound, None);
    };
    match broker.complete(&login, &browser.visitor, &code).await {
        Ok(next) => go(&broker, &login, next),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn number(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageForm(form): PageForm,
) -> Response {
    if !is_ours(&broker, &browser, &login, &form) {
        return refusal_page(&broker, &browser, &other_browser(&login), None);
    }
    let typed = form.one("number").ok().flatten().unwrap_or_default();
    match broker.type_number(&login, &browser.visitor, typed).await {
        Ok(Number::Right(next)) => go(&broker, &login, next),
        Ok(Number::Wrong { .. }) => wrong_number(&broker, &browser, &login).await,
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

async fn wrong_number(broker: &Broker, browser: &Browser, login: &Handle) -> Response {
    match broker.login_screen(login, &browser.visitor).await {
        Ok(Screen::Number { facts, tries_left, remaining }) => {
            let view = pages::NumberEntryView {
                lang: browser.lang,
                service: labels::service_card(&facts, browser.lang),
                login_path: format!("/login/{}", login.expose()),
                form_token: broker.digests().form_token(login.expose(), &browser.secret),
                digits: NUMBER_DIGITS,
                tries_left,
                remaining_s: remaining,
                wrong: true,
            };
            let target = broker.return_origin(login, &browser.visitor).await;
            let page = pages::number_entry(&view);
            html(StatusCode::BAD_REQUEST, page, broker, browser, target.as_deref())
        }
        Ok(_) => refusal_page(broker, browser, &other_browser(login), None),
        Err(refusal) => refusal_page(broker, browser, &refusal, None),
    }
}

pub(crate) async fn cancel(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageForm(form): PageForm,
) -> Response {
    if !is_ours(&broker, &browser, &login, &form) {
        return refusal_page(&broker, &browser, &other_browser(&login), None);
    }
    match broker.cancel(&login, &browser.visitor).await {
        Ok(url) => see_other(&url),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn renew(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageForm(form): PageForm,
) -> Response {
    if !is_ours(&broker, &browser, &login, &form) {
        return refusal_page(&broker, &browser, &other_browser(&login), None);
    }
    match broker.login_screen(&login, &browser.visitor).await {
        Ok(Screen::Ask(ask)) => see_other(&ask.again),
        Ok(_) => see_other(&format!("/login/{}", login.expose())),
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

pub(crate) async fn phone(
    State(broker): State<Broker>,
    AtLogin { login, browser }: AtLogin,
    PageQuery(query): PageQuery,
) -> Response {
    let shown = match handle(&query, "response_code") {
        Some(code) => broker.phone_number(&login, &code).await,
        None => Err(Refusal::NotFound),
    };
    match shown {
        Ok((facts, number, remaining_s)) => {
            let view = pages::NumberShowView {
                lang: browser.lang,
                service: labels::service_card(&facts, browser.lang),
                number,
                place: None,
                remaining_s,
            };
            html(StatusCode::OK, pages::number_show(&view), &broker, &browser, None)
        }
        Err(refusal) => refusal_page(&broker, &browser, &refusal, None),
    }
}

/// To where a proven browser goes, with its new session.
fn go(broker: &Broker, login: &Handle, next: Next) -> Response {
    let (mut response, session) = match next {
        Next::Redirect { url, session } => (see_other(&url), session),
        Next::Consent { session } => (see_other(&format!("/consent/{}", login.expose())), session),
        Next::Login { session } => (see_other(&format!("/login/{}", login.expose())), session),
    };
    let origin = &broker.config().origin;
    let now = broker.clock().now();
    cookies::set_handle(response.headers_mut(), origin, cookies::SESSION, &session, now);
    response
}

fn handle(params: &Params, name: &str) -> Option<Handle> {
    Handle::parse(params.one(name).ok().flatten()?)
}

/// Whether a form carries the token of this login and browser.
pub(crate) fn is_ours(broker: &Broker, browser: &Browser, login: &Handle, form: &Params) -> bool {
    let token = form.one("form_token").ok().flatten().unwrap_or_default();
    broker.digests().is_form_token(token, login.expose(), &browser.secret)
}

pub(crate) fn other_browser(login: &Handle) -> Refusal {
    Refusal::Code { code: Code::OtherBrowser, reference: login.key().reference() }
}
