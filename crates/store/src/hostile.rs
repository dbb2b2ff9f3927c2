//! An engine in memory for tests. It does to a transaction whatever a network or a disk could do.
//!
//! It runs every closure twice, delays batches, reports conflicts, loses the answer after applying
//! a batch, and loses power, which leaves the last batch that was synced. Code that works on this
//! engine also works on an engine behind a network. The engine is seeded: the same seed draws the
//! same mishaps, in the order in which the batches arrive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_ambient::Entropy;

use crate::audit::Chain;
use crate::engine::{
    Answer, Applied, Batch, Engine, EngineError, META, Row, RowKey, Rows, Scan, apply, load, save,
    stands,
};
use crate::open::{Fresh, Unlocked};
use crate::{RootKey, Stats, Store, StoreError};

/// The mishaps that can happen, and how often. Rates are percentages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostileOptions {
    /// The seed from which the mishaps are drawn.
    pub seed: u64,
    /// Whether every closure runs twice.
    pub rehearse: bool,
    /// Percentage of batches that are refused as conflicts although nothing has changed.
    pub conflicts: u32,
    /// Percentage of batches whose answer is lost. Half of those batches are applied, half are not.
    pub unknown: u32,
    /// Percentage of batches that are refused because the engine says it is busy.
    pub busy: u32,
    /// Percentage of batches that are applied and then lost, because the power fails before they
    /// are synced.
    pub power_cuts: u32,
    /// Percentage of reads and batches that wait while other tasks run, several times.
    pub delays: u32,
}

impl HostileOptions {
    /// Delays, conflicts, and every closure twice. The caller sees none of these as an error.
    pub fn new(seed: u64) -> Self {
        Self { seed, rehearse: true, conflicts: 20, unknown: 0, busy: 0, power_cuts: 0, delays: 50 }
    }

    /// Every mishap, also those that the caller sees as errors.
    pub fn cruel(seed: u64) -> Self {
        Self { unknown: 5, busy: 5, power_cuts: 2, ..Self::new(seed) }
    }

    /// No mishap: a plain map in memory.
    pub fn calm(seed: u64) -> Self {
        Self { rehearse: false, conflicts: 0, delays: 0, ..Self::new(seed) }
    }
}

/// Rows of all tables.
type Map = BTreeMap<String, BTreeMap<Vec<u8>, Row>>;

/// One change: table, key, and the row that is put there.
type Change = (&'static str, Vec<u8>, Option<Row>);

/// The content of the engine.
#[derive(Default)]
struct Memory {
    /// What readers see, and what is left after a power cut.
    synced: Map,
    /// The synced rows together with all changes that were applied but not yet synced.
    latest: Map,
    /// Changes that were applied but not yet synced.
    pending: Vec<Change>,
    /// Number of power cuts.
    cuts: u64,
    stats: Stats,
}

impl Memory {
    fn sync(&mut self) {
        self.stats.commits += 1;
        for (table, key, row) in std::mem::take(&mut self.pending) {
            change(&mut self.synced, table, key, row);
        }
    }

    fn cut(&mut self) {
        self.cuts += 1;
        self.pending.clear();
        self.latest = self.synced.clone();
    }
}

fn change(map: &mut Map, table: &str, key: Vec<u8>, row: Option<Row>) {
    let rows = map.entry(table.to_owned()).or_default();
    match row {
        Some(row) => rows.insert(key, row),
        None => rows.remove(&key),
    };
}

/// Batches read and write the latest state, synced or not.
impl Rows for Memory {
    type Error = EngineError;

    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, EngineError> {
        Ok(self.latest.get(table).and_then(|rows| rows.get(key)).cloned())
    }

    fn put(
        &mut self,
        table: &'static str,
        key: &[u8],
        version: u64,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        let row = Row { version, bytes: bytes.to_vec() };
        self.pending.push((table, key.to_vec(), Some(row.clone())));
        change(&mut self.latest, table, key.to_vec(), Some(row));
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), EngineError> {
        self.pending.push((table, key.to_vec(), None));
        change(&mut self.latest, table, key.to_vec(), None);
        Ok(())
    }
}

/// The test's control over the engine: it cuts the power and changes the mishaps.
#[derive(Clone)]
pub struct Hostile {
    memory: Arc<Mutex<Memory>>,
    options: Arc<Mutex<HostileOptions>>,
    entropy: Entropy,
    chain: Chain,
}

/// What happens to a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Conflict,
    Busy,
    LostBefore,
    LostAfter,
    PowerCut,
    Applied,
}

impl Hostile {
    /// Opens a store in memory, and returns it with the control over its mishaps.
    pub fn open(
        options: HostileOptions,
        root: &RootKey,
        entropy: Entropy,
    ) -> Result<(Store, Self), StoreError> {
        let Fresh { rows, unlocked } = Fresh::new(root, entropy)?;
        let Unlocked { sealer, chain, .. } = unlocked;
        let mut memory = Memory::default();
        for (key, bytes) in rows {
            memory.put(META, key, 0, &bytes)?;
        }
        memory.sync();
        memory.stats = Stats::default();
        let hostile = Self {
            memory: Arc::new(Mutex::new(memory)),
            entropy: Entropy::seeded(options.seed),
            options: Arc::new(Mutex::new(options)),
            chain: chain.clone(),
        };
        Ok((Store::from_parts(Box::new(hostile.clone()), sealer, chain), hostile))
    }

    /// Discards everything that was not synced. Callers that wait for such a batch are told that
    /// the outcome is unknown.
    pub fn cut_power(&self) {
        self.memory().cut();
    }

