//! Tests of decisions at the sample gate, and of policies that must not load.

use sekisho_ambient::{Text, Words};
use sekisho_profile::Code;
use serde_json::{Value, json};

use super::*;
use crate::samples::{NOW, affiliation, claims, gate, request, training};
use crate::{Claims, TrainingRule};

mod oracle;

fn policies(gate: &Gate) -> Policies {
    Policies::new(std::slice::from_ref(gate)).unwrap()
}

/// The facts of a decision. They meet every rule until a test changes them.
struct Case {
    gate: Gate,
    request: GpuAccessRequest,
    affiliation: Option<Claims>,
    training: Option<Claims>,
    now: Timestamp,
}

impl Case {
    fn good() -> Self {
        Self {
            gate: gate(),
            request: request(json!({})),
            affiliation: Some(affiliation()),
            training: Some(training()),
            now: NOW,
        }
    }

    fn asks(self, changes: Value) -> Self {
        Self { request: request(changes), ..self }
    }

    fn shows_training(mut self, changes: Value) -> Self {
        self.training.as_mut().unwrap().extend(claims(changes));
        self
    }

    fn shows_affiliation(mut self, changes: Value) -> Self {
        self.affiliation.as_mut().unwrap().extend(claims(changes));
        self
    }

    fn rule(mut self, change: impl FnOnce(&mut TrainingRule)) -> Self {
        change(self.gate.training.as_mut().unwrap());
        self
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.now,
            gate: &self.gate,
            request: &self.request,
            affiliation: self.affiliation.as_ref(),
            training: self.training.as_ref(),
            acr: Some("phr"),
        }
    }

    fn decide(&self) -> Decision {
        policies(&self.gate).decide(&self.facts())
    }

    fn granted(&self) -> Permit {
        match self.decide() {
            Decision::Permit(granted) => granted,
            Decision::Deny(denied) => panic!("denied: {denied:?}"),
        }
    }

    fn denied(&self) -> Denied {
        match self.decide() {
            Decision::Deny(denied) => denied,
            Decision::Permit(granted) => panic!("permitted: {granted:?}"),
        }
    }

    fn codes(&self) -> Vec<String> {
        match self.decide() {
            Decision::Deny(denied) => {
                denied.reasons.into_iter().map(|reason| reason.code.id().to_owned()).collect()
            }
            Decision::Permit(_) => Vec::new(),
        }
    }
}

#[test]
fn who_meets_every_condition_is_granted_what_was_asked() {
    let granted = Case::good().granted();
    let expected = json!({
        "type": "gpu_access", "service": "hokkai", "actions": ["allocate"], "gpus": 8,
        "gpu_hours": 64, "walltime_h": 8, "expires": "2026-11-22T05:32:00Z",
    });
    assert_eq!(Value::Object(granted.details), expected);
    assert_eq!(granted.groups, ["gpu:hokkai"]);
    assert_eq!(granted.expires, NOW.plus(24 * 3600));
}

#[test]
fn a_partition_is_granted_with_its_group() {
    let granted = Case::good().asks(json!({"partition": "large", "gpu_model": "H100"})).granted();
    assert_eq!(granted.groups, ["gpu:hokkai", "gpu:large"]);
    assert_eq!(granted.details["partition"], "large");
    assert_eq!(granted.details["gpu_model"], "H100");
}

#[test]
fn no_grant_is_without_a_bound() {
    let mut case = Case::good();
    case.request.gpu_hours = None;
    let details = case.granted().details;
    assert_eq!((&details["gpu_hours"], &details["walltime_h"]), (&json!(96), &json!(12)));
    let mut case = Case::good().asks(json!({"walltime_h": 3}));
    case.request.gpu_hours = None;
    assert_eq!(case.granted().details["gpu_hours"], 24);
}

#[test]
fn a_permit_ends_with_the_first_credential_that_ends() {
    let end = |case: Case| case.granted().expires.to_rfc3339();
    let training = Case::good().shows_training(json!({"valid_through": "2026-11-21"}));
    assert_eq!(end(training), "2026-11-21T14:59:59Z");
    let affiliation = Case::good().shows_affiliation(json!({"valid_through": "2026-11-21"}));
    assert_eq!(end(affiliation), "2026-11-21T14:59:59Z");
    let mut unread = Case::good().shows_training(json!({"valid_through": "2026-11-20"}));
    unread.gate.training = None;
    assert_eq!(end(unread), "2026-11-22T05:32:00Z");
}

