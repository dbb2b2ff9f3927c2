//! Tests of malformed and hostile details.

use serde_json::json;

use super::*;
use crate::samples::claims;

fn read(value: Value) -> Result<GpuAccessRequest, DetailsError> {
    GpuAccessRequest::from_details(&claims(value))
}

/// Reads the smallest request with `changes` applied to it.
fn with(changes: Value) -> Result<GpuAccessRequest, DetailsError> {
    let mut value =
        json!({"type": "gpu_access", "service": "hokkai", "actions": ["allocate"], "gpus": 8});
    let members = value.as_object_mut().unwrap();
    members.extend(claims(changes));
    members.retain(|_, value| !value.is_null());
    read(value)
}

/// Reads a request in which `member` is a number with exactly this text, which `json!` would not
/// keep.
fn spelled(member: &str, text: &str) -> Result<GpuAccessRequest, DetailsError> {
    let text = format!(r#"{{"{member}":{text}}}"#);
    with(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_full_request_is_read_and_written_back_as_it_was() {
    let full = json!({
        "type": "gpu_access", "service": "hokkai", "actions": ["allocate", "ssh"],
        "partition": "gpu-large", "gpu_model": "H100-80GB", "gpus": 8, "gpu_hours": 64,
        "walltime_h": 8, "locations": ["urn:slurm:tokyo-1"],
    });
    let request = read(full.clone()).unwrap();
    assert_eq!(request.actions, [Action::Allocate, Action::Ssh]);
    assert_eq!(Value::Object(request.to_details()), full);
    assert_eq!(request.to_details().keys().collect::<Vec<_>>(), MEMBERS);
}

#[test]
fn what_was_not_said_is_not_written() {
    let request = with(json!({})).unwrap();
    assert_eq!(request.to_details().len(), 4);
    let smallest = GpuAccessRequest::smallest("hokkai");
    assert_eq!(GpuAccessRequest::from_details(&smallest.to_details()), Ok(smallest));
}

#[test]
fn another_type_is_refused() {
    for kind in [json!("GPU_ACCESS"), json!("gpu_access "), json!(1), json!(["gpu_access"])] {
        assert_eq!(with(json!({"type": kind})), Err(DetailsError::Type));
    }
    assert_eq!(with(json!({"type": null})), Err(DetailsError::Type));
}

#[test]
fn a_member_that_no_rule_reads_is_refused() {
    for name in [
        "location",
        "data_classification",
        "datatypes",
        "identifier",
        "privileges",
        "GPUS",
        "max_gpus",
        "expires",
        "",
    ] {
        let refused = with(json!({name: ["https://gpu.example.jp"]}));
        assert_eq!(refused, Err(DetailsError::Unsupported(name.to_owned())), "{name}");
    }
    let long = with(json!({"x".repeat(100_000): 1}));
    assert_eq!(long, Err(DetailsError::Unsupported("x".repeat(64))));
}

#[test]
fn locations_are_names_of_resources_each_once() {
    let named = with(json!({"locations": ["urn:slurm:tokyo-1", "https://store.example"]})).unwrap();
    assert_eq!(named.locations, ["urn:slurm:tokyo-1", "https://store.example"]);
    assert_eq!(GpuAccessRequest::from_details(&named.to_details()).unwrap(), named);
    let fewer =
        json!({"type": "gpu_access", "service": named.service, "locations": ["urn:slurm:tokyo-1"]});
    let fewer = fewer.as_object().unwrap();
    assert_eq!(narrowed(&named.to_details(), fewer).unwrap()["locations"], fewer["locations"]);
    let mut other = fewer.clone();
    other.insert("locations".to_owned(), json!(["urn:other"]));
    assert_eq!(narrowed(&named.to_details(), &other), None);
    for wrong in [json!([]), json!("urn:x"), json!(["urn:x", "urn:x"]), json!([1]), json!([""])] {
        assert_eq!(with(json!({"locations": wrong})), Err(DetailsError::Locations), "{wrong}");
    }
}

#[test]
fn what_has_to_be_there_has_to_be_there() {
    for name in ["service", "actions", "gpus"] {
        assert_eq!(with(json!({name: null})), Err(DetailsError::Missing(name)));
    }
}

#[test]
fn a_number_is_whole_and_in_its_range() {
    for (name, max) in [("gpus", 65_536), ("gpu_hours", 600_000_000), ("walltime_h", 8_784)] {
        let refused = Err(DetailsError::Number { name, max });
        for text in [
            "0",
            "-1",
            "-0",
            "1.5",
            "8.0",
            "8e0",
            "1e400",
            "1e-400",
            "4294967296",
            "4294967297",
            "18446744073709551617",
            "99999999999999999999",
            "\"8\"",
            "true",
            "[8]",
            "{}",
        ] {
            assert_eq!(spelled(name, text), refused, "{name} {text}");
        }
        assert_eq!(spelled(name, &(max + 1).to_string()), refused);
        assert!(spelled(name, &max.to_string()).is_ok());
        assert!(spelled(name, "1").is_ok());
    }
}

#[test]
fn null_is_not_an_absent_member() {
    let mut details = with(json!({})).unwrap().to_details();
    details.insert("gpu_hours".to_owned(), Value::Null);
    let refused = GpuAccessRequest::from_details(&details);
    assert!(matches!(refused, Err(DetailsError::Number { name: "gpu_hours", .. })));
}

#[test]
fn an_action_is_known_and_named_once() {
    for actions in [
        json!([]),
        json!("allocate"),
        json!(["Allocate"]),
        json!(["allocate", "delete"]),
        json!(["allocate", "allocate"]),
        json!([null]),
        json!([["allocate"]]),
        json!({"0": "allocate"}),
    ] {
        assert_eq!(with(json!({"actions": actions})), Err(DetailsError::Actions), "{actions}");
    }
    assert!(with(json!({"actions": ["infer", "submit", "ssh", "allocate"]})).is_ok());
}

#[test]
fn a_name_is_short_and_plain() {
    for name in ["service", "partition", "gpu_model"] {
        for text in ["", " ", "a b", "a\n", "a:b", "a/b", "ａ", "区画", "\"", &"a".repeat(65)] {
            assert_eq!(with(json!({name: text})), Err(DetailsError::Name(name)), "{text:?}");
        }
        assert_eq!(with(json!({name: 1})), Err(DetailsError::Name(name)));
        assert!(with(json!({name: "a".repeat(64)})).is_ok());
    }
}
