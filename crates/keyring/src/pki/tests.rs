//! The private PKI: leaves validate against their root, within their time, and for their name.

use sekisho_jose::{Header, sign};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);
const ISSUER: Subject<'_> = Subject {
    name: "Example University",
    uri: "https://auth.example.jp/orgs/1180301018771",
    host: "auth.example.jp",
};

fn root() -> Authority {
    Authority::generate("auth.example.jp", NOW, &Entropy::seeded(1)).unwrap()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(2)).unwrap()
}

fn certify(root: &Authority, subject: &Subject<'_>) -> Vec<Vec<u8>> {
    root.certify(subject, &key().public_jwk(), NOW, &Entropy::seeded(3)).unwrap()
}

fn verify(
    chain: &[Vec<u8>],
    root: &Authority,
    now: Timestamp,
) -> Result<x5c::VerifiedLeaf, ChainError> {
    x5c::verify_chain(chain, std::slice::from_ref(root.anchor()), now)
}

#[test]
fn a_leaf_names_its_issuer_and_host_and_has_the_key() {
    let root = root();
    let leaf = verify(&certify(&root, &ISSUER), &root, NOW).unwrap();
    assert_eq!(leaf.uris, [ISSUER.uri]);
    assert_eq!(leaf.dns_names, ["auth.example.jp"]);
    assert!(leaf.ip_addresses.is_empty());
    assert_eq!(leaf.key.jwk().thumbprint(), key().public_jwk().thumbprint());
    let header = Header::for_key(&key(), "dc+sd-jwt").with_x5c(certify(&root, &ISSUER));
    assert!(sign(&key(), &header, &json!({})).is_ok());
}

#[test]
fn a_host_on_this_machine_is_named_as_what_it_is() {
    let root = root();
    let names = |host| {
        let leaf = verify(&certify(&root, &Subject { host, ..ISSUER }), &root, NOW).unwrap();
        (leaf.dns_names, leaf.ip_addresses)
    };
    assert_eq!(names("localhost"), (vec!["localhost".to_owned()], vec![]));
    assert_eq!(names("127.0.0.1"), (vec![], vec![IpAddr::from([127, 0, 0, 1])]));
    assert_eq!(names("[::1]"), (vec![], vec!["::1".parse().unwrap()]));
}

#[test]
fn a_chain_never_holds_the_root() {
    let root = root();
    let chain = certify(&root, &ISSUER);
    assert_eq!(chain.len(), 1);
    assert_ne!(chain[0], root.anchor().to_der());
}

#[test]
fn a_leaf_is_valid_for_five_years_and_never_longer_than_its_root() {
    let root = root();
    let chain = certify(&root, &ISSUER);
    assert!(verify(&chain, &root, NOW.plus(-60)).is_ok());
    assert!(verify(&chain, &root, NOW.plus(LEAF_VALIDITY)).is_ok());
    assert!(verify(&chain, &root, NOW.plus(LEAF_VALIDITY + 1)).is_err());
    let late = root.not_after().plus(-DAY);
    let chain = root.certify(&ISSUER, &key().public_jwk(), late, &Entropy::seeded(4)).unwrap();
    assert_eq!(verify(&chain, &root, late).unwrap().not_after, root.not_after());
    let expired = root.not_after().plus(1);
    let refused = root.certify(&ISSUER, &key().public_jwk(), expired, &Entropy::seeded(4));
    assert!(matches!(refused, Err(PkiError::Chain(_))));
}

#[test]
fn a_root_is_read_back_and_goes_on_signing() {
    let root = root();
    let stored = Authority::from_der(root.anchor().to_der(), root.private().expose()).unwrap();
    assert_eq!(stored.not_after(), root.not_after());
    let chain = certify(&stored, &ISSUER);
    assert!(verify(&chain, &root, NOW).is_ok());
}

#[test]
fn a_root_with_another_key_is_refused() {
    let refused = Authority::from_der(root().anchor().to_der(), key().to_pkcs8_der().expose());
    assert!(matches!(refused, Err(PkiError::KeyMismatch)));
    let leaf = certify(&root(), &ISSUER);
    let refused = Authority::from_der(&leaf[0], key().to_pkcs8_der().expose());
    assert!(matches!(refused, Err(PkiError::Chain(ChainError::Anchor))));
}

