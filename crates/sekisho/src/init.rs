//! `init`: makes the folder, the root key, the certificates and keys, and last `sekisho.toml`. If
//! that file exists, everything else does.
//!
//! Invariants: nothing is overwritten; the next run uses what an interrupted run left, if that was
//! for the same origin; only the owner can read the folder and the root key.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sekisho_store::{RootKey, RootKeyError, StoreError};

use crate::api::Api;
use crate::settings::{RootKeyPlace, Sample, Settings, template};
use crate::{Failure, Surroundings, opening};

/// Makes everything that `sample` describes and writes `sekisho.toml` at `path`.
pub(crate) async fn init(
    path: &Path,
    sample: &Sample<'_>,
    surroundings: &Surroundings,
) -> Result<Settings, Failure> {
    if path.exists() {
        return Err(Failure::Exists(format!(
            "{} exists already, and init overwrites nothing: start with `sekisho serve`, or name another file with --config",
            path.display()
        )));
    }
    let text = template(sample);
    let settings = Settings::parse(path, &text)?;
    make_folder(&settings.data_dir)?;
    note_origin(&settings)?;
    make_root_key(&settings, surroundings)?;
    let broker = opening::open_or_make(&settings, surroundings).await?;
    let root = Api::of(broker).root().await?;
    let ca_file = settings.ca_file();
    put(&ca_file, root.as_bytes()).map_err(Failure::file("write", &ca_file))?;
    write_new(path, &text)?;
    Ok(settings)
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Failure::file("make", path))?;
    let found = std::fs::metadata(path).map_err(Failure::file("look at", path))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let reason = format!("others may enter it (mode {mode:03o}): run chmod 700");
        let source = std::io::Error::new(ErrorKind::PermissionDenied, reason);
        return Err(Failure::file("use", path)(source));
    }
    Ok(())
}

/// Records the origin of the folder, before anything is made that contains the origin.
fn note_origin(settings: &Settings) -> Result<(), Failure> {
    let path = opening::origin_file(&settings.data_dir);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match opened {
        Ok(mut file) => file
            .write_all(format!("{}\n", settings.broker.origin.as_str()).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(Failure::file("write", path)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => opening::check_origin(settings),
        Err(error) => Err(Failure::file("write", path)(error)),
    }
}

fn make_root_key(settings: &Settings, surroundings: &Surroundings) -> Result<(), Failure> {
    let RootKeyPlace::File(path) = &settings.root_key else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let store = settings.store_file();
    if store.exists() {
        let lost = StoreError::RootKey(RootKeyError::Missing(path.clone()));
        return Err(Failure::Exists(format!(
            "{lost}, but its store {} exists: put the key back, or move the store away",
            store.display()
        )));
    }
    RootKey::generate(&surroundings.entropy).write_new(path).map_err(StoreError::from)?;
    Ok(())
}

/// Writes a file that only its owner may write, whatever the umask is. What stood there goes first,
/// because a file keeps the mode that it was made with.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a new file, whole or not at all. Never replaces a file.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = put(&part, text.as_bytes())
        .and_then(|()| std::fs::set_permissions(&part, Permissions::from_mode(0o644)))
        .and_then(|()| std::fs::hard_link(&part, path));
    let _ = std::fs::remove_file(&part);
    written.map_err(Failure::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        make_folder(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        let told = make_folder(&path).unwrap_err().to_string();
        assert!(told.contains("chmod 700"), "{told}");
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sekisho.toml");
        write_new(&path, "first").unwrap();
        assert!(write_new(&path, "second").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
