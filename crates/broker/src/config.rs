//! Configuration, parsed once into types that cannot be wrong.
//!
//! Invariant: every URL that the broker hands out is derived from [`Origin`], never from a request.

use sekisho_access::Gate;
use sekisho_ambient::Text;
use serde::{Deserialize, Serialize};
use url::Url;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The origin is not one.
    #[error("origin {0:?} is not an https origin (http is for loopback hosts only): {1}")]
    Origin(String, &'static str),
    /// Two entries have one name.
    #[error("{kind} {name:?} stands twice in the configuration")]
    Twice {
        /// What kind of entry.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// An entry points to one that is not there.
    #[error("gate {gate:?} names service {service:?}, which is not configured")]
    GateWithoutService {
        /// The gate.
        gate: String,
        /// The service it names.
        service: String,
    },
    /// A name has characters that no URL, page id or Cedar entity may have.
    #[error("{kind} name {name:?} may have only a-z, 0-9, '-' and '_'")]
    Name {
        /// What kind of entry.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// No more than one wallet is the preferred one.
    #[error("exactly one wallet must be the preferred one, found {0}")]
    PreferredWallet(usize),
    /// A wallet's authorization endpoint is neither a wallet scheme nor an https URL.
    #[error(
        "wallet {name:?}: authorization_endpoint must be openid4vp://, haip-vp:// or an https URL"
    )]
    WalletEndpoint {
        /// The wallet.
        name: String,
    },
}

/// The one origin of a broker: scheme, host and port, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    host: String,
    authority: String,
    secure: bool,
}

impl Origin {
    /// Reads an origin such as `https://auth.example.jp` or `http://localhost:8080`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why| ConfigError::Origin(text.to_owned(), why);
        let url = Url::parse(text).map_err(|_| refuse("not a URL"))?;
        let host = url.host_str().ok_or_else(|| refuse("no host"))?.to_owned();
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            "http" => return Err(refuse("http on a host that is not loopback")),
            _ => return Err(refuse("unknown scheme")),
        };
        let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let canonical = format!("{}://{authority}", url.scheme());
        if canonical != text {
            return Err(refuse(
                "write it as scheme://host[:port], without a path or a default port",
            ));
        }
        Ok(Self { text: canonical, host, authority, secure })
    }

    /// `https://auth.example.jp`: also the issuer identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port, as in a Host header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is https: cookies are `Secure` and named `__Host-…` then.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is this machine itself.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// A URL below the origin; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The credential issuer identifier of the organization with this corporate number.
    pub fn organization(&self, corporate_number: &str) -> String {
        self.join(&format!("/orgs/{corporate_number}"))
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host == "127.0.0.1"
}

/// A GPU service that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its id: what clients and gates name.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// The name of its operator.
    pub operator: Text,
    /// The operator's corporate number.
    pub operator_number: String,
    /// Where it stands, e.g. `北海道石狩市` / `Ishikari, Hokkaido`.
    pub residency: Text,
    /// How long it keeps what it is given, shown before consent.
    #[serde(default)]
    pub retention: Option<Text>,
    /// Whether what it is given leaves the country, shown before consent.
    #[serde(default)]
    pub transfer_abroad: Option<Text>,
    /// Its privacy policy, an https URL.
    #[serde(default)]
    pub policy_uri: Option<String>,
    /// Its terms of use, an https URL.
    #[serde(default)]
    pub tos_uri: Option<String>,
}

/// A wallet that the login page offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletEntry {
    /// Its name, also part of the page id `wallet-{name}`.
    pub name: String,
    /// What people call it.
    pub label: Text,
    /// Where an authorization request is sent: `openid4vp://`, `haip-vp://` or an https URL.
    pub authorization_endpoint: String,
    /// Whether it is the one whose button comes first.
    #[serde(default)]
    pub preferred: bool,
}

/// Where the broker may call out to. Empty means nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    /// Hosts that may be called over https, each as `host` or `host:port`.
    pub allow_hosts: Vec<String>,
    /// A PEM file with further roots for those calls.
    pub ca_file: Option<String>,
}

/// How the wallet is asked to answer and to name the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientIdPrefix {
    /// `x509_hash`, as HAIP demands.
    #[default]
    X509Hash,
    /// `x509_san_dns`.
    X509SanDns,
}

/// How answers of wallets travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// Encrypted under a key of its own for each request.
    #[default]
    #[serde(rename = "direct_post.jwt")]
    DirectPostJwt,
    /// In clear inside TLS.
    #[serde(rename = "direct_post")]
    DirectPost,
}

/// What an operator configures, as far as the broker needs it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The origin.
    pub origin: Origin,
    /// The type authority: `vct` is `{authority}/types/{name}/{major}`.
    pub type_authority: String,
    /// Services.
    pub services: Vec<Service>,
    /// Gates.
    pub gates: Vec<Gate>,
    /// Wallets.
    pub wallets: Vec<WalletEntry>,
    /// The client identifier prefix of presentation requests.
    pub client_id_prefix: ClientIdPrefix,
    /// The response mode of presentation requests.
    pub response_mode: ResponseMode,
    /// Outbound calls.
    pub outbound: OutboundConfig,
}

impl Config {
    /// Refuses what cannot be right.
    pub fn check(&self) -> Result<(), ConfigError> {
        names("service", self.services.iter().map(|service| service.id.as_str()))?;
        names("gate", self.gates.iter().map(|gate| gate.id.as_str()))?;
        names("wallet", self.wallets.iter().map(|wallet| wallet.name.as_str()))?;
        for gate in &self.gates {
            if self.service(&gate.service).is_none() {
                let (gate, service) = (gate.id.clone(), gate.service.clone());
                return Err(ConfigError::GateWithoutService { gate, service });
            }
        }
        for wallet in &self.wallets {
            let endpoint = &wallet.authorization_endpoint;
            let scheme = endpoint == "openid4vp://" || endpoint == "haip-vp://";
            if !scheme && !is_web(endpoint) {
                return Err(ConfigError::WalletEndpoint { name: wallet.name.clone() });
            }
        }
        match self.wallets.iter().filter(|wallet| wallet.preferred).count() {
            1 => Ok(()),
            found => Err(ConfigError::PreferredWallet(found)),
        }
    }

    /// The service with this id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The gate that stands before a service.
    pub fn gate(&self, service: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.service == service)
    }
}

fn is_web(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| {
        url.scheme() == "https"
            || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
    })
}

fn names<'n>(kind: &'static str, names: impl Iterator<Item = &'n str>) -> Result<(), ConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(ConfigError::Name { kind, name: name.to_owned() });
        }
        if !seen.insert(name) {
            return Err(ConfigError::Twice { kind, name: name.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_or_loopback_and_nothing_more() {
        for good in ["https://auth.example.jp", "http://localhost:8080", "http://127.0.0.1:1"] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "http://auth.example.jp",
            "https://auth.example.jp/",
            "https://auth.example.jp:443",
            "https://auth.example.jp/path",
            "https://user@auth.example.jp",
            "https://AUTH.example.jp",
            "ftp://localhost",
            "localhost",
            "http://localhost.evil.test",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
