//! A wallet. It holds SD-JWT VCs that are bound to one key or each to a key of its own, and can be
//! told to misbehave.

use std::collections::BTreeMap;

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Algorithm, SigningKey};
use sekisho_openid4vci::credential::CredentialRequest;
use sekisho_openid4vci::offer::{self, CredentialOffer, OfferLink, PRE_AUTHORIZED_CODE_GRANT};
use sekisho_openid4vci::{metadata, proof};
use sekisho_openid4vp::dcql::{self, Candidate};
use sekisho_openid4vp::request::{self, RequestTrust, VerifiedRequest};
use sekisho_openid4vp::response;
use serde_json::Value;

use crate::http;

/// A wallet. Its clock does not move by itself.
#[derive(Clone)]
pub struct Wallet {
    /// The key of the next credential.
    pub key: SigningKey,
    /// The keys of the credentials before, in a wallet that makes one for each.
    pub keys: Vec<SigningKey>,
    /// Whether the wallet makes a key for each credential.
    pub key_for_each: bool,
    pub held: Vec<String>,
    pub now: Timestamp,
    /// The roots of verifiers that the wallet trusts. Without any, it accepts every leaf that
    /// matches its `x509_hash`.
    pub anchors: Vec<TrustAnchor>,
}

/// The response of the broker.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The URL to which the browser continues; fails if the answer was refused.
    pub fn redirect_uri(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["redirect_uri"].as_str().expect("a redirect_uri").to_owned()
    }

    /// The code at the beginning of the description of a refusal.
    pub fn code(&self) -> String {
        let text = self.body["error_description"].as_str().unwrap_or_default();
        text.split(':').next().unwrap_or_default().to_owned()
    }
}

impl Wallet {
    pub fn new(now: Timestamp) -> Self {
        let key = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
        let (keys, held, anchors) = (Vec::new(), Vec::new(), Vec::new());
        Self { key, keys, key_for_each: false, held, now, anchors }
    }

    /// A wallet that makes a key for each credential, as most do.
    pub fn with_a_key_for_each(now: Timestamp) -> Self {
        Self { key_for_each: true, ..Self::new(now) }
    }

    /// Puts another key in place of the present one.
    pub fn change_key(&mut self) {
        let fresh = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
        self.keys.push(std::mem::replace(&mut self.key, fresh));
    }

    /// The key to which a credential with these claims is bound; the present one if none is.
    fn key_of(&self, claims: &sekisho_jose::Claims) -> &SigningKey {
        let bound = &claims["cnf"]["jwk"];
        let is_bound = |key: &&SigningKey| key.public_jwk().minimal()["x"] == bound["x"];
        self.keys.iter().find(is_bound).unwrap_or(&self.key)
    }

    /// Reads the offer behind a link.
    pub async fn read_offer(&self, link: &str) -> CredentialOffer {
        match offer::parse_link(link).unwrap() {
            OfferLink::Value(offer) => offer,
            OfferLink::Reference(url) => {
                let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
                CredentialOffer::from_value(&document).unwrap()
            }
        }
    }

    /// Redeems a pre-authorized code at the token endpoint; returns the response as it is.
    pub async fn redeem_offer(&self, offer: &CredentialOffer, tx_code: Option<&str>) -> Answer {
        let issuer = self.issuer(offer).await;
        let server = issuer.authorization_servers.first().unwrap();
        let discovery = format!("{server}/.well-known/oauth-authorization-server");
        let server: Value = http().get(discovery).send().await.unwrap().json().await.unwrap();
        let endpoint = server["token_endpoint"].as_str().unwrap();
        let code = &offer.pre_authorized.as_ref().unwrap().code;
        let mut form =
            vec![("grant_type", PRE_AUTHORIZED_CODE_GRANT), ("pre-authorized_code", code.as_str())];
        form.extend(tx_code.map(|tx_code| ("tx_code", tx_code)));
        read(http().post(endpoint).form(&form).send().await.unwrap()).await
    }

    async fn issuer(&self, offer: &CredentialOffer) -> metadata::IssuerMetadata {
        let url = metadata::well_known_url(&offer.credential_issuer).unwrap();
        let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        metadata::read(&offer.credential_issuer, &document).unwrap()
    }

    pub async fn nonce(&self, offer: &CredentialOffer) -> String {
        let endpoint = self.issuer(offer).await.nonce_endpoint.unwrap();
        let answer: Value = http().post(endpoint).send().await.unwrap().json().await.unwrap();
        answer["c_nonce"].as_str().unwrap().to_owned()
    }

