//! A DCQL query (OpenID4VP 1.0, section 6): it survives being written and read again, and the
//! holder chooses only credentials that it has.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_jose::{Claims, json};
use sekisho_openid4vp::dcql::{self, Candidate, Query};

const CREDENTIALS: [&str; 2] = [
    r#"{"vct":"a","name":"x","n":1,"roles":["r","s"],"org":{"number":"7900000000002"}}"#,
    r#"{"vct":"b","level":2,"roles":[],"deep":[[{"a":null}]]}"#,
];

static HELD: LazyLock<Vec<Claims>> = LazyLock::new(|| {
    let read = |text: &&str| json::parse_object(text.as_bytes()).expect("an object");
    CREDENTIALS.iter().map(read).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else { return };
    let Ok(query) = Query::from_value(&value) else { return };
    assert_eq!(Query::from_value(&query.to_value()).as_ref(), Ok(&query));
    let candidates: Vec<Candidate<'_>> = HELD
        .iter()
        .zip(["a", "b"])
        .map(|(claims, vct)| Candidate { vct, claims, holder: "h" })
        .collect();
    let choice = dcql::choose(&query, &candidates);
    for (id, found) in choice.required.iter().chain(&choice.optional) {
        assert!(query.credential(id).is_some() && found.candidate < candidates.len());
    }
});
