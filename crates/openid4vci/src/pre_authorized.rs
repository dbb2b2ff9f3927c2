//! The state of a pre-authorized code (OpenID4VCI 1.0, sections 6.1, 6.3 and 13.6).
//!
//! ```text
//! Offered ──redeem: right transaction code, or none asked──▶ Redeemed
//!    │ └──wrong, up to four times──▶ Offered
//!    └──wrong for the fifth time──▶ Burned
//! ```
//!
//! Invariant: a code is used up by success or by the fifth wrong transaction code. A request
//! without a transaction code that is asked for, or with one that is not, does not use it up
//! (attacks VI-01 to VI-03). The state of every [`Outcome`] is persisted in the transaction that
//! read the old state, so that parallel tries are all counted.
//!
//! Leaves to others: the code's expiry, which is part of its handle.

use sekisho_ambient::{Entropy, Secret, constant_time_eq, hmac_sha256};
use sekisho_oauth::token::TokenError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many wrong transaction codes end the offer.
pub const TRIES: u8 = 5;

/// Keeps these MACs distinct from other MACs made with the same key.
const PURPOSE: &[u8] = b"openid4vci tx_code 1";

/// The state of a pre-authorized code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreAuthorized {
    /// The code can be redeemed.
    Offered {
        /// The digest of the transaction code, if one is asked for.
        tx_code: Option<TxCodeDigest>,
        /// How many wrong transaction codes came so far.
        wrong: u8,
    },
    /// The code has been redeemed. It cannot be redeemed again.
    Redeemed,
    /// The code has ended after too many wrong transaction codes.
    Burned,
}

/// A transaction code as it is stored: HMAC-SHA-256 over a salt and the code. A plain hash is not
/// enough, because the code is so short that anybody with a stolen table could find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxCodeDigest {
    salt: [u8; 16],
    digest: [u8; 32],
}

/// Why a code was not redeemed. The state that comes with the error has to be persisted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedeemError {
    /// The request has a transaction code, but none is asked for. This is not counted.
    #[error("a transaction code was given and none is asked for")]
    TxCodeUnexpected,
    /// The request has no transaction code, but one is asked for. This is not counted.
    #[error("the transaction code is missing")]
    TxCodeMissing,
    /// The transaction code is wrong.
    #[error("wrong transaction code, {tries_left} tries left")]
    WrongTxCode {
        /// How many tries are left. At 0, the offer has ended.
        tries_left: u8,
    },
    /// The code was redeemed before.
    #[error("the code has been redeemed already")]
    AlreadyRedeemed,
    /// The code had ended before.
    #[error("the code was burned by wrong transaction codes")]
    Burned,
}

/// The new state of the code, and the result of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// The state to persist, whatever the result.
    pub state: PreAuthorized,
    /// `Ok` if this attempt redeemed the code.
    pub result: Result<(), RedeemError>,
}

/// Draws a transaction code of `digits` decimal digits. Send it by another channel than the offer.
pub fn draw_tx_code(digits: u32, entropy: &Entropy) -> Secret<String> {
    let digit = |_| char::from_digit(entropy.below(10), 10).unwrap_or('0');
    Secret::new((0..digits).map(digit).collect())
}

impl TxCodeDigest {
    /// Makes the digest of `tx_code` with the key `mac_key` and a fresh salt.
    pub fn new(tx_code: &str, mac_key: &[u8; 32], entropy: &Entropy) -> Self {
        let salt = entropy.bytes();
        Self { salt, digest: digest(tx_code, mac_key, &salt) }
    }

    fn matches(&self, tx_code: &str, mac_key: &[u8; 32]) -> bool {
        constant_time_eq(&self.digest, &digest(tx_code, mac_key, &self.salt))
    }
}

fn digest(tx_code: &str, mac_key: &[u8; 32], salt: &[u8]) -> [u8; 32] {
    hmac_sha256(mac_key, &[PURPOSE, salt, tx_code.as_bytes()])
}

/// The error that the wallet gets (section 6.3): `invalid_request` if a transaction code is missing
/// or not asked for, otherwise `invalid_grant`.
impl From<RedeemError> for TokenError {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::TxCodeUnexpected => Self::Unexpected("tx_code"),
            RedeemError::TxCodeMissing => Self::Missing("tx_code"),
            RedeemError::WrongTxCode { .. } => Self::WrongTxCode,
            RedeemError::AlreadyRedeemed | RedeemError::Burned => Self::InvalidGrant,
        }
    }
}

impl PreAuthorized {
    /// The state of a new code.
    pub fn offered(tx_code: Option<TxCodeDigest>) -> Self {
        Self::Offered { tx_code, wrong: 0 }
    }

    /// Redeems the code. `tx_code` is what the holder typed, if anything.
    pub fn redeem(self, tx_code: Option<&str>, mac_key: &[u8; 32]) -> Outcome {
        match self {
            Self::Offered { tx_code: expected, wrong } => {
                Self::redeem_offered(expected, wrong, tx_code, mac_key)
            }
            Self::Redeemed => refuse(Self::Redeemed, RedeemError::AlreadyRedeemed),
            Self::Burned => refuse(Self::Burned, RedeemError::Burned),
        }
    }

    fn redeem_offered(
        expected: Option<TxCodeDigest>,
        wrong: u8,
        typed: Option<&str>,
        mac_key: &[u8; 32],
    ) -> Outcome {
        let error = match (&expected, typed) {
            (None, Some(_)) => RedeemError::TxCodeUnexpected,
            (Some(_), None) => RedeemError::TxCodeMissing,
            (Some(expected), Some(typed)) if !expected.matches(typed, mac_key) => {
                let wrong = wrong.saturating_add(1);
                RedeemError::WrongTxCode { tries_left: TRIES.saturating_sub(wrong) }
            }
            (None, None) | (Some(_), Some(_)) => {
                return Outcome { state: Self::Redeemed, result: Ok(()) };
            }
        };
        let state = match error {
            RedeemError::WrongTxCode { tries_left: 0 } => Self::Burned,
            RedeemError::WrongTxCode { tries_left } => {
                Self::Offered { tx_code: expected, wrong: TRIES.saturating_sub(tries_left) }
            }
            _ => Self::Offered { tx_code: expected, wrong },
        };
        refuse(state, error)
    }
}

fn refuse(state: PreAuthorized, error: RedeemError) -> Outcome {
    Outcome { state, result: Err(error) }
}

#[cfg(test)]
mod tests;
