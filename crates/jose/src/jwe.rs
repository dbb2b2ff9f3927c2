//! JWE.

use sekisho_ambient::{Entropy, Secret};
use serde_json::Value;
use thiserror::Error;

use crate::PublicJwk;

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncryption {
    /// AES-128-GCM.
    A128Gcm,
    /// AES-256-GCM.
    A256Gcm,
}

impl ContentEncryption {
    /// x
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }
    /// x
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::A128Gcm, Self::A256Gcm].into_iter().find(|enc| enc.name() == name)
    }
}

/// x
#[derive(Debug, Error)]
pub enum JweError {}

/// x
#[derive(Clone)]
pub struct DecryptionKey {}

impl DecryptionKey {
    /// x
    pub fn generate(_entropy: &Entropy) -> Self {
        todo!()
    }
    /// x
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, JweError> {
        todo!()
    }
    /// x
    pub fn to_bytes(&self) -> Secret<[u8; 32]> {
        todo!()
    }
    /// x
    pub fn public_jwk(&self) -> PublicJwk {
        todo!()
    }
    /// x
    pub fn decrypt(&self, _compact: &str) -> Result<Vec<u8>, JweError> {
        todo!()
    }
}

/// x
pub fn encrypt(
    _recipient: &Value,
    _enc: ContentEncryption,
    _plaintext: &[u8],
    _apu: Option<&[u8]>,
    _apv: Option<&[u8]>,
    _entropy: &Entropy,
) -> Result<String, JweError> {
    todo!()
}
