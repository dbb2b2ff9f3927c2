//! Cookies: the logins that a browser began, and its session (RFC 6265bis; AUTH-26).
//!
//! On https, cookies are named `__Host-…` and are `Secure`, so no subdomain and no plain connection
//! can set them. On an http loopback origin they have neither, because browsers would refuse such
//! cookies. They are `SameSite=Lax`, because the relying party and the wallet send the browser here
//! from other sites.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use sekisho_ambient::{Handle, Secret, Timestamp};
use sekisho_broker::forward::Guarded;
use sekisho_login::LoginCookie;
use sekisho_site::Origin;

/// How the names of the cookies of open logins begin. Each login has a cookie of its own, so that
/// several tabs do not overwrite each other's.
const LOGIN: &str = "sekisho-login-";
/// The name of the cookie that holds the session.
pub(crate) const SESSION: &str = "sekisho-session";
/// The name of the cookie to which the form for a device's code is bound.
pub(crate) const DEVICE: &str = "sekisho-device";
/// The name of the cookie that holds the language that the person chose.
pub(crate) const LANGUAGE: &str = "sekisho-language";

/// How many handles of one name are looked up: what others plant costs no more.
const MAX_OF_ONE_NAME: usize = 4;

fn wire_name(origin: &Origin, name: &str) -> String {
    if origin.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of our cookie of this name, read as `parse` does.
///
/// A browser sends us the cookies of everybody on the host, and what others wrote need not be
/// well-formed. So the header is read pair by pair, in bytes, and a pair that is not ours is skipped:
/// another name, no `=`, or a value that `parse` does not read. Of several values the first counts
/// that `parse` reads. HTTP/2 may send each pair as a header of its own (RFC 9113, section 8.2.3).
pub(crate) fn read<T>(
    headers: &HeaderMap,
    origin: &Origin,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    values(headers, &wire_name(origin, name)).into_iter().find_map(parse)
}

/// The values of all cookies that have this very name.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| value_of(pair, name.as_bytes()))
        .collect()
}

/// A cookie of a guarded origin, whose proxy passes it on.
pub(crate) struct GuardCookie {
    name: String,
    attributes: String,
}

impl GuardCookie {
    /// The session of a visitor.
    pub(crate) fn session(at: Guarded<'_>) -> Self {
        Self::of(at, "")
    }

    /// What binds a login to the browser that begins it.
    pub(crate) fn binder(at: Guarded<'_>) -> Self {
        Self::of(at, "-login")
    }

    /// The name says for which guard it is, because names on one host are shared by all its ports.
    fn of(at: Guarded<'_>, end: &str) -> Self {
        let name = format!("sekisho-guard-{}{end}", at.guard().id);
        let (prefix, more) = match &at.guard().cookie_domain {
            Some(domain) => ("__Secure-", format!("; Secure; Domain={domain}")),
            None if at.origin().starts_with("https:") => ("__Host-", "; Secure".to_owned()),
            None => ("", String::new()),
        };
        let attributes = format!("; Path=/; HttpOnly; SameSite=Lax{more}");
        Self { name: format!("{prefix}{name}"), attributes }
    }

    /// The handles under this name. Others may have set cookies of the same name, so there may be
    /// several.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Vec<Handle> {
        let handles = values(headers, &self.name).into_iter().filter_map(Handle::parse);
        handles.take(MAX_OF_ONE_NAME).collect()
    }

    /// Sets the cookie to a handle, with which it expires.
    pub(crate) fn set(&self, out: &mut HeaderMap, handle: &Handle, now: Timestamp) {
        self.write(out, handle.expose(), handle.key().expires().since(now).max(0));
    }

    /// Deletes the cookie.
    pub(crate) fn forget(&self, out: &mut HeaderMap) {
        self.write(out, "", 0);
    }

    fn write(&self, out: &mut HeaderMap, value: &str, seconds: i64) {
        let Self { name, attributes } = self;
        let cookie = format!("{name}={value}{attributes}; Max-Age={seconds}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            out.append(SET_COOKIE, cookie);
        }
    }
}

/// The cookies of open logins. Of one name there may be several: whoever reads them takes the one
/// that opens.
pub(crate) fn logins(headers: &HeaderMap, origin: &Origin) -> Vec<LoginCookie> {
    let prefix = wire_name(origin, LOGIN);
    let mut logins = Vec::<LoginCookie>::new();
    let pairs = headers.get_all(COOKIE).iter();
    for pair in pairs.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')) {
        let Some(rest) = pair.trim_ascii().strip_prefix(prefix.as_bytes()) else { continue };
        let Ok(rest) = std::str::from_utf8(rest) else { continue };
        let Some((name, value)) = rest.split_once('=') else { continue };
        let (name, value) = (name.trim().to_owned(), Secret::new(value.trim().to_owned()));
        let ours = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if ours {
            logins.push(LoginCookie { name, value });
        }
    }
    logins
}

/// The name of a login's cookie, without the prefix of https.
pub(crate) fn login_name(end: &str) -> String {
    format!("{LOGIN}{end}")
}

/// The value of a pair that has this name, if the value is text.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let value = pair.trim_ascii().strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?;
    std::str::from_utf8(value.trim_ascii()).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "AAAAAGkm-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn found(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        let origin = Origin::parse("http://localhost:1234").unwrap();
        read(&headers, &origin, SESSION, |text| Some(Handle::parse(text)?.expose().to_owned()))
    }

    #[test]
    fn what_others_wrote_is_skipped() {
        let ours = format!("sekisho-session={OURS}");
        for others in [
            "colour=\u{9752}".as_bytes(),
            b"raw=\xff\xfe",
            b"no pair",
            b"",
            b"=",
            b"=;;=; ;",
            b"sekisho-session",
            b"sekisho-session=",
            b"sekisho-session=mine",
            "sekisho-session=\u{9752}".as_bytes(),
            b"sekisho-session-2=x",
            b"x=sekisho-session=y",
        ] {
            let before = [others, b"; ", ours.as_bytes()].concat();
            let after = [ours.as_bytes(), b";", others].concat();
            assert_eq!(found(&[&before]).as_deref(), Some(OURS), "{others:?}");
            assert_eq!(found(&[&after]).as_deref(), Some(OURS), "{others:?}");
            assert_eq!(found(&[others, ours.as_bytes()]).as_deref(), Some(OURS), "{others:?}");
            assert_eq!(found(&[others]), None, "{others:?}");
        }
    }
}
