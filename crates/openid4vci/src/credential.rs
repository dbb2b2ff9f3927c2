//! The credential request and its answer (OpenID4VCI 1.0, section 8).
use crate::proof::{ProofCheck, ProofError, VerifiedProof};
use sekisho_jose::Claims;
use serde_json::Value;
use thiserror::Error;

/// The error codes of the credential endpoint (section 8.3.1.2), and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialErrorCode {
    /// The request is malformed.
    InvalidCredentialRequest,
    /// The configuration is not published.
    UnknownCredentialConfiguration,
    /// The identifier was not given out with this token.
    UnknownCredentialIdentifier,
    /// The proof is missing or was refused.
    InvalidProof,
    /// The proof's nonce is unknown, expired or used: fetch a new one and try again.
    InvalidNonce,
    /// Encryption parameters are missing or not supported.
    InvalidEncryptionParameters,
    /// The issuer does not give this credential.
    CredentialRequestDenied,
}

impl CredentialErrorCode {
    /// The code on the wire.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The HTTP status.
    pub fn status(self) -> u16 {
        400
    }
    /// The body of the answer, `application/json`, never encrypted. `description` is printable ASCII
    /// without quotes and backslashes; other characters are left out.
    pub fn body(self, description: Option<&str>) -> Value {
        let _ = description;
        todo!()
    }
}

/// Which credential is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// `credential_identifier`.
    Identifier(String),
    /// `credential_configuration_id`.
    Configuration(String),
}

/// A credential request, read and not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialRequest {
    /// Which credential.
    pub requested: Requested,
    /// `proofs`.
    pub proofs: Option<Value>,
    /// `credential_response_encryption`.
    pub response_encryption: Option<Value>,
}

/// What an access token is good for.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Every configuration that the issuer publishes.
    pub published: &'a [String],
    /// The configurations that the token is good for.
    pub configurations: &'a [String],
    /// The identifiers that the token response gave out, each with its configuration. Not empty:
    /// requests must use them.
    pub identifiers: &'a [(String, String)],
}

/// A request that may be answered.
#[derive(Clone, Debug)]
pub struct AcceptedRequest {
    /// The configuration to issue.
    pub configuration_id: String,
    /// The key to bind to.
    pub proof: VerifiedProof,
}

/// Why a credential request was refused.
#[derive(Debug, Error)]
pub enum CredentialRequestError {
    /// todo
    #[error("malformed credential request: {0}")]
    Malformed(String),
    /// The proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl CredentialRequestError {
    /// What the wallet is told.
    pub fn code(&self) -> CredentialErrorCode {
        todo!()
    }
}

impl CredentialRequest {
    /// Reads a request body.
    pub fn parse(body: &[u8]) -> Result<Self, CredentialRequestError> {
        let _ = body;
        todo!()
    }
    /// The wallet's side: the request body for a configuration.
    pub fn for_configuration(configuration_id: &str, proof_jwt: &str) -> Value {
        let _ = (configuration_id, proof_jwt);
        todo!()
    }
}

/// Reads and checks a request body in the order of checklist VCI-41; the access token has been checked before.
pub fn check(
    body: &[u8],
    grant: &Grant<'_>,
    proof: &ProofCheck<'_>,
) -> Result<AcceptedRequest, CredentialRequestError> {
    let _ = (body, grant, proof);
    todo!()
}

/// The body of the answer, for credentials of one dataset in the order of the proofs' keys.
pub fn response(credentials: &[String]) -> Value {
    let _ = credentials;
    todo!()
}

/// The wallet's side: the credentials in an answer.
pub fn read_response(body: &Claims) -> Result<Vec<String>, CredentialRequestError> {
    let _ = body;
    todo!()
}
