//! Which stored credentials answer a query: the wallet's side.
use super::Query;
use sekisho_credential::claim_path::ClaimPath;
use sekisho_jose::Claims;
use std::collections::BTreeMap;

/// A credential that the wallet keeps.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Its type.
    pub vct: &'c str,
    /// Its claims, all disclosed.
    pub claims: &'c Claims,
    /// Names the key it is bound to, for instance its thumbprint. Answers of one holder are
    /// preferred, since verifiers refuse credentials of several.
    pub holder: &'c str,
}

/// A candidate that answers a credential query.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index of the candidate.
    pub candidate: usize,
    /// What to disclose, no more.
    pub disclose: Vec<ClaimPath>,
}

/// A credential query that no candidate answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The credential query.
    pub id: String,
    /// The types that would fit.
    pub vct_values: Vec<String>,
    /// The claims that were missing or different in the candidate of a fitting type that came
    /// closest; empty if there is none of such a type.
    pub claims: Vec<ClaimPath>,
}

/// How the candidates answer a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The answer to give for what is required, by query id. Complete if and only if
    /// [`Choice::missing`] is empty.
    pub required: BTreeMap<String, Match>,
    /// What may be added, by query id.
    pub optional: BTreeMap<String, Match>,
    /// Every candidate that answers a query, by query id, in the candidates' order.
    pub matches: BTreeMap<String, Vec<Match>>,
    /// What is required and no candidate answers.
    pub missing: Vec<Missing>,
}

/// Chooses from `candidates` what answers `query` (section 6.4).
pub fn choose(query: &Query, candidates: &[Candidate<'_>]) -> Choice {
    let _ = (query, candidates);
    todo!()
}
