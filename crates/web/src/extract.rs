//! Typed extractors. Each parses one part of a request, so that handlers get typed values.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use sekisho_ambient::Handle;
use sekisho_broker::config::Operator;
use sekisho_login::{Device, Logins, OpenLogin, Visitor};
use sekisho_oauth::params::Params;
use sekisho_oauth::token::{GrantType, TokenError};
use sekisho_profile::{Code, lifetimes};
use sekisho_registry::{ClientEvidence, Registry, TokenFailure};
use sekisho_site::paths::DEVICE;
use sekisho_site::{Mismatch, Refusal, Site};

use crate::app::App;
use crate::cookies;
use crate::pages::{Lang, choose_language, from_ui_locales};
use crate::reply::{Refused, json, token_error};

/// The parameters of the query.
pub(crate) struct Query(pub(crate) Params);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Params::parse(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|_| StatusCode::BAD_REQUEST.into_response())
    }
}

/// Whether the body has this media type. Type and subtype are compared without regard to case, and
/// parameters such as `charset` do not matter (RFC 9110, section 8.3.1).
pub(crate) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = value.split(';').next().unwrap_or_default();
    found.trim().eq_ignore_ascii_case(media_type)
}

/// The parameters of a form body.
pub(crate) struct Form(pub(crate) Params);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_of_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let body =
            String::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Params::parse(&body).map(Self).map_err(|_| StatusCode::BAD_REQUEST.into_response())
    }
}

/// The query of a page. A query that cannot be read counts as empty, so that the person gets a page
/// that explains the error.
pub(crate) struct PageQuery(pub(crate) Params);

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::from_request_parts(parts, state).await;
        Ok(Self(query.map(|Query(params)| params).unwrap_or_default()))
    }
}

/// The form of a page. A form that cannot be read counts as empty, as in `PageQuery`.
pub(crate) struct PageForm(pub(crate) Params);

impl<S: Send + Sync> FromRequest<S> for PageForm {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let form = Form::from_request(request, state).await;
        Ok(Self(form.map(|Form(params)| params).unwrap_or_default()))
    }
}

/// The sealed link of a presentation request in the path.
pub(crate) struct LinkInPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for LinkInPath {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let link = Path::<String>::from_request_parts(parts, state).await;
        link.map(|Path(link)| Self(link)).map_err(IntoResponse::into_response)
    }
}

/// A handle in the path. A text that is not a handle is answered with 404.
pub(crate) struct InPath(pub(crate) Handle);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Handle::parse(&text).map(Self).ok_or_else(|| StatusCode::NOT_FOUND.into_response())
    }
}

/// The address that a connection comes from, as an extension of its requests. A server behind a
/// proxy does not set it, because it does not know it.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub std::net::IpAddr);

/// The address at the other end of the connection itself, be it a proxy or not, as an extension of its
/// requests.
#[derive(Clone, Copy, Debug)]
pub struct DirectPeer(pub std::net::IpAddr);

/// The browser that sent the request: its cookies and its language.
pub(crate) struct Browser {
    /// The handles in the cookies.
    pub(crate) visitor: Visitor,
    /// The language of the page that it gets.
    pub(crate) lang: Lang,
    /// Whether this request chooses the language.
    pub(crate) chosen: bool,
    /// Whether the person chose the language, in this request or before.
    own_choice: bool,
    pub(crate) site: Site,
    /// The operator of this broker, whom every page names.
    pub(crate) operator: Option<Arc<Operator>>,
    /// The cookie of the page on which a device's code is typed.
    device_page: Option<Handle>,
}

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let site = Site::from_ref(app);
        let cookie = |name| cookies::read(&parts.headers, site.origin(), name, Handle::parse);
        let visitor = Visitor {
            logins: cookies::logins(&parts.headers, site.origin()),
            session: cookie(cookies::SESSION),
            ..stranger(parts)
        };
        let now = site.now();
        let device_page = cookie(cookies::DEVICE).filter(|page| page.key().expires() > now);
        let query = Params::parse(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let asked = query.one("lang").ok().flatten().map(str::to_owned);
        let chosen = asked.is_some();
        let language = |text: &str| from_ui_locales(text).map(|_| text.to_owned());
        let wanted = asked
            .or_else(|| cookies::read(&parts.headers, site.origin(), cookies::LANGUAGE, language));
        let own_choice = wanted.is_some();
        let locales = query.one("ui_locales").ok().flatten();
        let accept = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let lang = choose_language(wanted.as_deref(), locales, accept);
        let operator = app.0.operator();
        Ok(Self { visitor, lang, chosen, own_choice, site, operator, device_page })
    }
}

