//! What operators register: clients and their keys, organizations, trusted issuers, GPU services
//! and gates.
//!
//! | file | what |
//! |---|---|
//! | [`clients`] | relying parties |
//! | [`sectors`] | which of them know a person by the same name |
//! | [`authentication`] | how a client proves itself, once a request |
//! | `origins` | where their pages stand |
//! | [`organizations`] | tenants and the operator |
//! | [`trust`] | whose credentials count, for what |
//! | [`resources`] | whom access tokens are for, and what those look like |
//! | [`guards`] | sites behind a proxy that asks us who may pass |
//! | [`services`] | GPU services, gates, and the compiled policies |
//!
//! Invariant: data in memory (trust, compiled policies, published keys of clients) is only a copy.
//! A transaction that decides on trust compares the copy's version with the store's.
//!
//! Leaves to others: our own keys, tokens, and what an authenticated client may do.

pub mod authentication;
pub mod clients;
pub mod guards;
pub mod organizations;
mod origins;
pub mod resources;
pub mod sectors;
pub mod services;
mod tables;
pub mod trust;

use std::sync::{Arc, RwLock};

use sekisho_access::Policies;
use sekisho_site::Site;
use sekisho_store::StoreError;

pub use authentication::{Authenticated, ClientEvidence, Named, TokenFailure};
pub use clients::{Registration, RelyingParty};
pub use guards::{Guard, Guards, GuardsError};
pub use organizations::Organization;
pub use resources::rules::ResourceError;
pub use resources::{Registered, Resource, Resources, TokenFormat};
pub use services::{Service, Services, ServicesError};
pub use trust::TrustSnapshot;

use authentication::PublishedKeys;
use origins::Origins;

/// Access to everything that is registered. Cheap to clone; clones share the data in memory.
#[derive(Clone)]
pub struct Registry {
    site: Site,
    inner: Arc<Inner>,
}

struct Inner {
    services: Services,
    guards: Guards,
    policies: Policies,
    trust: RwLock<Arc<TrustSnapshot>>,
    resources: RwLock<Arc<Resources>>,
    /// The resources of the configuration.
    configured: Vec<Resource>,
    client_keys: PublishedKeys,
    origins: Origins,
    /// Whether other machines reach the broker, so that no key of `keys-dev/` counts.
    exposed: bool,
}

/// Why the registry cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A gate's policies do not compile against the schema.
    #[error("policies: {0}")]
    Policy(#[from] sekisho_access::PolicyError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registry {
    /// Compiles the policies of the gates, and reads trust and resources into memory. `resources` are
    /// those of the configuration. `exposed` says that other machines reach the broker.
    pub async fn open(
        site: Site,
        services: Services,
        guards: Guards,
        resources: Vec<Resource>,
        exposed: bool,
    ) -> Result<Self, RegistryError> {
        let inner = Inner {
            policies: Policies::new(services.gates())?,
            services,
            guards,
            trust: RwLock::default(),
            resources: RwLock::default(),
            configured: resources,
            client_keys: PublishedKeys::default(),
            origins: Origins::default(),
            exposed,
        };
        let registry = Self { site, inner: Arc::new(inner) };
        registry.reload_trust().await?;
        registry.reload_resources().await?;
        Ok(registry)
    }

    /// The policies of all gates, compiled.
    pub fn policies(&self) -> &Policies {
        &self.inner.policies
    }

    /// The configured services and their gates.
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    /// The sites that a proxy guards with our help.
    pub fn guards(&self) -> &Guards {
        &self.inner.guards
    }

    /// Whether the key with this thumbprint must not be believed here: its private half is public
    /// (`keys-dev/`), and other machines reach the broker.
    pub fn refuses_key(&self, thumbprint: &str) -> bool {
        self.inner.exposed && sekisho_profile::is_development_key(thumbprint)
    }

    /// Deletes expired rows and returns how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        self.site.sweep::<tables::UsedAssertions>().await
    }
}
