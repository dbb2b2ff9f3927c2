//! Errors of the authorization endpoint: shown on a page, or redirected to the client.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ResponseMode;
use crate::description::Description;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorizationError {
    /// There is no trusted URI to redirect to, so the person is shown a page (RFC 6749, 4.1.2.1).
    #[error("{0}")]
    Page(PageErrorCode),
    /// The error is redirected to the client.
    #[error("{}: {}", .0.error.name(), .0.description.as_str())]
    Redirect(ErrorRedirect),
}

/// Errors that are shown on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PageErrorCode {
    /// No `client_id`, two of them, or one that is not registered.
    #[error("unknown client")]
    UnknownClient,
    /// No `redirect_uri`, two of them, or one that the client did not register.
    #[error("the redirect URI is not one that the client registered")]
    RedirectUri,
}

/// An error to redirect to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorRedirect {
    /// A URI that the client registered.
    pub redirect_uri: String,
    /// How the error is sent.
    pub mode: ResponseMode,
    /// The error code, sent as `error`.
    pub error: AuthorizationErrorCode,
    /// An explanation for the client's developer, sent as `error_description`.
    pub description: Description,
    /// `state` of the request, echoed if there was one.
    pub state: Option<String>,
    /// The issuer identifier, sent as `iss`.
    pub iss: String,
}

/// Codes that our authorization answers carry (RFC 6749, 4.1.2.1; Core, 3.1.2.6; RFC 9396, 5; RFC
/// 8707, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationErrorCode {
    /// A parameter is missing, malformed or repeated.
    InvalidRequest,
    /// The client is not registered for the authorization code grant.
    UnauthorizedClient,
    /// The person or the policy denied the request.
    AccessDenied,
    /// A `response_type` other than `code`.
    UnsupportedResponseType,
    /// No scope is left, or the list is malformed.
    InvalidScope,
    /// `prompt=none`, and the person has to log in.
    LoginRequired,
    /// `prompt=none`, and the person has to consent.
    ConsentRequired,
    /// The request needs an `acr` that no login here has (OpenID Connect Core Error Code
    /// `unmet_authentication_requirements`).
    UnmetAuthenticationRequirements,
    /// `authorization_details` of an unknown type, or malformed.
    InvalidAuthorizationDetails,
    /// The request names a resource that does not exist, or that the client may not ask for (RFC
    /// 8707, 2).
    InvalidTarget,
    /// `request` is not supported.
    RequestNotSupported,
    /// `request_uri` is not supported.
    RequestUriNotSupported,
    /// `registration` is not supported.
    RegistrationNotSupported,
    /// The server keeps as many requests as it will.
    TemporarilyUnavailable,
}

impl AuthorizationErrorCode {
    /// The code as sent in `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidTarget => "invalid_target",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}
