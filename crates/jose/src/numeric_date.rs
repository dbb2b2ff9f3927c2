//! The times in a token: `exp`, `nbf`, `iat` (RFC 7519, sections 2 and 4.1).
//!
//! Invariant: a time of another JSON type is an error. It is never treated as absent.

use sekisho_ambient::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::json::Claims;

/// The last second of the year 9999, which is the latest time that is accepted.
const MAX_SECONDS: i64 = 253_402_300_799;

/// The reason why a time was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// The value is not a NumericDate: another JSON type, negative, or beyond the year 9999.
    #[error("{0} is not a NumericDate")]
    Malformed(String),
    /// The time is required, and absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// `exp` has passed.
    #[error("expired at {}", .0.to_rfc3339())]
    Expired(Timestamp),
    /// `nbf` or `iat` is in the future.
    #[error("{name} {} lies in the future", .time.to_rfc3339())]
    Future {
        /// `nbf` or `iat`.
        name: &'static str,
        /// The time that it says.
        time: Timestamp,
    },
    /// `iat` is too far in the past.
    #[error("issued at {}, too long ago", .0.to_rfc3339())]
    TooOld(Timestamp),
}

/// The conditions on a token's times. All values are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// How long after `exp` a token is still accepted.
    pub leeway_past: i64,
    /// How far `nbf` and `iat` may be in the future.
    pub leeway_future: i64,
    /// Whether `exp` is required.
    pub require_exp: bool,
    /// Whether `iat` is required.
    pub require_iat: bool,
    /// How far `iat` may be in the past; `None` for no limit.
    pub max_age: Option<i64>,
}

impl TimeRule {
    /// Accepts `iat` and `nbf` up to 10 s in the future, and `exp` up to 10 s in the past
    /// (checklist GEN-14). No time is required.
    pub const LENIENT: Self = Self {
        leeway_past: 10,
        leeway_future: 10,
        require_exp: false,
        require_iat: false,
        max_age: None,
    };

    /// The rule for a token that contains a nonce of ours. The nonce proves that it is fresh, so its
    /// maker's clock may be further ahead than [`Self::LENIENT`] allows (checklist GEN-14). `iat` is
    /// required and at most `max_age` seconds old.
    pub const fn fresh(ahead: Ahead, max_age: i64) -> Self {
        Self {
            leeway_future: ahead.seconds(),
            require_iat: true,
            max_age: Some(max_age),
            ..Self::LENIENT
        }
    }
}

/// How many seconds a peer's clock may be ahead of ours where a nonce of ours proves that what it
/// signed is fresh: 0 to [`Ahead::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Ahead(i64);

/// The value is not a number of seconds that an [`Ahead`] can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} s is not allowed: use 0 to {max}", max = Ahead::MAX)]
pub struct AheadError(i64);

impl Ahead {
    /// The largest value, in seconds. More would let a wallet make proofs long before they are used.
    pub const MAX: i64 = 120;

    /// Returns the value in seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

/// 60 seconds.
impl Default for Ahead {
    fn default() -> Self {
        Self(60)
    }
}

impl TryFrom<i64> for Ahead {
    type Error = AheadError;

    fn try_from(seconds: i64) -> Result<Self, AheadError> {
        if (0..=Self::MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(AheadError(seconds))
        }
    }
}

impl ClaimError {
    /// Whether a token that a nonce proves to be fresh was refused because its maker's clock is
    /// wrong.
    pub fn is_of_the_clock(&self) -> bool {
        matches!(self, Self::Future { .. } | Self::TooOld(_) | Self::Expired(_))
    }
}

/// Reads the time called `name`. A fraction of a second is dropped.
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

/// Reads the whole seconds from a JSON number's text, without converting it to a float.
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    fn claims(text: &str) -> Claims {
        crate::json::parse_object(text.as_bytes()).unwrap()
    }

