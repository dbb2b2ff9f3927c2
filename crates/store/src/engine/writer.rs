//! The only thread that writes. It takes the waiting batches as a group, applies them one after
//! another in one redb transaction, commits once, and then answers all of them.
//!
//! On a full disk it refuses all batches but those that must succeed. These may use the reserve: if
//! a commit finds no room, more of the reserve is lent to the disk, the file is opened again, and the
//! batches are applied again unless the number of the last batch in the file says that they were
//! applied.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableTable as _, Table, WriteTransaction};
use tokio::sync::oneshot;

use super::embedded::{Place, definition, guarded, identity, lock, split};
use super::{Applied, Batch, EngineError, Reserve, Row, Rows, apply, load, save};
use crate::Stats;
use crate::audit::Chain;

mod slack;

pub(super) use slack::Slack;

/// What waits for the writer, and the channel for its answer.
pub(super) enum Work {
    /// A batch to apply.
    Batch { batch: Batch, answer: oneshot::Sender<Result<(), EngineError>> },
    /// See [`Engine::tend`](super::Engine::tend).
    Tend { compact: bool, answer: oneshot::Sender<bool> },
}

/// A batch of the present group, and the channel for its answer.
struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Result<(), EngineError>>,
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
    full: AtomicBool,
    reserve: AtomicU64,
    whole_reserve: AtomicU64,
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
            full: self.full.load(Ordering::Relaxed),
            reserve: read(&self.reserve),
            whole_reserve: read(&self.whole_reserve),
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
    /// The room for batches that must succeed.
    pub(super) reserve: Reserve,
    /// How much of the file may be free.
    pub(super) slack: Slack,
}

/// The result of a group that was committed.
struct Outcome {
    each: Vec<Applied>,
    counter: u64,
    /// Bytes of rows that the group deleted or replaced, less those that it wrote.
    freed: i64,
}

/// Why a group failed, and when.
struct Break {
    reason: String,
    /// Whether the disk had no room.
    no_room: bool,
    when: When,
}

/// The point at which a group failed.
enum When {
    /// Before the commit. Nothing was applied.
    Before,
    /// During the commit. Everything may have been applied; then this is the outcome, if the group
    /// came that far.
    Within(Option<Outcome>),
}

impl<E: Into<redb::Error>> From<E> for Break {
    fn from(error: E) -> Self {
        let error = error.into();
        Self { no_room: is_no_room(&error), reason: error.to_string(), when: When::Before }
    }
}

impl Break {
    /// The same, with the outcome of those batches of `group` that must succeed.
    fn only_for(mut self, group: &[Waiting]) -> Self {
        if let When::Within(Some(outcome)) = &mut self.when {
            let mut must = group.iter().map(|waiting| waiting.batch.must_succeed);
            outcome.each.retain(|_| must.next().unwrap_or(false));
        }
        self
    }

    fn answer(&self) -> EngineError {
        let reason = self.reason.clone();
        match self.when {
            When::Before => EngineError::Unavailable(reason),
            When::Within(_) => EngineError::Unknown(reason),
        }
    }
}

fn is_no_room(error: &redb::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error, redb::Error::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded))
}

/// What the callers of ordinary batches are told while the disk is full.
fn full() -> EngineError {
    EngineError::Unavailable("the disk is full".to_owned())
}

impl Writer {
    /// Serves batches until all senders are dropped.
    pub(super) fn run(mut self, queue: &Receiver<Work>) {
        while let Ok(first) = queue.recv() {
            let (mut group, mut chores) = (Vec::new(), Vec::new());
            let more = queue.try_iter().take(self.group.saturating_sub(1));
            for work in std::iter::once(first).chain(more) {
                match work {
                    Work::Batch { batch, answer } => group.push(Waiting { batch, answer }),
                    Work::Tend { compact, answer } => chores.push((compact, answer)),
                }
            }
            let count = u64::try_from(group.len()).unwrap_or(u64::MAX);
            self.counters.waiting.fetch_sub(count, Ordering::Relaxed);
            self.serve(group);
            for (compact, answer) in chores {
                let _ = answer.send(self.tend(compact));
            }
        }
    }

