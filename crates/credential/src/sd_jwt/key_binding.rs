//! Key binding: the holder's proof over just this presentation (RFC 9901, sections 4.3 and 7.3).
//!
//! Invariant: a proof is good for one audience, one nonce, a few minutes, and exactly the text that
//! was presented.

use sekisho_ambient::{Timestamp, constant_time_eq};
use sekisho_jose::{
    Algorithm, ClaimError, Claims, Expected, Header, JwkError, JwtError, KeyError, PublicJwk,
    SigningKey, TimeRule, UnverifiedJwt, numeric_date, sign,
};
use serde_json::{Value, json};
use thiserror::Error;

use super::disclosure::digest;
use super::presentation::Presentation;

/// The algorithms that are accepted of holders.
pub const KEY_BINDING_ALGORITHMS: &[Algorithm] =
    &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384];

const TYP: &str = "kb+jwt";

/// How long ago a proof may have been made, in seconds.
const MAX_AGE: i64 = 300;
/// How far ahead of our clock a holder's may be, in seconds.
const LEEWAY: i64 = 10;

/// What a holder has to have signed.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// `aud`: the verifier's full client identifier.
    pub audience: &'a str,
    /// `nonce`: that of the request.
    pub nonce: &'a str,
    /// Now; `iat` may lie up to 300 s before and 10 s after.
    pub now: Timestamp,
}

/// Why a key binding was refused.
#[derive(Debug, Error)]
pub enum KeyBindingError {
    /// Asked for, and absent.
    #[error("no key binding")]
    Missing,
    /// Not asked for, and there.
    #[error("a key binding that was not asked for")]
    Unexpected,
    /// The credential names no key of its holder.
    #[error("no cnf with a jwk")]
    NoHolderKey,
    /// The key of the holder is none that can be used.
    #[error("cnf: {0}")]
    HolderKey(#[from] JwkError),
    /// Not a JWT of type `kb+jwt`, or not signed by the holder's key.
    #[error("key binding: {0}")]
    Jwt(#[from] JwtError),
    /// `aud` is another, or not a string.
    #[error("key binding: aud is {found}, expected {expected:?}")]
    Audience {
        /// As JSON.
        found: String,
        /// Ours.
        expected: String,
    },
    /// `nonce` is another, or not a string.
    #[error("key binding: another nonce")]
    Nonce,
    /// `iat` is missing, too old or in the future; or `exp` or `nbf` do not pass.
    #[error("key binding: {0}")]
    Time(#[from] ClaimError),
    /// `sd_hash` is not that of the text that was presented.
    #[error("key binding: sd_hash is not over what was presented")]
    SdHash,
}

/// Why a presentation could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// It does not end with `~`, or has a key binding already.
    #[error("not an SD-JWT without key binding")]
    NotUnbound,
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Appends the proof of `key`'s holder to `selected`, which ends with `~`.
pub fn bind(
    selected: &str,
    audience: &str,
    nonce: &str,
    now: Timestamp,
    key: &SigningKey,
) -> Result<String, BindError> {
    let presentation = Presentation::parse(selected).map_err(|_| BindError::NotUnbound)?;
    if presentation.key_binding().is_some() {
        return Err(BindError::NotUnbound);
    }
    let claims = json!({
        "iat": now.unix(),
        "aud": audience,
        "nonce": nonce,
        "sd_hash": digest(selected),
    });
    let proof = sign(key, &Header::new(key.algorithm(), TYP), &claims)?;
    Ok(format!("{selected}{proof}"))
}

/// Checks the key binding against the key in `cnf`; without `binding` there must be none.
pub(super) fn check(
    presentation: &Presentation<'_>,
    claims: &Claims,
    binding: Option<&Binding<'_>>,
) -> Result<Option<PublicJwk>, KeyBindingError> {
    let (proof, binding) = match (presentation.key_binding(), binding) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(KeyBindingError::Missing),
        (Some(_), None) => return Err(KeyBindingError::Unexpected),
        (Some(proof), Some(binding)) => (proof, binding),
    };
    let holder = claims.get("cnf").and_then(|cnf| cnf.get("jwk"));
    let holder = PublicJwk::from_value(holder.ok_or(KeyBindingError::NoHolderKey)?)?;
    let expected =
        Expected { typ: &[TYP], algorithms: KEY_BINDING_ALGORITHMS, allow_missing_typ: false };
    let proof =
        UnverifiedJwt::<Claims>::parse(proof)?.verify(&holder.verifying_key()?, &expected)?;
    check_claims(proof.claims(), presentation.bound(), binding)?;
    Ok(Some(holder))
}

fn check_claims(proof: &Claims, bound: &str, binding: &Binding<'_>) -> Result<(), KeyBindingError> {
    let text = |name: &str| proof.get(name).and_then(Value::as_str);
    if text("aud") != Some(binding.audience) {
        return Err(KeyBindingError::Audience {
            found: proof.get("aud").map(Value::to_string).unwrap_or_default(),
            expected: binding.audience.to_owned(),
        });
    }
    if !text("nonce").is_some_and(|nonce| same(nonce, binding.nonce)) {
        return Err(KeyBindingError::Nonce);
    }
    let rule = TimeRule {
        leeway_past: LEEWAY,
        leeway_future: LEEWAY,
        require_exp: false,
        require_iat: true,
        max_age: Some(MAX_AGE),
    };
    numeric_date::check(proof, binding.now, &rule)?;
    if !text("sd_hash").is_some_and(|hash| same(hash, &digest(bound))) {
        return Err(KeyBindingError::SdHash);
    }
    Ok(())
}

fn same(a: &str, b: &str) -> bool {
    constant_time_eq(a.as_bytes(), b.as_bytes())
}
