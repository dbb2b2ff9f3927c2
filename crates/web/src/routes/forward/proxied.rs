//! What a reverse proxy says about the request that it asks about or passes on.
//!
//! Caddy, Traefik and HAProxy say it by `X-Forwarded-Proto`, `-Host`, `-Uri` and `-Method`; nginx by
//! `X-Original-URL` and `X-Original-Method`. A proxy overwrites its own headers and may let a visitor's
//! other ones through. Invariant: if both are there, they have to say the same, and no header counts
//! that stands twice.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRef as _, FromRequestParts};
use axum::http::request::Parts;
use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION};
use sekisho_broker::forward::{ForwardAuth, Guarded};
use sekisho_oauth::userinfo::{BearerError, bearer};
use sekisho_profile::Code;
use sekisho_site::{Refusal, Site};

use crate::app::App;
use crate::extract::DirectPeer;

/// The path below which a guarded origin leads to us.
const OURS: &str = "/.sekisho/";

/// By which headers the proxy says what it asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `X-Forwarded-…`: the answer reaches the browser as it is.
    Forwarded,
    /// `X-Original-…`: only 200, 401 and 403 are understood.
    Original,
}

/// A request of a visitor, as a proxy describes it.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    origin: String,
    path: String,
    method: String,
    way: Way,
}

/// A request of a proxy.
pub(crate) struct Proxied {
    pub(crate) site: Site,
    pub(crate) headers: HeaderMap,
    peer: Option<IpAddr>,
    described: Option<Described>,
}

impl FromRequestParts<App> for Proxied {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<DirectPeer>().map(|DirectPeer(address)| *address);
        let described = describe(&parts.headers);
        Ok(Self { site: Site::from_ref(app), headers: parts.headers.clone(), peer, described })
    }
}

impl Proxied {
    /// The guarded origin. A request that says nothing clear is about none.
    pub(crate) fn at<'f>(&self, forward: &'f ForwardAuth) -> Result<Guarded<'f>, Refusal> {
        match &self.described {
            Some(described) => forward.at(self.peer, &described.origin),
            None => Err(Refusal::code(Code::NotGuarded, "")),
        }
    }

    pub(crate) fn way(&self) -> Way {
        self.described.as_ref().map_or(Way::Forwarded, |described| described.way)
    }

    /// Path and query of the visitor's request.
    pub(crate) fn path(&self) -> &str {
        self.described.as_ref().map_or("/", |described| described.path.as_str())
    }

    /// Whether the visitor asked for what is below our own path there.
    pub(crate) fn is_about_us(&self) -> bool {
        self.path().starts_with(OURS)
    }

    /// The bearer token of the visitor, if the request has one. Another scheme is the service's own
    /// affair.
    pub(crate) fn bearer(&self) -> Option<Result<&str, BearerError>> {
        let mut values = self.headers.get_all(AUTHORIZATION).iter();
        match (values.next().map(|value| value.to_str()), values.next()) {
            (None, _) => None,
            (Some(_), Some(_)) => Some(Err(BearerError::Several)),
            (Some(Err(_)), None) => Some(Err(BearerError::InvalidToken)),
            (Some(Ok(value)), None) => match bearer(value) {
                Err(BearerError::Missing) => None,
                token => Some(token),
            },
        }
    }

    /// Whether a person opens a page, who can be sent to log in: not a script, a picture or a program,
    /// which could do nothing with our pages.
    pub(crate) fn is_navigation(&self) -> bool {
        let is = |name, wanted: &str| match self.headers.get(name) {
            None => true,
            Some(value) => value.as_bytes() == wanted.as_bytes(),
        };
        let accept = self.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        let method = self.described.as_ref().map_or("", |described| described.method.as_str());
        matches!(method, "GET" | "HEAD")
            && is("sec-fetch-mode", "navigate")
            && is("sec-fetch-dest", "document")
            && !self.headers.contains_key("x-requested-with")
            && accept.is_some_and(|accept| accept.contains("text/html"))
    }

    /// Whether a page of another site caused the request (Fetch Metadata).
    pub(crate) fn is_cross_site(&self) -> bool {
        self.headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"cross-site")
    }
}

