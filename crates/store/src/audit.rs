//! The audit log: a chain of entries, each bound to all before it (operations, Audit 5.1).
//!
//! An entry gets its number and its link when the engine applies its batch. So transactions never
//! conflict because of the log, and state never changes without its entry.
//!
//! The hash of a record is SHA-256 over `"sekisho audit 1"`, its number, the hash of the record
//! before it, and the SHA-256 of salt and entry. The first record follows the SHA-256 of
//! `"sekisho audit 1"` and the store's id. Each link is also authenticated under a key of the
//! store, so an attacker who can write the file cannot forge a new log. The attacker can remove the
//! last entries only by also putting back the head of an older file. Checkpoints that are kept
//! elsewhere detect that.

use std::ops::Bound;

use sekisho_ambient::{Secret, Timestamp, constant_time_eq, hmac_sha256, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{AUDIT, AUDIT_HEAD, Append, META, Row, RowKey, Scan};
use crate::error::hex;
use crate::seal::Sealer;
use crate::{Store, StoreError};

/// The text at the beginning of every hash's input.
const DOMAIN: &[u8] = b"sekisho audit 1";
/// The key name under which an entry is sealed. It is the same for all entries: an entry has no
/// number yet when it is sealed, and its link binds it to its place.
const SEALED_AT: &[u8] = b"entry";
/// The length of a salt in bytes.
const SALT: usize = 16;
/// The number of records that verification reads at a time.
const PAGE: usize = 1000;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of the last record; 0 if the log is empty.
    pub seq: u64,
    /// The hash of that record, in hexadecimal digits.
    pub hash: String,
}

/// The first place at which the log is broken.
#[derive(Debug, thiserror::Error)]
#[error("the audit log is broken at record {seq}: {reason}")]
pub struct AuditFault {
    /// The number of the first bad record.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl AuditFault {
    fn new(seq: u64, reason: &impl ToString) -> Self {
        Self { seq, reason: reason.to_string() }
    }
}

/// The number, hash and authentication tag of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    hash: [u8; 32],
    tag: [u8; 32],
}

impl Link {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [self.seq.to_be_bytes().as_slice(), &self.hash, &self.tag].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        Some(Self { seq: u64::from_be_bytes(*seq), hash: *hash, tag: rest.try_into().ok()? })
    }

    fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: hex(&self.hash) }
    }
}

/// The id and the key by which a store's records are linked.
#[derive(Clone)]
pub(crate) struct Chain {
    store: [u8; 16],
    key: Secret<[u8; 32]>,
}

impl Chain {
    pub(crate) fn new(store: [u8; 16], key: [u8; 32]) -> Self {
        Self { store, key: Secret::new(key) }
    }

    /// Returns the link that the first record follows.
    pub(crate) fn genesis(&self) -> Link {
        self.authenticated(0, sha256(&[DOMAIN, &self.store].concat()))
    }

    /// Returns the link of the entry that follows `head`, and its stored record: hash before,
    /// number, hash, tag, sealed entry.
    pub(crate) fn link(&self, head: &Link, append: &Append) -> (Link, Vec<u8>) {
        let link = self.next(head, &append.commitment);
        let record = [head.hash.as_slice(), &link.to_bytes(), &append.sealed].concat();
        (link, record)
    }

    fn next(&self, head: &Link, commitment: &[u8; 32]) -> Link {
        let seq = head.seq.saturating_add(1);
        let hash = sha256(&[DOMAIN, &seq.to_be_bytes(), &head.hash, commitment].concat());
        self.authenticated(seq, hash)
    }

    fn authenticated(&self, seq: u64, hash: [u8; 32]) -> Link {
        let tag = hmac_sha256(self.key.expose(), &[&seq.to_be_bytes(), &hash]);
        Link { seq, hash, tag }
    }

    pub(crate) fn is_ours(&self, link: &Link) -> bool {
        constant_time_eq(&self.authenticated(link.seq, link.hash).tag, &link.tag)
    }
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

    /// Returns the end of the log.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.audit_link().await?.head())
    }

    /// Verifies all records that the log has when the call begins. Returns the end of the log, or
    /// the first record that is wrong.
    pub async fn audit_verify(&self) -> Result<AuditHead, AuditFault> {
        let fault = |seq| move |error: StoreError| AuditFault::new(seq, &error);
        let end = self.audit_link().await.map_err(fault(0))?;
        let mut last = self.inner.chain.genesis();
        while last.seq < end.seq {
            let next = last.seq.saturating_add(1);
            let rows = self.audit_rows(last.seq, PAGE).await.map_err(named(next))?;
            if rows.is_empty() {
                return Err(AuditFault::new(next, &"it is missing"));
            }
            // This thread reads whole pages. Yield, so that other tasks can run between pages.
            tokio::task::yield_now().await;
            for opened in &rows {
                last = self.follows(&last, opened)?;
                if last.seq == end.seq && last != end {
                    return Err(AuditFault::new(last.seq, &"the log's head is another"));
                }
            }
        }
        let now = self.audit_link().await.map_err(fault(last.seq))?;
        let beyond = self.audit_rows(now.seq, 1).await.map_err(named(now.seq))?;
        match beyond.first() {
            // The record is not a fault if it was appended after `now` was read.
            Some(more) if self.audit_link().await.map_err(fault(now.seq))?.seq >= more.link.seq => {
                Ok(end.head())
            }
            Some(more) => Err(AuditFault::new(more.link.seq, &"the log's head does not know it")),
            None => Ok(end.head()),
        }
    }

    fn follows(&self, last: &Link, opened: &Opened) -> Result<Link, AuditFault> {
        let chain = &self.inner.chain;
        let expected = chain.next(last, &opened.commitment);
        let reason = if opened.link.seq != expected.seq {
            return Err(AuditFault::new(expected.seq, &"it is missing"));
        } else if opened.prev != last.hash {
            "it does not follow the record before"
        } else if opened.link.hash != expected.hash {
            "its hash is another"
        } else if !chain.is_ours(&opened.link) {
            "its hash was not made by this store"
        } else {
            return Ok(expected);
        };
        Err(AuditFault::new(expected.seq, &reason))
    }

    async fn audit_link(&self) -> Result<Link, StoreError> {
        let key = [RowKey { table: META, key: AUDIT_HEAD.to_vec() }];
        let rows = self.inner.engine.get(&key).await?;
        match rows.into_iter().flatten().next() {
            None => Ok(self.inner.chain.genesis()),
            Some(row) => Link::from_bytes(&row.bytes)
                .filter(|link| self.inner.chain.is_ours(link))
                .ok_or_else(|| StoreError::corrupt(META, AUDIT_HEAD, "it was changed")),
        }
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

/// Turns an error into a fault at the record that the error names, or else at `seq`.
fn named(seq: u64) -> impl Fn(StoreError) -> AuditFault {
    move |error| match &error {
        StoreError::Corrupt { key, reason, .. } => {
            AuditFault::new(u64::from_str_radix(key, 16).unwrap_or(seq), &reason)
        }
        _ => AuditFault::new(seq, &error),
    }
}
