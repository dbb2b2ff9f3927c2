//! Turns outcomes into HTTP: the one place where a page, a refusal or a failure becomes a response.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode};
use sekisho_ambient::Handle;
use sekisho_login::LoginCookie;
use sekisho_oauth::authorization::{AuthorizationResponse, Encoded};
use sekisho_oauth::redirect_uri;
use sekisho_oauth::token::TokenError;
use sekisho_profile::{Code, lifetimes};
use sekisho_site::{Mismatch, Refusal, Site};
use serde_json::Value;

use crate::extract::Browser;
use crate::headers::{page_policy, post_policy};
use crate::{cookies, pages};

/// How long the chosen language is kept, in seconds: one year.
const LANGUAGE_LIFETIME: i64 = 31_536_000;

/// What a browser gets: HTML or a redirect, and perhaps cookies.
pub(crate) struct Page {
    what: What,
    cookies: Vec<Cookie>,
}

enum What {
    /// HTML with its status. `form_target` is for the page's content security policy.
    Html { status: StatusCode, body: String, form_target: Option<String> },
    /// A page with a form that the browser posts to the relying party.
    Post(pages::WayBack),
    /// A redirect to this URL.
    To(String),
}

/// A cookie that is set or deleted together with a page.
enum Cookie {
    Set(&'static str, Handle),
    Login(LoginCookie),
    Forget(String),
}

impl Page {
    /// A page whose forms lead only to our own pages.
    pub(crate) fn html(body: String) -> Self {
        let what = What::Html { status: StatusCode::OK, body, form_target: None };
        Self { what, cookies: Vec::new() }
    }

    /// The same page with another status.
    pub(crate) fn with_status(mut self, wanted: StatusCode) -> Self {
        if let What::Html { status, .. } = &mut self.what {
            *status = wanted;
        }
        self
    }

    /// The same page, whose form may end in a redirect to this origin.
    pub(crate) fn leading_to(mut self, origin: Option<String>) -> Self {
        if let What::Html { form_target, .. } = &mut self.what {
            *form_target = origin;
        }
        self
    }

    /// A redirect to a path of ours or to a URL.
    pub(crate) fn to(url: impl Into<String>) -> Self {
        Self { what: What::To(url.into()), cookies: Vec::new() }
    }

    /// The answer to a relying party, sent in the way that its mode says.
    pub(crate) fn respond(answer: &AuthorizationResponse) -> Self {
        let what = match answer.encode() {
            Encoded::Redirect(url) => What::To(url),
            Encoded::Form { to, fields } => What::Post(pages::WayBack { url: to, fields }),
        };
        Self { what, cookies: Vec::new() }
    }

    /// The same, and sets a cookie that expires with its handle.
    pub(crate) fn setting(self, name: &'static str, handle: Handle) -> Self {
        self.with(Cookie::Set(name, handle))
    }

    /// The same, and sets the cookie of a login.
    pub(crate) fn keeping(self, login: LoginCookie) -> Self {
        self.with(Cookie::Login(login))
    }

    /// The same, and deletes a cookie.
    pub(crate) fn forgetting(self, name: impl Into<String>) -> Self {
        self.with(Cookie::Forget(name.into()))
    }

    fn with(mut self, cookie: Cookie) -> Self {
        self.cookies.push(cookie);
        self
    }
}

/// Why a browser does not get the page that it asked for.
pub(crate) struct Refused {
    refusal: Refusal,
    back: Option<AuthorizationResponse>,
    again: Option<String>,
    /// After how many seconds to try again.
    after: Option<i64>,
    logging_out: bool,
}

impl Refused {
    /// A refusal with an answer that leads back to the relying party, if there is one.
    pub(crate) fn with_way_back(refusal: Refusal, back: Option<AuthorizationResponse>) -> Self {
        Self { back, ..Self::from(refusal) }
    }

    /// A refusal of a request to log out.
    pub(crate) fn log_out(refusal: Refusal) -> Self {
        Self { logging_out: true, ..Self::from(refusal) }
    }

    /// The same, with the path that begins the login again.
    pub(crate) fn or_again(self, path: String) -> Self {
        Self { again: Some(path), ..self }
    }

    /// The same, with the seconds after which to try again (`Retry-After`).
    pub(crate) fn after(self, seconds: i64) -> Self {
        Self { after: Some(seconds), ..self }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, back: None, again: None, after: None, logging_out: false }
    }
}

