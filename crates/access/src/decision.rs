//! The input of a decision, and its result.

use sekisho_ambient::{Text, Timestamp};
use sekisho_profile::Code;
use serde::{Deserialize, Serialize};

use crate::{Claims, Gate, GpuAccessRequest};

/// The facts from which a decision is made.
///
/// Invariant: all claims come from verified credentials, and all these credentials belong to the
/// one person who asks.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The present time.
    pub now: Timestamp,
    /// The gate of the service, with its limits.
    pub gate: &'a Gate,
    /// The request of the relying party.
    pub request: &'a GpuAccessRequest,
    /// The disclosed claims of the credential of type `affiliation`; `None` if it was not
    /// presented.
    pub affiliation: Option<&'a Claims>,
    /// The disclosed claims of the credential of type `ai-training`; `None` if it was not
    /// presented.
    pub training: Option<&'a Claims>,
    /// The authentication context (`acr`) of the login, if it has one.
    pub acr: Option<&'a str>,
}

/// The result of a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Every rule is met.
    Permit(Permit),
    /// At least one rule is not met.
    Deny(Denied),
}

/// The access that is permitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Permit {
    /// The granted entry of `authorization_details`: the request, its GPU-hours and its walltime as
    /// they counted, and `expires` (RFC 3339, UTC).
    pub details: Claims,
    /// `gpu:{service}`, and `gpu:{partition}` if a partition was requested.
    pub groups: Vec<String>,
    /// The time after which nothing that is issued because of this permit may be valid. It is the
    /// earliest of the gate's own limit and the ends of the credentials' validity.
    pub expires: Timestamp,
}

/// The reasons why the access is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Every rule that is not met, in the order of the codes. It is never empty.
    pub reasons: Vec<Reason>,
    /// The number of rules that apply to this request at this gate.
    pub conditions: usize,
}

/// A rule that is not met, explained to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The code of the rule, such as `P-3111`.
    pub code: Code,
    /// The condition that is not met.
    pub title: Text,
    /// What the credentials or the request say.
    pub found: Text,
    /// What the rule requires.
    pub needed: Text,
    /// The one thing that the person can do.
    pub action: Text,
}
