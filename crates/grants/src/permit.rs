//! The permit in a grant, and the decision of its gate made again.
//!
//! Invariant: a permit is used only under the rules by which it was decided. If the rules of its
//! gate have changed since, the gate decides again, from the evidence that was kept and about the
//! same request; the result is never more than what was granted. Another gate's rules do not matter.

use sekisho_access::{Decision, Facts, Gate, GpuAccessRequest, Permit, Policies, lesser};
use sekisho_ambient::Timestamp;
use sekisho_jose::Claims;
use sekisho_profile::Code;
use sekisho_profile::types::{LOGIN, TRAINING};
use sekisho_site::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ClaimsByType, Evidence, Grant, Grants};

/// A permit, as stored in a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "PermitRow")]
pub struct GrantedPermit {
    /// The permitted use, as `authorization_details` (RFC 9396).
    pub details: Claims,
    /// Names of the groups that the person gets at the service.
    pub groups: Vec<String>,
    /// The id of the gate that decided.
    pub gate: String,
    /// The version of the policies that decided.
    pub policy_version: String,
    /// When the permit ends.
    pub expires: Timestamp,
    /// What was asked for; `None` in rows written before this member existed.
    pub request: Option<Box<GpuAccessRequest>>,
    /// The version of the gate's own rules by which it was decided; `None` likewise.
    pub rules: Option<String>,
}

/// A permit as stored. Old rows have `expires` only inside `details`.
#[derive(Deserialize)]
struct PermitRow {
    details: Claims,
    groups: Vec<String>,
    gate: String,
    policy_version: String,
    expires: Option<Timestamp>,
    request: Option<Box<GpuAccessRequest>>,
    rules: Option<String>,
}

impl From<PermitRow> for GrantedPermit {
    fn from(row: PermitRow) -> Self {
        let PermitRow { details, groups, gate, policy_version, expires, request, rules } = row;
        let told = || Timestamp::from_rfc3339(details.get("expires").and_then(Value::as_str)?);
        // A permit without an end counts as ended: nothing may be permitted without limit.
        let expires = expires.or_else(told).unwrap_or(Timestamp::from_unix(0));
        Self { details, groups, gate, policy_version, expires, request, rules }
    }
}

impl GrantedPermit {
    /// The permit that these policies gave at this gate for `request`.
    pub fn new(
        permit: Permit,
        request: &GpuAccessRequest,
        gate: &Gate,
        policies: &Policies,
    ) -> Self {
        let Permit { details, groups, expires } = permit;
        Self {
            details,
            groups,
            gate: gate.id.clone(),
            policy_version: policies.version().to_owned(),
            expires,
            request: Some(Box::new(request.clone())),
            rules: policies.rules_of(&gate.id).map(str::to_owned),
        }
    }

    /// The id of the service that the permit is for.
    pub(crate) fn service(&self) -> Option<String> {
        self.asked().map(|asked| asked.service)
    }

    /// What was asked for. In an old row, that is what was granted.
    fn asked(&self) -> Option<GpuAccessRequest> {
        let granted = || {
            let mut details = self.details.clone();
            details.remove("expires");
            GpuAccessRequest::from_details(&details).ok()
        };
        self.request.as_deref().cloned().or_else(granted)
    }

    /// The part of this permit that `again`, a later decision, permits too. `latest` is the end
    /// that the gate would have given at the time of the first decision.
    fn reduced_to(&self, again: Self, latest: Timestamp) -> Self {
        let expires = self.expires.min(again.expires).min(latest);
        let mut details = lesser(&self.details, &again.details);
        details.insert("expires".to_owned(), expires.to_rfc3339().into());
        let groups = self.groups.iter().filter(|group| again.groups.contains(group)).cloned();
        Self { details, groups: groups.collect(), expires, ..again }
    }
}

/// The result of a decision that was made again.
pub(crate) enum Again {
    /// What the grant permits now; `None` if it never permitted anything.
    Permitted(Option<GrantedPermit>),
    /// The gate permits nothing of it any more.
    Denied(Denial),
}

/// Why a gate does not permit any more what it permitted before.
pub(crate) struct Denial {
    /// The id of the gate that had permitted it.
    pub(crate) gate: String,
    /// The codes of the rules that are not met now; at least one.
    codes: Vec<Code>,
}

