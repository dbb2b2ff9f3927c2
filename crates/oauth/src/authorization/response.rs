//! The authorization answer (RFC 6749, 4.1.2 and 4.1.2.1).
//!
//! Invariant: the URI is taken as the string that was registered, and only added to; `iss` stands in
//! every answer (RFC 9207, 2), `state` exactly if the request had one.

use form_urlencoded::Serializer;

use super::{AuthorizationErrorCode, AuthorizationRequest, ErrorRedirect, ResponseMode};
use crate::description::Description;

/// What a client is answered, and where. It is a value until the transaction that decided it is
/// committed; [`AuthorizationResponse::encode`] comes after, since a transaction may run twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// A URI that the client registered.
    pub to: String,
    /// How the answer travels.
    pub mode: ResponseMode,
    /// `state` of the request.
    pub state: Option<String>,
    /// The issuer identifier.
    pub iss: String,
    /// What is answered.
    pub body: ResponseBody,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// A code.
    Code(String),
    /// An error.
    Error {
        /// The code of the error.
        error: AuthorizationErrorCode,
        /// For the client's developer.
        description: Option<Description>,
    },
}

/// An answer as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The browser is sent to this URL.
    Redirect(String),
}

impl AuthorizationRequest {
    /// The answer to this request.
    pub fn answer(&self, iss: &str, body: ResponseBody) -> AuthorizationResponse {
        AuthorizationResponse {
            to: self.redirect_uri.clone(),
            mode: self.response_mode,
            state: self.state.clone(),
            iss: iss.to_owned(),
            body,
        }
    }

    /// The answer with an error.
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
        let ErrorRedirect { redirect_uri, error, description, state, iss } = refused;
        let body = ResponseBody::Error { error, description: Some(description) };
        Self { to: redirect_uri, mode: ResponseMode::default(), state, iss, body }
    }
}

impl AuthorizationResponse {
    /// The answer as its mode sends it.
    pub fn encode(&self) -> Encoded {
        match self.mode {
            ResponseMode::Query => Encoded::Redirect(self.in_query()),
        }
    }

    fn in_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        match &self.body {
            ResponseBody::Code(code) => {
                query.append_pair("code", code);
            }
            ResponseBody::Error { error, description } => {
                query.append_pair("error", error.name());
                let description = description.as_ref().map(Description::as_str);
                query.extend_pairs(description.map(|text| ("error_description", text)));
            }
        }
        query.extend_pairs(self.state.as_deref().map(|state| ("state", state)));
        query.append_pair("iss", &self.iss);
        let separator = match self.to.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{}", self.to, query.finish())
    }
}
