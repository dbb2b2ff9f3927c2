//! Bearer tokens at userinfo and other resources (RFC 6750, 2 and 3; Core, 5.3).
//!
//! Invariant: a token is taken from the header or the form body, from one place only, and never from
//! the query (RFC 9700, 4.3.2). What it is good for is the callers' matter.

use thiserror::Error;

use crate::params::Params;

/// Why a request to a resource was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BearerError {
    /// No token at all.
    #[error("no access token")]
    Missing,
    /// In the header and in the body, or twice in the body.
    #[error("more than one access token")]
    Several,
    /// In the query.
    #[error("an access token does not belong into the query")]
    InQuery,
    /// Unknown, expired, revoked, malformed, or of another kind.
    #[error("the access token is unknown, expired or revoked")]
    InvalidToken,
    /// Good, but not for this.
    #[error("the access token lacks the scope {0}")]
    InsufficientScope(&'static str),
}

impl BearerError {
    /// `error` on the wire; a request without a token is told none (RFC 6750, 3.1).
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Several | Self::InQuery => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Several | Self::InQuery => 400,
            Self::Missing | Self::InvalidToken => 401,
            Self::InsufficientScope(_) => 403,
        }
    }

    /// The `WWW-Authenticate` header.
    pub fn www_authenticate(self) -> String {
        let Some(name) = self.name() else { return "Bearer".to_owned() };
        let scope = match self {
            Self::InsufficientScope(scope) => format!(", scope=\"{scope}\""),
            _ => String::new(),
        };
        format!("Bearer error=\"{name}\", error_description=\"{self}\"{scope}")
    }
}

/// The token of an `Authorization` header; another scheme is no token.
pub fn bearer(header: &str) -> Result<&str, BearerError> {
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::Missing);
    }
    checked(token.trim_matches(' '))
}

/// The token of a request: from the header or the form body, if there is one.
pub fn bearer_token<'a>(
    authorization: Option<&'a str>,
    query: &Params,
    form: Option<&'a Params>,
) -> Result<&'a str, BearerError> {
    if query.has("access_token") {
        return Err(BearerError::InQuery);
    }
    let in_form = form.map(|form| form.one("access_token")).transpose();
    let in_form = in_form.map_err(|_| BearerError::Several)?.flatten();
    match (authorization.map(bearer), in_form) {
        (Some(Ok(_) | Err(BearerError::InvalidToken)), Some(_)) => Err(BearerError::Several),
        (None | Some(Err(_)), Some(token)) => checked(token),
        (Some(result), None) => result,
        (None, None) => Err(BearerError::Missing),
    }
}

/// `b64token` of RFC 6750, 2.1.
fn checked(token: &str) -> Result<&str, BearerError> {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let body = token.trim_end_matches('=');
    if body.is_empty() || !body.bytes().all(byte) {
        return Err(BearerError::InvalidToken);
    }
    Ok(token)
}
