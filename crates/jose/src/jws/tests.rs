//! Tests of compact JWS: which forms are read, and which are refused before a signature is checked.

use sekisho_ambient::Entropy;
use serde_json::json;

use super::*;
use crate::{JwkError, PublicJwk};

const MAX: usize = 4096;

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &Entropy::seeded(1)).unwrap()
}

/// Makes a token whose header is exactly `header`, signed by `key` whatever algorithm the header
/// names.
fn token(key: &SigningKey, header: &str) -> String {
    let input = format!("{}.{}", b64u::encode(header), b64u::encode("{}"));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64u::encode(signature))
}

fn parse(text: &str) -> Result<UnverifiedJws, JwsError> {
    UnverifiedJws::parse(text, MAX)
}

fn header_error(header: &str) -> HeaderError {
    match parse(&token(&key(Algorithm::Es256), header)) {
        Err(JwsError::Header(error)) => error,
        other => panic!("{header}: {other:?}"),
    }
}

#[test]
fn the_example_of_rfc_7515_appendix_a_3_verifies() {
    let text = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let key = PublicJwk::from_value(&key).unwrap().verifying_key().unwrap();
    let (_, payload) = parse(text).unwrap().verify(&key, &[Algorithm::Es256]).unwrap();
    assert!(payload.starts_with(br#"{"iss":"joe","#));
}

#[test]
fn the_example_of_rfc_8037_appendix_a_4_is_signed_and_verified() {
    let seed = b64u::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let pkcs8 = [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", &seed[..]];
    let key = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &pkcs8.concat()).unwrap();
    let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let mut header = Header::new(Algorithm::EdDsa, "");
    header.typ = None;
    let input = SigningInput::new(&header, b"Example of Ed25519 signing");
    let signature = key.sign(input.as_bytes()).unwrap();
    assert_eq!(input.finish(&signature), text);
    assert!(parse(text).unwrap().verify(&key.verifying_key(), &[Algorithm::EdDsa]).is_ok());
}

#[test]
fn a_header_comes_back_as_it_was_written() {
    let key = key(Algorithm::Es256);
    let mut header = Header::for_key(&key, "JWT")
        .with_jwk(key.public_jwk())
        .with_x5c(vec![vec![0x30, 0xff], vec![0x31]]);
    header.other.insert("nonce".into(), "n".into());
    header.other.insert("alg".into(), "none".into());
    let token = sign(&key, &header, &json!({})).unwrap();
    let read = parse(&token).unwrap().header().clone();
    let shown: Vec<String> = read.to_claims().keys().cloned().collect();
    assert_eq!(shown, ["alg", "typ", "kid", "jwk", "x5c", "nonce"]);
    assert_eq!(read.to_claims(), header.to_claims());
    assert_eq!(read.to_claims()["x5c"], json!(["MP8=", "MQ=="]));
    assert_eq!(read.kid.as_deref(), Some(key.kid()));
}

#[test]
fn no_other_key_message_or_signature_passes() {
    let (ours, other) =
        (key(Algorithm::Es256), SigningKey::generate(Algorithm::Es256, &Entropy::seeded(2)));
    let token = sign(&ours, &Header::for_key(&ours, "JWT"), &json!({"a": 1})).unwrap();
    let verify = |text: &str, key: &SigningKey| {
        parse(text).unwrap().verify(&key.verifying_key(), &Algorithm::ALL)
    };
    let invalid = |result| matches!(result, Err(JwsError::Signature(SignatureError::Invalid)));
    assert!(verify(&token, &ours).is_ok());
    assert!(invalid(verify(&token, &other.unwrap())));
    let parts: Vec<&str> = token.split('.').collect();
    let changed = format!("{}.{}.{}", parts[0], b64u::encode(r#"{"a":2}"#), parts[2]);
    assert!(invalid(verify(&changed, &ours)));
    assert!(invalid(verify(&format!("{}.{}.", parts[0], parts[1]), &ours)));
    assert!(invalid(verify(
        &format!("{}.{}.{}", parts[0], parts[1], b64u::encode([0; 64])),
        &ours
    )));
}

/// GEN-15, OA-25.
#[test]
fn none_and_hmac_are_refused_before_a_key_is_looked_at() {
    for alg in [r#""none""#, r#""None""#, r#""nOnE""#, r#""HS256""#, r#""RS1""#, "null", "[]", "0"]
    {
        let error = header_error(&format!(r#"{{"alg":{alg}}}"#));
        assert!(matches!(error, HeaderError::Algorithm), "{alg}: {error}");
    }
    assert!(matches!(header_error("{}"), HeaderError::Algorithm));
    let unsigned = format!("{}.{}.", b64u::encode(r#"{"alg":"none"}"#), b64u::encode("{}"));
    assert!(matches!(parse(&unsigned), Err(JwsError::Header(HeaderError::Algorithm))));
}

/// GEN-15, OA-25.
#[test]
fn an_algorithm_fits_the_key_and_the_caller() {
    for signer in Algorithm::ALL {
        let key = key(signer);
        for claimed in Algorithm::ALL {
            let token = token(&key, &format!(r#"{{"alg":"{claimed}"}}"#));
            let verified = parse(&token).unwrap().verify(&key.verifying_key(), &Algorithm::ALL);
            if claimed == signer {
                assert!(verified.is_ok());
                let refused = parse(&token).unwrap().verify(&key.verifying_key(), &[]);
                assert!(matches!(refused, Err(JwsError::Algorithm(_))));
            } else {
                let unfit = Err(SignatureError::Algorithm(claimed));
                assert!(
                    matches!(verified, Err(JwsError::Signature(e)) if Err::<(), _>(e) == unfit),
                    "{signer} {claimed}"
                );
            }
        }
    }
}

/// OA-25.
#[test]
fn rs256_and_ps256_are_kept_apart_even_for_a_key_without_alg() {
    let key = key(Algorithm::Rs256);
    let bare = PublicJwk::from_value(&key.public_jwk().minimal()).unwrap().verifying_key().unwrap();
    assert!(bare.supports(Algorithm::Ps256));
    let token = token(&key, r#"{"alg":"PS256"}"#);
    let verified = parse(&token).unwrap().verify(&bare, &Algorithm::ALL);
    assert!(matches!(verified, Err(JwsError::Signature(SignatureError::Invalid))));
}

/// GEN-15, OA-25.
#[test]
fn what_changes_processing_is_refused() {
    for (name, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("b64", "false"),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("enc", r#""A128GCM""#),
    ] {
        let error = header_error(&format!(r#"{{"alg":"ES256","{name}":{value}}}"#));
        assert!(matches!(error, HeaderError::Unsupported(found) if found == name), "{name}");
    }
}

#[test]
fn a_malformed_header_is_refused() {
    let long = format!(r#""{}""#, "k".repeat(1025));
    for (name, value) in [
        ("kid", "1"),
        ("kid", "null"),
        ("kid", &long),
        ("typ", "[]"),
        ("x5c", "[]"),
        ("x5c", r#""MA==""#),
        ("x5c", "[1]"),
        ("x5c", r#"["MA"]"#),
        ("x5c", r#"["-_8="]"#),
    ] {
        let error = header_error(&format!(r#"{{"alg":"ES256","{name}":{value}}}"#));
        assert!(matches!(error, HeaderError::Malformed(found) if found == name), "{name} {value}");
    }
    for header in ["[]", "", r#"{"alg":"ES256","alg":"none"}"#, r#"{"alg":"ES256"} x"#] {
        assert!(matches!(header_error(header), HeaderError::Json(_)), "{header}");
    }
}

/// OA-26.
#[test]
fn an_embedded_private_key_is_refused() {
    let error = header_error(r#"{"alg":"ES256","jwk":{"kty":"EC","d":"AA"}}"#);
    assert!(matches!(error, HeaderError::Jwk(JwkError::Private("d"))));
    let error = header_error(r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AA"}}"#);
    assert!(matches!(error, HeaderError::Jwk(JwkError::Private("k"))));
}

#[test]
fn another_form_is_refused() {
    assert!(matches!(parse("a.b"), Err(JwsError::Parts(2))));
    assert!(matches!(parse("a.b.c.d.e"), Err(JwsError::Parts(5))));
    let long = "a".repeat(MAX + 1);
    assert!(matches!(parse(&long), Err(JwsError::TooLong { found: 4097, allowed: MAX })));
    assert!(matches!(parse(&"a".repeat(MAX)), Err(JwsError::Parts(1))), "short enough to be read");
    let token = token(&key(Algorithm::Es256), r#"{"alg":"ES256"}"#);
    assert!(matches!(parse(&format!("{token}=")), Err(JwsError::Base64("signature"))));
    assert!(matches!(parse(&format!("={token}")), Err(JwsError::Base64("header"))));
    assert!(matches!(parse(&token.replacen('.', ".=", 1)), Err(JwsError::Base64("payload"))));
}

#[test]
fn a_header_for_another_algorithm_is_not_signed() {
    let key = key(Algorithm::Es256);
    let refused = sign(&key, &Header::new(Algorithm::EdDsa, "JWT"), &json!({}));
    let expected = KeyError::Algorithm { header: Algorithm::EdDsa, key: Algorithm::Es256 };
    assert_eq!(refused, Err(expected));
}
