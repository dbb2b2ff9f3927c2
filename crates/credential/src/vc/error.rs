//! Why a presented credential was refused.

use sekisho_jose::{Algorithm, ClaimError, JwsError, JwtError};
use thiserror::Error;

use super::UntrustedError;
use crate::sd_jwt::{KeyBindingError, SdJwtError};
use crate::status::StatusError;

/// Why a presented credential was refused.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// It is malformed, or its signature or a disclosure was refused.
    #[error(transparent)]
    SdJwt(SdJwtError),
    /// The holder's proof was refused.
    #[error(transparent)]
    HolderKey(KeyBindingError),
    /// The issuer signed with an algorithm that is not accepted.
    #[error("{0} is not accepted of issuers")]
    Algorithm(Algorithm),
    /// A claim that has to be there is missing, or has the wrong JSON type.
    #[error("malformed or missing {0}")]
    Claim(&'static str),
    /// Another type than was asked for.
    #[error("a credential of type {0:?}, which was not asked for")]
    Type(String),
    /// The issuer is not trusted for this type.
    #[error(transparent)]
    UntrustedIssuer(#[from] UntrustedError),
    /// The issuer is not trusted to speak about this organization.
    #[error("the issuer may not attest for organization {0:?}")]
    Organization(String),
    /// `exp`, `nbf` or `iat` do not pass.
    #[error(transparent)]
    Time(#[from] ClaimError),
    /// Neither `exp` nor `status`: it could never end.
    #[error("neither exp nor status")]
    Endless,
    /// `status` is malformed, or of a mechanism that is not supported.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// A claim that must not be carried (a statutory clearance, an individual number).
    #[error("{0:?} must not be carried by a credential")]
    Forbidden(String),
}

impl From<SdJwtError> for CredentialError {
    fn from(error: SdJwtError) -> Self {
        match error {
            SdJwtError::KeyBinding(error) => Self::HolderKey(error),
            SdJwtError::Jwt(JwtError::Jws(JwsError::Algorithm(name))) => Self::Algorithm(name),
            error => Self::SdJwt(error),
        }
    }
}
