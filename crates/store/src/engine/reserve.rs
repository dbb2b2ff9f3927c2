//! The reserve: blocks of the disk that a file beside the store holds. When the disk is full, they
//! are lent piece by piece to the batches that must succeed (see
//! [`Batch::must_succeed`](super::Batch)), and to no others. What such a batch did not need is taken
//! back at once, so that nobody else who writes to the disk gets it.
//!
//! The file begins with the size that it has when it is whole (8 bytes, big endian).
//!
//! Invariants: the blocks are allocated, not only the length. While the reserve is not whole, the
//! disk counts as full, also after a restart; so what was given back is not used by ordinary
//! batches. The store works without the file, but then nothing is sure on a full disk.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

const MIB: u64 = 1 << 20;

/// The sizes of a whole reserve, in bytes. A disk gets the first one of which it has four times as
/// much.
const SIZES: [u64; 5] = [16 * MIB, 8 * MIB, 4 * MIB, 2 * MIB, MIB];
/// The disk counts as full if it has less than this many bytes left.
const LOW: u64 = MIB;
/// A disk that was full counts as full until it has this many bytes left.
const ENOUGH: u64 = 2 * MIB;
/// The bytes that are lent to a group of batches at first. If it needs more, each further piece is twice
/// as large as the one before.
const PIECE: u64 = MIB / 4;
/// The first bytes of the file, which are never given back.
const HEAD: u64 = 4096;

/// The reserve beside one store.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    /// The path of the file; `None` for a store that has no reserve.
    path: Option<PathBuf>,
    /// The size of the whole reserve.
    whole: u64,
    /// How much of it is held.
    held: u64,
    /// Whether ordinary batches are refused.
    full: bool,
}

impl Reserve {
    /// The reserve of a store that has none.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Finds or makes the reserve beside the store at `store`.
    pub(crate) fn beside(store: &Path) -> Self {
        let path = store.with_extension("reserve");
        let mut reserve = Self { path: Some(path), whole: 0, held: 0, full: false };
        (reserve.whole, reserve.held) = reserve.found().unwrap_or_default();
        let broken = reserve.held < reserve.whole;
        if !broken {
            reserve.whole = reserve.whole.max(reserve.fitting());
        }
        if let Err(error) = reserve.hold() {
            tracing::warn!(%error, "the disk has no room for the store's reserve");
        }
        reserve
    }

    /// Whether the disk is full, so that only batches that must succeed are applied. A full disk is
    /// looked at again.
    pub(super) fn is_full(&mut self) -> bool {
        if self.path.is_none() {
            return false;
        }
        if !self.full {
            self.full = self.left() < LOW;
            if self.full {
                tracing::error!("the disk is full: only what ends something is written");
            }
        } else if self.hold().is_ok() {
            tracing::info!("the disk has room again, and the reserve is whole");
        }
        self.full
    }

    /// Whether the disk was full when it was last looked at.
    pub(super) fn counts_as_full(&self) -> bool {
        self.full
    }

    /// Records that a write found no room.
    pub(super) fn ran_out(&mut self) {
        self.full |= self.path.is_some();
    }

    /// Makes sure that a full disk has a piece of room for a group of batches that must succeed.
    pub(super) fn lend(&mut self) {
        if self.left() < PIECE {
            self.lend_more(1);
        }
    }

