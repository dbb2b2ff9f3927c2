//! GPU services and the gates before them, as the operator configured them.
//!
//! Invariant: a [`Services`] has no name twice, and each gate stands before a service that is there.

use sekisho_access::Gate;
use sekisho_ambient::Text;
use sekisho_site::{NameError, check_names};
use serde::{Deserialize, Serialize};

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

/// Why services and gates are refused.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A name is not one, or stands twice.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A gate stands before a service that is not there.
    #[error("gate {gate:?} names service {service:?}, which is not configured")]
    GateWithoutService {
        /// The gate.
        gate: String,
        /// The service it names.
        service: String,
    },
}

/// The services and the gates before them.
#[derive(Clone, Debug, Default)]
pub struct Services {
    services: Vec<Service>,
    gates: Vec<Gate>,
}

impl Services {
    /// Takes services and gates that fit together.
    pub fn new(services: Vec<Service>, gates: Vec<Gate>) -> Result<Self, ServicesError> {
        check_names("service", services.iter().map(|service| service.id.as_str()))?;
        check_names("gate", gates.iter().map(|gate| gate.id.as_str()))?;
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

    /// The gate that stands before a service.
    pub fn gate(&self, service: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.service == service)
    }

    /// All gates.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }
}
