//! The public store: transactions, reads, listings and sweeps.

use std::ops::Bound;
use std::sync::Arc;

use sekisho_ambient::{HandleKey, Timestamp};
use serde::de::DeserializeOwned;

use crate::audit::{Chain, prepare};
use crate::engine::{Batch, Engine, EngineError, Row, RowKey, Scan};
use crate::key::prefix_end;
use crate::seal::Sealer;
use crate::tx::{Left, Loaded, Plain, Run, decode, place};
use crate::{PrefixKey, Stats, StoreError, Table, TableKey, Tx};

/// The number of conflicts after which a transaction takes turns with the others that reached it:
/// only one of them runs at a time.
const PATIENCE: usize = 3;
/// The number of conflicts after which a transaction gives up.
const MAX_CONFLICTS: usize = 64;
/// The number of rows that are read at a time where all are wanted.
const PAGE: usize = 1000;
/// How many times a closure may ask for further rows.
const MAX_TRIPS: usize = 1000;

/// Typed tables with serializable transactions. Clones are cheap and share one store. The file is
/// closed when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) sealer: Sealer,
    pub(crate) chain: Chain,
    turn: tokio::sync::Mutex<()>,
}

impl Store {
    pub(crate) fn from_parts(engine: Box<dyn Engine>, sealer: Sealer, chain: Chain) -> Self {
        let turn = tokio::sync::Mutex::new(());
        Self { inner: Arc::new(Inner { engine, sealer, chain, turn }) }
    }

    /// Runs `closure`, and applies its changes if all the rows that it read are unchanged. If one
    /// has changed, or if the closure asked for a row that was not loaded, the closure runs again.
    /// The closure must decide only from its arguments and from what it reads, and must have no
    /// other effect.
    ///
    /// If the result is `Ok`, the changes are durable. Every error but [`StoreError::Unknown`]
    /// means that nothing was applied. If the future is dropped, the batch may still be applied.
    pub async fn transact<T>(
        &self,
        closure: impl FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(closure, false).await
    }

    /// Runs `closure` as [`Store::transact`] does. If the disk is full, its changes are written to
    /// the room that is reserved for them. Use it only for what ends something (a credential, a
    /// session, a key, trust), and never for what a stranger can ask for without end.
    pub async fn transact_reserved<T>(
        &self,
        closure: impl FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(closure, true).await
    }

    async fn run<T>(
        &self,
        mut closure: impl FnMut(&mut Tx) -> Result<T, StoreError>,
        must_succeed: bool,
    ) -> Result<T, StoreError> {
        let mut tx = Tx::default();
        let (mut conflicts, mut _turn) = (0, None);
        loop {
            let (outcome, batch) = self.decide(&mut tx, &mut closure).await?;
            let committed = match batch {
                Some(batch) => self.inner.engine.commit(Batch { must_succeed, ..batch }).await,
                None => Ok(()),
            };
            match committed {
                Err(EngineError::Conflict) if conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(outcome),
            }
            if conflicts == PATIENCE {
                _turn = Some(self.inner.turn.lock().await);
            }
            tx.forget();
        }
    }

    /// Runs `closure` as [`Store::transact`] does, but applies nothing.
    pub async fn rehearse<T>(
        &self,
        mut closure: impl FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (outcome, _) = self.decide(&mut Tx::default(), &mut closure).await?;
        Ok(outcome)
    }

