//! The admin API's Unix socket.
//!
//! Invariants: the socket has mode 0600 from the moment that its path exists. Only processes of the
//! server's own user and of root are accepted, whatever the modes of the folders. A socket at which
//! a server answers is never replaced. Only the process that holds the store binds the socket, so a
//! socket at which nobody answers belongs to a dead server.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::{Extension, Router};
use hyper_util::server::graceful::GracefulShutdown;
use sekisho_web::admin::Peer;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::connections::{Version, http};
use crate::Failure;

/// The longest path of a socket that every system accepts, in bytes.
const MAX_PATH: usize = 100;

/// A bound socket. Dropping it removes the file.
pub(super) struct AdminSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl AdminSocket {
    pub(super) fn bind(path: &Path) -> Result<Self, Failure> {
        let refuse = |source| Failure::Listen { address: path.display().to_string(), source };
        if path.as_os_str().len() > MAX_PATH {
            let reason = format!("the path is longer than {MAX_PATH} bytes: set admin_socket");
            return Err(refuse(std::io::Error::new(ErrorKind::InvalidInput, reason)));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            let reason = "a server answers there already: set admin_socket";
            return Err(refuse(std::io::Error::new(ErrorKind::AddrInUse, reason)));
        }
        let mut fresh = path.to_owned().into_os_string();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(refuse)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).map_err(refuse)?;
        std::fs::rename(&fresh, path).map_err(refuse)?;
        Ok(Self { path: path.to_owned(), listener })
    }

    /// Serves until told to stop, and returns when the last request has ended.
    pub(super) async fn serve(self, router: Router, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            if let Some(peer) = admit(&stream) {
                let router = router.clone().layer(Extension(peer));
                tokio::spawn(http(stream, Version::One, router, graceful.watcher()));
            }
        }
        drop(self);
        graceful.shutdown().await;
    }
}

fn admit(stream: &UnixStream) -> Option<Peer> {
    let uid = stream.peer_cred().ok()?.uid();
    if may_enter(uid, rustix::process::geteuid().as_raw()) {
        return Some(Peer { uid });
    }
    tracing::warn!(uid, "refused at the admin socket");
    None
}

fn may_enter(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_user_and_root_may_enter() {
        assert!(may_enter(1000, 1000) && may_enter(0, 1000));
        assert!(!may_enter(1001, 1000) && !may_enter(1000, 0));
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = AdminSocket::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(AdminSocket::bind(&path), Err(Failure::Listen { .. })));
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_told() {
        let long = format!("/tmp/{}", "x".repeat(MAX_PATH));
        let told = AdminSocket::bind(Path::new(&long)).err().unwrap().to_string();
        assert!(told.contains("admin_socket"), "{told}");
    }
}
