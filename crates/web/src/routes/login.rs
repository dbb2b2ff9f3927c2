//! A login's pages: the wallet is asked, the browser comes back, the number is typed.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sekisho_ambient::Handle;
use sekisho_login::{AskScreen, Elsewhere, Logins, Next, Number, OpenLogin, Screen, ServiceFacts};
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::NUMBER_DIGITS;
use sekisho_profile::Code;
use sekisho_site::{Mismatch, Refusal, paths};

use super::authorize::first_page;
use crate::cookies::SESSION;
use crate::extract::{AtLogin, Browser, InPath, OwnForm, PageQuery};
use crate::reply::{Page, Refused};
use crate::{labels, pages};

pub(crate) async fn page(State(logins): State<Logins>, at: AtLogin) -> Response {
    let page = show(&logins, &at).await;
    at.browser.answer(page)
}

async fn show(logins: &Logins, at: &AtLogin) -> Result<Page, Refused> {
    let AtLogin { login, browser } = at;
    let body = match logins.login_screen(login).await? {
        Screen::Ask(ask) => pages::login(&login_view(at, ask)),
        Screen::Number { facts, tries_left, remaining } => {
            pages::number_entry(&number_view(at, &facts, tries_left, remaining, false))
        }
        Screen::Answered { facts } => pages::answered(&pages::AnsweredView {
            lang: browser.lang,
            service: labels::service_card(&facts, browser.lang),
            login_path: paths::login(login.handle().expose()),
            form_token: browser.form_token(login),
        }),
        Screen::Done { facts } => pages::done(&pages::DoneView {
            lang: browser.lang,
            service: labels::service_card(&facts, browser.lang),
            device: false,
        }),
        Screen::DeviceDone { facts } => pages::done(&pages::DoneView {
            lang: browser.lang,
            service: labels::service_card(&facts, browser.lang),
            device: true,
        }),
        Screen::Consent => return Ok(Page::to(paths::consent(login.handle().expose()))),
        Screen::Denied { facts, denied, answer } => {
            let (handle, lang) = (login.handle(), browser.lang);
            // A device that was refused has to begin again by itself.
            let again = answer.is_some().then(|| login.again());
            let way_back = answer.map(|answer| pages::WayBack::from(answer.encode()));
            pages::denied(&labels::denied_view(&facts, &denied, handle, (way_back, again), lang))
        }
        Screen::Over { code, answer } => {
            return Err(Refused::with_way_back(told(login, code), answer).or_again(login.again()));
        }
    };
    Ok(Page::html(body).leading_to(login.return_origin()))
}

fn login_view(at: &AtLogin, ask: AskScreen) -> pages::LoginView {
    let AtLogin { login, browser } = at;
    let expires_at = browser.site.now().plus(ask.remaining);
    let wallets = ask.wallets;
    let remaining_s = if ask.expired { 0 } else { ask.remaining };
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
        cross: ask.other_device.then(|| pages::CrossDevice {
            qr_url: ask.cross_device.unwrap_or_default(),
            expires_at,
            remaining_s,
        }),
        expired: ask.expired,
        refused: ask.refused,
        login_path: paths::login(login.handle().expose()),
        form_token: browser.form_token(login),
        asks: ask.asks.iter().map(|name| labels::asked(name, browser.lang)).collect(),
    }
}

fn number_view(
    at: &AtLogin,
    facts: &ServiceFacts,
    tries_left: u8,
    remaining_s: i64,
    wrong: bool,
) -> pages::NumberEntryView {
    let AtLogin { login, browser } = at;
    pages::NumberEntryView {
        lang: browser.lang,
        service: labels::service_card(facts, browser.lang),
        login_path: paths::login(login.handle().expose()),
        form_token: browser.form_token(login),
        digits: NUMBER_DIGITS,
        tries_left,
        remaining_s,
        wrong,
    }
}

/// A browser that did not begin the login may come here, too: the wallet opens the one that its
/// system prefers.
pub(crate) async fn complete(
    State(logins): State<Logins>,
    at: Result<AtLogin, Response>,
    login: Result<InPath, Response>,
    browser: Browser,
    PageQuery(query): PageQuery,
) -> Response {
    let code = handle(&query, "response_code");
    match (at, login, code) {
        (Ok(at), _, Some(code)) => {
            let completed = logins.complete(&at.login, &at.browser.visitor, &code).await;
            let page = completed.map(|next| go(&at.login, next));
            at.browser.answer(page.map_err(|refusal| again(&at.login, refusal)))
        }
        (Err(_), Ok(InPath(login)), Some(code)) => {
            let elsewhere = logins.answered_elsewhere(&login, &code).await;
            let page = elsewhere.map(|elsewhere| elsewhere_page(&browser, &login, elsewhere));
            browser.answer(page.map_err(Refused::from))
        }
        _ => browser.answer(Err(Refusal::NotFound.into())),
    }
}

