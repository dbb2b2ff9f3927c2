//! What an operator configures, as far as the broker needs it.

use sekisho_access::Gate;
use sekisho_login::{ClientIdPrefix, ResponseMode, WalletEntry, Wallets, WalletsError};
use sekisho_registry::{Service, Services, ServicesError};
use sekisho_site::{Origin, OriginError, OutboundConfig};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The origin is not one.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Services and gates do not fit together.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The wallets cannot be right.
    #[error(transparent)]
    Wallets(#[from] WalletsError),
}

/// What an operator configures.
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
    /// Refuses what cannot be right; gives what the rooms take.
    pub fn check(&self) -> Result<(Services, Wallets), ConfigError> {
        let services = Services::new(self.services.clone(), self.gates.clone())?;
        let entries = self.wallets.clone();
        let wallets = Wallets::new(entries, self.client_id_prefix, self.response_mode)?;
        Ok((services, wallets))
    }
}
