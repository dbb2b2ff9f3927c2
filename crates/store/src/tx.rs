//! One run of a transaction's closure: what it reads, and the batch that it leaves.
//!
//! Invariant: a run has no effect but its batch; a run that asked for a row which was not loaded is
//! never committed, even if the closure swallowed the signal.

use crate::{AuditEntry, StoreError, Table};

/// What a closure of [`Store::transact`](crate::Store::transact) reads from and writes to.
pub struct Tx {}

impl Tx {
    /// The row at `key`, with what this run has written. `?` must pass the error on: a row that is
    /// not loaded yet ends this run, and the closure runs again when it is.
    pub fn get<T: Table>(&mut self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        todo!()
    }

    /// Whether there is a row at `key`.
    pub fn contains<T: Table>(&mut self, key: &T::Key) -> Result<bool, StoreError> {
        todo!()
    }

    /// Asks for a row that a later [`Tx::get`] will read, so that one trip fetches both.
    pub fn want<T: Table>(&mut self, key: &T::Key) {
        todo!()
    }

    /// Puts `value` at `key`, whatever is there.
    pub fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        todo!()
    }

    /// Puts `value` at `key` if there is no row yet, and says whether it did.
    pub fn insert<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<bool, StoreError> {
        todo!()
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        todo!()
    }

    /// The row at `key`, which is deleted.
    pub fn take<T: Table>(&mut self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        todo!()
    }

    /// Appends an entry to the audit log.
    pub fn append(&mut self, entry: AuditEntry) {
        todo!()
    }
}
