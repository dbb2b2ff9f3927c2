//! The token endpoint: grants, their bindings and answers (RFC 6749, 4.1.3–5.2; RFC 7636, 4.5–4.6;
//! OpenID4VCI 1.0, 6).
//!
//! Invariant: a code is good only to the client, redirect URI and PKCE verifier that it was minted
//! for. That it is good once and in time is for the store's transaction to decide.

mod error;

use sekisho_jose::{Claims, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::{TokenError, TokenErrorCode};

use crate::authentication::AuthenticatedClient;
use crate::authorization::AuthorizationRequest;
use crate::params::Params;
use crate::pkce::CodeChallenge;

/// Parameters that may be repeated (RFC 8707, 2; RFC 8693, 2.1).
const REPEATABLE: &[&str] = &["resource", "audience"];

/// Grants that are supported, for checks and metadata alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// RFC 6749, 4.1.
    AuthorizationCode,
    /// RFC 6749, 6.
    RefreshToken,
    /// OpenID4VCI 1.0, 4.1.1.
    PreAuthorizedCode,
}

impl GrantType {
    /// Every grant.
    pub const ALL: [Self; 3] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::PreAuthorizedCode];

    /// `grant_type` on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::PreAuthorizedCode => "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        }
    }
}

/// A token request, apart from who sends it.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// A code from the authorization endpoint.
    AuthorizationCode {
        /// `code`.
        code: String,
        /// `redirect_uri`.
        redirect_uri: Option<String>,
        /// `code_verifier`.
        verifier: Option<String>,
        /// `authorization_details`, if less than was granted is enough.
        authorization_details: Option<Claims>,
    },
    /// A refresh token.
    RefreshToken {
        /// `refresh_token`.
        token: String,
        /// `scope`, if less than was granted is enough.
        scope: Option<String>,
        /// `authorization_details`, likewise.
        authorization_details: Option<Claims>,
    },
    /// A code from a credential offer.
    PreAuthorizedCode {
        /// `pre-authorized_code`.
        code: String,
        /// `tx_code`.
        tx_code: Option<String>,
        /// `authorization_details`, unread.
        authorization_details: Option<String>,
    },
}

impl TokenRequest {
    /// Reads a token request.
    pub fn parse(params: &Params) -> Result<Self, TokenError> {
        if let Some(duplicate) = params.duplicate(REPEATABLE) {
            return Err(duplicate.into());
        }
        let needed = |name| params.one(name)?.map(str::to_owned).ok_or(TokenError::Missing(name));
        let optional = |name| Ok::<_, TokenError>(params.one(name)?.map(str::to_owned));
        let grant_type = needed("grant_type")?;
        match GrantType::ALL.into_iter().find(|grant| grant.name() == grant_type) {
            Some(GrantType::AuthorizationCode) => Ok(Self::AuthorizationCode {
                code: needed("code")?,
                redirect_uri: optional("redirect_uri")?,
                verifier: optional("code_verifier")?,
                authorization_details: details(params)?,
            }),
            Some(GrantType::RefreshToken) => Ok(Self::RefreshToken {
                token: needed("refresh_token")?,
                scope: optional("scope")?,
                authorization_details: details(params)?,
            }),
            Some(GrantType::PreAuthorizedCode) => Ok(Self::PreAuthorizedCode {
                code: needed("pre-authorized_code")?,
                tx_code: optional("tx_code")?,
                authorization_details: optional("authorization_details")?,
            }),
            None => Err(TokenError::UnsupportedGrantType),
        }
    }

    /// `authorization_details` of a request that may narrow what was granted.
    pub fn authorization_details(&self) -> Option<&Claims> {
        match self {
            Self::AuthorizationCode { authorization_details, .. }
            | Self::RefreshToken { authorization_details, .. } => authorization_details.as_ref(),
            Self::PreAuthorizedCode { .. } => None,
        }
    }

    /// The grant.
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::PreAuthorizedCode { .. } => GrantType::PreAuthorizedCode,
        }
    }
}

/// `authorization_details`: one object, as one is what a grant here has (RFC 9396, section 6).
fn details(params: &Params) -> Result<Option<Claims>, TokenError> {
    let Some(text) = params.one("authorization_details")? else { return Ok(None) };
    let value = json::parse(text.as_bytes()).ok();
    match value.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::Object(details)]) => Ok(Some(details.clone())),
        _ => Err(TokenError::InvalidAuthorizationDetails),
    }
}

/// The grant alone: the rest is secret.
impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.grant_type().name())
    }
}

/// What a code is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBinding {
    /// The client.
    pub client_id: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// Whether the authorization request named it.
    pub redirect_uri_in_request: bool,
    /// The PKCE challenge.
    pub code_challenge: Option<CodeChallenge>,
}

impl From<&AuthorizationRequest> for CodeBinding {
    fn from(request: &AuthorizationRequest) -> Self {
        Self {
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            redirect_uri_in_request: request.redirect_uri_in_request,
            code_challenge: request.code_challenge,
        }
    }
}

/// Checks that `client` may redeem a code bound so with `request` (checklist TOK-3, TOK-4, AUTH-31).
pub fn check_code(
    binding: &CodeBinding,
    client: &AuthenticatedClient,
    request: &TokenRequest,
) -> Result<(), TokenError> {
    let TokenRequest::AuthorizationCode { redirect_uri, verifier, .. } = request else {
        return Err(TokenError::InvalidGrant);
    };
    if binding.client_id != client.client_id() {
        return Err(TokenError::InvalidGrant);
    }
    check_redirect_uri(binding, redirect_uri.as_deref())?;
    match (&binding.code_challenge, verifier) {
        (Some(challenge), Some(verifier)) => Ok(challenge.verify(verifier)?),
        (Some(_), None) => Err(TokenError::VerifierMissing),
        // A verifier without a challenge: somebody took the challenge away (RFC 9700, 4.8.2).
        (None, Some(_)) => Err(TokenError::VerifierWithoutChallenge),
        (None, None) if client.client().needs_pkce() => Err(TokenError::VerifierMissing),
        (None, None) => Ok(()),
    }
}

/// Repeated exactly if the authorization request named it; never another one.
fn check_redirect_uri(binding: &CodeBinding, presented: Option<&str>) -> Result<(), TokenError> {
    match presented {
        Some(uri) if uri == binding.redirect_uri => Ok(()),
        None if !binding.redirect_uri_in_request => Ok(()),
        _ => Err(TokenError::OtherRedirectUri),
    }
}

/// Who may use an access token. It stands on the token and not on its grant: a confidential client may
/// change its keys (RFC 9449, 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenBinding {
    /// Whoever holds it (RFC 6750).
    #[default]
    Bearer,
}

impl TokenBinding {
    /// `token_type` on the wire.
    pub const fn token_type(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
        }
    }
}

/// A successful answer (RFC 6749, 5.1; Core, 3.1.3.3). Sent with `Cache-Control: no-store`.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds from now.
    pub expires_in: i64,
    /// Scopes as granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The refresh token, if `offline_access` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The ID token, if `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Details as granted (RFC 9396, 7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<Claims>>,
}

impl TokenResponse {
    /// A bearer token that lives for `expires_in` seconds.
    pub fn bearer(access_token: impl Into<String>, expires_in: i64) -> Self {
        Self {
            access_token: access_token.into(),
            token_type: TokenBinding::Bearer.token_type(),
            expires_in,
            scope: None,
            refresh_token: None,
            id_token: None,
            authorization_details: None,
        }
    }
}

#[cfg(test)]
mod tests;
