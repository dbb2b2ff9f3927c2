//! One login, from the authorization request to the code.
//!
//! | step | who | here |
//! |---|---|---|
//! | `GET /authorize` | browser | [`Broker::begin`](crate::Broker::begin): ordered checks, then a wallet is asked |
//! | `GET /request/…` | wallet | [`Broker::request_object`](crate::Broker::request_object): the signed request |
//! | `POST /response/…` | wallet | [`Broker::wallet_answers`](crate::Broker::wallet_answers): verified, then kept |
//! | `GET /login/…/complete` | browser | [`Broker::complete`](crate::Broker::complete): cookie and response code |
//! | `POST /login/…/number` | browser | [`Broker::type_number`](crate::Broker::type_number): cookie and number |
//! | `POST /consent/…` | browser | [`Broker::consent`](crate::Broker::consent): the code is minted |
//!
//! Invariant: a code exists only after a wallet's answer was verified, the browser that began was
//! proven, the policies permitted, and the person agreed.

mod begin;
mod complete;
mod view;
mod wallet;

use sekisho_ambient::{Handle, Timestamp};
use sekisho_profile::Code;
use sekisho_store::StoreError;

pub use begin::Begin;
pub use complete::{Next, Number};
pub use view::{AskScreen, Screen, ServiceFacts};
pub use wallet::{Answered, WalletRefusal};

/// Wallet answers that may fail to verify before a request is dead.
pub const MAX_FAILURES: u8 = 5;
/// What a browser brings: its cookies.
#[derive(Clone, Default)]
pub struct Visitor {
    /// The cookie that says which browser this is.
    pub browser: Option<Handle>,
    /// The cookie of its session.
    pub session: Option<Handle>,
}

impl Visitor {
    /// SHA-256 of the browser cookie.
    pub(crate) fn browser_digest(&self) -> Option<[u8; 32]> {
        let browser = self.browser.as_ref()?;
        Some(sekisho_ambient::sha256(browser.expose().as_bytes()))
    }
}

/// Why a use-case ended without doing what was asked: a code of the table in [`crate::codes`], and
/// a reference that finds it in the log.
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
    /// There is no such login, or not for this browser: the edge tells nothing more.
    #[error("no such login here")]
    NotFound,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is sealed under a person's key does not open.
    #[error(transparent)]
    Person(#[from] sekisho_store::PersonKeyError),
    /// A key that must be there is not.
    #[error("no key to sign with")]
    NoKey,
}

impl Refusal {
    pub(crate) fn code(code: Code, reference: impl Into<String>) -> Self {
        Self::Code { code, reference: reference.into() }
    }

    /// `S-5001` if the store is busy, else `S-5004`.
    pub fn store_code(&self) -> Code {
        match self {
            Self::Store(StoreError::Busy) => Code::Busy,
            _ => Code::Store,
        }
    }
}

/// The time left until `end`, never negative.
pub(crate) fn remaining(end: Timestamp, now: Timestamp) -> i64 {
    end.since(now).max(0)
}
