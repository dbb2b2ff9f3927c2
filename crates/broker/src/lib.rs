//! The wiring of the product: opens the crates below in their order, combines those that must work
//! together, and runs regular upkeep. Each of these crates is called a room.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | what an operator configures |
//! | [`forward`] | who may pass a reverse proxy, which two rooms know |
//! | [`token`] | the token endpoint, which belongs to two rooms |
//! | [`admin`] | what operators do, each change in one audited transaction |
//! | [`checkpoints`] | signed statements of how far the audit log goes |
//! | [`upkeep`] | what a server does by itself |
//!
//! Read `sekisho_login` first: it shows one login, from the authorization request to the code.
//!
//! Invariant: an effect is written in the same batch as the decision that allows it and its audit
//! entry, or not at all.

pub mod admin;
pub mod checkpoints;
pub mod config;
pub mod forward;
pub mod token;
pub mod upkeep;

use std::sync::Arc;

use sekisho_ambient::{Clock, Entropy};
use sekisho_grants::Grants;
use sekisho_issuer::Issuer;
use sekisho_keyring::{Keyring, Policy, Purpose, RotationError};
use sekisho_login::Logins;
use sekisho_profile::lifetimes;
use sekisho_registry::{Registry, RegistryError};
use sekisho_site::{OutboundError, Site};
use sekisho_standing::Standing;
use sekisho_store::{Store, StoreError};

use crate::checkpoints::CheckpointState;
use crate::config::{Config, ConfigError, Operator};
use crate::forward::ForwardAuth;
use crate::token::TokenEndpoint;

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    standing: Standing,
    grants: Grants,
    issuer: Issuer,
    logins: Logins,
    operator: Option<Arc<Operator>>,
    checkpoints: CheckpointState,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Policies or trust cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The client for outbound calls cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or certificate cannot be made or read.
    #[error(transparent)]
    Key(#[from] RotationError),
}

/// How long our keys are published: before they sign, for as long as verifiers may keep a key
/// document; after their last signature, for as long as what they signed is valid. Both include the
/// allowed difference of clocks.
const KEY_POLICY: Policy = Policy { publish_ahead, overlap };

fn publish_ahead(purpose: &Purpose) -> i64 {
    match purpose.resource() {
        // Some servers read their key set only when they start.
        Some(_) => lifetimes::RESOURCE_KEYS,
        None => lifetimes::KEY_DOCUMENTS + lifetimes::SKEW,
    }
}

fn overlap(purpose: &Purpose) -> i64 {
    lifetimes::SKEW
        + match purpose {
            Purpose::IdToken => lifetimes::ID_TOKEN,
            Purpose::AccessToken { resource: None } => lifetimes::LONGEST_ACCESS_TOKEN,
            Purpose::AccessToken { resource: Some(_) } => lifetimes::RESOURCE_KEYS,
            Purpose::RequestObject => lifetimes::PRESENTATION_REQUEST,
            // A checkpoint is checked with any key of its purpose that was not compromised.
            Purpose::AuditCheckpoint => 0,
            Purpose::Credential { .. } => lifetimes::CREDENTIAL,
            Purpose::StatusList { .. } => lifetimes::STATUS_LIST,
        }
}

impl Broker {
    /// Starts a broker on `store`: makes the certificate authority and the keys that are missing,
    /// takes the steps of key rotations that are due, and reads keys and trust into memory.
    pub async fn open(
        config: Config,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        let (services, guards, wallets) = config.check()?;
        let Config {
            origin,
            type_authority,
            outbound,
            clock_ahead,
            operator,
            exposed,
            resources,
            ..
        } = config;
        let operator = operator.map(Arc::new);
        let site = Site::new(origin, type_authority, &outbound, store, clock, entropy)?;
        let registry = Registry::open(site.clone(), services, guards, resources, exposed).await?;
        let organizations = registry.list_organizations().await?;
        let organizations: Vec<String> =
            organizations.into_iter().map(|organization| organization.corporate_number).collect();
        let keyring = Keyring::open(site.clone(), KEY_POLICY, &organizations).await?;
        let rooms = (site.clone(), registry.clone(), keyring.clone());
        let standing = Standing::new(site.clone(), registry.clone(), keyring.clone());
        standing.adopt_lists(&organizations).await?;
        let grants =
            Grants::new(rooms.0.clone(), rooms.1.clone(), rooms.2.clone(), standing.clone());
        let issuer = Issuer::new(rooms.0, rooms.1, rooms.2, standing.clone(), clock_ahead);
        issuer.complete_index().await?;
        let logins = Logins::new(
            site.clone(),
            registry.clone(),
            keyring.clone(),
            standing.clone(),
            grants.clone(),
            wallets,
        );
        let checkpoints = CheckpointState::default();
        let broker = Self {
            site,
            registry,
            keyring,
            standing,
            grants,
            issuer,
            logins,
            operator,
            checkpoints,
        };
        broker.found_resources().await?;
        Ok(broker)
    }

    /// The installation: origin, store, clock and randomness.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Who operates this broker, if the configuration says it.
    pub fn operator(&self) -> Option<Arc<Operator>> {
        self.operator.clone()
    }

    /// Registered clients, organizations, trust and services.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Our keys and their rotation.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The status of credentials, and our status lists.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Grants and tokens of relying parties.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Offers and issued credentials.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The token endpoint, for clients and wallets.
    pub fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint {
            registry: self.registry.clone(),
            grants: self.grants.clone(),
            issuer: self.issuer.clone(),
        }
    }

    /// What proxies ask about the visitors of guarded sites.
    pub fn forward_auth(&self) -> ForwardAuth {
        ForwardAuth {
            site: self.site.clone(),
            registry: self.registry.clone(),
            grants: self.grants.clone(),
            logins: self.logins.clone(),
        }
    }

    /// Logins and sessions.
    pub fn logins(&self) -> &Logins {
        &self.logins
    }
}
