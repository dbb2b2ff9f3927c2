//! The entry of `verifier_info` (OpenID4VP 1.0, section 5.11) that says who asks and why. This
//! broker writes it and its wallet reads it.
//!
//! The wallet talks to the broker, whose name does not tell the person which service they log in
//! to. The entry's `data` is a plain object. The broker has signed the request object around it, so
//! a JWT signed by the same key would prove nothing more.
//!
//! Invariant: a statement is read only from a verified request object, through `VerifiedRequest`.

use sekisho_ambient::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `format` of the entry.
pub const SERVICE_INFO_FORMAT: &str = "sekisho-service";

/// The organization that runs a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The organization's corporate number (法人番号), 13 digits.
    pub corporate_number: String,
    /// The organization's name.
    pub name: Text,
}

/// Who asks and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatement {
    /// The service that the person logs in to.
    pub service: ServiceDescription,
    /// Why the claims are asked for.
    pub purpose: Text,
}

/// The service that the person logs in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDescription {
    /// The name of the service.
    pub name: Text,
    /// The organization that runs the service, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Where the service keeps data, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Text>,
}

impl ServiceStatement {
    /// Writes the entry of `verifier_info`.
    pub fn to_verifier_info(&self) -> Value {
        json!({"format": SERVICE_INFO_FORMAT, "data": self})
    }

    /// Finds the statement among the entries of `verifier_info`. `None` if no entry can be read as
    /// one.
    pub(crate) fn from_verifier_info(entries: &[Value]) -> Option<Self> {
        let entry = entries.iter().find(|entry| {
            entry.get("format").and_then(Value::as_str) == Some(SERVICE_INFO_FORMAT)
        })?;
        Self::deserialize(entry.get("data")?).ok()
    }
}
