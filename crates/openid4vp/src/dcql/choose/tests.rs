//! What a wallet chooses and discloses.

use sekisho_ambient::Entropy;
use serde_json::{Value, json};

use super::*;
use crate::dcql::check::{CredentialView, evaluate};

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

/// A login credential is required, a training is optional.
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

/// Of three holders, only the last has both credentials.
#[test]
fn credentials_of_different_holders_are_not_mixed() {
    let login_claims = claims(&json!({"name": "山田", "email": "y@example"}));
    let training = claims(&json!({"level_gte_2": true}));
    let choice = choose(
        &login(),
        &[
            candidate("affiliation", &login_claims, "first"),
            candidate("ai-training", &training, "second"),
            candidate("affiliation", &login_claims, "third"),
            candidate("ai-training", &training, "third"),
        ],
    );
    let chosen = (choice.required["login"].candidate, choice.optional["training"].candidate);
    assert_eq!(chosen, (2, 3));
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

#[test]
fn of_an_array_only_the_elements_asked_for_are_disclosed() {
    let asked = asked("a", "a", &json!([{"path": ["roles", null], "values": ["admin", "ops"]}]));
    let query = query(&json!({"credentials": [asked]}));
    let roles = claims(&json!({"roles": ["user", "admin", "secret", "ops"]}));
    let choice = choose(&query, &[candidate("a", &roles, "k")]);
    let expected = vec![path(&json!(["roles", 1])), path(&json!(["roles", 3]))];
    assert_eq!(choice.required["a"].disclose, expected);
    // If no certain values are asked for, the path alone says what to disclose.
    for whole in [json!(["roles", null]), json!(["teams", null, "names", null])] {
        let asked = self::asked("a", "a", &json!([{"path": whole}]));
        let query = self::query(&json!({"credentials": [asked]}));
        let held = claims(&json!({"roles": ["user"], "teams": [{"names": ["a"]}]}));
        let choice = choose(&query, &[candidate("a", &held, "k")]);
        assert_eq!(choice.required["a"].disclose, [path(&whole)]);
    }
}

/// A query with random sets over three types, and random claims for them.
fn random(entropy: &Entropy) -> (Query, Vec<(String, Claims, String)>) {
    const TYPES: [&str; 3] = ["a", "b", "c"];
    const CLAIMS: [&str; 3] = ["x", "y", "z"];
    let one = |from: &[&str; 3]| from[usize::try_from(entropy.below(3)).unwrap()].to_owned();
    let credentials = TYPES.map(|id| {
        let claims = CLAIMS.map(|name| json!({"id": name, "path": [name], "values": [0, 1]}));
        let mut query = asked(id, &one(&TYPES), &json!(claims));
        query["claim_sets"] = json!([[one(&CLAIMS)], [one(&CLAIMS)]]);
        query
    });
    let set = || {
        json!({
            "options": [[one(&TYPES)], [one(&TYPES)]],
            "required": entropy.below(2) == 0,
        })
    };
    let mut document = json!({"credentials": credentials});
    if entropy.below(3) > 0 {
        document["credential_sets"] = json!([set(), set()]);
    }
    let held = (0..entropy.below(5)).map(|_| {
        let held = CLAIMS.map(|name| (name.to_owned(), json!(entropy.below(4))));
        (one(&TYPES), Claims::from_iter(held), one(&TYPES))
    });
    (query(&document), held.collect())
}

/// The verifier's own evaluation accepts the choice, or the choice says that something is missing.
#[test]
fn what_is_chosen_satisfies_the_query() {
    let entropy = Entropy::seeded(11);
    let mut complete = 0;
    for _ in 0..2000 {
        let (query, held) = random(&entropy);
        let candidates: Vec<Candidate<'_>> =
            held.iter().map(|(vct, claims, holder)| candidate(vct, claims, holder)).collect();
        let choice = choose(&query, &candidates);
        let chosen = choice.required.iter().chain(&choice.optional);
        let answer = chosen.map(|(id, found)| {
            let Candidate { vct, claims, .. } = candidates[found.candidate];
            (id.as_str(), vec![CredentialView { vct, claims }])
        });
        let verdict = evaluate(&query, &answer.collect());
        assert_eq!(verdict.is_ok(), choice.missing.is_empty(), "{query:?}: {choice:?}");
        complete += u32::from(verdict.is_ok());
    }
    assert!((200..1800).contains(&complete), "both outcomes are met: {complete}");
}
