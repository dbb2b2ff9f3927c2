//! Redirect URIs: which may be registered, and which of a request is one of them (RFC 6749, 3.1.2;
//! RFC 9700, 2.1 and 4.1; RFC 8252, 7).
//!
//! Invariant: a request's URI is compared as a string; nothing is decoded or normalised. The one
//! exception is the port of a loopback address, for native clients (RFC 8252, 7.3), and there too
//! all else is compared as a string. What is registered is in normal form, without fragment, user
//! information or parameters of an answer.

use thiserror::Error;
use url::{Host, Url};

use crate::client::ApplicationType;

/// Parameters of an authorization answer; a registered query must not be able to forge them.
const ANSWER_PARAMETERS: [&str; 7] =
    ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

/// How a loopback URI of a native client begins.
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// The longest URI that is registered, in bytes.
const MAX_LENGTH: usize = 2000;

/// Why a redirect URI may not be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RedirectUriError {
    /// Not an absolute URI of ASCII characters that may stand in one.
    #[error("not an absolute URI")]
    Malformed,
    /// Another spelling than the normal one, which browsers would follow instead.
    #[error("not in normal form, which would be {0}")]
    NotNormal(String),
    /// `#…`.
    #[error("has a fragment")]
    Fragment,
    /// `user@` or `user:password@`.
    #[error("has user information")]
    UserInformation,
    /// The query has a parameter of an authorization answer.
    #[error("its query has the parameter {0}")]
    AnswerParameter(String),
    /// http to something else than a loopback host.
    #[error("http is allowed to localhost, 127.0.0.1 and [::1] only")]
    PlainHttp,
    /// Neither https nor a loopback URI; native clients may have a private scheme too.
    #[error("scheme {0} is not allowed for this kind of client")]
    Scheme(String),
}

/// Checks that `uri` may be registered for a client of this kind.
pub fn check_registration(uri: &str, kind: ApplicationType) -> Result<(), RedirectUriError> {
    let graphic = uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if uri.len() > MAX_LENGTH || !graphic {
        return Err(RedirectUriError::Malformed);
    }
    let url = Url::parse(uri).map_err(|_| RedirectUriError::Malformed)?;
    if url.fragment().is_some() {
        return Err(RedirectUriError::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() || authority(uri).contains('@') {
        return Err(RedirectUriError::UserInformation);
    }
    check_scheme(&url, kind)?;
    if !is_normal(uri, &url) {
        return Err(RedirectUriError::NotNormal(url.to_string()));
    }
    match url.query_pairs().find(|(name, _)| ANSWER_PARAMETERS.contains(&name.as_ref())) {
        Some((name, _)) => Err(RedirectUriError::AnswerParameter(name.into_owned())),
        None => Ok(()),
    }
}

/// What stands between `//` and the path.
fn authority(uri: &str) -> &str {
    let rest = uri.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn check_scheme(url: &Url, kind: ApplicationType) -> Result<(), RedirectUriError> {
    match (url.scheme(), kind) {
        ("https", _) => Ok(()),
        ("http", _) if is_loopback(url) => Ok(()),
        ("http", _) => Err(RedirectUriError::PlainHttp),
        // RFC 8252, 7.1: a private scheme is a reversed domain name. `javascript`, `data`, `file`
        // and their like have no dot.
        (scheme, ApplicationType::Native) if scheme.contains('.') => Ok(()),
        (scheme, _) => Err(RedirectUriError::Scheme(scheme.to_owned())),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

/// Whether `uri` is spelt as the URL standard would; the slash of an empty path may be missing.
fn is_normal(uri: &str, url: &Url) -> bool {
    let rest = |text: &'static str| uri.strip_prefix(text);
    let without_slash = url.path() == "/" && url.query().is_none();
    let bare = rest("https://").or_else(|| rest("http://")).is_some_and(|rest| !rest.contains('/'));
    url.as_str() == uri || (without_slash && bare && url.as_str().strip_suffix('/') == Some(uri))
}

/// Whether `requested` is one of `registered`.
pub fn matches(registered: &[String], kind: ApplicationType, requested: &str) -> bool {
    registered.iter().any(|uri| {
        uri == requested || (kind == ApplicationType::Native && differs_in_port(uri, requested))
    })
}

/// Whether both are loopback URIs that differ in their port only.
fn differs_in_port(registered: &str, requested: &str) -> bool {
    LOOPBACK.iter().any(|start| {
        let registered = registered.strip_prefix(start).and_then(after_port);
        registered.is_some() && requested.strip_prefix(start).and_then(after_port) == registered
    })
}

/// What follows the host and an optional port: nothing, a path or a query.
fn after_port(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix(':') {
        Some(text) => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = text.split_at_checked(digits)?;
            port.parse::<u16>().ok().filter(|port| *port != 0)?;
            rest
        }
        None => text,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}
