//! The embedded engine, redb. Reads use snapshots; one thread does all writes (see
//! [`super::writer`]).
//!
//! A stored value is the row's version (8 bytes, big endian) and the sealed bytes.
//!
//! Invariants: a batch is answered only after its commit is on the disk. A snapshot shows only what
//! is on the disk. The queue is bounded. After an input or output error, redb refuses to write
//! until it is opened again. The writer opens it again before the next group of batches, and
//! refuses a file that is not the one it had.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use redb::{
    AccessGuard, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase as _,
    ReadableTable as _, ReadableTableMetadata as _, TableDefinition, TableError, TableHandle as _,
};
use tokio::sync::oneshot;

use super::writer::{Counters, GroupRows, Slack, Work, Writer};
use super::{
    Answer, Batch, Engine, EngineError, HEADER, META, Reserve, Row, RowKey, Rows, Scan, load,
    stands, upgrade,
};
use crate::audit::Chain;
use crate::{Options, Stats};

/// The place where the database file is kept.
pub(crate) trait Place: Send + Sync {
    /// Opens the file. If `make` is true, a missing file is created.
    fn open(&self, make: bool) -> Result<Database, DatabaseError>;
    /// Checks that the place takes writes at present. The writer asks this before it closes a file
    /// that still answers readers and opens it again.
    fn takes_writes(&self) -> std::io::Result<()>;
    /// Finds or makes the reserve of the place.
    fn reserve(&self) -> Reserve {
        Reserve::none()
    }
    /// The length of the file, in bytes.
    fn length(&self) -> u64 {
        0
    }
}

/// A table of a snapshot.
type Snapshot = ReadOnlyTable<&'static [u8], &'static [u8]>;
/// A stored key or value.
type Guard<'g> = AccessGuard<'g, &'static [u8]>;

/// Returns redb's definition of the table called `name`.
pub(super) fn definition(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

/// Splits a stored value into version and sealed bytes.
pub(super) fn split(stored: &[u8]) -> Row {
    match stored.split_first_chunk() {
        Some((version, bytes)) => {
            Row { version: u64::from_be_bytes(*version), bytes: bytes.to_vec() }
        }
        // The file is damaged. Return bytes that cannot be opened, so that the seal reports the
        // row.
        None => Row { version: u64::MAX, bytes: Vec::new() },
    }
}

/// Why the file did not open.
#[derive(Debug)]
pub(crate) enum OpenFault {
    /// Another process has the file open.
    Locked,
    /// Any other reason.
    Other(String),
}

impl From<DatabaseError> for OpenFault {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Locked,
            DatabaseError::UpgradeRequired(version) => {
                Self::Other(format!("it has the format {version} of an older engine"))
            }
            other => Self::Other(other.to_string()),
        }
    }
}

/// An open file that has a header. The writer does not run yet.
pub(crate) struct Opened {
    place: Box<dyn Place>,
    database: Database,
    /// The header that was found or just written.
    pub(crate) header: Vec<u8>,
}

