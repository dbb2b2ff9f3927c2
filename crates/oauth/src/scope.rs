//! Scopes (RFC 6749, 3.3).
//!
//! Invariant: a list of scopes has no value twice and keeps the order of the request.

use thiserror::Error;

/// The most scopes that one request may name.
const MAX_SCOPES: usize = 64;

/// The text of a `scope` does not follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("scope is not a list of scope tokens separated by single spaces")]
pub struct MalformedScope;

/// Splits the `scope` parameter into its values.
pub fn parse(text: &str) -> Result<Vec<String>, MalformedScope> {
    let mut scopes: Vec<String> = Vec::new();
    for token in text.split(' ').filter(|token| !token.is_empty()) {
        if !token.bytes().all(is_scope_byte) || scopes.len() == MAX_SCOPES {
            return Err(MalformedScope);
        }
        if !scopes.iter().any(|scope| scope == token) {
            scopes.push(token.to_owned());
        }
    }
    Ok(scopes)
}

/// The scopes of `requested` that the server knows and the client may ask for. Others are ignored
/// (checklist AUTH-7).
pub fn allowed(requested: &[String], supported: &[&str], registered: &[String]) -> Vec<String> {
    let allowed =
        |scope: &&String| supported.contains(&scope.as_str()) && registered.contains(scope);
    requested.iter().filter(allowed).cloned().collect()
}

/// Joins a list of scopes into the text of a `scope` parameter.
pub fn join(scopes: &[String]) -> String {
    scopes.join(" ")
}

/// The characters of a scope: `%x21 / %x23-5B / %x5D-7E`.
fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scopes_are_read_in_order_and_once() {
        assert_eq!(parse("email openid  email").unwrap(), owned(&["email", "openid"]));
    }

    #[test]
    fn other_characters_are_refused() {
        for text in ["openid\temail", "a\"b", "a\\b", "神", "a\u{7f}", "a\nb"] {
            assert_eq!(parse(text), Err(MalformedScope), "{text}");
        }
        assert_eq!(
            parse(&(0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")),
            Err(MalformedScope)
        );
    }

    #[test]
    fn unknown_and_unregistered_scopes_are_ignored() {
        let requested = owned(&["openid", "email", "admin"]);
        let given = allowed(&requested, &["openid", "email"], &owned(&["openid", "admin"]));
        assert_eq!(given, owned(&["openid"]));
        assert_eq!(join(&requested), "openid email admin");
    }
}
