//! The wallet's two calls: it fetches the signed request, and it answers
//! (OpenID4VP 1.0, sections 5.10 and 8.2).

use sekisho_profile::{
    Act, Channel, Code, Outcome, lifetimes, types, types::LOGIN, types::MEMBER_REF,
};
use std::collections::BTreeMap;

use sekisho_ambient::{Handle, Text, Timestamp, constant_time_eq};
use sekisho_jose::Algorithm;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_oauth::client::Client;
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::{MatchNumber, Presentation};
use sekisho_openid4vp::request::{
    self, Operator, RequestObject, ServiceDescription, ServiceStatement,
};
use sekisho_openid4vp::response::{
    self, ResponseCheck, VerifiedPresentation, WalletAnswer, WalletError,
};
use sekisho_store::PersonSealed;

use super::{MAX_FAILURES, Refusal};
use crate::Broker;
use crate::ask::Ask;
use crate::audit::{Actor, Detail as _, entry};
use crate::config::{ClientIdPrefix, ResponseMode};
use crate::keys::Purpose;
use crate::ring::ActiveKey;
use crate::tables::{
    ClaimsByType, Evidence, Login, LoginState, Logins, Relied, RequestRow, Requests,
};

/// What sealed evidence is bound to, beside the person.
const CLAIMS: &str = "evidence claims";

