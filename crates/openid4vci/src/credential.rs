//! The credential request and its answer (OpenID4VCI 1.0, section 8).
//!
//! Invariant: the checks of a request run in the order of checklist VCI-41. So a wallet learns that
//! a configuration is unknown before it is told to make another proof.
//!
//! Leaves to others: checking the access token, which comes first, and making the credential.

use sekisho_jose::{Claims, json};
use sekisho_oauth::description::Description;
use serde_json::{Value, json};
use thiserror::Error;

use crate::proof::{self, ProofCheck, ProofError, VerifiedProof};

/// The error codes of the credential endpoint (section 8.3.1.2). There are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialErrorCode {
    /// The request is malformed.
    InvalidCredentialRequest,
    /// The issuer does not publish this configuration.
    UnknownCredentialConfiguration,
    /// The token response did not give out this identifier.
    UnknownCredentialIdentifier,
    /// The proof is missing or was refused.
    InvalidProof,
    /// The proof's nonce is unknown, expired or used. The wallet fetches a new one and tries again.
    InvalidNonce,
    /// Encryption parameters are missing or not supported.
    InvalidEncryptionParameters,
    /// The issuer does not give this credential and will not do so later.
    CredentialRequestDenied,
}

impl CredentialErrorCode {
    /// The code as sent in `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidCredentialRequest => "invalid_credential_request",
            Self::UnknownCredentialConfiguration => "unknown_credential_configuration",
            Self::UnknownCredentialIdentifier => "unknown_credential_identifier",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidNonce => "invalid_nonce",
            Self::InvalidEncryptionParameters => "invalid_encryption_parameters",
            Self::CredentialRequestDenied => "credential_request_denied",
        }
    }

    /// The HTTP status that is sent with this code (section 8.3.1.2).
    pub const fn status(self) -> u16 {
        400
    }

    /// The body of the error answer. It is `application/json` and never encrypted (checklist
    /// VCI-53).
    pub fn body(self, description: Option<&str>) -> Value {
        let mut body = Claims::new();
        body.insert("error".to_owned(), self.name().into());
        if let Some(description) = description {
            let description = Description::new(description);
            body.insert("error_description".to_owned(), description.as_str().into());
        }
        Value::Object(body)
    }
}

/// How a request names the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// By `credential_identifier`, which the token response gave out.
    Identifier(String),
    /// By `credential_configuration_id`, from the metadata.
    Configuration(String),
}

/// A credential request that was parsed and not checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialRequest {
    /// The credential that is asked for.
    pub requested: Requested,
    /// `proofs`, as it came.
    pub proofs: Option<Value>,
    /// `credential_response_encryption`, as it came.
    pub response_encryption: Option<Value>,
}

/// The credentials that an access token permits.
#[derive(Clone, Copy, Debug)]
pub struct Authorized<'a> {
    /// Every configuration that the issuer publishes.
    pub supported: &'a [String],
    /// The configurations that the token permits.
    pub configurations: &'a [String],
    /// The identifiers that the token response gave out, each with its configuration. If there are
    /// any, every request has to use one of them (section 8.2).
    pub identifiers: &'a [(String, String)],
}

/// A request that passed every check.
#[derive(Clone, Debug)]
pub struct AcceptedRequest {
    /// The configuration of the credential to issue.
    pub configuration_id: String,
    /// The proof whose key the credential is bound to.
    pub proof: VerifiedProof,
}

