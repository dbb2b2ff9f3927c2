//! Tests of JWE: the example of RFC 7518, appendix C, a second implementation, and tokens that are
//! refused before any work is done.

use josekit::jwe::alg::ecdh_es::EcdhEsJweAlgorithm;
use josekit::jwe::{JweContext, JweHeader};
use josekit::jwk::Jwk;

use super::*;

fn key() -> DecryptionKey {
    DecryptionKey::generate(&Entropy::seeded(1))
}

fn token(key: &DecryptionKey, enc: ContentEncryption) -> String {
    let recipient = key.public_jwk().to_value();
    encrypt(&recipient, enc, b"content", Some(b"Alice"), Some(b"Bob"), &Entropy::seeded(2)).unwrap()
}

/// Returns the token with a changed header. It could not be decrypted even if the header were
/// accepted, so a test must look at the error.
fn with_header(change: impl FnOnce(&mut Value)) -> String {
    let token = token(&key(), ContentEncryption::A128Gcm);
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&b64u::decode(header).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", b64u::encode(header.to_string()))
}

#[test]
fn the_key_derivation_is_that_of_rfc_7518_appendix_c() {
    let shared = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110,
        163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];
    let key = concat_kdf(&shared, ContentEncryption::A128Gcm, b"Alice", b"Bob");
    assert_eq!(b64u::encode(key.expose()), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn the_shared_secret_is_that_of_rfc_7518_appendix_c() {
    let bob = b64u::decode("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw").unwrap();
    let alice = PublicJwk::from_value(&json!({
        "kty": "EC", "crv": "P-256",
        "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    }));
    let bob = DecryptionKey::from_bytes(&bob).unwrap();
    let point = alice.unwrap().agreement_point().unwrap();
    let key = agree(&bob.private, &point, ContentEncryption::A128Gcm, b"Alice", b"Bob").unwrap();
    assert_eq!(b64u::encode(key.expose()), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn what_is_encrypted_is_read() {
    for enc in ContentEncryption::ALL {
        let stored = DecryptionKey::from_bytes(key().to_bytes().expose()).unwrap();
        assert_eq!(stored.decrypt(&token(&key(), enc)).unwrap(), b"content");
    }
    // The size of two presentations with their certificates, and more.
    let large = vec![b'x'; 150_000];
    let (recipient, enc) = (key().public_jwk().to_value(), ContentEncryption::A256Gcm);
    let text = encrypt(&recipient, enc, &large, None, None, &Entropy::seeded(2)).unwrap();
    assert_eq!(key().decrypt(&text).unwrap(), large);
}

#[test]
fn josekit_reads_what_is_encrypted_here() {
    for enc in ContentEncryption::ALL {
        let mut private = key().public_jwk().to_value();
        private["d"] = b64u::encode(key().to_bytes().expose()).into();
        let private = Jwk::from_bytes(private.to_string()).unwrap();
        let decrypter = EcdhEsJweAlgorithm::EcdhEs.decrypter_from_jwk(&private).unwrap();
        let (content, header) =
            JweContext::new().deserialize_compact(token(&key(), enc), &decrypter).unwrap();
        assert_eq!(content, b"content");
        assert_eq!(header.content_encryption(), Some(enc.name()));
    }
}

#[test]
fn what_josekit_encrypts_is_read_here() {
    for enc in ContentEncryption::ALL {
        let public = Jwk::from_bytes(key().public_jwk().to_value().to_string()).unwrap();
        let encrypter = EcdhEsJweAlgorithm::EcdhEs.encrypter_from_jwk(&public).unwrap();
        let mut header = JweHeader::new();
        header.set_content_encryption(enc.name());
        header.set_agreement_partyuinfo(b"mdoc nonce");
        header.set_agreement_partyvinfo(b"nonce");
        let token = JweContext::new().serialize_compact(b"content", &header, &encrypter).unwrap();
        assert_eq!(key().decrypt(&token).unwrap(), b"content");
    }
}

#[test]
fn the_public_key_says_what_it_is_for() {
    let value = key().public_jwk().to_value();
    assert_eq!((&value["alg"], &value["use"]), (&json!("ECDH-ES"), &json!("enc")));
    assert_eq!(value["kid"], key().public_jwk().thumbprint());
    assert!(value.get("d").is_none());
    assert_eq!(PublicJwk::from_value(&value).unwrap(), key().public_jwk());
}

/// OA-29, VP-22.
#[test]
fn what_is_not_on_the_list_is_refused_by_name() {
    let refused = |change: fn(&mut Value)| key().decrypt(&with_header(change)).unwrap_err();
    assert_eq!(refused(|h| h["zip"] = json!("DEF")), JweError::Unsupported("zip"));
    assert_eq!(refused(|h| h["crit"] = json!(["exp"])), JweError::Unsupported("crit"));
    assert_eq!(refused(|h| h["p2c"] = json!(2_000_000_000)), JweError::Unsupported("p2c"));
    for alg in ["dir", "RSA1_5", "RSA-OAEP", "PBES2-HS256+A128KW", "ECDH-ES+A128KW", "none"] {
        let token = with_header(|header| header["alg"] = alg.into());
        assert_eq!(key().decrypt(&token).unwrap_err(), JweError::Algorithm, "{alg}");
    }
    assert_eq!(refused(|h| h["enc"] = json!("A128CBC-HS256")), JweError::Encryption);
    assert_eq!(refused(|h| h["alg"] = json!(null)), JweError::Malformed("alg"));
}

/// VP-22.
#[test]
fn a_key_of_another_is_not_tried() {
    let other = DecryptionKey::generate(&Entropy::seeded(9));
    assert_eq!(other.decrypt(&token(&key(), ContentEncryption::A128Gcm)), Err(JweError::Kid));
    let recipient = key().public_jwk().minimal();
    let without_kid =
        encrypt(&recipient, ContentEncryption::A128Gcm, b"", None, None, &Entropy::seeded(2));
    let without_kid = without_kid.unwrap();
    assert_eq!(key().decrypt(&without_kid).unwrap(), b"");
    assert_eq!(other.decrypt(&without_kid), Err(JweError::Decryption));
}

#[test]
fn an_ephemeral_key_is_a_public_key_on_the_curve() {
    let refused = |change: fn(&mut Value)| key().decrypt(&with_header(change)).unwrap_err();
    let off = |h: &mut Value| h["epk"]["y"] = h["epk"]["x"].clone();
    assert_eq!(refused(off), JweError::Jwk(JwkError::Invalid));
    let private = |h: &mut Value| h["epk"]["d"] = json!("AA");
    assert_eq!(refused(private), JweError::Jwk(JwkError::Private("d")));
    let curve = |h: &mut Value| h["epk"]["crv"] = json!("X25519");
    assert_eq!(refused(curve), JweError::Jwk(JwkError::Unsupported));
    assert_eq!(refused(|h| h["epk"] = json!(null)), JweError::Jwk(JwkError::NotAnObject));
}

#[test]
fn every_part_is_bound_to_the_others() {
    assert_eq!(
        key().decrypt(&with_header(|h| h["apu"] = json!(b64u::encode("Eve")))),
        Err(JweError::Decryption)
    );
    assert_eq!(key().decrypt(&with_header(|h| h["x"] = json!(1))), Err(JweError::Decryption));
    let token = token(&key(), ContentEncryption::A256Gcm);
    let parts: Vec<&str> = token.split('.').collect();
    for part in 2..5 {
        let mut bytes = b64u::decode(parts[part]).unwrap();
        bytes[0] ^= 1;
        let changed = b64u::encode(bytes);
        let mut parts = parts.clone();
        parts[part] = &changed;
        assert_eq!(key().decrypt(&parts.join(".")), Err(JweError::Decryption), "{part}");
    }
}

/// OA-30.
#[test]
fn another_form_is_refused() {
    let token = token(&key(), ContentEncryption::A128Gcm);
    let parts: Vec<&str> = token.split('.').collect();
    let decrypt = |text: &str| key().decrypt(text).unwrap_err();
    assert_eq!(decrypt("a.b.c"), JweError::Parts(3));
    assert_eq!(decrypt(&format!("{token}.x")), JweError::Parts(6));
    assert_eq!(decrypt(&"a".repeat(MAX_BYTES + 1)), JweError::TooLong(MAX_BYTES + 1));
    assert_eq!(decrypt(&"a".repeat(MAX_BYTES)), JweError::Parts(1), "short enough to be read");
    let with = |at: usize, text: &str| {
        let mut parts = parts.clone();
        parts[at] = text;
        decrypt(&parts.join("."))
    };
    assert_eq!(with(1, "AAAA"), JweError::Malformed("encrypted key"));
    assert_eq!(with(2, "AAAA"), JweError::Malformed("iv"));
    assert_eq!(with(4, &parts[4][..8]), JweError::Malformed("tag"));
    assert_eq!(with(0, "e30="), JweError::Malformed("header"));
    let twice = b64u::encode(r#"{"alg":"none","alg":"ECDH-ES"}"#);
    assert_eq!(with(0, &twice), JweError::Malformed("header"));
}

#[test]
fn a_recipient_is_a_key_for_agreement() {
    let encrypt = |recipient: &Value| {
        encrypt(recipient, ContentEncryption::A128Gcm, b"", None, None, &Entropy::seeded(2))
    };
    let mut signs = key().public_jwk().minimal();
    signs["use"] = "sig".into();
    assert_eq!(encrypt(&signs), Err(JweError::Recipient));
    let ed25519 =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(encrypt(&ed25519), Err(JweError::Recipient));
    for bytes in [&[0_u8; 32][..], &[255; 32], &[1; 31]] {
        assert!(matches!(DecryptionKey::from_bytes(bytes), Err(JweError::PrivateKey)));
    }
}
