//! Redirect URIs: which URIs may be registered, and whether a request's URI is a registered one
//! (RFC 6749, 3.1.2; RFC 9700, 2.1 and 4.1; RFC 8252, 7).
//!
//! Invariant: a request's URI is compared as a string; nothing is decoded or normalised. The only
//! exception is for native clients: the port of a loopback address may differ (RFC 8252, 7.3),
//! while the rest is still compared as a string. A registered URI is in normal form and has no
//! fragment, no user information and no parameters of an answer.

use thiserror::Error;
use url::{Host, Url};

use crate::client::ApplicationType;

/// Parameters of an authorization answer. A registered query must not contain any of them, or it
/// could forge an answer.
const ANSWER_PARAMETERS: [&str; 7] =
    ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

/// The beginning of a native client's loopback URI, up to the port.
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// The longest URI that can be registered, in bytes.
const MAX_LENGTH: usize = 2000;

/// Why a redirect URI may not be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RedirectUriError {
    /// It is not an absolute URI, or has characters that a URI may not have.
    #[error("not an absolute URI")]
    Malformed,
    /// It is not in normal form, which is given here and which browsers would follow instead.
    #[error("not in normal form, which would be {0}")]
    NotNormal(String),
    /// It has a fragment (`#…`).
    #[error("has a fragment")]
    Fragment,
    /// It has user information (`user@` or `user:password@`).
    #[error("has user information")]
    UserInformation,
    /// The query has a parameter of an authorization answer.
    #[error("its query has the parameter {0}")]
    AnswerParameter(String),
    /// It uses http, and its host is not a loopback host.
    #[error("http is allowed to localhost, 127.0.0.1 and [::1] only")]
    PlainHttp,
    /// This kind of client may not use the scheme. Native clients may use private schemes too.
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
    if authority(uri).contains('@') {
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

/// The part between `//` and the path.
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

/// Whether `uri` is written as the URL standard serialises it. The slash of an empty path may be
/// missing.
fn is_normal(uri: &str, url: &Url) -> bool {
    [Some(url.as_str()), url.as_str().strip_suffix('/')].contains(&Some(uri))
}

/// The source expression by which a page's `form-action` allows a form to end at `uri` (Content
/// Security Policy Level 3, section 2.3.1), the narrowest that there is: the origin; where a source
/// cannot name the host, which is so for IPv6 addresses, and for a private scheme, the scheme.
pub fn form_action(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    match (url.scheme(), url.host()) {
        ("https" | "http", Some(Host::Ipv6(_))) => Some(format!("{}:", url.scheme())),
        ("https" | "http", Some(_)) => Some(url.origin().ascii_serialization()),
        ("https" | "http", None) => None,
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

/// Whether the `requested` URI is one of the `registered` ones.
pub fn matches(registered: &[String], kind: ApplicationType, requested: &str) -> bool {
    registered.iter().any(|uri| {
        uri == requested || (kind == ApplicationType::Native && differs_in_port(uri, requested))
    })
}

/// Whether both are loopback URIs that differ only in the port.
fn differs_in_port(registered: &str, requested: &str) -> bool {
    LOOPBACK.iter().any(|start| {
        let registered = registered.strip_prefix(start).and_then(after_port);
        registered.is_some() && requested.strip_prefix(start).and_then(after_port) == registered
    })
}

/// The rest after the host and an optional port: empty, a path or a query. `None` for anything
/// else.
fn after_port(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix(':') {
        Some(text) => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = text.split_at_checked(digits)?;
            // Written as a browser writes it: `08888` is another string than `8888`.
            port.parse::<u16>().ok().filter(|number| *number != 0 && !port.starts_with('0'))?;
            rest
        }
        None => text,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use super::*;

    fn web(uri: &str) -> Result<(), RedirectUriError> {
        check_registration(uri, ApplicationType::Web)
    }

    fn native(uri: &str) -> Result<(), RedirectUriError> {
        check_registration(uri, ApplicationType::Native)
    }

    #[test]
    fn https_and_loopback_may_be_registered_by_all() {
        for uri in [
            "https://rp.example/cb",
            "https://rp.example",
            "https://rp.example/",
            "https://rp.example:8443/cb?tenant=1",
            "https://xn--wgv71a.example/cb",
            "http://localhost:3000/login-callback",
            "http://localhost",
            "http://127.0.0.1:8000/cb",
            "http://[::1]:8000/cb",
        ] {
            assert_eq!(web(uri), Ok(()), "{uri}");
            assert_eq!(native(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn a_private_scheme_is_for_native_clients_and_is_a_domain_name() {
        assert_eq!(native("jp.example.app:/cb"), Ok(()));
        assert!(matches!(web("jp.example.app:/cb"), Err(RedirectUriError::Scheme(_))));
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "blob:https://rp.example/x",
            "about:blank",
            "app:/cb",
            "ftp://rp.example/cb",
            "ws://rp.example/cb",
        ] {
            assert!(matches!(native(uri), Err(RedirectUriError::Scheme(_))), "{uri}");
            assert!(matches!(web(uri), Err(RedirectUriError::Scheme(_))), "{uri}");
        }
    }

    #[test]
    fn plain_http_stays_on_the_machine() {
        for uri in [
            "http://rp.example/cb",
            "http://localhost.evil.test/cb",
            "http://localhost./cb",
            "http://127.0.0.2/cb",
            "http://[::2]/cb",
            "http://0.0.0.0/cb",
            "http://10.0.0.1/cb",
        ] {
            assert_eq!(native(uri), Err(RedirectUriError::PlainHttp), "{uri}");
        }
    }

    #[test]
    fn what_a_browser_would_read_otherwise_is_not_registered() {
        for uri in [
            "https://RP.example/cb",
            "https://rp.example:443/cb",
            "https://rp.example/a/../cb",
            "https://rp.example/a/%2e%2e/cb",
            "https://rp.example/./cb",
            "HTTPS://rp.example/cb",
            "https:rp.example/cb",
            "https:///rp.example/cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.1/cb",
            "http://[0:0:0:0:0:0:0:1]/cb",
        ] {
            assert!(matches!(web(uri), Err(RedirectUriError::NotNormal(_))), "{uri}");
        }
    }

    #[test]
    fn fragments_user_information_and_answers_are_refused() {
        assert_eq!(web("https://rp.example/cb#x"), Err(RedirectUriError::Fragment));
        assert_eq!(web("https://rp.example/cb#"), Err(RedirectUriError::Fragment));
        for uri in ["https://a@rp.example/cb", "https://a:b@rp.example/", "https://@rp.example/"] {
            assert_eq!(web(uri), Err(RedirectUriError::UserInformation), "{uri}");
        }
        for name in ANSWER_PARAMETERS {
            let refused = Err(RedirectUriError::AnswerParameter(name.to_owned()));
            assert_eq!(web(&format!("https://rp.example/cb?a=b&{name}=x")), refused);
        }
        let escaped = web("https://rp.example/cb?%63ode=x");
        assert_eq!(escaped, Err(RedirectUriError::AnswerParameter("code".to_owned())));
    }

    #[test]
    fn a_form_may_end_at_the_redirect_uri_and_at_as_little_else_as_can_be_said() {
        for (uri, source) in [
            ("https://rp.example/cb?a=b;c,d", "https://rp.example"),
            ("https://rp.example:8443/cb", "https://rp.example:8443"),
            ("http://127.0.0.1:4000/cb", "http://127.0.0.1:4000"),
            ("http://localhost", "http://localhost"),
            ("http://[::1]:4000/cb", "http:"),
            ("https://[2001:db8::1]/cb", "https:"),
            ("jp.example.app:/cb", "jp.example.app:"),
        ] {
            assert_eq!(form_action(uri).as_deref(), Some(source), "{uri}");
        }
        assert_eq!(form_action("no uri"), None);
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        let long = format!("https://rp.example/{}", "a".repeat(MAX_LENGTH));
        for uri in [
            "",
            "/cb",
            "rp.example/cb",
            "https://",
            "https://rp.example/c b",
            "https://rp.example/\n",
            "https://rp.example\\cb",
            "https://日本.example/cb",
            "\u{0}https://rp.example/",
            &long,
        ] {
            assert_eq!(web(uri), Err(RedirectUriError::Malformed), "{uri}");
        }
        let longest = &long[..MAX_LENGTH];
        assert_eq!(web(longest), Ok(()));
    }
}
