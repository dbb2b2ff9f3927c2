//! Runs C2SP Wycheproof's JOSE vectors against our own layer: the JWS parser, the keys as JWK and
//! the algorithm registry, rather than the library below. Wycheproof's primitives are in
//! `primitives.rs`.
//!
//! The vectors are not part of this repository. `SEKISHO_VECTORS` names the folder that contains
//! `wycheproof/`; if it is unset, the tests look at `shared/vectors` beside the checkout. If
//! neither is there, the tests print that and pass.

use std::path::PathBuf;

use sekisho_jose::{Algorithm, JwkSet, PublicJwk, UnverifiedJws, VerifyingKey};
use serde_json::Value;

/// The results of a file's cases.
#[derive(Debug, Default, PartialEq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// Cases that are valid, but use an algorithm that is absent here on purpose, and were refused.
    absent: usize,
}

fn groups(file: &str) -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = std::env::var_os("SEKISHO_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let path = folder.join("wycheproof").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: {} is absent; set SEKISHO_VECTORS to the vectors", path.display());
        return None;
    };
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    Some(document["testGroups"].as_array().unwrap().clone())
}

fn cases(group: &Value) -> &[Value] {
    group["tests"].as_array().unwrap()
}

/// Verifies as a caller does: with the one registered key, and with the algorithms that this key
/// serves.
fn verify(jws: &str, key: &VerifyingKey) -> bool {
    UnverifiedJws::parse(jws, 1 << 16).is_ok_and(|jws| jws.verify(key, &Algorithm::ALL).is_ok())
}

/// Whether a case is valid only with an algorithm or a key that is absent here on purpose.
fn is_absent(key: Option<&Value>) -> bool {
    let absent = ["HS256", "RS384", "RS512", "PS384", "PS512", "ES512", "ES521"];
    key.is_none_or(|key| {
        key["kty"] == "oct" || key["alg"].as_str().is_none_or(|alg| absent.contains(&alg))
    })
}

#[test]
fn json_web_signatures() {
    let Some(groups) = groups("json_web_signature_test.json") else { return };
    let mut count = Count::default();
    for group in &groups {
        let public = group.get("public");
        let key = public.and_then(|key| PublicJwk::from_value(key).ok()?.verifying_key().ok());
        for case in cases(group) {
            let jws = case["jws"].as_str().unwrap_or_default();
            let accepted = key.as_ref().is_some_and(|key| verify(jws, key));
            let valid = case["result"] == "valid";
            // The key is registered for PS256, but the token, Figure 20 of RFC 7520, is PS384.
            let other_algorithm = case["comment"] == "Figure20";
            match (accepted, valid) {
                (true, true) => count.accepted += 1,
                (false, false) => count.refused += 1,
                (false, true) if is_absent(public) || other_algorithm => count.absent += 1,
                _ => panic!("{} {}", case["tcId"], case["comment"]),
            }
        }
    }
    assert_eq!(count, Count { accepted: 16, refused: 355, absent: 30 });
}

#[test]
fn json_web_keys() {
    let Some(groups) = groups("json_web_key_test.json") else { return };
    for group in &groups {
        let set = group.get("public").or_else(|| group.get("private")).unwrap();
        let keys = match JwkSet::from_value(set) {
            Ok(set) => set.keys,
            Err(_) => PublicJwk::from_value(set).into_iter().collect(),
        };
        for case in cases(group) {
            let jws = case["jws"].as_str().unwrap_or_default();
            let accepted =
                keys.iter().filter_map(|key| key.verifying_key().ok()).any(|key| verify(jws, &key));
            if case["result"] == "invalid" {
                assert!(!accepted, "{} {} {}", case["tcId"], case["comment"], group["comment"]);
            }
        }
    }
}
