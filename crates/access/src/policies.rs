//! The policies: Cedar schema and policies, parsed and strictly validated once.

use thiserror::Error;

use crate::{Decision, Facts, Gate};

/// Policies that passed every check, and the gates that they were checked with.
#[derive(Debug)]
pub struct Policies {
    version: String,
}

/// Why policies or gates were refused.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// A policy cannot be parsed.
    #[error("policy: {0}")]
    Syntax(String),
}

impl Policies {
    /// The embedded policies, for these gates.
    pub fn new(gates: &[Gate]) -> Result<Self, PolicyError> {
        let _ = gates;
        todo!()
    }

    /// Names exactly these policies, this schema and these gates: 16 hexadecimal digits.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Decides. Whatever cannot be evaluated is denied.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        let _ = facts;
        todo!()
    }
}
