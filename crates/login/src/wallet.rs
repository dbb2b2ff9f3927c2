//! The two calls of a wallet: it fetches the signed request, and it sends its answer (OpenID4VP
//! 1.0, sections 5.10 and 8.2).

use std::collections::BTreeMap;

use sekisho_ambient::{Handle, Timestamp, constant_time_eq};
use sekisho_credential::vc::Binding;
use sekisho_grants::{ClaimsByType, Evidence};
use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::{Algorithm, Claims};
use sekisho_keyring::{ActiveKey, Purpose, Ring};
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::{MatchNumber, PresentationState};
use sekisho_openid4vp::request::{
    self, Operator, RequestObject, ServiceDescription, ServiceStatement,
};
use sekisho_openid4vp::response::{
    self, ResponseCheck, VerifiedPresentation, WalletAnswer, WalletError,
};
use sekisho_profile::types::{self, LOGIN, MEMBER_REF};
use sekisho_profile::{Act, Channel, Code, Outcome, lifetimes};
use sekisho_registry::RelyingParty;
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::question::Found;
use sekisho_standing::{Looked, Relied};
use sekisho_store::StoreError;

use crate::asked::Asked;
use crate::tables::{Login, LoginState, Logins as Rows, RequestRow, Requests};
use crate::{ClientIdPrefix, Logins, MAX_FAILURES, ResponseMode};

/// How often an answer is verified again after trust changed meanwhile.
const ATTEMPTS: usize = 8;

/// The response to a wallet whose answer was accepted.
pub struct Answered {
    /// Where the person's browser goes next.
    pub redirect_uri: String,
}

/// Why an answer was refused.
#[derive(Debug, thiserror::Error)]
pub enum WalletRefusal {
    /// The request is unknown, expired or already answered, or the answer does not verify.
    #[error("{0}")]
    Code(Code),
    /// The broker failed for a reason that is not the wallet's.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<StoreError> for WalletRefusal {
    fn from(error: StoreError) -> Self {
        Self::Broker(error.into())
    }
}

impl Logins {
    /// The signed request object. A wallet may fetch it again until it is answered or expired. Only
    /// `iat` and, if the wallet sent one, `wallet_nonce` differ between two fetches.
    pub async fn request_object(
        &self,
        request: &Handle,
        wallet_nonce: Option<&str>,
    ) -> Result<String, WalletRefusal> {
        let now = self.site.now();
        let (row, login) = self.open_request(request, now).await?;
        match &login.state {
            LoginState::Presentation(PresentationState::AwaitingWallet) => {}
            _ => return Err(WalletRefusal::Code(Code::AlreadyUsed)),
        }
        let party = self.registry.client(&login.request.client_id).await?;
        let ring = self.keyring.ring();
        let signer = request_signer(&ring)?;
        let response_key = row
            .response_key
            .as_deref()
            .and_then(|bytes| DecryptionKey::from_bytes(bytes).ok())
            .map(|key| key.public_jwk());
        let object = RequestObject {
            client_id: row.verifier,
            response_uri: self.site.origin().response(request),
            nonce: row.nonce,
            state: request.expose().to_owned(),
            response_mode: self.wire_mode(),
            dcql_query: login.asked.query(self.site.type_authority()),
            encryption_key: response_key,
            verifier_info: vec![self.statement(&party).to_verifier_info()],
            wallet_nonce: wallet_nonce.map(str::to_owned),
            iat: now,
            exp: request.key().expires(),
        };
        object
            .sign(signer.x5c.clone(), &signer.key)
            .map_err(|_| WalletRefusal::Broker(Refusal::NoKey))
    }

    /// The link that opens a wallet with this request: the wallet's endpoint with `client_id` and
    /// `request_uri`.
    pub(crate) fn wallet_url(&self, endpoint: &str, verifier: &str, request: &str) -> String {
        request::wallet_url(endpoint, verifier, &self.site.origin().request(request))
    }

    /// The client identifier by which the broker names itself to wallets now.
    pub(crate) fn verifier(&self) -> Result<String, Refusal> {
        match self.wallets.client_id_prefix {
            ClientIdPrefix::X509Hash => {
                let ring = self.keyring.ring();
                let leaf = request_signer(&ring)?.x5c.first().ok_or(Refusal::NoKey)?;
                Ok(request::client_id_x509_hash(leaf))
            }
            ClientIdPrefix::X509SanDns => {
                Ok(request::client_id_x509_san_dns(self.site.origin().host()))
            }
        }
    }

