//! Cookies: which browser this is, and its session (RFC 6265bis; AUTH-26).
//!
//! On https, cookies are named `__Host-…` and are `Secure`, so no subdomain and no plain connection
//! can set them. On an http loopback origin they have neither, because browsers would refuse such
//! cookies. They are `SameSite=Lax`, because the relying party and the wallet send the browser here
//! from other sites.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use sekisho_ambient::{Handle, Timestamp};
use sekisho_site::Origin;

/// The name of the cookie that identifies the browser.
pub(crate) const BROWSER: &str = "sekisho-browser";
/// The name of the cookie that holds the session.
pub(crate) const SESSION: &str = "sekisho-session";
/// The name of the cookie that holds the language that the person chose.
pub(crate) const LANGUAGE: &str = "sekisho-language";

fn wire_name(origin: &Origin, name: &str) -> String {
    if origin.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of a cookie; `None` if it is absent or comes twice.
pub(crate) fn read(headers: &HeaderMap, origin: &Origin, name: &str) -> Option<String> {
    let name = wire_name(origin, name);
    let mut found = None;
    for line in headers.get_all(COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            let Some((key, value)) = pair.trim().split_once('=') else { continue };
            if key == name && found.replace(value.to_owned()).is_some() {
                return None;
            }
        }
    }
    found
}

/// Sets a cookie that lives for `seconds`.
pub(crate) fn set(out: &mut HeaderMap, origin: &Origin, name: &str, value: &str, seconds: i64) {
    let secure = if origin.is_secure() { "; Secure" } else { "" };
    let name = wire_name(origin, name);
    let cookie =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        out.append(SET_COOKIE, cookie);
    }
}

/// Sets a cookie that holds a handle and expires with it.
pub(crate) fn set_handle(
    out: &mut HeaderMap,
    origin: &Origin,
    name: &str,
    handle: &Handle,
    now: Timestamp,
) {
    set(out, origin, name, handle.expose(), handle.key().expires().since(now).max(0));
}
