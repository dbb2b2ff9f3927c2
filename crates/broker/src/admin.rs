//! What operators do, through the admin API: the same use-cases for the socket and for the command
//! line that opens the store itself.
//!
//! Invariant: every change is audited in its own batch under an id that the operator is told, and
//! a dry run checks everything and changes nothing.

mod clients;
mod credentials;
mod organizations;
mod state;
mod trust;

use sekisho_ambient::Timestamp;
use sekisho_profile::{Act, Outcome};
use sekisho_store::{AuditEntry, StoreError};
use serde::{Deserialize, Serialize};

pub use clients::{AddClient, AddedClient, ClientRow};
pub use credentials::{ChangeStatus, CredentialRow, OfferCredential, Offered};
pub use organizations::{AddOrganization, OrganizationRow};
pub use state::{AuditVerified, BrokerState, KeyRow, PlanStep, RotateKey, RotationPlan};
pub use trust::{AddTrust, TrustRow};

use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};

/// The most rows that one answer lists.
pub(crate) const MAX_ROWS: usize = 100_000;

/// Who acts, and whether it is a rehearsal.
#[derive(Clone, Debug)]
pub struct By {
    /// User id of the peer process at the admin socket.
    pub uid: u32,
    /// Check everything, change nothing.
    pub dry_run: bool,
}

/// What a change answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed<T> {
    /// The id under which the audit log has it; none for a dry run.
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
    Key(#[from] crate::rotation::RotationError),
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] crate::login::Refusal),
}

impl AdminError {
    pub(crate) fn invalid(reason: impl std::fmt::Display) -> Self {
        Self::Invalid(reason.to_string())
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

impl Broker {
    /// An entry of an operator's change, and its id.
    pub(crate) fn act_entry(
        &self,
        by: &By,
        now: Timestamp,
        act: Act,
        object: &str,
    ) -> (AuditEntry, String) {
        let id = self.entropy().id();
        let entry = entry(now, &Actor::Operator(by.uid), act, object, Outcome::Done);
        (entry.with("id", id.as_str()), id)
    }
}