    /// Runs `closure` until every row that it asks for is loaded. The batch is `None` if there is
    /// nothing to apply and nothing to compare.
    async fn decide<T>(
        &self,
        tx: &mut Tx,
        closure: &mut impl FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<(T, Option<Batch>), StoreError> {
        for trips in 0..MAX_TRIPS {
            if self.inner.engine.rehearses() {
                let _ = closure(tx);
                tx.rewind();
            }
            let outcome = closure(tx);
            match tx.finish() {
                Left::Missing(keys) => {
                    tx.rewind();
                    self.load(tx, keys).await?;
                }
                Left::Broken => {
                    let swallowed = "it went on after a failed read or write";
                    return Err(outcome.err().unwrap_or_else(|| aborted(swallowed)));
                }
                Left::Run(run) => {
                    let outcome = outcome?;
                    // Rows of one load are from one moment. Rows of several loads may not be, so
                    // they must be compared.
                    let settled = run.only_reads() && trips <= 1;
                    let batch = if settled { None } else { Some(self.seal_run(run)?) };
                    return Ok((outcome, batch));
                }
            }
        }
        Err(aborted("it asks for ever more rows"))
    }

    fn seal_run(&self, run: Run) -> Result<Batch, StoreError> {
        let sealer = &self.inner.sealer;
        let mut batch = Batch { reads: run.reads, ..Batch::default() };
        for (at, value) in run.writes {
            let seal = |value: Plain| sealer.seal(at.table, &at.key, &value);
            let sealed = value.map(seal).transpose()?;
            batch.writes.push((at, sealed));
        }
        for entry in &run.appends {
            batch.appends.push(prepare(sealer, entry)?);
        }
        Ok(batch)
    }

    async fn load(&self, tx: &mut Tx, keys: Vec<RowKey>) -> Result<(), StoreError> {
        let rows = self.inner.engine.get(&keys).await?;
        for (at, row) in keys.into_iter().zip(rows) {
            let loaded = match row {
                Some(row) => Loaded {
                    version: row.version,
                    value: Some(self.inner.sealer.open(at.table, &at.key, &row.bytes)?),
                },
                None => Loaded::default(),
            };
            tx.load(at, loaded);
        }
        Ok(())
    }

    /// Returns the row at `key`, if there is one.
    pub async fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        let keys = [place::<T>(key)];
        let [RowKey { table, key }] = &keys;
        let rows = self.inner.engine.get(&keys).await?;
        rows.into_iter().flatten().next().map(|row| self.open_row(table, key, &row)).transpose()
    }

    /// Returns the rows at `keys` in their order, all as of one moment.
    pub async fn get_all<T: Table>(
        &self,
        keys: &[T::Key],
    ) -> Result<Vec<Option<T::Value>>, StoreError> {
        let keys: Vec<RowKey> = keys.iter().map(place::<T>).collect();
        let rows = self.inner.engine.get(&keys).await?;
        let open = |(at, row): (&RowKey, Option<Row>)| {
            row.map(|row| self.open_row(at.table, &at.key, &row)).transpose()
        };
        keys.iter().zip(rows).map(open).collect()
    }

    /// Returns the number of rows of a table. It is not read from the rows, so this is quick.
    pub async fn count<T: Table>(&self) -> Result<u64, StoreError> {
        Ok(self.inner.engine.count(T::NAME).await?)
    }

