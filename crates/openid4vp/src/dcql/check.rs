//! Whether an answer satisfies the query: the verifier's own evaluation.
use super::Query;
use sekisho_credential::vc::VerifiedCredential;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why an answer does not satisfy the query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsatisfied {
    /// An id that was not asked for.
    #[error("the answer has credentials for {0}, which was not asked for")]
    UnknownId(String),
    /// None or several credentials for one query.
    #[error("{found} credentials for query {id}, expected 1")]
    Count {
        /// The credential query.
        id: String,
        /// How many there are.
        found: usize,
    },
    /// The credential is of a type that was not asked for.
    #[error("query {id}: type {found} was not asked for")]
    Type {
        /// The credential query.
        id: String,
        /// The credential's `vct`.
        found: String,
    },
    /// Claims that were asked for are missing or have other values.
    #[error("query {id}: no disclosed claim at {path}, or not with the value asked for")]
    Claim {
        /// The credential query.
        id: String,
        /// The path, as JSON.
        path: String,
    },
    /// A credential that is required did not come.
    #[error("no credential for query {0}")]
    Missing(String),
    /// No option of a required set is complete.
    #[error("no option of credential set {0} is complete")]
    Set(usize),
}

/// Checks `credentials`, by query id, against `query` (sections 6.4 and 14.11; checklist VP-13, VP-23).
pub fn check(
    query: &Query,
    credentials: &BTreeMap<String, Vec<VerifiedCredential>>,
) -> Result<(), Unsatisfied> {
    let _ = (query, credentials, query.required_without_sets().count());
    todo!()
}
