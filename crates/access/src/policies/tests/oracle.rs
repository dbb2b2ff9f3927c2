//! The rules in plain Rust, and random cases in which the policies must give the same result.

use proptest::prelude::*;

use super::*;
use crate::AffiliationType;

/// The rules as plain Rust. They were written without looking at the policies.
fn oracle(case: &Case) -> Vec<&'static str> {
    let day_ok = |claims: &Claims, name: &str| {
        let end = claims.get(name).and_then(Value::as_str).and_then(Timestamp::end_of_day_jst);
        end.is_some_and(|end| end >= case.now)
    };
    let affiliation = case.affiliation.as_ref().is_some_and(|shown| {
        let allowed = case.gate.allowed_affiliation_types.iter();
        allowed.into_iter().any(|kind| shown.get("affiliation_type") == Some(&json!(kind.name())))
    });
    let training = case.gate.training.as_ref().is_none_or(|rule| {
        case.training.as_ref().is_some_and(|shown| {
            let listed = rule.achievements.iter().any(|id| shown["achievement_id"] == json!(id));
            let predicate = (rule.min_level..=3)
                .any(|level| shown.get(&format!("level_gte_{level}")) == Some(&json!(true)));
            let level = shown.get("level").and_then(Value::as_u64);
            let level = level.is_some_and(|level| level >= u64::from(rule.min_level));
            listed && (rule.min_level == 0 || predicate || level) && day_ok(shown, "valid_through")
        })
    });
    let request = &case.request;
    // A run is one hour at least, and ends with the permit: a day, unless a credential ends before.
    let run = request.walltime_h.unwrap_or(1);
    let hours = request.gpu_hours.unwrap_or(0).max(request.gpus * run);
    let ends_today = case.gate.training.is_some()
        && case.training.as_ref().is_some_and(|shown| shown["valid_through"] == "2026-11-21");
    let left = if ends_today { 9 } else { 24 };
    let size = request.gpus <= case.gate.max_gpus
        && hours <= case.gate.max_gpu_hours
        && run <= case.gate.max_walltime_h.unwrap_or(24).min(left);
    let offered = request.partition.iter().all(|name| case.gate.partitions.contains(name));
    let all =
        [("P-3111", affiliation), ("P-3201", training), ("P-3301", offered), ("P-3501", size)];
    all.into_iter().filter(|(_, met)| !met).map(|(code, _)| code).collect()
}

fn optional<T: std::fmt::Debug + Clone + 'static>(
    values: &'static [T],
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(prop::sample::select(values))
}

fn some_affiliation() -> impl Strategy<Value = Option<Claims>> {
    let kinds = ["regular", "seconded", "student", "staff", "", "nonsense"];
    prop::option::of(
        optional(Vec::from(kinds).leak()).prop_map(|kind| {
            claims(kind.map_or(json!({}), |kind| json!({"affiliation_type": kind})))
        }),
    )
}

fn some_training() -> impl Strategy<Value = Option<Claims>> {
    let parts = (
        prop::sample::select(vec!["dss-l-1", "dss-l-2", "other"]),
        prop::collection::btree_map(1..=3_u8, any::<bool>(), 0..4),
        prop::option::of(0..=4_u8),
        prop::sample::select(vec!["2026-11-20", "2026-11-21", "2030-01-01", "never"]),
    );
    prop::option::of(parts.prop_map(|(id, predicates, level, ends)| {
        let mut out = claims(json!({"achievement_id": id, "valid_through": ends}));
        let predicates = predicates.into_iter();
        out.extend(predicates.map(|(level, holds)| (format!("level_gte_{level}"), json!(holds))));
        out.extend(level.map(|level| ("level".to_owned(), json!(level))));
        out
    }))
}

fn some_gate() -> impl Strategy<Value = Gate> {
    let kinds = prop::sample::subsequence(AffiliationType::ALL.to_vec(), 1..=9);
    let rule = prop::option::of((
        prop::sample::subsequence(vec!["dss-l-1".to_owned(), "dss-l-2".to_owned()], 1..=2),
        0..=4_u8,
    ));
    let limits = (1..20_u32, 1..200_u32, prop::option::of(1..30_u32));
    (kinds, rule, limits).prop_map(|(kinds, rule, (max_gpus, max_gpu_hours, max_walltime_h))| {
        let training = rule.map(|(achievements, min_level)| TrainingRule {
            achievements,
            min_level,
            max_age_days: None,
        });
        let allowed_affiliation_types = kinds;
        let limits = Gate { max_gpus, max_gpu_hours, max_walltime_h, ..gate() };
        Gate { allowed_affiliation_types, training, ..limits }
    })
}

fn some_request() -> impl Strategy<Value = GpuAccessRequest> {
    let actions = prop::sample::subsequence(Action::ALL.to_vec(), 1..=4);
    let hours = (prop::option::of(1..200_u32), prop::option::of(1..30_u32));
    let partition = optional(&["large", "small"]);
    (actions, 1..20_u32, hours, partition).prop_map(
        |(actions, gpus, (gpu_hours, walltime_h), partition)| GpuAccessRequest {
            actions,
            gpus,
            gpu_hours,
            walltime_h,
            partition: partition.map(str::to_owned),
            ..GpuAccessRequest::smallest("hokkai")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_is_permitted_exactly_if_every_condition_holds(
        gate in some_gate(),
        request in some_request(),
        affiliation in some_affiliation(),
        training in some_training(),
    ) {
        let case = Case { gate, request, affiliation, training, now: NOW };
        let unmet = oracle(&case);
        match case.decide() {
            Decision::Permit(granted) => {
                prop_assert!(unmet.is_empty());
                let details = granted.details;
                let figure = |name: &str| details[name].as_u64().unwrap();
                let (gpus, hours, run) =
                    (figure("gpus"), figure("gpu_hours"), figure("walltime_h"));
                let asked = &case.request;
                prop_assert_eq!(gpus, u64::from(asked.gpus));
                if let Some(named) = asked.walltime_h {
                    prop_assert_eq!(run, u64::from(named));
                }
                if let Some(named) = asked.gpu_hours {
                    prop_assert_eq!(hours, (gpus * run).max(named.into()));
                }
                prop_assert!(gpus * run <= hours && hours <= case.gate.max_gpu_hours.into());
                let left = granted.expires.since(case.now);
                prop_assert!(run >= 1 && i64::try_from(run * 3600).unwrap() <= left);
                prop_assert!(run <= case.gate.max_walltime_h.unwrap_or(24).into());
            }
            Decision::Deny(denied) => {
                let codes: Vec<&str> =
                    denied.reasons.iter().map(|reason| reason.code.id()).collect();
                prop_assert_eq!(codes, unmet);
                prop_assert!(denied.reasons.len() <= denied.conditions);
                for reason in &denied.reasons {
                    for text in [
                        &reason.title, &reason.found, &reason.needed, &reason.action,
                    ] {
                        prop_assert!(!text.ja.is_empty() && !text.en.is_empty(), "{:?}", reason);
                    }
                }
            }
        }
    }
}
