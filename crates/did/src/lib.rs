//! Decentralized identifiers (DID Core 1.0): the methods `key`, `jwk` and `web`, and documents.
//!
//! All three are our own. `ssi` is the oracle that tests hold `did:key` and `did:jwk` against, and no
//! other crate sees it; its `did:web` follows redirects and reaches private addresses.
//!
//! Invariant: a document counts only for the DID that its `id` says, and a key only for the
//! relationship that lists it. Nothing is fetched here: documents come in as values.

mod document;
mod offline;
mod web;

pub use document::{DidDocument, MAX_DOCUMENT_BYTES, Relationship, VerificationMethod};
pub use offline::{did_jwk, did_key, resolve_offline};
pub use web::{did_web, did_web_url};

use sekisho_jose::JwkError;
use sekisho_jose::json::JsonError;
use thiserror::Error;

/// Why a DID or a document was refused.
#[derive(Debug, Error)]
pub enum DidError {
    /// Not a DID, or longer than 4096 characters.
    #[error("not a DID")]
    Syntax,
    /// A method that is not supported here.
    #[error("DID method {0:?} is not supported here")]
    Method(String),
    /// The part after the method is malformed.
    #[error("malformed {method} DID: {reason}")]
    Identifier {
        /// `did:key`, `did:jwk` or `did:web`.
        method: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The DID names a key of a kind that is not supported.
    #[error("the key of the DID is of a kind that is not supported")]
    KeyKind,
    /// A key was refused.
    #[error(transparent)]
    Jwk(#[from] JwkError),
    /// An origin that is not `https://host` or `http://host` with an optional port.
    #[error("not an origin: {0:?}")]
    Origin(String),
    /// The document is not strict JSON.
    #[error("DID document: {0}")]
    Json(#[from] JsonError),
    /// The document is larger than is read, in bytes.
    #[error("a DID document of {0} bytes")]
    TooLarge(usize),
    /// The document is of another DID.
    #[error("document of {found:?}, expected {expected:?}")]
    Id {
        /// In the document.
        found: String,
        /// Asked for.
        expected: String,
    },
    /// A member is missing or malformed.
    #[error("DID document: malformed {0}")]
    Malformed(&'static str),
    /// Two verification methods of one id.
    #[error("DID document: two verification methods {0:?}")]
    Duplicate(String),
    /// A relationship names a method that the document does not have.
    #[error("DID document: no verification method {0:?}")]
    Dangling(String),
}

/// The longest DID that is read, in bytes.
const MAX_DID: usize = 4096;
