//! `c_nonce` (OpenID4VCI 1.0, section 7) as a stateless MAC: expiry, randomness, HMAC-SHA-256.
use sekisho_ambient::{Entropy, HandleKey, Timestamp};
use thiserror::Error;

/// How long a nonce is good, in seconds.
pub const LIFETIME: i64 = 300;

/// A nonce that was made here and is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedNonce {
    /// Names the nonce.
    pub id: [u8; 32],
    /// When it ends.
    pub expires: Timestamp,
    /// Where its use is to be recorded, so that it is not used again: expiry, then id.
    pub row: HandleKey,
}

/// Why a nonce was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NonceError {
    /// Not made here, or changed.
    #[error("the nonce was not made here")]
    Unknown,
    /// Expired.
    #[error("the nonce has expired")]
    Expired,
}

/// A fresh nonce. A `key` of its own for each issuer keeps the nonces of issuers apart.
pub fn mint(key: &[u8; 32], now: Timestamp, entropy: &Entropy) -> String {
    let _ = (key, now, entropy);
    todo!()
}

/// Checks a nonce; that it has not been used is for the caller to record.
pub fn check(key: &[u8; 32], nonce: &str, now: Timestamp) -> Result<AcceptedNonce, NonceError> {
    let _ = (key, nonce, now);
    todo!()
}