#[test]
fn a_denial_lists_every_unmet_rule_in_the_order_of_the_codes() {
    let mut case = Case::good()
        .shows_affiliation(json!({"affiliation_type": "student"}))
        .asks(json!({"gpus": 16, "partition": "small"}));
    case.training = None;
    let denied = case.denied();
    let codes: Vec<&str> = denied.reasons.iter().map(|reason| reason.code.id()).collect();
    assert_eq!(codes, ["P-3111", "P-3201", "P-3301", "P-3501"]);
    assert_eq!(denied.conditions, 4);
}

#[test]
fn conditions_are_those_that_this_request_can_fail() {
    let mut case = Case::good().asks(json!({"gpus": 9}));
    assert_eq!(case.denied().conditions, 3);
    case.gate.training = None;
    assert_eq!(case.denied().conditions, 2);
    let case = Case::good().asks(json!({"gpus": 9, "gpu_model": "H100"}));
    assert_eq!(case.denied().conditions, 4);
}

#[test]
fn a_missing_training_is_a_reason_with_the_way_to_get_it() {
    let case = Case { training: None, ..Case::good() };
    let expected = Reason {
        code: Code::TrainingMissing,
        title: Text::from(Words::new(
            "必要な研修の条件を満たしていません。",
            "The required training is not met.",
        )),
        found: Text::from(Words::new("証明書が提示されていません", "No credential was presented")),
        needed: Text::from(Words::new(
            "研修「dss-l-1」レベル2以上の修了証（有効期限内）",
            "A valid certificate of training dss-l-1, level 2 or higher",
        )),
        action: Text::from(Words::new(
            "修了証をお持ちなら、もう一度提示し、ウォレットで選んでください。お持ちでないときは、研修「dss-l-1」レベル2以上を修了し、実施機関から修了証をウォレットに受け取ってください。",
            "If you have the certificate, present again and choose it in the wallet. If not, complete training dss-l-1, level 2 or higher and receive the certificate in your wallet.",
        )),
    };
    assert_eq!(case.denied().reasons, [expected]);
}

#[test]
fn a_missing_affiliation_is_a_reason() {
    let case = Case { affiliation: None, ..Case::good() };
    let reason = &case.denied().reasons[0];
    assert_eq!(reason.code, Code::AffiliationNotAllowed);
    assert_eq!(reason.found.ja, "証明書が提示されていません");
    assert_eq!(reason.needed.ja, "所属区分：正社員、出向");
    let withheld = Case { affiliation: Some(Claims::new()), ..Case::good() };
    assert_eq!(withheld.denied().reasons[0].found.ja, "所属区分が提示されていません");
}

#[test]
fn only_an_affiliation_of_an_allowed_kind_that_has_not_ended_counts() {
    let codes = |changes| Case::good().shows_affiliation(changes).codes();
    let denied = ["P-3111"];
    assert!(codes(json!({"affiliation_type": "seconded"})).is_empty());
    for kind in [json!("student"), json!("REGULAR"), json!("boss"), json!(""), json!(["regular"])] {
        assert_eq!(codes(json!({"affiliation_type": kind})), denied, "{kind}");
    }
    assert!(codes(json!({"valid_through": "2026-11-21"})).is_empty());
    assert_eq!(codes(json!({"valid_through": "2026-11-20"})), denied);
    assert_eq!(codes(json!({"valid_through": "soon"})), denied);
    assert_eq!(codes(json!({"valid_through": null})), denied);
}

#[test]
fn only_the_right_training_at_its_level_and_time_counts() {
    let codes = |changes| Case::good().shows_training(changes).codes();
    let denied = ["P-3201"];
    for changes in [
        json!({"achievement_id": "other"}),
        json!({"achievement_id": ["dss-l-1"]}),
        json!({"level_gte_2": false}),
        json!({"level_gte_2": "true"}),
        json!({"level_gte_2": false, "level_gte_1": true}),
        json!({"level_gte_2": false, "level": 1}),
        json!({"valid_through": "2026-11-20"}),
        json!({"valid_through": "2026-11-32"}),
        json!({"valid_through": null}),
        json!({"valid_through": 9_999_999_999_u64}),
    ] {
        assert_eq!(codes(changes.clone()), denied, "{changes}");
    }
    for changes in [
        json!({}),
        json!({"level_gte_2": false, "level_gte_3": true}),
        json!({"level_gte_2": false, "level": 2}),
        json!({"level_gte_2": false, "level": 4}),
        json!({"valid_through": "2026-11-21"}),
    ] {
        assert!(codes(changes.clone()).is_empty(), "{changes}");
    }
}

