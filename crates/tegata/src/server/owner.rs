//! Lets only the wallet's owner in, and only by a page that the owner opens.
//!
//! Any user of this machine can connect to loopback, and any web page can make a browser on this
//! machine send requests there. So every request is checked, in this order, before a route runs:
//!
//! 1. It names this machine. So a foreign name that points to 127.0.0.1 (DNS rebinding) reaches
//!    nothing.
//! 2. The socket at its other end is the owner's, where the system tells. See [`super::peer`].
//! 3. It opens a page, or sends a form of a page of ours. What a page loads (images, frames, scripts,
//!    prefetching) is refused by the headers with which browsers say so (Fetch Metadata).
//! 4. It has the secret. The link that the program prints has it, and opening that link turns it
//!    into a cookie.
//!
//! The cookie is `SameSite=Lax`, because links of issuers and verifiers come from other sites. A form
//! needs the `Strict` cookie of its question besides (see [`super::questions`]).
//!
//! Cookies know no ports: a server of another user at the same address gets this cookie if the
//! owner's browser opens a page there. It is of no use to that user where the second check works.
//!
//! Invariant: only the digest of the secret is kept.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use sekisho_ambient::{Entropy, Secret, Words, constant_time_eq, sha256};

use super::State;
use super::pages::{self, Message};
use super::peer::{Ends, Peer};
use super::routes::{frame, without};
use crate::fetch::is_loopback;
use crate::text;

/// The parameter of the link that the program prints.
const PARAMETER: &str = "token";

/// The secret that opens the wallet's page. It is new whenever the page is served.
#[derive(Clone)]
pub struct Opener(Secret<String>);

impl Opener {
    /// Draws a secret of 256 bits.
    pub fn draw(entropy: &Entropy) -> Self {
        Self(entropy.token())
    }

    /// The link that opens the page at `address`, which may have a path and a query.
    pub fn link(&self, address: &str) -> String {
        let separator = if address.contains('?') { '&' } else { '?' };
        let slash = if address.matches('/').count() > 2 { "" } else { "/" };
        format!("{address}{slash}{separator}{PARAMETER}={}", self.0.expose())
    }

    /// What the page keeps of the secret.
    pub(super) fn digest(&self) -> Digest {
        Digest(sha256(self.0.expose().as_bytes()))
    }
}

/// The digest of the secret.
pub(super) struct Digest([u8; 32]);

impl Digest {
    fn is_of(&self, secret: &str) -> bool {
        constant_time_eq(&self.0, &sha256(secret.as_bytes()))
    }
}

/// Why a request gets no further.
enum Turned {
    /// It does not name this machine.
    Misdirected,
    /// It comes from another user of this machine.
    AnotherUser,
    /// A page of another origin sent it, or loads it as a part of itself.
    Embedded,
    /// It does not have the secret.
    Closed,
    /// It has the secret in its link, and goes on without it. The text is the new cookie.
    Opened(String),
}

/// Runs the route if the request passes every check, and sets the headers of every answer.
pub(super) async fn only_the_owner(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let ends = request.extensions().get::<ConnectInfo<Ends>>().map(|ConnectInfo(ends)| *ends);
    let peer = match ends {
        Some(ends) => ends.peer().await,
        None => Peer::Unknown,
    };
    let admitted = admit(&state, &request, peer);
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(turned) => turned.answer(&state, &request),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    response
}

fn admit(state: &State, request: &Request, peer: Peer) -> Result<(), Turned> {
    let (headers, uri) = (request.headers(), request.uri());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let ours = host.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    let ours = ours.filter(is_loopback).ok_or(Turned::Misdirected)?;
    if peer == Peer::Another {
        return Err(Turned::AnotherUser);
    }
    if uri.path() == pages::STYLE {
        return if same_origin(headers) { Ok(()) } else { Err(Turned::Embedded) };
    }
    let opens = match *request.method() {
        Method::POST => same_origin(headers),
        _ => is_navigation(headers),
    };
    if !opens {
        return Err(Turned::Embedded);
    }
    let cookie = format!("tegata-{}", ours.port_or_known_default().unwrap_or_default());
    let given = parameter(uri).filter(|_| request.method() != Method::POST);
    if let Some(secret) = given.filter(|secret| state.opens.is_of(secret)) {
        return Err(Turned::Opened(format!("{cookie}={secret}; Path=/; HttpOnly; SameSite=Lax")));
    }
    let has_it = cookies(headers, &cookie).any(|secret| state.opens.is_of(secret));
    if has_it { Ok(()) } else { Err(Turned::Closed) }
}