impl Browser {
    /// Makes the response of a page or of its refusal.
    pub(crate) fn answer(&self, result: Result<Page, Refused>) -> Response {
        let Page { what, cookies } = match result {
            Ok(page) => page,
            Err(refused) => return self.refuse(refused),
        };
        let mut response = match what {
            What::To(url) => see_other(&url),
            What::Post(way) => {
                let policy = post_policy(redirect_uri::form_action(&way.url).as_deref());
                self.html(StatusCode::OK, pages::form_post(&way, self.lang), &policy)
            }
            What::Html { status, body, form_target } => {
                self.html(status, body, &page_policy(form_target.as_deref()))
            }
        };
        let (headers, origin) = (response.headers_mut(), self.site.origin());
        for cookie in cookies {
            match cookie {
                Cookie::Set(name, handle) => {
                    cookies::set_handle(headers, origin, name, &handle, self.site.now());
                }
                Cookie::Login(login) => {
                    let name = cookies::login_name(&login.name);
                    let value = login.value.expose();
                    cookies::set(headers, origin, &name, value, lifetimes::LOGIN);
                }
                Cookie::Forget(name) => cookies::set(headers, origin, &name, "", 0),
            }
        }
        response
    }

    fn refuse(&self, refused: Refused) -> Response {
        let Refused { refusal, back, again, after, logging_out } = refused;
        let code = refusal.told();
        let reference = match refusal.reference() {
            "" => self.site.fresh_reference(),
            reference => reference.to_owned(),
        };
        log_page(&self.site, &refusal, &reference);
        let status = match refusal {
            Refusal::NotFound => StatusCode::NOT_FOUND,
            _ => status_of(code),
        };
        let way_back = back.map(|back| pages::WayBack::from(back.encode()));
        let target = way_back.as_ref().and_then(|way| redirect_uri::form_action(&way.url));
        let view = pages::ErrorView {
            lang: self.lang,
            code,
            reference,
            time: self.site.now(),
            status: status.as_u16(),
            again,
            way_back,
            logging_out,
        };
        let policy = page_policy(target.as_deref());
        let mut response = self.html(status, pages::error(&view), &policy);
        if let Some(seconds) = after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn html(&self, status: StatusCode, body: String, policy: &str) -> Response {
        let body = pages::signed_by(self.operator.as_deref(), body, self.lang);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(policy) = HeaderValue::from_str(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        if self.chosen {
            let (origin, tag) = (self.site.origin(), self.lang.tag());
            cookies::set(&mut headers, origin, cookies::LANGUAGE, tag, LANGUAGE_LIFETIME);
        }
        (status, headers, body).into_response()
    }
}

/// A 303 redirect: the browser follows it with GET and without a body (GEN-9).
pub(crate) fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A JSON answer with this status.
pub(crate) fn json(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}

/// The error of an endpoint at which clients authenticate. Its description names the reference.
pub(crate) fn token_error(error: &TokenError, reference: &str) -> Response {
    let mut body = error.body();
    let told = error.description();
    let told = format!("{} (reference {reference})", told.as_str());
    if let Some(description) = body.get_mut("error_description") {
        *description = told.into();
    }
    let mut response = json(error.status(), &body);
    if let Some(challenge) = error.www_authenticate() {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// The answer to a program when a use-case failed: 404 if it was not found, otherwise 503. It has
/// no body.
pub(crate) fn bare(refusal: &Refusal) -> Response {
    log(refusal);
    match refusal {
        Refusal::NotFound => StatusCode::NOT_FOUND.into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The HTTP status that belongs to a code.
fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Logs why a page is an error, with the reference that the page shows.
fn log_page(site: &Site, refusal: &Refusal, reference: &str) {
    let unknown = Mismatch::default();
    let facts = match refusal {
        Refusal::Client { facts, .. } => facts,
        _ => &unknown,
    };
    match refusal {
        Refusal::Code { .. } | Refusal::Client { .. } | Refusal::NotFound => {
            site.log_refusal(reference, refusal.told().id(), facts);
        }
        _ => log_failure(refusal, Some(reference)),
    }
}

/// Logs a failure of ours. Refusals by the rules are not logged here.
pub(crate) fn log(refusal: &Refusal) {
    log_failure(refusal, None);
}

fn log_failure(refusal: &Refusal, reference: Option<&str>) {
    match refusal {
        Refusal::Code { .. } | Refusal::Client { .. } | Refusal::NotFound => {}
        Refusal::Store(error) => tracing::error!(reference, %error, "the store did not answer"),
        Refusal::Person(error) => tracing::error!(reference, %error, "sealed claims do not open"),
        Refusal::NoKey => tracing::error!(reference, "a key that must be there is not"),
    }
}