    fn exp(number: &str) -> Result<Option<Timestamp>, ClaimError> {
        read(&claims(&format!(r#"{{"exp":{number}}}"#)), "exp")
    }

    fn check_at_now(text: &str, rule: &TimeRule) -> Result<(), ClaimError> {
        check(&claims(text), NOW, rule)
    }

    #[test]
    fn a_time_is_read_whatever_way_the_number_is_written() {
        for (number, seconds) in [
            ("0", 0),
            ("0.0", 0),
            ("0e5", 0),
            ("0e400", 0),
            ("0.00e99", 0),
            ("1763000000", 1_763_000_000),
            ("1763000000.5", 1_763_000_000),
            ("1763000000.999999999999", 1_763_000_000),
            ("1.763e9", 1_763_000_000),
            ("1.763E+9", 1_763_000_000),
            ("17630000001e-1", 1_763_000_000),
            ("0.0000000001e10", 1),
            ("1e-5", 0),
            ("253402300799", 253_402_300_799),
        ] {
            assert_eq!(exp(number), Ok(Some(Timestamp::from_unix(seconds))), "{number}");
        }
        assert_eq!(read(&Claims::new(), "exp"), Ok(None));
    }

    #[test]
    fn what_is_no_time_is_an_error_and_not_an_absent_time() {
        for value in [
            "1e400",
            "1e2147483646",
            "-1",
            "-0.5",
            "-1e5",
            "253402300800",
            "99999999999999999999",
            "1e99999999999",
            "null",
            "true",
            "[]",
            "[1763000000]",
            "{}",
            "\"1763000000\"",
            "\"\"",
        ] {
            assert_eq!(exp(value), Err(ClaimError::Malformed("exp".to_owned())), "{value}");
        }
    }

    #[test]
    fn each_time_is_held_to_its_leeway() {
        let rule = TimeRule::LENIENT;
        let at = |name: &str, offset: i64| {
            check_at_now(&format!(r#"{{"{name}":{}}}"#, NOW.unix() + offset), &rule)
        };
        assert_eq!(at("exp", -9), Ok(()));
        assert_eq!(at("exp", -10), Err(ClaimError::Expired(NOW.plus(-10))));
        for name in ["nbf", "iat"] {
            assert_eq!(at(name, 10), Ok(()));
            let time = NOW.plus(11);
            assert_eq!(at(name, 11), Err(ClaimError::Future { name, time }));
        }
        assert_eq!(at("exp", 1_000_000_000), Ok(()));
        assert_eq!(at("iat", -1_000_000_000), Ok(()));
        assert_eq!(check_at_now("{}", &rule), Ok(()));
    }

    #[test]
    fn a_required_time_is_required() {
        let exp = TimeRule { require_exp: true, ..TimeRule::LENIENT };
        assert_eq!(check_at_now("{}", &exp), Err(ClaimError::Missing("exp")));
        let iat = TimeRule { require_iat: true, ..TimeRule::LENIENT };
        assert_eq!(check_at_now("{}", &iat), Err(ClaimError::Missing("iat")));
        let age = TimeRule { max_age: Some(300), ..TimeRule::LENIENT };
        assert_eq!(check_at_now("{}", &age), Err(ClaimError::Missing("iat")));
        let at = |offset| check_at_now(&format!(r#"{{"iat":{}}}"#, NOW.unix() + offset), &age);
        assert_eq!(at(-300), Ok(()));
        assert_eq!(at(-301), Err(ClaimError::TooOld(NOW.plus(-301))));
    }

    #[test]
    fn a_nonce_allows_a_clock_that_is_further_ahead() {
        let at = |name: &str, offset: i64, ahead: i64| {
            let rule = TimeRule::fresh(Ahead::try_from(ahead).unwrap(), 300);
            let iat = if name == "iat" { offset } else { 0 };
            let text = format!(
                r#"{{"iat":{},"nbf":{}}}"#,
                NOW.unix() + iat,
                NOW.unix() + if name == "nbf" { offset } else { 0 }
            );
            check_at_now(&text, &rule).is_ok()
        };
        assert_eq!(Ahead::default().seconds(), 60);
        for name in ["iat", "nbf"] {
            assert!(at(name, 60, 60) && !at(name, 61, 60));
            assert!(at(name, 120, 120) && !at(name, 121, 120));
            assert!(at(name, 0, 0) && !at(name, 1, 0));
        }
        assert!(at("iat", -300, 60) && !at("iat", -301, 60));
        assert!(Ahead::try_from(121).is_err() && Ahead::try_from(-1).is_err());
    }

    #[test]
    fn a_malformed_time_is_refused_even_where_none_is_required() {
        for name in ["exp", "nbf", "iat"] {
            let text = format!(r#"{{"{name}":"soon"}}"#);
            let refused = Err(ClaimError::Malformed(name.to_owned()));
            assert_eq!(check_at_now(&text, &TimeRule::LENIENT), refused);
        }
    }
}
