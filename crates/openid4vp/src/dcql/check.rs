//! Checks whether an answer satisfies the query (OpenID4VP 1.0, sections 6.4 and 14.11). The
//! verifier evaluates the query itself, because it does not trust the wallet to have done so.
//!
//! Leaves to others: checking that the credentials are genuine and bound to this request.

use std::collections::BTreeMap;

use sekisho_credential::claim_path::{ClaimPath, select_claims};
use sekisho_credential::vc::VerifiedCredential;
use sekisho_jose::Claims;
use thiserror::Error;

use super::{ClaimsQuery, CredentialQuery, Query};

/// Why an answer does not satisfy the query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsatisfied {
    /// The answer has a credential under an id that the query does not have.
    #[error("the answer has credentials for {0}, which was not asked for")]
    UnknownId(String),
    /// There is not exactly one credential for a query.
    #[error("{found} credentials for query {id}, expected 1")]
    Count {
        /// The id of the credential query.
        id: String,
        /// How many credentials there are.
        found: usize,
    },
    /// The credential is of a type that was not asked for.
    #[error("query {id}: type {found} was not asked for")]
    Type {
        /// The id of the credential query.
        id: String,
        /// The credential's type, its `vct`.
        found: String,
    },
    /// Claims that were asked for are missing or have other values.
    #[error("query {id}: no claim at {path} that was asked for, or not with a value asked for")]
    Claim {
        /// The id of the credential query.
        id: String,
        /// The path of the first claim that is missing or different.
        path: ClaimPath,
    },
    /// The answer lacks a credential that is required.
    #[error("no credential for query {0}")]
    Missing(String),
    /// The answer completes no option of a required set, which is named by its index.
    #[error("no option of credential set {0} is complete")]
    Set(usize),
}

/// The parts of a credential that a query looks at.
#[derive(Clone, Copy)]
pub(crate) struct CredentialView<'c> {
    pub(crate) vct: &'c str,
    pub(crate) claims: &'c Claims,
}

/// Checks `credentials`, by query id, against `query` (checklist VP-13 and VP-23).
pub fn check(
    query: &Query,
    credentials: &BTreeMap<String, Vec<VerifiedCredential>>,
) -> Result<(), Unsatisfied> {
    let view = |credential| {
        let credential: &VerifiedCredential = credential;
        CredentialView { vct: credential.vct(), claims: credential.claims() }
    };
    let answer = credentials
        .iter()
        .map(|(id, credentials)| (id.as_str(), credentials.iter().map(view).collect()))
        .collect();
    evaluate(query, &answer)
}

pub(crate) fn evaluate(
    query: &Query,
    answer: &BTreeMap<&str, Vec<CredentialView<'_>>>,
) -> Result<(), Unsatisfied> {
    for (id, credentials) in answer {
        let asked = expected(query, id, credentials.len())?;
        for credential in credentials {
            check_credential(asked, *credential)?;
        }
    }
    check_complete(query, |id| answer.contains_key(id))
}

/// The credential query with this id, if exactly one credential came for it.
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

/// Whether the required credentials are there: all of them, or one option of each required set.
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

fn check_credential(asked: &CredentialQuery, found: CredentialView<'_>) -> Result<(), Unsatisfied> {
    if !asked.vct_values.iter().any(|vct| vct == found.vct) {
        return Err(Unsatisfied::Type { id: asked.id.clone(), found: found.vct.to_owned() });
    }
    satisfied_claims(asked, found.claims)
        .map(|_| ())
        .map_err(|claim| Unsatisfied::Claim { id: asked.id.clone(), path: claim.path.clone() })
}

/// The claims of `asked` that `claims` satisfy: all of them, or those of the first claim set that
/// is complete (section 6.4.1). If no set is complete, the error is the first missing claim of the
/// last set.
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

/// Whether the credential has the claim, with one of the values asked for (section 6.4.1).
pub(crate) fn is_satisfied(claim: &ClaimsQuery, claims: &Claims) -> bool {
    select_claims(claims, &claim.path).iter().any(|value| claim.fits(value))
}

#[cfg(test)]
mod tests;
