//! The errors of a command, and the exit code of each.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 not found, 5 unreachable.

use std::path::PathBuf;

use sekisho_broker::StartError;
use sekisho_store::StoreError;

use crate::settings::SettingsError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// `sekisho.toml` cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or entry exists already where a new one was to be made.
    #[error("{0}")]
    Exists(String),
    /// The folder of the store was made for another origin.
    #[error(
        "{} was made for the origin {found}, and sekisho.toml says {wanted}: every subject, type and DID contains the origin, so change it back, or run init with another data_dir",
        path.display()
    )]
    OtherOrigin {
        /// The file that records the origin.
        path: PathBuf,
        /// The origin in that file.
        found: String,
        /// The origin in the configuration.
        wanted: String,
    },
    /// `init` has not run for this configuration.
    #[error("there is no store in {}: run `sekisho init` first", .0.display())]
    NotInitialised(PathBuf),
    /// systemd passed no root key to the program.
    #[error(
        "root_key is \"systemd\", but no credential sekisho-root-key was passed: add LoadCredentialEncrypted=sekisho-root-key to the unit"
    )]
    NoCredential,
    /// Another process holds the store, but no server answers at the admin socket.
    #[error(
        "another process holds {}, but nothing answers at the admin socket {}: find the process (`fuser -v {}`) and stop it, then try again",
        store.display(), socket.display(), store.display()
    )]
    HeldWithoutSocket {
        /// The file of the store.
        store: PathBuf,
        /// The socket at which a server should answer.
        socket: PathBuf,
    },
    /// Another server holds the store.
    #[error(
        "another server holds {}: stop it first, or give this one a data_dir of its own", .0.display()
    )]
    SecondServer(PathBuf),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A certificate or key of the server could not be made or used.
    #[error("TLS: {0}")]
    Tls(String),
    /// A key of `keys-dev/`, whose private half is public, is used where other machines could reach
    /// the server.
    #[error(
        "{0} uses a key of keys-dev, whose private half is public: it serves loopback addresses only"
    )]
    DevelopmentKey(String),
    /// The server could not listen at an address.
    #[error("cannot listen at {address}: {source}{}", listen_hint(source))]
    Listen {
        /// The address that was tried, as text.
        address: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The program could not register for signals.
    #[error("signals cannot be caught: {0}")]
    Signals(std::io::Error),
    /// The admin API could not be reached.
    #[error("the server does not answer at {}: {reason}", socket.display())]
    Unreachable {
        /// The path of the socket.
        socket: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The user may not use the admin socket.
    #[error(
        "the admin socket {} may be used by the server's own user and root only", .0.display()
    )]
    Denied(PathBuf),
    /// The admin API refused the request.
    #[error("{message}")]
    Refused {
        /// The error's name in the answer.
        name: String,
        /// The explanation of the error.
        message: String,
    },
    /// Something is wrong, and what it is has been printed.
    #[error("something is wrong")]
    Told,
    /// The wallet of the demonstration failed.
    #[error("wallet: {0}")]
    Wallet(String),
    /// The audit log is broken, or does not agree with the status lists or with a checkpoint: every
    /// fault as a sentence.
    #[error("{}", .0.join("\n"))]
    Audit(Vec<String>),
    /// The audit log is broken, so the server does not start.
    #[error(
        "{0}\nThe file of the store was changed by other means than this program, so the server does not start. Every fault is told by `sekisho audit verify`. Keep the file as evidence, find out who could write to it, and put back the last backup"
    )]
    BrokenAtStart(String),
    /// The audit log does not agree with a checkpoint, so the server does not start.
    #[error(
        "the audit log does not agree with the checkpoint {}: {fault}\nThe server does not start on such a file. Put back the newest file of the store. If this file is the one to go on with, because it is a backup that you put back, move the checkpoints that are newer than it out of the folder, keep them, and start again", path.display()
    )]
    OtherThanCheckpoint {
        /// The file of the checkpoint.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
}

fn listen_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => ": is a server running already?",
        std::io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
}

impl Failure {
    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused { name, .. } => match name.as_str() {
                "invalid" => 2,
                "denied" => 3,
                "not_found" => 4,
                _ => 1,
            },
            Self::Denied(_) => 3,
            Self::HeldWithoutSocket { .. } | Self::Unreachable { .. } => 5,
            _ => 1,
        }
    }

    /// The error's name in JSON.
    pub fn name(&self) -> &str {
        match self {
            Self::Usage(_) => "usage",
            Self::Settings(_) => "settings",
            Self::File { .. } => "file",
            Self::Exists(_) => "exists",
            Self::OtherOrigin { .. } => "other_origin",
            Self::NotInitialised(_) => "not_initialised",
            Self::NoCredential => "no_credential",
            Self::HeldWithoutSocket { .. } | Self::Unreachable { .. } => "unreachable",
            Self::SecondServer(_) => "second_server",
            Self::Store(_) => "store",
            Self::Start(_) => "start",
            Self::Tls(_) => "tls",
            Self::DevelopmentKey(_) => "development_key",
            Self::Listen { .. } => "listen",
            Self::Signals(_) => "signals",
            Self::Denied(_) => "denied",
            Self::Refused { name, .. } => name,
            Self::Told => "wrong",
            Self::Wallet(_) => "wallet",
            Self::Audit(_) | Self::BrokenAtStart(_) | Self::OtherThanCheckpoint { .. } => "audit",
        }
    }

    /// Makes the error for a file on which `action` failed.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_failures_apart() {
        let refused =
            |name: &str| Failure::Refused { name: name.to_owned(), message: String::new() };
        let codes =
            ["exists", "invalid", "denied", "not_found"].map(|name| refused(name).exit_code());
        assert_eq!(codes, [1, 2, 3, 4]);
        let path = || PathBuf::from("x");
        let held = Failure::HeldWithoutSocket { store: path(), socket: path() };
        assert_eq!(held.exit_code(), 5);
        assert_eq!(Failure::Denied(path()).exit_code(), 3);
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::NotInitialised(path()).exit_code(), 1);
    }
}
