//! Proofs of possession of the key that a credential is bound to: proof type `jwt` with the key in
//! `jwk` (OpenID4VCI 1.0, appendix F.1 and F.4).
//!
//! Invariant: only [`verify`] makes a [`VerifiedProof`]. Its key comes from the header that its own
//! signature covers, never from `iss` or another claim (attack VI-07).
//!
//! Leaves to others: recording the use of the nonce, in the transaction that issues.

use sekisho_ambient::Timestamp;
use sekisho_did::{DidError, Relationship};
use sekisho_jose::{
    Ahead, Algorithm, ClaimError, Claims, Expected, Header, JwkError, JwtError, KeyError,
    PublicJwk, SigningKey, TimeRule, UnverifiedJwt, numeric_date,
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::credential::CredentialErrorCode;
use crate::nonce::{self, AcceptedNonce, NonceError};

/// `typ` of a proof (appendix F.1).
pub const TYP: &str = "openid4vci-proof+jwt";

/// The algorithms of holder keys that are accepted and advertised: ES256, which every wallet has,
/// and EdDSA for keys in software. Both are on CRYPTREC's list.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

/// The longest time since a proof was made, in seconds.
pub const MAX_AGE: i64 = 300;

/// The values that [`verify`] compares a proof with.
#[derive(Clone, Copy)]
pub struct ProofCheck<'a> {
    /// The credential issuer identifier.
    pub issuer: &'a str,
    /// The client that the access token was given to, or the unregistered name with which an anonymous
    /// wallet asked for it. `None` if the wallet named none; then the proof must not name one either.
    pub client_id: Option<&'a str>,
    /// The present time.
    pub now: Timestamp,
    /// The key that [`nonce::mint`] made the nonce with.
    pub nonce_key: &'a [u8; 32],
    /// How far the holder's clock may be ahead of ours.
    pub ahead: Ahead,
}

/// A proof that was accepted. It has no constructor: only [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedProof {
    key: PublicJwk,
    nonce: AcceptedNonce,
}

