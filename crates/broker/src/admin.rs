//! What operators do, through the admin API: the same use-cases for the socket and for the command
//! line that opens the store itself.
//!
//! Invariant: every change is audited in its own batch under an id that the operator is told, and
//! a rehearsal checks everything and changes nothing: [`Broker::change`] is the only way to write.

mod clients;
mod credentials;
mod organizations;
mod state;
mod trust;

use sekisho_profile::{Act, Outcome};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_store::{AuditEntry, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use clients::{AddClient, AddedClient, ClientRow};
pub use credentials::{ChangeStatus, CredentialRow, OfferCredential, Offered};
pub use organizations::{AddOrganization, OrganizationRow};
pub use state::{AuditVerified, BrokerState, KeyRow, RotateKey, RotationPlan};
pub use trust::{AddTrust, TrustRow};

use crate::Broker;

/// Who acts, and whether it is a rehearsal.
#[derive(Clone, Debug)]
pub struct By {
    /// Who acts.
    pub actor: Actor,
    /// Check everything, change nothing (`--dry-run`).
    pub rehearsal: bool,
}

impl By {
    /// An operator at the admin socket, by the user id of the peer process.
    pub fn operator(uid: u32, rehearsal: bool) -> Self {
        Self { actor: Actor::Operator(uid), rehearsal }
    }
}

/// What a change answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed<T> {
    /// The id under which the audit log has it; none for a rehearsal.
    pub audit_id: Option<String>,
    /// What was done, or would be.
    #[serde(flatten)]
    pub result: T,
}

/// Why an operator's request failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such thing.
    #[error("{kind} {id:?} does not exist")]
    NotFound {
        /// What kind of thing.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// There is one already.
    #[error("{kind} {id:?} exists already")]
    Exists {
        /// What kind of thing.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// The request cannot be right.
    #[error("{0}")]
    Invalid(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] sekisho_keyring::RotationError),
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl AdminError {
    pub(crate) fn invalid(reason: impl std::fmt::Display) -> Self {
        Self::Invalid(reason.to_string())
    }

    pub(crate) fn not_found(kind: &'static str, id: &str) -> Self {
        Self::NotFound { kind, id: id.to_owned() }
    }

    pub(crate) fn exists(kind: &'static str, id: &str) -> Self {
        Self::Exists { kind, id: id.to_owned() }
    }

    /// The name of the error on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Exists { .. } => "exists",
            Self::Invalid(_) => "invalid",
            Self::Store(StoreError::Busy) => "busy",
            Self::Store(_) => "store",
            Self::Key(_) => "key",
            Self::Broker(_) => "broker",
        }
    }
}

/// What the audit log will say of a change.
pub(crate) struct Change {
    act: Act,
    object: String,
    reason: Option<String>,
    details: Vec<(&'static str, Value)>,
}

impl Change {
    pub(crate) fn new(act: Act, object: impl Into<String>) -> Self {
        Self { act, object: object.into(), reason: None, details: Vec::new() }
    }

    pub(crate) fn because(self, reason: Option<&str>) -> Self {
        Self { reason: reason.map(str::to_owned), ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    fn entry(self, broker: &Broker, by: &By, id: &str) -> AuditEntry {
        let Self { act, object, reason, details } = self;
        let done = entry(broker.site.now(), &by.actor, act, object, Outcome::Done).with("id", id);
        let done = match reason {
            Some(reason) => done.because(reason),
            None => done,
        };
        details.into_iter().fold(done, |entry, (name, value)| entry.with(name, value))
    }
}

impl Broker {
    /// Makes one change in one transaction, with its entry in the audit log; or, as a rehearsal,
    /// decides the same and writes nothing.
    ///
    /// `closure` writes only once it knows that nothing stands against it. What is made for a change
    /// beforehand (keys, sealed claims) is not made for a rehearsal.
    pub(crate) async fn change<T>(
        &self,
        by: &By,
        change: Change,
        mut closure: impl FnMut(&mut Tx) -> Result<Result<T, AdminError>, StoreError>,
    ) -> Result<Changed<T>, AdminError> {
        let id = self.site.entropy().id();
        let entry = change.entry(self, by, &id);
        let decide = |tx: &mut Tx| {
            let result = closure(tx)?;
            if result.is_ok() {
                tx.append(entry.clone());
            }
            Ok(result)
        };
        let store = self.site.store();
        if by.rehearsal {
            let result = store.rehearse(decide).await??;
            return Ok(Changed { audit_id: None, result });
        }
        let result = store.transact(decide).await??;
        Ok(Changed { audit_id: Some(id), result })
    }
}
