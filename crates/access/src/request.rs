//! A request for GPUs: `authorization_details` of type `gpu_access` (RFC 9396).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Claims;

/// The `type` of the details.
pub const DETAILS_TYPE: &str = "gpu_access";

/// What is to be done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Be given GPUs.
    Allocate,
    /// Log in to a machine.
    Ssh,
    /// Submit a job.
    Submit,
    /// Ask a model that is served.
    Infer,
}

/// A request that has the form of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuAccessRequest {
    /// The service.
    pub service: String,
    /// What is to be done; each once, at least one.
    pub actions: Vec<Action>,
    /// The partition.
    pub partition: Option<String>,
    /// The model of GPU.
    pub gpu_model: Option<String>,
    /// The number of GPUs, from 1.
    pub gpus: u32,
    /// GPU-hours.
    pub gpu_hours: Option<u32>,
    /// The length of the run, in hours.
    pub walltime_h: Option<u32>,
}

/// Why details were refused (`invalid_authorization_details`; RFC 9396, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DetailsError {
    /// `type` is another.
    #[error("type is not {DETAILS_TYPE}")]
    Type,
}

impl GpuAccessRequest {
    /// The least that can be asked of `service`: one GPU for one hour.
    pub fn smallest(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            actions: vec![Action::Allocate],
            partition: None,
            gpu_model: None,
            gpus: 1,
            gpu_hours: Some(1),
            walltime_h: None,
        }
    }

    /// Reads one entry of `authorization_details`.
    pub fn from_details(details: &Claims) -> Result<Self, DetailsError> {
        let _ = details;
        todo!()
    }

    /// The request as an entry of `authorization_details`.
    pub fn to_details(&self) -> Claims {
        todo!()
    }
}
