//! Protected resources in a request (RFC 8707, 2; `audience` as in RFC 8693, 2.1).
//!
//! Invariant: only a registered name is accepted, and what is kept is the identifier that the
//! operator registered, never the text of the request.

use thiserror::Error;

use crate::params::Params;

/// The most resources that one request may name.
const MAX_TARGETS: usize = 16;

/// A protected resource that a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its identifier, the `aud` of its access tokens.
    pub audience: String,
    /// Further names by which requests may ask for it.
    pub aliases: Vec<String>,
    /// The scopes that it declares.
    pub scopes: Vec<String>,
}

/// Why the resources of a request are refused (`invalid_target`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// `resource` is not an absolute URI without a fragment.
    #[error("resource is not an absolute URI without a fragment")]
    NotAUri,
    /// There are too many.
    #[error("more than {MAX_TARGETS} resources")]
    TooMany,
    /// No resource of this name is registered, or this client may not ask for it.
    #[error("resource or audience is not one that this client may ask for")]
    Unknown,
    /// An access token is for one resource.
    #[error("the request leads to several resources: name one, an access token is for one")]
    Several,
}

impl Target {
    /// Whether a request means this resource by `name`.
    pub fn is_called(&self, name: &str) -> bool {
        self.audience == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// The names of resources in `resource` and `audience`, each once.
pub fn named(params: &Params) -> Result<Vec<String>, TargetError> {
    let mut names = Vec::<String>::new();
    let uris = params.all("resource").map(|name| (name, true));
    for (name, as_uri) in uris.chain(params.all("audience").map(|name| (name, false))) {
        if as_uri && !is_resource_uri(name) {
            return Err(TargetError::NotAUri);
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if names.len() > MAX_TARGETS { Err(TargetError::TooMany) } else { Ok(names) }
}

/// The parameter that can carry `name`.
pub(super) fn parameter(name: &str) -> &'static str {
    if is_resource_uri(name) { "resource" } else { "audience" }
}

/// Whether `name` is an absolute URI without a fragment (RFC 3986, 4.3; RFC 8707, 2).
fn is_resource_uri(name: &str) -> bool {
    let Some((scheme, rest)) = name.split_once(':') else { return false };
    let first = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let other = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    first && scheme.bytes().all(other) && !rest.is_empty() && rest.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<String>, TargetError> {
        named(&Params::parse(text).unwrap())
    }

    #[test]
    fn a_resource_is_a_uri_and_an_audience_any_name() {
        let text = "resource=https%3A%2F%2Fa.example&audience=sts.amazonaws.com&resource=urn:x:y";
        assert_eq!(of(text).unwrap(), ["https://a.example", "urn:x:y", "sts.amazonaws.com"]);
        assert_eq!(of("resource=urn:x&audience=urn:x").unwrap(), ["urn:x"]);
        for wrong in
            ["a.example", "https://a.example/%23x", "//a.example", ":x", "x:", "1a:x", "a:%20"]
        {
            assert_eq!(of(&format!("resource={wrong}")), Err(TargetError::NotAUri), "{wrong}");
        }
        let many: Vec<String> = (0..17).map(|n| format!("resource=urn:{n}")).collect();
        assert_eq!(of(&many.join("&")), Err(TargetError::TooMany));
    }
}
