//! What a validated authorization request asks for.

use sekisho_jose::Claims;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::claims_request::ClaimsRequest;
use crate::pkce::{self, CodeChallenge};

/// A request whose every parameter has been checked. Kept while the person logs in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: String,
    /// Where the answer goes: as the request spelt it.
    pub redirect_uri: String,
    /// Whether the request named it; the token request then has to repeat it.
    pub redirect_uri_in_request: bool,
    /// What is asked for, known and allowed to this client.
    pub scopes: Vec<String>,
    /// `state`, echoed as it is.
    pub state: Option<String>,
    /// `nonce`, echoed in the ID token.
    pub nonce: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<CodeChallenge>,
    /// `prompt`, known values only, each once.
    pub prompt: Vec<Prompt>,
    /// `max_age`, or the client's default, in seconds.
    pub max_age: Option<i64>,
    /// `ui_locales`, in the order of preference.
    pub ui_locales: Vec<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `id_token_hint`, unverified.
    pub id_token_hint: Option<String>,
    /// `claims`, as far as the client may ask for them.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// `acr_values`, in the order of preference.
    pub acr_values: Vec<String>,
    /// `authorization_details`: objects of a supported `type`, otherwise unchecked.
    pub authorization_details: Vec<Claims>,
    /// How the answer travels.
    pub response_mode: ResponseMode,
}

/// `prompt` (Core, 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// No page is shown.
    None,
    /// A new presentation, even in a live session.
    Login,
    /// The consent page, even if remembered.
    Consent,
    /// The person chooses a wallet anew.
    SelectAccount,
}

/// `response_mode` (OAuth 2.0 Multiple Response Type Encoding Practices, 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
}

impl Prompt {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The value's name.
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
    pub const ALL: [Self; 1] = [Self::Query];

    /// The mode's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
        }
    }
}

impl AuthorizationRequest {
    /// Whether `prompt` has `value`.
    pub fn prompts(&self, value: Prompt) -> bool {
        self.prompt.contains(&value)
    }

    /// Whether `scope` is asked for.
    pub fn asks_for(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }

    /// The query of a request that asks for the same again.
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
            .extend_pairs(members.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        query.finish()
    }
}
