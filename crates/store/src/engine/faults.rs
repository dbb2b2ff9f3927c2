//! Tests of the embedded engine on a disk that fails: the power is cut at any operation and
//! unsynced writes are torn (attacks, FS-04), the disk is full, or input and output fail (FS-03).

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, DatabaseError, StorageBackend};
use sekisho_ambient::{Entropy, Timestamp};

use super::Place;
use crate::{AuditEntry, Options, RootKey, Store, StoreError, Table};

/// The number of bytes that the disk writes as one unit.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Platter {
    /// The bytes that readers see.
    current: Vec<u8>,
    /// The bytes that surely survive a power cut.
    synced: Vec<u8>,
    /// Unsynced writes in their order, one sector each. Each may survive a power cut or not.
    pending: Vec<(usize, Vec<u8>)>,
    /// The number of operations until everything fails; `None` for never.
    left: Option<u32>,
    /// Whether the disk is full, so that writes fail.
    full: bool,
}

impl Platter {
    fn change(&mut self) -> Result<(), Error> {
        if self.full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        match &mut self.left {
            Some(0) => Err(Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Returns one possible content of the disk after a power cut.
    fn image(&self, entropy: &Entropy) -> Vec<u8> {
        let mut image = self.synced.clone();
        // The new length of the file may or may not have reached the disk.
        if entropy.below(2) == 0 {
            image.resize(self.current.len().max(image.len()), 0);
        }
        for (at, bytes) in &self.pending {
            let end = at + bytes.len();
            if entropy.below(2) == 0 {
                image.resize(image.len().max(end), 0);
                image[*at..end].copy_from_slice(bytes);
            }
        }
        image
    }
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn with(image: Vec<u8>) -> Self {
        let platter = Platter { current: image.clone(), synced: image, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    fn store(&self) -> Result<Store, StoreError> {
        let (place, root) = (Box::new(self.clone()), RootKey::from_bytes([1; 32]));
        Store::open_at(place, Path::new("disk"), &root, Entropy::system(), Options::default())
    }
}

impl Place for Disk {
    fn open(&self, _: bool) -> Result<Database, DatabaseError> {
        Database::builder().set_cache_size(1 << 20).create_with_backend(self.clone())
    }

    fn takes_writes(&self) -> std::io::Result<()> {
        if self.platter().full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(u64::try_from(self.platter().current.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let at = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.platter().current[at..at + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut platter = self.platter();
        platter.change()?;
        platter.current.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut platter = self.platter();
        platter.change()?;
        platter.synced = platter.current.clone();
        platter.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut platter = self.platter();
        platter.change()?;
        let at = usize::try_from(offset).unwrap();
        platter.current[at..at + data.len()].copy_from_slice(data);
        for (number, sector) in data.chunks(SECTOR).enumerate() {
            platter.pending.push((at + number * SECTOR, sector.to_vec()));
        }
        Ok(())
    }
}

struct Pairs;

impl Table for Pairs {
    const NAME: &'static str = "pairs_1";
    type Key = (u64, u64);
    type Value = String;
}

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_unix(1),
        actor: "test".to_owned(),
        action: "put".to_owned(),
        object: number.to_string(),
        outcome: "done".to_owned(),
        reason: None,
        details: serde_json::Map::new(),
    }
}

/// Writes two rows and an entry of the audit log in one batch.
async fn put(store: &Store, number: u64) -> Result<(), StoreError> {
    let value = "x".repeat(300);
    store
        .transact(|tx| {
            tx.put::<Pairs>(&(number, 0), &value)?;
            tx.put::<Pairs>(&(number, 1), &value)?;
            tx.append(entry(number));
            Ok(())
        })
        .await
}

async fn rows(store: &Store, number: u64) -> usize {
    store.scan_prefix::<Pairs>(&number, 10).await.unwrap().len()
}

#[tokio::test]
async fn a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged_and_tears_no_batch() {
    let entropy = Entropy::seeded(1);
    let mut disk = Disk::default();
    let (mut next, mut acknowledged) = (0, Vec::new());
    for round in 0..120 {
        let store = match disk.store() {
            Ok(store) => store,
            Err(error) => panic!("round {round}: {error}"),
        };
        for number in &acknowledged {
            assert_eq!(rows(&store, *number).await, 2, "round {round}: lost {number}");
        }
        let report = store.check().await.unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        let whole: u64 = report
            .tables
            .iter()
            .filter(|(name, _)| name == Pairs::NAME)
            .map(|(_, rows)| *rows)
            .sum();
        assert_eq!(whole, 2 * report.audit.unwrap().seq, "round {round}: a torn batch");
        disk.platter().left = Some(entropy.below(60));
        for _ in 0..20 {
            match put(&store, next).await {
                Ok(()) => acknowledged.push(next),
                Err(StoreError::Unknown(_) | StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
            next += 1;
        }
        let image = disk.platter().image(&entropy);
        drop(store);
        disk = Disk::with(image);
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
}

#[tokio::test]
async fn a_full_disk_still_serves_readers_and_recovers_by_itself() {
    let disk = Disk::default();
    let store = disk.store().unwrap();
    put(&store, 1).await.unwrap();
    disk.platter().full = true;
    for _ in 0..3 {
        let refused = put(&store, 2).await;
        assert!(matches!(refused, Err(StoreError::Unknown(_) | StoreError::Unavailable(_))));
        assert_eq!(rows(&store, 1).await, 2, "readers are served");
    }
    assert!(store.stats().failures >= 1);
    disk.platter().full = false;
    put(&store, 3).await.unwrap();
    assert_eq!((rows(&store, 1).await, rows(&store, 3).await), (2, 2));
    assert!(store.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn a_file_that_is_another_after_an_error_is_not_taken() {
    let disk = Disk::default();
    let store = disk.store().unwrap();
    put(&store, 1).await.unwrap();
    let older = disk.platter().current.clone();
    put(&store, 2).await.unwrap();
    disk.platter().full = true;
    assert!(put(&store, 3).await.is_err());
    let other = Disk::default();
    drop(other.store().unwrap());
    let images = [(older, "older"), (other.platter().current.clone(), "another store")];
    for (image, expected) in images {
        *disk.platter() = Platter { current: image.clone(), synced: image, ..Platter::default() };
        let refused = put(&store, 4).await;
        assert!(
            matches!(&refused, Err(StoreError::Unavailable(reason)) if reason.contains(expected)),
            "{refused:?}"
        );
    }
}
