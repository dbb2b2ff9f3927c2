//! The keys of `sekisho.toml`, as they are written.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use sekisho_access::Gate;
use sekisho_ambient::listen_address;
use sekisho_broker::config::{Config, ConfigError, Operator};
use sekisho_jose::Ahead;
use sekisho_login::{ClientIdPrefix, ResponseMode, WalletEntry};
use sekisho_registry::{Guard, Resource, Service};
use sekisho_site::{Origin, OutboundConfig};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    origin: String,
    pub(super) listen: Listen,
    pub(super) data_dir: PathBuf,
    pub(super) admin_socket: Option<PathBuf>,
    pub(super) root_key: RootKeyEntry,
    pub(super) tls: TlsEntry,
    type_authority: Option<String>,
    #[serde(default)]
    client_id_prefix: ClientIdPrefix,
    #[serde(default)]
    response_mode: ResponseMode,
    #[serde(default)]
    clock_ahead: Ahead,
    #[serde(default)]
    outbound: OutboundConfig,
    #[serde(default)]
    pub(super) audit: AuditEntry,
    #[serde(default)]
    services: Vec<Service>,
    #[serde(default)]
    gates: Vec<Gate>,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    guards: Vec<Guard>,
    operator: Option<Operator>,
    wallets: Vec<WalletEntry>,
}

/// `[audit]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditEntry {
    pub(super) checkpoints: Option<PathBuf>,
    pub(super) syslog: Option<String>,
}

/// `"ADDRESS:PORT"`, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected \"ADDRESS:PORT\" or a list of them")]
pub(super) enum Listen {
    One(String),
    Each(Vec<String>),
}

impl Listen {
    /// The addresses; the text of the first one that is none.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Each(texts) => texts,
        };
        texts.iter().map(|text| listen_address(text).map_err(|_| text.as_str())).collect()
    }
}

/// `"systemd"` or `{ file = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RootKeyEntry {
    Systemd,
    File(PathBuf),
}

/// `"none"`, `"own"`, `{ files = { certificate = "…", key = "…" } }` or `{ proxy = ["…"] }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum TlsEntry {
    None,
    Own,
    Files { certificate: PathBuf, key: PathBuf },
    Proxy(Vec<IpAddr>),
}

impl File {
    pub(super) fn into_broker(self, folder: &Path) -> Result<Config, ConfigError> {
        let origin = Origin::parse(&self.origin)?;
        let type_authority = match self.type_authority {
            Some(authority) => Origin::parse(&authority)?.as_str().to_owned(),
            None => origin.as_str().to_owned(),
        };
        let ca_file = self.outbound.ca_file.map(|path| folder.join(path).display().to_string());
        Ok(Config {
            type_authority,
            services: self.services,
            gates: self.gates,
            resources: self.resources,
            guards: self.guards,
            wallets: self.wallets,
            client_id_prefix: self.client_id_prefix,
            response_mode: self.response_mode,
            clock_ahead: self.clock_ahead,
            outbound: OutboundConfig { ca_file, ..self.outbound },
            operator: self.operator,
            // Until it is known who reaches the server, everybody does.
            exposed: true,
            origin,
        })
    }
}