    /// Returns all rows in ascending order, read in pages so that other tasks can run meanwhile.
    pub async fn scan_all<T: Table>(&self) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        let (mut all, mut from) = (Vec::new(), Bound::Unbounded);
        loop {
            let page = self.range::<T>(from, Bound::Unbounded, PAGE, false).await?;
            let whole = page.len() == PAGE;
            from = page.last().map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(key.to_bytes()));
            all.extend(page);
            if !whole {
                return Ok(all);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns at most `limit` rows from `from` on, in ascending order. Use it for listings, never
    /// for decisions.
    pub async fn scan<T: Table>(
        &self,
        from: Bound<&T::Key>,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        self.range::<T>(from.map(TableKey::to_bytes), Bound::Unbounded, limit, false).await
    }

    /// Returns at most `limit` rows up to `to`, in descending order.
    pub async fn scan_back<T: Table>(
        &self,
        to: Bound<&T::Key>,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        self.range::<T>(Bound::Unbounded, to.map(TableKey::to_bytes), limit, true).await
    }

    /// Returns at most `limit` rows whose keys begin with `first`, in ascending order.
    pub async fn scan_prefix<T: Table<Key: PrefixKey>>(
        &self,
        first: &<T::Key as PrefixKey>::First,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        let prefix = T::Key::prefix(first);
        let end = prefix_end(&prefix);
        self.range::<T>(Bound::Included(prefix), end, limit, false).await
    }

    /// Returns the next page of `scan_prefix`: at most `limit` rows after the row at `after`.
    pub async fn scan_prefix_after<T: Table<Key: PrefixKey>>(
        &self,
        first: &<T::Key as PrefixKey>::First,
        after: &T::Key,
        limit: usize,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        let prefix = T::Key::prefix(first);
        let (end, after) = (prefix_end(&prefix), after.to_bytes());
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        self.range::<T>(from, end, limit, false).await
    }

    /// Deletes at most `limit` rows whose handles expired before `now`. Returns how many were
    /// deleted.
    pub async fn sweep_expired<T: Table<Key = HandleKey>>(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let scan = Scan {
            table: T::NAME.to_owned(),
            from: Bound::Unbounded,
            to: Bound::Excluded(now.to_sortable().to_vec()),
            limit,
            back: false,
        };
        let rows = self.inner.engine.scan(scan).await?;
        let count = rows.len();
        if count > 0 {
            // The row is not read first on purpose: an expired row is deleted whatever it holds by
            // now.
            let gone = |(key, _)| (RowKey { table: T::NAME, key }, None);
            let writes = rows.into_iter().map(gone).collect();
            // On a full disk this is what makes room again.
            let batch = Batch { writes, must_succeed: true, ..Batch::default() };
            self.inner.engine.commit(batch).await?;
        }
        Ok(count)
    }

    /// Derives a key for one purpose outside the store from the root key and this store's id.
    pub fn mac_key(&self, label: &str) -> [u8; 32] {
        self.inner.sealer.mac_key(label)
    }

    /// Whether ordinary transactions are taken, as far as is known. If the disk was full, looks at it
    /// again.
    pub async fn has_room(&self) -> Result<bool, StoreError> {
        if self.stats().full { self.look_for_room().await } else { Ok(true) }
    }

    /// Looks at the disk, and returns whether ordinary transactions are taken.
    pub async fn look_for_room(&self) -> Result<bool, StoreError> {
        Ok(self.inner.engine.tend(false).await?)
    }

    /// Regular work: gives free pages of the file back to the disk, if there are many and nobody
    /// waits, and looks whether a full disk has room again.
    pub async fn tend(&self) -> Result<(), StoreError> {
        self.inner.engine.tend(true).await?;
        Ok(())
    }

    /// Returns the engine's counters.
    pub fn stats(&self) -> Stats {
        self.inner.engine.stats()
    }

    async fn range<T: Table>(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        limit: usize,
        back: bool,
    ) -> Result<Vec<(T::Key, T::Value)>, StoreError> {
        let scan = Scan { table: T::NAME.to_owned(), from, to, limit, back };
        let rows = self.inner.engine.scan(scan).await?;
        let open = |(key, row): (Vec<u8>, Row)| {
            let value = self.open_row(T::NAME, &key, &row)?;
            let typed = T::Key::from_bytes(&key);
            let typed =
                typed.ok_or_else(|| StoreError::corrupt(T::NAME, &key, "the key does not read"))?;
            Ok((typed, value))
        };
        rows.into_iter().map(open).collect()
    }

    fn open_row<V: DeserializeOwned>(
        &self,
        table: &str,
        key: &[u8],
        row: &Row,
    ) -> Result<V, StoreError> {
        decode(table, key, &self.inner.sealer.open(table, key, &row.bytes)?)
    }
}

fn aborted(reason: &str) -> StoreError {
    StoreError::Aborted(reason.to_owned())
}