#[test]
fn a_gate_can_ask_for_no_level_and_for_the_highest() {
    let none = Case::good().rule(|rule| rule.min_level = 0);
    assert!(none.shows_training(json!({"level_gte_2": false})).codes().is_empty());
    let highest = || Case::good().rule(|rule| rule.min_level = 4);
    assert_eq!(highest().shows_training(json!({"level_gte_3": true})).codes(), ["P-3201"]);
    assert!(highest().shows_training(json!({"level": 4})).codes().is_empty());
}

#[test]
fn a_training_can_be_too_old() {
    let codes = |changes| {
        Case::good().rule(|rule| rule.max_age_days = Some(10)).shows_training(changes).codes()
    };
    let denied = ["P-3201"];
    assert_eq!(codes(json!({})), denied);
    assert_eq!(codes(json!({"completed_on": "2026-11-10"})), denied);
    assert!(codes(json!({"completed_on": "2026-11-11"})).is_empty());
    assert!(codes(json!({"completed_on": "2026-11-21"})).is_empty());
    assert_eq!(codes(json!({"completed_on": "2026-11-22"})), denied);
    assert_eq!(codes(json!({"completed_on": "2026"})), denied);
}

#[test]
fn what_is_wrong_with_a_training_is_said_in_full() {
    let case = Case::good().shows_training(json!({
        "achievement_id": "other", "level_gte_2": false, "level": 1, "valid_through": "2026-11-20",
    }));
    let reason = case.denied().reasons.remove(0);
    assert_eq!(
        reason.found.ja,
        "別の研修「other」の修了証、レベル1、有効期限 2026-11-20 を過ぎています"
    );
    assert_eq!(
        reason.found.en,
        "a certificate of another training (other), level 1, valid only through 2026-11-20"
    );
    let late = Case::good().shows_training(json!({"valid_through": "2026-11-20"}));
    assert!(late.denied().reasons[0].action.ja.starts_with("研修を受け直し"));
}

#[test]
fn a_request_stays_inside_every_limit() {
    let codes = |changes| Case::good().asks(changes).codes();
    let denied = ["P-3501"];
    assert!(codes(json!({"gpus": 8, "gpu_hours": 96, "walltime_h": 12})).is_empty());
    assert!(codes(json!({"gpus": 4, "gpu_hours": 96, "walltime_h": 24})).is_empty());
    assert_eq!(codes(json!({"gpus": 9})), denied);
    assert_eq!(codes(json!({"gpu_hours": 97})), denied);
    assert_eq!(codes(json!({"gpus": 1, "walltime_h": 25})), denied);
    assert_eq!(codes(json!({"gpus": 8, "gpu_hours": 1, "walltime_h": 13})), denied);
    let by_run = |gpus, walltime_h| {
        let mut case = Case::good().asks(json!({"gpus": gpus, "walltime_h": walltime_h}));
        case.request.gpu_hours = None;
        case.codes()
    };
    assert!(by_run(8, 12).is_empty());
    assert_eq!(by_run(8, 13), denied);
}

#[test]
fn what_is_too_large_is_said_with_the_limit() {
    let case = Case::good().asks(json!({"gpus": 16, "gpu_hours": 64}));
    let reason = case.denied().reasons.remove(0);
    assert_eq!(reason.found.ja, "GPU 16基、延べ64 GPU時間");
    assert_eq!(reason.needed.ja, "GPU 8基以下、延べ96 GPU時間以下");
    assert_eq!(reason.found.en, "16 GPUs, 64 GPU-hours");
    assert_eq!(reason.needed.en, "8 GPUs at most, 96 GPU-hours at most");
}

