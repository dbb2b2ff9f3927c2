//! Tests of JWK: thumbprints from the specifications, and keys that are refused.

use sekisho_ambient::Entropy;

use super::*;
use crate::SigningKey;

fn rfc7638() -> Value {
    json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    })
}

fn rfc8037() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn fresh(algorithm: Algorithm) -> Value {
    SigningKey::generate(algorithm, &Entropy::seeded(1)).unwrap().public_jwk().to_value()
}

fn with(mut value: Value, name: &str, member: impl Into<Value>) -> Value {
    value[name] = member.into();
    value
}

#[test]
fn thumbprints_are_those_of_the_specifications() {
    let rsa = PublicJwk::from_value(&rfc7638()).unwrap();
    assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!((rsa.kid(), rsa.algorithm()), (Some("2011-04-29"), Some(Algorithm::Rs256)));
    let ed25519 = PublicJwk::from_value(&rfc8037()).unwrap();
    assert_eq!(ed25519.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_key_reads_back_from_what_it_writes() {
    for algorithm in Algorithm::ALL {
        let key = PublicJwk::from_value(&fresh(algorithm)).unwrap();
        let again: PublicJwk = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(again, key);
        assert_eq!(again.algorithm(), Some(algorithm));
        assert_eq!(again.key_use(), Some(KeyUse::Signature));
        let bare = PublicJwk::from_value(&key.minimal()).unwrap();
        assert_eq!(bare.thumbprint(), key.thumbprint());
        assert_ne!(bare, key);
    }
}

#[test]
fn a_private_or_symmetric_key_is_refused() {
    for name in PRIVATE {
        let key = with(rfc8037(), name, "AA");
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Private(name)));
    }
    let symmetric = PublicJwk::from_value(&json!({"kty": "oct"}));
    assert_eq!(symmetric, Err(JwkError::Private("k")));
}

#[test]
fn a_point_off_its_curve_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let key = fresh(algorithm);
        let mut y = b64u::decode(key["y"].as_str().unwrap()).unwrap();
        y[20] ^= 1;
        let key = with(key, "y", b64u::encode(y));
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Invalid));
    }
    let zero =
        with(with(fresh(Algorithm::Es256), "x", b64u::encode([0; 32])), "y", b64u::encode([0; 32]));
    assert_eq!(PublicJwk::from_value(&zero), Err(JwkError::Invalid));
}

#[test]
fn a_coordinate_has_the_length_of_its_curve() {
    let key = fresh(Algorithm::Es256);
    let mut x = b64u::decode(key["x"].as_str().unwrap()).unwrap();
    x.insert(0, 0);
    let longer = with(key.clone(), "x", b64u::encode(x));
    assert_eq!(PublicJwk::from_value(&longer), Err(JwkError::Malformed("x")));
    let other_curve = with(key, "crv", "P-384");
    assert!(PublicJwk::from_value(&with(other_curve, "alg", "ES384")).is_err());
}

/// GEN-16.
#[test]
fn unknown_types_and_curves_are_refused() {
    for (name, value) in [("crv", "P-521"), ("crv", "secp256k1"), ("crv", "Ed25519"), ("kty", "ec")]
    {
        let key = with(fresh(Algorithm::Es256), name, value);
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Unsupported), "{value}");
    }
    let key = with(rfc8037(), "crv", "X25519");
    assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Unsupported));
    assert_eq!(PublicJwk::from_value(&json!("key")), Err(JwkError::NotAnObject));
}

/// OA-25.
#[test]
fn an_ed25519_point_of_small_order_is_refused() {
    // The identity, the point of order 2, one of order 4, one of order 8, and the identity written
    // with a coordinate that is not reduced.
    let points = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&point[at..at + 2], 16).unwrap())
            .collect();
        let key = with(rfc8037(), "x", b64u::encode(bytes));
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Invalid), "{point}");
    }
}

#[test]
fn an_ed25519_point_has_one_encoding() {
    // Every coordinate that is not reduced modulo 2^255 - 19, with both signs.
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, high);
            let key = with(rfc8037(), "x", b64u::encode(bytes));
            assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Invalid), "{low:x}");
        }
    }
}

/// GEN-16, DOS-08.
#[test]
fn an_rsa_key_has_a_sound_size_and_exponent() {
    let modulus = |bytes: usize| b64u::encode([vec![0x80], vec![1; bytes - 1]].concat());
    for (bytes, bits) in [(128, 1024), (255, 2040), (1025, 8200)] {
        let key = with(rfc7638(), "n", modulus(bytes));
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::RsaSize(bits)));
    }
    let padded = [vec![0], b64u::decode(rfc7638()["n"].as_str().unwrap()).unwrap()].concat();
    let padded = with(rfc7638(), "n", b64u::encode(padded));
    assert_eq!(PublicJwk::from_value(&padded), Err(JwkError::Malformed("n")));
    for exponent in [&[1_u8][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        let key = with(rfc7638(), "e", b64u::encode(exponent));
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Invalid), "{exponent:?}");
    }
}

#[test]
fn keys_are_the_same_if_everything_about_them_is() {
    let key = PublicJwk::from_value(&fresh(Algorithm::Es256)).unwrap();
    let plain = key.clone().with_kid("k");
    let other = PublicJwk::from_value(&rfc8037()).unwrap().with_kid("k");
    for different in [
        other,
        key.with_kid("l"),
        plain.clone().with_algorithm(Algorithm::Es384),
        plain.clone().with_use(KeyUse::Encryption),
        plain.clone().for_agreement(),
    ] {
        assert_ne!(plain, different, "{different:?}");
    }
    assert_eq!(plain, plain.clone());
}

