//! Errors of the token endpoint: what went wrong (logged), and what the client is told.

use serde_json::{Value, json};
use thiserror::Error;

use crate::description::Description;
use crate::params::Duplicate;
use crate::pkce::PkceError;

/// Why a token request was refused. Its text is for the log; [`TokenError::description`] is for the
/// client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// A parameter occurs twice.
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    /// A parameter is missing.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter that this grant or offer does not have, or that cannot be read.
    #[error("parameter {0} is not expected here, or malformed")]
    Unexpected(&'static str),
    /// No form, or one that cannot be read.
    #[error("the request is not a form, or cannot be read")]
    Unreadable,
    /// An unknown grant.
    #[error("unknown grant_type")]
    UnsupportedGrantType,
    /// A grant that the client is not registered for.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// No client authentication where it is needed.
    #[error("no client authentication")]
    NotAuthenticated,
    /// Two methods in one request.
    #[error("more than one method of client authentication")]
    SeveralMethods,
    /// An unknown type of assertion, or another scheme than `Basic`.
    #[error("method of client authentication that is not supported")]
    UnsupportedMethod,
    /// `Basic` that cannot be read.
    #[error("malformed Basic credentials")]
    MalformedBasic,
    /// `client_id` of the body is not that of the header.
    #[error("client_id of the body is not that of the header")]
    OtherClientId,
    /// Nobody of this name.
    #[error("unknown client")]
    UnknownClient {
        /// Whether `Basic` was tried.
        basic: bool,
    },
    /// Another method than the registered one.
    #[error("another method of client authentication than the registered one")]
    OtherMethod {
        /// Whether `Basic` was tried.
        basic: bool,
    },
    /// The secret is wrong.
    #[error("wrong client secret")]
    WrongSecret {
        /// Whether `Basic` was tried.
        basic: bool,
    },
    /// The client's assertion does not hold.
    #[error("client assertion: {0}")]
    Assertion(&'static str),
    /// The client's assertion names a key that is not known.
    #[error("client assertion: no key of the client has its kid")]
    UnknownKey,
    /// A code that is unknown, used, expired, revoked, or another client's.
    #[error("the code is unknown, used, expired or bound to another client")]
    InvalidGrant,
    /// Another redirect URI than the authorization request's, or none.
    #[error("redirect_uri is not that of the authorization request")]
    OtherRedirectUri,
    /// The code has a challenge, and the request no verifier.
    #[error("code_verifier is missing")]
    VerifierMissing,
    /// The code has no challenge, and the request a verifier.
    #[error("code_verifier for a code without code_challenge")]
    VerifierWithoutChallenge,
    /// The verifier is wrong.
    #[error(transparent)]
    Verifier(#[from] PkceError),
    /// A refresh token that is unknown, expired, revoked, used before, or another client's.
    #[error("the refresh token is unknown, expired, revoked or another client's")]
    InvalidRefreshToken,
    /// A wider scope than was granted, or a malformed one.
    #[error("scope is malformed or wider than was granted")]
    InvalidScope,
    /// Details that were not granted.
    #[error("authorization_details are malformed or wider than was granted")]
    InvalidAuthorizationDetails,
    /// Too much to do just now.
    #[error("busy")]
    TemporarilyUnavailable,
    /// Something broke.
    #[error("internal error")]
    ServerError,
}

/// Codes that a token answer may carry (RFC 6749, 5.2; RFC 9396, 14.6). The last two name what HTTP
/// says by 503 and 500 anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrorCode {
    /// A parameter is missing, malformed or repeated.
    InvalidRequest,
    /// Client authentication failed.
    InvalidClient,
    /// The code, or what it is bound to, is wrong.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// An unknown grant.
    UnsupportedGrantType,
    /// A scope that was not granted.
    InvalidScope,
    /// Details that were not granted.
    InvalidAuthorizationDetails,
    /// Too much to do just now.
    TemporarilyUnavailable,
    /// Something broke.
    ServerError,
}

impl TokenErrorCode {
    /// Every code.
    pub const ALL: [Self; 9] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidAuthorizationDetails,
        Self::TemporarilyUnavailable,
        Self::ServerError,
    ];

    /// `error` on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::TemporarilyUnavailable => 503,
            Self::ServerError => 500,
            _ => 400,
        }
    }
}

impl TokenError {
    /// What the client is told.
    pub fn code(&self) -> TokenErrorCode {
        match self {
            Self::Duplicate(_)
            | Self::Missing(_)
            | Self::Unexpected(_)
            | Self::Unreadable
            | Self::SeveralMethods => TokenErrorCode::InvalidRequest,
            Self::NotAuthenticated
            | Self::UnsupportedMethod
            | Self::MalformedBasic
            | Self::OtherClientId
            | Self::UnknownClient { .. }
            | Self::OtherMethod { .. }
            | Self::WrongSecret { .. }
            | Self::Assertion(_)
            | Self::UnknownKey => TokenErrorCode::InvalidClient,
            Self::InvalidGrant
            | Self::InvalidRefreshToken
            | Self::OtherRedirectUri
            | Self::VerifierMissing
            | Self::VerifierWithoutChallenge
            | Self::Verifier(_) => TokenErrorCode::InvalidGrant,
            Self::UnauthorizedClient => TokenErrorCode::UnauthorizedClient,
            Self::UnsupportedGrantType => TokenErrorCode::UnsupportedGrantType,
            Self::InvalidScope => TokenErrorCode::InvalidScope,
            Self::InvalidAuthorizationDetails => TokenErrorCode::InvalidAuthorizationDetails,
            Self::TemporarilyUnavailable => TokenErrorCode::TemporarilyUnavailable,
            Self::ServerError => TokenErrorCode::ServerError,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code().status()
    }

    /// For the client's developer. Why authentication failed is not told, so that nobody learns
    /// which clients exist (checklist GEN-19).
    pub fn description(&self) -> Description {
        match self.code() {
            TokenErrorCode::InvalidClient => Description::new("client authentication failed"),
            _ => Description::new(&self.to_string()),
        }
    }

    /// The JSON body.
    pub fn body(&self) -> Value {
        json!({ "error": self.code().name(), "error_description": self.description() })
    }

    /// The `WWW-Authenticate` header, if `Basic` was tried and failed (RFC 6749, 5.2).
    pub fn www_authenticate(&self) -> Option<&'static str> {
        let basic = match self {
            Self::MalformedBasic | Self::OtherClientId => true,
            Self::UnknownClient { basic }
            | Self::OtherMethod { basic }
            | Self::WrongSecret { basic } => *basic,
            _ => false,
        };
        basic.then_some("Basic realm=\"token\", charset=\"UTF-8\"")
    }
}
