//! Whether an answer satisfies the query (OpenID4VP 1.0, sections 6.4 and 14.11): the verifier's own
//! evaluation, because the wallet is not trusted to have made it.
//!
//! Leaves to others: that the credentials are genuine and bound to this request.

use std::collections::BTreeMap;

use sekisho_credential::claim_path::{ClaimPath, select_claims};
use sekisho_credential::vc::VerifiedCredential;
use sekisho_jose::Claims;
use thiserror::Error;

use super::{ClaimsQuery, CredentialQuery, Query};

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
    #[error("query {id}: no claim at {path} that was asked for, or not with a value asked for")]
    Claim {
        /// The credential query.
        id: String,
        /// The path of the first such claim.
        path: ClaimPath,
    },
    /// A credential that is required did not come.
    #[error("no credential for query {0}")]
    Missing(String),
    /// No option of a required set is complete.
    #[error("no option of credential set {0} is complete")]
    Set(usize),
}

/// A credential as far as a query looks at it.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'c> {
    pub(crate) vct: &'c str,
    pub(crate) claims: &'c Claims,
}

/// Checks `credentials`, by query id, against `query` (checklist VP-13 and VP-23).
pub fn check(
    query: &Query,
    credentials: &BTreeMap<String, Vec<VerifiedCredential>>,
) -> Result<(), Unsatisfied> {
    let evidence = |credential| {
        let credential: &VerifiedCredential = credential;
        Evidence { vct: credential.vct(), claims: credential.claims() }
    };
    let answer = credentials
        .iter()
        .map(|(id, credentials)| (id.as_str(), credentials.iter().map(evidence).collect()))
        .collect();
    evaluate(query, &answer)
}

pub(crate) fn evaluate(
    query: &Query,
    answer: &BTreeMap<&str, Vec<Evidence<'_>>>,
) -> Result<(), Unsatisfied> {
    for (id, credentials) in answer {
        let asked = expected(query, id, credentials.len())?;
        for credential in credentials {
            check_credential(asked, *credential)?;
        }
    }
    check_complete(query, |id| answer.contains_key(id))
}

/// The query that `count` credentials answer under `id`: it exists, and asks for just one.
pub(crate) fn expected<'q>(
    query: &'q Query,
    id: &str,
    count: usize,
) -> Result<&'q CredentialQuery, Unsatisfied> {
    let asked = query.credential(id).ok_or_else(|| Unsatisfied::UnknownId(id.to_owned()))?;
    match count {
        1 => Ok(asked),
        found => Err(Unsatisfied::Count { id: id.to_owned(), found }),
    }
}

/// Whether what is required is there: everything, or one option of each required set.
pub(crate) fn check_complete(
    query: &Query,
    present: impl Fn(&str) -> bool,
) -> Result<(), Unsatisfied> {
    if query.credential_sets.is_empty() {
        let missing = query.credentials.iter().find(|asked| !present(&asked.id));
        return missing.map_or(Ok(()), |asked| Err(Unsatisfied::Missing(asked.id.clone())));
    }
    for (index, set) in query.credential_sets.iter().enumerate().filter(|(_, set)| set.required) {
        let complete = |option: &Vec<String>| option.iter().all(|id| present(id));
        if !set.options.iter().any(complete) {
            return Err(Unsatisfied::Set(index));
        }
    }
    Ok(())
}

fn check_credential(asked: &CredentialQuery, found: Evidence<'_>) -> Result<(), Unsatisfied> {
    if !asked.vct_values.iter().any(|vct| vct == found.vct) {
        return Err(Unsatisfied::Type { id: asked.id.clone(), found: found.vct.to_owned() });
    }
    satisfied_claims(asked, found.claims)
        .map(|_| ())
        .map_err(|claim| Unsatisfied::Claim { id: asked.id.clone(), path: claim.path.clone() })
}

/// The claims of `asked` that `claims` answer: all, or those of the first claim set that is complete
/// (section 6.4.1). If none is, the first claim of the last set that is missing.
pub(crate) fn satisfied_claims<'q>(
    asked: &'q CredentialQuery,
    claims: &Claims,
) -> Result<Vec<&'q ClaimsQuery>, &'q ClaimsQuery> {
    let complete = |wanted: Vec<&'q ClaimsQuery>| match wanted
        .iter()
        .find(|claim| !is_satisfied(claim, claims))
    {
        Some(missing) => Err(*missing),
        None => Ok(wanted),
    };
    if asked.claim_sets.is_empty() {
        return complete(asked.claims.iter().collect());
    }
    let mut outcome = Ok(Vec::new());
    for set in &asked.claim_sets {
        let named = |claim: &&ClaimsQuery| claim.id.as_ref().is_some_and(|id| set.contains(id));
        outcome = complete(asked.claims.iter().filter(named).collect());
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Whether the claim is there, with one of the values asked for (section 6.4.1).
pub(crate) fn is_satisfied(claim: &ClaimsQuery, claims: &Claims) -> bool {
    select_claims(claims, &claim.path).iter().any(|value| claim.fits(value))
}

#[cfg(test)]
mod tests;