    /// Replaces the mishaps from now on. The random source keeps running; the new seed is not used.
    pub fn set(&self, options: HostileOptions) {
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> HostileOptions {
        *self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws whether a mishap of this percentage happens.
    fn happens(&self, percent: u32) -> bool {
        percent > 0 && self.entropy.below(100) < percent
    }

    async fn delay(&self) {
        if self.happens(self.options().delays) {
            for _ in 0..=self.entropy.below(8) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn fate(&self) -> Fate {
        let options = self.options();
        if self.happens(options.conflicts) {
            Fate::Conflict
        } else if self.happens(options.busy) {
            Fate::Busy
        } else if self.happens(options.unknown) {
            if self.happens(50) { Fate::LostAfter } else { Fate::LostBefore }
        } else if self.happens(options.power_cuts) {
            Fate::PowerCut
        } else {
            Fate::Applied
        }
    }

    /// Applies the batch in memory, and returns the number of power cuts so far. The batch survives
    /// if that number is still the same when it is synced.
    fn apply(&self, batch: &Batch) -> Result<u64, EngineError> {
        let mut memory = self.memory();
        let Some(mut head) = load(&mut *memory, &self.chain)? else {
            return Applied::BrokenLog.into_result().map(|()| memory.cuts);
        };
        let applied = apply(&mut *memory, &mut head, &self.chain, batch)?;
        if applied != Applied::Yes {
            memory.stats.conflicts += u64::from(applied == Applied::Conflict);
            // redb does the same: the loser of a conflict is answered only when it can read the
            // change it lost against. Otherwise it would lose against the same batch again until it
            // gives up.
            memory.sync();
            return applied.into_result().map(|()| memory.cuts);
        }
        save(&mut *memory, &self.chain, &head)?;
        memory.stats.batches += 1;
        Ok(memory.cuts)
    }

    async fn serve(&self, batch: Batch) -> Result<(), EngineError> {
        self.delay().await;
        if batch.only_reads() {
            let fresh = stands(&mut Synced(&self.memory().synced), &batch.reads)?;
            return if fresh { Ok(()) } else { Err(EngineError::Conflict) };
        }
        let fate = self.fate();
        match fate {
            Fate::Conflict => return Err(EngineError::Conflict),
            Fate::Busy => return Err(EngineError::Busy),
            Fate::LostBefore => return Err(lost()),
            Fate::LostAfter | Fate::PowerCut | Fate::Applied => {}
        }
        let cuts = self.apply(&batch)?;
        self.delay().await;
        let mut memory = self.memory();
        if fate == Fate::PowerCut {
            memory.cut();
        }
        if memory.cuts != cuts {
            return Err(EngineError::Unknown("the power failed".to_owned()));
        }
        memory.sync();
        if fate == Fate::LostAfter { Err(lost()) } else { Ok(()) }
    }
}

/// The synced rows, to compare a batch that only reads.
struct Synced<'m>(&'m Map);

impl Rows for Synced<'_> {
    type Error = EngineError;

    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, EngineError> {
        Ok(self.0.get(table).and_then(|rows| rows.get(key)).cloned())
    }

    fn put(&mut self, _: &'static str, _: &[u8], _: u64, _: &[u8]) -> Result<(), EngineError> {
        Ok(())
    }

    fn delete(&mut self, _: &'static str, _: &[u8]) -> Result<(), EngineError> {
        Ok(())
    }
}

fn lost() -> EngineError {
    EngineError::Unknown("the answer was lost".to_owned())
}

impl Engine for Hostile {
    fn get<'a>(&'a self, keys: &'a [RowKey]) -> Answer<'a, Vec<Option<Row>>> {
        Box::pin(async move {
            self.delay().await;
            let memory = self.memory();
            keys.iter().map(|at| Synced(&memory.synced).row(at.table, &at.key)).collect()
        })
    }

    fn scan(&self, scan: Scan) -> Answer<'_, Vec<(Vec<u8>, Row)>> {
        Box::pin(async move {
            self.delay().await;
            let memory = self.memory();
            let Some(rows) = memory.synced.get(&scan.table).filter(|_| !scan.is_empty()) else {
                return Ok(Vec::new());
            };
            let range = rows.range::<[u8], _>(scan.bounds());
            let row = |(key, row): (&Vec<u8>, &Row)| (key.clone(), row.clone());
            Ok(if scan.back {
                range.rev().take(scan.limit).map(row).collect()
            } else {
                range.take(scan.limit).map(row).collect()
            })
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, ()> {
        Box::pin(self.serve(batch))
    }

    fn tables(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(self.memory().synced.keys().cloned().collect()) })
    }

    fn newest(&self) -> Answer<'_, Option<(String, u64)>> {
        Box::pin(async {
            let memory = self.memory();
            let tables = memory.synced.iter();
            let versions = tables
                .flat_map(|(table, rows)| rows.values().map(|row| (table.clone(), row.version)));
            Ok(versions.max_by_key(|(_, version)| *version))
        })
    }

    fn count<'a>(&'a self, table: &'a str) -> Answer<'a, u64> {
        let rows = self.memory().synced.get(table).map_or(0, BTreeMap::len);
        Box::pin(std::future::ready(Ok(u64::try_from(rows).unwrap_or(u64::MAX))))
    }

    fn stats(&self) -> Stats {
        self.memory().stats
    }

    fn rehearses(&self) -> bool {
        self.options().rehearse
    }
}
