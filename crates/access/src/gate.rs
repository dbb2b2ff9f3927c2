//! A gate: the limits that stand before one GPU service, as its operator configures them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::AffiliationType;

/// The highest level of training.
pub const MAX_LEVEL: u8 = 4;

/// The limits of one service. Absent lists and rules allow nothing more than they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its id.
    pub id: String,
    /// The service that it stands before.
    pub service: String,
    /// The most GPUs of one request.
    pub max_gpus: u32,
    /// The most GPU-hours of one request.
    pub max_gpu_hours: u32,
    /// The longest run of one request, in hours; without it, only GPU-hours are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_walltime_h: Option<u32>,
    /// How long a permit lasts, in hours.
    #[serde(default = "default_permit_hours")]
    pub permit_hours: u32,
    /// Partitions that may be named.
    #[serde(default)]
    pub partitions: Vec<String>,
    /// Models of GPU that may be named.
    #[serde(default)]
    pub gpu_models: Vec<String>,
    /// Kinds of affiliation that are allowed; at least one.
    pub allowed_affiliation_types: Vec<AffiliationType>,
    /// The training that is needed; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRule>,
}

/// The training that a gate demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRule {
    /// Any of these achievements; at least one.
    pub achievements: Vec<String>,
    /// The lowest level, 0 to [`MAX_LEVEL`]; 0 asks for none.
    pub min_level: u8,
    /// How many days ago it may have been completed; without it, `valid_through` alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

fn default_permit_hours() -> u32 {
    24
}
