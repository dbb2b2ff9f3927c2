//! The claims that a holder presented, in the form that the policies read.
//!
//! Invariant: a claim that does not have the expected form is treated as absent. It never gets a
//! default value.

use sekisho_ambient::Timestamp;
use serde_json::Value;

use crate::{Claims, Facts};

/// The most characters of a claim that are shown on a page.
const MAX_SHOWN: usize = 64;

/// A day in Japan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    /// The text of the claim.
    pub(crate) text: String,
    /// The last second of the day.
    pub(crate) end: Timestamp,
}

/// The credentials that the holder presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) affiliation: Option<Affiliation>,
    pub(crate) training: Option<Training>,
}

/// A credential of type `affiliation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Affiliation {
    /// `affiliation_type`; `None` if it is absent or not a text.
    pub(crate) kind: Option<String>,
    /// `valid_through`. If it cannot be read, it does not count as an end in the future.
    pub(crate) ends: Ends,
}

/// The end of an affiliation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The credential has no end.
    Unsaid,
    /// The affiliation ends on this day.
    On(Day),
    /// The credential has an end that is not a day.
    Unreadable,
}

/// A credential of type `ai-training`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Training {
    /// `achievement_id`; `None` if it is absent or not a text.
    pub(crate) achievement: Option<String>,
    /// The highest level that is proven by `level` or by a true predicate such as `level_gte_2`.
    pub(crate) level: Option<u8>,
    /// `valid_through`; `None` if it is absent or not a day.
    pub(crate) ends: Option<Day>,
    /// `completed_on`; `None` if it is absent or not a day.
    pub(crate) completed: Option<Day>,
}

impl Holder {
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        Self {
            affiliation: facts.affiliation.map(Affiliation::of),
            training: facts.training.map(Training::of),
        }
    }
}

impl Affiliation {
    fn of(claims: &Claims) -> Self {
        let ends = match (claims.get("valid_through"), day(claims, "valid_through")) {
            (None, _) => Ends::Unsaid,
            (Some(_), Some(day)) => Ends::On(day),
            (Some(_), None) => Ends::Unreadable,
        };
        Self { kind: text(claims, "affiliation_type"), ends }
    }
}

impl Training {
    fn of(claims: &Claims) -> Self {
        Self {
            achievement: text(claims, "achievement_id"),
            level: level(claims),
            ends: day(claims, "valid_through"),
            completed: day(claims, "completed_on"),
        }
    }
}

fn level(claims: &Claims) -> Option<u8> {
    let predicates = [("level_gte_1", 1), ("level_gte_2", 2), ("level_gte_3", 3)];
    let shown = predicates.into_iter().filter(|(name, _)| claims.get(*name) == Some(&true.into()));
    let level = claims.get("level").and_then(Value::as_u64).and_then(|n| u8::try_from(n).ok());
    shown.map(|(_, level)| level).chain(level).max()
}

fn text(claims: &Claims, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads a claim as a day in the form `2026-11-21`. Other forms are refused.
fn day(claims: &Claims, name: &str) -> Option<Day> {
    let text = claims.get(name)?.as_str()?;
    let shape = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let end = Timestamp::end_of_day_jst(text).filter(|_| shape)?;
    Some(Day { text: text.to_owned(), end })
}

/// Prepares a claim's text for a page: removes control characters and shortens it to one line.
pub(crate) fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    let mut shown: String = plain.clone().take(MAX_SHOWN).collect();
    if plain.count() > MAX_SHOWN {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::claims;

    #[test]
    fn the_highest_level_that_was_shown_counts() {
        for (value, expected) in [
            (json!({}), None),
            (json!({"level_gte_1": true}), Some(1)),
            (json!({"level_gte_1": true, "level_gte_3": true}), Some(3)),
            (json!({"level_gte_3": false}), None),
            (json!({"level_gte_3": "true"}), None),
            (json!({"level_gte_3": 1}), None),
            (json!({"level_gte_4": true}), None),
            (json!({"level": 0}), Some(0)),
            (json!({"level": 4}), Some(4)),
            (json!({"level": "4"}), None),
            (json!({"level": -1}), None),
            (json!({"level": 2.5}), None),
            (json!({"level": 258}), None),
            (json!({"level": 1, "level_gte_2": true}), Some(2)),
        ] {
            assert_eq!(level(&claims(value.clone())), expected, "{value}");
        }
    }

    #[test]
    fn a_day_ends_in_japan_and_is_written_in_one_way() {
        let read = |value: Value| day(&claims(json!({"d": value})), "d");
        let end = read(json!("2026-11-21")).unwrap().end;
        assert_eq!(end.to_rfc3339(), "2026-11-21T14:59:59Z");
        for value in [
            json!("2026-02-30"),
            json!("2026-11-21T00:00:00"),
            json!("20261121"),
            json!("2026-11-2"),
            json!("+002026-11-21"),
            json!(""),
            json!(20_261_121),
            json!(null),
        ] {
            assert_eq!(read(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn an_end_that_cannot_be_read_is_not_an_absent_end() {
        let ends = |value| Affiliation::of(&claims(value)).ends;
        assert_eq!(ends(json!({})), Ends::Unsaid);
        assert_eq!(ends(json!({"valid_through": "soon"})), Ends::Unreadable);
        assert!(matches!(ends(json!({"valid_through": "2027-03-31"})), Ends::On(_)));
    }

    #[test]
    fn a_long_text_is_cut_and_its_control_characters_dropped() {
        assert_eq!(shown("a\u{0}\nb"), "ab");
        assert_eq!(shown(&"界".repeat(65)), format!("{}…", "界".repeat(64)));
        assert_eq!(shown(&"界".repeat(64)), "界".repeat(64));
    }
}
