//! The product: use-cases that compose the protocols. Read [`login`] first.
//!
//! A use-case parses nothing and renders nothing: it takes what the edge parsed, reads time and
//! randomness from the broker's clock and entropy, fetches what is needed, calls the pure
//! protocol, and decides in one transaction of the store.
//!
//! Invariant: an effect happens in the one batch of the decision that allows it, together with its
//! audit entry, or not at all.

pub mod admin;
pub mod ask;
pub mod audit;
mod client_keys;
pub mod config;
pub mod consent;
pub mod grants;
pub mod issuance;
pub mod keys;
pub mod login;
pub mod logout;
pub mod outbound;
pub mod person;
pub mod pki;
pub mod published;
pub mod refresh;
pub mod ring;
pub mod rotation;
mod settle;
pub mod standing;
pub mod status_list;
mod sweep;
pub mod tables;

use std::sync::{Arc, PoisonError, RwLock};

use sekisho_access::Policies;
use sekisho_ambient::{Clock, Entropy};
use sekisho_credential::vc::TrustList;
use sekisho_store::{Store, StoreError};

use crate::client_keys::PublishedKeys;
use crate::config::{Config, ConfigError};
use crate::outbound::Outbound;
use crate::person::Digests;
use crate::ring::Ring;
use crate::standing::ForeignLists;
use crate::status_list::PublishedLists;

/// The broker: configuration, store, keys in memory. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    config: Config,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    policies: Policies,
    digests: Digests,
    outbound: Outbound,
    ring: RwLock<Arc<Ring>>,
    trust: RwLock<Arc<TrustList>>,
    published: PublishedLists,
    foreign: ForeignLists,
    client_keys: PublishedKeys,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be right.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policies do not hold against the schema.
    #[error("policies: {0}")]
    Policy(#[from] sekisho_access::PolicyError),
    /// The outbound client cannot be built.
    #[error(transparent)]
    Outbound(#[from] outbound::OutboundError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made or read.
    #[error(transparent)]
    Key(#[from] rotation::RotationError),
}

impl Broker {
    /// Starts a broker on `store`: makes its certificate authority and keys where there are none,
    /// reads keys and trust into memory, and brings due rotations up to date.
    pub async fn open(
        config: Config,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        config.check()?;
        let inner = Inner {
            policies: Policies::new(&config.gates)?,
            digests: Digests::new(&store),
            outbound: Outbound::new(&config.outbound)?,
            ring: RwLock::default(),
            trust: RwLock::new(Arc::new(TrustList(Vec::new()))),
            published: PublishedLists::default(),
            foreign: ForeignLists::default(),
            client_keys: PublishedKeys::default(),
            config,
            store,
            clock,
            entropy,
        };
        let broker = Self(Arc::new(inner));
        broker.found_keys().await?;
        broker.reload_ring().await?;
        broker.reload_trust().await?;
        Ok(broker)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The random source.
    pub fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.0.policies
    }

    /// Keyed digests of people, and the tokens of forms.
    pub fn digests(&self) -> &Digests {
        &self.0.digests
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    pub(crate) fn published_lists(&self) -> &PublishedLists {
        &self.0.published
    }

    pub(crate) fn published_keys(&self) -> &PublishedKeys {
        &self.0.client_keys
    }

    pub(crate) fn foreign_lists(&self) -> &ForeignLists {
        &self.0.foreign
    }

    /// The keys as they stand now.
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_ring(&self, ring: Ring) {
        let documents = self.documents_of(&ring);
        let ring = ring.with_documents(documents);
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Who is trusted as they stand now.
    pub fn trust(&self) -> Arc<TrustList> {
        Arc::clone(&self.0.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_trust(&self, trust: TrustList) {
        *self.0.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }
}
