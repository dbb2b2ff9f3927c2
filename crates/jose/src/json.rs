//! A strict reader for JSON from peers that are not trusted (RFC 8259).
//!
//! Invariant: a text that is accepted has only one meaning. An object with two members of one name
//! is refused (RFC 7515, section 4; RFC 7519, section 4), because two parsers could read it
//! differently. The depth of nesting is bounded. Numbers keep their text and are never rounded
//! through a float.

use std::collections::HashSet;

use serde_json::{Map, Value};
use thiserror::Error;

/// A JSON object: the claims of a JWT, or any other named values.
pub type Claims = Map<String, Value>;

/// The greatest depth to which objects and arrays may be nested.
pub const MAX_DEPTH: usize = 32;

/// The member name that serde_json uses internally to pass numbers. If it appeared as a real
/// member, it would turn an object into a number.
const NUMBER_TOKEN: &str = "$serde_json::private::";

/// The reason why a text was not accepted.
#[derive(Debug, Error)]
pub enum JsonError {
    /// The text is not JSON, or something follows the JSON value.
    #[error("not valid JSON at line {line}, column {column}")]
    Syntax {
        /// The line of the error, from 1.
        line: usize,
        /// The column of the error, from 1.
        column: usize,
    },
    /// The value is nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// An object has two members of one name.
    #[error("duplicate member {0:?}")]
    Duplicate(String),
    /// A member's name is one that serde_json reserves for numbers.
    #[error("reserved member name")]
    Reserved,
    /// The text is valid JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Reads one JSON value.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    check_depth(bytes)?;
    let value = serde_json::from_slice(bytes)
        .map_err(|error| JsonError::Syntax { line: error.line(), column: error.column() })?;
    check_names(bytes)?;
    Ok(value)
}

/// Reads one JSON object.
pub fn parse_object(bytes: &[u8]) -> Result<Claims, JsonError> {
    match parse(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Splits `bytes` at its strings. Each call returns the bytes before the next string, and the
/// string with its quotes.
struct Strings<'a>(&'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let start = self.0.iter().position(|byte| *byte == b'"').unwrap_or(self.0.len());
        let (before, rest) = self.0.split_at(start);
        let mut escaped = false;
        let end = rest.iter().skip(1).position(|byte| {
            let ends = !escaped && *byte == b'"';
            escaped = !escaped && *byte == b'\\';
            ends
        });
        let (string, rest) = rest.split_at(end.map_or(rest.len(), |end| end + 2));
        self.0 = rest;
        Some((before, string))
    }
}

/// Limits the depth of nesting before a recursive parser reads the text.
fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    let mut depth = 0_usize;
    for (before, _) in Strings(bytes) {
        for byte in before {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Err(JsonError::Depth);
            }
        }
    }
    Ok(())
}

/// Refuses an object with two members of one name. `bytes` is valid JSON, so a string is a member's
/// name exactly if a colon follows it.
fn check_names(bytes: &[u8]) -> Result<(), JsonError> {
    let mut objects: Vec<HashSet<String>> = Vec::new();
    let mut last: &[u8] = b"";
    for (before, string) in Strings(bytes) {
        if before.trim_ascii_start().first() == Some(&b':') {
            note_name(objects.last_mut(), last)?;
        }
        for byte in before {
            match byte {
                b'{' => objects.push(HashSet::new()),
                b'}' => drop(objects.pop()),
                _ => {}
            }
        }
        last = string;
    }
    Ok(())
}

fn note_name(object: Option<&mut HashSet<String>>, quoted: &[u8]) -> Result<(), JsonError> {
    let syntax = JsonError::Syntax { line: 0, column: 0 };
    let (Some(object), Ok(name)) = (object, serde_json::from_slice::<String>(quoted)) else {
        return Err(syntax);
    };
    if name.starts_with(NUMBER_TOKEN) {
        return Err(JsonError::Reserved);
    }
    if !object.insert(name.clone()) {
        return Err(JsonError::Duplicate(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_with_its_numbers_as_they_stand() {
        let value = parse(br#" {"a": [1, 2.50, {"b": "c\"}:"}], "exp": 1e400} "#).unwrap();
        assert_eq!(value["exp"].to_string(), "1e+400");
        assert_eq!(value["a"][1].to_string(), "2.50");
        assert_eq!(value["a"][2]["b"], "c\"}:");
    }

    #[test]
    fn a_duplicate_member_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":{"k" : {},"l":"k", "k"
 :2}}]"#,
            r#"{"a":{"a":1},"b":[{"a":1}],"a":0}"#,
            r#"{"x":"\"","a":1,"a":2}"#,
            r#"{"x":"\\","a":1,"a":2}"#,
            r#"{"x":"\\\"{","a":1,"a":2}"#,
            r#"{"\"":1,"\"":2}"#,
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::Duplicate(_))), "{text}");
        }
    }

    #[test]
    fn one_name_in_different_objects_is_no_duplicate() {
        assert!(parse(br#"{"a":{"a":["a","a"],"b":"a"},"b":[{"a":1},{"a":":"}]}"#).is_ok());
        assert!(parse(br#""a""#).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::Depth)));
        assert!(matches!(parse("[".repeat(1_000_000).as_bytes()), Err(JsonError::Depth)));
        assert!(
            parse(format!("[{}1]", "[[]],".repeat(MAX_DEPTH)).as_bytes()).is_ok(),
            "wide, not deep"
        );
        assert!(parse(format!("[{}1]", "{},".repeat(MAX_DEPTH)).as_bytes()).is_ok());
        assert!(parse(br#""[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[""#).is_ok());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            &b""[..],
            b"{",
            b"{}x",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{'a':1}",
            b"{\"a\":01}",
            b"{\"a\":NaN}",
            b"[1,]",
            br#"{"a":"\ud800"}"#,
            b"\"",
            b"\"\\\"",
        ] {
            assert!(matches!(parse(text), Err(JsonError::Syntax { .. })), "{text:?}");
        }
    }

    #[test]
    fn an_object_cannot_pose_as_a_number() {
        let posing = br#"{"exp":{"$serde_json::private::Number":"5"}}"#;
        assert!(matches!(parse(posing), Err(JsonError::Reserved)));
        let escaped = br#"{"exp":{"\u0024serde_json::private::Number":"5"}}"#;
        assert!(matches!(parse(escaped), Err(JsonError::Reserved)));
    }

    #[test]
    fn an_object_is_asked_for() {
        assert!(parse_object(b"{}").is_ok());
        assert!(matches!(parse_object(b"[]"), Err(JsonError::NotAnObject)));
    }
}
