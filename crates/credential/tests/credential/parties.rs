//! The parties: an issuer with its own authority, a holder, a verifier.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::status::{self, StatusReference};
use sekisho_credential::vc::{
    self, Binding, Check, CredentialError, Format, Issuance, TrustList, TrustedIssuer,
    VerifiedCredential,
};
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Ahead, Algorithm, Claims, Header, SigningKey};
use sekisho_profile::types::{self, AFFILIATION};
use serde_json::{Value, json};

/// 2026-11-21T05:32:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);
pub(crate) const AUTHORITY: &str = "https://auth.example.jp";
pub(crate) const ISSUER: &str = "https://auth.example.jp/orgs/7900000000002";
pub(crate) const STATUS_URI: &str = "https://auth.example.jp/orgs/7900000000002/status/1";
pub(crate) const CLIENT_ID: &str = "x509_hash:abc";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";

/// Makes key number `seed`.
pub(crate) fn key(seed: u64) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(seed)).unwrap()
}

/// An object as claims.
pub(crate) fn claims(value: Value) -> Claims {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

/// An issuer under a root of its own.
pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
    pub(crate) x5c: Vec<Vec<u8>>,
    pub(crate) anchor: TrustAnchor,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

impl Issuer {
    /// Makes an issuer whose certificate names only its URI and host.
    pub(crate) fn new() -> Self {
        Self::named(&[ISSUER], &["auth.example.jp"])
    }

    pub(crate) fn named(uris: &[&str], hosts: &[&str]) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let mut root = params("root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let anchor = TrustAnchor::from_der(root.self_signed(&root_key).unwrap().der()).unwrap();
        let key = key(1);
        let pair = KeyPair::try_from(key.to_pkcs8_der().expose().as_slice()).unwrap();
        let mut leaf = params("leaf");
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        let hosts = hosts.iter().map(|host| SanType::DnsName((*host).try_into().unwrap()));
        leaf.subject_alt_names = uris.chain(hosts).collect();
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let leaf = leaf.signed_by(&pair, &rcgen::Issuer::new(root, root_key)).unwrap();
        Self { key, x5c: vec![leaf.der().to_vec()], anchor }
    }

    pub(crate) fn entry(&self) -> TrustedIssuer {
        TrustedIssuer {
            issuer: ISSUER.to_owned(),
            types: vec![AFFILIATION.vct(AUTHORITY)],
            organizations: vec!["7900000000002".to_owned()],
            anchors: vec![self.anchor.clone()],
        }
    }

    pub(crate) fn trust(&self) -> TrustList {
        TrustList(vec![self.entry()])
    }

    /// Issues an affiliation of Yamada Taro to `holder`.
    pub(crate) fn affiliation(&self, holder: &SigningKey) -> String {
        let status = StatusReference { uri: STATUS_URI.to_owned(), index: 7 };
        let issuance = Issuance {
            credential_type: &AFFILIATION,
            authority: AUTHORITY,
            issuer: ISSUER,
            claims: &yamada(),
            holder_key: &holder.public_jwk(),
            status: Some(&status),
            issued_at: NOW,
            expires: None,
            decoys: 2,
        };
        vc::issue(&issuance, self.x5c.clone(), &self.key, &Entropy::seeded(9)).unwrap()
    }

    /// Issues a credential with any claims, none of them disclosable.
    pub(crate) fn sign_plain(&self, claims: &Claims) -> String {
        let header = Header::for_key(&self.key, vc::TYP).with_x5c(self.x5c.clone());
        format!("{}~", sekisho_jose::sign(&self.key, &header, claims).unwrap())
    }

    pub(crate) fn status_header(&self) -> Header {
        status::header(&self.key, self.x5c.clone())
    }
}

/// The claims of an affiliation.
pub(crate) fn yamada() -> Claims {
    claims(json!({
        "org_corporate_number": "7900000000002",
        "org_name": "瀬戸内精密工業株式会社",
        "affiliation_type": "regular",
        "member_ref": "m-4711",
        "name": "山田 太郎",
        "name#ja-Hani-JP": "山田 太郎",
        "name#ja-Kana-JP": "ヤマダ タロウ",
        "name#ja-Latn-JP": "YAMADA Taro",
        "email": "taro@setouchi.example",
        "roles": ["gpu-user", "project-lead"],
        "valid_through": "2027-03-31",
        "assurance": {"ial": 2, "method": "in_person", "at": "2026-04-01"},
    }))
}

/// Returns what a verifier expects, with every value right.
pub(crate) fn verify(
    presentation: &str,
    trust: &TrustList,
) -> Result<VerifiedCredential, CredentialError> {
    verify_at(NOW, presentation, trust)
}

pub(crate) fn verify_at(
    now: Timestamp,
    presentation: &str,
    trust: &TrustList,
) -> Result<VerifiedCredential, CredentialError> {
    verify_types(now, presentation, trust, &[types::vct(AUTHORITY, "affiliation")])
}

/// The same for other types.
pub(crate) fn verify_types(
    now: Timestamp,
    presentation: &str,
    trust: &TrustList,
    types: &[String],
) -> Result<VerifiedCredential, CredentialError> {
    let check = Check {
        now,
        trust,
        types,
        rules: &types::rules(AUTHORITY),
        binding: Binding {
            audience: CLIENT_ID,
            nonce: NONCE,
            response_uri: None,
            encryption_key: None,
        },
        ahead: Ahead::default(),
    };
    vc::verify(Format::DcSdJwt, presentation, &check)
}
