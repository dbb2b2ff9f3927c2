//! Opens a store: reads its header and checks it before any row is read.
//!
//! The header is `format (4, big endian) | store id (16) | HMAC under the root key (32)`.
//! Invariant: no row is read from a file that is newer than the program, that belongs to another
//! root key, or that another process holds (attacks, FS-06, FS-07).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use sekisho_ambient::{Entropy, constant_time_eq, hmac_sha256};

use crate::audit::Chain;
use crate::engine::{OpenFault, Opened, Place, Reserve};
use crate::hostile::Hostile;
use crate::seal::Sealer;
use crate::{Backend, Options, RootKey, Store, StoreError};

/// The format that this program writes. It is also the newest format that this program reads.
pub(crate) const FORMAT: u32 = 1;

impl Store {
    /// Opens the store that `backend` keeps. A store that does not exist is created.
    pub fn open_on(
        backend: Backend<'_>,
        root: &RootKey,
        entropy: Entropy,
        options: Options,
    ) -> Result<Self, StoreError> {
        let path = match backend {
            Backend::Redb(path) => path,
            Backend::Hostile(mishaps) => return Ok(Hostile::open(mishaps, root, entropy)?.0),
        };
        check_mode(path)?;
        let file = FileAt { path: path.to_owned(), cache_bytes: options.cache_bytes };
        Self::open_at(Box::new(file), path, root, entropy, options)
    }

    /// Opens the store at any kind of place. Errors name the place by `path`.
    pub(crate) fn open_at(
        place: Box<dyn Place>,
        path: &Path,
        root: &RootKey,
        entropy: Entropy,
        options: Options,
    ) -> Result<Self, StoreError> {
        let fault = |fault| match fault {
            OpenFault::Locked => StoreError::Locked(path.to_owned()),
            OpenFault::Other(reason) => StoreError::Open { path: path.to_owned(), reason },
        };
        let opened = Opened::new(place, &fresh_header(root, entropy.bytes())).map_err(fault)?;
        let (sealer, chain) = unlock(&opened.header, root, entropy)?;
        let engine = opened.start(chain.clone(), &options).map_err(fault)?;
        Ok(Self::from_parts(Box::new(engine), sealer, chain))
    }
}

/// Makes the header of a new store.
pub(crate) fn fresh_header(root: &RootKey, store: [u8; 16]) -> Vec<u8> {
    let format = FORMAT.to_be_bytes();
    [format.as_slice(), &store, &header_tag(root, format, store)].concat()
}

/// Checks the header and derives from it what seals the rows and chains the audit log of the store.
pub(crate) fn unlock(
    header: &[u8],
    root: &RootKey,
    entropy: Entropy,
) -> Result<(Sealer, Chain), StoreError> {
    let (format, rest) = header.split_first_chunk().ok_or(StoreError::WrongRootKey)?;
    let found = u32::from_be_bytes(*format);
    if found > FORMAT {
        return Err(StoreError::NewerFile { found: found.to_string(), known: FORMAT.to_string() });
    }
    let (store, tag) = rest.split_first_chunk().ok_or(StoreError::WrongRootKey)?;
    if !constant_time_eq(tag, &header_tag(root, *format, *store)) {
        return Err(StoreError::WrongRootKey);
    }
    let chain = Chain::new(*store, *root.derive(store, "audit", "").expose());
    Ok((Sealer::new(root, *store, entropy), chain))
}

fn header_tag(root: &RootKey, format: [u8; 4], store: [u8; 16]) -> [u8; 32] {
    hmac_sha256(root.derive(&store, "header", "").expose(), &[&format, &store])
}

/// Warns if others can read the file: its values are sealed, so they learn little. Refuses the file
/// if others can write it, because they could put back an older copy.
fn check_mode(path: &Path) -> Result<(), StoreError> {
    let Ok(found) = std::fs::metadata(path) else {
        return Ok(());
    };
    let mode = found.mode() & 0o777;
    if mode & 0o022 != 0 {
        let reason = format!("others can write it (mode {mode:03o}): run chmod 600");
        return Err(StoreError::Open { path: path.to_owned(), reason });
    }
    if mode & 0o044 != 0 {
        tracing::warn!(path = %path.display(), "others can read the store's file: run chmod 600");
    }
    Ok(())
}

/// A store's file in the file system.
struct FileAt {
    path: PathBuf,
    cache_bytes: usize,
}

/// The free space, in bytes, that the disk must have before the file is opened again.
const SPARE: usize = 1 << 20;

impl Place for FileAt {
    fn open(&self, make: bool) -> Result<Database, DatabaseError> {
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(make).mode(0o600);
        let file = how.open(&self.path).map_err(redb::StorageError::Io)?;
        let backend = FileBackend::new(file)?;
        Database::builder().set_cache_size(self.cache_bytes).create_with_backend(backend)
    }

    fn takes_writes(&self) -> std::io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".probe");
        let mut how = OpenOptions::new();
        let mut file = how.write(true).create(true).truncate(true).mode(0o600).open(&name)?;
        let written = file.write_all(&vec![0; SPARE]).and_then(|()| file.sync_all());
        written.and(std::fs::remove_file(&name))
    }

    fn reserve(&self) -> Reserve {
        Reserve::beside(&self.path)
    }

    fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |found| found.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(header: &[u8], root: &RootKey) -> StoreError {
        unlock(header, root, Entropy::seeded(1)).err().unwrap()
    }

    #[test]
    fn a_header_opens_under_its_root_only() {
        let root = RootKey::from_bytes([1; 32]);
        let header = fresh_header(&root, [2; 16]);
        assert!(unlock(&header, &root, Entropy::seeded(1)).is_ok());
        let other = RootKey::from_bytes([3; 32]);
        assert!(matches!(refused(&header, &other), StoreError::WrongRootKey));
        for length in 0..header.len() {
            assert!(matches!(refused(&header[..length], &root), StoreError::WrongRootKey));
        }
        for at in 4..header.len() {
            let mut changed = header.clone();
            changed[at] ^= 1;
            assert!(matches!(refused(&changed, &root), StoreError::WrongRootKey));
        }
    }

    #[test]
    fn a_newer_header_is_refused_with_a_sentence_whatever_follows() {
        let header = [(FORMAT + 1).to_be_bytes().as_slice(), b"anything"].concat();
        let error = refused(&header, &RootKey::from_bytes([1; 32]));
        let sentence =
            "the store has format 2, and this program knows formats up to 1: use the newer program";
        assert_eq!(error.to_string(), sentence);
    }
}
