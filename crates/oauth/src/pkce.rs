//! Proof Key for Code Exchange, method S256 (RFC 7636).
//!
//! Invariant: only S256 exists here; `plain`, and an absent method, which means `plain`, are refused
//! (RFC 9700, 2.1.1).

use sekisho_ambient::{constant_time_eq, sha256};
use sekisho_jose::b64u;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The methods that are supported, for checks and metadata alike.
pub const METHODS: &[&str] = &["S256"];

/// SHA-256 of a code verifier that the client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge([u8; 32]);

/// Why a challenge or a verifier was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PkceError {
    /// A challenge that is not 43 base64url characters.
    #[error("code_challenge is not the base64url form of a SHA-256 digest")]
    Challenge,
    /// `plain`, none, or an unknown method.
    #[error("code_challenge_method has to be S256")]
    Method,
    /// `code_challenge_method` without `code_challenge`.
    #[error("code_challenge_method without code_challenge")]
    MethodAlone,
    /// A verifier that is not 43 to 128 unreserved characters.
    #[error("code_verifier is not 43 to 128 unreserved characters")]
    Verifier,
    /// The verifier is not the challenge's.
    #[error("code_verifier does not match code_challenge")]
    Mismatch,
}

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` (RFC 7636, 4.3).
    pub fn from_parameters(
        challenge: Option<&str>,
        method: Option<&str>,
    ) -> Result<Option<Self>, PkceError> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(PkceError::MethodAlone),
            (Some(challenge), Some(method)) if METHODS.contains(&method) => {
                let digest = b64u::decode(challenge).map_err(|_| PkceError::Challenge)?;
                Ok(Some(Self(digest.try_into().map_err(|_| PkceError::Challenge)?)))
            }
            (Some(_), _) => Err(PkceError::Method),
        }
    }

    /// The challenge of `verifier` (RFC 7636, 4.2), as a client makes it.
    pub fn of(verifier: &str) -> Result<Self, PkceError> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return Err(PkceError::Verifier);
        }
        Ok(Self(sha256(verifier.as_bytes())))
    }

    /// Checks that this is the challenge of `verifier` (RFC 7636, 4.6), in constant time.
    pub fn verify(&self, verifier: &str) -> Result<(), PkceError> {
        if constant_time_eq(&Self::of(verifier)?.0, &self.0) {
            return Ok(());
        }
        Err(PkceError::Mismatch)
    }
}

impl std::fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&b64u::encode(self.0))
    }
}
