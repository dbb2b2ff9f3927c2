//! The holder's wallet: receives credentials over OpenID4VCI 1.0, keeps them sealed, and shows them
//! over OpenID4VP 1.0, on a command line or a page for a browser on the same machine.
//!
//! It shares the wire formats with the broker (`jose`, `credential`, `openid4vci`, `openid4vp`) and
//! no line of its logic, so that a message that one side writes is read by the other side's rules.
//!
//! Invariant: what a peer says is shown as its own words, escaped and bounded; what is trusted is
//! what a chain to one of the wallet's authorities signs.

pub mod cli;
mod error;
mod fetch;
mod held;
mod label;
mod present;
mod receive;
mod server;
pub mod text;
mod vault;
mod wallet;

pub use error::WalletError;
pub use held::{Claim, Credential};
pub use present::{Ask, Chosen, Prepared, PresentOutcome, Who};
pub use receive::{PreparedOffer, TxCodeHint};
pub use server::{WalletServer, router};
pub use wallet::{Surroundings, Wallet, read_anchors};
