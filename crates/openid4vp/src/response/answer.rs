//! The answer's form (OpenID4VP 1.0, sections 8.1 to 8.3 and 8.5).
//!
//! Leaves to others: finding the transaction, and comparing [`WalletAnswer::state`] with the
//! transaction's `state`.

use std::collections::BTreeMap;

use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::{Claims, json};
use sekisho_oauth::params::Params;
use serde_json::Value;

use super::{ResponseError, WalletError};
use crate::request::ResponseMode;

/// Presentations by the id of their credential query (section 8.1).
pub type VpToken = BTreeMap<String, Vec<String>>;

/// A wallet's answer. It has no `Debug`, because it contains personal data.
#[derive(Clone, PartialEq, Eq)]
pub enum WalletAnswer {
    /// Presentations, not verified yet.
    Presented {
        /// The presentations, by query id.
        vp_token: VpToken,
        /// `state` of the request that the wallet answers.
        state: Option<String>,
    },
    /// The wallet answered with an error.
    Refused {
        /// The wallet's error.
        error: WalletError,
        /// The wallet's explanation, for the log.
        description: Option<String>,
        /// `state` of the request that the wallet answers.
        state: Option<String>,
    },
}

impl WalletAnswer {
    /// `state` of the answer. The caller compares it with the request's.
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Presented { state, .. } | Self::Refused { state, .. } => state.as_deref(),
        }
    }
}

/// Reads an answer that was asked for in `mode`. In encrypted mode, `key` is the transaction's key.
pub fn parse(
    params: &Params,
    mode: ResponseMode,
    key: Option<&DecryptionKey>,
) -> Result<WalletAnswer, ResponseError> {
    let (response, vp_token, error) =
        (one(params, "response")?, one(params, "vp_token")?, one(params, "error")?);
    match (mode, response, vp_token, error) {
        (_, None, None, Some(error)) => Ok(WalletAnswer::Refused {
            error: WalletError::from_name(error),
            description: one(params, "error_description")?.map(str::to_owned),
            state: one(params, "state")?.map(str::to_owned),
        }),
        (ResponseMode::DirectPost, None, Some(vp_token), None) => {
            let vp_token = json::parse(vp_token.as_bytes())
                .map_err(|_| ResponseError::Malformed("vp_token is not JSON"))?;
            let state = one(params, "state")?.map(str::to_owned);
            Ok(WalletAnswer::Presented { vp_token: read_vp_token(&vp_token)?, state })
        }
        (ResponseMode::DirectPostJwt, Some(response), None, None) => {
            let key = key.ok_or(ResponseError::Mode)?;
            let payload = json::parse_object(&key.decrypt(response)?)
                .map_err(|_| ResponseError::Malformed("the encrypted answer is no JSON object"))?;
            read_payload(&payload)
        }
        (_, None, None, None) => Err(ResponseError::Malformed("no vp_token, response or error")),
        (ResponseMode::DirectPostJwt, None, Some(_), None)
        | (ResponseMode::DirectPost, Some(_), None, None) => Err(ResponseError::Mode),
        _ => Err(ResponseError::Malformed("more than one of vp_token, response and error")),
    }
}

/// Reads the members of a decrypted answer (section 8.3). A member that is `null` counts as absent.
fn read_payload(payload: &Claims) -> Result<WalletAnswer, ResponseError> {
    let state = text(payload, "state")?;
    let vp_token = payload.get("vp_token").filter(|vp_token| !vp_token.is_null());
    match (vp_token, text(payload, "error")?) {
        (Some(vp_token), None) => {
            Ok(WalletAnswer::Presented { vp_token: read_vp_token(vp_token)?, state })
        }
        (None, Some(error)) => Ok(WalletAnswer::Refused {
            error: WalletError::from_name(&error),
            description: text(payload, "error_description")?,
            state,
        }),
        _ => Err(ResponseError::Malformed("not exactly one of vp_token and error")),
    }
}

/// Reads an object whose values are arrays of presentations, none of them empty (section 8.1). A
/// credential that is `null` was not presented.
fn read_vp_token(value: &Value) -> Result<VpToken, ResponseError> {
    const MALFORMED: ResponseError =
        ResponseError::Malformed("vp_token is not an object of non-empty arrays of strings");
    let object = value.as_object().filter(|object| object.values().any(|one| !one.is_null()));
    let read = |(id, presentations): (&String, &Value)| {
        let presentations = presentations.as_array().filter(|all| !all.is_empty());
        let text = |one: &Value| one.as_str().map(str::to_owned).ok_or(MALFORMED);
        let presentations = presentations.ok_or(MALFORMED)?.iter().map(text);
        Ok((id.clone(), presentations.collect::<Result<_, _>>()?))
    };
    let object = object.ok_or(MALFORMED)?.iter().filter(|(_, one)| !one.is_null());
    object.map(read).collect()
}

fn one<'p>(params: &'p Params, name: &'static str) -> Result<Option<&'p str>, ResponseError> {
    params.one(name).map_err(|_| ResponseError::Malformed("a parameter occurs twice"))
}

fn text(payload: &Claims, name: &str) -> Result<Option<String>, ResponseError> {
    match payload.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ResponseError::Malformed("a member is not a string")),
    }
}

#[cfg(test)]
mod tests;
