//! The reasons why a use-case did not do what was asked.

use sekisho_profile::Code;
use sekisho_store::{PersonKeyError, StoreError};

use crate::Mismatch;

/// The reason why a use-case did not do what was asked: a code that people are told, with a
/// reference that finds it in the log, or an internal failure.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A code that is shown on a page or returned as an error.
    #[error("{code} ({reference})")]
    Code {
        /// The code that people are told.
        code: Code,
        /// A reference by which the operator finds the refusal in the log.
        reference: String,
    },
    /// A request of a client that cannot be answered at its redirect URI, so that people see the
    /// code.
    #[error("{code}")]
    Client {
        /// The code that people are told.
        code: Code,
        /// What was sent against what is registered, for the log.
        facts: Box<Mismatch>,
    },
    /// The object does not exist, or does not belong to this browser. The answer does not say
    /// which.
    #[error("there is no such thing here")]
    NotFound,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Data that is sealed under a person's key cannot be opened.
    #[error(transparent)]
    Person(#[from] PersonKeyError),
    /// A signing key that must exist does not.
    #[error("no key to sign with")]
    NoKey,
}

impl Refusal {
    /// Makes a refusal that people are told by its code.
    pub fn code(code: Code, reference: impl Into<String>) -> Self {
        Self::Code { code, reference: reference.into() }
    }

    /// Makes a refusal of a client's request, with what the log says about it.
    pub fn client(code: Code, facts: Mismatch) -> Self {
        Self::Client { code, facts: Box::new(facts) }
    }

    /// Returns the code that people are told.
    pub fn told(&self) -> Code {
        match self {
            Self::Code { code, .. } | Self::Client { code, .. } => *code,
            Self::NotFound => Code::PageNotFound,
            Self::Store(StoreError::Busy) => Code::Busy,
            Self::Store(_) | Self::Person(_) => Code::Store,
            Self::NoKey => Code::KeyUnavailable,
        }
    }

    /// Returns the reference that finds the refusal in the log; empty if there is none.
    pub fn reference(&self) -> &str {
        match self {
            Self::Code { reference, .. } => reference,
            _ => "",
        }
    }
}
