//! What the demonstration writes down beside `sekisho.toml`, as an operator would on paper: the
//! ports, and the secrets that are shown only once.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sekisho_broker::admin::AddedClient;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// The notes, stored as JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notes {
    /// The broker's origin.
    pub(super) origin: String,
    /// The address at which the broker listens.
    pub(super) listen: SocketAddr,
    /// The address at which the console listens.
    pub(super) console: SocketAddr,
    /// The address at which the wallet's page listens.
    pub(super) wallet: SocketAddr,
    /// The registered clients, with their secrets.
    #[serde(default)]
    pub(super) clients: Vec<AddedClient>,
}

impl Notes {
    /// Reads the notes at `path`. `None` on a first start, when there are none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path)(error)),
        };
        let notes = serde_json::from_slice(&bytes).map_err(std::io::Error::from);
        notes.map(Some).map_err(Failure::file("read", path))
    }

    /// Writes the notes so that only the owner can read them. They are written whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut part = path.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut how = OpenOptions::new();
        how.write(true).create(true).truncate(true).mode(0o600);
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        written
            .and_then(|bytes| {
                let mut file = how.open(&part)?;
                file.write_all(&bytes)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&part, path))
            .map_err(Failure::file("write", path))
    }
}
