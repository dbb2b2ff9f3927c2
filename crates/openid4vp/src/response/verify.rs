//! Verification of an answer.
use super::{ResponseError, VpToken};
use crate::dcql::Query;
use sekisho_ambient::Timestamp;
use sekisho_credential::vc::{TrustList, VerifiedCredential};
use sekisho_jose::PublicJwk;
use std::collections::BTreeMap;

/// What an answer is checked against.
pub struct ResponseCheck<'a> {
    /// What was asked.
    pub query: &'a Query,
    /// The full client identifier of the request.
    pub client_id: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// Who may issue what.
    pub trust: &'a TrustList,
    /// Now.
    pub now: Timestamp,
    /// For types that speak about an organization: by `vct`, the claim with its corporate number,
    /// for which the issuer must be allowed to attest.
    pub organization_claims: &'a BTreeMap<String, String>,
}

/// An answer that satisfies the query with credentials of trusted issuers, all bound to this request
/// and to one holder. There is no constructor: [`verify`] makes it.
pub struct VerifiedPresentation {
    credentials: BTreeMap<String, VerifiedCredential>,
    holder: PublicJwk,
}

impl VerifiedPresentation {
    /// The credentials with their query ids.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, &VerifiedCredential)> {
        self.credentials.iter().map(|(id, credential)| (id.as_str(), credential))
    }
    /// The credential for this query.
    pub fn credential(&self, id: &str) -> Option<&VerifiedCredential> {
        self.credentials.get(id)
    }
    /// The key that all credentials are bound to.
    pub fn holder_key(&self) -> &PublicJwk {
        &self.holder
    }
}

/// Verifies an answer.
pub fn verify(
    vp_token: &VpToken,
    check: &ResponseCheck<'_>,
) -> Result<VerifiedPresentation, ResponseError> {
    let _ = (vp_token, check);
    todo!()
}
