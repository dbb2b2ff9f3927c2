//! What is beneath a store, what can be set of the embedded engine, and what it counts.

use std::path::Path;

use crate::hostile::HostileOptions;

/// What keeps the rows of a store.
#[derive(Clone, Copy, Debug)]
pub enum Backend<'a> {
    /// redb, in the file at this path, which is made if it is not there (mode 0600).
    Redb(&'a Path),
    /// Memory, with the mishaps of an engine behind a network.
    Hostile(HostileOptions),
}

/// Settings of the embedded engine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of the file that are kept in memory.
    pub cache_bytes: usize,
    /// Batches that may wait; one more is [`StoreError::Busy`](crate::StoreError::Busy).
    pub queue: usize,
    /// Batches that share one commit.
    pub group: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, queue: 1024, group: 256 }
    }
}

/// What the engine has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits, each of them one wait for the disk.
    pub commits: u64,
    /// Batches that were applied.
    pub batches: u64,
    /// Batches that were refused because something that was read had changed.
    pub conflicts: u64,
    /// Batches that were turned away because too many waited.
    pub busy: u64,
    /// Commits that failed.
    pub failures: u64,
    /// Batches that wait just now.
    pub waiting: u64,
}
