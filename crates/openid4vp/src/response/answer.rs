//! Reading the answer's form.
use super::{ResponseError, WalletError};
use crate::request::ResponseMode;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_oauth::params::Params;
use std::collections::BTreeMap;

/// Presentations by query id (section 8.1).
pub type VpToken = BTreeMap<String, Vec<String>>;

/// The answer that is awaited.
pub struct Awaited<'a> {
    /// How it has to come.
    pub mode: ResponseMode,
    /// The key of this transaction, in encrypted mode.
    pub key: Option<&'a DecryptionKey>,
    /// The request's `state`.
    pub state: &'a str,
}

/// What a wallet answers.
#[derive(Clone, PartialEq, Eq)]
pub enum WalletAnswer {
    /// Presentations, not verified yet.
    Presented {
        /// By query id.
        vp_token: VpToken,
    },
    /// An error.
    Refused {
        /// Which.
        error: WalletError,
        /// In the wallet's words; for the log.
        description: Option<String>,
    },
}

/// Reads an answer.
pub fn parse(params: &Params, awaited: &Awaited<'_>) -> Result<WalletAnswer, ResponseError> {
    let _ = (params, awaited);
    todo!()
}
