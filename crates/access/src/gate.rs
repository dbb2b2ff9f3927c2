//! A gate: the limits of one GPU service, as its operator configures them.

use std::collections::BTreeSet;

use sekisho_ambient::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::AffiliationType;
use crate::request::is_name;

/// The highest level of a training.
const MAX_LEVEL: u8 = 4;

/// The limits of one service. A list that is absent allows nothing; a rule that is absent demands
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The id of the gate.
    pub id: String,
    /// The name of the service that the gate guards.
    pub service: String,
    /// The most GPUs that one request may ask for.
    pub max_gpus: u32,
    /// The most GPU-hours that one request may ask for.
    pub max_gpu_hours: u32,
    /// The longest run that one request may ask for, in hours; if it is absent, `permit_hours`. No
    /// run may be longer than its permit in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_walltime_h: Option<u32>,
    /// How long a permit is valid, in hours.
    #[serde(default = "default_permit_hours")]
    pub permit_hours: u32,
    /// The partitions that requests may name.
    #[serde(default)]
    pub partitions: Vec<String>,
    /// The models of GPU that requests may name.
    #[serde(default)]
    pub gpu_models: Vec<String>,
    /// The kinds of affiliation that are allowed. At least one is needed.
    pub allowed_affiliation_types: Vec<AffiliationType>,
    /// The training that is required. If it is absent, none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRule>,
}

/// The training that a gate requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRule {
    /// The achievements, of which the holder needs one. The list must not be empty.
    pub achievements: Vec<String>,
    /// The lowest level, 0 to 4. With 0, no level is required.
    pub min_level: u8,
    /// The most days that may have passed since completion. If it is absent, only `valid_through`
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

fn default_permit_hours() -> u32 {
    24
}

/// The reason why a gate was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GateError {
    /// Two gates have the same id, or guard the same service.
    #[error("gate {0:?}: another gate has this id or service")]
    Twice(String),
    /// A name is not one that a request can contain.
    #[error("gate {gate:?}: {name:?} is not a name of letters, digits, '.', '_' and '-'")]
    Name {
        /// The id of the gate.
        gate: String,
        /// The refused name.
        name: String,
    },
    /// A partition would have the same group as another partition or a service.
    #[error("gate {gate:?}: partition {name:?} has the name of a service or of another partition")]
    Group {
        /// The id of the gate.
        gate: String,
        /// The name of the partition.
        name: String,
    },
    /// A list or limit refuses every request.
    #[error("gate {gate:?}: {member} lets nobody in")]
    Nobody {
        /// The id of the gate.
        gate: String,
        /// The name of the list or limit.
        member: &'static str,
    },
    /// The required level does not exist.
    #[error("gate {0:?}: training.min_level is not 0 to {MAX_LEVEL}")]
    Level(String),
}

/// Refuses gates that are surely mistakes.
pub(crate) fn check(gates: &[Gate]) -> Result<(), GateError> {
    let (mut ids, mut services) = (BTreeSet::new(), BTreeSet::new());
    for gate in gates {
        if !ids.insert(&gate.id) || !services.insert(&gate.service) {
            return Err(GateError::Twice(gate.id.clone()));
        }
        gate.check()?;
    }
    let mut groups = services;
    for gate in gates {
        for name in &gate.partitions {
            if !groups.insert(name) {
                return Err(GateError::Group { gate: gate.id.clone(), name: name.clone() });
            }
        }
    }
    Ok(())
}

impl Gate {
    /// Returns the latest end of a permit that this gate gives at `now`.
    #[must_use]
    pub fn latest_end(&self, now: Timestamp) -> Timestamp {
        const HOUR: i64 = 3600;
        now.plus(i64::from(self.permit_hours) * HOUR)
    }

