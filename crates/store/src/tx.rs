//! One run of a transaction's closure: the rows that it reads, and the batch that it leaves.
//!
//! Invariant: a run has no effect but its batch. A run is not committed if it asked for a row that
//! was not loaded, or met a row that could not be read, even if the closure ignored the error.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::engine::RowKey;
use crate::{AuditEntry, StoreError, Table, TableKey as _};

/// A value in clear, as JSON. It is overwritten when dropped.
pub(crate) type Plain = Zeroizing<Vec<u8>>;

/// A row that was loaded: its version and its value, `None` if there is no such row.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) version: u64,
    pub(crate) value: Option<Plain>,
}

/// The view of the store that a closure of [`Store::transact`](crate::Store::transact) reads from
/// and writes to.
#[derive(Default)]
pub struct Tx {
    loaded: BTreeMap<RowKey, Loaded>,
    reads: BTreeSet<RowKey>,
    wanted: BTreeSet<RowKey>,
    writes: BTreeMap<RowKey, Option<Plain>>,
    appends: Vec<AuditEntry>,
    missing: bool,
    broken: bool,
}

/// The result of a run.
pub(crate) enum Left {
    /// The run is incomplete: these rows must be loaded before the next run.
    Missing(Vec<RowKey>),
    /// A read or write failed. The closure must not go on from there, so nothing is committed.
    Broken,
    /// The run is complete.
    Run(Run),
}

/// A batch that is not sealed yet.
pub(crate) struct Run {
    pub(crate) reads: Vec<(RowKey, u64)>,
    pub(crate) writes: BTreeMap<RowKey, Option<Plain>>,
    pub(crate) appends: Vec<AuditEntry>,
}

impl Run {
    /// Whether the run changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.writes.is_empty() && self.appends.is_empty()
    }
}

impl Tx {
    /// Returns the row at `key`; changes of this run are included. Pass the error on with `?`: a
    /// row that is not loaded yet ends this run, and the closure runs again when the row is loaded.
    pub fn get<T: Table>(&mut self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        let at = place::<T>(key);
        let decoded = match self.find(&at)? {
            Some(value) => decode(at.table, &at.key, value).map(Some),
            None => Ok(None),
        };
        self.broken |= decoded.is_err();
        decoded
    }

    /// Whether there is a row at `key`.
    pub fn contains<T: Table>(&mut self, key: &T::Key) -> Result<bool, StoreError> {
        Ok(self.find(&place::<T>(key))?.is_some())
    }

    /// Announces a row that a later [`Tx::get`] will read, so that the store loads both together.
    pub fn want<T: Table>(&mut self, key: &T::Key) {
        let at = place::<T>(key);
        if !self.loaded.contains_key(&at) {
            self.wanted.insert(at);
        }
    }

    /// Puts `value` at `key`, over an existing row if there is one.
    pub fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        let written = serde_json::to_vec(value);
        self.broken |= written.is_err();
        let bytes = written.map_err(|error| StoreError::Encode {
            table: T::NAME.to_owned(),
            reason: error.to_string(),
        })?;
        self.writes.insert(place::<T>(key), Some(Zeroizing::new(bytes)));
        Ok(())
    }

    /// Puts `value` at `key` if there is no row yet. Returns whether it did.
    pub fn insert<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<bool, StoreError> {
        if self.contains::<T>(key)? {
            return Ok(false);
        }
        self.put::<T>(key, value)?;
        Ok(true)
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        self.writes.insert(place::<T>(key), None);
        Ok(())
    }

    /// Returns the row at `key` and deletes it.
    pub fn take<T: Table>(&mut self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        let value = self.get::<T>(key)?;
        if value.is_some() {
            self.delete::<T>(key)?;
        }
        Ok(value)
    }

    /// Appends an entry to the audit log.
    pub fn append(&mut self, entry: AuditEntry) {
        self.appends.push(entry);
    }

    fn find(&mut self, at: &RowKey) -> Result<Option<&Plain>, StoreError> {
        if let Some(written) = self.writes.get(at) {
            return Ok(written.as_ref());
        }
        let Some(loaded) = self.loaded.get(at) else {
            self.missing = true;
            self.wanted.insert(at.clone());
            return Err(StoreError::NotLoaded);
        };
        if !self.reads.contains(at) {
            self.reads.insert(at.clone());
        }
        Ok(loaded.value.as_ref())
    }

    /// Prepares for the next run and keeps the loaded rows.
    pub(crate) fn rewind(&mut self) {
        let loaded = std::mem::take(&mut self.loaded);
        *self = Self { loaded, ..Self::default() };
    }

    /// Prepares for the next run and drops the loaded rows.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Adds a row that was loaded.
    pub(crate) fn load(&mut self, at: RowKey, row: Loaded) {
        self.loaded.insert(at, row);
    }

    /// Returns the result of the run. The loaded rows stay.
    pub(crate) fn finish(&mut self) -> Left {
        if self.missing {
            return Left::Missing(std::mem::take(&mut self.wanted).into_iter().collect());
        }
        if self.broken {
            return Left::Broken;
        }
        let version = |at: &RowKey| self.loaded.get(at).map_or(0, |row| row.version);
        let reads = std::mem::take(&mut self.reads);
        let dated = |at: RowKey| {
            let version = version(&at);
            (at, version)
        };
        Left::Run(Run {
            reads: reads.into_iter().map(dated).collect(),
            writes: std::mem::take(&mut self.writes),
            appends: std::mem::take(&mut self.appends),
        })
    }
}

/// Returns the place of a typed row.
pub(crate) fn place<T: Table>(key: &T::Key) -> RowKey {
    RowKey { table: T::NAME, key: key.to_bytes() }
}

/// Reads a stored value. `table` and `key` are for the error.
pub(crate) fn decode<V: DeserializeOwned>(
    table: &str,
    key: &[u8],
    value: &[u8],
) -> Result<V, StoreError> {
    // The reason says only where the JSON is wrong. It must not show the content.
    serde_json::from_slice(value).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::corrupt(table, key, format!("unreadable at line {line}, column {column}"))
    })
}
