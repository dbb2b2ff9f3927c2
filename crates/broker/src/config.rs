//! The configuration, as far as the broker needs it.

use sekisho_access::Gate;
use sekisho_ambient::Text;
use sekisho_jose::Ahead;
use sekisho_login::{ClientIdPrefix, ResponseMode, WalletEntry, Wallets, WalletsError};
use sekisho_registry::resources::rules;
use sekisho_registry::{
    Guard, Guards, GuardsError, Resource, ResourceError, Service, Services, ServicesError,
};
use sekisho_site::{Origin, OriginError, OutboundConfig};
use serde::Deserialize;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The origin is malformed.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Services and gates do not fit together, or a name is wrong.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// A resource cannot be used as it is described.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// A guarded site cannot work as it is written.
    #[error(transparent)]
    Guards(#[from] GuardsError),
    /// The wallets are wrong.
    #[error(transparent)]
    Wallets(#[from] WalletsError),
    /// The operator's name has characters that people cannot see.
    #[error("operator: the name has a control character, or one that cannot be seen")]
    OperatorName,
    /// A URL of the operator cannot be a link of the pages.
    #[error("operator: {0:?} is no https URL, nor for contact_uri a mailto URL")]
    OperatorUri(String),
}

/// Who operates this broker, as every page says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The name of the organization.
    pub name: Text,
    /// Where people ask for help: an https or mailto URL.
    #[serde(default)]
    pub contact_uri: Option<String>,
    /// How it handles personal information: an https URL.
    #[serde(default)]
    pub privacy_uri: Option<String>,
}

impl Operator {
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |uri: &&String, schemes: &[&str]| {
            !schemes.iter().any(|scheme| uri.starts_with(scheme))
                || uri.contains(char::is_whitespace)
        };
        let contact = self.contact_uri.iter().find(|uri| wrong(uri, &["https://", "mailto:"]));
        let privacy = self.privacy_uri.iter().find(|uri| wrong(uri, &["https://"]));
        match contact.or(privacy) {
            Some(uri) => Err(ConfigError::OperatorUri(uri.clone())),
            None if !self.name.is_visible() => Err(ConfigError::OperatorName),
            None => Ok(()),
        }
    }
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
    /// The servers for which clients may get access tokens.
    pub resources: Vec<Resource>,
    /// The sites behind a proxy that asks here who may pass.
    pub guards: Vec<Guard>,
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
    /// Who operates this broker, for the foot of every page.
    pub operator: Option<Operator>,
    /// Whether other machines can reach the broker. Keys whose private halves are public
    /// (`keys-dev/`) are then refused wherever they are named.
    pub exposed: bool,
}

impl Config {
    /// Checks the configuration, and returns the parts that other crates need.
    pub fn check(&self) -> Result<(Services, Guards, Wallets), ConfigError> {
        let services = Services::new(self.services.clone(), self.gates.clone())?;
        for resource in &self.resources {
            rules::check(resource, self.origin.as_str())?;
        }
        rules::check_apart(&self.resources)?;
        self.operator.as_ref().map_or(Ok(()), Operator::check)?;
        let entries = self.wallets.clone();
        let wallets =
            Wallets::new(entries, self.client_id_prefix, self.response_mode, self.clock_ahead)?;
        let guards = Guards::new(self.guards.clone(), &self.origin)?;
        Ok((services, guards, wallets))
    }
}
