//! Issuing one of our types (SD-JWT VC, section 3.2; HAIP 1.0, section 6.1).
//!
//! Invariant: what is issued obeys its own type metadata, carries the hash of the metadata that is
//! served, names the holder's key and no more of it, and does not outlive its type's rule.

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_jose::{Claims, Header, PublicJwk, SigningKey};
use serde_json::json;
use thiserror::Error;

use super::TYP;
use crate::credential_type::{self, CredentialType, REGISTERED, TypeError};
use crate::sd_jwt::{self, Issue, IssueError};
use crate::status::StatusReference;

/// Seconds that issuance times are cut off to, so that credentials of one batch, and of people who
/// were served one after the other, share theirs.
const ROUND: i64 = 3600;

/// A credential to be issued.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    /// Which.
    pub credential_type: &'a CredentialType,
    /// The authority under which the type stands.
    pub authority: &'a str,
    /// `iss`.
    pub issuer: &'a str,
    /// The claims about the subject; none of those that this function sets.
    pub claims: &'a Claims,
    /// The key that the holder proved.
    pub holder_key: &'a PublicJwk,
    /// Where its status will stand.
    pub status: Option<&'a StatusReference>,
    /// Now; `iat` is the hour that it lies in.
    pub issued_at: Timestamp,
    /// `exp`; `None` for the latest that the type allows.
    pub expires: Option<Timestamp>,
    /// Decoy digests wherever there are disclosures.
    pub decoys: u32,
}

/// Why nothing was issued.
#[derive(Debug, Error)]
pub enum IssuanceError {
    /// The claims do not obey the type.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// A claim that only the issuer sets.
    #[error("{0:?} is set by the issuer")]
    Registered(String),
    /// `exp` is later than the type allows, or not in the future.
    #[error("expiry {} is not between now and {}", .found.to_rfc3339(), .latest.to_rfc3339())]
    Expiry {
        /// Asked for.
        found: Timestamp,
        /// The latest.
        latest: Timestamp,
    },
    /// The SD-JWT was not made.
    #[error(transparent)]
    SdJwt(#[from] IssueError),
}

/// Issues an SD-JWT VC under the chain `x5c` (DER, leaf first, without the anchor).
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
    let expires = issuance.expires.unwrap_or(latest);
    if expires <= issued_at || expires > latest {
        return Err(IssuanceError::Expiry { found: expires, latest });
    }
    let metadata = credential_type::metadata(credential_type, authority);
    let mut out = Claims::new();
    let mut set = |name: &str, value| out.insert(name.to_owned(), value);
    set("iss", issuance.issuer.into());
    set("iat", (issued_at.unix() - issued_at.unix().rem_euclid(ROUND)).into());
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
