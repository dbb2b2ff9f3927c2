//! The Cedar schema and policies, parsed and strictly validated once.
//!
//! Invariants: an action that a policy permits is also restricted by a policy that forbids, because
//! a permit alone would allow everything, and a denial without it would have no reason. Each forbid
//! is a rule that can be explained. An error of evaluation denies; Cedar itself would skip the
//! policy that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cedar_policy::{
    ActionConstraint, Authorizer, Effect, Entities, Policy, PolicyId, PolicySet, Schema,
    ValidationMode, Validator,
};
use sekisho_ambient::{Timestamp, sha256};
use thiserror::Error;

use crate::evaluate::{self, Unfit};
use crate::explain;
use crate::gate::{self, GateError};
use crate::holder::Holder;
use crate::rule::Rule;
use crate::size::{Size, expires};
use crate::{Action, Decision, Denied, Facts, Gate, GpuAccessRequest, Permit, Reason};

const SCHEMA: &str = include_str!("../policies/schema.cedarschema");

const POLICIES: [&str; 5] = [
    include_str!("../policies/permits.cedar"),
    include_str!("../policies/affiliation.cedar"),
    include_str!("../policies/training.cedar"),
    include_str!("../policies/partition.cedar"),
    include_str!("../policies/size.cedar"),
];

/// Policies that passed every check, with the gates for which they were checked.
#[derive(Debug)]
pub struct Policies {
    schema: Schema,
    set: PolicySet,
    gates: Vec<Gate>,
    version: String,
    /// By the id of the gate: the version that the policies would have with this gate alone.
    rules: BTreeMap<String, String>,
}

/// The reason why policies or gates were refused.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The schema cannot be parsed.
    #[error("policy schema: {0}")]
    Schema(String),
    /// A policy cannot be parsed.
    #[error("policy: {0}")]
    Syntax(String),
    /// A policy has no id, or the id of another policy.
    #[error("policy {0:?}: no @id, or that of another policy")]
    Id(String),
    /// A policy does not fit the schema.
    #[error("policy does not fit the schema: {0}")]
    Invalid(String),
    /// A policy permits an action that no policy forbids, so it would allow everything.
    #[error("policy {0:?} permits an action that no policy forbids")]
    Unpaired(String),
    /// A permit is not for exactly one action, or is not the only permit for it.
    #[error("policy {0:?}: a permit is for one action, and the only one for it")]
    Permit(String),
    /// An action that no policy permits.
    #[error("no policy permits {0:?}")]
    Unpermitted(&'static str),
    /// A forbidding policy is not a known rule, or lacks its texts.
    #[error("policy {0:?} forbids, but is not a known rule with @ja and @en")]
    Unexplained(String),
    /// A gate was refused by its own checks.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A gate that does not fit the schema.
    #[error("gate {gate:?} does not fit the schema: {error}")]
    GateUnfit {
        /// The id of the gate.
        gate: String,
        /// Cedar's error.
        error: String,
    },
}

impl Policies {
    /// Loads the embedded policies for these gates.
    pub fn new(gates: &[Gate]) -> Result<Self, PolicyError> {
        Self::parse(SCHEMA, &POLICIES, gates)
    }

    fn parse(schema: &str, texts: &[&str], gates: &[Gate]) -> Result<Self, PolicyError> {
        let rules = gates.iter().map(|gate| {
            let alone = version(schema, texts, std::slice::from_ref(gate));
            (gate.id.clone(), alone)
        });
        let rules = rules.collect();
        let version = version(schema, texts, gates);
        let (schema, _) = Schema::from_cedarschema_str(schema)
            .map_err(|error| PolicyError::Schema(error.to_string()))?;
        let set = named(texts)?;
        validate(&set, &schema)?;
        check_pairs(&set)?;
        gate::check(gates)?;
        let this = Self { schema, set, gates: gates.to_vec(), version, rules };
        this.gates.iter().try_for_each(|gate| this.try_gate(gate))?;
        Ok(this)
    }

