//! The program `sekisho`: reads `sekisho.toml`, opens the store, wires the broker to its sockets,
//! and speaks to the admin API on the command line.
//!
//! Invariant: nothing is decided here. Commands always go through the admin API, whether a server
//! holds the store or the command opened it itself.

pub mod api;
mod checkpoints;
pub mod cli;
pub mod console;
mod demo;
mod development_keys;
mod failure;
mod init;
pub mod log;
mod opening;
mod serve;
pub mod settings;
mod table;
mod text_file;
mod words;

pub use failure::Failure;
pub use opening::Surroundings;
