//! This installation: its origin and every URL below it, its store, clock and random source, the
//! guarded client that calls out, and what each room of the product says in the audit log.
//!
//! Invariant: every URL that is handed out is derived from [`Origin`], never from a request; a person
//! appears as a keyed digest, which is derived in [`Digests`] and nowhere else.
//!
//! Leaves to others: tables, and the rules of every protocol.

pub mod audit;
mod digests;
mod names;
mod origin;
mod outbound;
pub mod paths;
mod refusal;

use std::sync::Arc;

use sekisho_ambient::{Clock, Entropy, HandleKey, Timestamp};
use sekisho_store::{Store, StoreError, Table};

pub use digests::Digests;
pub use names::{NameError, check_names};
pub use origin::{Origin, OriginError, is_loopback};
pub use outbound::{Outbound, OutboundConfig, OutboundError};
pub use refusal::Refusal;

/// The most rows of one table that one batch of a sweep removes: others get their turn in between.
const SWEEP_BATCH: usize = 1000;

/// What all rooms share. Cheap to clone.
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
}

impl Site {
    /// An installation at `origin` on `store`, whose credential types stand under `type_authority`.
    ///
    /// # Errors
    ///
    /// The client for outbound calls cannot be built.
    pub fn new(
        origin: Origin,
        type_authority: String,
        outbound: &OutboundConfig,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, OutboundError> {
        let (digests, outbound) = (Digests::new(&store), Outbound::new(outbound)?);
        let inner = Inner { origin, type_authority, store, clock, entropy, digests, outbound };
        Ok(Self(Arc::new(inner)))
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The type authority: `vct` is `{authority}/types/{name}/{major}`.
    pub fn type_authority(&self) -> &str {
        &self.0.type_authority
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The time. A use-case reads it once, before its transaction.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The random source.
    pub fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    /// Keyed digests of people, and the tokens of forms.
    pub fn digests(&self) -> &Digests {
        &self.0.digests
    }

    /// The guarded client.
    pub fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    /// Removes every row of a table whose time is over, and says how many there were. Nothing depends
    /// on it: every use-case compares the expiry itself.
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
