//! What a person agreed to, compared with what would be granted later.
//!
//! Invariant: an agreement covers nothing that is more than it in any dimension: service, partition,
//! model, actions, GPUs, GPU-hours and walltime. A member that is not known has to be the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::actions;
use crate::{Claims, GpuAccessRequest};

/// Granted details to which a person agreed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    /// The granted entry of `authorization_details`, as it was shown.
    details: Claims,
    /// Whether the request named the walltime. If it did not, the walltime followed from GPUs and
    /// GPU-hours.
    named_run: bool,
}

impl Agreed {
    /// What a person agrees to who is shown `granted`, the details that `request` was granted.
    pub fn new(request: &GpuAccessRequest, granted: &Claims) -> Self {
        Self { details: granted.clone(), named_run: request.walltime_h.is_some() }
    }

    /// Whether this agreement covers `wanted`: the same service, partition and model, and no more
    /// actions, GPUs or time.
    pub fn covers(&self, wanted: &Self) -> bool {
        let names = self.details.keys().chain(wanted.details.keys());
        names.into_iter().all(|name| self.covers_member(name, wanted))
    }

    fn covers_member(&self, name: &str, wanted: &Self) -> bool {
        let (agreed, asked) = (self.details.get(name), wanted.details.get(name));
        let number = |value: Option<&Value>| value.and_then(Value::as_u64);
        match name {
            // Follows from the time of the decision.
            "expires" => true,
            // Grows where fewer GPUs share the same GPU-hours.
            "walltime_h" if !self.named_run && !wanted.named_run => true,
            "gpus" | "gpu_hours" | "walltime_h" => {
                number(asked).zip(number(agreed)).is_some_and(|(asked, agreed)| asked <= agreed)
            }
            "actions" => {
                let read = |value: Option<&Value>| value.and_then(|value| actions(value).ok());
                let both = read(asked).zip(read(agreed));
                both.is_some_and(|(some, all)| some.iter().all(|action| all.contains(action)))
            }
            _ => agreed == asked,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::samples::{claims, request};

    fn agreed(changes: Value) -> Agreed {
        let request = request(changes);
        let mut granted = request.to_details();
        granted.extend(claims(json!({"expires": "2026-11-22T05:32:00Z"})));
        granted.entry("walltime_h").or_insert(json!(24));
        Agreed::new(&request, &granted)
    }

    #[test]
    fn more_in_any_dimension_is_not_covered() {
        let base = json!({
            "actions": ["submit", "infer"], "gpus": 4, "gpu_hours": 32, "walltime_h": 8,
            "partition": "large", "gpu_model": "H100",
        });
        let before = agreed(base.clone());
        let with = |name: &str, value: Value| {
            let mut changed = base.clone();
            changed[name] = value;
            agreed(changed)
        };
        assert!(before.covers(&before));
        for (name, value) in [
            ("gpus", json!(3)),
            ("gpu_hours", json!(1)),
            ("walltime_h", json!(7)),
            ("actions", json!(["infer"])),
            ("actions", json!(["infer", "submit"])),
        ] {
            assert!(before.covers(&with(name, value.clone())), "{name} {value}");
        }
        for (name, value) in [
            ("gpus", json!(5)),
            ("gpu_hours", json!(33)),
            ("walltime_h", json!(9)),
            ("actions", json!(["infer", "ssh"])),
            ("partition", json!("small")),
            ("gpu_model", json!("B200")),
            ("service", json!("other")),
        ] {
            assert!(!before.covers(&with(name, value.clone())), "{name} {value}");
        }
        for name in ["partition", "gpu_model", "walltime_h"] {
            let mut without = base.clone();
            without.as_object_mut().unwrap().remove(name);
            let without = agreed(without);
            assert!(!without.covers(&before) || name == "walltime_h", "{name}");
            assert!(!before.covers(&without), "{name}");
        }
        let mut unknown = agreed(base);
        unknown.details.insert("locations".to_owned(), json!(["jp"]));
        assert!(!before.covers(&unknown) && !unknown.covers(&before));
    }

    #[test]
    fn a_run_that_nobody_named_follows_from_the_other_figures() {
        let mut before = agreed(json!({"gpus": 8, "gpu_hours": 64}));
        before.details.insert("walltime_h".to_owned(), json!(8));
        let after = agreed(json!({"gpus": 4, "gpu_hours": 64}));
        assert!(before.covers(&after));
        assert!(!before.covers(&agreed(json!({"gpus": 4, "gpu_hours": 64, "walltime_h": 9}))));
    }

    proptest! {
        #[test]
        fn it_covers_exactly_what_is_no_more(
            a in (1..5_u32, 1..5_u32, 1..5_u32), b in (1..5_u32, 1..5_u32, 1..5_u32),
        ) {
            let of = |(gpus, gpu_hours, walltime_h)| {
                agreed(json!({"gpus": gpus, "gpu_hours": gpu_hours, "walltime_h": walltime_h}))
            };
            let no_more = b.0 <= a.0 && b.1 <= a.1 && b.2 <= a.2;
            prop_assert_eq!(of(a).covers(&of(b)), no_more);
        }
    }
}
