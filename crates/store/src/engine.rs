//! What an engine does: it reads rows, lists them, and applies a batch if all the rows that the
//! batch read are unchanged.
//!
//! Engines see sealed bytes only. Each row has a version, which is the number of the batch that
//! wrote it; an absent row has version 0. Invariant: no two batches have the same number, so a row
//! that was deleted and written again has another version than before.

use std::fmt;
use std::ops::Bound;
use std::pin::Pin;

use crate::{Stats, StoreError};

mod apply;
mod embedded;
#[cfg(test)]
mod faults;
mod reserve;
mod writer;

pub(crate) use apply::{Applied, Rows, apply, first_rows, load, save, stands, upgrade};
pub(crate) use embedded::{OpenFault, Opened, Place};
pub(crate) use reserve::Reserve;

/// The table of the engine's own rows: header and head.
pub(crate) const META: &str = "store.meta";
/// The audit log: number → record.
pub(crate) const AUDIT: &str = "store.audit_1";
/// The key of the header in [`META`].
pub(crate) const HEADER: &[u8] = b"header";
/// The key of the head in [`META`]: the end of the audit log and the number of the last batch.
/// Invariant: a file with a header has a head, from its first commit on.
pub(crate) const HEAD: &[u8] = b"head";

/// The future that an engine's method returns.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

/// Ordered tables of bytes.
pub(crate) trait Engine: Send + Sync {
    /// Returns the rows at `keys`, in the order of `keys`, all as of one moment.
    fn get<'a>(&'a self, keys: &'a [RowKey]) -> Answer<'a, Vec<Option<Row>>>;
    /// Returns the rows in a range.
    fn scan(&self, scan: Scan) -> Answer<'_, Vec<(Vec<u8>, Row)>>;
    /// Applies the batch if all the rows that it read are unchanged. Answers when the batch is
    /// durable. A batch without changes is only compared with the present rows.
    fn commit(&self, batch: Batch) -> Answer<'_, ()>;
    /// Returns the names of all tables.
    fn tables(&self) -> Answer<'_, Vec<String>>;
    /// Returns the table and the number of the newest batch that any row names; `None` without
    /// rows.
    fn newest(&self) -> Answer<'_, Option<(String, u64)>>;
    /// Returns the number of rows of a table.
    fn count<'a>(&'a self, table: &'a str) -> Answer<'a, u64>;
    /// Returns the counters since the engine was opened.
    fn stats(&self) -> Stats;
    /// Looks whether a full disk has room again. If `compact`, gives the file's free pages back to
    /// the disk, if there are many and nobody waits. Returns whether ordinary batches are taken.
    fn tend(&self, compact: bool) -> Answer<'_, bool> {
        let _ = compact;
        Box::pin(std::future::ready(Ok(true)))
    }
    /// Whether the store runs every closure twice, to test that closures have no effect of their
    /// own.
    fn rehearses(&self) -> bool {
        false
    }
}

/// The place of a row: its table and its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) table: &'static str,
    pub(crate) key: Vec<u8>,
}

/// A row as it was read: its version and its sealed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) version: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The result of a transaction's run, which the engine applies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The rows that were read, each with its version.
    pub(crate) reads: Vec<(RowKey, u64)>,
    /// The rows to put, or to delete (`None`).
    pub(crate) writes: Vec<(RowKey, Option<Vec<u8>>)>,
    /// The entries to append to the audit log.
    pub(crate) appends: Vec<Append>,
    /// Whether the batch may use the reserve of a full disk. Only what ends something may: a
    /// credential, a session, a key, trust.
    pub(crate) must_succeed: bool,
}

impl Batch {
    /// Whether the batch changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.writes.is_empty() && self.appends.is_empty()
    }
}

/// An entry that is to be appended to the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    /// SHA-256 of salt and entry.
    pub(crate) commitment: [u8; 32],
    /// Salt and entry, sealed.
    pub(crate) sealed: Vec<u8>,
}

