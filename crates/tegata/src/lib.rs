//! The holder's wallet: receives credentials over OpenID4VCI 1.0, keeps them sealed, and shows them
//! over OpenID4VP 1.0, on a command line or a page for a browser on the same machine.
//!
//! It shares the wire formats with the broker (`jose`, `credential`, `openid4vci`, `openid4vp`) but
//! no logic. So each side checks the other's messages by its own rules.
//!
//! Invariant: a peer's text is shown as the peer's own words, escaped and limited in length.
//! Something is trusted only if a chain to one of the wallet's authorities signs it.

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
pub use server::{Opener, WalletServer, router, serve};
pub use wallet::{Surroundings, Wallet, read_anchors};
