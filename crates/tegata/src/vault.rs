//! The wallet's folder: one key file, and everything else sealed to that key.
//!
//! ```text
//! key                    P-256 key, base64url, mode 0600: made by `init`, never written again
//! holder.jwe             the holder's signing key
//! anchors.jwe            the authorities that the holder trusts
//! credentials/<id>.jwe   one credential each
//! lock                   held while a file is written
//! ```
//! Sealed files are JWEs in compact form (RFC 7516; ECDH-ES with A256GCM) for the wallet's own key,
//! with the file's name as `apv`, so that one file cannot stand in for another.
//!
//! Invariant: a file is written beside its place, synced, and then renamed into its place. If the
//! process is killed at any moment, each file is still whole, in its old or its new version.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sekisho_ambient::{Entropy, Secret};
use sekisho_jose::jwe::{self, ContentEncryption, DecryptionKey};
use sekisho_jose::{b64u, json};

use crate::WalletError;

/// The longest file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;
/// The name of the folder of credentials.
const CREDENTIALS: &str = "credentials";

/// An open wallet folder.
#[derive(Clone)]
pub(crate) struct Vault {
    dir: PathBuf,
    key: DecryptionKey,
}

/// The exclusive right to write, until it is dropped.
pub(crate) struct Lock(#[allow(dead_code, reason = "held for its drop")] File);

impl Vault {
    /// Makes the folder `dir` and lets `fill` write the first files. The key file is written last,
    /// because a folder counts as a wallet only if it has one.
    pub(crate) fn create(
        dir: &Path,
        entropy: &Entropy,
        fill: impl FnOnce(&Self, &Lock) -> Result<(), WalletError>,
    ) -> Result<Self, WalletError> {
        make_dir(dir)?;
        make_dir(&dir.join(CREDENTIALS))?;
        let vault = Self { dir: dir.to_owned(), key: DecryptionKey::generate(entropy) };
        let lock = vault.lock()?;
        let key_file = dir.join("key");
        if key_file.exists() {
            return Err(WalletError::AlreadyThere(dir.to_owned()));
        }
        fill(&vault, &lock)?;
        let text = Secret::new(b64u::encode(vault.key.to_bytes().expose()));
        write_whole(&key_file, text.expose().as_bytes())?;
        Ok(vault)
    }

    /// Opens the folder `dir` with its key file. Refuses a key file that others can read.
    pub(crate) fn open(dir: &Path) -> Result<Self, WalletError> {
        let path = dir.join("key");
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => WalletError::NoWallet(dir.to_owned()),
            _ => file_error("read", &path)(error),
        })?;
        let mode = file.metadata().map_err(file_error("read", &path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(WalletError::KeyMode { path, mode });
        }
        let text = Secret::new(read_text(file, &path)?);
        let damaged = |why: String| WalletError::Damaged { path: path.clone(), why };
        let bytes =
            b64u::decode(text.expose().trim()).map_err(|error| damaged(error.to_string()))?;
        let bytes = Secret::new(bytes);
        let key = DecryptionKey::from_bytes(bytes.expose())
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self { dir: dir.to_owned(), key })
    }

    /// Waits until no other process writes, and takes the right to write.
    pub(crate) fn lock(&self) -> Result<Lock, WalletError> {
        let path = self.dir.join("lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(file_error("lock", &path))?;
        file.lock().map_err(file_error("lock", &path))?;
        Ok(Lock(file))
    }

    /// Encrypts `plain` and writes it to the file `name`.
    pub(crate) fn seal(
        &self,
        name: &str,
        plain: &[u8],
        entropy: &Entropy,
        _lock: &Lock,
    ) -> Result<(), WalletError> {
        let path = self.path(name);
        let recipient = self.key.public_jwk().to_value();
        let sealed = jwe::encrypt(
            &recipient,
            ContentEncryption::A256Gcm,
            plain,
            None,
            Some(name.as_bytes()),
            entropy,
        );
        let sealed = sealed.map_err(|error| WalletError::Key(error.to_string()))?;
        write_whole(&path, sealed.as_bytes())
    }

    /// Reads and decrypts the file `name`. `None` if there is no such file.
    pub(crate) fn unseal(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, WalletError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error("read", &path)(error)),
        };
        let text = read_text(file, &path)?;
        let damaged = |why: String| WalletError::Damaged { path: path.clone(), why };
        if party_v(&text).as_deref() != Some(name.as_bytes()) {
            return Err(damaged("sealed under another name".to_owned()));
        }
        let plain = self.key.decrypt(&text).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(Secret::new(plain)))
    }

    /// The ids of all credentials, in no particular order.
    pub(crate) fn credential_ids(&self) -> Result<Vec<String>, WalletError> {
        let path = self.dir.join(CREDENTIALS);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&path).map_err(file_error("read", &path))? {
            let name = entry.map_err(file_error("read", &path))?.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".jwe")) {
                ids.push(id.to_owned());
            }
        }
        Ok(ids)
    }

    /// Removes the file `name`; `false` if there was none.
    pub(crate) fn remove(&self, name: &str, _lock: &Lock) -> Result<bool, WalletError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => sync_parent(&path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(file_error("remove", &path)(error)),
        }
    }

    /// The path of the file `name`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.jwe"))
    }
}

