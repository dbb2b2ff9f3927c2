//! The audit log: entries in one order, each bound to all before it (operations, Audit 5.1).
//!
//! The engine gives an entry its number and its link when it applies the batch that the entry
//! belongs to, so transactions never conflict on the log's head, and no state changes without its
//! entry.
//!
//! A record's hash is SHA-256 over `"sekisho audit 1"`, number, hash before, and the SHA-256 of salt
//! and entry; the first follows SHA-256 of `"sekisho audit 1"` and the store's id. Besides, each
//! link is authenticated under a key of the store, so that who writes the file cannot forge the log
//! anew. To cut off its end together with the head is to put back an older file: checkpoints show
//! it.

use std::ops::Bound;

use sekisho_ambient::{Secret, Timestamp, constant_time_eq, hmac_sha256, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::{AUDIT, AUDIT_HEAD, Append, META, Row, RowKey, Scan};
use crate::error::hex;
use crate::seal::Sealer;
use crate::{Store, StoreError};

/// What the hashes begin with.
const DOMAIN: &[u8] = b"sekisho audit 1";
/// Under which key an entry is sealed: its number is not known yet, and its link binds it.
const SEALED_AT: &[u8] = b"entry";
/// Bytes of a salt.
const SALT: usize = 16;
/// Records that verification reads at a time.
const PAGE: usize = 1000;

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

impl AuditFault {
    fn new(seq: u64, reason: &impl ToString) -> Self {
        Self { seq, reason: reason.to_string() }
    }
}

/// Number, hash and authentication of one record.
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

/// What links records.
#[derive(Clone)]
pub(crate) struct Chain {
    store: [u8; 16],
    key: Secret<[u8; 32]>,
}

impl Chain {
    pub(crate) fn new(store: [u8; 16], key: [u8; 32]) -> Self {
        Self { store, key: Secret::new(key) }
    }

    /// What the first record follows.
    pub(crate) fn genesis(&self) -> Link {
        self.authenticated(0, sha256(&[DOMAIN, &self.store].concat()))
    }

    /// The link of the entry that follows `head`, and its stored record: hash before, number, hash
    /// and tag, sealed entry.
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

/// Prepares an entry for its batch.
pub(crate) fn prepare(sealer: &Sealer, entry: &AuditEntry) -> Result<Append, StoreError> {
    let text = serde_json::to_vec(entry).map_err(|error| StoreError::Encode {
        table: AUDIT.to_owned(),
        reason: error.to_string(),
    })?;
    let salted = [sealer.entropy().bytes::<SALT>().as_slice(), &text].concat();
    Ok(Append { commitment: sha256(&salted), sealed: sealer.seal(AUDIT, SEALED_AT, &salted)? })
}

/// A record as stored, opened.
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
    /// At most `limit` records after number `after`, in order.
    pub async fn audit_page(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.audit_rows(after, limit).await?.into_iter().map(|opened| opened.record).collect())
    }

    /// At most `limit` records before number `before`, the last first.
    pub async fn audit_page_back(
        &self,
        before: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let to = Bound::Excluded(before.to_be_bytes().to_vec());
        let rows = self.audit_range(Bound::Unbounded, to, limit, true).await?;
        Ok(rows.into_iter().map(|opened| opened.record).collect())
    }

    /// The end of the log.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.audit_link().await?.head())
    }

    /// Reads the whole log, as far as it goes when this begins, and names the first record that does
    /// not fit.
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
            // Pages are read on this thread: others get their turn in between.
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
            // Appended since the head was read just now.
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

/// The record that an error names, or else `seq`.
fn named(seq: u64) -> impl Fn(StoreError) -> AuditFault {
    move |error| match &error {
        StoreError::Corrupt { key, reason, .. } => {
            AuditFault::new(u64::from_str_radix(key, 16).unwrap_or(seq), &reason)
        }
        _ => AuditFault::new(seq, &error),
    }
}
