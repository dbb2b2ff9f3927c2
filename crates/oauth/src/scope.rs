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

/// The path of a scope of the form `name:/path` (SciTokens; WLCG Common JWT Profiles).
pub fn path_of(scope: &str) -> Option<&str> {
    scope.split_once(":/").map(|(name, _)| scope.get(name.len().saturating_add(1)..).unwrap_or("/"))
}

/// Whether the path is written in one way only: from the root, without empty, `.` and `..` parts,
/// and without an encoding of other characters.
pub fn is_path(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let plain = !path.contains(['%', '\\', '?', '#']);
    plain && (path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part)))
}

/// Whether the declared scope `own` lets a request have `scope`: the same one, or a path below.
pub fn covers(own: &str, scope: &str) -> bool {
    if own == scope {
        return true;
    }
    let (Some(above), Some(below)) = (path_of(own), path_of(scope)) else { return false };
    let name = |scope: &str, path: &str| scope.len().saturating_sub(path.len());
    let (own_name, asked_name) = (own.get(..name(own, above)), scope.get(..name(scope, below)));
    own_name == asked_name
        && is_path(below)
        && (above == "/" || below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
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

    #[test]
    fn a_path_covers_what_lies_below_it() {
        for (own, scope, covered) in [
            ("compute.read", "compute.read", true),
            ("compute.read", "compute.readx", false),
            ("read:/", "read:/a/b", true),
            ("read:/data", "read:/data", true),
            ("read:/data", "read:/data/x", true),
            ("read:/data", "read:/database", false),
            ("read:/data", "write:/data", false),
            ("read:/data", "read:/", false),
            ("read:/data", "read:/data/../x", false),
            ("read:/data", "read:/data//x", false),
            ("read:/data", "read:/data/%2e%2e/x", false),
            ("read:/data", "read:/data/", false),
            ("read:/data", "read", false),
        ] {
            assert_eq!(covers(own, scope), covered, "{own} {scope}");
        }
    }
}