    /// Sends a credential request with this body and access token.
    pub async fn request_credential(
        &self,
        offer: &CredentialOffer,
        access_token: &str,
        body: &Value,
    ) -> Answer {
        let endpoint = self.issuer(offer).await.credential_endpoint;
        let request = http().post(endpoint).bearer_auth(access_token).json(body);
        read(request.send().await.unwrap()).await
    }

    /// The body of a correct credential request, with a new nonce.
    pub async fn honest_request(&self, offer: &CredentialOffer) -> Value {
        let nonce = self.nonce(offer).await;
        let audience = &offer.credential_issuer;
        let proof = proof::build(&self.key, audience, &nonce, None, self.now).unwrap();
        CredentialRequest::for_configuration(&offer.credential_configuration_ids[0], &proof)
    }

    /// Accepts an offer: gets a token and a nonce, makes the proof, and stores the credential.
    pub async fn accept(&mut self, link: &str, tx_code: Option<&str>) {
        if self.key_for_each {
            self.change_key();
        }
        let offer = self.read_offer(link).await;
        let token = self.redeem_offer(&offer, tx_code).await;
        assert_eq!(token.status, 200, "{}", token.body);
        let body = self.honest_request(&offer).await;
        let access_token = token.body["access_token"].as_str().unwrap();
        let answer = self.request_credential(&offer, access_token, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let credential = answer.body["credentials"][0]["credential"].as_str().unwrap();
        self.held.push(credential.to_owned());
    }

    /// Fetches and verifies the signed request behind a link. If the wallet has no `anchors`, any
    /// root will do.
    pub async fn open(&self, link: &str) -> VerifiedRequest {
        let link = request::parse_link(link).unwrap();
        let answer = http().get(&link.request_uri).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let jwt = answer.text().await.unwrap();
        let trust = match self.anchors.as_slice() {
            [] => RequestTrust::DangerousAnyLeaf,
            anchors => RequestTrust::Anchors(anchors),
        };
        request::verify(&jwt, &link.client_id, &trust, self.now, None).unwrap()
    }

    /// The presentations that answer a request, from the credentials that the wallet holds.
    pub fn presentations(&self, request: &VerifiedRequest) -> BTreeMap<String, Vec<String>> {
        let parsed: Vec<(SdJwt, String, sekisho_jose::Claims)> = self
            .held
            .iter()
            .map(|text| {
                let sd_jwt = SdJwt::parse(text).unwrap();
                let claims = sd_jwt.claims();
                (sd_jwt, claims["vct"].as_str().unwrap().to_owned(), claims)
            })
            .collect();
        // All are the same person's, whatever the keys.
        let candidates: Vec<Candidate<'_>> = parsed
            .iter()
            .map(|(_, vct, claims)| Candidate { vct, claims, holder: "this wallet" })
            .collect();
        let choice = dcql::choose(request.query(), &candidates);
        assert!(choice.missing.is_empty(), "the wallet lacks {:?}", choice.missing);
        let chosen = choice.required.iter().chain(&choice.optional);
        chosen
            .map(|(id, found)| {
                let (credential, _, claims) = &parsed[found.candidate];
                let (selected, key) = (credential.select(&found.disclose), self.key_of(claims));
                let (audience, nonce) = (request.client_id(), request.nonce());
                let bound = sd_jwt::bind(&selected, audience, nonce, self.now, key).unwrap();
                (id.clone(), vec![bound])
            })
            .collect()
    }

    /// Sends these presentations as the answer to a request.
    pub async fn send(
        &self,
        request: &VerifiedRequest,
        vp_token: &BTreeMap<String, Vec<String>>,
    ) -> Answer {
        let form = response::build(vp_token, request, &Entropy::system()).unwrap();
        self.post(request, &form).await
    }

    /// Posts this form to the URL where the request wants its answer.
    pub async fn post(&self, request: &VerifiedRequest, form: &[(String, String)]) -> Answer {
        read(http().post(request.response_uri()).form(form).send().await.unwrap()).await
    }

    /// Answers the request behind a link with what it asks for.
    pub async fn present(&self, link: &str) -> Answer {
        let request = self.open(link).await;
        let vp_token = self.presentations(&request);
        self.send(&request, &vp_token).await
    }

    /// Declines the request behind a link.
    pub async fn decline(&self, link: &str) -> Answer {
        let request = self.open(link).await;
        let form = response::refuse(response::WalletError::AccessDenied, &request);
        self.post(&request, &form).await
    }
}

async fn read(answer: reqwest::Response) -> Answer {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
