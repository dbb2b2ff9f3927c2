//! The root key: 32 bytes outside the store, from which every key of the store is derived.
//!
//! Invariant: a key file that anybody but its owner can read is refused (attacks, FS-07). A key
//! file is never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf;
use sekisho_ambient::{Entropy, Secret};
use zeroize::Zeroizing;

use crate::error::hex;

/// The name of systemd's credential that holds the key.
const CREDENTIAL: &str = "sekisho-root-key";

/// The longest key file, in bytes: 64 digits and a line end, with room to spare.
const MAX_LENGTH: usize = 80;

/// The key from which all other keys are derived.
#[derive(Clone)]
pub struct RootKey(Secret<[u8; 32]>);

/// The reason why no root key was read or written.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// There is no file at this path.
    #[error("there is no root key at {}", .0.display())]
    Missing(PathBuf),
    /// There is already a file at this path.
    #[error("{} exists already and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Others than the owner can read the file.
    #[error("{} can be read by others (mode {mode:03o}): run chmod 600", path.display())]
    Readable {
        /// The path of the file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// The file's content is not a root key.
    #[error("{} holds no root key: 32 bytes or 64 hexadecimal digits were expected", .0.display())]
    Malformed(PathBuf),
    /// The file could not be read or written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// The operating system's error.
        reason: String,
    },
}

/// The users who must not be able to read the file.
#[derive(Clone, Copy)]
enum Forbidden {
    /// The group and others: for an ordinary key file.
    GroupAndOthers,
    /// Others only: for systemd's credential. systemd lets the service read it through an access
    /// control list, and the mask of that list appears as the group's mode.
    Others,
}

impl RootKey {
    /// Makes a fresh random key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Secret::new(entropy.bytes()))
    }

    /// Makes the key from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Reads a key file. It holds 32 bytes, or 64 hexadecimal digits with or without a line end.
    pub fn read_file(path: &Path) -> Result<Self, RootKeyError> {
        Self::read(path, Forbidden::GroupAndOthers)
    }

    /// Reads the credential `sekisho-root-key` that systemd hands to the service
    /// (`LoadCredential=`, `LoadCredentialEncrypted=`); `None` outside such a service.
    pub fn from_systemd() -> Result<Option<Self>, RootKeyError> {
        match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(directory) => Self::from_credentials(Path::new(&directory)),
            None => Ok(None),
        }
    }

    /// Reads that credential from `directory`; `None` if the directory does not contain it.
    pub fn from_credentials(directory: &Path) -> Result<Option<Self>, RootKeyError> {
        match Self::read(&directory.join(CREDENTIAL), Forbidden::Others) {
            Err(RootKeyError::Missing(_)) => Ok(None),
            read => read.map(Some),
        }
    }

    /// Writes the key to a new file that only its owner can read.
    pub fn write_new(&self, path: &Path) -> Result<(), RootKeyError> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = opened.map_err(|error| fault(path, &error))?;
        let text = Zeroizing::new(format!("{}\n", hex(self.0.expose())));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| fault(path, &error))
    }

    fn read(path: &Path, forbidden: Forbidden) -> Result<Self, RootKeyError> {
        // Open the file first and check the open file, so that nobody can exchange it in between.
        let file = File::open(path).map_err(|error| fault(path, &error))?;
        let mode = file.metadata().map_err(|error| fault(path, &error))?.mode() & 0o777;
        let mask = match forbidden {
            Forbidden::GroupAndOthers => 0o077,
            Forbidden::Others => 0o007,
        };
        if mode & mask != 0 {
            return Err(RootKeyError::Readable { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LENGTH + 1));
        let limit = u64::try_from(MAX_LENGTH).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(|error| fault(path, &error))?;
        let key = parse(&bytes).ok_or_else(|| RootKeyError::Malformed(path.to_owned()))?;
        Ok(Self(key))
    }

    /// Derives a key for one purpose by HKDF-SHA-256 (RFC 5869), with `salt` and, as info,
    /// `purpose` and `label`.
    pub(crate) fn derive(&self, salt: &[u8], purpose: &str, label: &str) -> Secret<[u8; 32]> {
        let mut out = [0; 32];
        let info = [purpose.as_bytes(), b"\0", label.as_bytes()];
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, salt);
        let filled = salt
            .extract(self.0.expose())
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut out));
        // HKDF-SHA-256 can always give 32 bytes. If it ever fails, stop: do not go on with a zero
        // key.
        if filled.is_err() {
            std::process::abort();
        }
        Secret::new(out)
    }
}

fn parse(bytes: &[u8]) -> Option<Secret<[u8; 32]>> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(Secret::new(raw));
    }
    let digits = bytes.trim_ascii_end();
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (out, [high, low]) in key.iter_mut().zip(pairs) {
        *out = digit(*high)? << 4 | digit(*low)?;
    }
    Some(Secret::new(*key))
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

fn fault(path: &Path, error: &std::io::Error) -> RootKeyError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound => RootKeyError::Missing(path),
        ErrorKind::AlreadyExists => RootKeyError::Exists(path),
        _ => RootKeyError::Io { path, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn key() -> RootKey {
        RootKey::generate(&Entropy::seeded(1))
    }

    fn same(a: &RootKey, b: &RootKey) -> bool {
        a.0.expose() == b.0.expose()
    }

    #[test]
    fn a_key_is_written_once_for_its_owner_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        key().write_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(same(&RootKey::read_file(&path).unwrap(), &key()));
        assert!(matches!(key().write_new(&path), Err(RootKeyError::Exists(_))));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        key().write_new(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(RootKey::read_file(&path), Err(RootKeyError::Readable { .. })));
        }
    }

    #[test]
    fn a_key_is_raw_or_hexadecimal_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        key().write_new(&path).unwrap();
        write(&path, [7; 32]).unwrap();
        assert!(same(&RootKey::read_file(&path).unwrap(), &RootKey::from_bytes([7; 32])));
        for bad in
            [vec![], vec![7; 31], vec![7; 33], vec![b'g'; 64], vec![b'a'; 63], vec![b'a'; 66]]
        {
            write(&path, &bad).unwrap();
            assert!(
                matches!(RootKey::read_file(&path), Err(RootKeyError::Malformed(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_credential_of_systemd_may_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RootKey::from_credentials(folder.path()).unwrap().is_none());
        let path = folder.path().join(CREDENTIAL);
        key().write_new(&path).unwrap();
        set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        assert!(same(&RootKey::from_credentials(folder.path()).unwrap().unwrap(), &key()));
        set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        assert!(RootKey::from_credentials(folder.path()).is_err());
    }

    #[test]
    fn purposes_labels_and_stores_have_keys_of_their_own() {
        let derive = |salt: &[u8], purpose, label| *key().derive(salt, purpose, label).expose();
        let base = derive(b"s", "table", "a");
        assert_eq!(base, derive(b"s", "table", "a"));
        for other in
            [derive(b"t", "table", "a"), derive(b"s", "mac", "a"), derive(b"s", "table", "b")]
        {
            assert_ne!(base, other);
        }
    }
}
