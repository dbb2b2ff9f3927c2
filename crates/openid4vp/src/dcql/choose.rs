//! Which stored credentials answer a query (OpenID4VP 1.0, section 6.4): the wallet's side.
//!
//! Invariant: what is chosen satisfies the query, and discloses only what the query asks for.

use std::collections::BTreeMap;

use sekisho_credential::claim_path::{ClaimPath, PathElement, select_claims};
use sekisho_jose::Claims;

use super::check::{is_satisfied, satisfied_claims};
use super::{ClaimsQuery, CredentialQuery, Query};

/// A credential that the wallet keeps.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Its type.
    pub vct: &'c str,
    /// Its claims, all disclosed.
    pub claims: &'c Claims,
    /// Names the key it is bound to, for instance by its thumbprint. Answers of one holder are
    /// preferred, since verifiers refuse to join credentials of several (section 14.5).
    pub holder: &'c str,
}

/// A candidate that answers a credential query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Index of the candidate.
    pub candidate: usize,
    /// What to disclose, and no more.
    pub disclose: Vec<ClaimPath>,
}

/// A credential query that no candidate answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The credential query.
    pub id: String,
    /// The types that would fit.
    pub vct_values: Vec<String>,
    /// The claims that are missing or different in the candidate of a fitting type that comes
    /// closest; empty if there is none of such a type.
    pub claims: Vec<ClaimPath>,
}

/// How the candidates answer a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The answer to give to what is required, by query id; complete if and only if
    /// [`Choice::missing`] is empty.
    pub required: BTreeMap<String, Match>,
    /// What may be added, by query id.
    pub optional: BTreeMap<String, Match>,
    /// Every candidate that answers a query, by query id, in the candidates' order.
    pub matches: BTreeMap<String, Vec<Match>>,
    /// What is required and no candidate answers.
    pub missing: Vec<Missing>,
}

/// Chooses from `candidates` what answers `query`: of one holder if possible, earlier options and
/// earlier candidates first.
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
        // `max_by_key` takes the last of several that are equal, and earlier ones come first here.
        .rev()
        .max_by_key(|choice| choice.optional.len());
    if let Some(of_one) = of_one {
        best = of_one;
    }
    best.matches = matches;
    best
}

/// The answer by candidates of `holder`, or of anybody.
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

/// The path of a claim, or, where certain elements of an array are asked for, the paths of these
/// alone.
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
