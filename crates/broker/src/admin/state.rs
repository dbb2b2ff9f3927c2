//! Administration: the state of the broker, its keys, and its audit log.

use sekisho_profile::Act;
use std::collections::BTreeMap;

use sekisho_ambient::Timestamp;
use sekisho_jose::Algorithm;
use sekisho_keyring::plan::PlanStep;
use sekisho_keyring::{KeyRecord, KeyState, Purpose, RotationError};
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;
use crate::checkpoints::LastCheckpoint;

/// How often a rotation is tried again after another broker changed the keys meanwhile.
const ATTEMPTS: usize = 8;

/// The answer of `status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BrokerState {
    /// The issuer identifier.
    pub issuer: String,
    /// The version of the program.
    pub version: String,
    /// Number of organizations.
    pub organizations: usize,
    /// Number of relying parties.
    pub clients: usize,
    /// Number of trusted issuers.
    pub trusted: usize,
    /// Number of keys, by the name of their state.
    pub keys: BTreeMap<String, usize>,
    /// The version of the policies: a digest of everything that decisions depend on.
    pub policy_version: String,
    /// Number of the last record of the audit log.
    pub audit_records: u64,
    /// What became of the last checkpoint of the audit log; `None` if this server writes none.
    #[serde(default)]
    pub checkpoint: Option<LastCheckpoint>,
    /// Number of commits since the start. Each waits for the disk once.
    pub commits: u64,
    /// Number of batches since the start. Several batches may share a commit.
    pub batches: u64,
    /// Whether the disk is full. Then only what ends something is written: revocations, ends of
    /// sessions and grants, compromised keys, removals of trust and clients.
    #[serde(default)]
    pub disk_full: bool,
    /// Bytes on the disk that are reserved for that, and held at this moment.
    #[serde(default)]
    pub reserve_held: u64,
    /// Bytes of the whole reserve. If less is held, the reserve is in use.
    #[serde(default)]
    pub reserve_whole: u64,
}

/// A key, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRow {
    /// The key id (`kid`).
    pub kid: String,
    /// The purpose, as named on the command line.
    pub purpose: String,
    /// The corporate number of the organization, for purposes that belong to one.
    pub organization: Option<String>,
    /// The id of the resource, for a key that signs nothing but its access tokens.
    #[serde(default)]
    pub resource: Option<String>,
    /// The algorithm with which it signs.
    pub algorithm: Algorithm,
    /// `prepared`, `published`, `active`, `retiring`, `retired` or `compromised`.
    pub state: String,
    /// Whether it signs nothing any more but the status lists of its own credentials. A credential
    /// key does so while it is retiring.
    #[serde(default)]
    pub signs_only_lists: bool,
    /// Since when the key is in that state.
    pub since: Option<Timestamp>,
    /// When the key changes next: when a spare becomes active, or a retiring key leaves the
    /// documents and signs nothing any more.
    pub until: Option<Timestamp>,
}

/// A request to rotate keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// `id-token`, `access-token`, `request-object`, `audit-checkpoint` or `credential`.
    pub purpose: String,
    /// The corporate number of the organization, for `credential`.
    #[serde(default)]
    pub organization: Option<String>,
    /// The id of the resource, for `access-token`, if it has keys of its own.
    #[serde(default)]
    pub resource: Option<String>,
    /// The algorithm of the keys; all algorithms of the purpose if absent.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// Whether somebody else may have the active key. It is then withdrawn at once, although what
    /// it signed can no longer be verified.
    #[serde(default)]
    pub compromised: bool,
}

/// The steps that a rotation will take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotationPlan {
    /// The steps, in order of time.
    pub steps: Vec<PlanStep>,
}

