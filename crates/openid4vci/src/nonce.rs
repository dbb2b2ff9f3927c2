//! `c_nonce` (OpenID4VCI 1.0, section 7) without a table: `expiry (8 bytes) ‖ randomness (24) ‖
//! HMAC-SHA-256 (32)`, as base64url.
//!
//! Invariant: [`check`] accepts only a nonce that [`mint`] made with the same key, until it
//! expires. The caller makes sure that it is used once: it writes the row [`AcceptedNonce::row`] in
//! the transaction that issues. So a request that fails does not use up the nonce (checklist
//! VCI-30).

use sekisho_ambient::{Entropy, HandleKey, Timestamp, constant_time_eq, hmac_sha256, sha256};
use sekisho_jose::b64u;
use thiserror::Error;

/// How long a nonce is valid, in seconds.
pub const LIFETIME: i64 = 300;

/// Keeps these MACs distinct from other MACs made with the same key.
const PURPOSE: &[u8] = b"openid4vci c_nonce 1";

/// The length of expiry and randomness, which the MAC covers, in bytes.
const BODY: usize = 32;

/// A nonce that was made here and has not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedNonce {
    /// Identifies the nonce.
    pub id: [u8; 32],
    /// When the nonce expires. The record of its use can be deleted then.
    pub expires: Timestamp,
    /// The key of the row that records its use: expiry, then id.
    pub row: HandleKey,
}

/// Why a nonce was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NonceError {
    /// The nonce was not made here with this key, or it was changed.
    #[error("the nonce was not made here")]
    Unknown,
    /// The nonce has expired.
    #[error("the nonce has expired")]
    Expired,
}

/// Makes a fresh nonce that is valid for [`LIFETIME`]. Each issuer has a `key` of its own, so that
/// the nonces of one are not accepted by another.
pub fn mint(key: &[u8; 32], now: Timestamp, entropy: &Entropy) -> String {
    let expiry = now.plus(LIFETIME).to_sortable();
    let randomness: [u8; 24] = entropy.bytes();
    let body = [expiry.as_slice(), &randomness].concat();
    let mac = hmac_sha256(key, &[PURPOSE, &body]);
    b64u::encode([body.as_slice(), &mac].concat())
}

/// Checks that `nonce` was made with `key` and has not expired at `now`.
pub fn check(key: &[u8; 32], nonce: &str, now: Timestamp) -> Result<AcceptedNonce, NonceError> {
    let bytes = b64u::decode(nonce).map_err(|_| NonceError::Unknown)?;
    let (body, mac) = bytes.split_at_checked(BODY).ok_or(NonceError::Unknown)?;
    if !constant_time_eq(&hmac_sha256(key, &[PURPOSE, body]), mac) {
        return Err(NonceError::Unknown);
    }
    let (expiry, _) = body.split_first_chunk::<8>().ok_or(NonceError::Unknown)?;
    let id = sha256(body);
    let row = [expiry.as_slice(), &id].concat();
    let row = HandleKey::from_bytes(&row).ok_or(NonceError::Unknown)?;
    if row.expires() <= now {
        return Err(NonceError::Expired);
    }
    Ok(AcceptedNonce { id, expires: row.expires(), row })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    fn nonce() -> String {
        mint(&KEY, NOW, &Entropy::seeded(1))
    }

    #[test]
    fn a_nonce_is_good_until_it_expires() {
        let accepted = check(&KEY, &nonce(), NOW).unwrap();
        assert_eq!(accepted.expires, NOW.plus(LIFETIME));
        assert_eq!(accepted.row.expires(), accepted.expires);
        assert!(check(&KEY, &nonce(), NOW.plus(LIFETIME - 1)).is_ok());
        assert_eq!(check(&KEY, &nonce(), NOW.plus(LIFETIME)), Err(NonceError::Expired));
    }

    #[test]
    fn a_nonce_of_another_key_is_unknown() {
        assert_eq!(check(&[8; 32], &nonce(), NOW), Err(NonceError::Unknown));
    }

    #[test]
    fn no_byte_of_a_nonce_can_be_changed() {
        let bytes = b64u::decode(&nonce()).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = b64u::encode(changed);
            assert_eq!(check(&KEY, &changed, NOW), Err(NonceError::Unknown), "byte {place}");
        }
    }

    #[test]
    fn other_text_is_unknown() {
        for text in ["", "abc", "=", &nonce()[1..], &format!("{}AA", nonce())] {
            assert_eq!(check(&KEY, text, NOW), Err(NonceError::Unknown), "{text}");
        }
    }

    #[test]
    fn two_nonces_differ_and_so_do_their_ids() {
        let entropy = Entropy::seeded(1);
        let (a, b) = (mint(&KEY, NOW, &entropy), mint(&KEY, NOW, &entropy));
        assert_ne!(a, b);
        assert_ne!(check(&KEY, &a, NOW).unwrap().id, check(&KEY, &b, NOW).unwrap().id);
        assert!(a.len() >= 22);
    }
}
