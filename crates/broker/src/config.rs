//! The configuration, as far as the broker needs it.

use sekisho_access::Gate;
use sekisho_jose::Ahead;
use sekisho_login::{ClientIdPrefix, ResponseMode, WalletEntry, Wallets, WalletsError};
use sekisho_registry::{Service, Services, ServicesError};
use sekisho_site::{Origin, OriginError, OutboundConfig};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The origin is malformed.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Services and gates do not fit together, or a name is wrong.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The wallets are wrong.
    #[error(transparent)]
    Wallets(#[from] WalletsError),
}

/// What the operator configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL at which this server is reached; also its issuer identifier.
    pub origin: Origin,
    /// The base URL of credential types: `vct` is `{authority}/types/{name}/{major}`.
    pub type_authority: String,
    /// The GPU services that people can use.
    pub services: Vec<Service>,
    /// The gates that decide about access to the services.
    pub gates: Vec<Gate>,
    /// The wallets that the login page offers.
    pub wallets: Vec<WalletEntry>,
    /// The prefix of the client identifier in presentation requests.
    pub client_id_prefix: ClientIdPrefix,
    /// Whether wallets must encrypt their answers.
    pub response_mode: ResponseMode,
    /// How far a wallet's clock may be ahead of ours.
    pub clock_ahead: Ahead,
    /// Which hosts may be called, and how.
    pub outbound: OutboundConfig,
}

impl Config {
    /// Checks the configuration, and returns the parts that other crates need.
    pub fn check(&self) -> Result<(Services, Wallets), ConfigError> {
        let services = Services::new(self.services.clone(), self.gates.clone())?;
        let entries = self.wallets.clone();
        let wallets =
            Wallets::new(entries, self.client_id_prefix, self.response_mode, self.clock_ahead)?;
        Ok((services, wallets))
    }
}