    fn check(&self) -> Result<(), GateError> {
        let names = [&self.id, &self.service].into_iter();
        let mut names = names.chain(&self.partitions).chain(&self.gpu_models);
        if let Some(name) = names.find(|name| !is_name(name)) {
            return Err(GateError::Name { gate: self.id.clone(), name: name.clone() });
        }
        let empty = [
            ("max_gpus", self.max_gpus == 0),
            ("max_gpu_hours", self.max_gpu_hours == 0),
            ("max_walltime_h", self.max_walltime_h == Some(0)),
            ("permit_hours", self.permit_hours == 0),
            ("allowed_affiliation_types", self.allowed_affiliation_types.is_empty()),
            (
                "training.achievements",
                self.training.as_ref().is_some_and(|rule| rule.achievements.is_empty()),
            ),
        ];
        if let Some((member, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err(GateError::Nobody { gate: self.id.clone(), member });
        }
        match &self.training {
            Some(rule) if rule.min_level > MAX_LEVEL => Err(GateError::Level(self.id.clone())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_gate_is_read_from_few_members() {
        let gate: Gate = serde_json::from_str(
            r#"{"id":"a","service":"hokkai","max_gpus":4,"max_gpu_hours":96,
                "allowed_affiliation_types":["regular","seconded"]}"#,
        )
        .unwrap();
        assert_eq!((gate.permit_hours, gate.training.as_ref()), (24, None));
        assert_eq!(check(&[gate]), Ok(()));
    }

    #[test]
    fn a_gate_is_not_read_with_a_misspelt_or_missing_limit() {
        for text in [
            r#"{"id":"a","service":"s","max_gpu_hours":1,"allowed_affiliation_types":["staff"]}"#,
            r#"{"id":"a","service":"s","max_gpus":1,"max_gpu_hours":1}"#,
            r#"{"id":"a","service":"s","max_gpus":1,"max_gpu_hours":1,
                "allowed_affiliation_types":["boss"]}"#,
            r#"{"id":"a","service":"s","max_gpus":1,"max_gpu_hours":1,
                "allowed_affiliation_types":["staff"],"trainning":{}}"#,
            r#"{"id":"a","service":"s","max_gpus":-1,"max_gpu_hours":1,
                "allowed_affiliation_types":["staff"]}"#,
        ] {
            assert!(serde_json::from_str::<Gate>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_gate_that_lets_nobody_in_is_refused() {
        type Change = fn(&mut Gate);
        let changes: [(&str, Change); 6] = [
            ("max_gpus", |gate| gate.max_gpus = 0),
            ("max_gpu_hours", |gate| gate.max_gpu_hours = 0),
            ("max_walltime_h", |gate| gate.max_walltime_h = Some(0)),
            ("permit_hours", |gate| gate.permit_hours = 0),
            ("allowed_affiliation_types", |gate| gate.allowed_affiliation_types.clear()),
            ("training.achievements", |gate| {
                gate.training.as_mut().unwrap().achievements.clear();
            }),
        ];
        for (member, change) in changes {
            let mut gate = samples::gate();
            change(&mut gate);
            let refused = Err(GateError::Nobody { gate: gate.id.clone(), member });
            assert_eq!(check(&[gate]), refused);
        }
    }

    #[test]
    fn a_level_exists() {
        let mut gate = samples::gate();
        gate.training.as_mut().unwrap().min_level = 5;
        assert_eq!(check(&[gate]), Err(GateError::Level("hokkai-gate".to_owned())));
    }

    #[test]
    fn two_gates_do_not_share_an_id_a_service_or_a_group() {
        let first = samples::gate();
        let other = |id: &str, service: &str, partitions: &[&str]| Gate {
            id: id.to_owned(),
            service: service.to_owned(),
            partitions: partitions.iter().map(|&name| name.to_owned()).collect(),
            ..samples::gate()
        };
        let with = |gate: Gate| check(&[first.clone(), gate]);
        assert_eq!(with(other("b", "b", &["c"])), Ok(()));
        assert!(matches!(with(other("hokkai-gate", "b", &[])), Err(GateError::Twice(_))));
        assert!(matches!(with(other("b", "hokkai", &[])), Err(GateError::Twice(_))));
        assert!(matches!(with(other("b", "b", &["large"])), Err(GateError::Group { .. })));
        assert!(matches!(with(other("b", "b", &["hokkai"])), Err(GateError::Group { .. })));
        assert!(matches!(with(other("b", "b", &["x:y"])), Err(GateError::Name { .. })));
    }
}
