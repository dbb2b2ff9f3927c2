//! The links of the records, and the head that says where the log ends.
//!
//! Invariant: no record can stand in for the head. A record's link and the head are authenticated
//! under two keys and in two forms, so bytes copied from the one never read as the other. The head
//! also counts the batches, and is written in every commit.

use sekisho_ambient::{Secret, constant_time_eq, hmac_sha256, sha256};

use super::{AuditHead, DOMAIN};
use crate::engine::Append;
use crate::error::hex;

/// The text before a record's link, in links of this format.
const RECORD: &[u8] = b"sekisho audit record 2";
/// The text before the head.
const HEAD: &[u8] = b"sekisho audit head 2";

/// The number, hash and authentication tag of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) hash: [u8; 32],
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
}

/// The end of the log and the number of the last batch. One row, written in every commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the last record; 0 if the log is empty.
    pub(crate) seq: u64,
    /// Hash of the last record.
    pub(crate) hash: [u8; 32],
    /// Number of the last batch that was applied.
    pub(crate) counter: u64,
    /// The last record whose link has the form of format 1; 0 if there is none. Later records do
    /// not count in that form, so a file cannot be turned back to format 1 and then shortened.
    pub(crate) old: u64,
}

impl Head {
    /// Returns what the log's callers are told of it.
    pub(crate) fn shown(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: hex(&self.hash), counter: self.counter }
    }

    fn payload(&self) -> Vec<u8> {
        let Self { seq, hash, counter, old } = self;
        [seq.to_be_bytes().as_slice(), hash, &counter.to_be_bytes(), &old.to_be_bytes()].concat()
    }
}

/// The keys and the id by which a store's records are linked.
#[derive(Clone)]
pub(crate) struct Chain {
    store: [u8; 16],
    records: Secret<[u8; 32]>,
    head: Secret<[u8; 32]>,
}

impl Chain {
    /// `records` authenticates links, and `head` the head.
    pub(crate) fn new(store: [u8; 16], records: [u8; 32], head: [u8; 32]) -> Self {
        Self { store, records: Secret::new(records), head: Secret::new(head) }
    }

    /// The id of the store, in hexadecimal digits.
    pub(crate) fn store(&self) -> String {
        hex(&self.store)
    }

    /// Returns the head of a store without records and batches.
    pub(crate) fn first_head(&self) -> Head {
        let hash = sha256(&[DOMAIN, &self.store].concat());
        Head { seq: 0, hash, counter: 0, old: 0 }
    }

    /// Writes the head with its tag.
    pub(crate) fn seal_head(&self, head: &Head) -> Vec<u8> {
        let payload = head.payload();
        let tag = hmac_sha256(self.head.expose(), &[HEAD, &payload]);
        [payload.as_slice(), &tag].concat()
    }

    /// Reads a head that this store wrote; `None` for all other bytes.
    pub(crate) fn open_head(&self, bytes: &[u8]) -> Option<Head> {
        let (payload, tag) = bytes.split_last_chunk::<32>()?;
        if !constant_time_eq(&hmac_sha256(self.head.expose(), &[HEAD, payload]), tag) {
            return None;
        }
        let (seq, rest) = payload.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (counter, old) = rest.split_first_chunk()?;
        let number = u64::from_be_bytes;
        let (seq, counter, old) = (number(*seq), number(*counter), number(old.try_into().ok()?));
        Some(Head { seq, hash: *hash, counter, old })
    }

    /// Returns the record that follows `head`, and moves `head` to it. A stored record is hash
    /// before, number, hash, tag, sealed entry.
    pub(crate) fn append(&self, head: &mut Head, append: &Append) -> (u64, Vec<u8>) {
        let prev = head.hash;
        let seq = head.seq.saturating_add(1);
        let hash = self.hash(seq, &prev, &append.commitment);
        let link = Link { seq, hash, tag: self.tag(seq, &hash, false) };
        (head.seq, head.hash) = (seq, hash);
        (seq, [prev.as_slice(), &link.to_bytes(), &append.sealed].concat())
    }

    /// Returns the hash of record `seq`, which follows a record with the hash `prev`.
    #[allow(clippy::unused_self, reason = "the chain says how its links are made")]
    pub(crate) fn hash(&self, seq: u64, prev: &[u8; 32], commitment: &[u8; 32]) -> [u8; 32] {
        sha256(&[DOMAIN, &seq.to_be_bytes(), prev, commitment].concat())
    }

    /// Whether this store made the link. `old` is the last record of format 1.
    pub(crate) fn is_ours(&self, link: &Link, old: u64) -> bool {
        constant_time_eq(&self.tag(link.seq, &link.hash, link.seq <= old), &link.tag)
    }

    /// Makes a link as format 1 had it, for tests of the upgrade.
    #[cfg(test)]
    pub(crate) fn old_link(&self, seq: u64, hash: [u8; 32]) -> Link {
        Link { seq, hash, tag: self.tag(seq, &hash, true) }
    }

    fn tag(&self, seq: u64, hash: &[u8; 32], old: bool) -> [u8; 32] {
        let form = if old { &[] } else { RECORD };
        hmac_sha256(self.records.expose(), &[form, &seq.to_be_bytes(), hash])
    }
}