    /// Passes the gate to Cedar now, so that a later decision cannot fail because of it.
    fn try_gate(&self, gate: &Gate) -> Result<(), PolicyError> {
        let request = GpuAccessRequest::smallest(&gate.service);
        let facts = Facts {
            now: Timestamp::from_unix(0),
            gate,
            request: &request,
            affiliation: None,
            training: None,
            acr: None,
        };
        let holder = Holder::of(&facts);
        let size = Size::of(&facts, expires(&facts, &holder));
        let fits = evaluate::entities(&facts, &holder, &size, &self.schema)
            .and_then(|_| evaluate::question(&facts, &size, Action::Allocate, &self.schema));
        let unfit = |error: Unfit| PolicyError::GateUnfit {
            gate: gate.id.clone(),
            error: error.to_string(),
        };
        fits.map(|_| ()).map_err(unfit)
    }

    /// Returns a name for exactly these policies, this schema and these gates: 16 hexadecimal
    /// digits.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns a name for exactly the rules of this gate: its own limits, the policies and the
    /// schema. It does not change with another gate. `None` if there is no such gate.
    pub fn rules_of(&self, gate: &str) -> Option<&str> {
        self.rules.get(gate).map(String::as_str)
    }

    /// Makes a decision. A request that cannot be evaluated is denied with the code S-5005.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        let holder = Holder::of(facts);
        match self.unmet(facts, &holder) {
            Some(unmet) if unmet.is_empty() => Decision::Permit(granted(facts, &holder)),
            Some(unmet) => {
                let reasons = unmet.into_iter().map(|rule| self.reason(rule, facts, &holder));
                Decision::Deny(Denied { reasons: reasons.collect(), conditions: conditions(facts) })
            }
            None => Decision::Deny(Denied {
                reasons: vec![explain::system_error()],
                conditions: conditions(facts),
            }),
        }
    }

    /// Returns the rules that some action of the request does not meet; `None` if the request
    /// cannot be evaluated.
    fn unmet(&self, facts: &Facts<'_>, holder: &Holder) -> Option<BTreeSet<Rule>> {
        let checked = self.gates.contains(facts.gate);
        let fits = facts.request.service == facts.gate.service;
        if !checked || !fits || facts.request.actions.is_empty() {
            return None;
        }
        let size = Size::of(facts, expires(facts, holder));
        let entities = evaluate::entities(facts, holder, &size, &self.schema).ok()?;
        let mut unmet = BTreeSet::new();
        for action in &facts.request.actions {
            unmet.extend(self.unmet_by(*action, facts, &size, &entities)?);
        }
        Some(unmet)
    }

    fn unmet_by(
        &self,
        action: Action,
        facts: &Facts<'_>,
        size: &Size,
        entities: &Entities,
    ) -> Option<BTreeSet<Rule>> {
        let question = evaluate::question(facts, size, action, &self.schema).ok()?;
        let response = Authorizer::new().is_authorized(&question, &self.set, entities);
        let diagnostics = response.diagnostics();
        if diagnostics.errors().next().is_some() {
            return None;
        }
        if response.decision() == cedar_policy::Decision::Allow {
            return Some(BTreeSet::new());
        }
        let rules = diagnostics.reason().map(|id| Rule::from_code(id.as_ref()));
        let rules: BTreeSet<Rule> = rules.collect::<Option<_>>()?;
        // Denied without a rule: no policy permits the action. Such a denial has no reason to show.
        (!rules.is_empty()).then_some(rules)
    }

    fn reason(&self, rule: Rule, facts: &Facts<'_>, holder: &Holder) -> Reason {
        let id = PolicyId::new(rule.code().id());
        let text = |name| self.set.annotation(&id, name).unwrap_or_default().to_owned();
        explain::reason(rule, text("ja"), text("en"), facts, holder)
    }
}

/// Returns the number of rules that this request can fail at this gate.
fn conditions(facts: &Facts<'_>) -> usize {
    Rule::ALL.into_iter().filter(|rule| rule.applies(facts.gate, facts.request)).count()
}