/// The one value of a header; `None` if it is absent, an error if it is there twice or unreadable.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn describe(headers: &HeaderMap) -> Option<Described> {
    let forwarded = forwarded(headers).ok()?;
    let original = original(headers).ok()?;
    match (forwarded, original) {
        (Some(forwarded), Some(original)) => {
            let same = forwarded.origin == original.origin
                && forwarded.path == original.path
                && forwarded.method == original.method;
            same.then_some(original)
        }
        (forwarded, original) => forwarded.or(original),
    }
}

fn forwarded(headers: &HeaderMap) -> Result<Option<Described>, ()> {
    let (proto, host) = (one(headers, "x-forwarded-proto")?, one(headers, "x-forwarded-host")?);
    let (path, method) = (one(headers, "x-forwarded-uri")?, one(headers, "x-forwarded-method")?);
    match (proto, host) {
        (Some(proto), Some(host)) => Ok(Some(Described {
            origin: origin(proto, host),
            path: path.unwrap_or("/").to_owned(),
            method: method.unwrap_or("GET").to_owned(),
            way: Way::Forwarded,
        })),
        (None, None) if path.is_none() && method.is_none() => Ok(None),
        // What is said by half is not said.
        _ => Err(()),
    }
}

fn original(headers: &HeaderMap) -> Result<Option<Described>, ()> {
    let method = one(headers, "x-original-method")?.unwrap_or("GET").to_owned();
    let Some(url) = one(headers, "x-original-url")? else { return Ok(None) };
    let (proto, rest) = url.split_once("://").ok_or(())?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).ok_or(())?;
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    Ok(Some(Described { origin: origin(proto, host), path, method, way: Way::Original }))
}

/// Scheme and host as an origin is written: in lower case, without the port that the scheme implies.
/// Traefik says `ws` and `wss` for WebSockets.
fn origin(proto: &str, host: &str) -> String {
    let (proto, host) = (proto.to_ascii_lowercase(), host.to_ascii_lowercase());
    let (proto, port) = match proto.as_str() {
        "https" | "wss" => ("https", ":443"),
        "http" | "ws" => ("http", ":80"),
        other => (other, ""),
    };
    let host = if port.is_empty() { &host } else { host.strip_suffix(port).unwrap_or(&host) };
    format!("{proto}://{host}")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn described(lines: &[(&'static str, &str)]) -> Option<Described> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        describe(&headers)
    }

    const PROTO: (&str, &str) = ("x-forwarded-proto", "https");
    const HOST: (&str, &str) = ("x-forwarded-host", "a.lab.jp");
    const URI: (&str, &str) = ("x-forwarded-uri", "/x?y");
    const METHOD: (&str, &str) = ("x-forwarded-method", "PUT");
    const URL: (&str, &str) = ("x-original-url", "https://a.lab.jp/x?y");

    #[test]
    fn a_proxy_says_what_it_asks_about() {
        let by = |way, method: &str| Described {
            origin: "https://a.lab.jp".to_owned(),
            path: "/x?y".to_owned(),
            method: method.to_owned(),
            way,
        };
        assert_eq!(described(&[PROTO, HOST, URI, METHOD]), Some(by(Way::Forwarded, "PUT")));
        assert_eq!(described(&[URL]), Some(by(Way::Original, "GET")));
        assert_eq!(described(&[URL, PROTO, HOST, URI]), Some(by(Way::Original, "GET")));
        for (proto, host) in [("HTTPS", "A.Lab.JP"), ("https", "a.lab.jp:443"), ("wss", "a.lab.jp")]
        {
            let found = described(&[("x-forwarded-proto", proto), ("x-forwarded-host", host)]);
            assert_eq!(found.unwrap().origin, "https://a.lab.jp");
        }
    }

    #[test]
    fn what_is_said_twice_by_half_or_in_two_ways_is_not_said() {
        for lines in [
            &[][..],
            &[PROTO],
            &[HOST],
            &[URI],
            &[METHOD, URL],
            &[PROTO, HOST, HOST],
            &[PROTO, HOST, ("x-forwarded-host", "b.lab.jp")],
            &[URL, URL],
            &[("x-original-url", "/x")],
            &[URL, PROTO, ("x-forwarded-host", "b.lab.jp"), URI],
            &[URL, PROTO, HOST, ("x-forwarded-uri", "/")],
            &[URL, PROTO, HOST, URI, METHOD],
        ] {
            assert_eq!(described(lines), None, "{lines:?}");
        }
    }
}
