//! `error_description` (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3).
//!
//! Invariant: a [`Description`] is printable ASCII without `"` and `\`, so that it can stand in a
//! query, in JSON and in a quoted string of `WWW-Authenticate` alike.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest description, in characters.
const MAX_LENGTH: usize = 300;

/// An explanation for the developer of a client, in characters that are safe in every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Makes a description of `text`. Each character that is not allowed is replaced by `'`, `/` or
    /// `?`.
    pub fn new(text: &str) -> Self {
        let plain = |c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        };
        Self(text.chars().take(MAX_LENGTH).map(plain).collect())
    }

    /// The description as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Description {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_grammar_allows_is_left() {
        let told = Description::new("type \"x\\y\"\r\nSet-Cookie: 神\t\u{7f}");
        assert_eq!(told.as_str(), "type 'x/y'??Set-Cookie: ???");
        assert_eq!(Description::new(&"a".repeat(1000)).as_str().len(), MAX_LENGTH);
    }
}
