//! Keys that sign: aws-lc-rs signs; p256, ed25519-dalek and josekit make and convert the material.
//!
//! Invariant: a key has one algorithm for life, and no `Debug` or `Serialize`; its private half
//! leaves only as a [`Secret`].

use sekisho_ambient::{Entropy, Secret};
use thiserror::Error;

use crate::{Algorithm, PublicJwk, VerifyingKey};

/// A private key for one algorithm, parsed once.
#[derive(Clone)]
pub struct SigningKey {}

/// Why a key was not made, read or used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// todo
    #[error("not a private key for {0}")]
    Encoding(Algorithm),
}

impl SigningKey {
    /// A fresh key.
    pub fn generate(_algorithm: Algorithm, _entropy: &Entropy) -> Result<Self, KeyError> {
        todo!()
    }
    /// x
    pub fn from_pkcs8_der(_algorithm: Algorithm, _der: &[u8]) -> Result<Self, KeyError> {
        todo!()
    }
    /// x
    pub fn from_pem(_algorithm: Algorithm, _pem: &str) -> Result<Self, KeyError> {
        todo!()
    }
    /// x
    pub fn to_pkcs8_der(&self) -> Secret<Vec<u8>> {
        todo!()
    }
    /// x
    #[must_use]
    pub fn with_kid(self, _kid: impl Into<String>) -> Self {
        todo!()
    }
    /// x
    pub fn kid(&self) -> &str {
        todo!()
    }
    /// x
    pub fn algorithm(&self) -> Algorithm {
        todo!()
    }
    /// x
    pub fn public_jwk(&self) -> PublicJwk {
        todo!()
    }
    /// x
    pub fn verifying_key(&self) -> VerifyingKey {
        todo!()
    }
    /// x
    pub fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, KeyError> {
        todo!()
    }
}
