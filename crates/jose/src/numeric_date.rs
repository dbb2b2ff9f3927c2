//! The times of a token: `exp`, `nbf`, `iat` (RFC 7519, sections 2 and 4.1).
//!
//! Invariant: a time of another JSON type is an error, never an absent time.

use sekisho_ambient::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::json::Claims;

/// The last second of the year 9999; no time beyond it is read.
const MAX_SECONDS: i64 = 253_402_300_799;

/// Why a time was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// Not a NumericDate: another JSON type, negative, or beyond the year 9999.
    #[error("{0} is not a NumericDate")]
    Malformed(String),
    /// Required, and absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// `exp` has passed.
    #[error("expired at {}", .0.to_rfc3339())]
    Expired(Timestamp),
    /// `nbf` or `iat` lies ahead.
    #[error("{name} {} lies in the future", .time.to_rfc3339())]
    Future {
        /// `nbf` or `iat`.
        name: &'static str,
        /// Its time.
        time: Timestamp,
    },
    /// `iat` is too long ago.
    #[error("issued at {}, too long ago", .0.to_rfc3339())]
    TooOld(Timestamp),
}

/// What the times of a token have to be. All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// How long past `exp` a token still passes.
    pub leeway_past: i64,
    /// How far ahead `nbf` and `iat` may lie.
    pub leeway_future: i64,
    /// Whether `exp` has to be there.
    pub require_exp: bool,
    /// Whether `iat` has to be there.
    pub require_iat: bool,
    /// How long ago `iat` may be.
    pub max_age: Option<i64>,
}

impl TimeRule {
    /// `iat` and `nbf` up to 10 s ahead and `exp` up to 10 s past pass (checklist GEN-14); nothing is
    /// required.
    pub const LENIENT: Self = Self {
        leeway_past: 10,
        leeway_future: 10,
        require_exp: false,
        require_iat: false,
        max_age: None,
    };
}

/// Reads `name`; a fraction of a second is cut off.
pub fn read(claims: &Claims, name: &str) -> Result<Option<Timestamp>, ClaimError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => match seconds(&number.to_string()) {
            Some(seconds) => Ok(Some(Timestamp::from_unix(seconds))),
            None => Err(ClaimError::Malformed(name.to_owned())),
        },
        Some(_) => Err(ClaimError::Malformed(name.to_owned())),
    }
}

/// Checks `exp`, `nbf` and `iat` against `rule`.
pub fn check(claims: &Claims, now: Timestamp, rule: &TimeRule) -> Result<(), ClaimError> {
    let (exp, nbf, iat) = (read(claims, "exp")?, read(claims, "nbf")?, read(claims, "iat")?);
    if rule.require_exp && exp.is_none() {
        return Err(ClaimError::Missing("exp"));
    }
    if (rule.require_iat || rule.max_age.is_some()) && iat.is_none() {
        return Err(ClaimError::Missing("iat"));
    }
    if let Some(exp) = exp.filter(|exp| now.since(*exp) >= rule.leeway_past.max(0)) {
        return Err(ClaimError::Expired(exp));
    }
    for (name, time) in [("nbf", nbf), ("iat", iat)] {
        if let Some(time) = time.filter(|time| time.since(now) > rule.leeway_future) {
            return Err(ClaimError::Future { name, time });
        }
    }
    match (iat, rule.max_age) {
        (Some(iat), Some(age)) if now.since(iat) > age => Err(ClaimError::TooOld(iat)),
        _ => Ok(()),
    }
}

/// The whole seconds of a JSON number's text, without a float in between.
fn seconds(number: &str) -> Option<i64> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let digits = whole.chars().chain(fraction.chars());
    let length = usize::try_from(point.max(0)).ok()?;
    let is_zero = mantissa.chars().all(|digit| digit == '0' || digit == '.');
    if is_zero || length == 0 {
        return mantissa.chars().all(|c| c.is_ascii_digit() || c == '.').then_some(0);
    }
    if length > mantissa.len() + 12 {
        return None;
    }
    let text: String = digits.chain(std::iter::repeat('0')).take(length).collect();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS)
}
