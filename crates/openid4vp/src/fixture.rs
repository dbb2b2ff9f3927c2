//! What the tests use: a verifier and an issuer with certificate chains, and holders with
//! credentials.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::sd_jwt::{SdJwt, bind};
use sekisho_credential::types::CredentialType;
use sekisho_credential::vc::{self, Issuance, TrustList, TrustedIssuer};
use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Algorithm, Claims, SigningKey};
use sekisho_profile::types::{AFFILIATION, AI_TRAINING};
use serde_json::{Value, json};

use crate::dcql::Query;
use crate::request::{RequestObject, ResponseMode, client_id_x509_hash};

pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_239_120); // 2026-11-21
pub(crate) const AUTHORITY: &str = "https://auth.example.jp";
pub(crate) const ISSUER: &str = "https://auth.example.jp/orgs/7900000000002";
pub(crate) const ORGANIZATION: &str = "7900000000002";
pub(crate) const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw";
pub(crate) const STATE: &str = "EBESExQVFhcYGRobHB0eHw";

/// A key with a chain to an anchor.
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
    pub(crate) x5c: Vec<Vec<u8>>,
    pub(crate) anchor: TrustAnchor,
}

pub(crate) fn key(seed: u64) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(seed)).unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 12, 31);
    params
}

fn signer(seed: u64, dns: &str, uri: &str) -> Signer {
    let mut root = params("root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_key = KeyPair::generate().unwrap();
    let anchor = root.self_signed(&root_key).unwrap();
    let anchor = TrustAnchor::from_der(anchor.der()).unwrap();
    let key = key(seed);
    let pair = KeyPair::try_from(key.to_pkcs8_der().expose().as_slice()).unwrap();
    let mut leaf = params("leaf");
    leaf.subject_alt_names =
        vec![SanType::DnsName(dns.try_into().unwrap()), SanType::URI(uri.try_into().unwrap())];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let leaf = leaf.signed_by(&pair, &Issuer::new(root, root_key)).unwrap();
    Signer { key, x5c: vec![leaf.der().to_vec()], anchor }
}

pub(crate) fn verifier() -> Signer {
    signer(100, "auth.example.jp", AUTHORITY)
}

pub(crate) fn issuer() -> Signer {
    signer(200, "auth.example.jp", ISSUER)
}

pub(crate) fn trust(issuer: &Signer) -> TrustList {
    TrustList(vec![TrustedIssuer {
        issuer: ISSUER.to_owned(),
        types: vec![AFFILIATION.vct(AUTHORITY), AI_TRAINING.vct(AUTHORITY)],
        organizations: vec![ORGANIZATION.to_owned()],
        anchors: vec![issuer.anchor.clone()],
    }])
}

fn object(value: &Value) -> Claims {
    value.as_object().unwrap().clone()
}

/// A credential as its holder keeps it, bound to the key `holder`.
fn issue(issuer: &Signer, ty: &CredentialType, claims: &Value, holder: &SigningKey) -> SdJwt {
    let issuance = Issuance {
        credential_type: ty,
        authority: AUTHORITY,
        issuer: ISSUER,
        claims: &object(claims),
        holder_key: &holder.public_jwk(),
        status: None,
        issued_at: NOW,
        expires: None,
        decoys: 0,
    };
    let entropy = Entropy::seeded(9);
    SdJwt::parse(&vc::issue(&issuance, issuer.x5c.clone(), &issuer.key, &entropy).unwrap()).unwrap()
}

pub(crate) fn affiliation(issuer: &Signer, holder: &SigningKey, organization: &str) -> SdJwt {
    let claims = json!({
        "org_corporate_number": organization,
        "org_name": "瀬戸内精密工業株式会社",
        "affiliation_type": "regular",
        "member_ref": "m-1024",
        "name": "山田 太郎",
        "email": "taro@setouchi.example",
    });
    issue(issuer, &AFFILIATION, &claims, holder)
}

pub(crate) fn training(issuer: &Signer, holder: &SigningKey) -> SdJwt {
    let claims = json!({
        "achievement_id": "gpu-1",
        "achievement_name": "GPU安全利用",
        "framework": "internal",
        "valid_through": "2028-03-31",
        "level": 2,
        "level_gte_2": true,
    });
    issue(issuer, &AI_TRAINING, &claims, holder)
}

/// The credential with all claims disclosed, bound to a request.
pub(crate) fn present(credential: &SdJwt, holder: &SigningKey, aud: &str, nonce: &str) -> String {
    let all = ["member_ref", "affiliation_type", "name", "email", "level", "level_gte_2"];
    let all = all.map(sekisho_credential::claim_path::ClaimPath::name);
    bind(&credential.select(&all), aud, nonce, NOW, holder).unwrap()
}

/// A login credential is required, a training is optional.
pub(crate) fn query() -> Query {
    Query::from_value(&json!({
        "credentials": [
            {
                "id": "login",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": [AFFILIATION.vct(AUTHORITY)]},
                "claims": [{"path": ["org_corporate_number"]}, {"path": ["member_ref"]}],
            },
            {
                "id": "training",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": [AI_TRAINING.vct(AUTHORITY)]},
                "claims": [{"path": ["level_gte_2"], "values": [true]}],
            },
        ],
        "credential_sets": [
            {"options": [["login"]]},
            {"options": [["training"]], "required": false},
        ],
    }))
    .unwrap()
}

pub(crate) fn decryption_key() -> DecryptionKey {
    DecryptionKey::generate(&Entropy::seeded(300))
}

/// A request of `verifier` for an encrypted answer.
pub(crate) fn request(verifier: &Signer) -> RequestObject {
    RequestObject {
        client_id: client_id_x509_hash(&verifier.x5c[0]),
        response_uri: "https://auth.example.jp/response/1".to_owned(),
        nonce: NONCE.to_owned(),
        state: STATE.to_owned(),
        response_mode: ResponseMode::DirectPostJwt,
        dcql_query: query(),
        encryption_key: Some(decryption_key().public_jwk()),
        verifier_info: Vec::new(),
        wallet_nonce: None,
        iat: NOW,
        exp: NOW.plus(300),
    }
}
