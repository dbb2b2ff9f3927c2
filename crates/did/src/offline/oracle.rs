//! Compares our did:key and did:jwk with the crate `ssi`.
//!
//! `ssi` accepts did:key in any multibase and did:jwk with superfluous members, and panics on
//! characters that a DID cannot have. So the tests check a text before they pass it to `ssi`, and
//! check that the answer gives the same DID again.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use sekisho_ambient::Entropy;
use sekisho_jose::{Algorithm, KeyUse, SigningKey};
use ssi::JWK;
use ssi::dids::resolution::{Options, Parameters};
use ssi::dids::{DID, DIDJWK, DIDKey, DIDResolver};

use super::*;

/// Returns the did:key that `ssi` makes of a key.
fn their_did_key(key: &PublicJwk) -> Option<String> {
    let jwk: JWK = serde_json::from_value(key.minimal()).unwrap();
    DIDKey::generate(&jwk).ok().map(|did| did.to_string())
}

/// Returns the document that `ssi` makes of a DID; `None` if `ssi` would spell the DID of its key
/// otherwise.
fn theirs(did: &str) -> Option<DidDocument> {
    if let Some(id) = did.strip_prefix("did:key:") {
        let is_base58 = id.starts_with('z') && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let document = ask(did, &DIDKey).filter(|_| is_base58)?;
        let canonical = their_did_key(&document.verification_methods.first()?.jwk)?;
        return (canonical == did).then_some(document);
    }
    let bytes = b64u::decode(did.strip_prefix("did:jwk:")?).ok()?;
    PublicJwk::from_value(&json::parse(&bytes).ok()?).ok()?;
    ask(did, &DIDJWK).filter(|document| !document.verification_methods.is_empty())
}

/// Returns the document of `ssi`, with keys as JWK.
fn ask(did: &str, resolver: &impl DIDResolver) -> Option<DidDocument> {
    let parsed = DID::new(did.as_bytes()).ok()?;
    let parameters = Parameters {
        public_key_format: Some("JsonWebKey2020".to_owned()),
        ..Parameters::default()
    };
    let options = Options { parameters, ..Options::default() };
    let output = at_once(resolver.resolve_representation(parsed, options)).ok()?;
    DidDocument::from_value(did, &json::parse(&output.document).ok()?).ok()
}

/// Runs a future that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits for something"),
    }
}

fn key(algorithm: Algorithm, seed: u64) -> PublicJwk {
    let key = SigningKey::generate(algorithm, &Entropy::seeded(seed)).unwrap();
    PublicJwk::from_value(&key.public_jwk().minimal()).unwrap()
}

/// Makes a did:key of the bytes of a Multikey.
fn did_of(multikey: &[u8]) -> String {
    format!("did:key:z{}", bs58::encode(multikey).into_string())
}

/// Examples from the did:key specification (Ed25519 and P-256, with their JWK), and the P-256 keys
/// in the test vectors of Data Integrity ECDSA Cryptosuites.
const PUBLISHED: [(&str, Option<(&str, &str)>); 7] = [
    (
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        Some(("O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik", "")),
    ),
    (
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        Some((
            "fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI",
            "hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU",
        )),
    ),
    (
        "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
        Some((
            "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns",
            "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM",
        )),
    ),
    ("did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2", None),
    ("did:key:zDnaegE6RR3atJtHKwTRTWHsJ3kNHqFwv7n9YjTgmU7TyfU76", None),
    ("did:key:zDnaeTHxNEBZoKaEo6PdA83fq98ebiFvo3X273Ydu4YmV96rg", None),
    ("did:key:zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP", None),
];

#[test]
fn published_did_keys_are_resolved_alike() {
    for (did, coordinates) in PUBLISHED {
        let document = resolve_offline(did).unwrap();
        assert_eq!(Some(&document), theirs(did).as_ref(), "{did}");
        let [method] = &document.verification_methods[..] else { panic!("{did}") };
        assert_eq!(did_key(&method.jwk).unwrap(), did);
        if let Some((x, y)) = coordinates {
            let jwk = method.jwk.minimal();
            assert_eq!(jwk["x"], x, "{did}");
            assert_eq!(jwk.get("y").and_then(Value::as_str).unwrap_or_default(), y, "{did}");
        }
    }
}

