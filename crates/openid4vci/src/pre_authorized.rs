//! The state of a pre-authorized code (OpenID4VCI 1.0, sections 6.1, 6.3 and 13.6).
//!
//! ```text
//! Offered ──redeem: right transaction code, or none asked──▶ Redeemed
//!    │ └──wrong, up to four times──▶ Offered
//!    └──wrong for the fifth time──▶ Burned
//! ```
//!
//! Invariant: a code is consumed by success, or by the fifth wrong transaction code; never by a
//! request that lacks one or brings one unasked (attacks VI-01 to VI-03). Every [`Outcome`]'s state
//! is persisted in the transaction that read it, so that tries in parallel are all counted.
//!
//! Leaves to others: the code's own expiry, which its handle carries.

use sekisho_ambient::{Entropy, Secret, constant_time_eq, hmac_sha256};
use sekisho_oauth::token::TokenError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many wrong transaction codes burn the offer.
pub const TRIES: u8 = 5;

/// Keeps these MACs apart from others under the same key.
const PURPOSE: &[u8] = b"openid4vci tx_code 1";

/// Where a pre-authorized code stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreAuthorized {
    /// To be redeemed.
    Offered {
        /// The transaction code, if one is asked for.
        tx_code: Option<TxCodeDigest>,
        /// How many wrong ones came.
        wrong: u8,
    },
    /// Redeemed, once.
    Redeemed,
    /// Over after too many wrong transaction codes.
    Burned,
}

/// A transaction code at rest: HMAC-SHA-256 over a salt and the code. It has too few digits for a
/// plain hash, which a stolen table would give away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxCodeDigest {
    salt: [u8; 16],
    digest: [u8; 32],
}

/// Why a code was not redeemed. The state that comes with it has to be persisted all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedeemError {
    /// A transaction code came and none is asked for; not counted.
    #[error("a transaction code was given and none is asked for")]
    TxCodeUnexpected,
    /// No transaction code came and one is asked for; not counted.
    #[error("the transaction code is missing")]
    TxCodeMissing,
    /// A wrong transaction code.
    #[error("wrong transaction code, {tries_left} tries left")]
    WrongTxCode {
        /// 0: the offer is burned now.
        tries_left: u8,
    },
    /// Redeemed before.
    #[error("the code has been redeemed already")]
    AlreadyRedeemed,
    /// Burned before.
    #[error("the code was burned by wrong transaction codes")]
    Burned,
}

/// The state to persist, and what came of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// To be persisted, whatever the result.
    pub state: PreAuthorized,
    /// Whether the code is redeemed now.
    pub result: Result<(), RedeemError>,
}

/// A transaction code of `digits` decimal digits, to be told on another channel than the offer.
pub fn draw_tx_code(digits: u32, entropy: &Entropy) -> Secret<String> {
    let digit = |_| char::from_digit(entropy.below(10), 10).unwrap_or('0');
    Secret::new((0..digits).map(digit).collect())
}

impl TxCodeDigest {
    /// The digest of `tx_code` under `mac_key`.
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

/// What the wallet is told: `invalid_request` for a transaction code too many or too few,
/// `invalid_grant` else (section 6.3).
impl From<RedeemError> for TokenError {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::TxCodeUnexpected => Self::Unexpected("tx_code"),
            RedeemError::TxCodeMissing => Self::Missing("tx_code"),
            RedeemError::WrongTxCode { .. }
            | RedeemError::AlreadyRedeemed
            | RedeemError::Burned => Self::InvalidGrant,
        }
    }
}

impl PreAuthorized {
    /// A fresh code.
    pub fn offered(tx_code: Option<TxCodeDigest>) -> Self {
        Self::Offered { tx_code, wrong: 0 }
    }

    /// Redeems the code with what was typed, if anything was.
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
