//! The wallets that the login page offers, and how presentation requests address them.
//!
//! Invariant: in a [`Wallets`], names are unique, and exactly one wallet is preferred.

use std::sync::Arc;

use sekisho_ambient::Text;
use sekisho_jose::Ahead;
use sekisho_site::{NameError, check_names, is_loopback};
use serde::{Deserialize, Serialize};
use url::Url;

/// A wallet that the login page offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletEntry {
    /// Its name in the configuration; also part of the page id `wallet-{name}`.
    pub name: String,
    /// The name shown to people.
    pub label: Text,
    /// Where the person's device sends an authorization request: `openid4vp://`, `haip-vp://` or an
    /// https URL.
    pub authorization_endpoint: String,
    /// Whether its button comes first.
    #[serde(default)]
    pub preferred: bool,
}

/// The prefix of the client identifier by which the broker names itself to wallets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientIdPrefix {
    /// `x509_hash`, which HAIP requires.
    #[default]
    X509Hash,
    /// `x509_san_dns`: the broker's host name.
    X509SanDns,
}

/// How wallets send their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// Encrypted, with a new key for each request.
    #[default]
    #[serde(rename = "direct_post.jwt")]
    DirectPostJwt,
    /// Unencrypted, protected by TLS only.
    #[serde(rename = "direct_post")]
    DirectPost,
}

/// Why the configured wallets are refused.
#[derive(Debug, thiserror::Error)]
pub enum WalletsError {
    /// A name is malformed, or two wallets have the same name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not exactly one wallet is marked as preferred.
    #[error("exactly one wallet must be the preferred one, found {0}")]
    Preferred(usize),
    /// A wallet's authorization endpoint is neither a wallet scheme nor an https URL.
    #[error(
        "wallet {name:?}: authorization_endpoint must be openid4vp://, haip-vp:// or an https URL"
    )]
    Endpoint {
        /// The name of the wallet.
        name: String,
    },
}

/// The wallets that the operator configured, and how they are asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wallets {
    entries: Arc<[WalletEntry]>,
    /// The client identifier prefix of presentation requests.
    pub client_id_prefix: ClientIdPrefix,
    /// The response mode of presentation requests.
    pub response_mode: ResponseMode,
    /// How far a wallet's clock may be ahead of ours.
    pub clock_ahead: Ahead,
}

impl Wallets {
    /// Checks names, endpoints, and that exactly one wallet is preferred.
    pub fn new(
        entries: Vec<WalletEntry>,
        client_id_prefix: ClientIdPrefix,
        response_mode: ResponseMode,
        clock_ahead: Ahead,
    ) -> Result<Self, WalletsError> {
        check_names("wallet", entries.iter().map(|wallet| wallet.name.as_str()))?;
        for wallet in &entries {
            let endpoint = &wallet.authorization_endpoint;
            let scheme = endpoint == "openid4vp://" || endpoint == "haip-vp://";
            if !scheme && !is_web(endpoint) {
                return Err(WalletsError::Endpoint { name: wallet.name.clone() });
            }
        }
        match entries.iter().filter(|wallet| wallet.preferred).count() {
            1 => Ok(Self { entries: entries.into(), client_id_prefix, response_mode, clock_ahead }),
            found => Err(WalletsError::Preferred(found)),
        }
    }

    /// The wallets, in the order of the configuration.
    pub fn entries(&self) -> &[WalletEntry] {
        &self.entries
    }
}

fn is_web(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| {
        url.scheme() == "https"
            || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
    })
}
