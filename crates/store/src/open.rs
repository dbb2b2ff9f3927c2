//! Opens a store: reads its header and checks it before any row is read.
//!
//! The header is `format (4, big endian) | store id (16) | HMAC under the root key (32)`. A file of
//! format 1, whose head a record could stand in for, is brought to this format once, when it opens.
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
use crate::engine::{OpenFault, Opened, Place, Reserve, first_rows};
use crate::hostile::Hostile;
use crate::seal::Sealer;
use crate::{Backend, Options, RootKey, Store, StoreError};

/// The format that this program writes. It is also the newest format that this program reads.
pub(crate) const FORMAT: u32 = 2;

impl Store {
    /// Opens the store that `backend` keeps. A store that does not exist is created, unless the
    /// options forbid it.
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
        let fresh = Fresh::new(root, entropy.clone())?;
        let mut opened = Opened::new(place, &fresh.rows, options.create).map_err(fault)?;
        let Unlocked { sealer, chain, format, current } = unlock(&opened.header, root, entropy)?;
        if format < FORMAT && opened.upgrade(&chain, current).map_err(fault)? {
            tracing::warn!(
                path = %path.display(),
                "the store was brought from format {format} to {FORMAT}: its audit log has a head of its own now, and older programs do not open it"
            );
        }
        let engine = opened.start(chain.clone(), &options).map_err(fault)?;
        Ok(Self::from_parts(Box::new(engine), sealer, chain))
    }
}

