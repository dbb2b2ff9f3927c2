//! Forms that are read, and every way in which one is refused.

use sekisho_ambient::Entropy;
use sekisho_jose::jwe::{ContentEncryption, encrypt};
use serde_json::json;

use super::*;
use crate::fixture::{STATE, decryption_key};
use crate::response::ResponseError as E;

const PLAIN: ResponseMode = ResponseMode::DirectPost;
const ENCRYPTED: ResponseMode = ResponseMode::DirectPostJwt;

fn form(pairs: &[(&str, &str)]) -> Params {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Params::from_pairs(pairs.iter().map(own))
}

fn read(mode: ResponseMode, pairs: &[(&str, &str)]) -> Result<WalletAnswer, ResponseError> {
    parse(&form(pairs), mode, Some(&decryption_key()))
}

fn sealed(key: &DecryptionKey, payload: &Value) -> String {
    let (jwk, payload) = (key.public_jwk().to_value(), payload.to_string());
    let apv = Some(b"nonce".as_slice());
    encrypt(&jwk, ContentEncryption::A128Gcm, payload.as_bytes(), None, apv, &Entropy::seeded(1))
        .unwrap()
}

fn encrypted(payload: &Value) -> Result<WalletAnswer, ResponseError> {
    read(ENCRYPTED, &[("response", &sealed(&decryption_key(), payload))])
}

fn presented() -> WalletAnswer {
    let vp_token = BTreeMap::from([("login".to_owned(), vec!["a~b".to_owned()])]);
    WalletAnswer::Presented { vp_token, state: Some(STATE.to_owned()) }
}

/// The error of an answer that must not be read.
fn refusal(result: Result<WalletAnswer, ResponseError>) -> ResponseError {
    result.err().expect("the answer was read")
}

#[test]
fn a_plain_answer_is_read() {
    let answer = read(PLAIN, &[("vp_token", r#"{"login":["a~b"]}"#), ("state", STATE)]).unwrap();
    assert!(answer == presented());
    assert_eq!(answer.state(), Some(STATE));
}

#[test]
fn an_encrypted_answer_is_read() {
    let payload = json!({"vp_token": {"login": ["a~b"]}, "state": STATE, "unknown": 1});
    assert!(encrypted(&payload).unwrap() == presented());
}

#[test]
fn word_18_a_member_that_is_null_is_absent() {
    let mut payload = json!({"vp_token": {"login": ["a~b"], "training": null}, "state": STATE});
    for name in ["error", "error_description", "presentation_submission"] {
        payload[name] = Value::Null;
    }
    assert!(encrypted(&payload).unwrap() == presented());
    let plain = r#"{"login":["a~b"],"training":null}"#;
    assert!(read(PLAIN, &[("vp_token", plain), ("state", STATE)]).unwrap() == presented());
    let refused = json!({"error": "access_denied", "vp_token": null, "state": null});
    assert!(matches!(encrypted(&refused), Ok(WalletAnswer::Refused { state: None, .. })));
    for nothing in [json!({"vp_token": null}), json!({"vp_token": {"login": null}})] {
        assert!(matches!(refusal(encrypted(&nothing)), E::Malformed(_)));
    }
}

#[test]
fn a_plain_answer_is_refused_where_an_encrypted_one_was_asked_for() {
    let refused = refusal(read(ENCRYPTED, &[("vp_token", r#"{"login":["a~b"]}"#)]));
    assert!(matches!(refused, E::Mode), "{refused}");
    let response = sealed(&decryption_key(), &json!({"vp_token": {"login": ["a~b"]}}));
    let refused = refusal(read(PLAIN, &[("response", &response)]));
    assert!(matches!(refused, E::Mode), "{refused}");
    let refused = refusal(parse(&form(&[("response", &response)]), ENCRYPTED, None));
    assert!(matches!(refused, E::Mode), "{refused}");
}

#[test]
fn an_answer_for_another_transactions_key_is_refused() {
    let other = DecryptionKey::generate(&Entropy::seeded(301));
    let response = sealed(&other, &json!({"vp_token": {"login": ["a~b"]}}));
    let refused = refusal(read(ENCRYPTED, &[("response", &response)]));
    assert!(matches!(refused, E::Encryption(_)), "{refused}");
    let refused = refusal(read(ENCRYPTED, &[("response", "not.a.jwe")]));
    assert!(matches!(refused, E::Encryption(_)), "{refused}");
}

#[test]
fn an_error_may_come_unencrypted_or_encrypted() {
    let refused = |mode| {
        read(mode, &[("error", "access_denied"), ("error_description", "no"), ("state", STATE)])
    };
    let expected = WalletAnswer::Refused {
        error: WalletError::AccessDenied,
        description: Some("no".to_owned()),
        state: Some(STATE.to_owned()),
    };
    assert!(refused(PLAIN).unwrap() == expected);
    assert!(refused(ENCRYPTED).unwrap() == expected);
    let payload = json!({"error": "access_denied", "error_description": "no", "state": STATE});
    assert!(encrypted(&payload).unwrap() == expected);
}

#[test]
fn an_unknown_error_is_other() {
    let answer = read(PLAIN, &[("error", "<script>")]).unwrap();
    let other = WalletError::Other;
    assert!(answer == WalletAnswer::Refused { error: other, description: None, state: None });
    for error in WalletError::ALL {
        assert_eq!(WalletError::from_name(error.as_str()), error);
    }
}

#[test]
fn a_malformed_answer_is_refused() {
    let token = r#"{"login":["a~b"]}"#;
    for pairs in [
        vec![],
        vec![("state", STATE)],
        vec![("vp_token", token), ("error", "access_denied")],
        vec![("vp_token", token), ("response", "x")],
        vec![("vp_token", token), ("vp_token", token)],
        vec![("vp_token", token), ("state", "a"), ("state", "b")],
        vec![("vp_token", "a~b")],
        vec![("vp_token", r#"["a~b"]"#)],
        vec![("vp_token", "{}")],
        vec![("vp_token", r#"{"login":"a~b"}"#)],
        vec![("vp_token", r#"{"login":[]}"#)],
        vec![("vp_token", r#"{"login":[{"x":1}]}"#)],
        vec![("vp_token", r#"{"login":["a"],"login":["b"]}"#)],
    ] {
        let refused = refusal(read(PLAIN, &pairs));
        assert!(matches!(refused, E::Malformed(_)), "{pairs:?}: {refused}");
    }
    let nothing = refusal(read(PLAIN, &[("state", STATE)])).to_string();
    assert!(nothing.contains("no vp_token"), "{nothing}");
    for payload in [
        json!({}),
        json!([]),
        json!({"vp_token": {"login": ["a"]}, "error": "access_denied"}),
        json!({"vp_token": {"login": "a"}}),
        json!({"vp_token": {"login": ["a"]}, "state": 1}),
    ] {
        let refused = refusal(encrypted(&payload));
        assert!(matches!(refused, E::Malformed(_)), "{payload}: {refused}");
    }
}
