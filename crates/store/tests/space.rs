//! A disk that is really full, and room that is given back. A small file system in memory stands for the
//! disk; to make one needs root, so without it those tests say that they were skipped.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_store::{Store, StoreError, Tx};

use crate::support::{Pairs, open as open_at};

const MIB: u64 = 1 << 20;
/// A value that is larger than the room that is left.
const LARGE: usize = 4 << 20;

/// A small file system of its own.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts it; `None` if this process may not.
    fn of(mebibytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self { folder });
        }
        eprintln!("skipped: this process may not mount a file system");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes until there is no room left.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.path("filler")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }

    fn store(&self) -> Store {
        open(&self.path("s.redb"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

fn open(path: &Path) -> Store {
    open_at(path).unwrap()
}

async fn put(store: &Store, at: u64, bytes: usize) -> Result<(), StoreError> {
    let value = "x".repeat(bytes);
    store.transact(|tx| tx.put::<Pairs>(&(at, 0), &value)).await
}

async fn must_put(store: &Store, at: u64, bytes: usize) -> Result<(), StoreError> {
    let value = "x".repeat(bytes);
    store.transact_reserved(|tx| tx.put::<Pairs>(&(at, 0), &value)).await
}

fn is_refused(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_) | StoreError::Unknown(_)))
}

/// On a full disk, what must succeed does, many times over and after a restart, and nothing else gets
/// at the reserve. When there is room, everything works again, and the reserve is whole.
#[tokio::test]
async fn word_04_a_reserve_is_for_what_must_succeed_alone() {
    let Some(disk) = Disk::of(80) else { return };
    let store = disk.store();
    put(&store, 0, 100).await.unwrap();
    let whole = store.stats().whole_reserve;
    assert_eq!((store.stats().reserve, whole), (16 << 20, 16 << 20));
    disk.fill();
    // A batch that is too large finds no room in the middle of its commit; whatever it was, what must
    // succeed does afterwards.
    for _ in 0..3 {
        assert!(is_refused(&put(&store, 1, 64 << 10).await));
    }
    assert!(store.stats().full);
    let mut done = 0;
    for turn in 0..300 {
        must_put(&store, 100 + turn, 8 << 10).await.unwrap();
        done += 1;
        // Meanwhile strangers try, and somebody else eats what is free.
        assert!(is_refused(&put(&store, 1, 10).await));
        disk.fill();
    }
    let left = store.stats().reserve;
    println!(
        "{done} batches with 8 KiB each took {} of {whole} bytes of the reserve",
        whole - left
    );
    assert!(left < whole, "the reserve is in use");
    assert_eq!(store.get::<Pairs>(&(0, 0)).await.unwrap().map(|text| text.len()), Some(100));
    drop(store);

    let store = disk.store();
    assert!(store.stats().full, "what is left of the reserve is still kept");
    assert!(is_refused(&put(&store, 1, 10).await));
    must_put(&store, 99, 16 << 10).await.unwrap();
    assert!(!store.has_room().await.unwrap());

    disk.empty();
    assert!(store.has_room().await.unwrap());
    put(&store, 1, 10).await.unwrap();
    let stats = store.stats();
    assert!(!stats.full && stats.reserve == whole);
    assert_eq!(store.scan_prefix::<Pairs>(&100, 1).await.unwrap().len(), 1);
    let report = store.check().await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    let rows: u64 = report.tables.iter().map(|(_, rows)| rows).sum();
    assert_eq!(rows, done + 3);
}

/// The same while the file cannot be written although the disk says that it has room: a quota, or
/// somebody who fills it in the same moment.
#[tokio::test]
async fn word_04_a_commit_that_finds_no_room_is_made_from_the_reserve() {
    let Some(disk) = Disk::of(80) else { return };
    let store = disk.store();
    put(&store, 0, 100).await.unwrap();
    disk.fill();
    let filler = File::options().write(true).open(disk.path("filler")).unwrap();
    filler.set_len(filler.metadata().unwrap().len() - 3 * MIB).unwrap();
    drop(filler);
    // There are three mebibytes, and this needs more.
    must_put(&store, 1, LARGE).await.unwrap();
    assert!(is_refused(&put(&store, 2, 10).await));
    assert_eq!(store.get::<Pairs>(&(1, 0)).await.unwrap().map(|text| text.len()), Some(LARGE));
    disk.empty();
    put(&store, 2, 10).await.unwrap();
    assert!(store.check().await.unwrap().is_clean());
}

/// A small disk gets a small reserve.
#[tokio::test]
async fn word_04_a_small_disk_gets_a_small_reserve() {
    for (size, whole) in [(6, 1), (12, 2), (20, 4)] {
        let Some(disk) = Disk::of(size) else { return };
        let store = disk.store();
        put(&store, 0, 100).await.unwrap();
        assert_eq!(store.stats().whole_reserve, whole << 20, "{size}");
        disk.fill();
        assert!(is_refused(&put(&store, 1, 10).await));
        for turn in 0..10 {
            must_put(&store, turn, 1000).await.unwrap();
        }
        disk.empty();
        put(&store, 1, 10).await.unwrap();
    }
}

/// After a burst the file shrinks again, without a restart.
#[tokio::test]
async fn word_04_space_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = open(&path);
    let length = || std::fs::metadata(&path).unwrap().len();
    let row = "x".repeat(500);
    let few = |tx: &mut Tx| (0..200).try_for_each(|at| tx.put::<Pairs>(&(at, 0), &row));
    store.transact(few).await.unwrap();
    store.tend().await.unwrap();
    let before = length();
    for at in 0..20_u64 {
        let value = "x".repeat(16_000);
        let burst =
            |tx: &mut Tx| (0..125).try_for_each(|n| tx.put::<Pairs>(&(1000 + at, n), &value));
        store.transact(burst).await.unwrap();
    }
    // A row that stays, at the end of the file.
    put(&store, 1, 500).await.unwrap();
    let high = length();
    for at in 0..20_u64 {
        let gone = |tx: &mut Tx| (0..125).try_for_each(|n| tx.delete::<Pairs>(&(1000 + at, n)));
        store.transact(gone).await.unwrap();
    }
    store.tend().await.unwrap();
    println!("{before} → {high} → {} bytes", length());
    assert!(high > 32 << 20, "{high}");
    assert!(length() < before + (4 << 20), "{before} → {high} → {}", length());
    put(&store, 2, 500).await.unwrap();
    assert!(store.check().await.unwrap().is_clean());
    drop(store);
    assert_eq!(open(&path).scan_prefix::<Pairs>(&1, 10).await.unwrap().len(), 1);
}
