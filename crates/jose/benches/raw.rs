//! Measures each operation against the library call that it uses, in one run:
//! `cargo bench -p sekisho-jose`. The output is ratios of times, ours to the raw call's. Rounds of
//! both are measured in turn, so that a machine that slows down slows both.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on fails"
)]
#![allow(clippy::print_stdout, reason = "its table is the result")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaKeyPair,
};
use sekisho_ambient::Entropy;
use sekisho_jose::jwe::{self, ContentEncryption, DecryptionKey};
use sekisho_jose::{Algorithm, Claims, Expected, Header, SigningKey, UnverifiedJwt, b64u, json};
use serde_json::Value;

/// The number of rounds of each measurement.
const ROUNDS: usize = 51;
/// The approximate time that one round of one side takes.
const ROUND: Duration = Duration::from_millis(4);

fn main() {
    println!("| operation | beside | ratio (of four rounds in five) |\n|---|---|---|");
    for algorithm in
        [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256]
    {
        signatures(algorithm);
    }
    encryption();
    parsing();
}

/// Prints the ratio of the times of `ours` and `raw`.
fn compare<A, B>(
    operation: &str,
    beside: &str,
    mut ours: impl FnMut() -> A,
    mut raw: impl FnMut() -> B,
) {
    let mut round = |times: u32, ours_now: bool| {
        let begun = Instant::now();
        for _ in 0..times {
            if ours_now {
                black_box(ours());
            } else {
                black_box(raw());
            }
        }
        begun.elapsed()
    };
    let mut times = 1;
    while round(times, true) < ROUND {
        times *= 2;
    }
    let ratio = |_| round(times, true).as_secs_f64() / round(times, false).as_secs_f64();
    let mut ratios: Vec<f64> = (0..ROUNDS).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) =
        (ratios[ROUNDS / 10], ratios[ROUNDS / 2], ratios[ROUNDS - 1 - ROUNDS / 10]);
    println!("| {operation} | {beside} | {median:.2} ({low:.2} to {high:.2}) |");
}

/// Makes claims of the size of an ID token's.
fn claims() -> Value {
    serde_json::json!({
        "iss": "https://auth.example.jp", "sub": "i".repeat(43), "aud": "portal", "nonce": "n".repeat(43),
        "iat": 1_795_564_800, "exp": 1_795_565_100, "auth_time": 1_795_564_800, "sid": "s".repeat(22),
        "acr": "phr", "amr": ["pop", "swk"], "at_hash": "a".repeat(22),
    })
}

fn signatures(algorithm: Algorithm) {
    let name = algorithm.name();
    let key = SigningKey::generate(algorithm, &Entropy::system()).unwrap();
    let header = Header::for_key(&key, "JWT");
    let claims = claims();
    let text = sekisho_jose::sign(&key, &header, &claims).unwrap();
    let (message, tag) = text.rsplit_once('.').unwrap();
    let tag = b64u::decode(tag).unwrap();
    let (sign, public, scheme) = raw(algorithm, key.to_pkcs8_der().expose());
    let what = format!("aws-lc-rs, {name}");
    compare(
        &format!("sign a JWT, {name}"),
        &what,
        || sekisho_jose::sign(&key, &header, &claims).unwrap(),
        || sign(message.as_bytes()),
    );
    let verifying = key.verifying_key();
    let expected = Expected { typ: &["JWT"], algorithms: &[algorithm], allow_missing_typ: false };
    let parsed = ParsedPublicKey::new(scheme, &public).unwrap();
    compare(
        &format!("read and verify a JWT, {name}"),
        &what,
        || UnverifiedJwt::<Claims>::parse(&text).unwrap().verify(&verifying, &expected).unwrap(),
        || parsed.verify_sig(message.as_bytes(), &tag).unwrap(),
    );
}

