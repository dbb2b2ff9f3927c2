//! Issues a credential of one of our types (SD-JWT VC, section 3.2; HAIP 1.0, section 6.1).
//!
//! Invariant: an issued credential conforms to its type metadata and carries the hash of the
//! metadata that is served. It names the public members of the holder's key only. It does not last
//! longer than its type allows.

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_jose::{Claims, Header, PublicJwk, SigningKey};
use serde_json::json;
use thiserror::Error;

use super::TYP;
use crate::credential_type::{self, CredentialType, REGISTERED, TypeError};
use crate::sd_jwt::{self, Issue, IssueError};
use crate::status::StatusReference;

/// The content of a credential to be issued.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    /// The type of the credential.
    pub credential_type: &'a CredentialType,
    /// The type authority: the beginning of `vct`.
    pub authority: &'a str,
    /// `iss`: the issuer's identifier.
    pub issuer: &'a str,
    /// The claims about the subject. They must not include claims that `issue` sets.
    pub claims: &'a Claims,
    /// The holder's key, whose possession the holder has proven.
    pub holder_key: &'a PublicJwk,
    /// Where verifiers find the status; `None` for a credential without status.
    pub status: Option<&'a StatusReference>,
    /// The present time. `iat` is the beginning of its hour.
    pub issued_at: Timestamp,
    /// `exp`, which is rounded like `iat`; if it is `None`, the credential gets the latest `exp` that
    /// the type allows.
    pub expires: Option<Timestamp>,
    /// The number of decoy digests at each place with disclosures.
    pub decoys: u32,
}

/// The reason why nothing was issued.
#[derive(Debug, Error)]
pub enum IssuanceError {
    /// The claims do not conform to the type.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// The claims include one that only the issuer may set.
    #[error("{0:?} is set by the issuer")]
    Registered(String),
    /// `exp` is later than the type allows, or not in the future.
    #[error("expiry {} is not between now and {}", .found.to_rfc3339(), .latest.to_rfc3339())]
    Expiry {
        /// The time that was asked for.
        found: Timestamp,
        /// The latest time that is allowed.
        latest: Timestamp,
    },
    /// The SD-JWT could not be made.
    #[error(transparent)]
    SdJwt(#[from] IssueError),
}

/// Issues an SD-JWT VC with the certificate chain `x5c` (DER, leaf first, without the anchor).
pub fn issue(
    issuance: &Issuance<'_>,
    x5c: Vec<Vec<u8>>,
    key: &SigningKey,
    entropy: &Entropy,
) -> Result<String, IssuanceError> {
    let claims = all_claims(issuance)?;
    let disclosable = credential_type::disclosable(issuance.credential_type);
    let issue = Issue { claims: &claims, disclosable: &disclosable, decoys: issuance.decoys };
    let header = Header::for_key(key, TYP).with_x5c(x5c);
    Ok(sd_jwt::issue(&issue, &header, key, entropy)?)
}

fn all_claims(issuance: &Issuance<'_>) -> Result<Claims, IssuanceError> {
    let Issuance { credential_type, authority, claims, issued_at, .. } = *issuance;
    if let Some(name) = REGISTERED.into_iter().find(|name| claims.contains_key(*name)) {
        return Err(IssuanceError::Registered(name.to_owned()));
    }
    credential_type::validate(credential_type, claims)?;
    let latest = credential_type::latest_expiry(credential_type, issued_at);
    let expires = issuance.expires.map_or(latest, credential_type::rounded);
    if expires <= issued_at || expires > latest {
        return Err(IssuanceError::Expiry { found: expires, latest });
    }
    let metadata = credential_type::metadata(credential_type, authority);
    let mut out = Claims::new();
    let mut set = |name: &str, value| out.insert(name.to_owned(), value);
    set("iss", issuance.issuer.into());
    set("iat", credential_type::rounded(issued_at).unix().into());
    set("exp", expires.unix().into());
    set("vct", credential_type.vct(authority).into());
    set("vct#integrity", credential_type::integrity(&metadata).into());
    set("cnf", json!({"jwk": issuance.holder_key.minimal()}));
    if let Some(status) = issuance.status {
        set("status", status.to_claim());
    }
    out.extend(claims.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(out)
}