impl Broker {
    /// Reads the state of the broker.
    pub async fn state(&self) -> Result<BrokerState, AdminError> {
        let mut keys = BTreeMap::<String, usize>::new();
        for record in self.keyring.records().await? {
            let count = keys.entry(record.state.name().to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        let store = self.site.store();
        let disk_full = !store.look_for_room().await?;
        let stats = store.stats();
        Ok(BrokerState {
            issuer: self.site.origin().as_str().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            organizations: self.registry.list_organizations().await?.len(),
            clients: self.registry.list_clients().await?.len(),
            trusted: self.registry.trust().list.0.len(),
            keys,
            policy_version: self.registry.policies().version().to_owned(),
            audit_records: store.audit_head().await?.seq,
            checkpoint: self.last_checkpoint(),
            commits: stats.commits,
            batches: stats.batches,
            disk_full,
            reserve_held: stats.reserve,
            reserve_whole: stats.whole_reserve,
        })
    }

    /// Lists the keys. Retired and compromised keys are included only if `all`.
    pub async fn list_keys(&self, all: bool) -> Result<Vec<KeyRow>, AdminError> {
        let mut records = self.keyring.records().await?;
        records.retain(|record| {
            let gone =
                matches!(record.state, KeyState::Retired { .. } | KeyState::Compromised { .. });
            all || !gone
        });
        records.sort_by(|a, b| {
            (&a.purpose, a.algorithm, a.created).cmp(&(&b.purpose, b.algorithm, b.created))
        });
        Ok(records.iter().map(row).collect())
    }

    /// Begins a rotation. The spare becomes active as soon as every verifier can have fetched it.
    /// The key before it stays published while anything that it signed is valid, unless it is
    /// compromised.
    pub async fn rotate_key(
        &self,
        by: &By,
        rotate: &RotateKey,
    ) -> Result<Changed<RotationPlan>, AdminError> {
        let purpose = purpose(rotate)?;
        let act = if rotate.compromised { Act::KeyCompromise } else { Act::KeyRotate };
        for _ in 0..ATTEMPTS {
            let now = self.site.now();
            let rotation =
                self.keyring.plan(&purpose, rotate.algorithm, rotate.compromised, now).await?;
            let rotation = rotation.ok_or_else(|| unknown_key(&purpose, rotate))?;
            let change = Change::new(act, purpose.name());
            let change = match purpose.organization() {
                Some(number) => change.with("organization", number),
                None => change,
            };
            let change = match purpose.resource() {
                Some(resource) => change.with("resource", resource),
                None => change,
            };
            let begun = self
                .change(by, change, |tx| {
                    if self.keyring.begin_in(tx, &rotation)? {
                        Ok(Ok(RotationPlan { steps: rotation.steps.clone() }))
                    } else {
                        Ok(Err(RotationError::Contended.into()))
                    }
                })
                .await;
            match begun {
                Err(AdminError::Key(RotationError::Contended)) => {}
                Ok(changed) if by.rehearsal => return Ok(changed),
                Ok(changed) => {
                    self.sweep_keys().await?;
                    return Ok(changed);
                }
                Err(error) => return Err(error),
            }
        }
        Err(RotationError::Contended.into())
    }
}

fn purpose(rotate: &RotateKey) -> Result<Purpose, AdminError> {
    let number = || {
        let needed = format!("organization is needed for the purpose {:?}", rotate.purpose);
        rotate.organization.clone().ok_or(AdminError::Invalid(needed))
    };
    let purpose = match rotate.purpose.as_str() {
        "id-token" => Purpose::IdToken,
        "access-token" => Purpose::AccessToken { resource: rotate.resource.clone() },
        "request-object" => Purpose::RequestObject,
        "audit-checkpoint" => Purpose::AuditCheckpoint,
        "credential" => Purpose::Credential { org: number()? },
        other => {
            return Err(AdminError::Invalid(format!(
                "unknown purpose {other:?}: id-token, access-token, request-object, audit-checkpoint or credential"
            )));
        }
    };
    if purpose.organization().is_none() && rotate.organization.is_some() {
        let own =
            format!("keys for {} are the broker's own, not an organization's", purpose.name());
        return Err(AdminError::Invalid(own));
    }
    if rotate.resource.is_some() && purpose.resource().is_none() {
        let own = format!("keys for {} belong to no resource", purpose.name());
        return Err(AdminError::Invalid(own));
    }
    Ok(purpose)
}

fn unknown_key(purpose: &Purpose, rotate: &RotateKey) -> AdminError {
    let id = match rotate.algorithm {
        Some(algorithm) => format!("{} {}", purpose.name(), algorithm.name()),
        None => purpose.name().to_owned(),
    };
    AdminError::NotFound { kind: "key", id }
}

fn row(record: &KeyRecord) -> KeyRow {
    let (since, until) = match &record.state {
        KeyState::Prepared { .. } => (None, None),
        KeyState::Published { since, activate_at, .. } => (Some(*since), *activate_at),
        KeyState::Active { since, .. }
        | KeyState::Retired { since }
        | KeyState::Compromised { since } => (Some(*since), None),
        KeyState::Retiring { since, until, .. } => (Some(*since), Some(*until)),
    };
    KeyRow {
        kid: record.kid.clone(),
        purpose: record.purpose.name().to_owned(),
        organization: record.purpose.organization().map(str::to_owned),
        resource: record.purpose.resource().map(str::to_owned),
        algorithm: record.algorithm,
        state: record.state.name().to_owned(),
        signs_only_lists: record.signs_only_lists(),
        since,
        until,
    }
}