    /// Gives this many pieces to the disk. Returns `false` if nothing is left.
    pub(super) fn lend_more(&mut self, pieces: u64) -> bool {
        let Some(path) = &self.path else { return false };
        if self.held <= HEAD {
            return false;
        }
        let rest = self.held.saturating_sub(pieces.saturating_mul(PIECE)).max(HEAD);
        let shortened =
            OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(rest));
        if let Err(error) = shortened {
            tracing::error!(%error, "the reserve cannot be given back");
            self.held = 0;
            return false;
        }
        self.held = rest;
        true
    }

    /// Takes back what was lent and not used, as far as it is still there.
    pub(super) fn take_back(&mut self) {
        let Some(path) = &self.path else { return };
        let most = self.held.saturating_add(self.left()).min(self.whole);
        if most <= self.held {
            return;
        }
        if allocate(path, self.whole, most).is_ok() {
            self.held = most;
        } else {
            let _ =
                OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(self.held));
        }
        tracing::warn!(held = self.held, whole = self.whole, "the reserve was used");
    }

    /// The bytes that are held, and those of the whole reserve.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.held, self.whole)
    }

    /// Makes the reserve whole, and checks that there is room besides. If not, the reserve stays as
    /// it was and the disk counts as full.
    fn hold(&mut self) -> Result<(), Error> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        self.full = true;
        let missing = self.whole.saturating_sub(self.held);
        if self.whole == 0 || self.left() < missing.saturating_add(ENOUGH) {
            return Err(ErrorKind::StorageFull.into());
        }
        let kept = self.held;
        if let Err(error) = allocate(&path, self.whole, self.whole) {
            let _ = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(kept));
            return Err(error);
        }
        self.held = self.whole;
        self.full = false;
        Ok(())
    }

    /// The sizes in the file: the whole reserve, and what is held of it.
    fn found(&self) -> Option<(u64, u64)> {
        let mut file = File::open(self.path.as_ref()?).ok()?;
        let mut whole = [0; 8];
        file.read_exact(&mut whole).ok()?;
        let whole = u64::from_be_bytes(whole);
        let held = file.metadata().ok()?.len();
        SIZES.contains(&whole).then_some((whole, held.min(whole)))
    }

    /// The largest size for the present disk. The smallest one if nothing fits, so that the disk
    /// counts as full.
    fn fitting(&self) -> u64 {
        let left = self.left().saturating_add(self.held);
        let fits = SIZES.into_iter().find(|size| size.saturating_mul(4) <= left);
        fits.unwrap_or(MIB)
    }

    /// The bytes that this process can still write to the disk. A file system that does not say
    /// counts as empty.
    fn left(&self) -> u64 {
        let folder = self.path.as_deref().and_then(Path::parent);
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        match statvfs(folder.unwrap_or(Path::new("."))) {
            Ok(found) if found.f_blocks > 0 => {
                let root = rustix::process::geteuid().is_root();
                let blocks = if root { found.f_bfree } else { found.f_bavail };
                blocks.saturating_mul(found.f_frsize)
            }
            _ => u64::MAX,
        }
    }
}

/// Makes the file at `path` this long, with all its blocks, and notes the size of a whole reserve in it.
fn allocate(path: &Path, whole: u64, size: u64) -> Result<(), Error> {
    let mut how = OpenOptions::new();
    let mut file =
        how.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.write_all(&whole.to_be_bytes())?;
    match fallocate(&file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&mut file, size),
        Err(error) => Err(error.into()),
    }
}

/// Writes the file full, for file systems that cannot allocate. The bytes look random, so that a
/// file system that compresses allocates them too.
fn fill(file: &mut File, size: u64) -> Result<(), Error> {
    let mut state = size | 1;
    let mut at = file.seek(SeekFrom::Start(HEAD))?;
    while at < size {
        let mut block = Vec::with_capacity(usize::try_from(HEAD).unwrap_or_default());
        while block.len() < block.capacity() {
            // xorshift64; nothing depends on its quality.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_be_bytes());
        }
        file.write_all(&block)?;
        at = at.saturating_add(HEAD);
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(path: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).unwrap().blocks() * 512
    }

    #[test]
    fn it_is_really_allocated_and_lent_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::beside(&folder.path().join("s.redb"));
        let path = folder.path().join("s.reserve");
        let (held, whole) = reserve.bytes();
        assert!(!reserve.is_full() && held == whole && whole >= MIB);
        assert!(blocks(&path) >= whole);
        let mut pieces = 0;
        while reserve.lend_more(1) {
            pieces += 1;
            assert!(blocks(&path) <= reserve.bytes().0 + HEAD);
        }
        assert_eq!((pieces, reserve.bytes().0), (whole / PIECE, HEAD));
        reserve.take_back();
        assert_eq!(reserve.bytes(), (whole, whole));
        assert!(blocks(&path) >= whole);
        while reserve.lend_more(8) {}
        // After a restart it is made whole again before anything else.
        let mut again = Reserve::beside(&folder.path().join("s.redb"));
        assert!(!again.is_full());
        assert_eq!(again.bytes(), (whole, whole));
        assert!(blocks(&path) >= whole);
    }

    #[test]
    fn a_file_that_is_no_reserve_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.reserve");
        for content in [&b""[..], b"short", b"no reserve at all"] {
            std::fs::write(&path, content).unwrap();
            let reserve = Reserve::beside(&folder.path().join("s.redb"));
            assert!(reserve.bytes().0 >= MIB);
            assert!(blocks(&path) >= reserve.bytes().1);
        }
    }

    #[test]
    fn a_file_system_that_cannot_allocate_is_written_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.reserve");
        let mut file = File::create(&path).unwrap();
        fill(&mut file, MIB).unwrap();
        assert!(blocks(&path) >= MIB - HEAD);
    }
}
