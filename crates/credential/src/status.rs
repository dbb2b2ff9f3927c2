//! Token Status List (draft-ietf-oauth-status-list): tells whether a credential is valid, revoked
//! or suspended.
//!
//! Invariant: a status that cannot be read is never [`Status::Valid`]. An index out of range is an
//! error, and so is a list of another issuer or URI, or one that is too old or too large.
//!
//! Leaves to others: fetching lists, keeping them, and choosing indexes.

mod list;
mod packed;
mod token;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

pub use list::{Status, StatusList};
pub use token::{
    CheckToken, IssueToken, MAX_LIST_BYTES, MAX_TOKEN_BYTES, MAX_TTL, VerifiedStatusList, header,
    issue_token, verify_token,
};

use crate::vc::UntrustedError;
use sekisho_jose::{ClaimError, JwtError, KeyError};

/// Where verifiers find the status of a credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatusReference {
    /// The URI of the list.
    pub uri: String,
    /// The index in the list, from 0.
    pub index: u64,
}

/// The reason why a status, or a status list, was refused.
#[derive(Debug, Error)]
pub enum StatusError {
    /// `status` is not `{"status_list": {"idx", "uri"}}`.
    #[error("malformed status")]
    Reference,
    /// `status` names a mechanism that is not supported.
    #[error("status mechanism {0:?} is not supported")]
    Mechanism(String),
    /// The number of bits of an entry is not 1, 2, 4 or 8.
    #[error("{0} bits an entry, expected 1, 2, 4 or 8")]
    Bits(u64),
    /// The list does not have this index.
    #[error("index {index} in a list of {entries} entries")]
    Index {
        /// The index that was asked for.
        index: u64,
        /// The number of entries in the list.
        entries: u64,
    },
    /// The value does not fit into the bits of an entry.
    #[error("value {value} in an entry of {bits} bits")]
    Value {
        /// The value to set.
        value: u8,
        /// The bits of an entry in this list.
        bits: u8,
    },
    /// The list is too large. The number is the limit in bytes.
    #[error("a list of more than {0} bytes")]
    TooLarge(usize),
    /// `lst` is not base64url of one zlib stream.
    #[error("lst is not base64url of a zlib stream")]
    Compression,
    /// `status_list` is malformed.
    #[error("malformed status_list")]
    List,
    /// The token was refused.
    #[error("status list token: {0}")]
    Jwt(#[from] JwtError),
    /// The signer is not the credential's issuer, or is not trusted.
    #[error("status list token: {0}")]
    Untrusted(#[from] UntrustedError),
    /// `sub` is not the URI in the credential.
    #[error("status list token of {found:?}, expected {expected:?}")]
    Subject {
        /// The value of `sub`.
        found: String,
        /// The URI in the credential.
        expected: String,
    },
    /// `iss` is not the credential's issuer.
    #[error("status list token of issuer {0:?}")]
    Issuer(String),
    /// `iat`, `exp` or `nbf` forbid the use of the token now.
    #[error("status list token: {0}")]
    Time(#[from] ClaimError),
    /// The token has neither `exp` nor `ttl`, or has only `ttl` and is too old.
    #[error("status list token is too old, or could never end")]
    Stale,
    /// `ttl` is not a positive number.
    #[error("status list token: malformed ttl")]
    Ttl,
    /// The token is older than one that was seen before.
    #[error("status list token is older than one that was seen")]
    Rollback,
    /// The token could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl StatusReference {
    /// Reads the claim `status` of a credential.
    pub fn from_claim(status: &Value) -> Result<Self, StatusError> {
        let members = status.as_object().ok_or(StatusError::Reference)?;
        if let Some(other) = members.keys().find(|name| *name != "status_list") {
            return Err(StatusError::Mechanism(other.clone()));
        }
        let list = members.get("status_list").ok_or(StatusError::Reference)?;
        let uri = list.get("uri").and_then(Value::as_str).filter(|uri| !uri.is_empty());
        let index = list.get("idx").and_then(Value::as_u64);
        match (uri, index) {
            (Some(uri), Some(index)) => Ok(Self { uri: uri.to_owned(), index }),
            _ => Err(StatusError::Reference),
        }
    }

    /// Writes the claim `status`, with this mechanism only.
    pub fn to_claim(&self) -> Value {
        json!({"status_list": {"idx": self.index, "uri": self.uri}})
    }
}
