//! Tests of the store through its public API: on redb and on a hostile engine, with concurrent
//! transactions, tampering and crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod contract;
mod crash;
mod mishaps;
mod oracle;
mod space;
mod support;
mod tampering;
