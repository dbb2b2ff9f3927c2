//! The rules of the policies, with their codes.
//!
//! Invariant: each `forbid` is one of these rules, so that every denial can be explained.

use sekisho_profile::Code;

use crate::{Gate, GpuAccessRequest};

/// A rule that a request can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// P-3111: the kind of affiliation is allowed.
    Affiliation,
    /// P-3201: the required training is shown.
    Training,
    /// P-3301: the partition and the model of GPU are offered.
    Partition,
    /// P-3501: the number of GPUs and the time are within the limits.
    Size,
}

impl Rule {
    /// All rules, in the order of their codes.
    pub(crate) const ALL: [Self; 4] =
        [Self::Affiliation, Self::Training, Self::Partition, Self::Size];

    pub(crate) fn code(self) -> Code {
        match self {
            Self::Affiliation => Code::AffiliationNotAllowed,
            Self::Training => Code::TrainingMissing,
            Self::Partition => Code::PartitionNotOffered,
            Self::Size => Code::RequestTooLarge,
        }
    }

    /// Returns the rule with this code.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code().id() == code)
    }

    /// Whether this request can fail the rule at this gate. The person is told of these rules as
    /// conditions.
    pub(crate) fn applies(self, gate: &Gate, request: &GpuAccessRequest) -> bool {
        match self {
            Self::Affiliation | Self::Size => true,
            Self::Training => gate.training.is_some(),
            Self::Partition => request.partition.is_some() || request.gpu_model.is_some(),
        }
    }
}