/// The page in a browser that did not begin the login.
fn elsewhere_page(browser: &Browser, login: &Handle, elsewhere: Elsewhere) -> Page {
    let reference = login.key().reference();
    browser.site.log_refusal(&reference, Code::OtherBrowser.id(), &Mismatch::default());
    let Elsewhere { facts, device, number } = elsewhere;
    let service = labels::service_card(&facts, browser.lang);
    let status = if number.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let place = device.name();
    let view = pages::ElsewhereView { lang: browser.lang, service, place, number, reference };
    Page::html(pages::elsewhere(&view)).with_status(status)
}

/// A refusal, with the way to begin the login again.
fn again(login: &OpenLogin, refusal: Refusal) -> Refused {
    Refused::from(refusal).or_again(login.again())
}

pub(crate) async fn number(State(logins): State<Logins>, own: OwnForm) -> Response {
    let OwnForm { at, form } = own;
    let page = typed(&logins, &at, &form).await;
    at.browser.answer(page)
}

async fn typed(logins: &Logins, at: &AtLogin, form: &Params) -> Result<Page, Refused> {
    let AtLogin { login, browser } = at;
    let typed = form.one("number").ok().flatten().unwrap_or_default();
    let typed = logins.type_number(login, &browser.visitor, typed).await;
    match typed.map_err(|refusal| again(login, refusal))? {
        Number::Right(next) => Ok(go(login, *next)),
        Number::Wrong { .. } => wrong_number(logins, at).await,
    }
}

/// The page of the number again, with the tries that are left.
async fn wrong_number(logins: &Logins, at: &AtLogin) -> Result<Page, Refused> {
    let login = logins.open(at.login.handle(), &at.browser.visitor).await?;
    match logins.login_screen(&login).await? {
        Screen::Number { facts, tries_left, remaining } => {
            let view = number_view(at, &facts, tries_left, remaining, true);
            let page = Page::html(pages::number_entry(&view)).with_status(StatusCode::BAD_REQUEST);
            Ok(page.leading_to(login.return_origin()))
        }
        _ => Ok(Page::to(paths::login(login.handle().expose()))),
    }
}

pub(crate) async fn cancel(State(logins): State<Logins>, own: OwnForm) -> Response {
    let AtLogin { login, browser } = own.at;
    let cancelled = logins.cancel(&login).await;
    let page = |(answer, over)| match answer {
        Some(answer) => Page::respond(&answer).keeping(over),
        None => Page::to(paths::login(login.handle().expose())).keeping(over),
    };
    browser.answer(cancelled.map(page).map_err(Refused::from))
}

pub(crate) async fn renew(State(logins): State<Logins>, own: OwnForm) -> Response {
    let AtLogin { login, browser } = own.at;
    let renewed = logins.begin_device_again(&login, &browser.visitor).await;
    let page = renewed.map(|begun| match begun {
        Some(begun) => first_page(begun),
        None => Page::to(login.again()),
    });
    browser.answer(page.map_err(Refused::from))
}

/// A wallet on a phone declined. The page needs nothing of the login.
pub(crate) async fn phone_declined(browser: Browser) -> Response {
    let view = pages::MessageView { lang: browser.lang, message: pages::Message::DeclinedOnPhone };
    browser.answer(Ok(Page::html(pages::message(&view))))
}

/// This browser on the phone did not begin the login. Only its response code shows that its wallet
/// has answered.
pub(crate) async fn phone(
    State(logins): State<Logins>,
    login: Result<InPath, Response>,
    browser: Browser,
    PageQuery(query): PageQuery,
) -> Response {
    let shown = match (login, handle(&query, "response_code")) {
        (Ok(InPath(login)), Some(code)) => logins.phone_number(&login, &code).await,
        _ => Err(Refusal::NotFound),
    };
    let page = |(facts, number, remaining_s)| {
        let view = pages::NumberShowView {
            lang: browser.lang,
            service: labels::service_card(&facts, browser.lang),
            number,
            place: None,
            remaining_s,
        };
        Page::html(pages::number_show(&view))
    };
    browser.answer(shown.map(page).map_err(Refused::from))
}

/// Sends a proven browser on, with its new session.
fn go(login: &OpenLogin, next: Next) -> Page {
    let handle = login.handle().expose();
    let (page, session) = match next {
        Next::Again(path) => return Page::to(path),
        Next::Respond { answer, session, over } => (Page::respond(&answer).keeping(over), session),
        Next::Consent { session } => (Page::to(paths::consent(handle)), session),
        Next::Login { session } => (Page::to(paths::login(handle)), session),
    };
    page.setting(SESSION, session)
}

fn handle(params: &Params, name: &str) -> Option<Handle> {
    Handle::parse(params.one(name).ok().flatten()?)
}

fn told(login: &OpenLogin, code: Code) -> Refusal {
    Refusal::code(code, login.handle().key().reference())
}