impl Browser {
    /// The token that the forms of this login carry.
    pub(crate) fn form_token(&self, login: &OpenLogin) -> String {
        self.site.digests().form_token(login.handle().expose(), login.secret())
    }

    /// The text of the session's cookie, to which the form of the log-out question is bound.
    fn session(&self) -> &str {
        self.visitor.session.as_ref().map(Handle::expose).unwrap_or_default()
    }

    /// The cookie of the page on which a device's code is typed, and the token of its form: those of
    /// before, or new ones.
    pub(crate) fn device_page(&self) -> (Handle, String) {
        let ends = self.site.now().plus(lifetimes::LOGIN);
        let page = self.device_page.clone();
        let page = page.unwrap_or_else(|| Handle::new(ends, self.site.entropy()));
        let token = self.site.digests().form_token(DEVICE_FORM, page.expose());
        (page, token)
    }

    /// The token that the form of the log-out question carries.
    pub(crate) fn logout_token(&self) -> String {
        self.site.digests().form_token(LOGOUT_FORM, self.session())
    }
}

/// Where a request comes from, without its cookies: the address and what the program calls itself.
fn stranger(parts: &Parts) -> Visitor {
    let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    Visitor {
        device: agent.map(Device::from_user_agent).unwrap_or_default(),
        address: parts.extensions.get::<PeerAddress>().map(|PeerAddress(address)| *address),
        ..Visitor::default()
    }
}

/// What the token of the form for a device's code is bound to, besides its cookie.
const DEVICE_FORM: &str = "device";
/// What the token of the log-out form is bound to, besides the session.
const LOGOUT_FORM: &str = "logout";

/// The login that the path names, loaded once, and the browser that began it. The language is the
/// one that the person chose, or else the one that the login's service asked for.
pub(crate) struct AtLogin {
    /// The login that the path names.
    pub(crate) login: OpenLogin,
    /// The browser that began the login.
    pub(crate) browser: Browser,
}

impl FromRequestParts<App> for AtLogin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Ok(mut browser) = Browser::from_request_parts(parts, app).await;
        let Ok(InPath(handle)) = InPath::from_request_parts(parts, app).await else {
            return Err(browser.answer(Err(Refusal::NotFound.into())));
        };
        let opened = Logins::from_ref(app).open(&handle, &browser.visitor).await;
        let login = opened.map_err(|refusal| browser.answer(Err(refusal.into())))?;
        if !browser.own_choice {
            browser.lang = from_ui_locales(&login.ui_locales()).unwrap_or(browser.lang);
        }
        Ok(Self { login, browser })
    }
}

/// A form that this browser posted from our own page of this login. Only this extractor makes it,
/// so a form of another site never reaches a handler that takes it.
pub(crate) struct OwnForm {
    /// The login and the browser that began it.
    pub(crate) at: AtLogin,
    /// The parameters of the form.
    pub(crate) form: Params,
}

impl FromRequest<App> for OwnForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let at = AtLogin::from_request_parts(&mut parts, app).await?;
        let Ok(PageForm(form)) =
            PageForm::from_request(Request::from_parts(parts, body), app).await;
        let (handle, browser) = (at.login.handle(), &at.browser);
        let digests = browser.site.digests();
        if !digests.is_form_token(form_token(&form), handle.expose(), at.login.secret()) {
            let refusal = Refusal::code(Code::OtherBrowser, handle.key().reference());
            return Err(browser.answer(Err(refusal.into())));
        }
        Ok(Self { at, form })
    }
}

/// A form that this browser posted from our own log-out question. It is bound to the session.
pub(crate) struct OwnLogoutForm {
    /// The browser that posted the form.
    pub(crate) browser: Browser,
    /// The parameters of the query.
    pub(crate) query: Params,
    /// The parameters of the form.
    pub(crate) form: Params,
}

impl FromRequest<App> for OwnLogoutForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(browser) = Browser::from_request_parts(&mut parts, app).await;
        let Ok(PageQuery(query)) = PageQuery::from_request_parts(&mut parts, app).await;
        let Ok(PageForm(form)) =
            PageForm::from_request(Request::from_parts(parts, body), app).await;
        let digests = browser.site.digests();
        if !digests.is_form_token(form_token(&form), LOGOUT_FORM, browser.session()) {
            let refusal = Refusal::code(Code::OtherBrowser, "");
            return Err(browser.answer(Err(Refused::log_out(refusal))));
        }
        Ok(Self { browser, query, form })
    }
}

