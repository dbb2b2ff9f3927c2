//! Protected resources: the servers that accept our access tokens (RFC 8707, section 2), and what a
//! token for each looks like.
//!
//! Resources come from the configuration or are registered by operators. Our userinfo endpoint is
//! one too: its identifier is the issuer identifier, and tokens for it are opaque.
//!
//! Invariant: no two resources share an id or an audience, no audience is our own or that of a
//! client, and a claim of a token never replaces one of the protocol ([`rules`]).

pub mod rules;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use sekisho_ambient::{Text, Timestamp, sha256};
use sekisho_jose::Algorithm;
use sekisho_oauth::authorization::Target;
use sekisho_oauth::scope;
use sekisho_profile::lifetimes;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Registry, tables};

/// The key of the one row in `tables::ResourceVersion`.
const VERSION: &str = "resources";

/// A server that accepts our access tokens, and the profile of the tokens for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The id on the command line, in the URL of its keys, and at introspection.
    pub id: String,
    /// The name shown to people before they consent.
    pub name: Text,
    /// Its identifier (RFC 8707, section 2), which is `aud` of its access tokens.
    pub audience: String,
    /// Further names by which the parameters `resource` and `audience` may ask for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The ids of the clients that may ask for it. Nobody else may.
    #[serde(default)]
    pub clients: Vec<String>,
    /// The ids of the clients that act behind it, and may exchange a token for it for one for another
    /// resource (RFC 8693).
    #[serde(default)]
    pub agents: Vec<String>,
    /// The scopes that it knows. One that ends in a path (`storage.read:/data`) stands for every
    /// path below, too.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The format of its access tokens.
    #[serde(default)]
    pub format: TokenFormat,
    /// The algorithm that signs them: RS256 or ES256, with a key of its own also PS256 or EdDSA.
    #[serde(default = "rs256")]
    pub algorithm: Algorithm,
    /// `typ` of their header: `at+jwt` (RFC 9068, section 2.1) or `JWT`, for servers that know no
    /// other. By default `at+jwt`, and `JWT` for lean tokens.
    #[serde(default)]
    pub typ: Option<String>,
    /// Further claims in a token: the claim's name, and where its value comes from.
    #[serde(default)]
    pub claims: BTreeMap<String, Source>,
    /// How long a token is valid, in seconds.
    #[serde(default = "lifetime")]
    pub lifetime: i64,
    /// Whether it has signing keys of its own, published at `/jwks/{id}.json` alone. They sign
    /// nothing but its tokens: for servers that trust a key whatever the token says.
    #[serde(default)]
    pub own_key: bool,
}

fn rs256() -> Algorithm {
    Algorithm::Rs256
}

fn lifetime() -> i64 {
    lifetimes::ACCESS_TOKEN
}

/// The format of an access token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// A random handle. Only this broker knows what it means (introspection).
    #[default]
    Opaque,
    /// A JWT with everything that RFC 9068 demands.
    Jwt,
    /// A JWT with as few claims as possible, for servers that refuse those they do not know
    /// (SciTokens): `iss`, `sub`, `aud`, `exp`, `nbf`, `iat`, `jti`, `scope`.
    Lean,
}

/// Where the value of a claim comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A claim of the person, if the scopes that the person agreed to release it.
    Claim(String),
    /// Always this text; for claims that name a version of the profile.
    Always {
        /// The text.
        value: String,
    },
}

impl Resource {
    /// `typ` in the header of its tokens.
    pub fn typ(&self) -> &str {
        self.typ.as_deref().unwrap_or(match self.format {
            TokenFormat::Lean => "JWT",
            TokenFormat::Opaque | TokenFormat::Jwt => "at+jwt",
        })
    }

    /// Whether a request means this resource by `name`.
    pub fn is_called(&self, name: &str) -> bool {
        self.audience == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether this client may ask for tokens for it.
    pub fn is_for(&self, client_id: &str) -> bool {
        self.clients.iter().any(|client| client == client_id)
    }

    /// Whether this client acts behind it.
    pub fn has_agent(&self, client_id: &str) -> bool {
        self.agents.iter().any(|agent| agent == client_id)
    }

    /// Whether `scope` is one of its scopes, or lies below one with a path.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| scope::covers(own, scope))
    }

    /// Those of the scopes that it has, separated by spaces.
    pub fn scopes_among(&self, scopes: &[String]) -> String {
        let own = scopes.iter().filter(|scope| self.has_scope(scope));
        own.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// What an authorization request may ask for.
    fn target(&self) -> Target {
        Target {
            audience: self.audience.clone(),
            aliases: self.aliases.clone(),
            scopes: self.scopes.clone(),
        }
    }
}

/// A resource, and whether operators may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The resource.
    pub resource: Resource,
    /// Whether it stands in the configuration, where it is changed.
    pub configured: bool,
    /// The digests of the secrets with which it introspects.
    pub secrets: Vec<ResourceSecret>,
}

/// A secret with which a resource authenticates at introspection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSecret {
    /// SHA-256 of the secret, which has 256 bits of randomness.
    pub digest: [u8; 32],
    /// When it was given out.
    pub since: Timestamp,
    /// When it ends; `None` for the newest.
    pub until: Option<Timestamp>,
}

