//! Chooses which stored credentials answer a query (OpenID4VP 1.0, section 6.4). This is the
//! wallet's side.
//!
//! Invariant: the chosen credentials satisfy the query and disclose only what it asks for.

use std::collections::BTreeMap;

use sekisho_credential::claim_path::{ClaimPath, PathElement, select_claims};
use sekisho_jose::Claims;

use super::check::{is_satisfied, satisfied_claims};
use super::{ClaimsQuery, CredentialQuery, Query};

/// A credential that the wallet keeps.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// The credential's type.
    pub vct: &'c str,
    /// The credential's claims, with everything disclosed.
    pub claims: &'c Claims,
    /// A name for the key that the credential is bound to, for instance its thumbprint. Credentials
    /// under one key are preferred, because a verifier needs no other proof that they are one
    /// person's (section 14.5).
    pub holder: &'c str,
}

/// A candidate that answers a credential query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The index of the candidate.
    pub candidate: usize,
    /// The claims to disclose. No other claim is disclosed.
    pub disclose: Vec<ClaimPath>,
}

/// A credential query that no candidate answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The id of the credential query.
    pub id: String,
    /// The types that would fit.
    pub vct_values: Vec<String>,
    /// The claims that are missing or different in the best candidate of a fitting type. Empty if
    /// no candidate has a fitting type.
    pub claims: Vec<ClaimPath>,
}

/// How the candidates answer a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The match to send for each required query id. It is complete if and only if
    /// [`Choice::missing`] is empty.
    pub required: BTreeMap<String, Match>,
    /// The matches that may be sent too, by query id.
    pub optional: BTreeMap<String, Match>,
    /// Every candidate that answers a query, by query id, in the candidates' order.
    pub matches: BTreeMap<String, Vec<Match>>,
    /// The required queries that no candidate answers.
    pub missing: Vec<Missing>,
}

/// Chooses from `candidates` the credentials that answer `query`. Credentials of one holder are
/// preferred, then earlier options and earlier candidates.
pub fn choose(query: &Query, candidates: &[Candidate<'_>]) -> Choice {
    let matches: BTreeMap<String, Vec<Match>> = query
        .credentials
        .iter()
        .map(|asked| (asked.id.clone(), matches(asked, candidates)))
        .collect();
    let mut best = assemble(query, candidates, &matches, None);
    let mut holders: Vec<&str> = Vec::new();
    for candidate in candidates {
        if !holders.contains(&candidate.holder) {
            holders.push(candidate.holder);
        }
    }
    let of_one = holders
        .into_iter()
        .map(|holder| assemble(query, candidates, &matches, Some(holder)))
        .filter(|choice| choice.missing.is_empty())
        // `max_by_key` takes the last of equal items. Reversed, it takes the first.
        .rev()
        .max_by_key(|choice| choice.optional.len());
    if let Some(of_one) = of_one {
        best = of_one;
    }
    best.matches = matches;
    best
}

/// Answers the query with the candidates of `holder` only, or of any holder.
fn assemble(
    query: &Query,
    candidates: &[Candidate<'_>],
    matches: &BTreeMap<String, Vec<Match>>,
    holder: Option<&str>,
) -> Choice {
    let is_holders = |found: &&Match| {
        let candidate = candidates.get(found.candidate);
        holder.is_none_or(|holder| candidate.is_some_and(|one| one.holder == holder))
    };
    let first = |id: &String| matches.get(id)?.iter().find(is_holders).cloned();
    let mut choice = Choice::default();
    if query.credential_sets.is_empty() {
        let all: Vec<String> = query.credentials.iter().map(|asked| asked.id.clone()).collect();
        choice.take_or_miss(&all, &first, |id| missing(query, id, candidates));
        return choice;
    }
    for set in &query.credential_sets {
        let complete = |option: &&Vec<String>| option.iter().all(|id| first(id).is_some());
        match (set.options.iter().find(complete), set.options.first()) {
            (Some(option), _) => {
                let found = option.iter().filter_map(|id| Some((id.clone(), first(id)?)));
                let place = if set.required { &mut choice.required } else { &mut choice.optional };
                place.extend(found);
            }
            (None, Some(option)) if set.required => {
                choice.take_or_miss(option, &first, |id| missing(query, id, candidates));
            }
            (None, _) => {}
        }
    }
    let required = &choice.required;
    choice.optional.retain(|id, _| !required.contains_key(id));
    choice
}

impl Choice {
    fn take_or_miss(
        &mut self,
        ids: &[String],
        first: &impl Fn(&String) -> Option<Match>,
        missing: impl Fn(&str) -> Option<Missing>,
    ) {
        for id in ids {
            match first(id) {
                Some(found) => drop(self.required.insert(id.clone(), found)),
                None => self.missing.extend(missing(id)),
            }
        }
    }
}

fn matches(asked: &CredentialQuery, candidates: &[Candidate<'_>]) -> Vec<Match> {
    let fits = |(index, candidate): (usize, &Candidate<'_>)| {
        if !asked.vct_values.iter().any(|vct| vct == candidate.vct) {
            return None;
        }
        let claims = satisfied_claims(asked, candidate.claims).ok()?;
        let disclose = claims.into_iter().flat_map(|claim| narrow(claim, candidate.claims));
        let disclose = disclose.collect();
        Some(Match { candidate: index, disclose })
    };
    candidates.iter().enumerate().filter_map(fits).collect()
}

/// The paths to disclose for a claim: its own path, or, if only certain elements of an array are
/// asked for, the paths of these elements.
fn narrow(claim: &ClaimsQuery, claims: &Claims) -> Vec<ClaimPath> {
    let whole = || vec![claim.path.clone()];
    let Some((PathElement::All, array)) = claim.path.0.split_last() else { return whole() };
    if claim.values.is_empty() || array.contains(&PathElement::All) {
        return whole();
    }
    let found = select_claims(claims, &ClaimPath(array.to_vec()));
    let Some(elements) = found.first().and_then(|found| found.as_array()) else { return whole() };
    let fitting = (0_u64..).zip(elements).filter(|(_, element)| claim.fits(element));
    let path = |index| array.iter().cloned().chain([PathElement::Index(index)]).collect();
    fitting.map(|(index, _)| ClaimPath(path(index))).collect()
}

fn missing(query: &Query, id: &str, candidates: &[Candidate<'_>]) -> Option<Missing> {
    let asked = query.credential(id)?;
    let lacking = |candidate: &Candidate<'_>| -> Vec<ClaimPath> {
        let is_lacking = |claim: &&ClaimsQuery| !is_satisfied(claim, candidate.claims);
        let lacking = asked.claims.iter().filter(is_lacking);
        lacking.map(|claim| claim.path.clone()).collect()
    };
    let of_type = candidates.iter().filter(|one| asked.vct_values.iter().any(|vct| vct == one.vct));
    let claims = of_type.map(lacking).min_by_key(Vec::len).unwrap_or_default();
    Some(Missing { id: id.to_owned(), vct_values: asked.vct_values.clone(), claims })
}

#[cfg(test)]
mod tests;
