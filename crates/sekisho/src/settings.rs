//! `sekisho.toml`, parsed once into types that hold only valid values.
//!
//! Invariant: an unknown key is refused. Every error names the file, the line if there is one, and
//! what to do. Relative paths start at the folder of the file.

mod file;
mod template;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use sekisho_broker::config::{Config, ConfigError};
use sekisho_login::WalletsError;
use sekisho_registry::{GuardsError, ServicesError};

use crate::text_file;
use file::{AuditEntry, File, RootKeyEntry, TlsEntry};
pub(crate) use template::{Sample, TlsSample, template};

/// What an operator configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The path of the configuration file.
    pub path: PathBuf,
    /// The addresses at which the server listens, at least one.
    pub listen: Vec<SocketAddr>,
    /// The folder of the store.
    pub data_dir: PathBuf,
    /// The path of the admin API's socket.
    pub admin_socket: PathBuf,
    /// Who ends TLS.
    pub tls: Tls,
    /// Where the root key is stored.
    pub root_key: RootKeyPlace,
    /// Where checkpoints of the audit log are kept.
    pub audit: AuditSettings,
    /// The configuration of the broker itself.
    pub broker: Config,
}

/// Where checkpoints of the audit log are kept. Without any, none are signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// The folder to which they are written. It is not made here: a folder that is missing may be
    /// on a disk that is not there.
    pub checkpoints: Option<PathBuf>,
    /// The system log to which they are sent.
    pub syslog: Option<Syslog>,
}

impl AuditSettings {
    /// Whether checkpoints are kept anywhere.
    pub fn keeps_checkpoints(&self) -> bool {
        self.checkpoints.is_some() || self.syslog.is_some()
    }
}

/// A system log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syslog {
    /// The socket of one on this machine.
    Socket(PathBuf),
    /// The address of one that takes datagrams (RFC 5426).
    Address(SocketAddr),
}

/// Who ends TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Nobody. The origin is http on a loopback host.
    Off,
    /// The server, with a certificate under the root that `init` made.
    Own,
    /// The server, with the operator's certificate.
    Files {
        /// The file of certificates, PEM, the leaf first.
        certificate: PathBuf,
        /// The file of the private key, PEM.
        key: PathBuf,
    },
    /// A proxy at one of these addresses. Connections from other addresses are dropped.
    Proxy(Vec<IpAddr>),
}

/// Where the root key is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeyPlace {
    /// A file of mode 0600.
    File(PathBuf),
    /// The systemd credential `sekisho-root-key`.
    Systemd,
}

/// Why `sekisho.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file cannot be parsed.
    #[error("{}:{line}: {message}; the template of `sekisho init` explains every key", path.display())]
    Syntax {
        /// The path of the file.
        path: PathBuf,
        /// The line of the error, from 1.
        line: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// A value in the file is not allowed.
    #[error("{}: {message}", place(path, *line))]
    Value {
        /// The path of the file.
        path: PathBuf,
        /// The line of the value, from 1, if it is known.
        line: Option<usize>,
        /// What was found and what to do.
        message: String,
    },
}

fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::NotFound => ": run `sekisho init`, or name the file with --config",
        _ => "",
    }
}

fn place(path: &Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    }
}