impl ResourceSecret {
    /// The newest secret of a resource.
    pub fn new(secret: &str, now: Timestamp) -> Self {
        Self { digest: sha256(secret.as_bytes()), since: now, until: None }
    }
}

/// All resources, as read at one moment.
#[derive(Debug, Default)]
pub struct Resources {
    /// The version of the resources in the store when they were read; each change adds one.
    pub version: u64,
    all: BTreeMap<String, Arc<Registered>>,
}

impl Resources {
    /// The resource with this id.
    pub fn find(&self, id: &str) -> Option<&Arc<Registered>> {
        self.all.get(id)
    }

    /// The resource that a request means by `name`: its audience or one of its aliases.
    pub fn called(&self, name: &str) -> Option<&Resource> {
        self.iter().map(|registered| &registered.resource).find(|one| one.is_called(name))
    }

    /// The resource with this audience.
    pub fn of_audience(&self, audience: &str) -> Option<&Resource> {
        self.iter().map(|registered| &registered.resource).find(|one| one.audience == audience)
    }

    /// All resources, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.all.values().map(AsRef::as_ref)
    }

    /// What this client may ask for at the authorization endpoint.
    pub fn targets_of(&self, client_id: &str) -> Vec<Target> {
        let resources = self.iter().map(|registered| &registered.resource);
        resources.filter(|one| one.is_for(client_id)).map(Resource::target).collect()
    }
}

impl Registry {
    /// The identifier of our userinfo endpoint as a resource.
    pub fn userinfo_audience(&self) -> &str {
        self.site.origin().as_str()
    }

    /// How long an access token for our userinfo endpoint is valid, in seconds.
    pub fn userinfo_lifetime(&self) -> i64 {
        lifetimes::ACCESS_TOKEN
    }

    /// The resources as the store has them now: those in memory, unless another broker or an
    /// operator has changed them.
    pub async fn resources(&self) -> Result<Arc<Resources>, StoreError> {
        let version = self.site.store().get::<tables::ResourceVersion>(&VERSION.to_owned()).await?;
        let kept = {
            let kept = self.inner.resources.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&kept)
        };
        if kept.version == version.unwrap_or_default() {
            return Ok(kept);
        }
        self.reload_resources().await
    }

    /// Reads the resources from the store into memory.
    pub async fn reload_resources(&self) -> Result<Arc<Resources>, StoreError> {
        let store = self.site.store();
        // Read the version first. If a resource changes between the reads, the copy has the older
        // version, and the next request reads it again.
        let version = store.get::<tables::ResourceVersion>(&VERSION.to_owned()).await?;
        let rows = store.scan_all::<tables::Resources>().await?;
        let secrets: BTreeMap<_, _> =
            store.scan_all::<tables::ResourceSecrets>().await?.into_iter().collect();
        let configured = self.inner.configured.iter().map(|one| (one.clone(), true));
        let stored = rows.into_iter().map(|(_, resource)| (resource, false));
        // What the configuration says comes last: it wins over a row of the same id.
        let all = stored.chain(configured).map(|(resource, configured)| {
            let secrets = secrets.get(&resource.id).cloned().unwrap_or_default();
            let id = resource.id.clone();
            (id, Arc::new(Registered { resource, configured, secrets }))
        });
        let resources =
            Arc::new(Resources { version: version.unwrap_or_default(), all: all.collect() });
        let mut kept = self.inner.resources.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Arc::clone(&resources);
        Ok(resources)
    }

    /// Registers a resource, or replaces the one of its id.
    pub fn put_resource_in(&self, tx: &mut Tx, resource: &Resource) -> Result<(), StoreError> {
        tx.put::<tables::Resources>(&resource.id, resource)?;
        count_change(tx)
    }

    /// Removes a resource with its secrets.
    pub fn remove_resource_in(&self, tx: &mut Tx, id: &str) -> Result<(), StoreError> {
        tx.delete::<tables::Resources>(&id.to_owned())?;
        tx.delete::<tables::ResourceSecrets>(&id.to_owned())?;
        count_change(tx)
    }

    /// The resource of this id that an operator registered, read in a transaction.
    pub fn resource_in(&self, tx: &mut Tx, id: &str) -> Result<Option<Resource>, StoreError> {
        tx.get::<tables::Resources>(&id.to_owned())
    }

    /// Stores the secrets of a resource.
    pub fn put_resource_secrets_in(
        &self,
        tx: &mut Tx,
        id: &str,
        secrets: &Vec<ResourceSecret>,
    ) -> Result<(), StoreError> {
        tx.put::<tables::ResourceSecrets>(&id.to_owned(), secrets)?;
        count_change(tx)
    }

    /// Whether the store still has this version of the resources. Ask this in the transaction that
    /// decides.
    pub fn is_resources_of_in(&self, tx: &mut Tx, version: u64) -> Result<bool, StoreError> {
        let now = tx.get::<tables::ResourceVersion>(&VERSION.to_owned())?;
        Ok(now.unwrap_or_default() == version)
    }
}

fn count_change(tx: &mut Tx) -> Result<(), StoreError> {
    let at = VERSION.to_owned();
    let version = tx.get::<tables::ResourceVersion>(&at)?.unwrap_or_default();
    tx.put::<tables::ResourceVersion>(&at, &version.saturating_add(1))
}
