//! Key binding: the holder's signature over one presentation (RFC 9901, sections 4.3 and 7.3).
//!
//! Invariant: a key binding is accepted for one audience and one nonce, for a few minutes, and only
//! with exactly the text that was presented.

use sekisho_ambient::{Timestamp, constant_time_eq};
use sekisho_jose::{
    Ahead, Algorithm, ClaimError, Claims, Expected, Header, JwkError, JwtError, KeyError,
    PublicJwk, SigningKey, TimeRule, UnverifiedJwt, numeric_date, sign,
};
use serde_json::{Value, json};
use thiserror::Error;

use super::disclosure::digest;
use super::presentation::Presentation;

/// The algorithms that holders may sign with.
pub const KEY_BINDING_ALGORITHMS: &[Algorithm] =
    &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384];

const TYP: &str = "kb+jwt";

/// The greatest age of a key binding, in seconds.
const MAX_AGE: i64 = 300;

/// The values that the holder must have signed.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// `aud`: the verifier's full client identifier.
    pub audience: &'a str,
    /// `nonce`: the nonce of the request.
    pub nonce: &'a str,
    /// The present time; `iat` may be up to 300 s before it.
    pub now: Timestamp,
    /// How far `iat` and `nbf` may be after the present time.
    pub ahead: Ahead,
}

/// The reason why a key binding was refused.
#[derive(Debug, Error)]
pub enum KeyBindingError {
    /// A key binding is required, and absent.
    #[error("no key binding")]
    Missing,
    /// A key binding is present, but none was asked for.
    #[error("a key binding that was not asked for")]
    Unexpected,
    /// The credential does not name the holder's key.
    #[error("no cnf with a jwk")]
    NoHolderKey,
    /// The holder's key is not one that we accept.
    #[error("cnf: {0}")]
    HolderKey(#[from] JwkError),
    /// The key binding is not a JWT of type `kb+jwt`, or the holder's key did not sign it.
    #[error("key binding: {0}")]
    Jwt(#[from] JwtError),
    /// `aud` has another value, or is not a string.
    #[error("key binding: aud is {found}, expected {expected:?}")]
    Audience {
        /// The value of `aud`, as JSON.
        found: String,
        /// The verifier's own identifier.
        expected: String,
    },
    /// `nonce` has another value, or is not a string.
    #[error("key binding: another nonce")]
    Nonce,
    /// `iat` is missing, too old or in the future; or `exp` or `nbf` forbid its use now.
    #[error("key binding: {0}")]
    Time(#[from] ClaimError),
    /// `sd_hash` is not the hash of the text that was presented.
    #[error("key binding: sd_hash is not over what was presented")]
    SdHash,
}

/// The reason why a presentation could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// The presentation does not end with `~`, or already has a key binding.
    #[error("not an SD-JWT without key binding")]
    NotUnbound,
    /// The key failed to sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Appends a key binding that is signed with `key` to `selected`, which ends with `~`.
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

/// Checks the key binding against the key in `cnf`. If `binding` is `None`, there must be no key
/// binding.
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
    // The nonce is ours, so the key binding is fresh.
    numeric_date::check(proof, binding.now, &TimeRule::fresh(binding.ahead, MAX_AGE))?;
    if !text("sd_hash").is_some_and(|hash| same(hash, &digest(bound))) {
        return Err(KeyBindingError::SdHash);
    }
    Ok(())
}

fn same(a: &str, b: &str) -> bool {
    constant_time_eq(a.as_bytes(), b.as_bytes())
}
