//! What a wallet chooses and discloses.

use serde_json::json;

use super::*;

fn query(value: &Value) -> Query {
    Query::from_value(value).unwrap()
}

fn asked(id: &str, vct: &str, claims: &Value) -> Value {
    json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": claims})
}

fn claims(value: &Value) -> Claims {
    value.as_object().unwrap().clone()
}

fn candidate<'c>(vct: &'c str, claims: &'c Claims, holder: &'c str) -> Candidate<'c> {
    Candidate { vct, claims, holder }
}

fn path(value: &Value) -> ClaimPath {
    ClaimPath::from_value(value).unwrap()
}

/// A login credential is required, a training is welcome.
fn login() -> Query {
    query(&json!({
        "credentials": [
            asked("login", "affiliation", &json!([{"path": ["name"]}, {"path": ["email"]}])),
            asked("training", "ai-training", &json!([{"path": ["level_gte_2"], "values": [true]}])),
        ],
        "credential_sets": [
            {"options": [["login"]]},
            {"options": [["training"]], "required": false},
        ],
    }))
}

#[test]
fn what_fits_is_chosen_and_no_more_is_disclosed() {
    let other = claims(&json!({"name": "x"}));
    let login_claims = claims(&json!({"name": "山田", "email": "y@example", "secret": 1}));
    let training = claims(&json!({"level_gte_2": true, "score": 99}));
    let choice = choose(
        &login(),
        &[
            candidate("organization", &other, "k"),
            candidate("affiliation", &login_claims, "k"),
            candidate("ai-training", &training, "k"),
        ],
    );
    let disclose = vec![path(&json!(["name"])), path(&json!(["email"]))];
    assert_eq!(choice.required["login"], Match { candidate: 1, disclose });
    let disclose = vec![path(&json!(["level_gte_2"]))];
    assert_eq!(choice.optional["training"], Match { candidate: 2, disclose });
    assert!(choice.missing.is_empty());
}

#[test]
fn what_is_optional_and_absent_is_not_missed() {
    let login_claims = claims(&json!({"name": "山田", "email": "y@example"}));
    let untrained = claims(&json!({"level_gte_2": false}));
    let choice = choose(
        &login(),
        &[candidate("affiliation", &login_claims, "k"), candidate("ai-training", &untrained, "k")],
    );
    assert_eq!(choice.required.len(), 1);
    assert!(choice.optional.is_empty() && choice.missing.is_empty());
    assert!(choice.matches["training"].is_empty());
}

#[test]
fn what_is_required_and_absent_is_missed_with_its_claims() {
    let nameless = claims(&json!({"email": "y@example"}));
    let empty = claims(&json!({}));
    let missing = |candidates: &[Candidate<'_>]| choose(&login(), candidates).missing;
    let expected = |claims| Missing {
        id: "login".to_owned(),
        vct_values: vec!["affiliation".to_owned()],
        claims,
    };
    assert_eq!(missing(&[]), [expected(vec![])]);
    let found =
        missing(&[candidate("affiliation", &empty, "k"), candidate("affiliation", &nameless, "k")]);
    assert_eq!(found, [expected(vec![path(&json!(["name"]))])]);
}

#[test]
fn credentials_of_one_holder_are_preferred() {
    let login_claims = claims(&json!({"name": "山田", "email": "y@example"}));
    let training = claims(&json!({"level_gte_2": true}));
    let candidates = [
        candidate("affiliation", &login_claims, "first"),
        candidate("affiliation", &login_claims, "second"),
        candidate("ai-training", &training, "second"),
    ];
    let choice = choose(&login(), &candidates);
    assert_eq!(choice.required["login"].candidate, 1);
    assert_eq!(choice.optional["training"].candidate, 2);
    assert_eq!(choice.matches["login"].len(), 2);
    let of_two = [candidates[0], candidates[2]];
    let choice = choose(&login(), &of_two);
    assert_eq!(choice.required["login"].candidate, 0);
    assert!(choice.optional.is_empty(), "another holder's training is not offered");
}

#[test]
fn without_sets_everything_is_required_even_of_several_holders() {
    let query = query(&json!({"credentials": [
        asked("a", "a", &json!([{"path": ["x"]}])),
        asked("b", "b", &json!([{"path": ["x"]}])),
    ]}));
    let x = claims(&json!({"x": 1}));
    let choice = choose(&query, &[candidate("a", &x, "1"), candidate("b", &x, "2")]);
    assert_eq!(choice.required.len(), 2);
    let choice = choose(&query, &[candidate("a", &x, "1")]);
    assert_eq!(choice.missing.len(), 1);
    assert_eq!(choice.missing[0].id, "b");
}

#[test]
fn the_first_option_and_the_first_claim_set_that_can_be_given_are_taken() {
    let mut pid = asked(
        "pid",
        "pid",
        &json!([
            {"id": "a", "path": ["a"]}, {"id": "b", "path": ["b"]}, {"id": "c", "path": ["c"]},
        ]),
    );
    pid["claim_sets"] = json!([["a", "b"], ["b", "c"], ["c"]]);
    let query = query(&json!({
        "credentials": [pid, asked("card", "card", &json!([{"path": ["x"]}]))],
        "credential_sets": [{"options": [["card"], ["pid"]]}],
    }));
    let pid = claims(&json!({"b": 1, "c": 1}));
    let choice = choose(&query, &[candidate("pid", &pid, "k")]);
    let disclose = vec![path(&json!(["b"])), path(&json!(["c"]))];
    assert_eq!(choice.required["pid"], Match { candidate: 0, disclose });
    let card = claims(&json!({"x": 1}));
    let choice = choose(&query, &[candidate("pid", &pid, "k"), candidate("card", &card, "k")]);
    assert_eq!(choice.required.keys().collect::<Vec<_>>(), ["card"]);
    let choice = choose(&query, &[]);
    assert_eq!(choice.missing.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["card"]);
}
