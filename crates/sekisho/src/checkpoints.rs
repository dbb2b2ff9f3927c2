//! The files and datagrams in which checkpoints of the audit log are kept, and how they are read.
//!
//! In a folder, each checkpoint is a file of its own, written whole or not at all. Its name says
//! what it says and sorts by the number of the last record, so only the same statement of the same
//! second replaces it. A system log gets the same line.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sekisho_broker::checkpoints::SignedCheckpoint;

use crate::Failure;
use crate::settings::Syslog;

/// The extension of the files.
const EXTENSION: &str = "jws";
/// The longest file that is read, in bytes. It may be an extract of a system log.
const MAX_FILE: u64 = 64 << 20;
/// How long a system log on this machine may take to accept a line.
const PATIENCE: Duration = Duration::from_secs(1);
/// The priority of the lines: facility 13 (log audit), severity 5 (notice); RFC 5424, 6.2.1.
const PRIORITY: u8 = 13 * 8 + 5;

/// Writes a checkpoint to a folder, as a new file.
pub(crate) fn write(folder: &Path, signed: &SignedCheckpoint) -> std::io::Result<PathBuf> {
    let checkpoint = &signed.checkpoint;
    let store = checkpoint.store.get(..8).unwrap_or_default();
    let (records, batches) = (checkpoint.records, checkpoint.batches);
    let name = format!("{store}-{records:012}-{batches:012}-{}", checkpoint.time.unix());
    let path = folder.join(format!("{name}.{EXTENSION}"));
    let part = folder.join(format!("{name}.part"));
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(format!("{}\n", signed.text).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        File::open(folder)?.sync_all()
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| path)
}

/// Sends a checkpoint to a system log.
pub(crate) fn send(syslog: &Syslog, signed: &SignedCheckpoint) -> std::io::Result<()> {
    let pid = std::process::id();
    match syslog {
        Syslog::Socket(path) => {
            let line = format!("<{PRIORITY}>sekisho[{pid}]: audit checkpoint {}", signed.text);
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.send_to(line.as_bytes(), path).map(drop)
        }
        Syslog::Address(address) => {
            // RFC 5424, section 6: the host and the structured data are left out.
            let time = signed.checkpoint.time.to_rfc3339();
            let line = format!(
                "<{PRIORITY}>1 {time} - sekisho {pid} audit-checkpoint - audit checkpoint {}",
                signed.text
            );
            let here = match address {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            UdpSocket::bind(here)?.send_to(line.as_bytes(), address).map(drop)
        }
    }
}

/// The checkpoint files of a folder, the newest record last.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = std::fs::read_dir(folder).map_err(Failure::file("read", folder))?;
    let entries = read.collect::<Result<Vec<_>, _>>().map_err(Failure::file("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    Ok(paths)
}

/// The checkpoints in a file: on each line the last word, if it has the form of a signed object. So
/// an extract of a system log is read too.
pub(crate) fn read(path: &Path) -> Result<Vec<String>, Failure> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let file = File::open(path).map_err(Failure::file("read", path))?;
    file.take(MAX_FILE).read_to_end(&mut text).map_err(Failure::file("read", path))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let words = text.lines().filter_map(|line| line.split_whitespace().next_back());
    Ok(words.filter(|word| is_signed_object(word)).map(str::to_owned).collect())
}

fn is_signed_object(word: &str) -> bool {
    word.starts_with("eyJ") && word.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_found_in_files_and_in_logs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text = "<109>sekisho[7]: audit checkpoint eyJh.eyJi.c\n\nsomething else\neyJx.y.z\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap(), ["eyJh.eyJi.c", "eyJx.y.z"]);
        assert!(files(dir.path()).unwrap().is_empty());
    }
}
