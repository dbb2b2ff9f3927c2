//! The audit log: entries in one order, each bound to all before it (operations, Audit 5.1).
//!
//! The engine gives an entry its number and its link when it applies the batch that the entry
//! belongs to, so transactions never conflict on the log's head, and no state changes without its
//! entry.

use sekisho_ambient::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Store, StoreError};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub time: Timestamp,
    /// Who did it: `client:…`, `person:…`, `operator:…`.
    pub actor: String,
    /// What was done, as a dotted verb: `code.redeem`.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended: `done`, `refused`.
    pub outcome: String,
    /// Why, if it did not succeed.
    pub reason: Option<String>,
    /// What else is to be known. Never personal data in clear.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// An entry at its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number; the first is 1, and none is left out.
    pub seq: u64,
    /// SHA-256 over this record, in hexadecimal digits.
    pub hash: String,
    /// The hash of the record before.
    pub prev: String,
    /// Random bytes in hexadecimal digits, so that the hash tells nothing of an erased entry.
    pub salt: String,
    /// What happened.
    pub entry: AuditEntry,
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Number of the last record; 0 if there is none.
    pub seq: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

/// Where the log is broken.
#[derive(Debug, thiserror::Error)]
#[error("the audit log is broken at record {seq}: {reason}")]
pub struct AuditFault {
    /// Number of the first bad record.
    pub seq: u64,
    /// What was found.
    pub reason: String,
}

impl Store {
    /// At most `limit` records after number `after`, in order.
    pub async fn audit_page(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        todo!()
    }

    /// The end of the log.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        todo!()
    }

    /// Reads the whole log and names the first record that does not fit.
    pub async fn audit_verify(&self) -> Result<AuditHead, AuditFault> {
        todo!()
    }
}