#[test]
fn no_run_outlives_its_permit() {
    let mut case = Case::good().asks(json!({"gpus": 1, "walltime_h": 25}));
    case.gate.max_walltime_h = Some(72);
    let reason = case.denied().reasons.remove(0);
    assert_eq!(reason.code, Code::RequestTooLarge);
    assert_eq!(reason.found.en, "1 GPUs, 64 GPU-hours, a run of 25 hours");
    assert_eq!(reason.needed.en, "8 GPUs at most, 96 GPU-hours at most, a run of 24 hours at most");
    // The training ends at midnight in Japan, in nine hours and a half.
    let until_midnight = || Case::good().shows_training(json!({"valid_through": "2026-11-21"}));
    let run = |walltime_h| until_midnight().asks(json!({"gpus": 1, "walltime_h": walltime_h}));
    assert_eq!(run(10).codes(), ["P-3501"]);
    assert_eq!(run(9).granted().details["walltime_h"], 9);
    // In the last hour no whole hour is left.
    let mut late = until_midnight();
    late.now = NOW.plus(9 * 3600);
    let reason = late.denied().reasons.remove(0);
    assert_eq!(reason.needed.ja, "GPU 8基以下、延べ96 GPU時間以下、連続0時間以下");
}

#[test]
fn nobody_is_given_a_partition_or_model_that_the_gate_does_not_offer() {
    let codes = |changes| Case::good().asks(changes).codes();
    assert_eq!(codes(json!({"partition": "secret"})), ["P-3301"]);
    assert_eq!(codes(json!({"gpu_model": "B200"})), ["P-3301"]);
    assert_eq!(codes(json!({"partition": "H100"})), ["P-3301"]);
    let mut bare = Case::good().asks(json!({"partition": "large"}));
    bare.gate.partitions.clear();
    assert_eq!(bare.denied().reasons[0].needed.ja, "区画：指定できません");
}

#[test]
fn every_action_of_a_request_is_decided() {
    let actions = json!(["allocate", "ssh", "submit", "infer"]);
    assert!(Case::good().asks(json!({"actions": actions})).codes().is_empty());
    for action in Action::ALL {
        let case = Case::good().asks(json!({"actions": [action.name()], "gpus": 9}));
        assert_eq!(case.codes(), ["P-3501"]);
    }
}

#[test]
fn one_action_that_is_forbidden_denies_the_whole_request() {
    let texts = [
        POLICIES[0],
        r#"@id("P-3111") @ja("あ") @en("a") forbid (principal, action, resource)
           unless { principal has affiliation };"#,
        r#"@id("P-3501") @ja("い") @en("b")
           forbid (principal, action == Action::"ssh", resource);"#,
    ];
    let policies = Policies::parse(SCHEMA, &texts, &[gate()]).unwrap();
    let case = Case::good().asks(json!({"actions": ["allocate"]}));
    assert!(matches!(policies.decide(&case.facts()), Decision::Permit(_)));
    let case = Case::good().asks(json!({"actions": ["allocate", "ssh"]}));
    let Decision::Deny(denied) = policies.decide(&case.facts()) else { panic!("permitted") };
    assert_eq!(denied.reasons[0].code, Code::RequestTooLarge);
    assert_eq!(
        (denied.reasons[0].title.ja.as_str(), denied.reasons[0].title.en.as_str()),
        ("い", "b")
    );
}

fn system_error(policies: &Policies, case: &Case) {
    let Decision::Deny(denied) = policies.decide(&case.facts()) else { panic!("permitted") };
    let codes: Vec<&str> = denied.reasons.iter().map(|reason| reason.code.id()).collect();
    assert_eq!(codes, ["S-5005"]);
}

#[test]
fn an_error_of_evaluation_denies() {
    let overflow = r#"@id("P-3501") @ja("あ") @en("a") forbid (principal, action, resource)
        unless { context.now + 9223372036854775807 > 0 };"#;
    let policies = Policies::parse(SCHEMA, &[POLICIES[0], overflow], &[gate()]).unwrap();
    system_error(&policies, &Case::good());
}

#[test]
fn a_gate_that_was_not_checked_denies() {
    let policies = policies(&gate());
    let mut case = Case::good();
    case.gate.max_gpus = 1000;
    system_error(&policies, &case);
}

#[test]
fn a_request_for_another_service_or_for_nothing_denies() {
    let policies = policies(&gate());
    system_error(&policies, &Case::good().asks(json!({"service": "other"})));
    let mut nothing = Case::good();
    nothing.request.actions.clear();
    system_error(&policies, &nothing);
}