    fn serve(&mut self, mut group: Vec<Waiting>) {
        let full_disk = self.reserve.is_full();
        if full_disk {
            group = refuse_ordinary(group, &full());
        }
        if !group.is_empty() {
            if full_disk {
                self.reserve.lend();
            }
            self.serve_admitted(group);
            if self.reserve.counts_as_full() {
                self.reserve.take_back();
            }
        }
        self.report();
    }

    fn serve_admitted(&mut self, group: Vec<Waiting>) {
        if self.failed
            && let Err(reason) = self.room().and_then(|()| self.reopen())
        {
            tracing::error!(%reason, "the store does not open again");
            return answer_all(group, &EngineError::Unavailable(reason));
        }
        match self.attempt(&group) {
            Ok(outcome) => self.acknowledge(group, outcome),
            Err(fault) if fault.no_room => self.serve_from_reserve(group, fault),
            Err(fault) => answer_all(group, &fault.answer()),
        }
    }

    /// Whether there is room to open the file again. A full disk has room that was lent.
    fn room(&mut self) -> Result<(), String> {
        match self.place.takes_writes() {
            Err(_) if self.reserve.counts_as_full() => Ok(()),
            written => written.map_err(|error| error.to_string()),
        }
    }

    /// Applies those batches of a group that must succeed, after the group found no room.
    fn serve_from_reserve(&mut self, group: Vec<Waiting>, fault: Break) {
        self.reserve.ran_out();
        let mut fault = fault.only_for(&group);
        let mut group = refuse_ordinary(group, &fault.answer());
        let mut pieces = 1;
        while !group.is_empty() && fault.no_room && self.reserve.lend_more(pieces) {
            pieces = pieces.saturating_mul(2);
            let counter = match self.reopen() {
                Ok(counter) => counter,
                Err(reason) => {
                    tracing::error!(%reason, "the store does not open again");
                    continue;
                }
            };
            if let When::Within(Some(outcome)) = fault.when {
                if outcome.counter == counter {
                    return self.acknowledge(group, outcome);
                }
                fault.when = When::Before;
            }
            match self.attempt(&group) {
                Ok(outcome) => {
                    self.acknowledge(group, outcome);
                    group = Vec::new();
                }
                Err(next) => fault = next,
            }
        }
        answer_all(group, &fault.answer());
    }

    /// Writes the group. After an error the file must be opened again.
    fn attempt(&mut self, group: &[Waiting]) -> Result<Outcome, Break> {
        let written = guarded(|| self.write(group)).unwrap_or_else(|reason| {
            let (reason, when) = (format!("panic: {reason}"), When::Within(None));
            Err(Break { reason, no_room: false, when })
        });
        if let Err(fault) = &written {
            self.failed = true;
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            let error = fault.answer();
            tracing::error!(?error, batches = group.len(), "a group of batches failed");
        }
        written
    }

