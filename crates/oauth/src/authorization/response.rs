//! The authorization answer (RFC 6749, 4.1.2 and 4.1.2.1).
//!
//! Invariant: the redirect URI is used as the string that was registered; parameters are only added
//! to it. Every answer has `iss` (RFC 9207, 2). It has `state` if and only if the request had one.

use form_urlencoded::Serializer;
use serde::{Deserialize, Serialize};

use super::{AuthorizationErrorCode, AuthorizationRequest, ErrorRedirect, ResponseMode};
use crate::description::Description;

/// An answer to a client, and the URI that it goes to. It stays a value until the transaction that
/// decided it has committed, because a transaction may run twice. Only then is
/// [`AuthorizationResponse::encode`] called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// The redirect URI, which the client registered.
    pub to: String,
    /// How the answer is sent.
    pub mode: ResponseMode,
    /// `state` of the request.
    pub state: Option<String>,
    /// The issuer identifier, sent as `iss`.
    pub iss: String,
    /// The code or the error.
    pub body: ResponseBody,
}

/// The result that an answer carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseBody {
    /// An authorization code.
    Code(String),
    /// The request was refused.
    Error {
        /// The error code, sent as `error`.
        error: AuthorizationErrorCode,
        /// An explanation for the client's developer.
        description: Option<Description>,
    },
}

/// An answer in the form in which it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The browser is sent to this URL.
    Redirect(String),
    /// The browser posts a form (OAuth 2.0 Form Post Response Mode, 2).
    Form {
        /// The URI that the form is posted to.
        to: String,
        /// The names and values of the form's fields.
        fields: Vec<(&'static str, String)>,
    },
}

impl AuthorizationRequest {
    /// Makes the answer to this request, which carries `body`.
    pub fn answer(&self, iss: &str, body: ResponseBody) -> AuthorizationResponse {
        AuthorizationResponse {
            to: self.redirect_uri.clone(),
            mode: self.response_mode,
            state: self.state.clone(),
            iss: iss.to_owned(),
            body,
        }
    }

    /// Makes the answer that refuses this request.
    pub fn refuse(
        &self,
        iss: &str,
        error: AuthorizationErrorCode,
        description: Option<&str>,
    ) -> AuthorizationResponse {
        let description = description.map(Description::new);
        self.answer(iss, ResponseBody::Error { error, description })
    }
}

impl From<ErrorRedirect> for AuthorizationResponse {
    fn from(refused: ErrorRedirect) -> Self {
        let ErrorRedirect { redirect_uri, mode, error, description, state, iss } = refused;
        let body = ResponseBody::Error { error, description: Some(description) };
        Self { to: redirect_uri, mode, state, iss, body }
    }
}

impl AuthorizationResponse {
    /// Encodes the answer as its mode requires.
    pub fn encode(&self) -> Encoded {
        match self.mode {
            ResponseMode::Query => Encoded::Redirect(self.in_query()),
            ResponseMode::FormPost => {
                Encoded::Form { to: self.to.clone(), fields: self.parameters() }
            }
        }
    }

    /// The parameters of the answer, the same in every mode.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        match &self.body {
            ResponseBody::Code(code) => parameters.push(("code", code.clone())),
            ResponseBody::Error { error, description } => {
                parameters.push(("error", error.name().to_owned()));
                let description = description.as_ref().map(Description::as_str);
                parameters.extend(description.map(|text| ("error_description", text.to_owned())));
            }
        }
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        parameters.push(("iss", self.iss.clone()));
        parameters
    }

    fn in_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.parameters());
        let separator = match self.to.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{}", self.to, query.finish())
    }
}
