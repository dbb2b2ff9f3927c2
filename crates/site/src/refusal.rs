//! Why a use-case did not do what was asked.

use sekisho_profile::Code;
use sekisho_store::{PersonKeyError, StoreError};

/// Why a use-case ended without doing what was asked: a code that people are told, with a reference
/// that finds it in the log, or what broke.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A code, to be shown on a page or as an error.
    #[error("{code} ({reference})")]
    Code {
        /// The code.
        code: Code,
        /// A reference for the operator.
        reference: String,
    },
    /// There is no such thing, or not for this browser: the edge tells nothing more.
    #[error("there is no such thing here")]
    NotFound,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is sealed under a person's key does not open.
    #[error(transparent)]
    Person(#[from] PersonKeyError),
    /// A key that must be there is not.
    #[error("no key to sign with")]
    NoKey,
}

impl Refusal {
    /// A refusal that people are told by its code.
    pub fn code(code: Code, reference: impl Into<String>) -> Self {
        Self::Code { code, reference: reference.into() }
    }

    /// The code that people are told.
    pub fn told(&self) -> Code {
        match self {
            Self::Code { code, .. } => *code,
            Self::NotFound => Code::LoginExpired,
            Self::Store(StoreError::Busy) => Code::Busy,
            Self::Store(_) | Self::Person(_) => Code::Store,
            Self::NoKey => Code::KeyUnavailable,
        }
    }

    /// The reference that finds it in the log; empty where there is none.
    pub fn reference(&self) -> &str {
        match self {
            Self::Code { reference, .. } => reference,
            _ => "",
        }
    }
}
