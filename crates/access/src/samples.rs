//! Samples for tests: a gate, a request, and credentials that meet every rule.

use sekisho_ambient::Timestamp;
use serde_json::{Value, json};

use crate::{AffiliationType, Claims, Gate, GpuAccessRequest, TrainingRule};

/// 2026-11-21 14:32 JST.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

pub(crate) fn gate() -> Gate {
    Gate {
        id: "hokkai-gate".to_owned(),
        service: "hokkai".to_owned(),
        max_gpus: 8,
        max_gpu_hours: 96,
        max_walltime_h: Some(24),
        permit_hours: 24,
        partitions: vec!["large".to_owned()],
        gpu_models: vec!["H100".to_owned()],
        allowed_affiliation_types: vec![AffiliationType::Regular, AffiliationType::Seconded],
        training: Some(TrainingRule {
            achievements: vec!["dss-l-1".to_owned()],
            min_level: 2,
            max_age_days: None,
        }),
    }
}

pub(crate) fn claims(value: Value) -> Claims {
    let Value::Object(claims) = value else { panic!("not an object: {value}") };
    claims
}

pub(crate) fn request(changes: Value) -> GpuAccessRequest {
    let mut details = claims(json!({
        "type": "gpu_access", "service": "hokkai", "actions": ["allocate"], "gpus": 8,
        "gpu_hours": 64,
    }));
    details.extend(claims(changes));
    GpuAccessRequest::from_details(&details).unwrap()
}

pub(crate) fn affiliation() -> Claims {
    claims(json!({"affiliation_type": "regular"}))
}

pub(crate) fn training() -> Claims {
    claims(json!({
        "achievement_id": "dss-l-1", "valid_through": "2027-03-31", "level_gte_2": true,
    }))
}
