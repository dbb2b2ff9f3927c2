//! The two calls of a wallet: it fetches the signed request, and it sends its answer (OpenID4VP
//! 1.0, sections 5.10 and 8.2).

use std::collections::BTreeMap;

use sekisho_ambient::{Handle, Timestamp, constant_time_eq, sha256};
use sekisho_credential::vc::{Binding, VerifiedCredential};
use sekisho_grants::{ClaimsByType, Evidence};
use sekisho_jose::jwe::DecryptionKey;
use sekisho_jose::{Algorithm, Claims};
use sekisho_keyring::{ActiveKey, Purpose, Ring};
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::{MatchNumber, PresentationState, Presented};
use sekisho_openid4vp::request::{
    self, Operator, RequestObject, ServiceDescription, ServiceStatement,
};
use sekisho_openid4vp::response::{
    self, ResponseCheck, VerifiedPresentation, WalletAnswer, WalletError,
};
use sekisho_profile::types::{self, LOGIN, MEMBER_REF, VALID_THROUGH};
use sekisho_profile::{Act, Channel, Code, Outcome, lifetimes};
use sekisho_registry::RelyingParty;
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::question::Found;
use sekisho_standing::{Looked, Relied};
use sekisho_store::StoreError;

use crate::asked::Asked;
use crate::begin::begun_at;
use crate::epoch::EpochKey;
use crate::tables::{Login, LoginState, Logins as Rows};
use crate::ticket::{Asking, key_tag};
use crate::wallet_request::WalletRequest;
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
        link: &str,
        wallet_nonce: Option<&str>,
    ) -> Result<String, WalletRefusal> {
        let now = self.site.now();
        let open = self.open_request(link, now).await?;
        let OpenRequest { request, key, expires } = &open;
        let arrived = self.waiting.at(&request.key());
        if arrived.declined.is_some() || self.answered(request).await?.is_some() {
            return Err(WalletRefusal::Code(Code::AlreadyUsed));
        }
        let party = self.registry.client(&request.client_id).await?;
        let ring = self.keyring.ring();
        let signer = signer_of(&ring, &request.asking)?;
        let asked = Asked::of_link(&self.registry, &party, request)
            .map_err(|_| WalletRefusal::Code(Code::ScopeNotAllowed))?;
        let object = RequestObject {
            client_id: self.verifier(&request.asking, &ring)?,
            response_uri: self.site.origin().response(link),
            nonce: request.nonce(key),
            state: link.to_owned(),
            response_mode: wire_mode(request.asking.mode),
            dcql_query: asked.query(self.site.type_authority()),
            encryption_key: request.response_key(key).map(|key| key.public_jwk()),
            verifier_info: vec![self.statement(&party).to_verifier_info()],
            wallet_nonce: wallet_nonce.map(str::to_owned),
            iat: now,
            exp: *expires,
        };
        object
            .sign(signer.x5c.clone(), &signer.key)
            .map_err(|_| WalletRefusal::Broker(Refusal::NoKey))
    }

    /// The link that opens a wallet with a request: the wallet's endpoint with `client_id` and
    /// `request_uri`.
    pub(crate) fn wallet_url(&self, endpoint: &str, verifier: &str, request: &str) -> String {
        request::wallet_url(endpoint, verifier, &self.site.origin().request(request))
    }

    /// The client identifier by which the broker names itself in a login.
    pub(crate) fn verifier(&self, asking: &Asking, ring: &Ring) -> Result<String, Refusal> {
        match asking.prefix {
            ClientIdPrefix::X509Hash => {
                let leaf = signer_of(ring, asking)?.x5c.first().ok_or(Refusal::NoKey)?;
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
                operator: service
                    .operator
                    .clone()
                    .zip(service.operator_number.clone())
                    .map(|(name, corporate_number)| Operator { corporate_number, name }),
                residency: service.residency.clone(),
            },
            None => ServiceDescription {
                name: party.client.client_name.clone(),
                operator: None,
                residency: None,
            },
        };
        ServiceStatement { service, purpose: party.purpose.clone() }
    }

    /// A request that may still be answered.
    async fn open_request(&self, link: &str, now: Timestamp) -> Result<OpenRequest, WalletRefusal> {
        let unknown = || WalletRefusal::Code(Code::RequestExpired);
        let login = WalletRequest::login_of(link).ok_or_else(unknown)?;
        let key = self.epochs.of(&self.site, &login).await?.ok_or_else(unknown)?;
        let request = WalletRequest::open(link, &key).ok_or_else(unknown)?;
        let expires = begun_at(&login).plus(lifetimes::PRESENTATION_REQUEST);
        if expires <= now {
            return Err(unknown());
        }
        if self.waiting.at(&request.key()).failures >= MAX_FAILURES {
            return Err(WalletRefusal::Code(Code::TooManyAnswers));
        }
        Ok(OpenRequest { request, key, expires })
    }

    /// The row of a login, if it was answered.
    async fn answered(&self, request: &WalletRequest) -> Result<Option<Login>, StoreError> {
        self.site.store().get::<Rows>(&request.key()).await
    }

    /// Takes a wallet's answer: verifies it, then stores it in one transaction. Only one answer is
    /// accepted; the same answer again gets the same response.
    pub async fn wallet_answers(
        &self,
        link: &str,
        form: &Params,
    ) -> Result<Answered, WalletRefusal> {
        let now = self.site.now();
        let open = self.open_request(link, now).await?;
        let OpenRequest { request, key, .. } = &open;
        let decryption = request.response_key(key);
        let failed = |code| self.failed(request, code, now);
        let mode = wire_mode(request.asking.mode);
        let answer = match response::parse(form, mode, decryption.as_ref()) {
            Ok(answer) if answer.state().is_some_and(|answered| is_same(answered, link)) => answer,
            Ok(_) => return Err(failed(Code::AnswerDoesNotFit)),
            Err(error) => return Err(failed((&error).into())),
        };
        let vp_token = match answer {
            WalletAnswer::Refused { error, .. } => return self.declined(request, error, now).await,
            WalletAnswer::Presented { vp_token, .. } => vp_token,
        };
        let answer = Answer::new(request, key, digest_of(&vp_token));
        if let Some(row) = self.answered(request).await? {
            return self.again(&answer, &row);
        }
        if self.waiting.at(&request.key()).declined.is_some() {
            return Err(WalletRefusal::Code(Code::AlreadyUsed));
        }
        let party = self.registry.client(&request.client_id).await?;
        let asked = Asked::of_link(&self.registry, &party, request)
            .map_err(|_| WalletRefusal::Code(Code::ScopeNotAllowed))?;
        let (response_uri, nonce) = (self.site.origin().response(link), request.nonce(key));
        let encryption_key = decryption.as_ref().map(DecryptionKey::public_jwk);
        let verifier = self.verifier(&request.asking, &self.keyring.ring())?;
        let binding = Binding {
            audience: &verifier,
            nonce: &nonce,
            response_uri: Some(&response_uri),
            encryption_key: encryption_key.as_ref(),
        };
        for _ in 0..ATTEMPTS {
            let verified =
                self.verify_answer(request.channel, &asked, binding, &vp_token, now).await;
            let kept = match verified {
                Ok(verified) => self.keep_answer(&answer, verified, now).await?,
                Err(WalletRefusal::Code(code)) => Kept::Refused(code),
                Err(error) => return Err(error),
            };
            match kept {
                Kept::Taken => return Ok(self.response_to(&answer)),
                Kept::Before(row) => return self.again(&answer, &row),
                Kept::Refused(code) => return Err(failed(code)),
                Kept::Moved => self.standing.look_anew().await?,
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn verify_answer(
        &self,
        channel: Channel,
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
            rules: &types::rules(authority),
            ahead: self.wallets.clock_ahead,
        };
        let presentation = response::verify(vp_token, &check).map_err(|error| {
            let code = Code::from(&error);
            tracing::info!(%code, %error, "a presentation was refused");
            WalletRefusal::Code(code)
        })?;
        self.check_holder(&presentation).await?;
        self.check_end_is_open(asked, &presentation)?;
        let relied = relied(&presentation);
        let looked = self.standing.look(&relied, now).await;
        if let Some(fallen) = looked.fallen() {
            return Err(WalletRefusal::Code(fallen.code));
        }
        let evidence = self.evidence(channel, asked, &presentation, relied, now).await?;
        Ok(Verified { evidence, looked, trust: trust.version })
    }

    /// What is stored about a presentation: its claims, sealed, and the credentials that it relied
    /// on.
    async fn evidence(
        &self,
        channel: Channel,
        asked: &Asked,
        presentation: &VerifiedPresentation,
        relied: Vec<Relied>,
        now: Timestamp,
    ) -> Result<Evidence, WalletRefusal> {
        let of_type = |(id, credential): (&str, &VerifiedCredential)| {
            (id.to_owned(), kept_claims(credential.claims()))
        };
        let claims: ClaimsByType = presentation.credentials().map(of_type).collect();
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
            channel,
        })
    }

    /// A gate reads when an affiliation ends, and permits where the credential does not say it. Our own
    /// issuers never hide that; of others, a credential that may hide it is refused.
    fn check_end_is_open(
        &self,
        asked: &Asked,
        presentation: &VerifiedPresentation,
    ) -> Result<(), WalletRefusal> {
        let Some(login) = presentation.credential(LOGIN) else { return Ok(()) };
        let is_foreign = self.site.origin().organization_of(login.issuer()).is_none();
        if is_foreign && asked.reads(LOGIN, VALID_THROUGH) && login.may_hide(VALID_THROUGH) {
            tracing::info!("a foreign affiliation may hide {VALID_THROUGH}");
            return Err(WalletRefusal::Code(Code::AgainstItsType));
        }
        Ok(())
    }

    /// Stores a verified answer under its login, unless there is one.
    async fn keep_answer(
        &self,
        answer: &Answer<'_>,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        let Verified { evidence, looked, trust } = verified;
        let (request, key) = (answer.request, answer.request.key());
        let number = match request.channel {
            Channel::SameDevice => None,
            Channel::CrossDevice => Some(MatchNumber::draw(self.site.entropy(), now)),
        };
        let presented = Presented { by: evidence, response_code: answer.code.key(), number };
        let actor = Actor::Person(presented.by.person);
        let login = Login {
            client_id: request.client_id.clone(),
            answer: Some(answer.digest),
            other_device: request.asking.other_device,
            device: request.device,
            released: None,
            state: LoginState::Presentation(PresentationState::Presented(presented.clone())),
        };
        let store = self.site.store();
        store
            .transact(|tx| {
                match self.standing.standing_in(tx, &presented.by.relied, &looked)? {
                    Found::Stands(_) if looked.is_of_trust(trust) => {}
                    Found::Fallen(fallen) => return Ok(Kept::Refused(fallen.code)),
                    Found::Stands(_) | Found::Moved => return Ok(Kept::Moved),
                }
                if let Some(before) = tx.get::<Rows>(&key)? {
                    return Ok(Kept::Before(Box::new(before)));
                }
                tx.put::<Rows>(&key, &login)?;
                let (act, object) = (Act::PresentationAccept, key.reference());
                let entry = entry(now, &actor, act, object, Outcome::Done);
                tx.append(entry.with("client", request.client_id.as_str()));
                Ok(Kept::Taken)
            })
            .await
    }

    /// The response to an answer of a login that was answered before.
    fn again(&self, answer: &Answer<'_>, row: &Login) -> Result<Answered, WalletRefusal> {
        if row.answer.is_some_and(|before| constant_time_eq(&before, &answer.digest)) {
            return Ok(self.response_to(answer));
        }
        Err(WalletRefusal::Code(Code::AlreadyUsed))
    }

    fn response_to(&self, answer: &Answer<'_>) -> Answered {
        let (origin, login) = (self.site.origin(), answer.request.login.expose());
        let redirect_uri = match answer.request.channel {
            Channel::SameDevice => origin.complete(login, &answer.code),
            Channel::CrossDevice => origin.phone(login, &answer.code),
        };
        Answered { redirect_uri }
    }

    /// Notes that a wallet refused. The same refusal again gets the same response.
    async fn declined(
        &self,
        request: &WalletRequest,
        error: WalletError,
        now: Timestamp,
    ) -> Result<Answered, WalletRefusal> {
        if self.answered(request).await?.is_some() {
            return Err(WalletRefusal::Code(Code::AlreadyUsed));
        }
        self.waiting.declined(&request.key(), error, now);
        let (origin, login) = (self.site.origin(), request.login.expose());
        let redirect_uri = match request.channel {
            Channel::SameDevice => origin.login(login),
            Channel::CrossDevice => origin.phone_declined(login),
        };
        Ok(Answered { redirect_uri })
    }

    /// Counts an answer that did not verify, and returns its refusal.
    fn failed(&self, request: &WalletRequest, code: Code, now: Timestamp) -> WalletRefusal {
        tracing::info!(%code, login = request.key().reference(), "an answer was refused");
        self.waiting.failed(&request.key(), code, now);
        WalletRefusal::Code(code)
    }
}

