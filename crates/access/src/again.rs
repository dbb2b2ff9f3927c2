//! A decision that is made again later, because the rules of the gate have changed.
//!
//! Invariant: the second decision may take away from what the first one granted, and never adds to
//! it.

use sekisho_ambient::Timestamp;
use serde_json::Value;

use crate::Claims;

/// Returns the details that two decisions about one request have in common: of each figure the
/// smaller one, the actions that both allow, the earlier end, and every limit that only one names.
#[must_use]
pub fn lesser(before: &Claims, again: &Claims) -> Claims {
    let mut both = before.clone();
    for (name, value) in again {
        let less = match (before.get(name), name.as_str()) {
            (None, _) => Some(value.clone()),
            (Some(old), "gpus" | "gpu_hours" | "walltime_h") => smaller(old, value),
            (Some(old), "actions") => Some(common(old, value)),
            (Some(old), "expires") => earlier(old, value),
            (Some(_), _) => None,
        };
        both.extend(less.map(|less| (name.clone(), less)));
    }
    both
}

fn smaller(old: &Value, new: &Value) -> Option<Value> {
    (new.as_u64()? < old.as_u64()?).then(|| new.clone())
}

fn common(old: &Value, new: &Value) -> Value {
    let allowed = new.as_array().map(Vec::as_slice).unwrap_or_default();
    let old = old.as_array().into_iter().flatten();
    old.filter(|action| allowed.contains(action)).cloned().collect()
}

fn earlier(old: &Value, new: &Value) -> Option<Value> {
    let time = |value: &Value| Timestamp::from_rfc3339(value.as_str()?);
    (time(new)? < time(old)?).then(|| new.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_second_decision_only_takes_away() {
        let before = claims(&json!({
            "type": "gpu_access", "service": "a", "actions": ["ssh", "submit"], "gpus": 4,
            "gpu_hours": 512, "expires": "2026-11-26T00:00:00Z",
        }));
        let again = claims(&json!({
            "type": "gpu_access", "service": "b", "actions": ["submit", "infer"], "gpus": 16,
            "gpu_hours": 64, "walltime_h": 8, "expires": "2026-11-25T12:00:00Z",
        }));
        let both = claims(&json!({
            "type": "gpu_access", "service": "a", "actions": ["submit"], "gpus": 4,
            "gpu_hours": 64, "walltime_h": 8, "expires": "2026-11-25T12:00:00Z",
        }));
        assert_eq!(lesser(&before, &again), both);
        let later = claims(&json!({"expires": "2026-11-27T00:00:00Z"}));
        assert_eq!(lesser(&before, &later), before);
        assert_eq!(lesser(&before, &before), before);
    }
}
