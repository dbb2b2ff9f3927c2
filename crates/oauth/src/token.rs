//! The token endpoint: grants, their bindings and answers (RFC 6749, 4.1.3–5.2; RFC 7636, 4.5–4.6;
//! OpenID4VCI 1.0, 6).
//!
//! Invariant: a code is accepted only from the client, with the redirect URI and the PKCE verifier,
//! that it was issued for. The store's transaction decides whether it is used for the first time
//! and in time.

mod error;
mod grant_type;

use sekisho_jose::{Claims, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::{TokenError, TokenErrorCode};
pub use grant_type::{GrantType, UnknownGrant};

use crate::authentication::AuthenticatedClient;
use crate::authorization::{AuthorizationRequest, target};
use crate::client::redirect_uri_matches;
use crate::params::Params;
use crate::pkce::CodeChallenge;

/// Parameters that may be repeated (RFC 8707, 2; RFC 8693, 2.1).
const REPEATABLE: &[&str] = &["resource", "audience"];

/// The type of an access token in a token exchange (RFC 8693, 3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A token request without the client's authentication.
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
        /// `authorization_details`, if the client wants less than was granted.
        authorization_details: Option<Claims>,
        /// The names in `resource` and `audience`.
        targets: Vec<String>,
    },
    /// A refresh token.
    RefreshToken {
        /// `refresh_token`.
        token: String,
        /// `scope`, if the client wants less than was granted.
        scope: Option<String>,
        /// `authorization_details`, if the client wants less than was granted.
        authorization_details: Option<Claims>,
        /// The names in `resource` and `audience`.
        targets: Vec<String>,
    },
    /// A code from the device authorization endpoint.
    DeviceCode {
        /// `device_code`.
        code: String,
        /// `code_verifier`.
        verifier: Option<String>,
        /// `authorization_details`, if the client wants less than was granted.
        authorization_details: Option<Claims>,
        /// The names in `resource` and `audience`.
        targets: Vec<String>,
    },
    /// A code from a credential offer.
    PreAuthorizedCode {
        /// `pre-authorized_code`.
        code: String,
        /// `tx_code`.
        tx_code: Option<String>,
        /// `authorization_details` as text; not parsed here.
        authorization_details: Option<String>,
    },
    /// The client asks for itself.
    ClientCredentials {
        /// `scope`.
        scope: Option<String>,
        /// The names in `resource` and `audience`.
        targets: Vec<String>,
    },
    /// A token for another one that reaches no further.
    TokenExchange {
        /// `subject_token`, an access token of this server.
        subject_token: String,
        /// `scope`, if the client wants less than the token has.
        scope: Option<String>,
        /// The names in `resource` and `audience`.
        targets: Vec<String>,
    },
}

impl TokenRequest {
    /// Reads a token request from its form parameters.
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
                targets: target::named(params)?,
            }),
            Some(GrantType::RefreshToken) => Ok(Self::RefreshToken {
                token: needed("refresh_token")?,
                scope: optional("scope")?,
                authorization_details: details(params)?,
                targets: target::named(params)?,
            }),
            Some(GrantType::TokenExchange) => exchange(params),
            Some(GrantType::ClientCredentials) => Ok(Self::ClientCredentials {
                scope: optional("scope")?,
                targets: target::named(params)?,
            }),
            Some(GrantType::DeviceCode) => Ok(Self::DeviceCode {
                code: needed("device_code")?,
                verifier: optional("code_verifier")?,
                authorization_details: details(params)?,
                targets: target::named(params)?,
            }),
            Some(GrantType::PreAuthorizedCode) => Ok(Self::PreAuthorizedCode {
                code: needed("pre-authorized_code")?,
                tx_code: optional("tx_code")?,
                authorization_details: optional("authorization_details")?,
            }),
            None => Err(TokenError::UnsupportedGrantType),
        }
    }

    /// The `authorization_details` by which a request may narrow what was granted.
    pub fn authorization_details(&self) -> Option<&Claims> {
        match self {
            Self::AuthorizationCode { authorization_details, .. }
            | Self::RefreshToken { authorization_details, .. }
            | Self::DeviceCode { authorization_details, .. } => authorization_details.as_ref(),
            Self::PreAuthorizedCode { .. }
            | Self::ClientCredentials { .. }
            | Self::TokenExchange { .. } => None,
        }
    }

    /// The names of the resources that the request asks for.
    pub fn targets(&self) -> &[String] {
        match self {
            Self::AuthorizationCode { targets, .. }
            | Self::RefreshToken { targets, .. }
            | Self::DeviceCode { targets, .. }
            | Self::ClientCredentials { targets, .. }
            | Self::TokenExchange { targets, .. } => targets,
            Self::PreAuthorizedCode { .. } => &[],
        }
    }

    /// The kind of grant that the request uses.
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::DeviceCode { .. } => GrantType::DeviceCode,
            Self::PreAuthorizedCode { .. } => GrantType::PreAuthorizedCode,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::TokenExchange { .. } => GrantType::TokenExchange,
        }
    }
}

