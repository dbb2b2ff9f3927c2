//! All black-box tests in one binary, so that it is linked only once. Each file tests one surface
//! and is named after it.
//!
//! To run the tests of one file: `cargo test --workspace --test acceptance login::`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod architecture;
mod audit;
mod authorization;
mod bound;
mod browser_binding;
mod claims;
mod client_authentication;
mod clients;
mod conformance;
mod device;
mod edge;
mod foreign;
mod forward;
mod holders;
mod hostile;
mod id_token;
mod issuance;
mod jose;
mod lists;
mod login;
mod logout;
mod matrix;
mod mutants;
mod names;
mod openidconnect;
mod people;
mod presentation;
mod refresh;
mod resources;
mod rotation;
mod secrets;
mod sessions;
mod standing;
mod status;
mod subjects;
mod surface;
mod token;
mod userinfo;
mod word;
