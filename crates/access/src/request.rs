//! A request for GPUs: `authorization_details` of type `gpu_access` (RFC 9396).
//!
//! Invariant: a member that is not understood is refused and never ignored (RFC 9396, section 5).
//! `locations` names the protected resources that learn of the permit. `data_classification` and the
//! other common members of section 2.2 are refused, because no rule reads them and ignoring them
//! would mean granting them.

use sekisho_ambient::Words;
use sekisho_profile::scopes::GPU_ACCESS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::Claims;

/// The value of `type` in the details.
pub const DETAILS_TYPE: &str = GPU_ACCESS;

/// The most GPUs that a request can name. A larger number is a mistake or an attack.
const MAX_GPUS: u32 = 65_536;
/// The most GPU-hours that a request can name: that number of GPUs for more than a year.
const MAX_GPU_HOURS: u32 = 600_000_000;
/// The longest run that a request can name, in hours: a leap year.
const MAX_WALLTIME_H: u32 = 8_784;
/// The longest name of a service, partition or model, in bytes.
const MAX_NAME: usize = 64;

/// The most resources that a request can name.
const MAX_LOCATIONS: usize = 16;
/// The longest name of a resource, in bytes.
const MAX_LOCATION: usize = 255;

/// What the holder wants to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Get GPUs.
    Allocate,
    /// Log in to a machine.
    Ssh,
    /// Submit a job.
    Submit,
    /// Use a model that is served.
    Infer,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Allocate, Self::Ssh, Self::Submit, Self::Infer];

    /// Returns the value in `actions`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Ssh => "ssh",
            Self::Submit => "submit",
            Self::Infer => "infer",
        }
    }

    /// Returns the words that people read.
    pub const fn words(self) -> Words {
        match self {
            Self::Allocate => Words { ja: "GPUの割り当て", en: "Getting GPUs" },
            Self::Ssh => Words { ja: "計算機へのログイン", en: "Logging in to machines" },
            Self::Submit => Words { ja: "ジョブの投入", en: "Submitting jobs" },
            Self::Infer => Words { ja: "モデルの利用", en: "Using models" },
        }
    }

    /// Returns the action with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().and_then(Self::from_name)
    }
}

/// A request whose form was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuAccessRequest {
    /// The name of the service.
    pub service: String,
    /// The actions that are requested. There is at least one, and each occurs once.
    pub actions: Vec<Action>,
    /// The name of the partition, if the request names one.
    pub partition: Option<String>,
    /// The model of GPU, if the request names one.
    pub gpu_model: Option<String>,
    /// The number of GPUs, at least 1.
    pub gpus: u32,
    /// The GPU-hours, at least 1, if the request names them.
    pub gpu_hours: Option<u32>,
    /// The length of the run in hours, at least 1, if the request names it.
    pub walltime_h: Option<u32>,
    /// The names of the resources whose access tokens contain the permit (RFC 9396, section 2.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
}

/// The reason why details were refused (`invalid_authorization_details`; RFC 9396, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DetailsError {
    /// `type` is missing or has another value.
    #[error("type is not {DETAILS_TYPE}")]
    Type,
    /// The type does not have this member, or no rule reads it.
    #[error("member {0:?} is not supported")]
    Unsupported(String),
    /// A required member is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value is not a name of 1 to 64 letters, digits, `.`, `_` and `-`.
    #[error("{0} is not a name of 1 to {MAX_NAME} letters, digits, '.', '_' and '-'")]
    Name(&'static str),
    /// `actions` is not an array of known actions, each once.
    #[error("actions is not an array of allocate, ssh, submit and infer, each at most once")]
    Actions,
    /// `locations` is not an array of names, each once.
    #[error("locations is not an array of 1 to {MAX_LOCATIONS} names of resources, each once")]
    Locations,
    /// The value is not a whole number in its range.
    #[error("{name} is not a whole number from 1 to {max}")]
    Number {
        /// The name of the member.
        name: &'static str,
        /// The largest number that is accepted.
        max: u32,
    },
}