impl Settings {
    /// Reads and parses the file at `path`.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = text_file::read(path)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Parses `text`, the content of the file at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            message: one_line(error.message()),
        })?;
        let refuse = |needle: &str, message: String| SettingsError::Value {
            path: path.to_owned(),
            line: line_of(text, needle),
            message,
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let data_dir = folder.join(&file.data_dir);
        let admin_socket = match &file.admin_socket {
            Some(socket) => folder.join(socket),
            None => data_dir.join("admin.sock"),
        };
        let root_key = match &file.root_key {
            RootKeyEntry::Systemd => RootKeyPlace::Systemd,
            RootKeyEntry::File(key) => RootKeyPlace::File(folder.join(key)),
        };
        let tls = match &file.tls {
            TlsEntry::None => Tls::Off,
            TlsEntry::Own => Tls::Own,
            TlsEntry::Files { certificate, key } => {
                Tls::Files { certificate: folder.join(certificate), key: folder.join(key) }
            }
            TlsEntry::Proxy(addresses) => Tls::Proxy(addresses.clone()),
        };
        let listen = file.listen.addresses().map_err(|wrong| {
            refuse(
                "listen",
                format!("listen: {wrong:?} is not ADDRESS:PORT, such as 127.0.0.1:8080"),
            )
        })?;
        if listen.is_empty() {
            return Err(refuse("listen", "listen names no address".to_owned()));
        }
        let audit = audit(&file.audit, folder).map_err(|why| refuse("syslog", why))?;
        let mut broker =
            file.into_broker(folder).map_err(|error| refuse(&named(&error), error.to_string()))?;
        let only_here = listen.iter().all(|address| address.ip().to_canonical().is_loopback())
            && broker.origin.is_loopback();
        broker.exposed = !only_here;
        broker.check().map_err(|error| refuse(&named(&error), error.to_string()))?;
        check_tls(&tls, broker.origin.is_secure()).map_err(|why| refuse("tls", why.to_owned()))?;
        sekisho_access::Policies::new(&broker.gates)
            .map_err(|error| refuse("gates", format!("gates: {error}")))?;
        let path = path.to_owned();
        Ok(Self { path, listen, data_dir, admin_socket, tls, root_key, audit, broker })
    }

    /// The addresses at which the server listens, as text.
    pub(crate) fn addresses(&self) -> String {
        self.listen.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The path of the store's file.
    pub fn store_file(&self) -> PathBuf {
        self.data_dir.join("sekisho.redb")
    }

    /// The path to which `init` writes the root of our own certificates.
    pub fn ca_file(&self) -> PathBuf {
        self.data_dir.join("ca.pem")
    }
}

/// Reads where checkpoints go. A system log is the path of a socket, or an address with a port.
fn audit(entry: &AuditEntry, folder: &Path) -> Result<AuditSettings, String> {
    let syslog = match &entry.syslog {
        None => None,
        Some(path) if path.starts_with('/') => Some(Syslog::Socket(PathBuf::from(path))),
        Some(address) => Some(Syslog::Address(address.parse().map_err(|_| {
            format!("syslog: {address:?} is neither the path of a socket, such as \"/dev/log\", nor an address with a port, such as \"192.0.2.1:514\"")
        })?)),
    };
    let checkpoints = entry.checkpoints.as_ref().map(|path| folder.join(path));
    Ok(AuditSettings { checkpoints, syslog })
}

fn check_tls(tls: &Tls, secure: bool) -> Result<(), &'static str> {
    match tls {
        Tls::Off if secure => {
            Err("tls is \"none\", but the origin is https: set it to \"own\", files or a proxy")
        }
        Tls::Own | Tls::Files { .. } | Tls::Proxy(_) if !secure => {
            Err("the origin is http, so tls must be \"none\"")
        }
        Tls::Proxy(addresses) if addresses.is_empty() => {
            Err("tls names a proxy without an address: list those that may connect")
        }
        _ => Ok(()),
    }
}

/// The part of the configuration that an error is about, as it is written in the file.
fn named(error: &ConfigError) -> String {
    let value = match error {
        ConfigError::Origin(error) => error.text(),
        ConfigError::Services(ServicesError::Name(error))
        | ConfigError::Guards(GuardsError::Name(error))
        | ConfigError::Wallets(WalletsError::Name(error)) => error.name(),
        ConfigError::Services(
            ServicesError::GateWithoutService { service, .. } | ServicesError::Invisible(service),
        ) => service,
        ConfigError::Guards(GuardsError::Guard { id, .. }) => id,
        ConfigError::Wallets(WalletsError::Endpoint { name }) => name,
        ConfigError::OperatorUri(uri) => uri,
        ConfigError::Resource(error) => &error.id,
        ConfigError::OperatorName => return "[operator]".to_owned(),
        ConfigError::Wallets(WalletsError::Preferred(_)) => return "[[wallets]]".to_owned(),
    };
    format!("\"{value}\"")
}

/// The number of the last line that contains `needle` outside a comment.
fn line_of(text: &str, needle: &str) -> Option<usize> {
    let lines = text.lines().enumerate();
    let found =
        lines.filter(|(_, line)| !line.trim_start().starts_with('#') && line.contains(needle));
    found.last().map(|(at, _)| at.saturating_add(1))
}

/// The number of the line with the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1)
}

fn one_line(message: &str) -> String {
    message
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
