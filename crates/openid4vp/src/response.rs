//! The wallet's answer (OpenID4VP 1.0, section 8), read ([`parse`]), verified ([`verify()`]) and, on the
//! wallet's side, made ([`build()`], [`refuse`]).
//!
//! Invariant: if an encrypted answer was asked for, a plain one is refused. Only an error may be
//! plain.

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

/// An error with which a wallet answers (section 8.5).
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
    /// An error that is not registered.
    Other,
}

impl WalletError {
    const ALL: [Self; 8] = [
        Self::AccessDenied,
        Self::WalletUnavailable,
        Self::VpFormatsNotSupported,
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidScope,
        Self::InvalidRequestUriMethod,
        Self::InvalidTransactionData,
    ];

    /// The error as sent in `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::WalletUnavailable => "wallet_unavailable",
            Self::VpFormatsNotSupported => "vp_formats_not_supported",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidRequestUriMethod => "invalid_request_uri_method",
            Self::InvalidTransactionData => "invalid_transaction_data",
            Self::Other => "server_error",
        }
    }

    /// The error with this name. Names that are not registered are free text of the peer and give
    /// [`WalletError::Other`].
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|error| error.as_str() == name).unwrap_or(Self::Other)
    }
}

impl std::fmt::Display for WalletError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an answer was refused.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// A parameter is missing, occurs twice or is malformed.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    /// The answer is plain although an encrypted one was asked for, or the other way round.
    #[error("the answer did not come in the response mode that was asked for")]
    Mode,
    /// The answer could not be decrypted or encrypted.
    #[error("encryption: {0}")]
    Encryption(#[from] JweError),
    /// A credential was refused.
    #[error("credential for query {id}: {error}")]
    Credential {
        /// The id of the credential query.
        id: String,
        /// Why the credential was refused.
        #[source]
        error: CredentialError,
    },
    /// The answer does not satisfy the query.
    #[error(transparent)]
    Query(#[from] Unsatisfied),
}