    /// The statement about who asks and why, for wallets that read `verifier_info`.
    fn statement(&self, party: &RelyingParty) -> ServiceStatement {
        let service = party.service.as_deref().and_then(|id| self.registry.services().service(id));
        let service = match service {
            Some(service) => ServiceDescription {
                name: service.name.clone(),
                operator: Some(Operator {
                    name: service.operator.clone(),
                    corporate_number: service.operator_number.clone(),
                }),
                residency: Some(service.residency.clone()),
            },
            None => ServiceDescription {
                name: party.client.client_name.clone(),
                operator: None,
                residency: None,
            },
        };
        ServiceStatement { service, purpose: party.purpose.clone() }
    }

    fn wire_mode(&self) -> request::ResponseMode {
        match self.wallets.response_mode {
            ResponseMode::DirectPost => request::ResponseMode::DirectPost,
            ResponseMode::DirectPostJwt => request::ResponseMode::DirectPostJwt,
        }
    }

    /// A request that may still be answered, with its login.
    async fn open_request(
        &self,
        request: &Handle,
        now: Timestamp,
    ) -> Result<(RequestRow, Login), WalletRefusal> {
        let expired = || WalletRefusal::Code(Code::LoginExpired);
        if request.key().expires() <= now {
            return Err(expired());
        }
        let row = self.site.store().get::<Requests>(&request.key()).await?;
        let row = row.filter(|row| row.failures < MAX_FAILURES).ok_or_else(expired)?;
        let login = self.site.store().get::<Rows>(&row.login).await?.ok_or_else(expired)?;
        Ok((row, login))
    }

