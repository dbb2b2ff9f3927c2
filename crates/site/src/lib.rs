//! This installation: its origin and the URLs below it, its store, clock and random source, the
//! client for outbound calls, and the entries of the audit log.
//!
//! Invariant: every URL that is given out is derived from [`Origin`] and never from a request. A
//! person appears only as a keyed digest, and only [`Digests`] derives it.
//!
//! Leaves to others: the tables, and the rules of every protocol.

pub mod audit;
mod digests;
mod faults;
mod names;
mod origin;
mod outbound;
mod pages;
pub mod paths;
mod refusal;

use std::sync::Arc;

use sekisho_ambient::{Clock, Entropy, HandleKey, Timestamp};
use sekisho_store::{Store, StoreError, Table};

pub use digests::Digests;
pub use faults::{LINES, Mismatch, printable, registered_list, sent_uri};
pub use names::{NameError, check_names};
pub use origin::{Origin, OriginError, is_loopback};
pub use outbound::{Outbound, OutboundConfig, OutboundError};
pub use pages::Page;
pub use refusal::Refusal;

/// The most rows that one batch of a sweep deletes. Other batches get their turn in between.
const SWEEP_BATCH: usize = 1000;

/// The parts of the installation that all crates above share. Clones are cheap.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    origin: Origin,
    type_authority: String,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    digests: Digests,
    outbound: Outbound,
    faults: faults::Faults,
}

impl Site {
    /// Makes an installation at `origin` with `store`. The `vct` of its credential types begins
    /// with `type_authority`.
    ///
    /// # Errors
    ///
    /// Fails if the client for outbound calls cannot be built.
    pub fn new(
        origin: Origin,
        type_authority: String,
        outbound: &OutboundConfig,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, OutboundError> {
        let (digests, outbound) = (Digests::new(&store), Outbound::new(outbound)?);
        let faults = faults::Faults::default();
        let inner =
            Inner { origin, type_authority, store, clock, entropy, digests, outbound, faults };
        Ok(Self(Arc::new(inner)))
    }

    /// Returns the origin of the broker.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Returns the type authority. A `vct` is `{authority}/types/{name}/{major}`.
    pub fn type_authority(&self) -> &str {
        &self.0.type_authority
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the present time. A use-case reads it once, before its transaction.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Returns the random source.
    pub fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    /// Returns the keyed digests of people and the tokens of forms.
    pub fn digests(&self) -> &Digests {
        &self.0.digests
    }

    /// Returns the client for outbound calls.
    pub fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    /// Deletes every row of a table that has expired, and returns how many there were. Nothing
    /// depends on it, because every use-case checks the expiry itself.
    pub async fn sweep<T: Table<Key = HandleKey>>(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let mut swept = 0_usize;
        loop {
            let batch = self.store().sweep_expired::<T>(now, SWEEP_BATCH).await?;
            swept = swept.saturating_add(batch);
            if batch < SWEEP_BATCH {
                return Ok(swept);
            }
        }
    }
}