impl GpuAccessRequest {
    /// Returns the smallest request for `service`: one GPU for one hour.
    pub fn smallest(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            actions: vec![Action::Allocate],
            partition: None,
            gpu_model: None,
            gpus: 1,
            gpu_hours: Some(1),
            walltime_h: None,
            locations: Vec::new(),
        }
    }

    /// Reads one entry of `authorization_details`.
    pub fn from_details(details: &Claims) -> Result<Self, DetailsError> {
        if details.get("type").and_then(Value::as_str) != Some(DETAILS_TYPE) {
            return Err(DetailsError::Type);
        }
        if let Some(name) = details.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(DetailsError::Unsupported(name.chars().take(MAX_NAME).collect()));
        }
        let number = |name, max| number(details, name, max);
        Ok(Self {
            service: name(details, "service")?.ok_or(DetailsError::Missing("service"))?,
            actions: actions(details.get("actions").ok_or(DetailsError::Missing("actions"))?)?,
            partition: name(details, "partition")?,
            gpu_model: name(details, "gpu_model")?,
            gpus: number("gpus", MAX_GPUS)?.ok_or(DetailsError::Missing("gpus"))?,
            gpu_hours: number("gpu_hours", MAX_GPU_HOURS)?,
            walltime_h: number("walltime_h", MAX_WALLTIME_H)?,
            locations: details.get("locations").map_or(Ok(Vec::new()), locations)?,
        })
    }

    /// Writes the request as an entry of `authorization_details`.
    pub fn to_details(&self) -> Claims {
        let actions: Vec<&str> = self.actions.iter().map(|action| action.name()).collect();
        let members = [
            ("type", Some(Value::from(DETAILS_TYPE))),
            ("service", Some(self.service.as_str().into())),
            ("actions", Some(actions.into())),
            ("partition", self.partition.as_deref().map(Value::from)),
            ("gpu_model", self.gpu_model.as_deref().map(Value::from)),
            ("gpus", Some(self.gpus.into())),
            ("gpu_hours", self.gpu_hours.map(Value::from)),
            ("walltime_h", self.walltime_h.map(Value::from)),
            ("locations", (!self.locations.is_empty()).then(|| self.locations.clone().into())),
        ];
        let present = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Reduces the `granted` details to those that `asked` asks for (RFC 9396, section 6.1). `asked`
/// may name fewer actions, fewer GPUs and less time; its other members must be absent or unchanged.
/// `None` if it asks for more than was granted.
pub fn narrowed(granted: &Claims, asked: &Claims) -> Option<Claims> {
    let mut narrowed = granted.clone();
    for member in ["type", "service"] {
        asked.get(member)?;
    }
    for (name, value) in asked {
        let whole = granted.get(name)?;
        let is_less = match name.as_str() {
            "actions" => {
                let all = actions(whole).ok()?;
                actions(value).ok()?.iter().all(|action| all.contains(action))
            }
            "locations" => {
                let all = locations(whole).ok()?;
                locations(value).ok()?.iter().all(|location| all.contains(location))
            }
            "gpus" | "gpu_hours" | "walltime_h" => (1..=whole.as_u64()?).contains(&value.as_u64()?),
            _ => value == whole,
        };
        if !is_less {
            return None;
        }
        narrowed.insert(name.clone(), value.clone());
    }
    Some(narrowed)
}

/// All members of the details.
const MEMBERS: [&str; 9] = [
    "type",
    "service",
    "actions",
    "partition",
    "gpu_model",
    "gpus",
    "gpu_hours",
    "walltime_h",
    "locations",
];

/// Whether `text` can name a service, partition or model. The name becomes part of a group's name.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain)
}

fn name(details: &Claims, name: &'static str) -> Result<Option<String>, DetailsError> {
    let Some(value) = details.get(name) else { return Ok(None) };
    let text = value.as_str().filter(|text| is_name(text)).ok_or(DetailsError::Name(name))?;
    Ok(Some(text.to_owned()))
}

fn number(details: &Claims, name: &'static str, max: u32) -> Result<Option<u32>, DetailsError> {
    let Some(value) = details.get(name) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| (1..=max).contains(number));
    number.map(Some).ok_or(DetailsError::Number { name, max })
}

fn locations(value: &Value) -> Result<Vec<String>, DetailsError> {
    let values = value.as_array().filter(|values| (1..=MAX_LOCATIONS).contains(&values.len()));
    let mut locations = Vec::new();
    for value in values.ok_or(DetailsError::Locations)? {
        let name = value.as_str().filter(|name| (1..=MAX_LOCATION).contains(&name.len()));
        let name = name.ok_or(DetailsError::Locations)?.to_owned();
        if locations.contains(&name) {
            return Err(DetailsError::Locations);
        }
        locations.push(name);
    }
    Ok(locations)
}

pub(crate) fn actions(value: &Value) -> Result<Vec<Action>, DetailsError> {
    let values = value.as_array().filter(|values| !values.is_empty());
    let mut actions = Vec::new();
    for value in values.ok_or(DetailsError::Actions)? {
        let action = Action::from_value(value).filter(|action| !actions.contains(action));
        actions.push(action.ok_or(DetailsError::Actions)?);
    }
    Ok(actions)
}

#[cfg(test)]
mod tests;
