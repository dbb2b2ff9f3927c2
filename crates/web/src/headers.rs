//! Headers of every request and answer (GEN-6, GEN-20; RFC 9700, section 4.16).

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sekisho_site::Site;

/// The default policy: nothing may be loaded, framed or posted. Pages set a policy of their own.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/// For how long a browser that has been here over https comes over https alone: a year (RFC 6797).
/// Other names below the host are not ours, so they are not included.
const ONLY_HTTPS: &str = "max-age=31536000";

/// Seconds after which to try again what is not available.
const RETRY_SECONDS: &str = "2";

/// Adds strict headers, and to every 503 when to try again. An answer that has a `Cache-Control` or a
/// policy of its own keeps it.
pub(crate) async fn secure(State(site): State<Site>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if site.origin().is_secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_HTTPS));
    }
    if unavailable {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static(RETRY_SECONDS));
    }
    response
}

/// Refuses a request without exactly one readable `Host`, which a proxy may read differently than we
/// do (RFC 9112, section 3.2). Requests over HTTP/1.0 and HTTP/2 may do without.
pub(crate) async fn one_host(request: Request, next: Next) -> Response {
    if names_one_host(request.version(), request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::BAD_REQUEST, "a request names one host\n").into_response()
}

fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            host.is_some_and(|host| !host.as_str().contains('@'))
        }
        (None, _) => version != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// The policy of a page. `form_target` is where this page's forms may end besides our own pages:
/// Chromium applies `form-action` to the redirects that follow a POST too.
pub(crate) fn page_policy(form_target: Option<&str>) -> String {
    let target = form_target.map(|target| format!(" {target}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         img-src 'self' data:; form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The policy of the page whose form is posted to a relying party, and nowhere else.
pub(crate) fn post_policy(target: Option<&str>) -> String {
    let target = target.unwrap_or("'none'");
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         form-action {target}; frame-ancestors 'none'; base-uri 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host() {
        let names = |version, hosts: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_bytes(host).unwrap());
            }
            names_one_host(version, &headers)
        };
        for host in ["a", "auth.example.jp:443", "[::1]:8080", "127.0.0.1"] {
            assert!(names(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
        for bad in [&b""[..], b"a b", b"a/b", b"u@a", b"a:b:c", b"\xe9", b"a,b c"] {
            assert!(!names(Version::HTTP_11, &[bad]), "{bad:?}");
        }
        assert!(!names(Version::HTTP_11, &[]) && names(Version::HTTP_2, &[]));
        assert!(names(Version::HTTP_10, &[]));
        assert!(!names(Version::HTTP_11, &[b"a", b"a"]) && !names(Version::HTTP_10, &[b"a", b"b"]));
    }
}