/// The rows of a new store.
pub(crate) struct Fresh {
    pub(crate) rows: [(&'static [u8], Vec<u8>); 2],
    pub(crate) unlocked: Unlocked,
}

impl Fresh {
    /// Draws an id for the store.
    pub(crate) fn new(root: &RootKey, entropy: Entropy) -> Result<Self, StoreError> {
        let header = header(root, FORMAT, entropy.bytes());
        let unlocked = unlock(&header, root, entropy)?;
        Ok(Self { rows: first_rows(&header, &unlocked.chain), unlocked })
    }
}

/// What a header and the root key give.
pub(crate) struct Unlocked {
    /// Seals the rows of the store.
    pub(crate) sealer: Sealer,
    /// Links its audit log.
    pub(crate) chain: Chain,
    /// The format of the file.
    format: u32,
    /// The header that the file has in the present format.
    current: Vec<u8>,
}

fn header(root: &RootKey, format: u32, store: [u8; 16]) -> Vec<u8> {
    let format = format.to_be_bytes();
    [format.as_slice(), &store, &header_tag(root, format, store)].concat()
}

/// Checks the header and derives from it what seals the rows and chains the audit log of the store.
pub(crate) fn unlock(
    found: &[u8],
    root: &RootKey,
    entropy: Entropy,
) -> Result<Unlocked, StoreError> {
    let (version, rest) = found.split_first_chunk().ok_or(StoreError::WrongRootKey)?;
    let format = u32::from_be_bytes(*version);
    if format > FORMAT {
        return Err(StoreError::NewerFile { found: format.to_string(), known: FORMAT.to_string() });
    }
    let (store, tag) = rest.split_first_chunk().ok_or(StoreError::WrongRootKey)?;
    if !constant_time_eq(tag, &header_tag(root, *version, *store)) {
        return Err(StoreError::WrongRootKey);
    }
    let key = |purpose| *root.derive(store, purpose, "").expose();
    let chain = Chain::new(*store, key("audit"), key("audit head"));
    let sealer = Sealer::new(root, *store, entropy);
    Ok(Unlocked { sealer, chain, format, current: header(root, FORMAT, *store) })
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
    use crate::engine::{AUDIT, HEAD, HEADER, META};

    fn refused(header: &[u8], root: &RootKey) -> StoreError {
        unlock(header, root, Entropy::seeded(1)).err().unwrap()
    }

    #[test]
    fn a_header_opens_under_its_root_only() {
        let root = RootKey::from_bytes([1; 32]);
        let header = header(&root, FORMAT, [2; 16]);
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
            "the store has format 3, and this program knows formats up to 2: use the newer program";
        assert_eq!(error.to_string(), sentence);
    }

    /// Turns a file of this format into one of format 1, as the program of before left it.
    fn as_format_1(path: &Path, root: &RootKey) {
        use redb::{ReadableTable as _, TableDefinition};
        type Bytes = &'static [u8];
        let database = Database::open(path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let define = |name| TableDefinition::<Bytes, Bytes>::new(name);
            let mut meta = transaction.open_table(define(META)).unwrap();
            let mut audit = transaction.open_table(define(AUDIT)).unwrap();
            let read = |bytes: &[u8]| bytes[8..].to_vec();
            let found = read(meta.get(HEADER).unwrap().unwrap().value());
            let chain = unlock(&found, root, Entropy::seeded(1)).unwrap().chain;
            let head = chain.open_head(&read(meta.get(HEAD).unwrap().unwrap().value())).unwrap();
            let version = |bytes: &[u8]| [&[0; 8], bytes].concat();
            let mut old = chain.old_link(0, chain.first_head().hash);
            for seq in 1..=head.seq {
                let key = seq.to_be_bytes();
                let mut row = audit.get(key.as_slice()).unwrap().unwrap().value().to_vec();
                old = chain.old_link(seq, row[48..80].try_into().unwrap());
                row[40..112].copy_from_slice(&old.to_bytes());
                audit.insert(key.as_slice(), row.as_slice()).unwrap();
            }
            let store = found[4..20].try_into().unwrap();
            let counter = head.counter.to_be_bytes();
            for (key, bytes) in [
                (HEADER, header(root, 1, store)),
                (b"counter", counter.to_vec()),
                (b"audit", old.to_bytes()),
            ] {
                meta.insert(key, version(&bytes).as_slice()).unwrap();
            }
            meta.remove(HEAD).unwrap();
        }
        transaction.commit().unwrap();
    }

    /// The bytes of a row after its version.
    fn row(path: &Path, table: &str, key: &[u8]) -> Vec<u8> {
        use redb::ReadableDatabase as _;
        let database = Database::open(path).unwrap();
        let transaction = database.begin_read().unwrap();
        let define = redb::TableDefinition::<&[u8], &[u8]>::new(table);
        let row = transaction.open_table(define).unwrap().get(key).unwrap().unwrap();
        row.value()[8..].to_vec()
    }

    /// Puts a row, or removes it.
    fn put(path: &Path, table: &str, key: &[u8], bytes: Option<&[u8]>) {
        let database = Database::open(path).unwrap();
        let transaction = database.begin_write().unwrap();
        let define = redb::TableDefinition::<&[u8], &[u8]>::new(table);
        let mut open = transaction.open_table(define).unwrap();
        match bytes {
            Some(bytes) => drop(open.insert(key, [&[0; 8], bytes].concat().as_slice()).unwrap()),
            None => drop(open.remove(key).unwrap()),
        }
        drop(open);
        transaction.commit().unwrap();
    }

    fn entry(action: &str) -> crate::AuditEntry {
        let time = sekisho_ambient::Timestamp::from_unix(1);
        let (actor, object, outcome) = (String::new(), String::new(), String::new());
        let (action, details) = (action.to_owned(), serde_json::Map::new());
        crate::AuditEntry { time, actor, action, object, outcome, reason: None, details }
    }

    /// A file of format 1 is brought to this one once and keeps its log. If its log is damaged, it
    /// stays as it is, and the log says so.
    #[tokio::test]
    async fn word_03_an_older_file_is_brought_up_once() {
        let root = RootKey::from_bytes([1; 32]);
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path| {
            let options = Options::default();
            Store::open_on(Backend::Redb(path), &root, Entropy::system(), options).unwrap()
        };
        let write = async |store: &Store, action: &str| {
            let append = |tx: &mut crate::Tx| {
                tx.append(entry(action));
                Ok(())
            };
            store.transact(append).await
        };
        let old_file = async |name: &str| {
            let path = folder.path().join(name);
            let store = open(&path);
            write(&store, "act.1").await.unwrap();
            write(&store, "act.2").await.unwrap();
            drop(store);
            as_format_1(&path, &root);
            path
        };
        let path = old_file("sound").await;
        let old_header = row(&path, META, HEADER);
        let store = open(&path);
        let head = store.audit_verify().await.unwrap();
        assert_eq!((head.seq, head.counter), (2, 2));
        write(&store, "act.3").await.unwrap();
        write(&store, "act.4").await.unwrap();
        assert_eq!(store.audit_verify().await.unwrap().seq, 4);
        drop(store);
        assert_eq!(open(&path).audit_verify().await.unwrap().seq, 4);

        // Nobody turns the file back to format 1 and cuts the log off at a later record: the link
        // of that record does not count in the old form.
        let link = &row(&path, AUDIT, &3_u64.to_be_bytes())[32..104];
        put(&path, META, HEADER, Some(&old_header));
        put(&path, META, b"counter", Some(&[0, 0, 0, 0, 0, 0, 0, 4]));
        put(&path, META, b"audit", Some(link));
        put(&path, META, HEAD, None);
        put(&path, AUDIT, &4_u64.to_be_bytes(), None);
        assert!(open(&path).audit_verify().await.is_err());

        for (name, key) in [("headless", &b"audit"[..]), ("countless", b"counter")] {
            let path = old_file(name).await;
            put(&path, META, key, None);
            let store = open(&path);
            assert!(store.audit_verify().await.is_err(), "{name}");
            assert!(write(&store, "act.3").await.is_err(), "{name}");
        }
    }
}
