//! The store as its users see it.

use std::ops::Bound;
use std::path::Path;

use sekisho_ambient::{Entropy, HandleKey, Timestamp};

use crate::{Options, PrefixKey, RootKey, Stats, StoreError, Table, Tx};

/// Typed tables with serializable transactions. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens the file at `path`, or makes it (mode 0600).
    pub fn open(
        path: &Path,
        root: &RootKey,
        entropy: Entropy,
        options: Options,
    ) -> Result<Self, StoreError> {
        todo!()
    }

    /// Runs `closure`, and applies what it leaves if everything that it read still stands; else, and
    /// whenever it asked for a row that was not loaded, it runs again. It decides from its arguments
    /// and from what it reads, and has no other effect.
    ///
    /// `Ok` is durable. Every error but [`StoreError::Unknown`] means that nothing was applied. If
    /// the future is dropped, the batch may still be applied.
    pub async fn transact<T>(
        &self,
        closure: impl FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        todo!()
    }

    /// One row.
    pub async fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        todo!()
    }

    /// At most `limit` rows from `from` on, in order. For listings, never for decisions.
    pub async fn scan<T: Table>(
        &self,
        from: Bound<&T::Key>,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        todo!()
    }

    /// At most `limit` rows before `before`, the last first.
    pub async fn scan_back<T: Table>(
        &self,
        before: Bound<&T::Key>,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        todo!()
    }

    /// At most `limit` rows whose keys begin with `first`, in order.
    pub async fn scan_prefix<T: Table<Key: PrefixKey>>(
        &self,
        first: &<T::Key as PrefixKey>::First,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        todo!()
    }

    /// The same, after the row at `after`: the next page.
    pub async fn scan_prefix_after<T: Table<Key: PrefixKey>>(
        &self,
        first: &<T::Key as PrefixKey>::First,
        after: &T::Key,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        todo!()
    }

    /// Deletes at most `limit` rows whose handles ended before `now`, and says how many.
    pub async fn sweep_expired<T: Table<Key = HandleKey>>(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        todo!()
    }

    /// A key for one purpose outside the store, derived from the root key and this store's identity.
    pub fn mac_key(&self, label: &str) -> [u8; 32] {
        todo!()
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> Stats {
        todo!()
    }
}
