//! Errors of the token endpoint: the cause for the log, and the code for the client.

use serde_json::{Value, json};
use thiserror::Error;

use crate::authorization::{AuthorizationErrorCode, ErrorRedirect, TargetError};
use crate::description::Description;
use crate::params::Duplicate;
use crate::pkce::PkceError;

/// Why a token request was refused. The error's own text goes to the log; the client gets
/// [`TokenError::description`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// A parameter occurs twice.
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    /// A parameter is missing.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter does not belong to this grant or offer, or cannot be read.
    #[error("parameter {0} is not expected here, or malformed")]
    Unexpected(&'static str),
    /// The body is no form, or cannot be read.
    #[error("the request is not a form, or cannot be read")]
    Unreadable,
    /// The `grant_type` is unknown.
    #[error("unknown grant_type")]
    UnsupportedGrantType,
    /// The client is not registered for this grant.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// The request has no client authentication where it needs one.
    #[error("no client authentication")]
    NotAuthenticated,
    /// The request authenticates by two methods.
    #[error("more than one method of client authentication")]
    SeveralMethods,
    /// The type of assertion is unknown, or the `Authorization` scheme is not `Basic`.
    #[error("method of client authentication that is not supported")]
    UnsupportedMethod,
    /// The `Basic` credentials cannot be read.
    #[error("malformed Basic credentials")]
    MalformedBasic,
    /// `client_id` of the body differs from that of the header.
    #[error("client_id of the body is not that of the header")]
    OtherClientId,
    /// No client has this identifier.
    #[error("unknown client")]
    UnknownClient {
        /// Whether the request used `Basic`.
        basic: bool,
    },
    /// The request uses another method than the client registered.
    #[error("another method of client authentication than the registered one")]
    OtherMethod {
        /// Whether the request used `Basic`.
        basic: bool,
    },
    /// The secret is wrong.
    #[error("wrong client secret")]
    WrongSecret {
        /// Whether the request used `Basic`.
        basic: bool,
    },
    /// The client's assertion was refused.
    #[error("client assertion: {0}")]
    Assertion(&'static str),
    /// The client's assertion names a key that is not known.
    #[error("client assertion: no key of the client has its kid")]
    UnknownKey,
    /// The code is unknown, used, expired, revoked, or another client's.
    #[error("the code is unknown, used, expired or bound to another client")]
    InvalidGrant,
    /// The transaction code of a pre-authorized code is wrong.
    #[error("the transaction code is wrong")]
    WrongTxCode,
    /// The redirect URI is missing, or differs from that of the authorization request.
    #[error("redirect_uri is not that of the authorization request")]
    OtherRedirectUri,
    /// The code has a challenge, but the request has no verifier.
    #[error("code_verifier is missing")]
    VerifierMissing,
    /// The code has no challenge, but the request has a verifier.
    #[error("code_verifier for a code without code_challenge")]
    VerifierWithoutChallenge,
    /// The verifier is wrong.
    #[error(transparent)]
    Verifier(#[from] PkceError),
    /// The refresh token is unknown, expired, revoked, used before, or another client's.
    #[error("the refresh token is unknown, expired, revoked or another client's")]
    InvalidRefreshToken,
    /// The token of a token exchange is unknown, expired, revoked, or not the client's to exchange.
    #[error("the subject_token is not one that this client may exchange")]
    SubjectToken,
    /// The scope is malformed, or wider than what was granted.
    #[error("scope is malformed or wider than was granted")]
    InvalidScope,
    /// The request asks for `authorization_details` that were not granted.
    #[error("authorization_details are malformed or wider than was granted")]
    InvalidAuthorizationDetails,
    /// The request names a resource that was not granted, or leads to several.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The challenge of a device authorization request cannot be used.
    #[error("{0}")]
    Challenge(PkceError),
    /// A check of what the request asks for refused it.
    #[error("{}", .1.as_str())]
    Asked(TokenErrorCode, Description),
    /// Nobody has answered on the page of the device yet.
    #[error("the person has not answered yet")]
    AuthorizationPending,
    /// The device asks too often.
    #[error("the device asks too often; wait five seconds longer between two requests")]
    SlowDown,
    /// The person or the policies refused what the device asked for.
    #[error("the request was refused")]
    AccessDenied,
    /// The device code has expired.
    #[error("the device code has expired")]
    ExpiredToken,
    /// This server has too much to do just now; the client may try again later.
    #[error("busy")]
    TemporarilyUnavailable,
    /// This server failed.
    #[error("internal error")]
    ServerError,
}

/// The codes that a token error may carry (RFC 6749, 5.2; RFC 9396, 14.6; RFC 8707, 2; RFC 8628, 3.5).
/// The last two repeat what
/// the HTTP statuses 503 and 500 say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrorCode {
    /// A parameter is missing, malformed or repeated.
    InvalidRequest,
    /// Client authentication failed.
    InvalidClient,
    /// The code, or a value that it is bound to, is wrong.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// The grant is unknown.
    UnsupportedGrantType,
    /// The scope was not granted.
    InvalidScope,
    /// The `authorization_details` were not granted.
    InvalidAuthorizationDetails,
    /// The resource was not granted, or there are several (RFC 8707, 2).
    InvalidTarget,
    /// The person has not answered the device's request yet.
    AuthorizationPending,
    /// The device asks too often.
    SlowDown,
    /// The device's request was refused.
    AccessDenied,
    /// The device code has expired.
    ExpiredToken,
    /// This server has too much to do just now; the client may try again later.
    TemporarilyUnavailable,
    /// This server failed.
    ServerError,
}

/// A check that both endpoints share refused what is asked for. The device authorization endpoint tells
/// it in the form of the token endpoint (RFC 8628, 3.1).
impl From<ErrorRedirect> for TokenError {
    fn from(refused: ErrorRedirect) -> Self {
        let code = match refused.error {
            AuthorizationErrorCode::InvalidScope => TokenErrorCode::InvalidScope,
            AuthorizationErrorCode::InvalidAuthorizationDetails => {
                TokenErrorCode::InvalidAuthorizationDetails
            }
            AuthorizationErrorCode::InvalidTarget => TokenErrorCode::InvalidTarget,
            _ => TokenErrorCode::InvalidRequest,
        };
        Self::Asked(code, refused.description)
    }
}

impl TokenErrorCode {
    /// Every code that a token error can carry.
    pub const ALL: [Self; 14] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidAuthorizationDetails,
        Self::InvalidTarget,
        Self::AuthorizationPending,
        Self::SlowDown,
        Self::AccessDenied,
        Self::ExpiredToken,
        Self::TemporarilyUnavailable,
        Self::ServerError,
    ];

    /// The code as sent in `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidTarget => "invalid_target",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    /// The HTTP status that is sent with this code.
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
    /// The error code that the client gets.
    pub fn code(&self) -> TokenErrorCode {
        match self {
            Self::Duplicate(_)
            | Self::Missing(_)
            | Self::Unexpected(_)
            | Self::Unreadable
            | Self::SubjectToken
            | Self::Challenge(_)
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
            | Self::WrongTxCode
            | Self::InvalidRefreshToken
            | Self::OtherRedirectUri
            | Self::VerifierMissing
            | Self::VerifierWithoutChallenge
            | Self::Verifier(_) => TokenErrorCode::InvalidGrant,
            Self::UnauthorizedClient => TokenErrorCode::UnauthorizedClient,
            Self::UnsupportedGrantType => TokenErrorCode::UnsupportedGrantType,
            Self::InvalidScope => TokenErrorCode::InvalidScope,
            Self::InvalidAuthorizationDetails => TokenErrorCode::InvalidAuthorizationDetails,
            Self::Target(_) => TokenErrorCode::InvalidTarget,
            Self::Asked(code, _) => *code,
            Self::AuthorizationPending => TokenErrorCode::AuthorizationPending,
            Self::SlowDown => TokenErrorCode::SlowDown,
            Self::AccessDenied => TokenErrorCode::AccessDenied,
            Self::ExpiredToken => TokenErrorCode::ExpiredToken,
            Self::TemporarilyUnavailable => TokenErrorCode::TemporarilyUnavailable,
            Self::ServerError => TokenErrorCode::ServerError,
        }
    }

    /// Whether the error only tells a device to go on waiting, as most of its polls are answered.
    pub fn goes_on_waiting(&self) -> bool {
        matches!(self, Self::AuthorizationPending | Self::SlowDown)
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.code().status()
    }

    /// The explanation for the client's developer. It does not say why authentication failed, so
    /// that nobody learns which clients exist (checklist GEN-19).
    pub fn description(&self) -> Description {
        match self.code() {
            TokenErrorCode::InvalidClient => Description::new("client authentication failed"),
            _ => Description::new(&self.to_string()),
        }
    }

    /// The JSON body of the answer.
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