    /// Takes a wallet's answer: verifies it, then stores it in one transaction. Only one answer is
    /// accepted.
    pub async fn wallet_answers(
        &self,
        request: &Handle,
        form: &Params,
    ) -> Result<Answered, WalletRefusal> {
        let now = self.site.now();
        let (row, login) = self.open_request(request, now).await?;
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
        let response_uri = self.site.origin().response(request);
        let encryption_key = key.as_ref().map(DecryptionKey::public_jwk);
        let binding = Binding {
            audience: &row.verifier,
            nonce: &row.nonce,
            response_uri: Some(&response_uri),
            encryption_key: encryption_key.as_ref(),
        };
        for _ in 0..ATTEMPTS {
            let kept = match self.verify_answer(&row, &login.asked, binding, &vp_token, now).await {
                Ok(verified) => self.keep_answer(request, &row, verified, now).await?,
                Err(WalletRefusal::Code(code)) => Kept::Refused(code),
                Err(error) => return Err(error),
            };
            match kept {
                Kept::Taken(answered) => return Ok(answered),
                Kept::Refused(code) => return self.count_failure(request, &row, code, now).await,
                Kept::Gone => return Err(WalletRefusal::Code(Code::AlreadyUsed)),
                Kept::Moved => self.standing.look_anew().await?,
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn verify_answer(
        &self,
        row: &RequestRow,
        asked: &Asked,
        binding: Binding<'_>,
        vp_token: &BTreeMap<String, Vec<String>>,
        now: Timestamp,
    ) -> Result<Verified, WalletRefusal> {
        let trust = self.registry.trust();
        let authority = self.site.type_authority();
        let check = ResponseCheck {
            query: &asked.query(authority),
            binding,
            trust: &trust.list,
            now,
            organization_claims: &types::organization_claims(authority),
        };
        let presentation = response::verify(vp_token, &check).map_err(|error| {
            let code = Code::from(&error);
            tracing::info!(%code, %error, "a presentation was refused");
            WalletRefusal::Code(code)
        })?;
        let evidence = self.evidence(row, asked, &presentation, now).await?;
        let looked = self.standing.look(&evidence.relied, now).await;
        match looked.fallen() {
            Some(fallen) => Err(WalletRefusal::Code(fallen.code)),
            None => Ok(Verified { evidence, looked, trust: trust.version }),
        }
    }

    /// What is stored about a presentation: its claims, sealed, and the credentials that it relied
    /// on.
    async fn evidence(
        &self,
        row: &RequestRow,
        asked: &Asked,
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
        let member_ref = member_ref.ok_or(WalletRefusal::Code(Code::NoMemberReference))?;
        let person = self.site.digests().person(login.issuer(), member_ref);
        Ok(Evidence {
            person,
            issuer: login.issuer().to_owned(),
            relied,
            claims: self.grants.seal_claims(person, &claims).await?,
            asked: asked.names(),
            auth_time: now,
            channel: row.channel,
        })
    }

    async fn keep_answer(
        &self,
        request: &Handle,
        row: &RequestRow,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Kept, WalletRefusal> {
        let Verified { evidence, looked, trust } = verified;
        let response_code =
            Handle::new(now.plus(lifetimes::PRESENTATION_REQUEST), self.site.entropy());
        let number = match row.channel {
            Channel::SameDevice => None,
            Channel::CrossDevice => Some(MatchNumber::draw(self.site.entropy(), now)),
        };
        let actor = Actor::Person(evidence.person);
        let origin = self.site.origin();
        let redirect_uri = match row.channel {
            Channel::SameDevice => origin.complete(&row.login_text, &response_code),
            Channel::CrossDevice => origin.phone(&row.login_text, &response_code),
        };
        let kept = self
            .site
            .store()
            .transact(|tx| {
                match self.standing.standing_in(tx, &evidence.relied, &looked)? {
                    Found::Stands(_) if looked.is_of_trust(trust) => {}
                    Found::Fallen(fallen) => return Ok(Kept::Refused(fallen.code)),
                    Found::Stands(_) | Found::Moved => return Ok(Kept::Moved),
                }
                let Some(mut login) = tx.get::<Rows>(&row.login)? else { return Ok(Kept::Gone) };
                if tx.get::<Requests>(&request.key())?.is_none() {
                    return Ok(Kept::Gone);
                }
                let LoginState::Presentation(state) = login.state else { return Ok(Kept::Gone) };
                let code = response_code.key();
                let Ok(presented) = state.present(evidence.clone(), code, number.clone()) else {
                    return Ok(Kept::Gone);
                };
                login.state = LoginState::Presentation(presented);
                tx.put::<Rows>(&row.login, &login)?;
                // The response key is deleted with the row, because no second answer is accepted.
                tx.delete::<Requests>(&request.key())?;
                let (act, object) = (Act::PresentationAccept, row.login.reference());
                tx.append(entry(now, &actor, act, object, Outcome::Done));
                Ok(Kept::Taken(Answered { redirect_uri: redirect_uri.clone() }))
            })
            .await?;
        Ok(kept)
    }

    async fn keep_refusal(
        &self,
        row: &RequestRow,
        error: WalletError,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        let taken = self
            .site
            .store()
            .transact(|tx| {
                let Some(login) = tx.get::<Rows>(&row.login)? else { return Ok(false) };
                let LoginState::Presentation(state) = login.state.clone() else {
                    return Ok(false);
                };
                let Ok(declined) = state.decline(error) else { return Ok(false) };
                let state = LoginState::Presentation(declined);
                tx.put::<Rows>(&row.login, &Login { state, ..login })?;
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
        Ok(Answered { redirect_uri: self.site.origin().login(&row.login_text) })
    }

    /// Counts a failed answer. It changes nothing else.
    async fn count_failure(
        &self,
        request: &Handle,
        row: &RequestRow,
        code: Code,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        self.site
            .store()
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
}

/// An answer that was verified, and the versions with which it was verified.
struct Verified {
    evidence: Evidence,
    looked: Looked,
    /// The version of trust.
    trust: u64,
}

/// The result of the transaction that stores a verified answer.
enum Kept {
    Taken(Answered),
    /// A credential no longer stands.
    Refused(Code),
    /// The request is expired or was answered already.
    Gone,
    /// Trust has changed meanwhile; verify again.
    Moved,
}

/// The disclosed claims, without those that belong to the credential and not to the person.
fn kept_claims(claims: &Claims) -> Claims {
    let carried = ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "_sd_alg"];
    let kept = claims.iter().filter(|(name, _)| !carried.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn is_same(answered: &str, asked: &str) -> bool {
    constant_time_eq(answered.as_bytes(), asked.as_bytes())
}

fn request_signer(ring: &Ring) -> Result<&ActiveKey, Refusal> {
    ring.active(&Purpose::RequestObject, Algorithm::Es256).ok_or(Refusal::NoKey)
}
