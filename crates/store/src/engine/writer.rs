//! The only thread that writes. It takes the waiting batches as a group, applies them one after
//! another in one redb transaction, commits once, and then answers all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableTable as _, Table, WriteTransaction};
use tokio::sync::oneshot;

use super::embedded::{Place, definition, guarded, identity, lock, split};
use super::{Applied, Batch, EngineError, Row, Rows, apply, load, save};
use crate::Stats;
use crate::audit::Chain;

/// A waiting batch, and the channel for its answer.
pub(super) struct Work {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Result<(), EngineError>>,
}

/// The counters that `Stats` is read from.
#[derive(Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    batches: AtomicU64,
    conflicts: AtomicU64,
    failures: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) waiting: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: read(&self.commits),
            batches: read(&self.batches),
            conflicts: read(&self.conflicts),
            busy: read(&self.busy),
            failures: read(&self.failures),
            waiting: read(&self.waiting),
        }
    }
}

/// The writer and what it needs to open the file again.
pub(super) struct Writer {
    pub(super) database: Arc<RwLock<Option<Database>>>,
    pub(super) place: Box<dyn Place>,
    pub(super) header: Vec<u8>,
    pub(super) chain: Chain,
    pub(super) counters: Arc<Counters>,
    pub(super) group: usize,
    /// Number of the last batch that was acknowledged.
    pub(super) last: u64,
    /// Whether the last group ended in an error, so that the file must be opened again.
    pub(super) failed: bool,
}

/// The result of a group that was committed.
struct Outcome {
    each: Vec<Applied>,
    counter: u64,
}

/// The point at which a group failed.
enum Break {
    /// Before the commit. Nothing was applied.
    Before(String),
    /// During the commit. Everything may have been applied.
    Within(String),
}

impl<E: std::error::Error> From<E> for Break {
    fn from(error: E) -> Self {
        Self::Before(error.to_string())
    }
}

impl Writer {
    /// Serves batches until all senders are dropped.
    pub(super) fn run(mut self, queue: &Receiver<Work>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(self.group.saturating_sub(1)));
            let count = u64::try_from(group.len()).unwrap_or(u64::MAX);
            self.counters.waiting.fetch_sub(count, Ordering::Relaxed);
            self.serve(group);
        }
    }

    fn serve(&mut self, group: Vec<Work>) {
        if self.failed
            && let Err(reason) = self.reopen()
        {
            tracing::error!(%reason, "the store does not open again");
            return answer_all(group, &EngineError::Unavailable(reason));
        }
        let written = guarded(|| self.write(&group))
            .unwrap_or_else(|reason| Err(Break::Within(format!("panic: {reason}"))));
        match written {
            Ok(outcome) => self.acknowledge(group, outcome),
            Err(fault) => {
                self.failed = true;
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                let error = match fault {
                    Break::Before(reason) => EngineError::Unavailable(reason),
                    Break::Within(reason) => EngineError::Unknown(reason),
                };
                tracing::error!(?error, batches = group.len(), "a group of batches failed");
                answer_all(group, &error);
            }
        }
    }

    /// Applies the group in one transaction.
    fn write(&self, group: &[Work]) -> Result<Outcome, Break> {
        let guard = lock(&self.database);
        let database = guard.as_ref().ok_or_else(|| Break::Before("closed".to_owned()))?;
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let mut rows = GroupRows::new(&transaction);
        let mut each = Vec::with_capacity(group.len());
        let Some(mut head) = load(&mut rows, &self.chain)? else {
            drop(rows);
            transaction.abort()?;
            each.resize(group.len(), Applied::BrokenLog);
            return Ok(Outcome { each, counter: self.last });
        };
        for work in group {
            each.push(apply(&mut rows, &mut head, &self.chain, &work.batch)?);
        }
        if !each.contains(&Applied::Yes) {
            drop(rows);
            transaction.abort()?;
            return Ok(Outcome { each, counter: self.last });
        }
        save(&mut rows, &self.chain, &head)?;
        drop(rows);
        transaction.commit().map_err(|error| Break::Within(error.to_string()))?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome { each, counter: head.counter })
    }

    fn acknowledge(&mut self, group: Vec<Work>, outcome: Outcome) {
        self.last = self.last.max(outcome.counter);
        for (work, applied) in group.into_iter().zip(outcome.each) {
            let counter = match applied {
                Applied::Yes => &self.counters.batches,
                Applied::Conflict => &self.counters.conflicts,
                Applied::BrokenLog => &self.counters.failures,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            // The send fails if the caller dropped its future. Then nobody needs the answer.
            let _ = work.answer.send(applied.into_result());
        }
    }

    /// Opens the file again after an error. Refuses a file with another header, and one that is
    /// older than the last batch that was acknowledged.
    fn reopen(&mut self) -> Result<(), String> {
        self.place.takes_writes().map_err(|error| error.to_string())?;
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        drop(guarded(|| drop(guard.take())));
        let database = guarded(|| self.place.open(false))?.map_err(|error| error.to_string())?;
        let (header, counter) =
            guarded(|| identity(&database, &self.chain))?.map_err(|error| error.to_string())?;
        if header.as_ref() != Some(&self.header) {
            return Err("another store stands at the file's place".to_owned());
        }
        let counter = counter.ok_or("the head of the audit log is missing or was changed")?;
        if counter < self.last {
            return Err("the file is older than what was acknowledged".to_owned());
        }
        *guard = Some(database);
        self.failed = false;
        Ok(())
    }
}

fn answer_all(group: Vec<Work>, error: &EngineError) {
    for work in group {
        let _ = work.answer.send(Err(error.clone()));
    }
}

/// The rows of one write transaction. Each table is opened once.
pub(super) struct GroupRows<'t> {
    transaction: &'t WriteTransaction,
    tables: HashMap<&'static str, Table<'t, &'static [u8], &'static [u8]>>,
}

impl<'t> GroupRows<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Self {
        Self { transaction, tables: HashMap::new() }
    }

    fn table(
        &mut self,
        name: &'static str,
    ) -> Result<&mut Table<'t, &'static [u8], &'static [u8]>, redb::Error> {
        use std::collections::hash_map::Entry;
        match self.tables.entry(name) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(self.transaction.open_table(definition(name))?)),
        }
    }
}

impl Rows for GroupRows<'_> {
    type Error = redb::Error;

    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, redb::Error> {
        Ok(self.table(table)?.get(key)?.map(|stored| split(stored.value())))
    }

    fn put(
        &mut self,
        table: &'static str,
        key: &[u8],
        version: u64,
        bytes: &[u8],
    ) -> Result<(), redb::Error> {
        let stored = [&version.to_be_bytes(), bytes].concat();
        self.table(table)?.insert(key, stored.as_slice())?;
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), redb::Error> {
        self.table(table)?.remove(key)?;
        Ok(())
    }
}