impl Opened {
    /// Opens the file. A new file gets the rows `first`, unless `make` is false.
    pub(crate) fn new(
        place: Box<dyn Place>,
        first: &[(&'static [u8], Vec<u8>)],
        make: bool,
    ) -> Result<Self, OpenFault> {
        let database = guarded(|| place.open(make)).map_err(OpenFault::Other)??;
        let found = guarded(|| initialize(&database, first, make)).map_err(OpenFault::Other)?;
        let header = found.map_err(|error| OpenFault::Other(error.to_string()))?;
        match header {
            Found::Header(header) => Ok(Self { place, database, header }),
            Found::Foreign => {
                Err(OpenFault::Other("it is a database of another program".to_owned()))
            }
            Found::Nothing => Err(OpenFault::Other(
                "it is empty, although a store stood there: somebody emptied it, so put back the last backup"
                    .to_owned(),
            )),
        }
    }

    /// Brings a file of format 1 to the format of `header`. Returns `false` and leaves the file if
    /// its log does not end where its head says.
    pub(crate) fn upgrade(&mut self, chain: &Chain, header: Vec<u8>) -> Result<bool, OpenFault> {
        let other = |error: redb::Error| OpenFault::Other(error.to_string());
        let upgraded = guarded(|| bring_up(&self.database, chain, &header));
        let upgraded = upgraded.map_err(OpenFault::Other)?.map_err(other)?;
        if upgraded {
            self.header = header;
        }
        Ok(upgraded)
    }

    /// Starts the writer.
    pub(crate) fn start(self, chain: Chain, options: &Options) -> Result<Embedded, OpenFault> {
        let database = Arc::new(RwLock::new(Some(self.database)));
        let counters = Arc::new(Counters::default());
        let (sender, queue) = sync_channel(options.queue.max(1));
        let writer = Writer {
            reserve: self.place.reserve(),
            slack: Slack::unknown(self.place.length()),
            database: Arc::clone(&database),
            place: self.place,
            header: self.header,
            chain,
            counters: Arc::clone(&counters),
            group: options.group.max(1),
            last: 0,
            failed: false,
        };
        writer.report();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| OpenFault::Other(error.to_string()))?;
        Ok(Embedded { database, queue: Some(sender), thread: Some(thread), counters })
    }
}

/// What stands in a file.
enum Found {
    /// A store with this header.
    Header(Vec<u8>),
    /// Tables without a header.
    Foreign,
    /// No table at all.
    Nothing,
}

/// Reads the header. If the file has no table at all, writes `first` if `make`.
fn initialize(
    database: &Database,
    first: &[(&'static [u8], Vec<u8>)],
    make: bool,
) -> Result<Found, redb::Error> {
    let transaction = database.begin_read()?;
    if transaction.list_tables()?.next().is_some() {
        let header = read_row(&transaction, META, HEADER)?;
        return Ok(header.map_or(Found::Foreign, |row| Found::Header(row.bytes)));
    }
    drop(transaction);
    if !make {
        return Ok(Found::Nothing);
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let mut rows = GroupRows::new(&transaction);
    for (key, bytes) in first {
        rows.put(META, key, 0, bytes)?;
    }
    drop(rows);
    transaction.commit()?;
    let header = first.iter().find(|(key, _)| *key == HEADER);
    Ok(header.map_or(Found::Nothing, |(_, header)| Found::Header(header.clone())))
}

fn bring_up(database: &Database, chain: &Chain, header: &[u8]) -> Result<bool, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let empty = transaction.list_tables()?.all(|table| table.name() == META);
    let mut rows = GroupRows::new(&transaction);
    let upgraded = upgrade(&mut rows, chain, header, empty)?;
    drop(rows);
    if upgraded {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(upgraded)
}

/// The embedded engine.
pub(crate) struct Embedded {
    database: Arc<RwLock<Option<Database>>>,
    queue: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Embedded {
    fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, EngineError> {
        let guard = lock(&self.database);
        let database = guard.as_ref().ok_or_else(closed)?;
        guarded(|| read(&database.begin_read()?))
            .map_err(EngineError::Unavailable)?
            .map_err(EngineError::unavailable)
    }

    fn enqueue(
        &self,
        batch: Batch,
    ) -> Result<oneshot::Receiver<Result<(), EngineError>>, EngineError> {
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        let (answer, receiver) = oneshot::channel();
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        queue.try_send(Work::Batch { batch, answer }).map_err(|refused| {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => {
                    self.counters.busy.fetch_add(1, Ordering::Relaxed);
                    EngineError::Busy
                }
                TrySendError::Disconnected(_) => closed(),
            }
        })?;
        Ok(receiver)
    }
}

impl Drop for Embedded {
    /// Waits until the writer has ended, so that the file is closed when the store is dropped.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Engine for Embedded {
    fn get<'a>(&'a self, keys: &'a [RowKey]) -> Answer<'a, Vec<Option<Row>>> {
        let found = self.read(|transaction| {
            keys.iter().map(|key| read_row(transaction, key.table, &key.key)).collect()
        });
        Box::pin(std::future::ready(found))
    }

    fn scan(&self, scan: Scan) -> Answer<'_, Vec<(Vec<u8>, Row)>> {
        Box::pin(std::future::ready(self.read(|transaction| read_range(transaction, &scan))))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, ()> {
        if batch.only_reads() {
            let stands =
                self.read(|transaction| stands(&mut SnapshotRows(transaction), &batch.reads));
            let outcome =
                stands.and_then(|stands| if stands { Ok(()) } else { Err(EngineError::Conflict) });
            return Box::pin(std::future::ready(outcome));
        }
        match self.enqueue(batch) {
            Ok(answer) => Box::pin(async move {
                let lost = || EngineError::Unknown("the writer ended".to_owned());
                answer.await.unwrap_or_else(|_| Err(lost()))
            }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn tables(&self) -> Answer<'_, Vec<String>> {
        let names = self.read(|transaction| {
            Ok(transaction.list_tables()?.map(|table| table.name().to_owned()).collect())
        });
        Box::pin(std::future::ready(names))
    }

    fn newest(&self) -> Answer<'_, Option<(String, u64)>> {
        Box::pin(std::future::ready(self.read(newest)))
    }

    fn count<'a>(&'a self, table: &'a str) -> Answer<'a, u64> {
        let count = self.read(|transaction| match open_table(transaction, table)? {
            Some(table) => Ok(table.len()?),
            None => Ok(0),
        });
        Box::pin(std::future::ready(count))
    }

    fn stats(&self) -> Stats {
        self.counters.stats()
    }

    fn tend(&self, compact: bool) -> Answer<'_, bool> {
        let (answer, receiver) = oneshot::channel();
        let sent = self.queue.as_ref().map(|queue| queue.try_send(Work::Tend { compact, answer }));
        Box::pin(async move {
            match sent {
                Some(Ok(())) => receiver.await.map_err(|_| closed()),
                Some(Err(TrySendError::Full(_))) => Err(EngineError::Busy),
                Some(Err(TrySendError::Disconnected(_))) | None => Err(closed()),
            }
        })
    }
}

fn open_table(transaction: &ReadTransaction, table: &str) -> Result<Option<Snapshot>, redb::Error> {
    match transaction.open_table(definition(table)) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

fn read_row(
    transaction: &ReadTransaction,
    table: &str,
    key: &[u8],
) -> Result<Option<Row>, redb::Error> {
    match open_table(transaction, table)? {
        Some(table) => Ok(table.get(key)?.map(|stored| split(stored.value()))),
        None => Ok(None),
    }
}

/// Reads only the version of each row.
fn newest(transaction: &ReadTransaction) -> Result<Option<(String, u64)>, redb::Error> {
    let mut newest: Option<(String, u64)> = None;
    for table in transaction.list_tables()? {
        let Some(rows) = open_table(transaction, table.name())? else { continue };
        for row in rows.iter()? {
            let (_, stored) = row?;
            let version = stored.value().split_first_chunk().map(|(version, _)| *version);
            let version = version.map_or(u64::MAX, u64::from_be_bytes);
            if newest.as_ref().is_none_or(|(_, known)| version > *known) {
                newest = Some((table.name().to_owned(), version));
            }
        }
    }
    Ok(newest)
}

fn read_range(
    transaction: &ReadTransaction,
    scan: &Scan,
) -> Result<Vec<(Vec<u8>, Row)>, redb::Error> {
    let Some(table) = open_table(transaction, &scan.table)? else {
        return Ok(Vec::new());
    };
    if scan.is_empty() {
        return Ok(Vec::new());
    }
    let range = table.range::<&[u8]>(scan.bounds())?;
    let row = |entry: Result<(Guard<'_>, Guard<'_>), _>| {
        let (key, stored) = entry?;
        Ok((key.value().to_vec(), split(stored.value())))
    };
    if scan.back {
        range.rev().take(scan.limit).map(row).collect()
    } else {
        range.take(scan.limit).map(row).collect()
    }
}

/// The rows of a snapshot, to compare a batch that only reads.
struct SnapshotRows<'t>(&'t ReadTransaction);

impl Rows for SnapshotRows<'_> {
    type Error = redb::Error;

    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, redb::Error> {
        read_row(self.0, table, key)
    }

    fn put(&mut self, _: &'static str, _: &[u8], _: u64, _: &[u8]) -> Result<(), redb::Error> {
        Ok(())
    }

    fn delete(&mut self, _: &'static str, _: &[u8]) -> Result<(), redb::Error> {
        Ok(())
    }
}

/// Reads the header and the number of the last batch from an open file; the number is `None` if the
/// head is missing or was changed.
pub(super) fn identity(
    database: &Database,
    chain: &Chain,
) -> Result<(Option<Vec<u8>>, Option<u64>), redb::Error> {
    let transaction = database.begin_read()?;
    let header = read_row(&transaction, META, HEADER)?.map(|row| row.bytes);
    let head = load(&mut SnapshotRows(&transaction), chain)?;
    Ok((header, head.map(|head| head.counter)))
}

/// Runs `act`. redb panics on some damaged files; such a panic is returned as an error text.
pub(super) fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| "the file is damaged".to_owned())
}

pub(super) fn lock(database: &RwLock<Option<Database>>) -> RwLockReadGuard<'_, Option<Database>> {
    database.read().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> EngineError {
    EngineError::Unavailable(
        "the file is closed after an error and does not open again yet".to_owned(),
    )
}
