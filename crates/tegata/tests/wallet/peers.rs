//! An issuer and a verifier on this machine, as small as possible, for the wallet to talk to.
//!
//! They use the other side of the protocol crates, and tests can make them misbehave.

mod routes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sekisho_ambient::{Clock, Entropy, Timestamp};
use sekisho_credential::claim_path::ClaimPath;
use sekisho_credential::vc::{Issuance, TrustList, TrustedIssuer};
use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Algorithm, PublicJwk, SigningKey};
use sekisho_openid4vci::offer::{CredentialOffer, PreAuthorizedGrant, TxCode};
use sekisho_openid4vp::dcql::{ClaimsQuery, CredentialQuery, CredentialSet, Query};
use sekisho_openid4vp::request::{
    Operator, RequestObject, ResponseMode, ServiceDescription, ServiceStatement,
    client_id_x509_hash,
};
use sekisho_profile::types;
use serde_json::{Value, json};

pub(crate) const NUMBER: &str = "7900000000002";
pub(crate) const CODE: &str = "the-pre-authorized-code";
pub(crate) const TX_CODE: &str = "493536";

/// How the peers misbehave, and what they ask for.
#[derive(Clone, Default)]
pub(crate) struct Mood {
    pub(crate) tx_code: bool,
    pub(crate) wrong_credential_issuer: bool,
    pub(crate) foreign_holder: bool,
    pub(crate) wrong_type: bool,
    pub(crate) asks_for_training: Option<bool>,
    pub(crate) redirect_elsewhere: bool,
    pub(crate) late_request: bool,
    pub(crate) plain_answer: bool,
    pub(crate) no_credential: bool,
    pub(crate) foreign_signature: bool,
    /// The offer was used, and the issuer says so or not.
    pub(crate) used_offer: bool,
    /// What the token endpoint says beside `invalid_grant`.
    pub(crate) grant_description: Option<&'static str>,
    /// What the response endpoint says when it refuses an answer.
    pub(crate) refusal: Option<&'static str>,
    /// The verifier takes the answer, but its reply is lost.
    pub(crate) lost_reply: bool,
    /// The request object returns this `wallet_nonce`. Empty for none.
    pub(crate) wallet_nonce: Option<&'static str>,
    /// How many seconds the verifier's clock is ahead.
    pub(crate) verifier_ahead: i64,
    /// The verifier's certificate expired yesterday.
    pub(crate) expired_verifier: bool,
}

pub(crate) struct Peers {
    pub(crate) base: String,
    pub(crate) anchors: Vec<TrustAnchor>,
    pub(crate) clock: Clock,
    inner: Arc<Inner>,
}

struct Inner {
    base: String,
    clock: Clock,
    entropy: Entropy,
    mood: Mutex<Mood>,
    issuer: Leaf,
    verifier: Leaf,
    expired_verifier: Leaf,
    encryption: DecryptionKey,
    anchors: Vec<TrustAnchor>,
    answers: Mutex<Vec<Answer>>,
    forms: Mutex<Vec<String>>,
    codes: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

/// The answer that the verifier got from the wallet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The claims of each verified credential by query id.
    Presented(BTreeMap<String, Value>),
    Refused(String),
}

struct Leaf {
    key: SigningKey,
    der: Vec<u8>,
}

const NONCE_KEY: [u8; 32] = [7; 32];
const REQUEST_NONCE: &str = "n-0S6_WzA2Mj-n-0S6_WzA2Mj";
const STATE: &str = "st-0S6_WzA2Mj-n-0S6_WzA2Mj";

pub(crate) fn authority(name: &str) -> (CertificateParams, KeyPair, TrustAnchor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let anchor = TrustAnchor::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    (params, key, anchor)
}

fn leaf(root: &Issuer<'_, KeyPair>, uri: &str, ended: Option<Timestamp>) -> Leaf {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
    params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
    params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    if let Some(ended) = ended {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds(ended));
    }
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, root).unwrap().der().to_vec();
    Leaf { key: SigningKey::from_pkcs8_der(Algorithm::Es256, &key.serialize_der()).unwrap(), der }
}

fn seconds(time: Timestamp) -> u64 {
    time.unix().try_into().unwrap()
}

impl Peers {
    pub(crate) async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    pub(crate) async fn start_at(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let entropy = Entropy::system();
        let (params, key, anchor) = authority("root");
        let root = Issuer::new(params, key);
        let inner = Arc::new(Inner {
            issuer: leaf(&root, &format!("{base}/orgs/{NUMBER}"), None),
            verifier: leaf(&root, &base, None),
            expired_verifier: leaf(&root, &base, Some(clock.now().plus(-86_400))),
            base: base.clone(),
            clock: clock.clone(),
            encryption: DecryptionKey::generate(&entropy),
            entropy,
            mood: Mutex::default(),
            anchors: vec![anchor.clone()],
            answers: Mutex::default(),
            forms: Mutex::default(),
            codes: Mutex::default(),
            calls: AtomicUsize::default(),
        });
        let counting = Arc::clone(&inner);
        let app = routes::routes().with_state(Arc::clone(&inner)).layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                counting.calls.fetch_add(1, Ordering::SeqCst);
                next.run(request)
            },
        ));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, anchors: vec![anchor], clock, inner }
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.inner.answers.lock().unwrap().clone()
    }

    /// The forms that the verifier got, as they came.
    pub(crate) fn forms(&self) -> Vec<String> {
        self.inner.forms.lock().unwrap().clone()
    }

    /// The transaction codes that the issuer got.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.inner.codes.lock().unwrap().clone()
    }

    /// How often the peers were called.
    pub(crate) fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn offer_by_value(&self) -> String {
        self.inner.offer().link_by_value("openid-credential-offer://")
    }

    pub(crate) fn offer_by_reference(&self) -> String {
        sekisho_openid4vci::offer::link_by_reference(
            "openid-credential-offer://",
            &format!("{}/offer", self.base),
        )
    }

    pub(crate) fn request(&self) -> String {
        self.request_of(&client_id_x509_hash(&self.inner.leaf().der))
    }

    /// A link to a request object at another address.
    pub(crate) fn request_at(&self, request_uri: &str) -> String {
        let client_id = client_id_x509_hash(&self.inner.verifier.der);
        sekisho_openid4vp::request::wallet_url("openid4vp://", &client_id, request_uri)
    }

    pub(crate) fn request_of(&self, client_id: &str) -> String {
        let request_uri = format!("{}/request", self.base);
        sekisho_openid4vp::request::wallet_url("openid4vp://", client_id, &request_uri)
    }

    pub(crate) fn vct(&self) -> String {
        types::AFFILIATION.vct(&self.base)
    }
}

