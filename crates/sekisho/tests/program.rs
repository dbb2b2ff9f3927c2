//! Tests of the program from outside: as an operator runs it, and as strangers attack it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod admin;
mod by_hand;
mod clients;
mod commands;
mod console;
mod demo;
mod development_keys;
mod edge;
mod exposed;
mod full_disk;
mod kept;
mod operator;
mod references;
mod resource;
mod sectors;
mod support;
