//! The store from outside: on redb and on an engine that lies, with neighbours, thieves and crashes.

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
mod support;
mod tampering;
