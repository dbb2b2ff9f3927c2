//! Why a presented credential was refused.

use sekisho_ambient::Timestamp;
use sekisho_jose::{Algorithm, ClaimError, JwsError, JwtError};
use thiserror::Error;

use super::UntrustedError;
use crate::sd_jwt::{DisclosureError, KeyBindingError, SdJwtError};
use crate::status::StatusError;

/// The reason why a presented credential was refused.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The SD-JWT is malformed, or its signature or a disclosure was refused.
    #[error(transparent)]
    SdJwt(SdJwtError),
    /// The holder's key binding was refused.
    #[error(transparent)]
    HolderKey(KeyBindingError),
    /// The issuer signed with an algorithm that we do not accept.
    #[error("{0} is not accepted of issuers")]
    Algorithm(Algorithm),
    /// A required claim is missing or has the wrong JSON type.
    #[error("malformed or missing {0}")]
    Claim(&'static str),
    /// The credential has a type that was not asked for.
    #[error("a credential of type {0:?}, which was not asked for")]
    Type(String),
    /// The issuer is not trusted for this type.
    #[error(transparent)]
    UntrustedIssuer(#[from] UntrustedError),
    /// The issuer is not trusted to speak about this organization.
    #[error("the issuer may not attest for organization {0:?}")]
    Organization(String),
    /// `exp`, `nbf` or `iat` forbid the use of the credential now.
    #[error(transparent)]
    Time(#[from] ClaimError),
    /// The credential has no `exp` although its type has a longest life, or neither `exp` nor
    /// `status`, so it could never end.
    #[error("no exp")]
    Endless,
    /// The credential ends later than its type allows.
    #[error("expires at {}, the type allows {}", .found.to_rfc3339(), .latest.to_rfc3339())]
    Lifetime {
        /// `exp`.
        found: Timestamp,
        /// The latest time that the type allows.
        latest: Timestamp,
    },
    /// A claim that its type never discloses selectively is behind a digest.
    #[error("{0:?} must be in the open and is selectively disclosable")]
    Hidden(String),
    /// `status` is malformed, or uses a mechanism that is not supported.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The credential has a claim that no credential may carry (a statutory clearance, an
    /// individual number).
    #[error("{0:?} must not be carried by a credential")]
    Forbidden(String),
}

impl From<SdJwtError> for CredentialError {
    fn from(error: SdJwtError) -> Self {
        match error {
            SdJwtError::KeyBinding(error) => Self::HolderKey(error),
            SdJwtError::Jwt(JwtError::Jws(JwsError::Algorithm(name))) => Self::Algorithm(name),
            SdJwtError::Disclosure(DisclosureError::Protected(name)) => Self::Hidden(name),
            error => Self::SdJwt(error),
        }
    }
}
