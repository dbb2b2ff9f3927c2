//! The rules that policies state, by their codes.
//!
//! Invariant: each `forbid` is one rule here, so that no denial is without an explanation.

use sekisho_profile::Code;

use crate::{Gate, GpuAccessRequest};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// P-3111: the kind of affiliation.
    Affiliation,
    /// P-3201: the training.
    Training,
    /// P-3301: the partition and the model of GPU.
    Partition,
    /// P-3501: how many GPUs, for how long.
    Size,
}

impl Rule {
    /// All rules, in the order of their codes.
    pub(crate) const ALL: [Self; 4] =
        [Self::Affiliation, Self::Training, Self::Partition, Self::Size];

    /// The code.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Affiliation => Code::AffiliationNotAllowed,
            Self::Training => Code::TrainingMissing,
            Self::Partition => Code::PartitionNotOffered,
            Self::Size => Code::RequestTooLarge,
        }
    }

    /// The rule with this code.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code().id() == code)
    }

    /// Whether this request can fail the rule at this gate: those are the conditions that a person
    /// is told of.
    pub(crate) fn applies(self, gate: &Gate, request: &GpuAccessRequest) -> bool {
        match self {
            Self::Affiliation | Self::Size => true,
            Self::Training => gate.training.is_some(),
            Self::Partition => request.partition.is_some() || request.gpu_model.is_some(),
        }
    }
}
