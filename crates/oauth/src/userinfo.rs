//! Bearer tokens at userinfo and other resources (RFC 6750, 2 and 3; Core, 5.3).
//!
//! Invariant: a token is taken from the header or from the form body, never from both and never
//! from the query (RFC 9700, 4.3.2). The callers decide what the token permits.

use thiserror::Error;

use crate::params::Params;

/// Why a request to a resource was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BearerError {
    /// The request has no token.
    #[error("no access token")]
    Missing,
    /// There are several tokens: in the header and in the body, or twice in the body.
    #[error("more than one access token")]
    Several,
    /// The token is in the query.
    #[error("an access token does not belong into the query")]
    InQuery,
    /// The token is unknown, expired, revoked, malformed, or of another kind.
    #[error("the access token is unknown, expired or revoked")]
    InvalidToken,
    /// The token is valid but lacks this scope.
    #[error("the access token lacks the scope {0}")]
    InsufficientScope(&'static str),
}

impl BearerError {
    /// The code as sent in `error`. A request without a token gets no code (RFC 6750, 3.1).
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Several | Self::InQuery => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Several | Self::InQuery => 400,
            Self::Missing | Self::InvalidToken => 401,
            Self::InsufficientScope(_) => 403,
        }
    }

    /// The value of the `WWW-Authenticate` header.
    pub fn www_authenticate(self) -> String {
        let Some(name) = self.name() else { return "Bearer".to_owned() };
        let scope = match self {
            Self::InsufficientScope(scope) => format!(", scope=\"{scope}\""),
            _ => String::new(),
        };
        format!("Bearer error=\"{name}\", error_description=\"{self}\"{scope}")
    }
}

/// The token of an `Authorization` header. A scheme other than `Bearer` counts as no token.
pub fn bearer(header: &str) -> Result<&str, BearerError> {
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::Missing);
    }
    checked(token.trim_matches(' '))
}

/// The token of a request, from the header or the form body. The error says what is wrong with it.
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

/// Checks the syntax of a token: `b64token` of RFC 6750, 2.1.
fn checked(token: &str) -> Result<&str, BearerError> {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let body = token.trim_end_matches('=');
    if body.is_empty() || !body.bytes().all(byte) {
        return Err(BearerError::InvalidToken);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        authorization: Option<&str>,
        query: &str,
        form: Option<&str>,
    ) -> Result<String, BearerError> {
        let query = Params::parse(query).unwrap();
        let form = form.map(|form| Params::parse(form).unwrap());
        bearer_token(authorization, &query, form.as_ref()).map(str::to_owned)
    }

    #[test]
    fn a_token_is_taken_from_the_header_or_the_form() {
        for header in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(run(Some(header), "x=1", None), Ok("abc".to_owned()), "{header}");
        }
        assert_eq!(run(None, "", Some("access_token=a-._~%2B/b==")), Ok("a-._~+/b==".to_owned()));
        assert_eq!(run(Some("Bearer abc"), "", Some("x=1")), Ok("abc".to_owned()));
    }

    #[test]
    fn a_token_in_the_query_is_refused_even_beside_a_good_one() {
        let refused = Err(BearerError::InQuery);
        assert_eq!(run(None, "access_token=abc", None), refused);
        assert_eq!(run(Some("Bearer abc"), "access_token=abc", None), refused);
        assert_eq!(run(None, "access_token=a&access_token=b", None), refused);
    }

    #[test]
    fn two_tokens_are_refused() {
        let several = Err(BearerError::Several);
        assert_eq!(run(Some("Bearer abc"), "", Some("access_token=abc")), several);
        assert_eq!(run(Some("Bearer !"), "", Some("access_token=abc")), several);
        assert_eq!(run(None, "", Some("access_token=a&access_token=a")), several);
    }

    #[test]
    fn without_a_token_there_is_a_bare_challenge() {
        for header in [None, Some("Basic abc"), Some("DPoP abc"), Some("")] {
            let error = run(header, "", None).unwrap_err();
            assert_eq!((error.status(), error.www_authenticate()), (401, "Bearer".to_owned()));
        }
    }

    #[test]
    fn what_is_no_token_is_an_invalid_one() {
        for header in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer 神"] {
            assert_eq!(bearer(header), Err(BearerError::InvalidToken), "{header}");
        }
    }

    #[test]
    fn challenges_say_what_is_wrong() {
        let texts = [
            BearerError::Several,
            BearerError::InvalidToken,
            BearerError::InsufficientScope("openid"),
        ]
        .map(|error| (error.status(), error.www_authenticate()));
        let expected = [
            (
                400,
                r#"Bearer error="invalid_request", error_description="more than one access token""#,
            ),
            (
                401,
                r#"Bearer error="invalid_token", error_description="the access token is unknown, expired or revoked""#,
            ),
            (
                403,
                r#"Bearer error="insufficient_scope", error_description="the access token lacks the scope openid", scope="openid""#,
            ),
        ];
        assert_eq!(texts, expected.map(|(status, text)| (status, text.to_owned())));
    }
}
