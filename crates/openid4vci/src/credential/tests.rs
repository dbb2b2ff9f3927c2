//! Requests that are accepted, the order of their checks, and each error code.

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_jose::{Algorithm, SigningKey};

use sekisho_jose::Ahead;

use super::*;
use crate::nonce;
use CredentialErrorCode as Code;

const ISSUER: &str = "https://auth.example.jp/orgs/7900000000002";
const NONCE_KEY: [u8; 32] = [5; 32];
const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(1)).unwrap()
}

fn proof_with(nonce: &str) -> String {
    proof::build(&key(), ISSUER, nonce, None, NOW).unwrap()
}

fn good_proof() -> Value {
    let nonce = nonce::mint(&NONCE_KEY, NOW, &Entropy::seeded(2));
    json!({"jwt": [proof_with(&nonce)]})
}

/// Checks `body` for a token that is good for `affiliation` of two published configurations.
fn checked(
    body: &Value,
    identifiers: &[(String, String)],
) -> Result<AcceptedRequest, CredentialRequestError> {
    let supported = ["affiliation".to_owned(), "organization".to_owned()];
    let granted = ["affiliation".to_owned()];
    let authorized = Authorized { supported: &supported, configurations: &granted, identifiers };
    let proof = ProofCheck {
        issuer: ISSUER,
        client_id: None,
        now: NOW,
        nonce_key: &NONCE_KEY,
        ahead: Ahead::default(),
    };
    check(body.to_string().as_bytes(), &authorized, &proof)
}

fn code(body: &Value) -> Code {
    checked(body, &[]).unwrap_err().code()
}

fn identifiers() -> [(String, String); 2] {
    [("id-1".to_owned(), "affiliation".to_owned()), ("id-2".to_owned(), "organization".to_owned())]
}

#[test]
fn what_a_wallet_asks_for_is_accepted() {
    let nonce = nonce::mint(&NONCE_KEY, NOW, &Entropy::seeded(2));
    let body = CredentialRequest::for_configuration("affiliation", &proof_with(&nonce));
    let accepted = checked(&body, &[]).unwrap();
    assert_eq!(accepted.configuration_id, "affiliation");
    assert_eq!(accepted.proof.key().thumbprint(), key().public_jwk().thumbprint());
}

#[test]
fn members_that_are_not_known_are_ignored() {
    let body = json!({
        "credential_configuration_id": "affiliation", "proofs": good_proof(), "format": "x",
    });
    assert!(checked(&body, &[]).is_ok());
}

#[test]
fn exactly_one_name_says_what_is_asked_for() {
    let both = json!({
        "credential_configuration_id": "affiliation", "credential_identifier": "id-1",
        "proofs": good_proof(),
    });
    assert_eq!(code(&both), Code::InvalidCredentialRequest);
    assert_eq!(code(&json!({"proofs": good_proof()})), Code::InvalidCredentialRequest);
    let body = json!({"credential_configuration_id": 1, "proofs": good_proof()});
    assert_eq!(code(&body), Code::InvalidCredentialRequest);
}

#[test]
fn names_that_are_unknown_or_not_granted_have_codes_of_their_own() {
    let configuration =
        |id: &str| json!({"credential_configuration_id": id, "proofs": good_proof()});
    let identifier = |id: &str| json!({"credential_identifier": id, "proofs": good_proof()});
    assert_eq!(code(&configuration("invented")), Code::UnknownCredentialConfiguration);
    assert_eq!(code(&configuration("organization")), Code::CredentialRequestDenied);
    assert_eq!(code(&identifier("id-1")), Code::UnknownCredentialIdentifier);
    let given = identifiers();
    assert!(checked(&identifier("id-1"), &given).is_ok());
    let code = |body| checked(&body, &given).unwrap_err().code();
    assert_eq!(code(identifier("id-2")), Code::CredentialRequestDenied);
    assert_eq!(code(identifier("id-3")), Code::UnknownCredentialIdentifier);
    assert_eq!(code(configuration("affiliation")), Code::InvalidCredentialRequest);
}

#[test]
fn encryption_is_refused_and_not_ignored() {
    let body = json!({
        "credential_configuration_id": "affiliation",
        "credential_response_encryption": {"jwk": {}, "enc": "A128GCM"},
        "proofs": good_proof(),
    });
    assert_eq!(code(&body), Code::InvalidEncryptionParameters);
}

/// Each body has the faults of all bodies below it too. The first fault in the order is reported.
#[test]
fn the_checks_run_in_order() {
    let mut body = json!({
        "credential_configuration_id": "invented",
        "credential_identifier": "invented",
        "credential_response_encryption": {},
        "proofs": {"jwt": ["not a jwt"]},
    });
    let refused = checked(&json!([]), &[]).unwrap_err();
    assert!(matches!(refused, CredentialRequestError::Malformed(_)));
    assert_eq!(code(&body), Code::InvalidCredentialRequest);
    body.as_object_mut().unwrap().shift_remove("credential_identifier");
    assert_eq!(code(&body), Code::UnknownCredentialConfiguration);
    body["credential_configuration_id"] = json!("organization");
    assert_eq!(code(&body), Code::CredentialRequestDenied);
    body["credential_configuration_id"] = json!("affiliation");
    assert_eq!(code(&body), Code::InvalidEncryptionParameters);
    body.as_object_mut().unwrap().shift_remove("credential_response_encryption");
    assert_eq!(code(&body), Code::InvalidProof);
    body["proofs"] = json!({"jwt": [proof_with("invented")]});
    assert_eq!(code(&body), Code::InvalidNonce);
    body["proofs"] = good_proof();
    assert!(checked(&body, &[]).is_ok());
    body.as_object_mut().unwrap().shift_remove("proofs");
    assert_eq!(code(&body), Code::InvalidProof);
}

#[test]
fn a_body_with_a_member_twice_is_malformed() {
    let body = br#"{"credential_configuration_id":"a","credential_configuration_id":"b"}"#;
    let refused = CredentialRequest::parse(body).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidCredentialRequest);
}

#[test]
fn an_error_is_a_code_and_a_plain_description() {
    let body = Code::InvalidNonce.body(Some("a \"quoted\"\r\nline"));
    assert_eq!(body["error"], "invalid_nonce");
    let description = body["error_description"].as_str().unwrap();
    assert!(!description.contains(['"', '\\', '\r', '\n']), "{description}");
    assert_eq!(Code::InvalidProof.body(None), json!({"error": "invalid_proof"}));
    assert_eq!(Code::CredentialRequestDenied.status(), 400);
}

#[test]
fn a_wallet_reads_what_the_issuer_answers() {
    let body = response(&["a~".to_owned()]);
    assert_eq!(body, json!({"credentials": [{"credential": "a~"}]}));
    assert_eq!(read_response(body.to_string().as_bytes()).unwrap(), ["a~"]);
    for body in [
        json!({}),
        json!({"credentials": []}),
        json!({"credentials": ["a~"]}),
        json!({"credentials": [{"credential": {}}]}),
        json!({"credential": "a~"}),
        json!({"transaction_id": "x", "interval": 5}),
    ] {
        assert!(read_response(body.to_string().as_bytes()).is_err(), "{body}");
    }
}
