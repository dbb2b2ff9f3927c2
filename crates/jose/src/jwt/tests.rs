//! Tests that a JWT is refused unless key, algorithm and type are those that the caller expects.

use sekisho_ambient::Entropy;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{HeaderError, SignatureError, SigningInput, SigningKey, sign};

const EXPECTED: Expected<'_> =
    Expected { typ: &["JWT", "at+jwt"], algorithms: &[Algorithm::EdDsa], allow_missing_typ: false };

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa, &Entropy::seeded(1)).unwrap()
}

fn token(typ: Option<&str>, payload: &str) -> String {
    let mut header = Header::for_key(&key(), "");
    header.typ = typ.map(ToOwned::to_owned);
    let input = SigningInput::new(&header, payload.as_bytes());
    let signature = key().sign(input.as_bytes()).unwrap();
    input.finish(&signature)
}

fn verify(text: &str, expected: &Expected<'_>) -> Result<VerifiedJwt, JwtError> {
    UnverifiedJwt::parse(text)?.verify(&key().verifying_key(), expected)
}

#[test]
fn claims_come_out_of_a_verified_token() {
    let token = sign(&key(), &Header::for_key(&key(), "JWT"), &json!({"sub": "a"})).unwrap();
    let unverified_jwt: UnverifiedJwt = UnverifiedJwt::parse(&token).unwrap();
    assert_eq!(unverified_jwt.dangerous_claims().unwrap()["sub"], "a");
    let jwt = unverified_jwt.verify(&key().verifying_key(), &EXPECTED).unwrap();
    assert_eq!(jwt.claims()["sub"], "a");
    assert_eq!(jwt.header().kid.as_deref(), Some(key().kid()));
}

#[test]
fn claims_are_read_into_a_type() {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let read = |payload| {
        let jwt: UnverifiedJwt<Subject> = UnverifiedJwt::parse(&token(Some("JWT"), payload))?;
        jwt.verify(&key().verifying_key(), &EXPECTED)
    };
    assert_eq!(read(r#"{"sub":"a"}"#).unwrap().into_claims().sub, "a");
    assert!(matches!(read(r#"{"sub":1}"#), Err(JwtError::Claims(_))));
    assert!(matches!(read(r#"{"sub":"a","sub":"b"}"#), Err(JwtError::Json(_))));
    assert!(matches!(read(r#"["a"]"#), Err(JwtError::Json(JsonError::NotAnObject))));
}

#[test]
fn a_fraction_of_a_second_in_a_typed_claim_does_not_lose_the_token() {
    // Other crates turn on serde_json's feature `arbitrary_precision`. With it, a number in a typed
    // struct is a `Number`, and never an `f64` behind `flatten` or an untagged enum. Keep that so.
    #[derive(Deserialize)]
    struct Times {
        exp: serde_json::Number,
        #[serde(flatten)]
        other: Claims,
    }
    let token = token(Some("JWT"), r#"{"exp":1763000000.5,"iat":1763000000.25}"#);
    let jwt: UnverifiedJwt<Times> = UnverifiedJwt::parse(&token).unwrap();
    let times = jwt.verify(&key().verifying_key(), &EXPECTED).unwrap().into_claims();
    assert_eq!(times.exp.to_string(), "1763000000.5");
    let iat = crate::numeric_date::read(&times.other, "iat").unwrap().unwrap();
    assert_eq!(iat.unix(), 1_763_000_000);
}

#[test]
fn typ_is_compared_without_case_and_prefix() {
    for typ in ["JWT", "jwt", "application/jwt", "Application/AT+JWT", "at+jwt"] {
        assert!(verify(&token(Some(typ), "{}"), &EXPECTED).is_ok(), "{typ}");
    }
    for typ in [
        "",
        "at+jw",
        "kb+jwt",
        "application/",
        "application/at/jwt",
        "text/jwt",
        "JWT ",
        "xpplication/jwt",
        "abcdefghijklJWT",
    ] {
        let refused = verify(&token(Some(typ), "{}"), &EXPECTED);
        assert!(matches!(refused, Err(JwtError::Typ { .. })), "{typ}");
    }
}

#[test]
fn a_missing_typ_passes_only_where_it_may() {
    let token = token(None, "{}");
    assert!(matches!(verify(&token, &EXPECTED), Err(JwtError::Typ { found: None, .. })));
    let lenient = Expected { allow_missing_typ: true, ..EXPECTED };
    assert!(verify(&token, &lenient).is_ok());
    assert!(verify(&self::token(Some("kb+jwt"), "{}"), &lenient).is_err());
}

#[test]
fn an_algorithm_off_the_list_is_refused() {
    let es256 = Expected { algorithms: &[Algorithm::Es256], ..EXPECTED };
    let refused = verify(&token(Some("JWT"), "{}"), &es256);
    assert!(matches!(refused, Err(JwtError::Jws(JwsError::Algorithm(Algorithm::EdDsa)))));
}

#[test]
fn another_key_does_not_verify() {
    let other = SigningKey::generate(Algorithm::EdDsa, &Entropy::seeded(2)).unwrap();
    let jwt: UnverifiedJwt = UnverifiedJwt::parse(&token(Some("JWT"), "{}")).unwrap();
    let refused = jwt.verify(&other.verifying_key(), &EXPECTED);
    assert!(matches!(refused, Err(JwtError::Jws(JwsError::Signature(SignatureError::Invalid)))));
}

#[test]
fn an_encrypted_token_is_never_taken_for_a_signed_one() {
    let recipient = crate::jwe::DecryptionKey::generate(&Entropy::seeded(3));
    let jwe = crate::jwe::encrypt(
        &recipient.public_jwk().to_value(),
        crate::jwe::ContentEncryption::A128Gcm,
        br#"{"sub":"a"}"#,
        None,
        None,
        &Entropy::seeded(4),
    );
    assert!(matches!(verify(&jwe.unwrap(), &EXPECTED), Err(JwtError::Jws(JwsError::Parts(5)))));
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let input = r#"{"alg":"HS256","typ":"JWT"}"#;
    let token = format!("{}.{}.{}", crate::b64u::encode(input), crate::b64u::encode("{}"), "AA");
    let refused = verify(&token, &EXPECTED);
    assert!(matches!(refused, Err(JwtError::Jws(JwsError::Header(HeaderError::Algorithm)))));
}

#[test]
fn a_token_is_not_longer_than_is_read() {
    let chains = token(Some("JWT"), &format!(r#"{{"a":"{}"}}"#, "a".repeat(90_000)));
    assert!(verify(&chains, &EXPECTED).is_ok());
    let long = token(Some("JWT"), &format!(r#"{{"a":"{}"}}"#, "a".repeat(MAX_BYTES)));
    assert!(matches!(verify(&long, &EXPECTED), Err(JwtError::Jws(JwsError::TooLong { .. }))));
    let jwt: UnverifiedJwt = UnverifiedJwt::parse_bounded(&long, 2 * MAX_BYTES).unwrap();
    assert!(jwt.verify(&key().verifying_key(), &EXPECTED).is_ok());
}