type Signer = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// The same key in the raw library: its signing function, its public half, and the scheme that
/// verifies.
fn raw(
    algorithm: Algorithm,
    pkcs8: &[u8],
) -> (Signer, Vec<u8>, &'static dyn signature::VerificationAlgorithm) {
    let random = SystemRandom::new();
    let ecdsa =
        |signing, scheme: &'static dyn signature::VerificationAlgorithm| -> (Signer, Vec<u8>, _) {
            let key = EcdsaKeyPair::from_pkcs8(signing, pkcs8).unwrap();
            let public = key.public_key().as_ref().to_vec();
            (
                Box::new(move |message| {
                    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
                }),
                public,
                scheme,
            )
        };
    let rsa = |padding: &'static dyn signature::RsaEncoding,
               scheme: &'static dyn signature::VerificationAlgorithm|
     -> (Signer, Vec<u8>, _) {
        let key = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let random = random.clone();
        let signer = move |message: &[u8]| {
            let mut signed = vec![0; key.public_modulus_len()];
            key.sign(padding, &random, message, &mut signed).unwrap();
            signed
        };
        (Box::new(signer), public, scheme)
    };
    match algorithm {
        Algorithm::Es256 => {
            ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_FIXED)
        }
        Algorithm::Es384 => {
            ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED)
        }
        Algorithm::EdDsa => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap();
            let public = key.public_key().as_ref().to_vec();
            (
                Box::new(move |message| key.sign(message).as_ref().to_vec()),
                public,
                &signature::ED25519,
            )
        }
        Algorithm::Rs256 => {
            rsa(&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256)
        }
        Algorithm::Ps256 => rsa(&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256),
    }
}

/// Measures the encryption of a text as large as a wallet's answer: ECDH-ES with A256GCM.
fn encryption() {
    let plain = vec![b'x'; 4096];
    let recipient = DecryptionKey::generate(&Entropy::system());
    let public = recipient.public_jwk().to_value();
    let seal = || {
        let random = Entropy::system();
        jwe::encrypt(&public, ContentEncryption::A256Gcm, &plain, None, None, &random).unwrap()
    };
    let compact = seal();

    let ours = PrivateKey::generate(&ECDH_P256).unwrap();
    let theirs = PrivateKey::generate(&ECDH_P256).unwrap();
    let point = theirs.compute_public_key().unwrap();
    let derive = |key: &PrivateKey| {
        let peer = UnparsedPublicKey::new(&ECDH_P256, point.as_ref());
        let secret =
            |secret: &[u8]| Ok::<_, ()>(digest::digest(&digest::SHA256, secret).as_ref().to_vec());
        let secret = agreement::agree(key, peer, (), secret).unwrap();
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret).unwrap())
    };
    let nonce = || Nonce::assume_unique_for_key([7; NONCE_LEN]);
    let sealed = {
        let mut sealed = plain.clone();
        derive(&ours).seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).unwrap();
        sealed
    };
    let what = "aws-lc-rs: key agreement, SHA-256, AES-256-GCM";
    compare(
        "decrypt a JWE of 4 KiB, ECDH-ES",
        what,
        || recipient.decrypt(&compact).unwrap(),
        || {
            let mut opened = sealed.clone();
            derive(&ours).open_in_place(nonce(), Aad::empty(), &mut opened).unwrap().len()
        },
    );
    compare("encrypt a JWE of 4 KiB, ECDH-ES", "the same, and a fresh key", seal, || {
        let key = PrivateKey::generate(&ECDH_P256).unwrap();
        let mut sealed = plain.clone();
        derive(&key).seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).unwrap();
        sealed
    });
}

/// Measures the JSON reader that refuses duplicate members, and the thumbprint of a key.
fn parsing() {
    let text = claims().to_string();
    compare(
        "parse claims",
        "serde_json",
        || json::parse(text.as_bytes()).unwrap(),
        || serde_json::from_slice::<Value>(text.as_bytes()).unwrap(),
    );
    let key = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap().public_jwk();
    let members = key.minimal().to_string();
    compare(
        "thumbprint of a key",
        "SHA-256 of the same bytes",
        || key.thumbprint(),
        || digest::digest(&digest::SHA256, members.as_bytes()),
    );
}
