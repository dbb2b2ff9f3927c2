//! JWK Set (RFC 7517, section 5).

use serde_json::{Value, json};

use crate::{JwkError, PublicJwk};

/// The most keys that a set is read with.
const MAX_KEYS: usize = 100;

/// Public keys as a `jwks_uri` serves them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JwkSet {
    /// In the order of the document.
    pub keys: Vec<PublicJwk>,
}

impl JwkSet {
    /// The document.
    pub fn to_value(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicJwk::to_value).collect::<Vec<_>>() })
    }

    /// Reads a document. Keys that cannot be used here (another type, curve or algorithm, too
    /// short, malformed) are left out, as section 5 asks; not more than 100 keys are looked at.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        let keys = value.get("keys").and_then(Value::as_array).ok_or(JwkError::NotASet)?;
        let keys = keys.iter().take(MAX_KEYS);
        Ok(Self { keys: keys.filter_map(|key| PublicJwk::from_value(key).ok()).collect() })
    }

    /// The keys that bear `kid`. It is a hint: a set may have several.
    pub fn with_kid<'a>(&'a self, kid: &'a str) -> impl Iterator<Item = &'a PublicJwk> {
        self.keys.iter().filter(move |key| key.kid() == Some(kid))
    }
}
