//! The audit log: a chain of entries, each bound to all before it (operations, Audit 5.1).
//!
//! An entry gets its number and its link when the engine applies its batch. So transactions never
//! conflict because of the log, and state never changes without its entry.
//!
//! The hash of a record is SHA-256 over `"sekisho audit 1"`, its number, the hash of the record
//! before it, and the SHA-256 of salt and entry. The first record follows the SHA-256 of
//! `"sekisho audit 1"` and the store's id. [`chain`] says how links and head are authenticated:
//! whoever can write the file but has no root key can neither forge nor shorten the log. Putting
//! back a whole older file is all that is left, and checkpoints that are kept elsewhere show it.
//!
//! | file | what |
//! |---|---|
//! | [`chain`] | links and head |
//! | [`verify`] | the check of the whole log |

use std::ops::Bound;

use sekisho_ambient::{Timestamp, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{AUDIT, Append, HEAD, META, Row, RowKey, Scan};
use crate::error::hex;
use crate::seal::Sealer;
use crate::{Store, StoreError};

pub(crate) mod chain;
mod verify;

pub(crate) use chain::{Chain, Head, Link};
pub use verify::{AuditFault, AuditReport};

/// The text at the beginning of every hash's input.
const DOMAIN: &[u8] = b"sekisho audit 1";
/// The key name under which an entry is sealed. It is the same for all entries: an entry has no
/// number yet when it is sealed, and its link binds it to its place.
const SEALED_AT: &[u8] = b"entry";
/// The length of a salt in bytes.
const SALT: usize = 16;

/// An entry: who did what to what, when, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The time of the act.
    pub time: Timestamp,
    /// The one who acted: `client:…`, `person:…`, `operator:…`.
    pub actor: String,
    /// The act, as a dotted verb: `code.redeem`.
    pub action: String,
    /// The object of the act, such as a client or a credential.
    pub object: String,
    /// The outcome: `done` or `refused`.
    pub outcome: String,
    /// The reason of a refusal or of an ending, if there is one.
    pub reason: Option<String>,
    /// Further facts by name. They never contain personal data in clear.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// A record of the log: an entry with its number and its links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The number of the record. The first is 1, and numbers have no gap.
    pub seq: u64,
    /// SHA-256 over this record, in hexadecimal digits.
    pub hash: String,
    /// The hash of the record before this one, in hexadecimal digits.
    pub prev: String,
    /// Random bytes in hexadecimal digits. Because of them, the hash does not reveal the entry once
    /// it is erased.
    pub salt: String,
    /// The entry itself.
    pub entry: AuditEntry,
}

/// The end of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of the last record; 0 if the log is empty.
    pub seq: u64,
    /// The hash of that record, in hexadecimal digits.
    pub hash: String,
    /// The number of batches that the store has applied.
    pub counter: u64,
}

/// Seals an entry and computes its commitment, so that it can go into a batch.
pub(crate) fn prepare(sealer: &Sealer, entry: &AuditEntry) -> Result<Append, StoreError> {
    let text = serde_json::to_vec(entry).map_err(|error| StoreError::Encode {
        table: AUDIT.to_owned(),
        reason: error.to_string(),
    })?;
    let salted = [sealer.entropy().bytes::<SALT>().as_slice(), &text].concat();
    Ok(Append { commitment: sha256(&salted), sealed: sealer.seal(AUDIT, SEALED_AT, &salted)? })
}

/// A stored record after its entry was unsealed.
struct Opened {
    prev: [u8; 32],
    link: Link,
    commitment: [u8; 32],
    record: AuditRecord,
}

fn open(sealer: &Sealer, key: &[u8], row: &Row) -> Result<Opened, StoreError> {
    let corrupt = |reason: &str| StoreError::corrupt(AUDIT, key, reason);
    let parts = row.bytes.split_first_chunk::<32>().and_then(|(prev, rest)| {
        let (link, sealed) = rest.split_at_checked(72)?;
        Some((*prev, Link::from_bytes(link)?, sealed))
    });
    let (prev, link, sealed) = parts.ok_or_else(|| corrupt("it is too short"))?;
    if key != link.seq.to_be_bytes() {
        return Err(corrupt("it stands under another number"));
    }
    let salted =
        sealer.open(AUDIT, SEALED_AT, sealed).map_err(|_| corrupt("its entry was changed"))?;
    let (salt, text) =
        salted.split_at_checked(SALT).ok_or_else(|| corrupt("its entry is too short"))?;
    let entry = serde_json::from_slice(text).map_err(|_| corrupt("its entry does not read"))?;
    let record = AuditRecord {
        seq: link.seq,
        hash: hex(&link.hash),
        prev: hex(&prev),
        salt: hex(salt),
        entry,
    };
    Ok(Opened { prev, link, commitment: sha256(&salted), record })
}

impl Store {
    /// Returns at most `limit` records after number `after`, in ascending order.
    pub async fn audit_page(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.audit_rows(after, limit).await?.into_iter().map(|opened| opened.record).collect())
    }

    /// Returns at most `limit` records before number `before`, in descending order.
    pub async fn audit_page_back(
        &self,
        before: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let to = Bound::Excluded(before.to_be_bytes().to_vec());
        let rows = self.audit_range(Bound::Unbounded, to, limit, true).await?;
        Ok(rows.into_iter().map(|opened| opened.record).collect())
    }

    /// Returns the end of the log. Fails if it is missing or was changed.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.head().await?.shown())
    }

    /// Returns the hash of record `seq` in hexadecimal digits, and for 0 what the first record
    /// follows; `None` if there is no such record.
    pub async fn audit_hash(&self, seq: u64) -> Result<Option<String>, StoreError> {
        if seq == 0 {
            return Ok(Some(hex(&self.inner.chain.first_head().hash)));
        }
        let rows = self.audit_rows(seq.saturating_sub(1), 1).await?;
        let found = rows.into_iter().find(|opened| opened.link.seq == seq);
        Ok(found.map(|opened| opened.record.hash))
    }

    /// The id that was drawn for this store when it was made, in hexadecimal digits.
    pub fn id(&self) -> String {
        self.inner.chain.store()
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let key = [RowKey { table: META, key: HEAD.to_vec() }];
        let rows = self.inner.engine.get(&key).await?;
        let corrupt = |reason| StoreError::corrupt(META, HEAD, reason);
        let row = rows.into_iter().flatten().next();
        let row = row.ok_or_else(|| corrupt("its head is missing: somebody removed it"))?;
        let head = self.inner.chain.open_head(&row.bytes);
        head.ok_or_else(|| corrupt("its head was changed, or copied from another place"))
    }

    async fn audit_rows(&self, after: u64, limit: usize) -> Result<Vec<Opened>, StoreError> {
        let from = Bound::Excluded(after.to_be_bytes().to_vec());
        self.audit_range(from, Bound::Unbounded, limit, false).await
    }

    async fn audit_range(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        limit: usize,
        back: bool,
    ) -> Result<Vec<Opened>, StoreError> {
        let scan = Scan { table: AUDIT.to_owned(), from, to, limit, back };
        let rows = self.inner.engine.scan(scan).await?;
        rows.iter().map(|(key, row)| open(&self.inner.sealer, key, row)).collect()
    }
}
