//! The state of a pre-authorized code.
//!
//! ```text
//! Offered ─redeem (right or no transaction code)─▶ Redeemed
//!    └─ fifth wrong transaction code ─▶ Burned
//! ```
use sekisho_ambient::{Entropy, Secret};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many wrong transaction codes burn the offer.
pub const TRIES: u8 = 5;

/// Where a pre-authorized code stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
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
    /// Too many wrong transaction codes.
    Burned,
}

/// A transaction code at rest: HMAC-SHA-256 over a salt and the code, so that a stolen table does not give it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxCodeDigest {
    salt: [u8; 16],
    digest: [u8; 32],
}

/// Why a code was not redeemed. The state that comes with it must be persisted all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedeemError {
    /// A transaction code came and none is expected; not counted.
    #[error("a transaction code was given and none is expected")]
    TxCodeUnexpected,
    /// No transaction code came and one is expected; not counted.
    #[error("the transaction code is missing")]
    TxCodeMissing,
    /// A wrong transaction code; so many tries are left.
    #[error("wrong transaction code, {tries_left} tries left")]
    WrongTxCode {
        /// 0: the offer is burned.
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

/// A transaction code of `digits` decimal digits, for another channel than the offer's.
pub fn draw_tx_code(digits: u32, entropy: &Entropy) -> Secret<String> {
    let _ = (digits, entropy);
    todo!()
}

impl TxCodeDigest {
    /// The digest of `tx_code` under `mac_key`.
    pub fn new(tx_code: &str, mac_key: &[u8; 32], entropy: &Entropy) -> Self {
        let _ = (tx_code, mac_key, entropy);
        todo!()
    }
}

impl RedeemError {
    /// The error code of the token endpoint: `invalid_request` or `invalid_grant`.
    pub fn code(self) -> &'static str {
        todo!()
    }
}

impl PreAuthorized {
    /// A fresh code.
    pub fn offered(tx_code: Option<TxCodeDigest>) -> Self {
        Self::Offered { tx_code, wrong: 0 }
    }
    /// Redeems the code.
    pub fn redeem(self, tx_code: Option<&str>, mac_key: &[u8; 32]) -> Outcome {
        let _ = (tx_code, mac_key);
        todo!()
    }
}
