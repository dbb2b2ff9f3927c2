//! Answers that satisfy a query, and every way in which one does not.

use serde_json::{Value, json};

use super::*;

/// `pid` or `card` is required, `extra` is optional. `pid` needs one of two family names, and a
/// postal code or a region.
fn query() -> Query {
    let query = json!({
        "credentials": [
            {
                "id": "pid",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": ["pid", "pid2"]},
                "claims": [
                    {"id": "name", "path": ["family_name"], "values": ["Doe", "山田"]},
                    {"id": "code", "path": ["address", "postal_code"]},
                    {"id": "region", "path": ["address", "region"]},
                ],
                "claim_sets": [["name", "code"], ["name", "region"]],
            },
            {"id": "card", "format": "dc+sd-jwt", "meta": {"vct_values": ["card"]}},
            {
                "id": "extra",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": ["extra"]},
                "claims": [{"path": ["roles", null], "values": ["admin", 7, true]}],
            },
        ],
        "credential_sets": [
            {"options": [["pid"], ["card"]]},
            {"options": [["extra"]], "required": false},
        ],
    });
    Query::from_value(&query).unwrap()
}

fn evaluate_answer(query: &Query, answer: &[(&str, &str, Value)]) -> Result<(), Unsatisfied> {
    let mut by_id = BTreeMap::<&str, Vec<CredentialView<'_>>>::new();
    for (id, vct, claims) in answer {
        let claims = claims.as_object().unwrap();
        by_id.entry(id).or_default().push(CredentialView { vct, claims });
    }
    evaluate(query, &by_id)
}

fn claim(id: &str, path: &str) -> Unsatisfied {
    let path = ClaimPath::from_value(&serde_json::from_str(path).unwrap()).unwrap();
    Unsatisfied::Claim { id: id.to_owned(), path }
}

#[test]
fn an_answer_is_held_to_the_query() {
    let code = json!({"family_name": "Doe", "address": {"postal_code": "1000001"}});
    let region = json!({"family_name": "山田", "address": {"region": "JP-13"}});
    let pid = |claims: Value| ("pid", "pid", claims);
    for (answer, expected) in [
        (vec![pid(code.clone())], Ok(())),
        (vec![pid(region)], Ok(())),
        (vec![("pid", "pid2", code.clone())], Ok(())),
        (vec![("card", "card", json!({}))], Ok(())),
        (vec![pid(code.clone()), ("extra", "extra", json!({"roles": ["user", "admin"]}))], Ok(())),
        (vec![], Err(Unsatisfied::Set(0))),
        (vec![("extra", "extra", json!({"roles": [7]}))], Err(Unsatisfied::Set(0))),
        (vec![("other", "pid", code.clone())], Err(Unsatisfied::UnknownId("other".into()))),
        (
            vec![pid(code.clone()), pid(code.clone())],
            Err(Unsatisfied::Count { id: "pid".into(), found: 2 }),
        ),
        (
            vec![("pid", "card", code.clone())],
            Err(Unsatisfied::Type { id: "pid".into(), found: "card".into() }),
        ),
        (vec![pid(json!({"family_name": "Doe"}))], Err(claim("pid", r#"["address","region"]"#))),
        (
            vec![pid(json!({"family_name": "Roe", "address": {"region": "JP-13"}}))],
            Err(claim("pid", r#"["family_name"]"#)),
        ),
        (
            vec![pid(code.clone()), ("extra", "extra", json!({"roles": ["user", "7", false]}))],
            Err(claim("extra", r#"["roles",null]"#)),
        ),
        (
            vec![pid(code.clone()), ("extra", "extra", json!({"roles": "admin"}))],
            Err(claim("extra", r#"["roles",null]"#)),
        ),
    ] {
        assert_eq!(evaluate_answer(&query(), &answer), expected, "{answer:?}");
    }
}

#[test]
fn without_sets_every_credential_is_required() {
    let query = Query { credential_sets: Vec::new(), ..query() };
    let answer = [("card", "card", json!({}))];
    assert_eq!(evaluate_answer(&query, &answer), Err(Unsatisfied::Missing("pid".into())));
}

#[test]
fn an_empty_list_of_presentations_is_no_answer() {
    let answer = BTreeMap::from([("card", Vec::new())]);
    let none = Unsatisfied::Count { id: "card".into(), found: 0 };
    assert_eq!(evaluate(&query(), &answer), Err(none));
}