/// DID-02.
#[test]
fn what_names_no_key_is_refused_alike() {
    let ed25519 = [&ED25519_PUB[..], &[7; 32]].concat();
    let point = key(Algorithm::Es256, 1).compressed_point();
    let Some(CompressedPoint::P256(p256)) = point else { panic!("{point:?}") };
    let with_sign = |sign| [&P256_PUB[..], &[sign], &p256[1..]].concat();
    for multikey in [
        vec![],
        ED25519_PUB.to_vec(),
        ed25519[..33].to_vec(),
        [&ed25519[..], &[0]].concat(),
        [&[0], &ed25519[..]].concat(),
        // A point of small order; bytes that are no point; a longer varint of the same number.
        [&ED25519_PUB[..], &[0; 32]].concat(),
        [&ED25519_PUB[..], &[2], &[0; 31]].concat(),
        [&[0xed, 0x81, 0x00], &ed25519[2..]].concat(),
        with_sign(0),
        with_sign(4),
        with_sign(5),
        with_sign(2)[..34].to_vec(),
        [&P256_PUB[..], &[2], &[0xff; 32]].concat(),
        [&[0x80, 0xa4, 0x00], &p256[..]].concat(),
    ] {
        let did = did_of(&multikey);
        assert!(resolve_offline(&did).is_err(), "{did}");
        assert_eq!(theirs(&did), None, "{did}");
    }
    assert!(resolve_offline(&did_of(&with_sign(2))).is_ok());
    assert!(resolve_offline(&did_of(&with_sign(3))).is_ok());
}

#[test]
fn a_did_jwk_says_what_its_key_says() {
    for algorithm in Algorithm::ALL {
        let bare = key(algorithm, 1);
        for jwk in [
            bare.clone(),
            bare.clone().with_kid("a").with_algorithm(algorithm),
            bare.clone().with_use(KeyUse::Signature),
            bare.with_use(KeyUse::Encryption),
        ] {
            let did = format!("did:jwk:{}", b64u::encode(jwk.to_value().to_string()));
            let document = resolve_offline(&did).unwrap();
            assert_eq!(document.verification_methods[0].jwk, jwk);
            assert_eq!(Some(document), theirs(&did), "{did}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn keys_have_the_same_names(seed: u64) {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = key(algorithm, seed);
            let did = did_key(&key).unwrap();
            prop_assert_eq!(Some(did.clone()), their_did_key(&key));
            let document = resolve_offline(&did).unwrap();
            prop_assert_eq!(&document.verification_methods[0].jwk, &key);
            prop_assert_eq!(Some(document), theirs(&did));

            let did = did_jwk(&key);
            let jwk: JWK = serde_json::from_value(key.minimal()).unwrap();
            prop_assert_eq!(&did, &DIDJWK::generate(&jwk).to_string());
            prop_assert_eq!(resolve_offline(&did).ok(), theirs(&did));
        }
    }

    #[test]
    fn any_bytes_name_the_same_key_or_none(x: [u8; 32], sign in 0_u8..6, garbage: Vec<u8>) {
        let ed25519 = [&ED25519_PUB[..], &x].concat();
        let p256 = [&P256_PUB[..], &[sign], &x].concat();
        for multikey in [&ed25519, &p256, &garbage] {
            let did = did_of(multikey);
            prop_assert_eq!(resolve_offline(&did).ok(), theirs(&did));
        }
    }

    /// DID-02.
    #[test]
    fn another_text_is_another_key_or_none(seed: u64, at in 0_usize..50, other in "[0-9A-Za-z]") {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let did = did_key(&key(algorithm, seed)).unwrap();
            let at = "did:key:".len() + at % (did.len() - "did:key:".len());
            let changed = format!("{}{other}{}", &did[..at], &did[at + 1..]);
            let longer = format!("{}{other}{}", &did[..at], &did[at..]);
            for spelling in [changed, longer] {
                let document = resolve_offline(&spelling).ok();
                prop_assert_eq!(&document, &theirs(&spelling));
                let name = document.map(|document| did_key(&document.verification_methods[0].jwk));
                prop_assert!(name.is_none_or(|name| name.unwrap() == spelling));
            }
        }
    }
}
