//! The wallet's answer (OpenID4VP 1.0, section 8).

mod answer;
mod build;
mod verify;

use sekisho_credential::vc::CredentialError;
use sekisho_jose::jwe::JweError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dcql::Unsatisfied;

pub use answer::{VpToken, WalletAnswer, parse};
pub use build::{FormPairs, build, refuse};
pub use verify::{ResponseCheck, VerifiedPresentation, verify};

/// What a wallet says instead of presenting (section 8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalletError {
    /// The person declined, or has nothing that fits.
    AccessDenied,
    /// No wallet could be opened.
    WalletUnavailable,
    /// The wallet supports none of the formats that were asked for.
    VpFormatsNotSupported,
    /// The request is malformed.
    InvalidRequest,
    /// The client identifier or its proof was not accepted.
    InvalidClient,
    /// A scope value is unknown.
    InvalidScope,
    /// `request_uri_method` is neither get nor post.
    InvalidRequestUriMethod,
    /// `transaction_data` is malformed or not supported.
    InvalidTransactionData,
    /// Any other error code.
    Other,
}

/// Why an answer was refused. [`ResponseError::code`] is what people are told.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// A parameter is missing, occurs twice or is malformed.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// A plain answer where an encrypted one was asked for, or the other way round.
    #[error("the answer is not in the response mode that was asked for")]
    Mode,
    /// The answer cannot be decrypted.
    #[error("decryption: {0}")]
    Decryption(#[from] JweError),
    /// A credential was refused.
    #[error("credential for query {id}: {error}")]
    Credential {
        /// The credential query.
        id: String,
        /// Why.
        error: CredentialError,
    },
    /// The answer does not satisfy the query.
    #[error(transparent)]
    Query(#[from] Unsatisfied),
    /// The credentials are bound to keys of several holders.
    #[error("the credentials are bound to different holder keys")]
    Holders,
}

impl WalletError {
    /// The error on the wire.
    pub const fn as_str(self) -> &'static str {
        todo!()
    }
    /// The code of `spec/errors.md`.
    pub const fn code(self) -> &'static str {
        todo!()
    }
}
impl std::fmt::Display for WalletError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ResponseError {
    /// The code of `spec/errors.md`.
    pub fn code(&self) -> &'static str {
        todo!()
    }
}
