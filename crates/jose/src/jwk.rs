//! Public keys as JSON (RFC 7517; RFC 7518, section 6; RFC 8037, section 2).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

use crate::{Algorithm, VerifyingKey};

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicJwk {}

/// `use` of a key (RFC 7517, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// `sig`.
    Signature,
    /// `enc`.
    Encryption,
}

/// Why a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwkError {
    /// The document has no array `keys`.
    #[error("not a JWK Set")]
    NotASet,
}

impl PublicJwk {
    /// x
    pub fn from_value(_value: &Value) -> Result<Self, JwkError> {
        todo!()
    }
    /// x
    pub fn to_value(&self) -> Value {
        todo!()
    }
    /// x
    pub fn minimal(&self) -> Value {
        todo!()
    }
    /// x
    pub fn thumbprint(&self) -> String {
        todo!()
    }
    /// x
    pub fn thumbprint_bytes(&self) -> [u8; 32] {
        todo!()
    }
    /// x
    pub fn kid(&self) -> Option<&str> {
        todo!()
    }
    /// x
    pub fn algorithm(&self) -> Option<Algorithm> {
        todo!()
    }
    /// x
    #[must_use]
    pub fn with_kid(self, _kid: impl Into<String>) -> Self {
        todo!()
    }
    /// x
    #[must_use]
    pub fn with_algorithm(self, _algorithm: Algorithm) -> Self {
        todo!()
    }
    /// x
    #[must_use]
    pub fn with_use(self, _use: KeyUse) -> Self {
        todo!()
    }
    /// x
    pub fn verifying_key(&self) -> Result<VerifyingKey, JwkError> {
        todo!()
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}
