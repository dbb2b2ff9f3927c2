//! Tests of credentials through the public API: issuers, holders, verifiers, and attackers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, literals are moved, and what is skipped is said"
)]

mod issuance;
mod mutations;
mod oracle;
mod parties;
mod sd_jwt;
mod status;
mod vc;
mod vectors;
