//! The GPU services that the operator configured, and the gates that decide who may use them.
//!
//! Invariant: in a [`Services`], ids are unique, and each gate names a service that exists.

use sekisho_access::Gate;
use sekisho_ambient::Text;
use sekisho_site::{NameError, check_names};
use serde::{Deserialize, Serialize};

/// A GPU service that people log in to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The id by which clients and gates refer to it.
    pub id: String,
    /// The name shown to people.
    pub name: Text,
    /// The name of the company that operates it; `None` if it is not stated.
    #[serde(default)]
    pub operator: Option<Text>,
    /// The corporate number (法人番号) of that company.
    #[serde(default)]
    pub operator_number: Option<String>,
    /// Where its machines are, e.g. `北海道石狩市` / `Ishikari, Hokkaido`.
    #[serde(default)]
    pub residency: Option<Text>,
    /// How long it keeps the data that it receives; shown before consent.
    #[serde(default)]
    pub retention: Option<Text>,
    /// Whether the data that it receives leaves the country; shown before consent.
    #[serde(default)]
    pub transfer_abroad: Option<Text>,
    /// Its privacy policy, an https URL.
    #[serde(default)]
    pub policy_uri: Option<String>,
    /// Its terms of use, an https URL.
    #[serde(default)]
    pub tos_uri: Option<String>,
}

impl Service {
    fn is_visible(&self) -> bool {
        let told = [&self.operator, &self.residency, &self.retention, &self.transfer_abroad];
        self.name.is_visible() && told.into_iter().flatten().all(Text::is_visible)
    }
}

/// Why services and gates are refused.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// An id is malformed, or two entries have the same id.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text of a service that people will see has characters that cannot be seen.
    #[error("service {0:?}: a text has a control character, or one that cannot be seen")]
    Invisible(String),
    /// A gate names a service that is not configured.
    #[error("gate {gate:?} names service {service:?}, which is not configured")]
    GateWithoutService {
        /// The id of the gate.
        gate: String,
        /// The id of the service that it names.
        service: String,
    },
}

/// All configured services and their gates.
#[derive(Clone, Debug, Default)]
pub struct Services {
    services: Vec<Service>,
    gates: Vec<Gate>,
}

impl Services {
    /// Checks that ids are unique and that each gate names one of `services`.
    pub fn new(services: Vec<Service>, gates: Vec<Gate>) -> Result<Self, ServicesError> {
        check_names("service", services.iter().map(|service| service.id.as_str()))?;
        check_names("gate", gates.iter().map(|gate| gate.id.as_str()))?;
        if let Some(service) = services.iter().find(|service| !service.is_visible()) {
            return Err(ServicesError::Invisible(service.id.clone()));
        }
        let all = Self { services, gates };
        match all.gates.iter().find(|gate| all.service(&gate.service).is_none()) {
            Some(gate) => {
                let (gate, service) = (gate.id.clone(), gate.service.clone());
                Err(ServicesError::GateWithoutService { gate, service })
            }
            None => Ok(all),
        }
    }

    /// The service with this id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The gate of the service with this id, if it has one.
    pub fn gate(&self, service: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.service == service)
    }

    /// All gates, in the order of the configuration.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }
}