/// Makes the permit: the request, its size as it counted, and the end.
fn granted(facts: &Facts<'_>, holder: &Holder) -> Permit {
    let (gate, asked) = (facts.gate, facts.request);
    let expires = expires(facts, holder);
    let size = Size::of(facts, expires);
    let granted = GpuAccessRequest {
        // The size rule was met, so the number is at most the gate's.
        gpu_hours: Some(u32::try_from(size.gpu_hours).unwrap_or(gate.max_gpu_hours)),
        walltime_h: Some(size.walltime_h),
        ..asked.clone()
    };
    let mut details = granted.to_details();
    details.insert("expires".to_owned(), expires.to_rfc3339().into());
    let names = [Some(&gate.service), asked.partition.as_ref()];
    let groups = names.into_iter().flatten().map(|name| format!("gpu:{name}")).collect();
    Permit { details, groups, expires }
}

fn version(schema: &str, texts: &[&str], gates: &[Gate]) -> String {
    let gates = serde_json::to_string(gates).unwrap_or_default();
    let parts = [schema].into_iter().chain(texts.iter().copied()).chain([gates.as_str()]);
    let whole = parts.fold(String::new(), |mut whole, part| {
        let _ = write!(whole, "{}:{part}", part.len());
        whole
    });
    sha256(whole.as_bytes()).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Parses all policies. Each gets the name in its `@id`.
fn named(texts: &[&str]) -> Result<PolicySet, PolicyError> {
    let mut policies = PolicySet::new();
    for text in texts {
        let parsed: PolicySet =
            text.parse().map_err(|error| PolicyError::Syntax(format!("{error}")))?;
        if parsed.num_of_templates() > 0 {
            return Err(PolicyError::Syntax("templates are not used".to_owned()));
        }
        for policy in parsed.policies() {
            let id = policy.annotation("id").unwrap_or_default().to_owned();
            let named = policy.new_id(PolicyId::new(&id));
            let added = if id.is_empty() { None } else { policies.add(named).ok() };
            added.ok_or(PolicyError::Id(id))?;
        }
    }
    Ok(policies)
}

/// Validates strictly. A warning counts as an error, because a rule that can never hold is a
/// mistake.
fn validate(policies: &PolicySet, schema: &Schema) -> Result<(), PolicyError> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    if result.validation_passed_without_warnings() {
        return Ok(());
    }
    let errors = result.validation_errors().map(ToString::to_string);
    let warnings = result.validation_warnings().map(ToString::to_string);
    let all: Vec<String> = errors.chain(warnings).collect();
    Err(PolicyError::Invalid(all.join("; ")))
}

/// Checks that each action has one permit and at least one forbid, and that each forbid is a rule
/// with its texts.
fn check_pairs(policies: &PolicySet) -> Result<(), PolicyError> {
    let name = |policy: &Policy| AsRef::<str>::as_ref(policy.id()).to_owned();
    let (permits, forbids): (Vec<&Policy>, Vec<&Policy>) =
        policies.policies().partition(|policy| policy.effect() == Effect::Permit);
    for forbid in &forbids {
        let has = |annotation| forbid.annotation(annotation).is_some_and(|text| !text.is_empty());
        if Rule::from_code(&name(forbid)).is_none() || !has("ja") || !has("en") {
            return Err(PolicyError::Unexplained(name(forbid)));
        }
    }
    let mut permitted = BTreeSet::new();
    for permit in &permits {
        let ActionConstraint::Eq(action) = permit.action_constraint() else {
            return Err(PolicyError::Permit(name(permit)));
        };
        let forbidden = forbids.iter().any(|forbid| match forbid.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(other) => other == action,
            ActionConstraint::In(others) => others.contains(&action),
        });
        if !forbidden {
            return Err(PolicyError::Unpaired(name(permit)));
        }
        if !permitted.insert(action.id().unescaped().to_owned()) {
            return Err(PolicyError::Permit(name(permit)));
        }
    }
    match Action::ALL.into_iter().find(|action| !permitted.contains(action.name())) {
        Some(action) => Err(PolicyError::Unpermitted(action.name())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
