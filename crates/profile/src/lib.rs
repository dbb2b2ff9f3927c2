//! The vocabulary of this product, as data: codes that people are told, words of the audit log,
//! credential types, scopes, lifetimes.
//!
//! | file | what |
//! |---|---|
//! | [`codes`] | every code that a person can meet, with cause and remedies |
//! | [`audit`] | what the audit log can say: [`Act`], [`Outcome`], [`Reason`] |
//! | [`types`] | the credential types |
//! | [`values`] | the words for values of claims that are written for programs |
//! | [`usernames`] | which user names are safe, and what proposes one |
//! | [`scopes`] | scopes, what each asks the wallet for, and what it releases |
//! | [`lifetimes`] | how long everything lives |
//! | [`acr`] | how a wallet's answer came, and what a login is worth by it |
//! | [`status`] | what is said of a credential's status |
//! | [`development_keys`] | keys whose private halves everybody knows |
//!
//! Invariant: each word that is written to a row, a log or the wire is defined here once, as a
//! variant of an enum, and becomes text only when it is written. The refusals of the protocol
//! crates are turned into codes in one place, `refusals`.
//!
//! Leaves to others: state, storage, and every decision.

pub mod acr;
pub mod audit;
pub mod codes;
pub mod development_keys;
pub mod lifetimes;
mod refusals;
pub mod scopes;
pub mod status;
pub mod types;
pub mod usernames;
pub mod values;

pub use acr::Channel;
pub use audit::{Act, Outcome, Reason};
pub use codes::Code;
pub use development_keys::is_development_key;
pub use status::Status;