/// A range of a table.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) table: String,
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
    pub(crate) limit: usize,
    /// Whether the rows are returned in descending order.
    pub(crate) back: bool,
}

impl Scan {
    /// Whether no key can lie in the range. The maps that engines use panic on such ranges.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        }
    }

    /// Returns the range as the maps that engines use take it.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice))
    }
}

/// The reason why an engine did not apply or answer.
#[derive(Clone, Debug)]
pub(crate) enum EngineError {
    /// A row that the batch read has changed.
    Conflict,
    /// Too many batches wait.
    Busy,
    /// The engine failed, and nothing was applied.
    Unavailable(String),
    /// The engine failed, and the batch may have been applied.
    Unknown(String),
}

impl EngineError {
    pub(crate) fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Conflict | EngineError::Busy => Self::Busy,
            EngineError::Unavailable(reason) => Self::Unavailable(reason),
            EngineError::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::HostileOptions;
    use crate::{Backend, Options, RootKey, Store};

    fn stores(folder: &std::path::Path) -> [Store; 2] {
        let (path, root) = (folder.join("store.redb"), RootKey::from_bytes([1; 32]));
        let entropy = sekisho_ambient::Entropy::system();
        [Backend::Redb(&path), Backend::Hostile(HostileOptions::calm(1))].map(|backend| {
            Store::open_on(backend, &root, entropy.clone(), Options::default()).unwrap()
        })
    }

    fn at(key: &[u8]) -> RowKey {
        RowKey { table: "rows_1", key: key.to_vec() }
    }

    fn put(key: &[u8], bytes: Option<&[u8]>) -> Batch {
        Batch { writes: vec![(at(key), bytes.map(<[u8]>::to_vec))], ..Batch::default() }
    }

    async fn version(engine: &dyn Engine, key: &[u8]) -> u64 {
        engine.get(&[at(key)]).await.unwrap()[0].as_ref().map_or(0, |row| row.version)
    }

    #[tokio::test]
    async fn a_row_that_was_deleted_and_written_again_is_not_the_row_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let engine = store.inner.engine.as_ref();
            engine.commit(put(b"a", Some(b"1"))).await.unwrap();
            let read = version(engine, b"a").await;
            engine.commit(put(b"a", None)).await.unwrap();
            engine.commit(put(b"a", Some(b"1"))).await.unwrap();
            assert_ne!(version(engine, b"a").await, read);
            for changes in [put(b"b", Some(b"2")), Batch::default()] {
                let late = Batch { reads: vec![(at(b"a"), read)], ..changes };
                assert!(matches!(engine.commit(late).await, Err(EngineError::Conflict)));
            }
            assert_eq!(version(engine, b"b").await, 0, "a refused batch leaves nothing");
        }
    }

    #[tokio::test]
    async fn a_row_that_was_read_as_absent_must_still_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let engine = store.inner.engine.as_ref();
            let insert = Batch { reads: vec![(at(b"a"), 0)], ..put(b"a", Some(b"1")) };
            engine.commit(insert.clone()).await.unwrap();
            assert!(matches!(engine.commit(insert).await, Err(EngineError::Conflict)));
        }
    }

    #[test]
    fn a_range_that_holds_no_key_is_known_as_empty() {
        let (a, b) = (|| vec![1], || vec![2]);
        let scan =
            |from, to| Scan { table: String::new(), from, to, limit: 1, back: false }.is_empty();
        assert!(scan(Bound::Included(b()), Bound::Included(a())));
        assert!(scan(Bound::Excluded(a()), Bound::Excluded(a())));
        assert!(scan(Bound::Included(a()), Bound::Excluded(a())));
        assert!(scan(Bound::Excluded(a()), Bound::Included(a())));
        assert!(!scan(Bound::Included(a()), Bound::Included(a())));
        assert!(!scan(Bound::Excluded(a()), Bound::Excluded(b())));
        assert!(!scan(Bound::Unbounded, Bound::Excluded(a())));
    }
}
