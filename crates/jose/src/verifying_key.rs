//! Keys that verify, by aws-lc-rs.

use crate::{Algorithm, PublicJwk};
use thiserror::Error;

/// A public key, parsed once.
#[derive(Clone)]
pub struct VerifyingKey {}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The algorithm does not fit the key's type, curve or `alg`.
    #[error("the key does not serve {0}")]
    Algorithm(Algorithm),
    /// The signature was not made by this key over this message.
    #[error("the signature does not verify")]
    Invalid,
}

impl VerifyingKey {
    /// x
    pub fn verify(
        &self,
        _algorithm: Algorithm,
        _message: &[u8],
        _signature: &[u8],
    ) -> Result<(), SignatureError> {
        todo!()
    }
    /// x
    pub fn jwk(&self) -> &PublicJwk {
        todo!()
    }
    /// x
    pub fn supports(&self, _algorithm: Algorithm) -> bool {
        todo!()
    }
}
