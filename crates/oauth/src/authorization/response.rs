//! The authorization answer in the query of the redirect URI (RFC 6749, 4.1.2 and 4.1.2.1).
//!
//! Invariant: the URI is taken as the string that was registered, and only added to; `iss` stands in
//! every answer (RFC 9207, 2), `state` exactly if the request had one.

use form_urlencoded::Serializer;

use super::{AuthorizationErrorCode, AuthorizationRequest};
use crate::description::Description;

/// Where a browser is sent with a `code`.
pub fn success_url(request: &AuthorizationRequest, code: &str, iss: &str) -> String {
    answer(&request.redirect_uri, &[("code", code)], request.state.as_deref(), iss)
}

/// Where a browser is sent with an error.
pub fn error_url(
    redirect_uri: &str,
    error: AuthorizationErrorCode,
    description: Option<&str>,
    state: Option<&str>,
    iss: &str,
) -> String {
    let description = description.map(Description::new);
    let mut members = vec![("error", error.name())];
    members.extend(description.as_ref().map(|text| ("error_description", text.as_str())));
    answer(redirect_uri, &members, state, iss)
}

fn answer(uri: &str, members: &[(&str, &str)], state: Option<&str>, iss: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(members);
    query.extend_pairs(state.map(|state| ("state", state)));
    query.append_pair("iss", iss);
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{}", query.finish())
}
