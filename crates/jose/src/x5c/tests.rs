//! Tests of certificate chains: each way in which a chain fails to lead to an anchor.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::*;
use crate::Algorithm;

const NOW: Timestamp = Timestamp::from_unix(1_795_239_120); // 2026-11-21

struct Authority {
    anchor: TrustAnchor,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn authority(params: CertificateParams) -> Authority {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let anchor = TrustAnchor::from_der(certificate.der()).unwrap();
    Authority { anchor, issuer: Issuer::new(params, key) }
}

fn root() -> Authority {
    authority(authority_params("root"))
}

fn leaf_params() -> CertificateParams {
    let mut params = params("leaf");
    params.subject_alt_names = vec![
        SanType::DnsName("issuer.example".try_into().unwrap()),
        SanType::URI("https://issuer.example/orgs/1".try_into().unwrap()),
        SanType::IpAddress([127, 0, 0, 1].into()),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn leaf_with(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = leaf_params();
    change(&mut params);
    params
}

impl Authority {
    fn sign(&self, params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }

    /// Makes an authority below this one, and its certificate.
    fn intermediate(&self, params: CertificateParams) -> (Vec<u8>, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        (der, Issuer::new(params, key))
    }
}

fn verify(x5c: &[Vec<u8>], root: &Authority) -> Result<VerifiedLeaf, ChainError> {
    verify_chain(x5c, std::slice::from_ref(&root.anchor), NOW)
}

#[test]
fn a_leaf_leads_to_its_anchor() {
    let root = root();
    let der = root.sign(&leaf_params());
    let leaf = verify(std::slice::from_ref(&der), &root).unwrap();
    assert_eq!(leaf.dns_names, ["issuer.example"]);
    assert_eq!(leaf.uris, ["https://issuer.example/orgs/1"]);
    assert_eq!(leaf.ip_addresses, [IpAddr::from([127, 0, 0, 1])]);
    assert_eq!(leaf.not_after.to_rfc3339(), "2027-01-01T00:00:00Z");
    assert!(leaf.key.supports(Algorithm::Es256));
    assert_eq!(leaf.der, der);
}

#[test]
fn the_key_of_the_leaf_verifies_what_its_holder_signs() {
    let root = root();
    for algorithm in Algorithm::ALL {
        let key =
            crate::SigningKey::generate(algorithm, &sekisho_ambient::Entropy::seeded(1)).unwrap();
        let pair = KeyPair::try_from(key.to_pkcs8_der().expose().as_slice()).unwrap();
        let der = leaf_params().signed_by(&pair, &root.issuer).unwrap().der().to_vec();
        let leaf = verify(&[der], &root).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(leaf.key.verify(algorithm, b"message", &signature), Ok(()));
        assert_eq!(leaf.key.jwk().thumbprint(), key.public_jwk().thumbprint());
    }
}

/// attack VP-12.
#[test]
fn a_leaf_leads_to_its_anchor_through_an_intermediate_in_order() {
    let root = root();
    let (between, issuer) = root.intermediate(authority_params("between"));
    let key = KeyPair::generate().unwrap();
    let leaf = leaf_params().signed_by(&key, &issuer).unwrap().der().to_vec();
    assert!(verify(&[leaf.clone(), between.clone()], &root).is_ok());
    assert!(matches!(verify(std::slice::from_ref(&leaf), &root), Err(ChainError::Path(_))));
    let stranger = root.sign(&leaf_params());
    let reordered = verify(&[leaf.clone(), stranger.clone(), between.clone()], &root);
    assert!(matches!(reordered, Err(ChainError::Order)));
    assert!(matches!(verify(&[leaf, between, stranger], &root), Err(ChainError::Order)));
}

/// attack VP-12.
#[test]
fn an_issuer_has_to_be_an_authority() {
    let root = root();
    let (between, issuer) = root.intermediate(params("no authority"));
    let key = KeyPair::generate().unwrap();
    let leaf = leaf_params().signed_by(&key, &issuer).unwrap().der().to_vec();
    assert!(matches!(verify(&[leaf, between], &root), Err(ChainError::Path(_))));
}

/// attack VP-12.
#[test]
fn a_chain_of_another_root_is_refused_even_under_the_same_name() {
    let (ours, theirs) = (root(), root());
    let chain = [theirs.sign(&leaf_params())];
    assert!(matches!(verify(&chain, &ours), Err(ChainError::Path(_))));
    // An expired certificate of somebody unknown is that of somebody unknown.
    let late = Timestamp::from_unix(date_time_ymd(2027, 1, 2).unix_timestamp());
    let late = verify_chain(&chain, std::slice::from_ref(&ours.anchor), late);
    assert!(matches!(late, Err(ChainError::Path(_))));
    let none = verify_chain(&[ours.sign(&leaf_params())], &[], NOW);
    assert!(matches!(none, Err(ChainError::Path(_))));
}

/// attack VP-12.
#[test]
fn a_self_signed_leaf_is_refused_even_as_an_anchor() {
    let key = KeyPair::generate().unwrap();
    let der = leaf_params().self_signed(&key).unwrap().der().to_vec();
    assert!(matches!(verify(std::slice::from_ref(&der), &root()), Err(ChainError::SelfSigned)));
    assert!(matches!(TrustAnchor::from_der(&der), Err(ChainError::Anchor)));
}

#[test]
fn an_authority_is_no_leaf() {
    let root = root();
    let (between, _) = root.intermediate(authority_params("between"));
    assert!(matches!(verify(&[between], &root), Err(ChainError::LeafIsAuthority)));
}

#[test]
fn an_anchor_in_the_chain_is_refused() {
    let root = root();
    let leaf = root.sign(&leaf_params());
    let chain = [leaf.clone(), root.anchor.to_der().to_vec()];
    assert!(matches!(verify(&chain, &root), Err(ChainError::AnchorInChain)));
    // The same key in another authority's certificate is still the anchor's key.
    let other = self::root();
    let cross = authority_params("root").signed_by(&root.issuer.key(), &other.issuer).unwrap();
    let chain = [leaf, cross.der().to_vec()];
    assert!(matches!(verify(&chain, &root), Err(ChainError::AnchorInChain)));
}

/// attack VP-12.
#[test]
fn a_certificate_counts_within_its_validity_only() {
    let root = root();
    let chain = [root.sign(&leaf_params())];
    let at = |y, m, d| {
        let time = date_time_ymd(y, m, d).unix_timestamp();
        verify_chain(&chain, std::slice::from_ref(&root.anchor), Timestamp::from_unix(time))
    };
    assert!(at(2026, 1, 2).is_ok());
    assert!(matches!(at(2025, 12, 31), Err(ChainError::Time)));
    assert!(matches!(at(2027, 1, 2), Err(ChainError::Time)));
    let longer = leaf_with(|leaf| leaf.not_after = date_time_ymd(2030, 1, 1));
    let chain = [root.sign(&longer)];
    let time = Timestamp::from_unix(date_time_ymd(2028, 1, 1).unix_timestamp());
    let past_its_anchor = verify_chain(&chain, std::slice::from_ref(&root.anchor), time);
    assert!(matches!(past_its_anchor, Err(ChainError::Time)));
}

#[test]
fn a_leaf_is_for_digital_signatures() {
    let root = root();
    let agreement = leaf_with(|leaf| leaf.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
    assert!(matches!(verify(&[root.sign(&agreement)], &root), Err(ChainError::KeyUsage)));
    let open = leaf_with(|leaf| leaf.key_usages.clear());
    assert!(verify(&[root.sign(&open)], &root).is_ok());
}

#[test]
fn any_extended_key_usage_passes() {
    let root = root();
    for usages in [
        vec![ExtendedKeyUsagePurpose::ClientAuth],
        vec![ExtendedKeyUsagePurpose::Other(vec![1, 0, 18013, 5, 1, 2])],
    ] {
        let leaf = leaf_with(|leaf| leaf.extended_key_usages = usages);
        assert!(verify(&[root.sign(&leaf)], &root).is_ok());
    }
}

/// DOS-08.
#[test]
fn a_chain_is_short_and_readable() {
    let root = root();
    let leaf = root.sign(&leaf_params());
    assert!(matches!(verify(&[], &root), Err(ChainError::Length(0))));
    assert!(matches!(verify(&vec![leaf.clone(); 6], &root), Err(ChainError::Length(6))));
    let longest = verify(&vec![leaf.clone(); MAX_CHAIN], &root).unwrap_err();
    assert!(!matches!(longest, ChainError::Length(_)), "{longest}");
    let mut longer = leaf.clone();
    longer.push(0);
    for bytes in [Vec::new(), b"certificate".to_vec(), leaf[..100].to_vec(), longer] {
        let refused = verify(&[bytes], &root);
        assert!(matches!(refused, Err(ChainError::Certificate { position: 0 })));
    }
}

#[test]
fn a_changed_certificate_is_refused() {
    let root = root();
    let mut leaf = root.sign(&leaf_params());
    let last = leaf.len() - 1;
    leaf[last] ^= 1;
    assert!(matches!(verify(&[leaf], &root), Err(ChainError::Path(_))));
}

#[test]
fn an_anchor_is_written_and_read() {
    let (one, two) = (root().anchor, root().anchor);
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<TrustAnchor>(&json).unwrap(), one);
    assert!(serde_json::from_str::<TrustAnchor>("\"AAAA\"").is_err());
    assert_eq!(one.subject(), "CN=root");
    let pem = |anchor: &TrustAnchor| {
        let text = STANDARD.encode(anchor.to_der());
        format!("a comment\n-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let both = TrustAnchor::from_pem(&format!("{}{}", pem(&one), pem(&two))).unwrap();
    assert_eq!(both, [one, two]);
    assert!(matches!(TrustAnchor::from_pem("nothing"), Err(ChainError::NoPem)));
}

#[test]
fn the_hash_of_a_leaf_is_over_its_der() {
    assert_eq!(leaf_hash(b""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}

#[test]
fn a_leaf_can_be_read_without_its_chain_by_a_dangerous_name_only() {
    let der = root().sign(&leaf_params());
    let leaf = dangerous_leaf(&der).unwrap();
    assert_eq!(leaf.dns_names, ["issuer.example"]);
    assert!(matches!(dangerous_leaf(b""), Err(ChainError::Certificate { position: 0 })));
}
