//! did:web (did:web Method Specification): identifiers, and the URLs of their documents.
//!
//! Invariant: an identifier has only one spelling. Upper case in a host, unnecessary
//! percent-encoding, `..`, and anything that would change its meaning inside a URL are refused. So
//! two DIDs never lead to one document, and one DID never leads to two.
//!
//! Leaves to others: fetching (https only, no redirects, public addresses, bounded), and DNS.

use std::net::Ipv6Addr;

use crate::DidError;

const METHOD: &str = "did:web";
const PREFIX: &str = "did:web:";

/// Makes the DID of `path` under `origin` (`https://host`, `http://host:port`). A port is
/// percent-encoded.
pub fn did_web(origin: &str, path: &[&str]) -> Result<String, DidError> {
    let malformed = || DidError::Origin(origin.to_owned());
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let rest = rest.ok_or_else(malformed)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let host_end = authority.find(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority.get(host_end..).and_then(|rest| rest.split_once(':')) {
        Some((host, port)) => {
            (authority.get(..host_end + host.len()).unwrap_or_default(), Some(port))
        }
        None => (authority, None),
    };
    if !(is_host(host) || is_ipv6(host)) || port.is_some_and(|port| !is_port(port)) {
        return Err(malformed());
    }
    let mut did = format!("{PREFIX}{}", encode_host(host));
    if let Some(port) = port {
        did.push_str("%3A");
        did.push_str(port);
    }
    for segment in path {
        if !is_segment(segment) {
            return Err(refused("a path segment that would not be read back"));
        }
        did.push(':');
        did.push_str(segment);
    }
    Ok(did)
}

/// Returns the https URL of the document of `did`.
pub fn did_web_url(did: &str) -> Result<String, DidError> {
    let id = did.strip_prefix(PREFIX).ok_or(DidError::Syntax)?;
    if id.len() > crate::MAX_DID {
        return Err(DidError::Syntax);
    }
    let mut parts = id.split(':');
    let authority = parts.next().unwrap_or_default();
    let (host, port) = split_encoded(authority);
    let host = decode_host(host);
    if !(is_host(&host) || is_ipv6(&host)) {
        return Err(refused("a host that is not lower-case letters, digits, dots and hyphens"));
    }
    if port.is_some_and(|port| !is_port(port)) {
        return Err(refused("a port that is not 1 to 65535"));
    }
    let segments: Vec<&str> = parts.collect();
    if !segments.iter().all(|segment| is_segment(segment)) {
        return Err(refused("an empty, relative or encoded path segment"));
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = if segments.is_empty() { ".well-known".to_owned() } else { segments.join("/") };
    Ok(format!("https://{host}{port}/{path}/did.json"))
}

fn refused(reason: &'static str) -> DidError {
    DidError::Identifier { method: METHOD, reason }
}

/// Whether the text is a host: labels of lower-case letters, digits and hyphens. A trailing dot is
/// refused, because it would be a second spelling.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Whether the text is an IPv6 address in brackets, in its only canonical form (RFC 5952).
fn is_ipv6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| {
        inner.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == inner)
    })
}

/// An IPv6 address has characters that a DID cannot have.
fn encode_host(host: &str) -> String {
    host.replace('[', "%5B").replace(']', "%5D").replace(':', "%3A")
}

/// The host as it stands in a URL. Only an IPv6 address is encoded.
fn decode_host(host: &str) -> String {
    let inner = host.strip_prefix("%5B").and_then(|rest| rest.strip_suffix("%5D"));
    inner.map_or_else(|| host.to_owned(), |inner| format!("[{}]", inner.replace("%3A", ":")))
}

/// Host and port of an authority whose colons are encoded.
fn split_encoded(authority: &str) -> (&str, Option<&str>) {
    let host_end = authority.find("%5D").map_or(0, |bracket| bracket + 3);
    match authority.get(host_end..).and_then(|rest| rest.split_once("%3A")) {
        Some((host, port)) => {
            (authority.get(..host_end + host.len()).unwrap_or_default(), Some(port))
        }
        None => (authority, None),
    }
}

fn is_port(port: &str) -> bool {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
}

/// Whether the text is a path segment of unreserved characters (RFC 3986, section 2.3) other than
/// `.` and `..`.
fn is_segment(segment: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    !segment.is_empty() && segment.bytes().all(unreserved) && segment != "." && segment != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_is_made_of_an_origin_and_a_path() {
        let did = |origin, path: &[&str]| did_web(origin, path).unwrap();
        assert_eq!(did("https://auth.example.jp", &[]), "did:web:auth.example.jp");
        assert_eq!(
            did("https://auth.example.jp/", &["orgs", "7900000000002"]),
            "did:web:auth.example.jp:orgs:7900000000002"
        );
        assert_eq!(did("http://127.0.0.1:8080", &["orgs"]), "did:web:127.0.0.1%3A8080:orgs");
        for (origin, made) in [
            ("https://[::1]:8080", "did:web:%5B%3A%3A1%5D%3A8080:orgs"),
            ("https://[2001:db8::1]", "did:web:%5B2001%3Adb8%3A%3A1%5D:orgs"),
        ] {
            assert_eq!(did(origin, &["orgs"]), made);
            assert_eq!(did_web_url(made).unwrap(), format!("{origin}/orgs/did.json"));
        }
        for other in ["%5B0%3A%3A1%5D", "%5B%3A%3A1", "%5b%3A%3A1%5D", "%5B%3A%3A1%5Dx", "%5B%5D"] {
            assert!(did_web_url(&format!("did:web:{other}")).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_no_origin_makes_no_did() {
        for origin in [
            "auth.example.jp",
            "ftp://a.example",
            "https://",
            "https://A.example",
            "https://a.example/path",
            "https://u@a.example",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a.example:",
            "https://[0::1]:8080",
            "https://::1",
            "https://[::1",
            "https://a.example?x",
            "https://a..example",
        ] {
            assert!(matches!(did_web(origin, &[]), Err(DidError::Origin(_))), "{origin}");
        }
        for segment in ["", ".", "..", "a/b", "a:b", "a%2Fb", "a#b", "組織"] {
            assert!(did_web("https://a.example", &[segment]).is_err(), "{segment}");
        }
    }

    #[test]
    fn a_document_stands_where_the_method_says() {
        let url = |did| did_web_url(did).unwrap();
        assert_eq!(url("did:web:a.example"), "https://a.example/.well-known/did.json");
        assert_eq!(url("did:web:a.example:u:bob"), "https://a.example/u/bob/did.json");
        assert_eq!(url("did:web:a.example%3A3000:u"), "https://a.example:3000/u/did.json");
    }

    #[test]
    fn other_spellings_lead_nowhere() {
        for did in [
            "did:web:",
            "did:web:A.example",
            "did:web:a.example.",
            "did:web:a.example%3a3000",
            "did:web:a.example%3A03000",
            "did:web:a.example%3A",
            "did:web:a.example%3A99999",
            "did:web:a.example%2Fb",
            "did:web:a.example:",
            "did:web:a.example::b",
            "did:web:a.example:..:b",
            "did:web:a.example:.",
            "did:web:a.example:%2e%2e",
            "did:web:a.example:b/c",
            "did:web:a.example:b?x=1",
            "did:web:a.example:b#key",
            "did:web:a.example@evil.test",
            "did:web:a.example\\b",
            "did:web:[::1]",
            "did:webs:a.example",
            "DID:web:a.example",
        ] {
            assert!(did_web_url(did).is_err(), "{did}");
        }
        assert!(did_web_url(&format!("did:web:a.example:{}", "b".repeat(5000))).is_err());
    }
}
