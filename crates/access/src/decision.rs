//! What a decision is made from, and what comes out of it.

use sekisho_ambient::{Text, Timestamp};
use sekisho_profile::Code;
use serde::{Deserialize, Serialize};

use crate::{Claims, Gate, GpuAccessRequest};

/// What a decision is made from.
///
/// Invariant: the claims are those of verified credentials of the one holder who asks.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The present time.
    pub now: Timestamp,
    /// The gate that stands before the service.
    pub gate: &'a Gate,
    /// What is asked for.
    pub request: &'a GpuAccessRequest,
    /// Disclosed claims of the credential of type `affiliation`.
    pub affiliation: Option<&'a Claims>,
    /// Disclosed claims of the credential of type `ai-training`.
    pub training: Option<&'a Claims>,
    /// Authentication context of the login.
    pub acr: Option<&'a str>,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Every condition is met.
    Permit(Permit),
    /// At least one is not.
    Deny(Denied),
}

/// What is permitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Permit {
    /// The entry of `authorization_details` as granted: what was asked for, the gate's limit where
    /// nothing was said, and `expires` (RFC 3339, UTC).
    pub details: Claims,
    /// `gpu:{service}`, and `gpu:{partition}` where one was asked for.
    pub groups: Vec<String>,
    /// Obligation: nothing that is issued on this permit is valid beyond this time. It is the
    /// earliest of the gate's own limit and the ends of what the credentials attest.
    pub expires: Timestamp,
}

/// Why it is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Every unmet rule, in the order of the codes; never empty.
    pub reasons: Vec<Reason>,
    /// How many conditions apply to this request at this gate.
    pub conditions: usize,
}

/// One unmet rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its code, such as `P-3111`.
    pub code: Code,
    /// What is not met.
    pub title: Text,
    /// What was found.
    pub found: Text,
    /// What is needed.
    pub needed: Text,
    /// The one thing to do.
    pub action: Text,
}
