//! Who asks and why: the entry of `verifier_info` (OpenID4VP 1.0, section 5.11) that this broker
//! writes and its wallet reads.
//!
//! The wallet's protocol peer is the broker, whose name says nothing about the service. The entry's
//! `data` is a plain object: it stands inside the request object, which the broker has signed, so a
//! JWT of the same key around it would prove nothing more.
//!
//! Invariant: a statement is read from a request object that has been verified, by way of
//! `VerifiedRequest`.

use sekisho_ambient::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `format` of the entry.
pub const SERVICE_INFO_FORMAT: &str = "sekisho-service";

/// Who runs a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// 法人番号, 13 digits.
    pub corporate_number: String,
    /// The operator's name.
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
    /// Its name.
    pub name: Text,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Where it keeps data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Text>,
}

impl ServiceStatement {
    /// The entry of `verifier_info`.
    pub fn to_verifier_info(&self) -> Value {
        json!({"format": SERVICE_INFO_FORMAT, "data": self})
    }

    /// The statement among the entries of `verifier_info`; `None` if there is none that can be read.
    pub(crate) fn from_verifier_info(entries: &[Value]) -> Option<Self> {
        let entry = entries.iter().find(|entry| {
            entry.get("format").and_then(Value::as_str) == Some(SERVICE_INFO_FORMAT)
        })?;
        Self::deserialize(entry.get("data")?).ok()
    }
}