/// The name of the file that holds the credential `id`.
pub(crate) fn credential_name(id: &str) -> String {
    format!("{CREDENTIALS}/{id}")
}

/// Whether `id` is safe in a file name: it has only the letters of [`Entropy::id`], so no slash and
/// no dot.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn make_dir(path: &Path) -> Result<(), WalletError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file_error("make", path))
}

fn read_text(file: File, path: &Path) -> Result<String, WalletError> {
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).map_err(file_error("read", path))?;
    Ok(text)
}

/// Writes a file beside its place, syncs it, and then renames it into its place.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WalletError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(file_error("write", path))?;
    sync_parent(path)
}

/// Syncs the folder of a file. A rename is on disk only once its folder is.
fn sync_parent(path: &Path) -> Result<(), WalletError> {
    let parent = path.parent().unwrap_or(path);
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(file_error("write", parent))
}

fn file_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> WalletError {
    let path = path.to_owned();
    move |source| WalletError::File { action, path: path.clone(), source }
}

/// The `apv` of a JWE in compact form. Its key derivation and its encryption both cover it.
fn party_v(compact: &str) -> Option<Vec<u8>> {
    let header = b64u::decode(compact.split('.').next()?).ok()?;
    let header = json::parse_object(&header).ok()?;
    b64u::decode(header.get("apv")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let dir = tempfile::tempdir().unwrap();
        let vault =
            Vault::create(&dir.path().join("w"), &Entropy::system(), |_, _| Ok(())).unwrap();
        (dir, vault)
    }

    fn put(vault: &Vault, name: &str, plain: &[u8]) {
        let lock = vault.lock().unwrap();
        vault.seal(name, plain, &Entropy::system(), &lock).unwrap();
    }

    #[test]
    fn what_was_sealed_is_found_by_another_process_and_is_not_readable_in_the_file() {
        let (_dir, vault) = vault();
        put(&vault, "credentials/a", b"member_ref 4711");
        let again = Vault::open(&vault.dir).unwrap();
        assert_eq!(again.unseal("credentials/a").unwrap().unwrap().expose(), b"member_ref 4711");
        assert_eq!(again.credential_ids().unwrap(), ["a"]);
        let file = fs::read_to_string(vault.path("credentials/a")).unwrap();
        assert!(!file.contains("4711") && file.split('.').count() == 5);
    }

    #[test]
    fn one_sealed_file_does_not_pass_for_another() {
        let (_dir, vault) = vault();
        put(&vault, "credentials/a", b"a");
        fs::copy(vault.path("credentials/a"), vault.path("anchors")).unwrap();
        assert!(matches!(vault.unseal("anchors"), Err(WalletError::Damaged { .. })));
    }

    #[test]
    fn a_changed_file_is_refused() {
        let (_dir, vault) = vault();
        put(&vault, "anchors", b"trusted");
        let path = vault.path("anchors");
        let mut text = fs::read_to_string(&path).unwrap();
        let last = text.pop().unwrap();
        text.push(if last == 'A' { 'Q' } else { 'A' });
        fs::write(&path, text).unwrap();
        assert!(matches!(vault.unseal("anchors"), Err(WalletError::Damaged { .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_dir, vault) = vault();
        let key = vault.dir.join("key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Vault::open(&vault.dir), Err(WalletError::KeyMode { mode: 0o640, .. })));
    }

    #[test]
    fn a_second_init_keeps_the_first_wallet() {
        let (_dir, vault) = vault();
        put(&vault, "holder", b"key");
        let second =
            Vault::create(&vault.dir, &Entropy::system(), |_, _| panic!("nothing is written"));
        assert!(matches!(second, Err(WalletError::AlreadyThere(_))));
        assert!(Vault::open(&vault.dir).unwrap().unseal("holder").unwrap().is_some());
    }

    #[test]
    fn a_folder_without_a_key_is_no_wallet() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Vault::open(dir.path()), Err(WalletError::NoWallet(_))));
        let failed =
            Vault::create(dir.path(), &Entropy::system(), |_, _| Err(WalletError::Declined));
        assert!(
            failed.is_err() && matches!(Vault::open(dir.path()), Err(WalletError::NoWallet(_)))
        );
    }

    #[test]
    fn ids_never_leave_the_folder() {
        assert!(is_id("aZ0-_"));
        for bad in ["", "..", "a/b", "a.jwe", "../key", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
