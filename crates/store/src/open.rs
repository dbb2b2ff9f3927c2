//! Opening: the header that names the store, and the checks before anything is read.
//!
//! The header is `format (4, big endian) | store id (16) | HMAC under the root key (32)`. Invariant:
//! a file that is newer than the program, of another root key, or held by another process is
//! refused before a row of it is read (attacks, FS-06, FS-07).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use sekisho_ambient::{Entropy, constant_time_eq, hmac_sha256};

use crate::audit::Chain;
use crate::engine::{OpenFault, Opened, Opener};
use crate::seal::Sealer;
use crate::{Options, RootKey, Store, StoreError};

/// The format that this program writes, and the newest that it reads.
pub(crate) const FORMAT: u32 = 1;

impl Store {
    /// Opens the file at `path`, or makes it (mode 0600).
    pub fn open(
        path: &Path,
        root: &RootKey,
        entropy: Entropy,
        options: Options,
    ) -> Result<Self, StoreError> {
        let fault = |fault| match fault {
            OpenFault::Locked => StoreError::Locked(path.to_owned()),
            OpenFault::Other(reason) => StoreError::Open { path: path.to_owned(), reason },
        };
        check_mode(path)?;
        let cache = options.cache_bytes;
        let file = path.to_owned();
        let opener: Opener = Box::new(move |create| open_file(&file, cache, create));
        let opened = Opened::new(opener, &fresh_header(root, entropy.bytes())).map_err(fault)?;
        let (sealer, chain) = unlock(&opened.header, root, entropy)?;
        let engine = opened.start(chain.clone(), &options).map_err(fault)?;
        Ok(Self::from_parts(Box::new(engine), sealer, chain))
    }
}

/// The header of a new store.
pub(crate) fn fresh_header(root: &RootKey, store: [u8; 16]) -> Vec<u8> {
    let format = FORMAT.to_be_bytes();
    [format.as_slice(), &store, &header_tag(root, format, store)].concat()
}

/// What seals and chains the store of this header.
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

/// The values are sealed, so reading the file is only warned about; who may write it could put back
/// an older copy.
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

fn open_file(path: &Path, cache: usize, create: bool) -> Result<Database, DatabaseError> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(create).mode(0o600);
    let file: File = how.open(path).map_err(redb::StorageError::Io)?;
    Database::builder().set_cache_size(cache).create_with_backend(FileBackend::new(file)?)
}