#[test]
fn the_version_names_policies_and_gates() {
    let version = |gate: Gate| policies(&gate).version().to_owned();
    assert_eq!(version(gate()), version(gate()));
    assert_eq!(version(gate()).len(), 16);
    assert_ne!(version(gate()), version(Gate { max_gpus: 9, ..gate() }));
    let other = [POLICIES.concat()];
    let other = Policies::parse(SCHEMA, &[&other[0]], &[gate()]).unwrap();
    assert_ne!(other.version(), version(gate()));
}

/// Loads the permits with these further policies, and returns the error.
fn load(texts: &[&str]) -> PolicyError {
    let texts: Vec<&str> = [POLICIES[0]].into_iter().chain(texts.iter().copied()).collect();
    Policies::parse(SCHEMA, &texts, &[]).unwrap_err()
}

/// Makes a correct forbid for `actions`.
fn forbid(actions: &str) -> String {
    format!(
        r#"@id("P-3501") @ja("あ") @en("a") forbid (principal, {actions}, resource)
           unless {{ context.gpus <= resource.max_gpus }};"#
    )
}

#[test]
fn a_permit_without_a_forbid_cannot_exist() {
    assert!(matches!(load(&[]), PolicyError::Unpaired(_)));
    for action in Action::ALL {
        let others = Action::ALL.into_iter().filter(|other| *other != action);
        let others: Vec<String> =
            others.map(|other| format!(r#"Action::"{}""#, other.name())).collect();
        let others = forbid(&format!("action in [{}]", others.join(", ")));
        let PolicyError::Unpaired(id) = load(&[&others]) else { panic!("{action:?}") };
        assert_eq!(id, action.name());
    }
}

#[test]
fn a_permit_is_for_one_action_and_alone() {
    let second = r#"@id("more") permit (principal, action == Action::"ssh", resource);"#;
    let any = r#"@id("any") permit (principal, action, resource);"#;
    for text in [second, any] {
        assert!(matches!(load(&[&forbid("action"), text]), PolicyError::Permit(_)), "{text}");
    }
    let few = r#"@id("ssh") permit (principal, action == Action::"ssh", resource);"#;
    let few = Policies::parse(SCHEMA, &[few, &forbid("action")], &[]).unwrap_err();
    assert!(matches!(few, PolicyError::Unpermitted("allocate")));
}

#[test]
fn a_forbid_that_cannot_be_explained_is_refused() {
    for text in [
        r#"@id("P-9999") @ja("あ") @en("a") forbid (principal, action, resource);"#,
        r#"@id("P-3501") @en("a") forbid (principal, action, resource);"#,
        r#"@id("P-3501") @ja("あ") @en("") forbid (principal, action, resource);"#,
    ] {
        assert!(matches!(load(&[text]), PolicyError::Unexplained(_)), "{text}");
    }
    let nameless = r#"@ja("あ") @en("a") forbid (principal, action, resource);"#;
    assert!(matches!(load(&[nameless]), PolicyError::Id(_)));
    assert!(matches!(load(&[&forbid("action"), &forbid("action")]), PolicyError::Id(_)));
}

#[test]
fn a_policy_that_does_not_fit_the_schema_is_refused() {
    for condition in [
        "resource.max_gpu",
        "context.gpus <= \"8\"",
        "context.acr == \"phr\"",
        "principal.affiliation.kind == \"regular\"",
        "resource.training.min_level == 0",
        "context.gpus == \"8\"",
        "false",
    ] {
        let text = format!(
            r#"@id("P-3501") @ja("あ") @en("a") forbid (principal, action, resource)
               when {{ {condition} }};"#
        );
        assert!(matches!(load(&[&text]), PolicyError::Invalid(_)), "{condition}");
    }
    assert!(matches!(load(&["forbid"]), PolicyError::Syntax(_)));
    assert!(matches!(Policies::parse("entity", &[], &[]), Err(PolicyError::Schema(_))));
}

#[test]
fn each_rule_has_one_policy() {
    let policies = policies(&gate());
    let forbids = policies.set.policies().filter(|policy| policy.effect() == Effect::Forbid);
    let mut codes: Vec<String> = forbids.map(|policy| policy.id().to_string()).collect();
    codes.sort();
    assert_eq!(codes, Rule::ALL.map(|rule| rule.code().id()));
}
