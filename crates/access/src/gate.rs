//! A gate: the limits that stand before one GPU service, as its operator configures them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::AffiliationType;
use crate::request::is_name;

/// The highest level of training.
const MAX_LEVEL: u8 = 4;

/// The limits of one service. Absent lists and rules allow nothing more than they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its id.
    pub id: String,
    /// The service that it stands before.
    pub service: String,
    /// The most GPUs of one request.
    pub max_gpus: u32,
    /// The most GPU-hours of one request.
    pub max_gpu_hours: u32,
    /// The longest run of one request, in hours; without it, only GPU-hours are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_walltime_h: Option<u32>,
    /// How long a permit lasts, in hours.
    #[serde(default = "default_permit_hours")]
    pub permit_hours: u32,
    /// Partitions that may be named.
    #[serde(default)]
    pub partitions: Vec<String>,
    /// Models of GPU that may be named.
    #[serde(default)]
    pub gpu_models: Vec<String>,
    /// Kinds of affiliation that are allowed; at least one.
    pub allowed_affiliation_types: Vec<AffiliationType>,
    /// The training that is needed; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRule>,
}

/// The training that a gate demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRule {
    /// Any of these achievements; at least one.
    pub achievements: Vec<String>,
    /// The lowest level, 0 to 4; 0 asks for none.
    pub min_level: u8,
    /// How many days ago it may have been completed; without it, `valid_through` alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

fn default_permit_hours() -> u32 {
    24
}

/// Why a gate was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GateError {
    /// Two gates have one id, or stand before one service.
    #[error("gate {0:?}: another gate has this id or service")]
    Twice(String),
    /// A name that no request could carry.
    #[error("gate {gate:?}: {name:?} is not a name of letters, digits, '.', '_' and '-'")]
    Name {
        /// The gate.
        gate: String,
        /// The name.
        name: String,
    },
    /// A partition whose group would be that of another partition or service.
    #[error("gate {gate:?}: partition {name:?} has the name of a service or of another partition")]
    Group {
        /// The gate.
        gate: String,
        /// The partition.
        name: String,
    },
    /// A list or limit that lets nobody in.
    #[error("gate {gate:?}: {member} lets nobody in")]
    Nobody {
        /// The gate.
        gate: String,
        /// The member.
        member: &'static str,
    },
    /// A level that does not exist.
    #[error("gate {0:?}: training.min_level is not 0 to {MAX_LEVEL}")]
    Level(String),
}

/// Refuses gates that cannot be meant.
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