/// A form that this browser posted from our own page for a device's code. It is bound to a cookie of that
/// page, so that no other site can type a code in the person's place.
pub(crate) struct OwnDeviceForm {
    /// The browser that posted the form.
    pub(crate) browser: Browser,
    /// The parameters of the form.
    pub(crate) form: Params,
}

impl FromRequest<App> for OwnDeviceForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(browser) = Browser::from_request_parts(&mut parts, app).await;
        let Ok(PageForm(form)) =
            PageForm::from_request(Request::from_parts(parts, body), app).await;
        let digests = browser.site.digests();
        let page = browser.device_page.as_ref();
        let is_own = page.is_some_and(|page| {
            digests.is_form_token(form_token(&form), DEVICE_FORM, page.expose())
        });
        if !is_own {
            let refusal = Refused::from(Refusal::code(Code::OtherBrowser, ""));
            return Err(browser.answer(Err(refusal.or_again(DEVICE.to_owned()))));
        }
        Ok(Self { browser, form })
    }
}

fn form_token(form: &Params) -> &str {
    form.one("form_token").ok().flatten().unwrap_or_default()
}

/// The `Authorization` header, if there is one. Two such headers are refused, like one that cannot
/// be read.
pub(crate) struct Authorization(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for Authorization {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let first = values.next().map(|value| value.to_str().map(str::to_owned));
        match (first, values.next()) {
            (None, _) => Ok(Self(None)),
            (Some(Ok(value)), None) => Ok(Self(Some(value))),
            _ => Err(StatusCode::BAD_REQUEST.into_response()),
        }
    }
}

/// The parts of a request by which a client authenticates. Errors are answered as JSON, and leave a
/// line in the log with the reference that the answer names.
pub(crate) struct ClientRequest {
    authorization: Option<String>,
    form: Params,
    /// Where the request comes from.
    pub(crate) from: Visitor,
    site: Site,
    registry: Registry,
}

impl ClientRequest {
    /// Whether the request redeems an offer, which wallets do (OpenID4VCI 1.0, section 6.1).
    pub(crate) fn is_of_wallet(&self) -> bool {
        self.form.one("grant_type").ok().flatten() == Some(GrantType::PreAuthorizedCode.name())
    }

    /// The evidence by which a client authenticates at the endpoint of this path.
    pub(crate) fn evidence<'a>(&'a self, endpoint: &'a str) -> ClientEvidence<'a> {
        ClientEvidence { endpoint, authorization: self.authorization.as_deref(), form: &self.form }
    }

    /// The answer to a request that failed, with its line in the log.
    pub(crate) async fn refuse(&self, failure: TokenFailure) -> Response {
        let (site, reference) = (&self.site, self.site.fresh_reference());
        let error = match failure {
            // Devices poll, so this is no fault.
            TokenFailure::Token(error) if error.goes_on_waiting() => {
                return json(error.status(), &error.body());
            }
            TokenFailure::Token(error) => {
                let facts = self.registry.mismatch(&self.evidence(""), &error).await;
                site.log_refusal(&reference, &error.to_string(), &facts);
                error
            }
            TokenFailure::Store(error) => {
                tracing::error!(reference, %error, "the store did not answer a client's request");
                TokenError::TemporarilyUnavailable
            }
            TokenFailure::Broker(error) => {
                tracing::error!(reference, %error, "a client's request failed");
                TokenError::ServerError
            }
        };
        token_error(&error, &reference)
    }
}

impl FromRequest<App> for ClientRequest {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (site, registry) = (Site::from_ref(app), Registry::from_ref(app));
        let unreadable = |unread: Response| {
            let (error, reference) = (TokenError::Unreadable, site.fresh_reference());
            site.log_refusal(&reference, &error.to_string(), &Mismatch::default());
            let mut response = token_error(&error, &reference);
            *response.status_mut() = unread.status();
            response
        };
        let (mut parts, body) = request.into_parts();
        let from = stranger(&parts);
        let authorization = Authorization::from_request_parts(&mut parts, app).await;
        let Authorization(authorization) = authorization.map_err(unreadable)?;
        let form = Form::from_request(Request::from_parts(parts, body), app).await;
        let Form(form) = form.map_err(unreadable)?;
        Ok(Self { authorization, form, from, site, registry })
    }
}
