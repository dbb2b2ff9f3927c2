//! Typed extractors: what comes from outside is parsed here, once.

use std::convert::Infallible;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sekisho_ambient::Handle;
use sekisho_broker::Broker;
use sekisho_broker::login::{Refusal, Visitor};
use sekisho_oauth::params::Params;

use crate::cookies;
use crate::pages::{Lang, choose_language, from_ui_locales};
use crate::reply::refusal_page;

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

/// The parameters of a form body.
pub(crate) struct Form(pub(crate) Params);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let form = "application/x-www-form-urlencoded";
        let is_form = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(form))
            });
        if !is_form {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let body =
            String::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Params::parse(&body).map(Self).map_err(|_| StatusCode::BAD_REQUEST.into_response())
    }
}

/// The query of a page: what cannot be read has no parameters, and gets the page that says so.
pub(crate) struct PageQuery(pub(crate) Params);

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::from_request_parts(parts, state).await;
        Ok(Self(query.map(|Query(params)| params).unwrap_or_default()))
    }
}

/// The form of a page: the same.
pub(crate) struct PageForm(pub(crate) Params);

impl<S: Send + Sync> FromRequest<S> for PageForm {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let form = Form::from_request(request, state).await;
        Ok(Self(form.map(|Form(params)| params).unwrap_or_default()))
    }
}

/// A handle in the path. What is none names nothing.
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

/// The browser: its cookies and its language.
pub(crate) struct Browser {
    /// The cookies.
    pub(crate) visitor: Visitor,
    /// The text of the browser cookie, to which form tokens are bound.
    pub(crate) secret: String,
    /// The language of the page.
    pub(crate) lang: Lang,
    /// Whether the language was chosen just now.
    pub(crate) chosen: bool,
    /// Whether the person chose it, now or before.
    own_choice: bool,
}

/// A login that the path names, and the browser that asks for it, spoken to in the language that the
/// login's service wished for, unless the person chose one.
pub(crate) struct AtLogin {
    /// The login.
    pub(crate) login: Handle,
    /// The browser.
    pub(crate) browser: Browser,
}

impl FromRequestParts<Broker> for AtLogin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let mut browser = Browser::from_request_parts(parts, broker).await?;
        let Ok(InPath(login)) = InPath::from_request_parts(parts, broker).await else {
            return Err(refusal_page(broker, &browser, &Refusal::NotFound, None));
        };
        if !browser.own_choice {
            let wished = broker.ui_locales(&login, &browser.visitor).await;
            browser.lang = from_ui_locales(&wished).unwrap_or(browser.lang);
        }
        Ok(Self { login, browser })
    }
}

impl FromRequestParts<Broker> for Browser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let origin = &broker.config().origin;
        let cookie = |name| cookies::read(&parts.headers, origin, name);
        let secret = cookie(cookies::BROWSER).unwrap_or_default();
        let visitor = Visitor {
            browser: Handle::parse(&secret),
            session: cookie(cookies::SESSION).and_then(|text| Handle::parse(&text)),
        };
        let query = Params::parse(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let asked = query.one("lang").ok().flatten().map(str::to_owned);
        let chosen = asked.is_some();
        let wanted = asked.or_else(|| cookie(cookies::LANGUAGE));
        let own_choice = wanted.is_some();
        let locales = query.one("ui_locales").ok().flatten();
        let accept = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let lang = choose_language(wanted.as_deref(), locales, accept);
        Ok(Self { visitor, secret, lang, chosen, own_choice })
    }
}

/// The `Authorization` header; two of them are as bad as none.
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
