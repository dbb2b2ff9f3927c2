//! One disclosure (RFC 9901, sections 4.2.1 to 4.2.3).
//!
//! Invariant: the digest is computed over the text as it was received or sent. A disclosure is
//! never encoded again, and base64url that is not canonical is refused.

use sekisho_ambient::sha256;
use sekisho_jose::{b64u, json};
use serde_json::Value;

use super::reveal::DisclosureError;
use super::{ELLIPSIS, MAX_DISCLOSURE_BYTES, SD, SD_ALG};

/// One disclosure, as it was read or written.
#[derive(Clone, Debug)]
pub(super) struct Disclosure {
    /// The text in the SD-JWT.
    pub(super) encoded: String,
    /// The name of the member, for a member of an object; `None` for an element of an array.
    pub(super) name: Option<String>,
    /// The disclosed value.
    pub(super) value: Value,
}

impl Disclosure {
    /// Makes a disclosure with this salt.
    pub(super) fn new(salt: &str, name: Option<&str>, value: Value) -> Self {
        let json = match name {
            Some(name) => Value::Array(vec![salt.into(), name.into(), value.clone()]),
            None => Value::Array(vec![salt.into(), value.clone()]),
        };
        let encoded = b64u::encode(json.to_string());
        Self { encoded, name: name.map(ToOwned::to_owned), value }
    }

    /// Reads a disclosure from its text.
    pub(super) fn parse(encoded: &str) -> Result<Self, DisclosureError> {
        if encoded.len() > MAX_DISCLOSURE_BYTES {
            return Err(DisclosureError::TooLong(encoded.len()));
        }
        let bytes = b64u::decode(encoded).map_err(|_| DisclosureError::Base64)?;
        let Value::Array(parts) = json::parse(&bytes)? else {
            return Err(DisclosureError::NotAnArray);
        };
        let count = parts.len();
        let mut parts = parts.into_iter();
        let (name, value) = match (count, parts.next(), parts.next(), parts.next()) {
            (2, Some(Value::String(_)), Some(value), None) => (None, value),
            (3, Some(Value::String(_)), Some(Value::String(name)), Some(value)) => {
                (Some(name), value)
            }
            (3, Some(Value::String(_)), _, _) => return Err(DisclosureError::NameNotAString),
            (2 | 3, ..) => return Err(DisclosureError::SaltNotAString),
            _ => return Err(DisclosureError::Elements(count)),
        };
        match name {
            Some(name) if [SD, ELLIPSIS, SD_ALG].contains(&name.as_str()) => {
                Err(DisclosureError::ReservedName(name))
            }
            name => Ok(Self { encoded: encoded.to_owned(), name, value }),
        }
    }

    /// Returns the digest that replaces the value in the claims (section 4.2.3).
    pub(super) fn digest(&self) -> String {
        digest(&self.encoded)
    }
}

/// Returns base64url of the SHA-256 of `text`.
pub(super) fn digest(text: &str) -> String {
    b64u::encode(sha256(text.as_bytes()))
}