/// Reads a token exchange (RFC 8693, 2.1). Only access tokens are exchanged, for access tokens, and
/// who acts is the client itself.
fn exchange(params: &Params) -> Result<TokenRequest, TokenError> {
    let kinds: [&str; 2] = [ACCESS_TOKEN_TYPE, "urn:ietf:params:oauth:token-type:jwt"];
    let subject_token = params.one("subject_token")?.ok_or(TokenError::Missing("subject_token"))?;
    let kind = params.one("subject_token_type")?;
    if !kinds.contains(&kind.ok_or(TokenError::Missing("subject_token_type"))?) {
        return Err(TokenError::Unexpected("subject_token_type"));
    }
    if params.one("requested_token_type")?.is_some_and(|wanted| !kinds.contains(&wanted)) {
        return Err(TokenError::Unexpected("requested_token_type"));
    }
    if params.has("actor_token") || params.has("actor_token_type") {
        return Err(TokenError::Unexpected("actor_token"));
    }
    Ok(TokenRequest::TokenExchange {
        subject_token: subject_token.to_owned(),
        scope: params.one("scope")?.map(str::to_owned),
        targets: target::named(params)?,
    })
}

/// Reads `authorization_details`: an array of one object, because a grant here has only one (RFC
/// 9396, section 6).
fn details(params: &Params) -> Result<Option<Claims>, TokenError> {
    let Some(text) = params.one("authorization_details")? else { return Ok(None) };
    let value = json::parse(text.as_bytes()).ok();
    match value.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::Object(details)]) => Ok(Some(details.clone())),
        _ => Err(TokenError::InvalidAuthorizationDetails),
    }
}

/// Prints only the kind of grant, because the rest is secret.
impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.grant_type().name())
    }
}

/// The values that a code is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBinding {
    /// The client that the code was issued to.
    pub client_id: String,
    /// The redirect URI that the code was sent to.
    pub redirect_uri: String,
    /// Whether the authorization request named `redirect_uri`.
    pub redirect_uri_in_request: bool,
    /// The PKCE challenge of the authorization request, if it had one.
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

/// Checks that `client` may redeem a code with this binding by `request` (checklist TOK-3, TOK-4,
/// AUTH-31).
pub fn check_code(
    binding: &CodeBinding,
    client: &AuthenticatedClient,
    request: &TokenRequest,
) -> Result<(), TokenError> {
    let TokenRequest::AuthorizationCode { redirect_uri, verifier, .. } = request else {
        return Err(TokenError::InvalidGrant);
    };
    check_client(binding, client)?;
    // The operator may have taken it away since, because somebody else has it now.
    if !redirect_uri_matches(client.client(), &binding.redirect_uri) {
        return Err(TokenError::InvalidGrant);
    }
    check_redirect_uri(binding, redirect_uri.as_deref())?;
    let needs_pkce = client.client().needs_pkce();
    check_verifier(binding.code_challenge.as_ref(), verifier.as_deref(), needs_pkce)
}

/// Checks that `client` may redeem a device code with this binding by `request` (RFC 8628, 3.4). The
/// device code itself never passes a browser, so PKCE is checked where it was used and needed nowhere.
pub fn check_device_code(
    binding: &CodeBinding,
    client: &AuthenticatedClient,
    request: &TokenRequest,
) -> Result<(), TokenError> {
    let TokenRequest::DeviceCode { verifier, .. } = request else {
        return Err(TokenError::InvalidGrant);
    };
    check_client(binding, client)?;
    check_verifier(binding.code_challenge.as_ref(), verifier.as_deref(), false)
}

fn check_client(binding: &CodeBinding, client: &AuthenticatedClient) -> Result<(), TokenError> {
    if binding.client_id != client.client_id() {
        return Err(TokenError::InvalidGrant);
    }
    Ok(())
}

fn check_verifier(
    challenge: Option<&CodeChallenge>,
    verifier: Option<&str>,
    needed: bool,
) -> Result<(), TokenError> {
    match (challenge, verifier) {
        (Some(challenge), Some(verifier)) => Ok(challenge.verify(verifier)?),
        (Some(_), None) => Err(TokenError::VerifierMissing),
        // Somebody may have removed the challenge from the authorization request (RFC 9700, 4.8.2).
        (None, Some(_)) => Err(TokenError::VerifierWithoutChallenge),
        (None, None) if needed => Err(TokenError::VerifierMissing),
        (None, None) => Ok(()),
    }
}

/// If the authorization request named the URI, the token request repeats it exactly. Otherwise it
/// may be left out, but never differ.
fn check_redirect_uri(binding: &CodeBinding, presented: Option<&str>) -> Result<(), TokenError> {
    match presented {
        Some(uri) if uri == binding.redirect_uri => Ok(()),
        None if !binding.redirect_uri_in_request => Ok(()),
        _ => Err(TokenError::OtherRedirectUri),
    }
}

/// Who may use an access token. The binding is a property of the token, not of its grant, because a
/// confidential client may change its keys (RFC 9449, 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenBinding {
    /// Anybody who holds the token (RFC 6750).
    #[default]
    Bearer,
}

impl TokenBinding {
    /// The binding as sent in `token_type`.
    pub const fn token_type(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
        }
    }
}

/// A successful token response (RFC 6749, 5.1; Core, 3.1.3.3). It is sent with `Cache-Control:
/// no-store`.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// The access token's text.
    pub access_token: String,
    /// The type of the access token, `Bearer`.
    pub token_type: &'static str,
    /// What was issued, in the answer to a token exchange (RFC 8693, 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
    /// How long the access token is valid, in seconds from now.
    pub expires_in: i64,
    /// The scopes that were granted, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The refresh token, if `offline_access` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The ID token, if `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The `authorization_details` that were granted (RFC 9396, 7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<Claims>>,
}

impl TokenResponse {
    /// A response with a bearer token that is valid for `expires_in` seconds.
    pub fn bearer(access_token: impl Into<String>, expires_in: i64) -> Self {
        Self {
            access_token: access_token.into(),
            token_type: TokenBinding::Bearer.token_type(),
            issued_token_type: None,
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
