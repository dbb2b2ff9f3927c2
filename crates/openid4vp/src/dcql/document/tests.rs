//! Queries that are read, and every way in which one is refused; the specification's examples.

use std::path::PathBuf;

use sekisho_credential::claim_path::{ClaimPath, PathElement};

use super::*;

fn with_credential(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Query, DcqlError> {
    let mut credential = json!({
        "id": "pid",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": ["https://types.example/pid"]},
        "claims": [
            {"id": "a", "path": ["family_name"], "values": ["Doe", 1, true]},
            {"id": "b", "path": ["roles", null, 0]},
        ],
        "claim_sets": [["a", "b"], ["a"]],
    });
    change(credential.as_object_mut().unwrap());
    read(&json!({"credentials": [credential]}))
}

fn set(name: &str, value: Value) -> impl FnOnce(&mut Map<String, Value>) {
    let name = name.to_owned();
    move |credential| drop(credential.insert(name, value))
}

fn of_format(format: &str, meta: Value) -> Result<Query, DcqlError> {
    with_credential(|credential| {
        credential.insert("format".to_owned(), format.into());
        credential.insert("meta".to_owned(), meta);
        credential.retain(|name, _| !name.starts_with("claim"));
    })
}

fn place(result: Result<Query, DcqlError>) -> String {
    match result {
        Err(DcqlError::Malformed { at, .. }) => at,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn a_query_is_read_in_full_and_written_back() {
    let query = with_credential(|_| ()).unwrap();
    let credential = &query.credentials[0];
    assert_eq!(credential.vct_values, ["https://types.example/pid"]);
    assert_eq!(credential.claims[0].values.len(), 3);
    let path = vec![PathElement::Name("roles".into()), PathElement::All, PathElement::Index(0)];
    assert_eq!(credential.claims[1].path, ClaimPath(path));
    assert_eq!(read(&query.to_value()).unwrap(), query);
}

#[test]
fn members_that_are_not_known_are_ignored() {
    let plain = with_credential(|_| ()).unwrap();
    let extended = with_credential(set("invented", json!({"deep": [1]}))).unwrap();
    assert_eq!(extended, plain);
}

/// VP-10, VP-11.
#[test]
fn what_is_malformed_is_named_by_its_place() {
    let claim = |claim: Value| {
        with_credential(|query| {
            query.remove("claim_sets");
            query.insert("claims".to_owned(), json!([claim]));
        })
    };
    for (result, at) in [
        (read(&json!([])), "dcql_query"),
        (read(&json!({})), "dcql_query.credentials"),
        (read(&json!({"credentials": []})), "dcql_query.credentials"),
        (read(&json!({"credentials": [1]})), "dcql_query.credentials[0]"),
        (with_credential(set("id", json!(""))), "dcql_query.credentials[0].id"),
        (with_credential(set("id", json!("a.b"))), "dcql_query.credentials[0].id"),
        (with_credential(set("id", json!(7))), "dcql_query.credentials[0].id"),
        (with_credential(|query| drop(query.remove("format"))), "dcql_query.credentials[0].format"),
        (with_credential(|query| drop(query.remove("meta"))), "dcql_query.credentials[0].meta"),
        (with_credential(set("meta", json!({}))), "dcql_query.credentials[0].meta.vct_values"),
        (
            with_credential(set("meta", json!({"vct_values": [""]}))),
            "dcql_query.credentials[0].meta.vct_values[0]",
        ),
        (of_format("mso_mdoc", json!({})), "dcql_query.credentials[0].meta.doctype_value"),
        (
            of_format("mso_mdoc", json!({"doctype_value": 1})),
            "dcql_query.credentials[0].meta.doctype_value",
        ),
        (of_format("jwt_vc_json", json!({})), "dcql_query.credentials[0].meta.type_values"),
        (
            of_format("ldp_vc", json!({"type_values": [1]})),
            "dcql_query.credentials[0].meta.type_values[0]",
        ),
        (
            with_credential(set("meta", json!({"vct_values": []}))),
            "dcql_query.credentials[0].meta.vct_values",
        ),
        (
            with_credential(set("meta", json!({"vct_values": ["x", 1]}))),
            "dcql_query.credentials[0].meta.vct_values[1]",
        ),
        (with_credential(set("multiple", json!("yes"))), "dcql_query.credentials[0].multiple"),
        (with_credential(set("claims", json!([]))), "dcql_query.credentials[0].claims"),
        (
            with_credential(set("claim_sets", json!([[]]))),
            "dcql_query.credentials[0].claim_sets[0]",
        ),
        (claim(json!({})), "dcql_query.credentials[0].claims[0].path"),
        (claim(json!({"path": []})), "dcql_query.credentials[0].claims[0].path"),
        (claim(json!({"path": [-1]})), "dcql_query.credentials[0].claims[0].path"),
        (claim(json!({"path": [1.5]})), "dcql_query.credentials[0].claims[0].path"),
        (claim(json!({"path": [true]})), "dcql_query.credentials[0].claims[0].path"),
        (claim(json!({"path": ["a"], "values": []})), "dcql_query.credentials[0].claims[0].values"),
        (
            claim(json!({"path": ["a"], "values": [1.5]})),
            "dcql_query.credentials[0].claims[0].values",
        ),
        (
            claim(json!({"path": ["a"], "values": [null]})),
            "dcql_query.credentials[0].claims[0].values",
        ),
        (claim(json!({"path": ["a"], "id": "ä"})), "dcql_query.credentials[0].claims[0].id"),
        (
            with_credential(set("trusted_authorities", json!([{"type": "aki", "values": []}]))),
            "dcql_query.credentials[0].trusted_authorities[0].values",
        ),
        (
            with_credential(set("trusted_authorities", json!([{"values": ["x"]}]))),
            "dcql_query.credentials[0].trusted_authorities[0].type",
        ),
    ] {
        assert_eq!(place(result), at);
    }
}

#[test]
fn values_are_whole_numbers_of_either_sign() {
    let query = with_credential(|query| {
        query.remove("claim_sets");
        let values = json!([-1, 1, u64::MAX, i64::MIN]);
        query.insert("claims".to_owned(), json!([{"path": ["a"], "values": values}]));
    });
    assert_eq!(query.unwrap().credentials[0].claims[0].values.len(), 4);
}

/// `intent_to_retain` is a member of mdoc claims alone (appendix B.2.4).
#[test]
fn intent_to_retain_is_a_boolean_where_it_means_something() {
    let claim = json!([{"path": ["org.iso.18013.5.1", "name"], "intent_to_retain": "yes"}]);
    let of = |format: &str, meta: Value| {
        with_credential(|query| {
            query.remove("claim_sets");
            query.insert("format".to_owned(), format.into());
            query.insert("meta".to_owned(), meta);
            query.insert("claims".to_owned(), claim.clone());
        })
    };
    let mdoc = of("mso_mdoc", json!({"doctype_value": "x"}));
    assert_eq!(place(mdoc), "dcql_query.credentials[0].claims[0].intent_to_retain");
    assert!(of("dc+sd-jwt", json!({"vct_values": ["x"]})).is_ok());
}

#[test]
fn an_mdoc_claim_is_a_namespace_and_an_element() {
    let mdoc = |path: Value| {
        read(&json!({"credentials": [{
            "id": "mdl",
            "format": "mso_mdoc",
            "meta": {"doctype_value": "org.iso.18013.5.1.mDL"},
            "claims": [{"path": path}],
        }]}))
    };
    assert!(matches!(mdoc(json!(["ns", "element"])), Err(DcqlError::Unsupported { .. })));
    for path in [json!(["ns"]), json!(["ns", "element", "more"]), json!(["ns", null])] {
        assert_eq!(place(mdoc(path)), "dcql_query.credentials[0].claims[0].path");
    }
}

/// VP-10, VP-11.
#[test]
fn nothing_is_named_or_asked_for_twice() {
    let credential = with_credential(|_| ()).unwrap().to_value()["credentials"][0].clone();
    let twice = read(&json!({"credentials": [credential, credential]}));
    assert!(matches!(twice, Err(DcqlError::DuplicateId { .. })), "{twice:?}");
    let claims = json!([{"id": "a", "path": ["x"]}, {"id": "a", "path": ["y"]}]);
    let twice = with_credential(set("claims", claims));
    assert!(matches!(twice, Err(DcqlError::DuplicateId { .. })), "{twice:?}");
    let claims = json!([{"id": "a", "path": ["x"]}, {"id": "b", "path": ["x"]}]);
    let twice = with_credential(set("claims", claims));
    assert!(matches!(twice, Err(DcqlError::DuplicateClaim { .. })), "{twice:?}");
}

/// VP-11.
#[test]
fn claim_sets_need_claims_with_ids() {
    let without = with_credential(|query| drop(query.remove("claims")));
    assert!(matches!(without, Err(DcqlError::UnknownId { .. })), "{without:?}");
    let unknown = with_credential(set("claim_sets", json!([["a", "z"]])));
    assert!(matches!(unknown, Err(DcqlError::UnknownId { ref id, .. }) if id == "z"));
    let claims = json!([{"id": "a", "path": ["x"]}, {"id": "b", "path": ["y"]}, {"path": ["z"]}]);
    assert_eq!(place(with_credential(set("claims", claims))), "dcql_query.credentials[0].claims");
}

/// VP-10.
#[test]
fn credential_sets_name_queries_that_exist() {
    let credential = with_credential(|_| ()).unwrap().to_value()["credentials"][0].clone();
    let with_sets =
        |sets: Value| read(&json!({"credentials": [credential], "credential_sets": sets}));
    let query = with_sets(json!([
        {"options": [["pid"]]},
        {"options": [["pid"]], "required": false},
    ]))
    .unwrap();
    let required: Vec<bool> = query.credential_sets.iter().map(|set| set.required).collect();
    assert_eq!(required, [true, false]);
    assert_eq!(read(&query.to_value()).unwrap(), query);
    let unknown = with_sets(json!([{"options": [["other"]]}]));
    assert!(matches!(unknown, Err(DcqlError::UnknownId { .. })), "{unknown:?}");
    for (sets, at) in [
        (json!([]), "dcql_query.credential_sets"),
        (json!([{}]), "dcql_query.credential_sets[0].options"),
        (json!([{"options": []}]), "dcql_query.credential_sets[0].options"),
        (json!([{"options": [[]]}]), "dcql_query.credential_sets[0].options[0]"),
        (json!([{"options": [["pid"]], "required": 1}]), "dcql_query.credential_sets[0].required"),
    ] {
        assert_eq!(place(with_sets(sets)), at);
    }
}

#[test]
fn what_is_well_formed_and_unsupported_is_refused_by_name() {
    let unsupported = |result| match result {
        Err(DcqlError::Unsupported { id, what }) => {
            assert_eq!(id, "pid");
            what
        }
        other => panic!("not refused as unsupported: {other:?}"),
    };
    let authorities = json!([{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]);
    for (name, value, what) in [
        ("format", json!("invented"), Unsupported::Format("invented".into())),
        ("multiple", json!(true), Unsupported::Multiple),
        ("trusted_authorities", authorities, Unsupported::TrustedAuthorities("aki".into())),
        ("require_cryptographic_holder_binding", json!(false), Unsupported::WithoutHolderBinding),
    ] {
        assert_eq!(unsupported(with_credential(set(name, value))), what);
    }
    assert!(with_credential(set("multiple", json!(false))).is_ok());
    assert!(with_credential(set("require_cryptographic_holder_binding", json!(true))).is_ok());
}

/// Reads every example of the specification. An example may be refused only for its format.
#[test]
fn the_specifications_examples_are_understood() {
    let Some(folder) = vectors("openid4vp/query_lang") else { return };
    for (file, unsupported) in [
        ("claims_alternatives.json", None),
        ("complex_mdoc.json", Some("mdl-id")),
        ("credentials_alternatives.json", None),
        ("multi_credentials.json", Some("mdl")),
        ("simple.json", None),
        ("simple_mdoc.json", Some("my_credential")),
        ("value_matching_simple.json", None),
    ] {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let result = read(&sekisho_jose::json::parse(&bytes).unwrap());
        match (unsupported, result) {
            (None, Ok(query)) => assert_eq!(read(&query.to_value()).unwrap(), query, "{file}"),
            (Some(expected), Err(DcqlError::Unsupported { id, what })) => {
                assert_eq!(id, expected, "{file}");
                assert_eq!(what, Unsupported::Format("mso_mdoc".to_owned()), "{file}");
            }
            (_, result) => panic!("{file}: {result:?}"),
        }
    }
}

/// The folder of vectors, or a line that says why the test is skipped.
fn vectors(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no vectors in {} (set SEKISHO_VECTORS)", folder.display());
    None
}
