//! The engines that a store can run on, the settings of the embedded one, and its counters.

use std::path::Path;

use crate::hostile::HostileOptions;

/// The engine that keeps the rows of a store.
#[derive(Clone, Copy, Debug)]
pub enum Backend<'a> {
    /// redb, in the file at this path. A missing file is created with mode 0600.
    Redb(&'a Path),
    /// The engine in memory, which behaves like one behind a network.
    Hostile(HostileOptions),
}

/// Settings of the embedded engine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes of the file that are cached in memory.
    pub cache_bytes: usize,
    /// The most batches that may wait. A further one is refused with
    /// [`StoreError::Busy`](crate::StoreError::Busy).
    pub queue: usize,
    /// The most batches that share one commit.
    pub group: usize,
    /// Whether a store is made where there is none. Say `false` where there was one: an emptied
    /// file is then refused.
    pub create: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, queue: 1024, group: 256, create: true }
    }
}

/// Counters of the engine since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits. Each waits for the disk once.
    pub commits: u64,
    /// Batches that were applied.
    pub batches: u64,
    /// Batches that were refused because a row that they had read had changed.
    pub conflicts: u64,
    /// Batches that were refused because too many waited.
    pub busy: u64,
    /// Commits that failed.
    pub failures: u64,
    /// Batches that wait at this moment.
    pub waiting: u64,
    /// Whether the disk is full, so that only batches that must succeed are taken.
    pub full: bool,
    /// Bytes of the reserve for such batches that are held at this moment.
    pub reserve: u64,
    /// Bytes of the whole reserve. Less is held while it is in use.
    pub whole_reserve: u64,
}
