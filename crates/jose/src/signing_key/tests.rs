//! Tests that signatures verify, for each algorithm and each encoding of the key.

use ed25519_dalek::{Signer as _, Verifier as _};
use josekit::jwk::KeyPair as _;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use josekit::jws::alg::rsassa_pss::RsassaPssJwsAlgorithm;
use josekit::jws::alg::{ecdsa::EcdsaJwsAlgorithm, eddsa::EddsaJwsAlgorithm};
use josekit::jws::{JwsSigner, JwsVerifier};
use p256::pkcs8::DecodePrivateKey as _;
use proptest::prelude::*;

use super::*;
use crate::SignatureError;

fn key(algorithm: Algorithm, seed: u64) -> SigningKey {
    SigningKey::generate(algorithm, &Entropy::seeded(seed)).unwrap()
}

fn josekit_signer(algorithm: Algorithm, der: &[u8]) -> Box<dyn JwsSigner> {
    match algorithm {
        Algorithm::Es256 => Box::new(EcdsaJwsAlgorithm::Es256.signer_from_der(der).unwrap()),
        Algorithm::Es384 => Box::new(EcdsaJwsAlgorithm::Es384.signer_from_der(der).unwrap()),
        Algorithm::EdDsa => Box::new(EddsaJwsAlgorithm::Eddsa.signer_from_der(der).unwrap()),
        Algorithm::Rs256 => Box::new(RsassaJwsAlgorithm::Rs256.signer_from_der(der).unwrap()),
        Algorithm::Ps256 => {
            let pair = josekit::jwk::alg::rsa::RsaKeyPair::from_der(der).unwrap();
            let jwk = pair.to_jwk_private_key();
            Box::new(RsassaPssJwsAlgorithm::Ps256.signer_from_jwk(&jwk).unwrap())
        }
    }
}

fn josekit_verifier(key: &SigningKey) -> Box<dyn JwsVerifier> {
    let text = key.public_jwk().to_value().to_string();
    let jwk = josekit::jwk::Jwk::from_bytes(text).unwrap();
    match key.algorithm() {
        Algorithm::Es256 => Box::new(EcdsaJwsAlgorithm::Es256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Es384 => Box::new(EcdsaJwsAlgorithm::Es384.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::EdDsa => Box::new(EddsaJwsAlgorithm::Eddsa.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Rs256 => Box::new(RsassaJwsAlgorithm::Rs256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Ps256 => Box::new(RsassaPssJwsAlgorithm::Ps256.verifier_from_jwk(&jwk).unwrap()),
    }
}

#[test]
fn openssl_verifies_what_is_signed_here_and_signs_what_is_verified_here() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, 1);
        let signature = key.sign(b"message").unwrap();
        josekit_verifier(&key).verify(b"message", &signature).unwrap();
        let der = key.to_pkcs8_der();
        let signature = josekit_signer(algorithm, der.expose()).sign(b"message").unwrap();
        let verifying = key.verifying_key();
        assert_eq!(verifying.verify(algorithm, b"message", &signature), Ok(()), "{algorithm}");
        let other = verifying.verify(algorithm, b"massage", &signature);
        assert_eq!(other, Err(SignatureError::Invalid), "{algorithm}");
    }
}

#[test]
fn a_key_reads_back_from_what_it_writes() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, 1);
        let der = SigningKey::from_pkcs8_der(algorithm, key.to_pkcs8_der().expose()).unwrap();
        assert_eq!(der.public_jwk(), key.public_jwk());
        assert_eq!(key.kid(), key.public_jwk().thumbprint());
        assert_eq!(key.public_jwk().kid(), Some(key.kid()));
        assert_eq!(key.public_jwk().algorithm(), Some(algorithm));
    }
}

#[test]
fn a_key_has_the_name_it_is_given() {
    let key = key(Algorithm::Es256, 1).with_kid("a");
    assert_eq!(key.kid(), "a");
    assert_eq!(key.public_jwk().kid(), Some("a"));
    assert_eq!(key.verifying_key().jwk().kid(), Some("a"));
}

#[test]
fn a_key_is_refused_for_another_algorithm() {
    for made in Algorithm::ALL {
        let der = key(made, 1).to_pkcs8_der();
        for read in Algorithm::ALL {
            let both_rsa = matches!(made, Algorithm::Rs256 | Algorithm::Ps256)
                && matches!(read, Algorithm::Rs256 | Algorithm::Ps256);
            let result = SigningKey::from_pkcs8_der(read, der.expose());
            assert_eq!(result.is_ok(), made == read || both_rsa, "{made} as {read}");
        }
    }
    assert!(SigningKey::from_pkcs8_der(Algorithm::Es256, b"").is_err());
}

#[test]
fn a_short_rsa_key_is_refused() {
    let pem = josekit::jwk::alg::rsa::RsaKeyPair::generate(1024).unwrap().to_pem_private_key();
    assert!(SigningKey::from_pem(Algorithm::Rs256, &String::from_utf8(pem).unwrap()).is_err());
}

#[test]
fn the_same_entropy_gives_the_same_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        assert_eq!(key(algorithm, 7).kid(), key(algorithm, 7).kid());
        assert_ne!(key(algorithm, 7).kid(), key(algorithm, 8).kid());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn p256_and_aws_lc_verify_each_other(seed: u64, message: Vec<u8>) {
        let ours = key(Algorithm::Es256, seed);
        let theirs = p256::ecdsa::SigningKey::from_pkcs8_der(ours.to_pkcs8_der().expose()).unwrap();
        let signature = p256::ecdsa::Signature::from_slice(&ours.sign(&message).unwrap()).unwrap();
        prop_assert!(theirs.verifying_key().verify(&message, &signature).is_ok());
        let signature: p256::ecdsa::Signature = theirs.sign(&message);
        let verifying = ours.verifying_key();
        prop_assert_eq!(verifying.verify(Algorithm::Es256, &message, &signature.to_bytes()), Ok(()));
        let mut changed = message.clone();
        changed.push(0);
        prop_assert!(verifying.verify(Algorithm::Es256, &changed, &signature.to_bytes()).is_err());
    }

    #[test]
    fn dalek_and_aws_lc_sign_alike(seed: u64, message: Vec<u8>) {
        let ours = key(Algorithm::EdDsa, seed);
        let theirs = ed25519_dalek::SigningKey::from_bytes(&Entropy::seeded(seed).bytes());
        let signature = theirs.sign(&message).to_bytes();
        prop_assert_eq!(&ours.sign(&message).unwrap()[..], &signature[..]);
        prop_assert_eq!(ours.verifying_key().verify(Algorithm::EdDsa, &message, &signature), Ok(()));
        let strict = ed25519_dalek::Signature::from_bytes(&signature);
        prop_assert!(theirs.verifying_key().verify_strict(&message, &strict).is_ok());
    }

    #[test]
    fn a_changed_bit_is_noticed(seed: u64, message: Vec<u8>, at in 0_usize..512) {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = key(algorithm, seed);
            let mut signature = key.sign(&message).unwrap();
            signature[at / 8] ^= 1 << (at % 8);
            let verified = key.verifying_key().verify(algorithm, &message, &signature);
            prop_assert_eq!(verified, Err(SignatureError::Invalid));
        }
    }
}