impl Denial {
    /// The first of the reasons.
    pub(crate) fn code(&self) -> Code {
        self.codes.first().copied().unwrap_or(Code::PolicyFault)
    }

    /// The codes of all reasons, as written to the audit log.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.codes.iter().map(|code| code.id()).collect()
    }

    /// Whether the grant must end. False if the gate could not decide.
    pub(crate) fn is_final(&self) -> bool {
        !self.codes.is_empty() && !self.codes.contains(&Code::PolicyFault)
    }
}

impl Grants {
    /// Asks the policies that are in force now whether this evidence permits `request` at `gate`.
    pub fn decide_access(
        &self,
        gate: &Gate,
        request: &GpuAccessRequest,
        evidence: &Evidence,
        claims: &ClaimsByType,
        now: Timestamp,
    ) -> Decision {
        self.registry.policies().decide(&Facts {
            now,
            gate,
            request,
            affiliation: claims.get(LOGIN),
            training: claims.get(TRAINING),
            acr: evidence.channel.acr(),
        })
    }

    /// Makes the decision about a grant's permit again if the rules of its gate have changed.
    pub(crate) async fn decide_again(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Again, Refusal> {
        let Some(permit) = grant.permit(now) else {
            return Ok(Again::Permitted(grant.permit.clone()));
        };
        let denied = |codes| Again::Denied(Denial { gate: permit.gate.clone(), codes });
        let asked = permit.asked();
        let gate = asked.as_ref().and_then(|asked| self.registry.services().gate(&asked.service));
        let (Some(asked), Some(gate)) = (&asked, gate) else {
            return Ok(denied(vec![Code::ScopeNotAllowed]));
        };
        let policies = self.registry.policies();
        if permit.rules.is_some() && permit.rules.as_deref() == policies.rules_of(&gate.id) {
            return Ok(Again::Permitted(Some(permit.clone())));
        }
        let claims = self.open_claims(&grant.evidence).await?;
        match self.decide_access(gate, asked, &grant.evidence, &claims, now) {
            Decision::Deny(unmet) => {
                Ok(denied(unmet.reasons.iter().map(|reason| reason.code).collect()))
            }
            Decision::Permit(again) => {
                let first = grant.issued.unwrap_or(grant.evidence.auth_time);
                let again = GrantedPermit::new(again, asked, gate, policies);
                let reduced = permit.reduced_to(again, gate.latest_end(first));
                Ok(Again::Permitted(Some(reduced)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(details: &Value) -> GrantedPermit {
        let row = json!({"details": details, "groups": [], "gate": "g", "policy_version": "1"});
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_permit_of_before_ends_when_its_details_say() {
        let permit = row(&json!({"expires": "2026-11-21T05:32:00Z"}));
        assert_eq!(permit.expires, Timestamp::from_unix(1_795_239_120));
        assert_eq!(row(&json!({})).expires, Timestamp::from_unix(0));
        let written = serde_json::to_value(&permit).unwrap();
        assert_eq!(serde_json::from_value::<GrantedPermit>(written).unwrap(), permit);
    }

    #[test]
    fn a_permit_of_before_asks_for_what_it_grants() {
        let permit = row(&json!({
            "type": "gpu_access", "service": "s", "actions": ["submit"], "gpus": 4,
            "gpu_hours": 8, "expires": "2026-11-21T05:32:00Z",
        }));
        let asked = permit.asked().unwrap();
        assert_eq!((asked.gpus, asked.gpu_hours), (4, Some(8)));
        assert_eq!(row(&json!({"gpus": 4})).asked(), None);
    }

    #[test]
    fn what_is_decided_again_ends_no_later() {
        let ending = |unix| GrantedPermit {
            expires: Timestamp::from_unix(unix),
            ..row(&json!({"gpus": 1}))
        };
        for (before, again, latest, end) in [(9, 8, 7, 7), (9, 7, 8, 7), (7, 8, 9, 7)] {
            let reduced = ending(before).reduced_to(ending(again), Timestamp::from_unix(latest));
            assert_eq!(reduced.expires, Timestamp::from_unix(end));
            assert_eq!(reduced.details["expires"], reduced.expires.to_rfc3339());
        }
    }
}
