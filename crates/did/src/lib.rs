//! Decentralized identifiers (DID Core 1.0): the methods `key`, `jwk` and `web`, and documents.
//!
//! We implement all three methods. Tests compare `did:key` and `did:jwk` with the crate `ssi`,
//! which nothing else uses. Its `did:web` is not used, because it follows redirects and reaches
//! private addresses.
//!
//! Invariant: a document is accepted only for the DID in its `id`, and a key only for the
//! relationships that list it. This crate fetches nothing: the caller passes documents in as
//! values.

mod document;
mod offline;
mod web;

pub use document::{DidDocument, MAX_DOCUMENT_BYTES, Relationship, VerificationMethod};
pub use offline::{did_jwk, did_key, resolve_offline};
pub use web::{did_web, did_web_url};

use sekisho_jose::JwkError;
use sekisho_jose::json::JsonError;
use thiserror::Error;

/// The reason why a DID or a document was refused.
#[derive(Debug, Error)]
pub enum DidError {
    /// The text is not a DID, or is longer than 4096 characters.
    #[error("not a DID")]
    Syntax,
    /// The DID method is not supported.
    #[error("DID method {0:?} is not supported here")]
    Method(String),
    /// The part after the method is malformed.
    #[error("malformed {method} DID: {reason}")]
    Identifier {
        /// `did:key`, `did:jwk` or `did:web`.
        method: &'static str,
        /// A description of the error.
        reason: &'static str,
    },
    /// The key in the DID is of an unsupported kind.
    #[error("the key of the DID is of a kind that is not supported")]
    KeyKind,
    /// A key was refused.
    #[error(transparent)]
    Jwk(#[from] JwkError),
    /// The origin is not `https://host` or `http://host` with an optional port.
    #[error("not an origin: {0:?}")]
    Origin(String),
    /// The document was refused by the strict JSON reader.
    #[error("DID document: {0}")]
    Json(#[from] JsonError),
    /// The document is too large. The number is its size in bytes.
    #[error("a DID document of {0} bytes")]
    TooLarge(usize),
    /// The document describes another DID.
    #[error("document of {found:?}, expected {expected:?}")]
    Id {
        /// The DID in the document.
        found: String,
        /// The DID that was asked for.
        expected: String,
    },
    /// A member is missing or malformed.
    #[error("DID document: malformed {0}")]
    Malformed(&'static str),
    /// Two verification methods have the same id.
    #[error("DID document: two verification methods {0:?}")]
    Duplicate(String),
    /// A relationship refers to a method that is not in the document.
    #[error("DID document: no verification method {0:?}")]
    Dangling(String),
}

/// The greatest length of a DID, in bytes.
const MAX_DID: usize = 4096;