impl Turned {
    fn answer(self, state: &State, request: &Request) -> Response {
        let refused = |title: Words, sentences: &[Words]| {
            let mut frame = frame(state, request.uri(), request.headers());
            if request.method() == Method::POST {
                frame.other.clear();
            }
            let page = Message::failed(frame, title, sentences);
            pages::render(StatusCode::FORBIDDEN, &page)
        };
        match self {
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST.into_response(),
            Self::AnotherUser => refused(text::ERROR_TITLE, &[text::ANOTHER_USER]),
            Self::Embedded => refused(text::ERROR_TITLE, &[text::EMBEDDED]),
            Self::Closed => refused(text::OPEN_TITLE, &[text::OPEN_LEAD, text::OPEN_THEN]),
            Self::Opened(cookie) => {
                let mut response = Redirect::to(&without(request.uri(), PARAMETER)).into_response();
                if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                    response.headers_mut().insert(header::SET_COOKIE, cookie);
                }
                response
            }
        }
    }
}

fn parameter(uri: &Uri) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(name, _)| name == PARAMETER).map(|(_, value)| value.into_owned())
}

/// The values of all cookies with this name. Other servers of this machine may have set one too, and
/// others with any bytes, so each pair is read by itself.
pub(super) fn cookies<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
    pairs.filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether the browser opens a page by this request, as far as it says so. A request that says
/// nothing comes from an old browser or from no browser, and needs the secret all the same.
fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name, value| text_of(headers, name).is_none_or(|found| found == value);
    is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && !headers.contains_key("sec-purpose")
        && !headers.contains_key("purpose")
}

/// Whether the request comes from a page of this origin, as far as the browser says where it comes
/// from.
pub(super) fn same_origin(headers: &HeaderMap) -> bool {
    let site = text_of(headers, "sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = text_of(headers, "origin").is_none_or(|origin| {
        let host = text_of(headers, "host").unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, authority)| authority == host)
    });
    site && origin
}

/// Whether a page of another origin led here.
pub(super) fn is_led_from_elsewhere(headers: &HeaderMap) -> bool {
    text_of(headers, "sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site))
}

/// `form-action` names only schemes: Chromium applies it to the redirects after a POST too, and
/// those lead to the verifier and on to the service where the login began.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn only_opening_a_page_is_a_navigation() {
        let is = |mode, dest| {
            is_navigation(&headers(&[("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]))
        };
        assert!(is("navigate", "document") && is_navigation(&HeaderMap::new()));
        for (mode, dest) in [
            ("no-cors", "image"),
            ("no-cors", "script"),
            ("cors", "empty"),
            ("navigate", "iframe"),
            ("navigate", "object"),
            ("websocket", "websocket"),
            ("no-cors", "document"),
        ] {
            assert!(!is(mode, dest), "{mode} {dest}");
        }
        assert!(!is_navigation(&headers(&[("sec-purpose", "prefetch;prerender")])));
    }

    #[test]
    fn a_link_has_the_secret_wherever_it_leads() {
        let opener = Opener::draw(&Entropy::seeded(1));
        let secret = opener.0.expose();
        let link = |address: &str| opener.link(address);
        assert_eq!(link("http://127.0.0.1:1"), format!("http://127.0.0.1:1/?token={secret}"));
        assert_eq!(
            link("http://127.0.0.1:1/accept?a=b"),
            format!("http://127.0.0.1:1/accept?a=b&token={secret}")
        );
        assert!(opener.digest().is_of(secret) && !opener.digest().is_of("guess"));
        assert!(!opener.digest().is_of(""));
    }

    #[test]
    fn a_cookie_is_found_among_those_of_others() {
        let mut headers = HeaderMap::new();
        for line in ["a=1; tegata-1=x; b", "名=前; tegata-1=y;tegata-2=z"] {
            headers.append("cookie", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let broken = b"\xff\xfe=1; tegata-1=w";
        headers.append("cookie", HeaderValue::from_bytes(broken).unwrap());
        assert_eq!(cookies(&headers, "tegata-1").collect::<Vec<_>>(), ["x", "y", "w"]);
        assert_eq!(cookies(&headers, "tegata").count(), 0);
    }
}
