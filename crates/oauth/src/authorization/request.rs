//! A validated authorization request, and the values that its parameters can have.

use sekisho_jose::Claims;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::target;
use crate::claims_request::ClaimsRequest;
use crate::device::WaitingDevice;
use crate::pkce::{self, CodeChallenge};

/// An authorization request that passed every check. It is kept while the person logs in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    /// The identifier of the client.
    pub client_id: String,
    /// The redirect URI, exactly as the request wrote it.
    pub redirect_uri: String,
    /// Whether the request named `redirect_uri`. If it did, the token request has to repeat it.
    pub redirect_uri_in_request: bool,
    /// The requested scopes that are known and allowed to this client.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// `state`, returned unchanged to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `nonce`, copied into the ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The PKCE challenge, if the request had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<CodeChallenge>,
    /// `prompt`, known values only, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<Prompt>,
    /// `max_age`, or the client's default, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// `ui_locales`, in the order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// `login_hint`, as the request wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// `id_token_hint`, unverified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_hint: Option<String>,
    /// `claims`, reduced to the claims that the client may ask for.
    #[serde(skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// `acr_values`, in the order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The identifiers of the protected resources that were asked for (RFC 8707, 2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// `authorization_details`: objects of a supported `type`, otherwise unchecked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Claims>,
    /// How the answer is sent.
    pub response_mode: ResponseMode,
    /// The device that waits for the answer, if the request came from one (RFC 8628). Then there is no
    /// redirect URI, and nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<WaitingDevice>,
}

/// `prompt` (Core, 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// No page may be shown.
    None,
    /// The person presents again, even with a live session.
    Login,
    /// The consent page is shown, even if an earlier consent is remembered.
    Consent,
    /// The person chooses a wallet again.
    SelectAccount,
}

/// `response_mode` (OAuth 2.0 Multiple Response Type Encoding Practices, 2.1; OAuth 2.0 Form Post
/// Response Mode, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// The answer is added to the query of the redirect URI.
    #[default]
    Query,
    /// The answer is a form that the browser posts to the redirect URI (OAuth 2.0 Form Post Response
    /// Mode).
    FormPost,
}

impl Prompt {
    /// Every value that `prompt` can have.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The value as written in `prompt`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

impl ResponseMode {
    /// Every mode that is supported.
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    /// The mode as written in `response_mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

impl AuthorizationRequest {
    /// Whether `prompt` contains `value`.
    pub fn prompts(&self, value: Prompt) -> bool {
        self.prompt.contains(&value)
    }

    /// Whether the accepted scopes contain `scope`.
    pub fn asks_for(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }

    /// The query of a new authorization request that asks for the same.
    pub fn to_query(&self) -> String {
        let challenge = self.code_challenge.map(|challenge| challenge.to_string());
        let method = challenge.as_ref().map(|_| pkce::METHODS.join(" "));
        let prompts: Vec<_> = self.prompt.iter().map(|prompt| prompt.name()).collect();
        let details = &self.authorization_details;
        let details = (!details.is_empty()).then(|| json!(details).to_string());
        let claims = (!self.claims.is_empty()).then(|| self.claims.to_value().to_string());
        let list = |words: &[String]| (!words.is_empty()).then(|| words.join(" "));
        let members = [
            ("client_id", Some(self.client_id.clone())),
            ("redirect_uri", Some(self.redirect_uri.clone())),
            ("response_type", Some("code".to_owned())),
            ("response_mode", Some(self.response_mode.name().to_owned())),
            ("scope", list(&self.scopes)),
            ("state", self.state.clone()),
            ("nonce", self.nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", method),
            ("prompt", (!prompts.is_empty()).then(|| prompts.join(" "))),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
            ("ui_locales", list(&self.ui_locales)),
            ("login_hint", self.login_hint.clone()),
            ("id_token_hint", self.id_token_hint.clone()),
            ("acr_values", list(&self.acr_values)),
            ("claims", claims),
            ("authorization_details", details),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(members.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
            // An identifier may be no URI, and a parameter `audience` occurs once.
            .extend_pairs(self.resources.iter().map(|name| (target::parameter(name), name)));
        query.finish()
    }
}