    /// Applies the group in one transaction.
    fn write(&self, group: &[Waiting]) -> Result<Outcome, Break> {
        let guard = lock(&self.database);
        let database = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let mut rows = GroupRows::new(&transaction);
        let mut each = Vec::with_capacity(group.len());
        let Some(mut head) = load(&mut rows, &self.chain)? else {
            drop(rows);
            transaction.abort()?;
            each.resize(group.len(), Applied::BrokenLog);
            return Ok(Outcome { each, counter: self.last, freed: 0 });
        };
        for work in group {
            each.push(apply(&mut rows, &mut head, &self.chain, &work.batch)?);
        }
        if !each.contains(&Applied::Yes) {
            drop(rows);
            transaction.abort()?;
            return Ok(Outcome { each, counter: self.last, freed: 0 });
        }
        save(&mut rows, &self.chain, &head)?;
        let outcome = Outcome { each, counter: head.counter, freed: rows.freed };
        drop(rows);
        if let Err(error) = transaction.commit() {
            return Err(Break { when: When::Within(Some(outcome)), ..Break::from(error) });
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(outcome)
    }

    fn acknowledge(&mut self, group: Vec<Waiting>, outcome: Outcome) {
        self.last = self.last.max(outcome.counter);
        self.slack.add(outcome.freed);
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

    /// Opens the file again after an error, and returns the number of the last batch in it. Refuses
    /// a file with another header, and one that is older than the last batch that was acknowledged.
    fn reopen(&mut self) -> Result<u64, String> {
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
        Ok(counter)
    }

    /// Looks at the disk, and gives free pages of the file back to it if there are many. Returns
    /// whether ordinary batches are taken.
    fn tend(&mut self, compact: bool) -> bool {
        let idle = self.counters.waiting.load(Ordering::Relaxed) == 0;
        if compact && idle && !self.failed && self.slack.is_much(self.place.length()) {
            self.compact();
        }
        let taken = !self.reserve.is_full();
        self.report();
        taken
    }

    /// Moves the rows to the beginning of the file and cuts off the rest. Readers wait meanwhile.
    fn compact(&mut self) {
        let before = self.place.length();
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = guard.as_mut() else { return };
        let compacted = guarded(|| {
            database.compact().map_err(|error| error.to_string())?;
            // So that the file opens fast even if the power fails before the next commit.
            let mut transaction = database.begin_write().map_err(|error| error.to_string())?;
            transaction.set_quick_repair(true);
            transaction.commit().map_err(|error| error.to_string())
        });
        drop(guard);
        self.slack = Slack::default();
        let after = self.place.length();
        match compacted.and_then(|compacted| compacted) {
            Ok(()) => tracing::info!(before, after, "free pages of the store were given back"),
            Err(error) => {
                self.failed = true;
                tracing::error!(%error, "free pages of the store could not be given back");
            }
        }
    }

    /// Writes the state of disk and reserve to the counters.
    pub(super) fn report(&self) {
        let (held, whole) = self.reserve.bytes();
        self.counters.full.store(self.reserve.counts_as_full(), Ordering::Relaxed);
        self.counters.reserve.store(held, Ordering::Relaxed);
        self.counters.whole_reserve.store(whole, Ordering::Relaxed);
    }
}

/// Answers all batches but those that must succeed. Returns these.
fn refuse_ordinary(group: Vec<Waiting>, error: &EngineError) -> Vec<Waiting> {
    let (must, ordinary) = group.into_iter().partition(|waiting| waiting.batch.must_succeed);
    answer_all(ordinary, error);
    must
}

fn answer_all(group: Vec<Waiting>, error: &EngineError) {
    for work in group {
        let _ = work.answer.send(Err(error.clone()));
    }
}

/// The rows of one write transaction. Each table is opened once.
pub(super) struct GroupRows<'t> {
    transaction: &'t WriteTransaction,
    tables: HashMap<&'static str, Table<'t, &'static [u8], &'static [u8]>>,
    /// Bytes of rows that were deleted or replaced, less those that were written.
    freed: i64,
}

impl<'t> GroupRows<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Self {
        Self { transaction, tables: HashMap::new(), freed: 0 }
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
        let replaced = self
            .table(table)?
            .insert(key, stored.as_slice())?
            .map(|row| bytes_of(key, row.value()));
        self.freed =
            self.freed.saturating_add(replaced.unwrap_or(0)).saturating_sub(bytes_of(key, &stored));
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), redb::Error> {
        let gone = self.table(table)?.remove(key)?.map(|row| bytes_of(key, row.value()));
        self.freed = self.freed.saturating_add(gone.unwrap_or(0));
        Ok(())
    }
}

fn bytes_of(key: &[u8], stored: &[u8]) -> i64 {
    i64::try_from(key.len().saturating_add(stored.len())).unwrap_or(i64::MAX)
}
