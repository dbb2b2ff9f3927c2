//! Opens the store that the configuration names: for `serve`, for `init`, and for a command that
//! finds no running server.
//!
//! Invariant: a folder that was made for one origin is never opened with another.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sekisho_ambient::{Clock, Entropy};
use sekisho_broker::Broker;
use sekisho_store::{Backend, Options, RootKey, Store, StoreError};

use crate::settings::{RootKeyPlace, Settings};
use crate::{Failure, text_file};

/// What the program gets from outside: the clock and randomness.
#[derive(Clone)]
pub struct Surroundings {
    /// The present time.
    pub clock: Clock,
    /// The source of keys, codes and ids.
    pub entropy: Entropy,
}

/// Opens the broker that `settings` describe. `init` must have made its store.
pub(crate) async fn open(
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Broker, Failure> {
    if !settings.store_file().exists() {
        return Err(Failure::NotInitialised(settings.data_dir.clone()));
    }
    check_origin(settings)?;
    let store = open_store(settings, surroundings, false)?;
    open_broker(settings, surroundings, store).await
}

/// Like `open`, but refuses a store whose audit log is broken, before anything is done with it.
pub(crate) async fn open_sound(
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Broker, Failure> {
    if !settings.store_file().exists() {
        return Err(Failure::NotInitialised(settings.data_dir.clone()));
    }
    check_origin(settings)?;
    let store = open_store(settings, surroundings, false)?;
    let verified = store.audit_verify().await;
    verified.map_err(|fault| Failure::BrokenAtStart(fault.to_string()))?;
    open_broker(settings, surroundings, store).await
}

/// Like `open`, but makes the store if there is none.
pub(crate) async fn open_or_make(
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Broker, Failure> {
    let store = open_store(settings, surroundings, true)?;
    open_broker(settings, surroundings, store).await
}

fn open_store(
    settings: &Settings,
    surroundings: &Surroundings,
    create: bool,
) -> Result<Store, Failure> {
    let root = root_key(settings)?;
    let entropy = surroundings.entropy.clone();
    let options = Options { create, ..Options::default() };
    Ok(Store::open_on(Backend::Redb(&settings.store_file()), &root, entropy, options)?)
}

/// Opens the broker on `store`. A store whose audit log is broken takes no writes, so the broker
/// may not open; then the faults of the log are the reason.
async fn open_broker(
    settings: &Settings,
    surroundings: &Surroundings,
    store: Store,
) -> Result<Broker, Failure> {
    let Surroundings { clock, entropy } = surroundings.clone();
    let opened = Broker::open(settings.broker.clone(), store.clone(), clock, entropy).await;
    let Err(error) = opened else { return Ok(opened?) };
    let faults = store.audit_examine(&mut |_| {}).await.faults;
    if faults.is_empty() {
        return Err(error.into());
    }
    Err(Failure::Audit(faults.iter().map(ToString::to_string).collect()))
}

fn root_key(settings: &Settings) -> Result<RootKey, Failure> {
    let read = match &settings.root_key {
        RootKeyPlace::File(path) => RootKey::read_file(path).map(Some),
        RootKeyPlace::Systemd => RootKey::from_systemd(),
    };
    read.map_err(StoreError::from)?.ok_or(Failure::NoCredential)
}

/// Counts the tries to open a store that another process holds. Commands hold it only briefly.
#[derive(Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// How many times it waits, for how long each: three seconds in all.
    const MOST: u32 = 12;
    const PAUSE: Duration = Duration::from_millis(250);

    /// Waits before the next try. Returns an error if there have been enough tries.
    pub(crate) async fn again(&mut self, settings: &Settings) -> Result<(), Failure> {
        self.0 = self.0.saturating_add(1);
        if self.0 > Self::MOST {
            let (store, socket) = (settings.store_file(), settings.admin_socket.clone());
            return Err(Failure::HeldWithoutSocket { store, socket });
        }
        tokio::time::sleep(Self::PAUSE).await;
        Ok(())
    }
}

/// The file that records the origin that a folder was made for.
pub(crate) fn origin_file(data_dir: &Path) -> PathBuf {
    data_dir.join("origin")
}

/// Refuses a folder that was made for another origin than the configured one.
pub(crate) fn check_origin(settings: &Settings) -> Result<(), Failure> {
    let path = origin_file(&settings.data_dir);
    let found = match text_file::read(&path) {
        Ok(found) => found.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::NotInitialised(settings.data_dir.clone()));
        }
        Err(error) => return Err(Failure::file("read", path)(error)),
    };
    let wanted = settings.broker.origin.as_str();
    if found == wanted {
        return Ok(());
    }
    Err(Failure::OtherOrigin { path, found, wanted: wanted.to_owned() })
}
