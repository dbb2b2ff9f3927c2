//! The wallets that the login page offers, and how they are asked to answer.
//!
//! Invariant: a [`Wallets`] names each wallet once, and just one of them is the preferred one.

use std::sync::Arc;

use sekisho_ambient::Text;
use sekisho_site::{NameError, check_names, is_loopback};
use serde::{Deserialize, Serialize};
use url::Url;

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

/// Why wallets are refused.
#[derive(Debug, thiserror::Error)]
pub enum WalletsError {
    /// A name is not one, or stands twice.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No more than one wallet is the preferred one.
    #[error("exactly one wallet must be the preferred one, found {0}")]
    Preferred(usize),
    /// A wallet's authorization endpoint is neither a wallet scheme nor an https URL.
    #[error(
        "wallet {name:?}: authorization_endpoint must be openid4vp://, haip-vp:// or an https URL"
    )]
    Endpoint {
        /// The wallet.
        name: String,
    },
}

/// What the operator configured of wallets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wallets {
    entries: Arc<[WalletEntry]>,
    /// The client identifier prefix of presentation requests.
    pub client_id_prefix: ClientIdPrefix,
    /// The response mode of presentation requests.
    pub response_mode: ResponseMode,
}

impl Wallets {
    /// Takes entries that can be right.
    pub fn new(
        entries: Vec<WalletEntry>,
        client_id_prefix: ClientIdPrefix,
        response_mode: ResponseMode,
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
            1 => Ok(Self { entries: entries.into(), client_id_prefix, response_mode }),
            found => Err(WalletsError::Preferred(found)),
        }
    }

    /// The wallets.
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
