//! Proofs of possession of the key that a credential is bound to (OpenID4VCI 1.0, appendix F).
use crate::credential::CredentialErrorCode;
use crate::nonce::AcceptedNonce;
use sekisho_ambient::Timestamp;
use sekisho_jose::{Algorithm, KeyError, PublicJwk, SigningKey};
use serde_json::Value;
use thiserror::Error;

/// `typ` of a proof (appendix F.1).
pub const TYP: &str = "openid4vci-proof+jwt";
/// The algorithms of holder keys, as the metadata advertises them.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];
/// How long ago a proof may have been made, in seconds.
pub const MAX_AGE: i64 = 300;

/// What a proof is checked against.
#[derive(Clone, Copy)]
pub struct ProofCheck<'a> {
    /// The credential issuer identifier.
    pub issuer: &'a str,
    /// The client that the access token was given to; `None` if it was given anonymously.
    pub client_id: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// The key of [`crate::nonce::mint`].
    pub nonce_key: &'a [u8; 32],
}

/// A proof that passed. There is no constructor: [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedProof {
    key: PublicJwk,
    nonce: AcceptedNonce,
}

/// Why a proof was refused.
#[derive(Debug, Error)]
pub enum ProofError {
    /// todo
    #[error("proofs are missing")]
    Missing,
}

impl ProofError {
    /// What the wallet is told.
    pub fn code(&self) -> CredentialErrorCode {
        todo!()
    }
}

impl VerifiedProof {
    /// The holder's key.
    pub fn key(&self) -> &PublicJwk {
        &self.key
    }
    /// The nonce, whose use is to be recorded.
    pub fn nonce(&self) -> &AcceptedNonce {
        &self.nonce
    }
}

/// Checks the member `proofs` of a credential request.
pub fn verify(proofs: Option<&Value>, check: &ProofCheck<'_>) -> Result<VerifiedProof, ProofError> {
    let _ = (proofs, check);
    todo!()
}

/// The wallet's side: a proof for `audience`, the credential issuer identifier.
pub fn build(
    key: &SigningKey,
    audience: &str,
    nonce: &str,
    client_id: Option<&str>,
    now: Timestamp,
) -> Result<String, KeyError> {
    let _ = (key, audience, nonce, client_id, now);
    todo!()
}