/// What the wallet is told after an answer that was taken.
pub struct Answered {
    /// Where the person's browser goes next.
    pub redirect_uri: String,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WalletRefusal {
    /// The request is unknown, over, or answered already.
    #[error("{0}")]
    Code(Code),
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<sekisho_store::StoreError> for WalletRefusal {
    fn from(error: sekisho_store::StoreError) -> Self {
        Self::Broker(error.into())
    }
}

impl Broker {
    /// The signed request object. It may be fetched again until it is answered or over, and is the
    /// same each time but for `iat` and, if the wallet sent one, `wallet_nonce`.
    pub async fn request_object(
        &self,
        request: &Handle,
        wallet_nonce: Option<&str>,
    ) -> Result<String, WalletRefusal> {
        let now = self.clock().now();
        let row = self.open_request(request, now).await?;
        let login = self.store().get::<Logins>(&row.login).await?;
        match login.as_ref().map(|login| &login.state) {
            Some(LoginState::Presentation(Presentation::AwaitingWallet)) => {}
            _ => return Err(WalletRefusal::Code(Code::AlreadyUsed)),
        }
        let client = self.client(&row.client_id).await?;
        let ring = self.ring();
        let signer = request_signer(&ring)?;
        let response_key = row
            .response_key
            .as_deref()
            .and_then(|bytes| DecryptionKey::from_bytes(bytes).ok())
            .map(|key| key.public_jwk());
        let object = RequestObject {
            client_id: self.verifier_id(signer),
            response_uri: self.response_uri(request),
            nonce: row.nonce.clone(),
            state: request.expose().to_owned(),
            response_mode: self.wire_mode(),
            dcql_query: row.query.clone(),
            encryption_key: response_key,
            verifier_info: vec![self.statement(&client).to_verifier_info()],
            wallet_nonce: wallet_nonce.map(str::to_owned),
            iat: now,
            exp: request.key().expires(),
        };
        object
            .sign(signer.x5c.clone(), &signer.key)
            .map_err(|_| WalletRefusal::Broker(Refusal::NoKey))
    }

    /// Where a wallet is sent for this request: the wallet's own endpoint, with `client_id` and
    /// `request_uri` only.
    pub(crate) fn wallet_url(&self, endpoint: &str, request: &str) -> Result<String, Refusal> {
        let ring = self.ring();
        let client_id = self.verifier_id(request_signer(&ring)?);
        let request_uri = self.config().origin.join(&format!("/request/{request}"));
        Ok(request::wallet_url(endpoint, &client_id, &request_uri))
    }

    fn verifier_id(&self, signer: &ActiveKey) -> String {
        match self.config().client_id_prefix {
            ClientIdPrefix::X509Hash => {
                request::client_id_x509_hash(signer.x5c.first().map_or(&[][..], Vec::as_slice))
            }
            ClientIdPrefix::X509SanDns => {
                request::client_id_x509_san_dns(self.config().origin.host())
            }
        }
    }

    /// Who asks and why, for wallets that read `verifier_info`.
    fn statement(&self, client: &Client) -> ServiceStatement {
        let text = |ja: &str, en: &str| Text { ja: ja.to_owned(), en: en.to_owned() };
        let service = client.service.as_deref().and_then(|id| self.config().service(id));
        let description = match service {
            Some(service) => ServiceDescription {
                name: text(&service.name.ja, &service.name.en),
                operator: Some(Operator {
                    name: text(&service.operator.ja, &service.operator.en),
                    corporate_number: service.operator_number.clone(),
                }),
                residency: Some(text(&service.residency.ja, &service.residency.en)),
            },
            None => ServiceDescription {
                name: text(&client.client_name.ja, &client.client_name.en),
                operator: None,
                residency: None,
            },
        };
        let purpose = text(&client.purpose.ja, &client.purpose.en);
        ServiceStatement { service: description, purpose }
    }

    fn response_uri(&self, request: &Handle) -> String {
        self.config().origin.join(&format!("/response/{}", request.expose()))
    }

    fn wire_mode(&self) -> request::ResponseMode {
        match self.config().response_mode {
            ResponseMode::DirectPost => request::ResponseMode::DirectPost,
            ResponseMode::DirectPostJwt => request::ResponseMode::DirectPostJwt,
        }
    }

    async fn open_request(
        &self,
        request: &Handle,
        now: Timestamp,
    ) -> Result<RequestRow, WalletRefusal> {
        if request.key().expires() <= now {
            return Err(WalletRefusal::Code(Code::LoginExpired));
        }
        let row = self.store().get::<Requests>(&request.key()).await?;
        match row {
            Some(row) if row.failures < MAX_FAILURES => Ok(row),
            _ => Err(WalletRefusal::Code(Code::LoginExpired)),
        }
    }

    /// Takes a wallet's answer: verified first, then kept in one transaction, once.
    pub async fn wallet_answers(
        &self,
        request: &Handle,
        form: &Params,
    ) -> Result<Answered, WalletRefusal> {
        let now = self.clock().now();
        let row = self.open_request(request, now).await?;
        let key = row.response_key.as_deref().map(DecryptionKey::from_bytes).transpose();
        let key = key.map_err(|_| WalletRefusal::Broker(Refusal::NoKey))?;
        let state = request.expose();
        let answer = match response::parse(form, self.wire_mode(), key.as_ref()) {
            Ok(answer) if answer.state().is_some_and(|answered| is_same(answered, state)) => answer,
            Ok(_) => return self.count_failure(request, &row, Code::AnswerDoesNotFit, now).await,
            Err(error) => return self.count_failure(request, &row, (&error).into(), now).await,
        };
        let vp_token = match answer {
            WalletAnswer::Refused { error, .. } => {
                return self.keep_refusal(&row, error, now).await;
            }
            WalletAnswer::Presented { vp_token, .. } => vp_token,
        };
        match self.verify_answer(&row, &vp_token, now).await {
            Ok(evidence) => self.keep_answer(request, &row, evidence, now).await,
            Err(WalletRefusal::Code(code)) => self.count_failure(request, &row, code, now).await,
            Err(error) => Err(error),
        }
    }

    async fn verify_answer(
        &self,
        row: &RequestRow,
        vp_token: &BTreeMap<String, Vec<String>>,
        now: Timestamp,
    ) -> Result<Evidence, WalletRefusal> {
        let ring = self.ring();
        let client_id = self.verifier_id(request_signer(&ring)?);
        let trust = self.trust();
        let organizations = types::organization_claims(&self.config().type_authority);
        let check = ResponseCheck {
            query: &row.query,
            client_id: &client_id,
            nonce: &row.nonce,
            trust: &trust,
            now,
            organization_claims: &organizations,
        };
        let presentation = response::verify(vp_token, &check).map_err(|error| {
            let code = Code::from(&error);
            tracing::info!(%code, %error, "a presentation was refused");
            WalletRefusal::Code(code)
        })?;
        let evidence = self.evidence(row, &presentation, now).await?;
        match self.fallen(&evidence.relied, now).await {
            Some(fallen) => Err(WalletRefusal::Code(fallen.code)),
            None => Ok(evidence),
        }
    }

    /// What is kept of a presentation: the claims that were asked for, sealed, and what they stand
    /// on.
    async fn evidence(
        &self,
        row: &RequestRow,
        presentation: &VerifiedPresentation,
        now: Timestamp,
    ) -> Result<Evidence, WalletRefusal> {
        let mut relied = Vec::new();
        let mut claims = ClaimsByType::new();
        for (id, credential) in presentation.credentials() {
            relied.push(Relied {
                type_name: id.to_owned(),
                issuer: credential.issuer().to_owned(),
                digest: credential.digest(),
                status: credential.status().cloned(),
                expires: credential.expires(),
            });
            claims.insert(id.to_owned(), kept_claims(credential.claims()));
        }
        let login = presentation.credential(LOGIN).ok_or(WalletRefusal::Code(Code::NoWallet))?;
        let member_ref = login.claims().get(MEMBER_REF).and_then(|value| value.as_str());
        let member_ref = member_ref.ok_or(WalletRefusal::Code(Code::NoWallet))?;
        let person = self.digests().person(login.issuer(), member_ref);
        let claims = self.seal_claims(person, &claims).await?;
        let asked = match self.store().get::<Logins>(&row.login).await? {
            Some(begun) => {
                let client = self.client(&row.client_id).await?;
                let ask = Ask::new(self.config(), &client, &begun.request);
                ask.map(|ask| ask.asked()).unwrap_or_default()
            }
            None => Vec::new(),
        };
        let issuer = login.issuer().to_owned();
        Ok(Evidence { person, issuer, relied, claims, asked, auth_time: now, channel: row.channel })
    }

    async fn keep_answer(
        &self,
        request: &Handle,
        row: &RequestRow,
        evidence: Evidence,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        let response_code = Handle::new(now.plus(lifetimes::PRESENTATION_REQUEST), self.entropy());
        let number = match row.channel {
            Channel::SameDevice => None,
            Channel::CrossDevice => Some(MatchNumber::draw(self.entropy(), now)),
        };
        let actor = Actor::Person(evidence.person);
        let taken = self
            .store()
            .transact(|tx| {
                let Some(mut login) = tx.get::<Logins>(&row.login)? else { return Ok(false) };
                if tx.get::<Requests>(&request.key())?.is_none() {
                    return Ok(false);
                }
                let LoginState::Presentation(state) = login.state else { return Ok(false) };
                let code = response_code.key();
                let Ok(presented) = state.present(evidence.clone(), code, number.clone()) else {
                    return Ok(false);
                };
                login.state = LoginState::Presentation(presented);
                tx.put::<Logins>(&row.login, &login)?;
                // The response key goes with the row: an answer is taken once.
                tx.delete::<Requests>(&request.key())?;
                let object = row.login.reference();
                tx.append(entry(now, &actor, Act::PresentationAccept, object, Outcome::Done));
                Ok(true)
            })
            .await?;
        if !taken {
            return Err(WalletRefusal::Code(Code::AlreadyUsed));
        }
        let page = match row.channel {
            Channel::SameDevice => "complete",
            Channel::CrossDevice => "phone",
        };
        let path =
            format!("/login/{}/{page}?response_code={}", row.login_text, response_code.expose());
        Ok(Answered { redirect_uri: self.config().origin.join(&path) })
    }

    async fn keep_refusal(
        &self,
        row: &RequestRow,
        error: WalletError,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        let taken = self
            .store()
            .transact(|tx| {
                let Some(login) = tx.get::<Logins>(&row.login)? else { return Ok(false) };
                let LoginState::Presentation(state) = login.state.clone() else {
                    return Ok(false);
                };
                let Ok(declined) = state.decline(error) else { return Ok(false) };
                let state = LoginState::Presentation(declined);
                tx.put::<Logins>(&row.login, &Login { state, ..login })?;
                let object = row.login.reference();
                let entry =
                    entry(now, &Actor::Public, Act::PresentationDecline, object, Outcome::Refused);
                tx.append(entry.because(error.to_string()));
                Ok(true)
            })
            .await?;
        if !taken {
            return Err(WalletRefusal::Code(Code::AlreadyUsed));
        }
        let path = format!("/login/{}", row.login_text);
        Ok(Answered { redirect_uri: self.config().origin.join(&path) })
    }

    /// A failed answer consumes nothing but one of its tries.
    async fn count_failure(
        &self,
        request: &Handle,
        row: &RequestRow,
        code: Code,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        self.store()
            .transact(|tx| {
                let Some(mut stored) = tx.get::<Requests>(&request.key())? else { return Ok(()) };
                stored.failures = stored.failures.saturating_add(1);
                tx.put::<Requests>(&request.key(), &stored)?;
                let object = row.login.reference();
                let entry =
                    entry(now, &Actor::Public, Act::PresentationAccept, object, Outcome::Refused);
                tx.append(entry.because(code));
                Ok(())
            })
            .await?;
        Err(WalletRefusal::Code(code))
    }

    pub(crate) async fn seal_claims(
        &self,
        person: [u8; 32],
        claims: &ClaimsByType,
    ) -> Result<PersonSealed, Refusal> {
        let key = self.store().person_key(&person).await?;
        Ok(key.seal_json(CLAIMS, claims, self.entropy())?)
    }

    pub(crate) async fn open_claims(&self, evidence: &Evidence) -> Result<ClaimsByType, Refusal> {
        let key = self.store().existing_person_key(&evidence.person).await?;
        let key = key.ok_or_else(|| Refusal::code(Code::Revoked, "erased"))?;
        Ok(key.open_json(CLAIMS, &evidence.claims)?)
    }
}

/// The disclosed claims without those that only carry the credential itself.
fn kept_claims(claims: &sekisho_jose::Claims) -> sekisho_jose::Claims {
    let carried = ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "_sd_alg"];
    let kept = claims.iter().filter(|(name, _)| !carried.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn is_same(answered: &str, asked: &str) -> bool {
    constant_time_eq(answered.as_bytes(), asked.as_bytes())
}

fn request_signer(ring: &crate::ring::Ring) -> Result<&ActiveKey, Refusal> {
    ring.active(&Purpose::RequestObject, Algorithm::Es256).ok_or(Refusal::NoKey)
}
