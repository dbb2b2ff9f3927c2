//! The authorization endpoint: from parameters to a validated request (RFC 6749, 4.1.1; OpenID
//! Connect Core 1.0, 3.1.2.1–3.1.2.2).
//!
//! Invariant: an error is redirected only to a URI that the client registered, and never before
//! client and URI are known to be right (RFC 6749, 4.1.2.1); every answer carries `iss` (RFC 9207).
//! Sessions, wallets, consent and codes are the callers' matter.

mod checks;
mod error;
mod request;
mod response;

pub use checks::{CHECKS, Check, Draft};
pub use error::{AuthorizationError, AuthorizationErrorCode, ErrorRedirect, PageErrorCode};
pub use request::{AuthorizationRequest, Prompt, ResponseMode};
pub use response::{AuthorizationResponse, Encoded, ResponseBody};

#[cfg(test)]
mod tests;

use crate::client::Client;
use crate::params::Params;

/// `response_type` values that are supported, for checks and metadata alike.
pub const RESPONSE_TYPES: &[&str] = &["code"];

/// What this server supports and is called.
#[derive(Clone, Debug)]
pub struct ServerRules<'a> {
    /// The issuer identifier.
    pub issuer: &'a str,
    /// Scopes.
    pub scopes_supported: Vec<&'a str>,
    /// The claims that these scopes can release.
    pub claims_of: fn(&[String]) -> Vec<&'static str>,
    /// Types of `authorization_details` (RFC 9396, 2).
    pub authorization_details_types_supported: Vec<&'a str>,
}

/// The `client_id` of a request, for looking up the client.
pub fn client_id(params: &Params) -> Result<&str, PageErrorCode> {
    params.one("client_id").ok().flatten().ok_or(PageErrorCode::UnknownClient)
}

/// Runs [`CHECKS`] over a request; `client` is who its `client_id` names, if anybody.
pub fn validate(
    params: &Params,
    client: Option<&Client>,
    rules: &ServerRules<'_>,
) -> Result<AuthorizationRequest, AuthorizationError> {
    let client = client.filter(|client| client_id(params) == Ok(&client.client_id));
    let client = client.ok_or(AuthorizationError::Page(PageErrorCode::UnknownClient))?;
    let mut draft = Draft::new(params, client, rules);
    for (_, check) in CHECKS {
        check(&mut draft)?;
    }
    Ok(draft.into_request())
}