/// Why a credential request was refused.
#[derive(Debug, Error)]
pub enum CredentialRequestError {
    /// The body is not JSON, or a member has the wrong form.
    #[error("malformed credential request: {0}")]
    Malformed(&'static str),
    /// The request has both `credential_identifier` and `credential_configuration_id`, or neither.
    #[error("not exactly one of credential_identifier and credential_configuration_id")]
    NotOne,
    /// The token response gave out identifiers, but the request does not use one.
    #[error("the token came with credential identifiers, one of them has to be used")]
    IdentifierNeeded,
    /// The token response did not give out this identifier.
    #[error("unknown credential identifier")]
    UnknownIdentifier,
    /// The issuer does not publish this configuration.
    #[error("unknown credential configuration")]
    UnknownConfiguration,
    /// The token does not permit this configuration.
    #[error("the access token is not good for this credential")]
    NotGranted,
    /// The request asks for an encrypted answer, which this issuer does not offer.
    #[error("encrypted responses are not offered")]
    Encryption,
    /// The proof was refused.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl CredentialRequestError {
    /// The error code that the wallet gets (checklist VCI-42 to VCI-47).
    pub fn code(&self) -> CredentialErrorCode {
        use CredentialErrorCode as Code;
        match self {
            Self::Malformed(_) | Self::NotOne | Self::IdentifierNeeded => {
                Code::InvalidCredentialRequest
            }
            Self::UnknownIdentifier => Code::UnknownCredentialIdentifier,
            Self::UnknownConfiguration => Code::UnknownCredentialConfiguration,
            Self::NotGranted => Code::CredentialRequestDenied,
            Self::Encryption => Code::InvalidEncryptionParameters,
            Self::Proof(error) => error.code(),
        }
    }
}

impl CredentialRequest {
    /// Parses a request body. Unknown members are ignored. A member that is `null` counts as absent,
    /// because some wallets write every member that they know.
    pub fn parse(body: &[u8]) -> Result<Self, CredentialRequestError> {
        let mut members = json::parse_object(body)
            .map_err(|_| CredentialRequestError::Malformed("not a JSON object"))?;
        members.retain(|_, member| !member.is_null());
        let identifier = text(&members, "credential_identifier")?;
        let configuration = text(&members, "credential_configuration_id")?;
        let requested = match (identifier, configuration) {
            (Some(identifier), None) => Requested::Identifier(identifier),
            (None, Some(configuration)) => Requested::Configuration(configuration),
            _ => return Err(CredentialRequestError::NotOne),
        };
        Ok(Self {
            requested,
            proofs: members.get("proofs").cloned(),
            response_encryption: members.get("credential_response_encryption").cloned(),
        })
    }

    /// The wallet's side: the request body for a configuration.
    pub fn for_configuration(configuration_id: &str, proof_jwt: &str) -> Value {
        json!({
            "credential_configuration_id": configuration_id,
            "proofs": {"jwt": [proof_jwt]},
        })
    }

    /// The configuration to issue, if the token permits it (section 8.2).
    fn configuration(&self, authorized: &Authorized<'_>) -> Result<String, CredentialRequestError> {
        let id = match &self.requested {
            Requested::Identifier(identifier) => {
                let given = authorized.identifiers.iter().find(|(given, _)| given == identifier);
                let (_, id) = given.ok_or(CredentialRequestError::UnknownIdentifier)?;
                id
            }
            Requested::Configuration(id) if !authorized.supported.contains(id) => {
                return Err(CredentialRequestError::UnknownConfiguration);
            }
            Requested::Configuration(_) if !authorized.identifiers.is_empty() => {
                return Err(CredentialRequestError::IdentifierNeeded);
            }
            Requested::Configuration(id) => id,
        };
        if !authorized.configurations.contains(id) {
            return Err(CredentialRequestError::NotGranted);
        }
        Ok(id.clone())
    }

    /// This issuer does not offer encryption. A request for it is refused, not ignored, because the
    /// wallet would take a plain answer for an attack.
    fn check_encryption(&self) -> Result<(), CredentialRequestError> {
        match self.response_encryption {
            Some(_) => Err(CredentialRequestError::Encryption),
            None => Ok(()),
        }
    }
}

fn text(members: &Claims, name: &str) -> Result<Option<String>, CredentialRequestError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(CredentialRequestError::Malformed("an id is not a string")),
    }
}

/// Reads and checks a request body in the order of checklist VCI-41: JSON, configuration,
/// encryption, proof, nonce. The caller has checked the access token before.
pub fn check(
    body: &[u8],
    authorized: &Authorized<'_>,
    proof: &ProofCheck<'_>,
) -> Result<AcceptedRequest, CredentialRequestError> {
    let request = CredentialRequest::parse(body)?;
    let configuration_id = request.configuration(authorized)?;
    request.check_encryption()?;
    let proof = proof::verify(request.proofs.as_ref(), proof)?;
    Ok(AcceptedRequest { configuration_id, proof })
}

/// The body of a successful answer (section 8.3), with the credentials in the order of the proofs'
/// keys.
pub fn response(credentials: &[String]) -> Value {
    let credentials: Value =
        credentials.iter().map(|credential| json!({"credential": credential})).collect();
    json!({"credentials": credentials})
}

/// The wallet's side: reads the credentials in the body of an answer. There has to be at least one.
pub fn read_response(body: &[u8]) -> Result<Vec<String>, CredentialRequestError> {
    const MALFORMED: CredentialRequestError =
        CredentialRequestError::Malformed("not a credential response with string credentials");
    let body = json::parse_object(body).map_err(|_| MALFORMED)?;
    let credentials = body.get("credentials").and_then(Value::as_array);
    let credentials = credentials.filter(|all| !all.is_empty()).ok_or(MALFORMED)?;
    let read = |entry: &Value| Some(entry.get("credential")?.as_str()?.to_owned());
    credentials.iter().map(read).collect::<Option<_>>().ok_or(MALFORMED)
}

#[cfg(test)]
mod tests;