impl Inner {
    fn mood(&self) -> Mood {
        self.mood.lock().unwrap().clone()
    }

    /// What the verifier signs with.
    fn leaf(&self) -> &Leaf {
        if self.mood().expired_verifier { &self.expired_verifier } else { &self.verifier }
    }

    fn issuer(&self) -> String {
        format!("{}/orgs/{NUMBER}", self.base)
    }

    fn offer(&self) -> CredentialOffer {
        let tx_code = self.mood().tx_code.then(|| TxCode { length: Some(6), ..TxCode::default() });
        CredentialOffer {
            credential_issuer: self.issuer(),
            credential_configuration_ids: vec!["affiliation".to_owned()],
            pre_authorized: Some(PreAuthorizedGrant {
                code: CODE.to_owned(),
                tx_code,
                authorization_server: None,
            }),
        }
    }

    fn request_object(&self) -> RequestObject {
        let mood = self.mood();
        let late = if mood.late_request { -3600 } else { mood.verifier_ahead };
        let now = self.clock.now().plus(late);
        let claims = |names: &[&str]| {
            let claim = |name: &&str| ClaimsQuery {
                id: None,
                path: ClaimPath::name(*name),
                values: Vec::new(),
            };
            names.iter().map(claim).collect()
        };
        let mut query = Query {
            credentials: vec![CredentialQuery {
                id: "affiliation".to_owned(),
                vct_values: vec![types::AFFILIATION.vct(&self.base)],
                claims: claims(&["org_corporate_number", "member_ref", "email"]),
                claim_sets: Vec::new(),
            }],
            credential_sets: Vec::new(),
        };
        if let Some(required) = mood.asks_for_training {
            query.credentials.push(CredentialQuery {
                id: "training".to_owned(),
                vct_values: vec![types::AI_TRAINING.vct(&self.base)],
                claims: claims(&["achievement_id"]),
                claim_sets: Vec::new(),
            });
            let set =
                |id: &str, required| CredentialSet { options: vec![vec![id.to_owned()]], required };
            query.credential_sets = vec![set("affiliation", true), set("training", required)];
        }
        let both =
            |ja: &str, en: &str| sekisho_ambient::Text { ja: ja.to_owned(), en: en.to_owned() };
        let statement = ServiceStatement {
            service: ServiceDescription {
                name: both("北海GPUポータル", "Hokkai GPU portal"),
                operator: Some(Operator {
                    corporate_number: "8900000000001".to_owned(),
                    name: both("北海AI計算基盤株式会社", "Hokkai AI Compute"),
                }),
                residency: Some(both("北海道", "Hokkaido")),
            },
            purpose: both("GPUの利用者を確認するため", "To know who uses the GPUs"),
        };
        RequestObject {
            client_id: client_id_x509_hash(&self.leaf().der),
            response_uri: format!("{}/response", self.base),
            nonce: REQUEST_NONCE.to_owned(),
            state: STATE.to_owned(),
            response_mode: if mood.plain_answer {
                ResponseMode::DirectPost
            } else {
                ResponseMode::DirectPostJwt
            },
            dcql_query: query,
            encryption_key: (!mood.plain_answer).then(|| self.encryption.public_jwk()),
            verifier_info: vec![statement.to_verifier_info()],
            wallet_nonce: None,
            iat: now,
            exp: now.plus(300),
        }
    }

    fn trust(&self) -> TrustList {
        TrustList(vec![TrustedIssuer {
            issuer: self.issuer(),
            types: vec![types::AFFILIATION.vct(&self.base)],
            organizations: vec![NUMBER.to_owned()],
            anchors: self.anchors.clone(),
        }])
    }

    fn issue(&self, holder: &PublicJwk, now: Timestamp) -> String {
        let claims = json!({
            "org_corporate_number": NUMBER, "org_name": "瀬戸内精密工業株式会社", "affiliation_type": "regular",
            "member_ref": "m-1", "name": "山田 太郎", "email": "taro@setouchi.example",
        });
        let issuance = Issuance {
            credential_type: &types::AFFILIATION,
            authority: &self.base,
            issuer: &self.issuer(),
            claims: claims.as_object().unwrap(),
            holder_key: holder,
            status: None,
            issued_at: now,
            expires: Some(now.plus(24 * 3600)),
            decoys: 2,
        };
        let x5c = vec![self.issuer.der.clone()];
        sekisho_credential::vc::issue(&issuance, x5c, &self.issuer.key, &self.entropy).unwrap()
    }
}
