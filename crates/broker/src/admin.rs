//! What operators do through the admin API. The admin socket and the command line that opens the
//! store itself use the same functions.
//!
//! Invariant: every change is audited in its own batch, under an id that the operator is told. A
//! rehearsal checks everything and changes nothing. [`Broker::change`] is the only way to write.

mod audit;
mod clients;
mod credentials;
mod moves;
mod names;
mod organizations;
mod resources;
mod sessions;
mod state;
mod trust;

pub use sekisho_oauth::token::GrantType;
use sekisho_profile::{Act, Outcome};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_store::{AuditEntry, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use audit::{AuditFound, AuditVerified};
pub use clients::{
    AddClient, AddedClient, ClientRow, ClientShown, Difference, EditClient, EditedClient,
    Endpoints, Examined, Finding, Found, KEEP_OLD, KEEP_OLD_MAX, ListEdit, PartOfText,
    RotateSecret, RotatedSecret, SecretShown, TestClient,
};
pub use credentials::{
    ChangeStatus, CredentialPage, CredentialQuery, CredentialRow, OfferCredential, Offered,
};
pub use moves::{MoveClient, MovedClient, MovedPerson};
pub use names::{AddSector, EditSector, NameRow, SectorRow, SetName};
pub use organizations::{AddOrganization, OrganizationRow};
pub use resources::{EditResource, ResourceRow, ResourceWithSecret, RotateResourceSecret};
pub use sessions::{
    EndGrant, EndSession, EndedSession, GrantRow, Listing, Part, SessionRow, WhichSessions,
};
pub use state::{BrokerState, KeyRow, RotateKey, RotationPlan};
pub use trust::{AddTrust, TrustRow};

use crate::Broker;

/// Who acts, and whether the act is only rehearsed.
#[derive(Clone, Debug)]
pub struct By {
    /// The actor that the audit log names.
    pub actor: Actor,
    /// Whether to check everything but change nothing (`--dry-run`).
    pub rehearsal: bool,
}

impl By {
    /// An operator at the admin socket, identified by the user id of the connecting process.
    pub fn operator(uid: u32, rehearsal: bool) -> Self {
        Self { actor: Actor::Operator(uid), rehearsal }
    }
}

/// The answer to a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed<T> {
    /// The id of the entry in the audit log; `None` for a rehearsal.
    pub audit_id: Option<String>,
    /// What was done, or in a rehearsal what would be done.
    #[serde(flatten)]
    pub result: T,
}

/// Why a request of an operator failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The named object does not exist.
    #[error("{kind} {id:?} does not exist")]
    NotFound {
        /// What kind of object it is, e.g. `client`.
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// An object with this id exists already.
    #[error("{kind} {id:?} exists already")]
    Exists {
        /// What kind of object it is, e.g. `client`.
        kind: &'static str,
        /// The id that is taken.
        id: String,
    },
    /// The request is wrong; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// A key was named whose private half everybody knows.
    #[error(
        "{0} names a key of keys-dev, whose private half is public: it counts only where origin and listen are loopback addresses"
    )]
    DevelopmentKey(&'static str),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made or rotated.
    #[error(transparent)]
    Key(#[from] sekisho_keyring::RotationError),
    /// The broker failed for a reason that is not the operator's.
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

    /// A text that people will see has characters that cannot be seen.
    pub(crate) fn invisible(what: &str) -> Self {
        Self::Invalid(format!("{what} has a control character, or one that cannot be seen"))
    }

    /// The name of the error in the admin API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Exists { .. } => "exists",
            Self::Invalid(_) => "invalid",
            Self::DevelopmentKey(_) => "development_key",
            Self::Store(StoreError::Busy) => "busy",
            Self::Store(_) => "store",
            Self::Key(_) => "key",
            Self::Broker(_) => "broker",
        }
    }
}

/// What the audit log will record about a change.
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
    /// Refuses a key of `keys-dev/` where other machines reach the broker. `what` is the member
    /// that names it.
    pub(crate) fn refuse_development_key(
        &self,
        what: &'static str,
        thumbprint: &str,
    ) -> Result<(), AdminError> {
        if self.registry.refuses_key(thumbprint) {
            return Err(AdminError::DevelopmentKey(what));
        }
        Ok(())
    }

    /// Makes one change in one transaction, together with its audit entry. A rehearsal decides the
    /// same and writes nothing.
    ///
    /// An act that must succeed is written on a full disk too. `closure` must write only after it has
    /// found nothing that prevents the change. Values that
    /// are made beforehand (keys, sealed claims) are not made for a rehearsal.
    pub(crate) async fn change<T>(
        &self,
        by: &By,
        change: Change,
        mut closure: impl FnMut(&mut Tx) -> Result<Result<T, AdminError>, StoreError>,
    ) -> Result<Changed<T>, AdminError> {
        let id = self.site.entropy().id();
        let must_succeed = change.act.must_succeed();
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
        let result = if must_succeed {
            store.transact_reserved(decide).await??
        } else {
            store.transact(decide).await??
        };
        Ok(Changed { audit_id: Some(id), result })
    }
}
