//! The authorization endpoint: from parameters to a validated request (RFC 6749, 4.1.1; OpenID
//! Connect Core 1.0, 3.1.2.1–3.1.2.2).
//!
//! Invariant: an error is redirected only to a URI that the client registered, and only after
//! client and URI have been checked (RFC 6749, 4.1.2.1). Every answer carries `iss` (RFC 9207). The
//! callers look after sessions, wallets, consent and codes.

mod checks;
mod error;
mod request;
mod response;
pub mod target;

pub use checks::{CHECKS, Check, DEVICE_CHECKS, Draft};
pub use error::{AuthorizationError, AuthorizationErrorCode, ErrorRedirect, PageErrorCode};
pub use request::{AuthorizationRequest, Prompt, ResponseMode};
pub use response::{AuthorizationResponse, Encoded, ResponseBody};
pub use target::{Target, TargetError};

#[cfg(test)]
mod tests;

use crate::client::Client;
use crate::params::Params;

/// `response_type` values that are supported, for checks and metadata alike.
pub const RESPONSE_TYPES: &[&str] = &["code"];

/// The properties of this server that an authorization request is checked against.
#[derive(Clone, Debug)]
pub struct ServerRules<'a> {
    /// The issuer identifier, sent as `iss` in every answer.
    pub issuer: &'a str,
    /// The scopes that this server knows.
    pub scopes_supported: Vec<&'a str>,
    /// Gives the names of the claims that these scopes can release.
    pub claims_of: fn(&[String]) -> Vec<&'static str>,
    /// The protected resources that this client may ask for (RFC 8707, 2).
    pub targets: &'a [Target],
    /// The types of `authorization_details` that this server knows (RFC 9396, 2).
    pub authorization_details_types_supported: Vec<&'a str>,
}

/// The `client_id` of a request. The caller looks up the client with it before `validate`.
pub fn client_id(params: &Params) -> Result<&str, PageErrorCode> {
    params.one("client_id").ok().flatten().ok_or(PageErrorCode::UnknownClient)
}

/// Runs [`DEVICE_CHECKS`] over a request of `client`. It has no redirect URI, so neither have its errors
/// (RFC 8628, 3.1).
pub fn validate_device(
    params: &Params,
    client: &Client,
    rules: &ServerRules<'_>,
) -> Result<AuthorizationRequest, AuthorizationError> {
    let mut draft = Draft::new(params, client, rules);
    for (_, check) in DEVICE_CHECKS {
        check(&mut draft)?;
    }
    Ok(draft.into_request())
}

/// Runs [`CHECKS`] over a request. `client` is the client with the request's `client_id`, or `None`
/// if no such client is registered.
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

/// Runs every check, also after one has refused, and returns the names of the checks that refuse with
/// what they say: for who writes a client, and wants to know all that is wrong with a request.
///
/// Without a redirect URI nothing can be said about `response_mode`.
pub fn faults(
    params: &Params,
    client: &Client,
    rules: &ServerRules<'_>,
) -> Vec<(&'static str, AuthorizationError)> {
    let mut draft = Draft::new(params, client, rules);
    let mut faults: Vec<(&'static str, AuthorizationError)> = Vec::new();
    for (name, check) in CHECKS {
        let nowhere = faults.iter().any(|(name, _)| *name == "redirect_uri");
        if nowhere && *name == "response_mode" {
            continue;
        }
        if let Err(error) = check(&mut draft) {
            faults.push((name, error));
        }
    }
    faults
}
