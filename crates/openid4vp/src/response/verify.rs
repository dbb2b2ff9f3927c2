//! Verification of an answer (OpenID4VP 1.0, sections 8.6, 14.1, 14.2, 14.5 and 14.11).
//!
//! Invariant: only [`verify`] makes a [`VerifiedPresentation`]. Every credential is genuine and
//! bound to this request's client identifier and nonce, and the query is satisfied.
//!
//! Leaves to others: checking status lists, accepting a nonce only once, and deciding whether the
//! credentials belong to one person (section 14.5). Wallets make a key for each credential, so the
//! keys alone do not say it.

use std::collections::BTreeMap;

use sekisho_ambient::Timestamp;
use sekisho_credential::types::Rules;
use sekisho_credential::vc::{self, Binding, Check, TrustList, VerifiedCredential};
use sekisho_jose::Ahead;

use super::{ResponseError, VpToken};
use crate::dcql::{self, CredentialQuery, FORMAT, Query};

/// The values that [`verify`] compares an answer with.
pub struct ResponseCheck<'a> {
    /// The query of the request.
    pub query: &'a Query,
    /// The client identifier and nonce of the request.
    pub binding: Binding<'a>,
    /// The issuers that are trusted, and what each may issue.
    pub trust: &'a TrustList,
    /// The present time.
    pub now: Timestamp,
    /// The rules of each credential type, by `vct`.
    pub rules: &'a Rules,
    /// How far the holder's clock may be ahead of ours.
    pub ahead: Ahead,
}

/// An answer that satisfies its query with genuine credentials, each presented by the holder of its
/// key. It has no constructor: only [`verify`] makes it.
pub struct VerifiedPresentation {
    credentials: BTreeMap<String, VerifiedCredential>,
}

impl VerifiedPresentation {
    /// The credentials with their query ids.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, &VerifiedCredential)> {
        self.credentials.iter().map(|(id, credential)| (id.as_str(), credential))
    }

    /// The credential that answers the query with this id.
    pub fn credential(&self, id: &str) -> Option<&VerifiedCredential> {
        self.credentials.get(id)
    }
}

impl std::fmt::Debug for VerifiedPresentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids = self.credentials.keys();
        f.debug_struct("VerifiedPresentation").field("ids", &ids).finish_non_exhaustive()
    }
}

/// Verifies an answer. Faults that are cheap to find (unknown or missing ids, too many
/// presentations) are refused before any signature is checked.
pub fn verify(
    vp_token: &VpToken,
    check: &ResponseCheck<'_>,
) -> Result<VerifiedPresentation, ResponseError> {
    let mut asked = Vec::new();
    for (id, presentations) in vp_token {
        let query = dcql::expected(check.query, id, presentations.len())?;
        asked.extend(presentations.first().map(|presentation| (query, presentation)));
    }
    dcql::check_complete(check.query, |id| vp_token.contains_key(id))?;
    let mut verified = BTreeMap::new();
    for (query, presentation) in asked {
        let credential = verify_one(presentation, query, check)?;
        verified.insert(query.id.clone(), vec![credential]);
    }
    dcql::check(check.query, &verified)?;
    let credentials = verified
        .into_iter()
        .filter_map(|(id, credentials)| Some((id, credentials.into_iter().next()?)));
    Ok(VerifiedPresentation { credentials: credentials.collect() })
}

fn verify_one(
    presentation: &str,
    query: &CredentialQuery,
    check: &ResponseCheck<'_>,
) -> Result<VerifiedCredential, ResponseError> {
    let check = Check {
        now: check.now,
        trust: check.trust,
        types: &query.vct_values,
        rules: check.rules,
        binding: check.binding,
        ahead: check.ahead,
    };
    vc::verify(FORMAT, presentation, &check)
        .map_err(|error| ResponseError::Credential { id: query.id.clone(), error })
}

#[cfg(test)]
mod tests;
