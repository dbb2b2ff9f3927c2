//! What operators register: clients and how they prove themselves, organizations, trust, services and
//! the gates before them.
//!
//! | file | what |
//! |---|---|
//! | [`clients`] | relying parties |
//! | [`authentication`] | how a client proves itself, once a request |
//! | [`organizations`] | tenants and the operator |
//! | [`trust`] | whose credentials count, for what |
//! | [`resources`] | whom access tokens are for |
//! | [`services`] | GPU services, gates, and the compiled policies |
//!
//! Invariant: what is kept in memory (trust, compiled policies, published keys of clients) is a copy;
//! a transaction that decides compares its version with the store's.
//!
//! Leaves to others: our own keys, tokens, and what is done with an authenticated client.

pub mod authentication;
pub mod clients;
pub mod organizations;
pub mod resources;
pub mod services;
mod tables;
pub mod trust;

use std::sync::{Arc, RwLock};

use sekisho_access::Policies;
use sekisho_site::Site;
use sekisho_store::StoreError;

pub use authentication::{Authenticated, ClientEvidence, TokenFailure};
pub use clients::RelyingParty;
pub use organizations::Organization;
pub use resources::{Resource, TokenFormat};
pub use services::{Service, Services, ServicesError};
pub use trust::TrustSnapshot;

use authentication::PublishedKeys;

/// The room of what is registered. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    site: Site,
    inner: Arc<Inner>,
}

struct Inner {
    services: Services,
    policies: Policies,
    trust: RwLock<Arc<TrustSnapshot>>,
    client_keys: PublishedKeys,
}

/// Why the registry does not open.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The policies do not hold against the schema.
    #[error("policies: {0}")]
    Policy(#[from] sekisho_access::PolicyError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registry {
    /// Compiles the policies of the gates and reads trust into memory.
    pub async fn open(site: Site, services: Services) -> Result<Self, RegistryError> {
        let inner = Inner {
            policies: Policies::new(services.gates())?,
            services,
            trust: RwLock::default(),
            client_keys: PublishedKeys::default(),
        };
        let registry = Self { site, inner: Arc::new(inner) };
        registry.reload_trust().await?;
        Ok(registry)
    }

    /// The compiled policies.
    pub fn policies(&self) -> &Policies {
        &self.inner.policies
    }

    /// The services and their gates.
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    /// Removes the rows whose time is over; gives how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        self.site.sweep::<tables::UsedAssertions>().await
    }
}
