//! The answer's form, made by a wallet (OpenID4VP 1.0, sections 8.2, 8.3 and 8.5).
//!
//! Invariant: if an encrypted answer is asked for, credentials leave the wallet only encrypted.

use sekisho_ambient::Entropy;
use sekisho_jose::{Claims, jwe};
use serde_json::json;

use super::{ResponseError, VpToken, WalletError};
use crate::request::VerifiedRequest;

/// The names and values of a form, to be posted to `response_uri`.
pub type FormPairs = Vec<(String, String)>;

/// Makes the form that answers `request` with `vp_token`.
pub fn build(
    vp_token: &VpToken,
    request: &VerifiedRequest,
    entropy: &Entropy,
) -> Result<FormPairs, ResponseError> {
    let Some(encryption) = &request.encryption else {
        let vp_token = json!(vp_token).to_string();
        return Ok(with_state(("vp_token", vp_token), request));
    };
    let mut payload = Claims::new();
    payload.insert("vp_token".to_owned(), json!(vp_token));
    if let Some(state) = &request.state {
        payload.insert("state".to_owned(), state.as_str().into());
    }
    let payload = serde_json::Value::Object(payload).to_string();
    let (payload, nonce) = (payload.as_bytes(), request.nonce.as_bytes());
    let response =
        jwe::encrypt(&encryption.key, encryption.enc, payload, None, Some(nonce), entropy)?;
    Ok(vec![("response".to_owned(), response)])
}

/// Makes the form that declines `request`. Errors may be plain (section 8.5).
pub fn refuse(error: WalletError, request: &VerifiedRequest) -> FormPairs {
    with_state(("error", error.as_str().to_owned()), request)
}

fn with_state((name, value): (&str, String), request: &VerifiedRequest) -> FormPairs {
    let state = request.state.iter().map(|state| ("state".to_owned(), state.clone()));
    std::iter::once((name.to_owned(), value)).chain(state).collect()
}