#[test]
fn a_kid_is_text_and_has_a_longest() {
    let named = |kid: Value| PublicJwk::from_value(&with(fresh(Algorithm::Es256), "kid", kid));
    assert!(named("k".repeat(1024).into()).is_ok());
    for wrong in [json!("k".repeat(1025)), json!(1), json!(null), json!(["k"])] {
        assert!(matches!(named(wrong), Err(JwkError::Malformed("kid"))));
    }
}

#[test]
fn alg_fits_the_key() {
    for alg in ["ES384", "RS256", "HS256", "none", "ECDH-ES+A128KW"] {
        let key = with(fresh(Algorithm::Es256), "alg", alg);
        assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Algorithm), "{alg}");
    }
    let key = with(rfc8037(), "alg", "ECDH-ES");
    assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Algorithm));
    assert!(PublicJwk::from_value(&with(rfc7638(), "alg", "PS256")).is_ok());
}

#[test]
fn a_key_for_encryption_verifies_nothing() {
    let bare = json!({"kty": "EC", "crv": "P-256", "x": fresh(Algorithm::Es256)["x"], "y": fresh(Algorithm::Es256)["y"]});
    for (name, value) in
        [("use", json!("enc")), ("alg", json!("ECDH-ES")), ("key_ops", json!(["deriveBits"]))]
    {
        let key = PublicJwk::from_value(&with(bare.clone(), name, value)).unwrap();
        assert_eq!(key.verifying_key().unwrap_err(), JwkError::Use, "{name}");
        assert!(key.agreement_point().is_some());
    }
    let signs = PublicJwk::from_value(&with(bare.clone(), "key_ops", json!(["verify"]))).unwrap();
    assert!(signs.verifying_key().is_ok());
    assert!(signs.agreement_point().is_none());
    let both = with(with(bare.clone(), "use", "sig"), "key_ops", json!(["deriveKey"]));
    assert_eq!(PublicJwk::from_value(&both), Err(JwkError::Use));
    assert_eq!(PublicJwk::from_value(&with(bare, "use", "tls")), Err(JwkError::Use));
}

#[test]
fn a_set_leaves_out_what_it_cannot_use() {
    let set = json!({"keys": [rfc8037(), {"kty": "oct", "k": "AA"}, {"kty": "EC"}, rfc7638()]});
    let set = crate::JwkSet::from_value(&set).unwrap();
    assert_eq!(set.keys.len(), 2);
    let named: Vec<&PublicJwk> = set.with_kid("2011-04-29").collect();
    assert_eq!(named, [&PublicJwk::from_value(&rfc7638()).unwrap()]);
    assert_eq!(set.with_kid("other").count(), 0);
    assert_eq!(crate::JwkSet::from_value(&set.to_value()).unwrap(), set);
    assert_eq!(crate::JwkSet::from_value(&json!({})), Err(JwkError::NotASet));
}

#[test]
fn an_rsa_key_that_has_the_fingerprint_of_a_faulty_generator_is_refused() {
    // The modulus is one more than a multiple of every odd prime up to 167, so it is a power of
    // 65537 modulo each of them.
    let product: [u8; 28] = [
        4, 146, 101, 211, 87, 76, 239, 208, 66, 41, 191, 214, 98, 164, 164, 111, 134, 17, 237, 2,
        38, 198, 85, 240, 118, 235, 173, 227,
    ];
    let mut modulus = product.to_vec();
    modulus.resize(256, 0);
    modulus.push(1);
    let key = with(rfc7638(), "n", b64u::encode(modulus));
    assert_eq!(PublicJwk::from_value(&key), Err(JwkError::Invalid));
}

#[test]
fn a_key_comes_back_from_its_compressed_point() {
    let bare = |algorithm, seed| {
        let key = SigningKey::generate(algorithm, &Entropy::seeded(seed)).unwrap().public_jwk();
        PublicJwk::from_value(&key.minimal()).unwrap()
    };
    let mut signs = std::collections::BTreeSet::new();
    for seed in 0..16 {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = bare(algorithm, seed);
            let point = key.compressed_point().unwrap();
            assert_eq!(PublicJwk::try_from(point), Ok(key));
            if let CompressedPoint::P256([sign, ..]) = point {
                signs.insert(sign);
            }
        }
    }
    assert_eq!(signs.into_iter().collect::<Vec<_>>(), [2, 3]);
    for algorithm in [Algorithm::Es384, Algorithm::Rs256] {
        assert_eq!(bare(algorithm, 1).compressed_point(), None);
    }
}

#[test]
fn a_compressed_point_has_one_form() {
    let key = PublicJwk::from_value(&fresh(Algorithm::Es256)).unwrap();
    let Some(CompressedPoint::P256(point)) = key.compressed_point() else { panic!("{key:?}") };
    for sign in [0, 1, 4, 5, 6] {
        let mut other = point;
        other[0] = sign;
        let refused = PublicJwk::try_from(CompressedPoint::P256(other));
        assert_eq!(refused, Err(JwkError::Invalid), "{sign}");
    }
    let mut beyond = [0xff; 33];
    beyond[0] = 2;
    let small_order = [0; 32];
    for point in [CompressedPoint::P256(beyond), CompressedPoint::Ed25519(small_order)] {
        assert_eq!(PublicJwk::try_from(point), Err(JwkError::Invalid));
    }
}
