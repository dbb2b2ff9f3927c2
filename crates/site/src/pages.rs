//! Pages of a table whose rows expire, for listings.
//!
//! Invariant: a listing never stops without saying so. If a page is full, it says where the next one
//! begins.

use std::ops::Bound;

use sekisho_ambient::HandleKey;
use sekisho_store::{StoreError, Table};

use crate::Site;

/// How many rows one read takes.
const CHUNK: usize = 1000;

/// A part of a listing, in the order in which the rows expire.
#[derive(Clone, Debug)]
pub struct Page<V> {
    /// The rows that were wanted.
    pub rows: Vec<(HandleKey, V)>,
    /// The row after which the next page begins; `None` if this was the last page.
    pub next: Option<HandleKey>,
}

impl Site {
    /// The rows that have not expired, come after `after`, and are `wanted`; at most `limit`.
    pub async fn page<T: Table<Key = HandleKey>>(
        &self,
        after: Option<HandleKey>,
        limit: usize,
        wanted: impl Fn(&HandleKey, &T::Value) -> bool,
    ) -> Result<Page<T::Value>, StoreError> {
        let now = HandleKey::first_of(self.now().plus(1));
        let mut from = match after.filter(|after| *after >= now) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(now),
        };
        let mut rows = Vec::new();
        loop {
            let chunk = self.store().scan::<T>(from.as_ref(), CHUNK).await?;
            let is_last = chunk.len() < CHUNK;
            for (key, value) in chunk {
                from = Bound::Excluded(key);
                if !wanted(&key, &value) {
                    continue;
                }
                if rows.len() >= limit {
                    let next = rows.last().map(|(key, _)| *key);
                    return Ok(Page { rows, next });
                }
                rows.push((key, value));
            }
            if is_last {
                return Ok(Page { rows, next: None });
            }
        }
    }

    /// All rows that have not expired and are `wanted`.
    pub async fn all<T: Table<Key = HandleKey>>(
        &self,
        wanted: impl Fn(&HandleKey, &T::Value) -> bool,
    ) -> Result<Vec<(HandleKey, T::Value)>, StoreError> {
        Ok(self.page::<T>(None, usize::MAX, wanted).await?.rows)
    }
}
