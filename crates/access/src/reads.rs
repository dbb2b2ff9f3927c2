//! What a gate's policy reads of a holder's credentials.

use crate::Gate;

/// The claims of one credential type that a decision reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Name of the type, e.g. `ai-training`.
    pub type_name: String,
    /// Paths of the claims, each by the names of its members.
    pub claims: Vec<Vec<String>>,
    /// Whether no login is possible without the credential; where false, a missing credential is a
    /// reason on the page of the denial.
    pub required: bool,
}

/// What the policy reads at `gate`, least first: the predicate of the level rather than the level.
pub fn reads(gate: &Gate) -> Vec<Read> {
    let _ = gate;
    todo!()
}
