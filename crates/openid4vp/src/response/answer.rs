//! Reading the answer's form.
use super::{ResponseError, WalletError};
use crate::request::ResponseMode;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_oauth::params::Params;
use std::collections::BTreeMap;

/// Presentations by query id (section 8.1).
pub type VpToken = BTreeMap<String, Vec<String>>;

/// What a wallet answers.
#[derive(Clone, PartialEq, Eq)]
pub enum WalletAnswer {
    /// Presentations, not verified yet.
    Presented {
        /// By query id.
        vp_token: VpToken,
        /// As in the request, if the wallet is right.
        state: Option<String>,
    },
    /// An error.
    Refused {
        /// Which.
        error: WalletError,
        /// In the wallet's words; for the log.
        description: Option<String>,
        /// As in the request, if the wallet is right.
        state: Option<String>,
    },
}

impl WalletAnswer {
    /// `state` of the answer, to be compared with the request's.
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Presented { state, .. } | Self::Refused { state, .. } => state.as_deref(),
        }
    }
}

/// Reads an answer.
pub fn parse(
    params: &Params,
    mode: ResponseMode,
    key: Option<&DecryptionKey>,
) -> Result<WalletAnswer, ResponseError> {
    let _ = (params, mode, key);
    todo!()
}
