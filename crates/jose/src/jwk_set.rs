//! JWK Set (RFC 7517, section 5).

use serde_json::{Value, json};

use crate::{JwkError, PublicJwk};

/// The most keys of a set that are read. Further ones are ignored.
const MAX_KEYS: usize = 100;

/// The public keys of a document that a `jwks_uri` serves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JwkSet {
    /// The keys, in the order of the document.
    pub keys: Vec<PublicJwk>,
}

impl JwkSet {
    /// Writes the document as JSON.
    pub fn to_value(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicJwk::to_value).collect::<Vec<_>>() })
    }

    /// Reads a document. Keys that cannot be used here (another type, curve or algorithm, too
    /// short, malformed) are left out, as section 5 asks. At most the first 100 keys are read.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        let keys = value.get("keys").and_then(Value::as_array).ok_or(JwkError::NotASet)?;
        let keys = keys.iter().take(MAX_KEYS);
        Ok(Self { keys: keys.filter_map(|key| PublicJwk::from_value(key).ok()).collect() })
    }

    /// Returns the keys with this `kid`. There may be several, because `kid` is only a hint.
    pub fn with_kid<'a>(&'a self, kid: &'a str) -> impl Iterator<Item = &'a PublicJwk> {
        self.keys.iter().filter(move |key| key.kid() == Some(kid))
    }
}