#[test]
fn another_root_does_not_vouch_for_the_leaf() {
    let other = Authority::generate("auth.example.jp", NOW, &Entropy::seeded(9)).unwrap();
    assert!(verify(&certify(&root(), &ISSUER), &other, NOW).is_err());
}

#[test]
fn a_root_with_any_host_and_a_leaf_with_any_name_can_be_made() {
    for host in ["localhost", "127.0.0.1", "[::1]", &"a".repeat(200)] {
        let root = Authority::generate(host, NOW, &Entropy::seeded(1)).unwrap();
        for name in ["株式会社 例, \"A\" = B + <C>; #1\\", &"長".repeat(100), ""] {
            let chain = certify(&root, &Subject { name, ..ISSUER });
            assert!(verify(&chain, &root, NOW).is_ok(), "{host} {name}");
        }
    }
}

#[test]
fn only_keys_on_p256_get_a_certificate() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es384] {
        let key = SigningKey::generate(algorithm, &Entropy::seeded(2)).unwrap().public_jwk();
        let refused = root().certify(&ISSUER, &key, NOW, &Entropy::seeded(3));
        assert!(matches!(refused, Err(PkiError::Algorithm(found)) if found == algorithm));
    }
}

#[test]
fn a_name_that_is_no_host_is_refused() {
    let subject = Subject { host: "大学.example", ..ISSUER };
    let refused = root().certify(&subject, &key().public_jwk(), NOW, &Entropy::seeded(3));
    assert!(matches!(refused, Err(PkiError::Certificate(_))));
}

#[test]
fn a_tls_server_is_reached_by_its_host_and_on_this_machine() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    let root = root();
    let identity = root.tls_identity("auth.example.jp", NOW, &Entropy::seeded(5)).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(root.anchor().to_der().to_vec())).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        std::sync::Arc::new(roots),
        std::sync::Arc::clone(&provider),
    );
    let verifier = verifier.build().unwrap();
    let leaf = CertificateDer::from(identity.chain[0].clone());
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unix().unsigned_abs()));
    let reached = |host: &'static str| {
        use rustls::client::danger::ServerCertVerifier as _;
        let name = ServerName::try_from(host).unwrap();
        verifier.verify_server_cert(&leaf, &[], &name, &[], time).is_ok()
    };
    for host in ["auth.example.jp", "localhost", "127.0.0.1", "::1"] {
        assert!(reached(host), "{host}");
    }
    assert!(!reached("other.example.jp"));
    let private = PrivateKeyDer::Pkcs8(identity.private.expose().clone().into());
    assert!(rustls::sign::CertifiedKey::from_der(vec![leaf.clone()], private, &provider).is_ok());
}

#[test]
fn a_leaf_for_credentials_is_no_tls_certificate_of_another_usage() {
    // A leaf has no extended key usage that a verifier of credentials could refuse, and no two
    // leaves of a root have the same serial number.
    let root = root();
    let entropy = Entropy::seeded(6);
    let make = || root.certify(&ISSUER, &key().public_jwk(), NOW, &entropy).unwrap();
    assert_ne!(make(), make());
}

#[test]
fn serial_numbers_are_positive_and_of_one_length() {
    let entropy = Entropy::seeded(7);
    for _ in 0..100 {
        let bytes = serial_number(&entropy).to_bytes();
        assert_eq!(bytes.len(), 16);
        assert_eq!(bytes[0] & 0xc0, 0x40);
    }
}

#[test]
fn integers_are_written_as_der_wants_them() {
    assert_eq!(der_integer(&[0, 0, 1]), [2, 1, 1]);
    assert_eq!(der_integer(&[0, 0x80]), [2, 2, 0, 0x80]);
    assert_eq!(der_integer(&[0, 0]), [2, 1, 0]);
    assert_eq!(der_integer(&[0x7f, 0xff]), [2, 2, 0x7f, 0xff]);
}
