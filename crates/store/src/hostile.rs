//! An engine in memory that does everything that a network and a disk may do to a transaction.
//!
//! It runs every closure twice, delays, conflicts, loses its answer after applying, and loses power
//! to the last batch that was synced. Whatever holds here holds on a network. Seeded: the same seed
//! draws the same mishaps (in the order in which the batches arrive).

use crate::Store;

/// Which mishaps, and how often.
#[derive(Clone, Debug)]
pub struct HostileOptions {
    /// What the mishaps are drawn from.
    pub seed: u64,
    /// Whether every closure runs twice.
    pub rehearse: bool,
    /// Batches of a hundred that are refused though nothing has changed.
    pub conflicts: u32,
    /// Batches of a hundred whose answer is lost; every second of them was applied.
    pub unknown: u32,
    /// Batches of a hundred that are turned away.
    pub busy: u32,
    /// Batches of a hundred after which the power fails, before they are synced.
    pub power_cuts: u32,
    /// Reads and batches of a hundred that let others go first, several times.
    pub delays: u32,
}

impl HostileOptions {
    /// Delays and conflicts, and every closure twice: nothing that a caller sees as an error.
    pub fn new(seed: u64) -> Self {
        Self { seed, rehearse: true, conflicts: 20, unknown: 0, busy: 0, power_cuts: 0, delays: 50 }
    }

    /// Everything that may happen, errors included.
    pub fn cruel(seed: u64) -> Self {
        Self { unknown: 5, busy: 5, power_cuts: 2, ..Self::new(seed) }
    }

    /// A plain map in memory.
    pub fn calm(seed: u64) -> Self {
        Self { rehearse: false, conflicts: 0, delays: 0, ..Self::new(seed) }
    }
}

/// The hand on the engine's power switch.
#[derive(Clone)]
pub struct Hostile {}

impl Hostile {
    /// A store in memory, and the hand on its switch.
    pub fn open(options: HostileOptions) -> (Store, Hostile) {
        todo!()
    }

    /// Loses everything that was not synced; whoever waits is told that the outcome is unknown.
    pub fn cut_power(&self) {
        todo!()
    }

    /// From now on other mishaps.
    pub fn set(&self, options: HostileOptions) {
        todo!()
    }
}

impl Store {
    /// A store in memory that is as hostile as `options` say.
    pub fn open_hostile(options: HostileOptions) -> Store {
        Hostile::open(options).0
    }
}