/// A request that may still be answered.
struct OpenRequest {
    request: WalletRequest,
    key: EpochKey,
    expires: Timestamp,
}

/// An answer that a wallet sent.
struct Answer<'a> {
    request: &'a WalletRequest,
    digest: [u8; 32],
    /// The response code for this answer.
    code: Handle,
}

impl<'a> Answer<'a> {
    fn new(request: &'a WalletRequest, key: &EpochKey, digest: [u8; 32]) -> Self {
        Self { request, digest, code: request.response_code(key, &digest) }
    }
}

/// The digest of the presentations in an answer.
fn digest_of(vp_token: &BTreeMap<String, Vec<String>>) -> [u8; 32] {
    sha256(serde_json::json!(vp_token).to_string().as_bytes())
}

/// The credentials of a presentation, as decisions refer to them.
fn relied(presentation: &VerifiedPresentation) -> Vec<Relied> {
    presentation.credentials().map(|(id, credential)| Relied::on(id, credential)).collect()
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
    Taken,
    /// A credential no longer stands.
    Refused(Code),
    /// The login was answered before.
    Before(Box<Login>),
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

fn wire_mode(mode: ResponseMode) -> request::ResponseMode {
    match mode {
        ResponseMode::DirectPost => request::ResponseMode::DirectPost,
        ResponseMode::DirectPostJwt => request::ResponseMode::DirectPostJwt,
    }
}

/// The key that signs requests of logins that begin now.
pub(crate) fn request_signer(ring: &Ring) -> Result<&ActiveKey, Refusal> {
    ring.active(&Purpose::RequestObject, Algorithm::Es256).ok_or(Refusal::NoKey)
}

/// The key that signs the requests of an open login: the one with which it began, also while it is
/// retiring.
fn signer_of<'r>(ring: &'r Ring, asking: &Asking) -> Result<&'r ActiveKey, Refusal> {
    ring.request_key(|kid| key_tag(kid) == asking.signer).ok_or(Refusal::NoKey)
}