/// Why a proof was refused.
#[derive(Debug, Error)]
pub enum ProofError {
    /// The request has no `proofs`.
    #[error("proofs are missing")]
    Missing,
    /// `proofs` is not an object with exactly one known type.
    #[error("proofs is not an object with the one member jwt, an array of strings")]
    Form,
    /// There are several proofs, which would ask for a batch.
    #[error("{0} proofs, one is supported")]
    Several(usize),
    /// The proof is not a signed JWT of this type, or its signature was refused.
    #[error("proof: {0}")]
    Jwt(#[from] JwtError),
    /// The header does not have exactly one of `jwk`, `kid` and `x5c`, or has one that is not
    /// supported.
    #[error("proof: the key has to stand in jwk, or kid has to name it by did:jwk or did:key")]
    KeyPlace,
    /// The DID in `kid` cannot be read.
    #[error("proof: {0}")]
    Did(#[from] DidError),
    /// The key cannot be used.
    #[error("proof: {0}")]
    Key(#[from] JwkError),
    /// `aud` is not this issuer.
    #[error("proof: aud is not {0}")]
    Audience(String),
    /// `iss` is not the client, or is present although the token was given anonymously.
    #[error("proof: iss is not the client, or not absent for an anonymous one")]
    Issuer,
    /// `iat` is missing, too old or in the future.
    #[error("proof: {0}")]
    Time(#[from] ClaimError),
    /// The proof has no nonce.
    #[error("proof: nonce is missing")]
    NonceMissing,
    /// The nonce was refused.
    #[error("proof: {0}")]
    Nonce(#[from] NonceError),
}

impl ProofError {
    /// The error code that the wallet gets (section 8.3.1.2; checklist VCI-43 and VCI-45).
    pub fn code(&self) -> CredentialErrorCode {
        match self {
            Self::Nonce(_) => CredentialErrorCode::InvalidNonce,
            Self::Several(_) => CredentialErrorCode::InvalidCredentialRequest,
            _ => CredentialErrorCode::InvalidProof,
        }
    }
}

impl ProofError {
    /// Whether the proof was refused because the holder's clock is wrong.
    pub fn is_of_the_clock(&self) -> bool {
        matches!(self, Self::Time(error) if error.is_of_the_clock())
    }
}

impl VerifiedProof {
    /// The holder's key, to which the credential is bound.
    pub fn key(&self) -> &PublicJwk {
        &self.key
    }

    /// The nonce of the proof. The caller records its use.
    pub fn nonce(&self) -> &AcceptedNonce {
        &self.nonce
    }
}

/// Verifies the member `proofs` of a credential request. The nonce is checked last (checklist
/// VCI-41).
pub fn verify(proofs: Option<&Value>, check: &ProofCheck<'_>) -> Result<VerifiedProof, ProofError> {
    let unverified_jwt = UnverifiedJwt::<Claims>::parse(single(proofs)?)?;
    let key = header_key(unverified_jwt.header())?;
    let expected = Expected { typ: &[TYP], algorithms: &ALGORITHMS, allow_missing_typ: false };
    let claims = unverified_jwt.verify(&key.verifying_key()?, &expected)?.into_claims();
    for (_, rule) in CHECKS {
        rule(&claims, check)?;
    }
    let nonce = claims.get("nonce").ok_or(ProofError::NonceMissing)?;
    let nonce = nonce::check(check.nonce_key, nonce.as_str().unwrap_or_default(), check.now)?;
    Ok(VerifiedProof { key, nonce })
}

/// The only proof in `proofs`. A kind of proof that is `null` is not there.
fn single(proofs: Option<&Value>) -> Result<&str, ProofError> {
    let proofs = proofs.ok_or(ProofError::Missing)?.as_object().ok_or(ProofError::Form)?;
    let mut types = proofs.iter().filter(|(_, proofs)| !proofs.is_null());
    let (Some((name, proofs)), None) = (types.next(), types.next()) else {
        return Err(ProofError::Form);
    };
    match (name.as_str(), proofs.as_array().map(Vec::as_slice)) {
        ("jwt", Some([Value::String(proof)])) => Ok(proof),
        ("jwt", Some(several)) if several.len() > 1 => Err(ProofError::Several(several.len())),
        _ => Err(ProofError::Form),
    }
}

/// The key of the proof: the one in `jwk`, or the one that `kid` names by a DID that contains its
/// key. A header that names a key in a second way is refused (attack VI-06).
fn header_key(header: &Header) -> Result<PublicJwk, ProofError> {
    let elsewhere = !header.x5c.is_empty()
        || ["x5u", "jku", "trust_chain"].iter().any(|name| header.other.contains_key(*name));
    match (&header.jwk, &header.kid) {
        (Some(key), None) if !elsewhere => Ok(key.clone()),
        (None, Some(kid)) if !elsewhere => did_key(kid),
        _ => Err(ProofError::KeyPlace),
    }
}

/// The key of a DID URL such as `did:jwk:…#0`. It has to be a key for authentication, of a DID
/// method that needs no look-up.
fn did_key(kid: &str) -> Result<PublicJwk, ProofError> {
    let (did, fragment) = kid.split_once('#').ok_or(ProofError::KeyPlace)?;
    let document = sekisho_did::resolve_offline(did)?;
    let name = format!("#{fragment}");
    let key = document.key_for(Relationship::Authentication, &name);
    key.cloned().ok_or(ProofError::KeyPlace)
}

/// One rule about the claims of a proof whose signature was verified.
type Check = fn(&Claims, &ProofCheck<'_>) -> Result<(), ProofError>;

/// The rules of appendix F.4; the nonce comes after them.
const CHECKS: [(&str, Check); 3] = [("aud", audience), ("iat", times), ("iss", issuer)];

/// `aud` is the credential issuer identifier: a string, or an array of exactly that string.
fn audience(claims: &Claims, check: &ProofCheck<'_>) -> Result<(), ProofError> {
    let is_ours = match claims.get("aud") {
        Some(Value::String(audience)) => audience == check.issuer,
        Some(Value::Array(audiences)) => {
            matches!(audiences.as_slice(), [Value::String(audience)] if audience == check.issuer)
        }
        _ => false,
    };
    if is_ours { Ok(()) } else { Err(ProofError::Audience(check.issuer.to_owned())) }
}

fn times(claims: &Claims, check: &ProofCheck<'_>) -> Result<(), ProofError> {
    // The nonce is checked last, and no proof counts without one.
    let rule = TimeRule::fresh(check.ahead, MAX_AGE);
    Ok(numeric_date::check(claims, check.now, &rule)?)
}

/// `iss`, if present, is the client's identifier, with which it got its token. A client that named none
/// must not send it.
fn issuer(claims: &Claims, check: &ProofCheck<'_>) -> Result<(), ProofError> {
    let found = claims.get("iss").filter(|found| !found.is_null());
    let fits =
        found.is_none_or(|found| found.as_str().is_some() && found.as_str() == check.client_id);
    if fits { Ok(()) } else { Err(ProofError::Issuer) }
}

/// The wallet's side: makes a proof for `audience`, the credential issuer identifier. `client_id`
/// is the one used to get the token. It is `None` in the anonymous pre-authorized flow.
pub fn build(
    key: &SigningKey,
    audience: &str,
    nonce: &str,
    client_id: Option<&str>,
    now: Timestamp,
) -> Result<String, KeyError> {
    let mut claims = json!({"aud": audience, "iat": now.unix(), "nonce": nonce});
    if let (Some(client_id), Some(claims)) = (client_id, claims.as_object_mut()) {
        claims.insert("iss".to_owned(), client_id.into());
    }
    let header = Header::new(key.algorithm(), TYP).with_jwk(key.public_jwk());
    sekisho_jose::sign(key, &header, &claims)
}

#[cfg(test)]
mod tests;
