//! The decision: evidence in, and a code, a question for consent, a denial or a refusal out.
//!
//! [`Broker::prepare`] computes all that is slow or random; [`Prepared::settle`] decides inside one
//! transaction, where it looks again at the credentials that the decision stands on.

use sekisho_access::{Decision, Facts};
use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_oauth::authorization::{self, AuthorizationErrorCode, AuthorizationRequest, Prompt};
use sekisho_oauth::client::{Client, OFFLINE_ACCESS};
use sekisho_oauth::id_token;
use sekisho_oauth::token::CodeBinding;
use sekisho_profile::{
    Act, Code, Outcome, Reason, acr::PHISHING_RESISTANT, lifetimes, types::LOGIN, types::TRAINING,
};
use sekisho_store::{StoreError, Tx};

use crate::Broker;
use crate::ask::Ask;
use crate::audit::{Actor, Detail as _, entry};
use crate::login::Refusal;
use crate::standing::Fallen;
use crate::tables::{
    ClaimsByType, Clients, CodeRow, Codes, Consent, Consents, Decided, DeniedLogin, Evidence,
    Grant, Granted, Grants, Login, LoginState, Logins, Session, Sessions,
};

/// All that a settlement needs and that is computed before its transaction.
pub(crate) struct Prepared {
    broker: Broker,
    client_id: String,
    access: Access,
    sub: String,
    other_subject: bool,
    consent_key: [u8; 32],
    code: Handle,
    grant: HandleKey,
    now: Timestamp,
}

/// What the policies said.
enum Access {
    NotAsked,
    Permit(Granted),
    Deny(DeniedLogin),
}

/// How a decision came out.
pub(crate) enum Settled {
    /// To the relying party, with a code or an error.
    Redirect(String),
    /// The person must be asked.
    Consent,
    /// The policies refused; the reasons are shown.
    Denied,
    /// A credential no longer stands.
    Refused(Code),
}

impl Broker {
    /// Opens the evidence, asks the policies, and draws what a code needs.
    pub(crate) async fn prepare(
        &self,
        request: &AuthorizationRequest,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<Prepared, Refusal> {
        let client = self.client(&request.client_id).await?;
        let claims = self.open_claims(evidence).await?;
        let access = self.decide(&client, request, evidence, &claims, now)?;
        let member_ref = claims
            .get(LOGIN)
            .and_then(|claims| claims.get("member_ref")?.as_str())
            .unwrap_or_default();
        let sector = sector(&request.redirect_uri);
        let sub = self.digests().subject(&sector, &evidence.issuer, member_ref);
        let expected = [self.hinted_subject(request), request.claims.sub.clone()];
        Ok(Prepared {
            broker: self.clone(),
            access,
            other_subject: expected.iter().flatten().any(|expected| *expected != sub),
            sub,
            consent_key: self.digests().consent(&client.client_id, &evidence.person),
            client_id: client.client_id,
            code: Handle::new(now.plus(lifetimes::CODE), self.entropy()),
            grant: Handle::new(grant_end(request, evidence, now), self.entropy()).key(),
            now,
        })
    }

    /// The subject of a request's `id_token_hint`, if it is a token of ours for this client.
    pub(crate) fn hinted_subject(&self, request: &AuthorizationRequest) -> Option<String> {
        let hint = request.id_token_hint.as_deref()?;
        let hint =
            id_token::read_hint(hint, self.ring().hint_keys(), self.config().origin.as_str());
        hint.filter(|hint| hint.client_id == request.client_id).map(|hint| hint.sub)
    }

    /// The client, as registered now.
    pub(crate) async fn client(&self, client_id: &str) -> Result<Client, Refusal> {
        let client = self.store().get::<Clients>(&client_id.to_owned()).await?;
        client.ok_or_else(|| Refusal::code(Code::UnknownClient, ""))
    }

    fn decide(
        &self,
        client: &Client,
        request: &AuthorizationRequest,
        evidence: &Evidence,
        claims: &ClaimsByType,
        now: Timestamp,
    ) -> Result<Access, Refusal> {
        let ask = Ask::new(self.config(), client, request)
            .map_err(|_| Refusal::code(Code::ScopeNotAllowed, client.client_id.as_str()))?;
        let Some((gate, asked)) = &ask.access else { return Ok(Access::NotAsked) };
        let facts = Facts {
            now,
            gate,
            request: asked,
            affiliation: claims.get(LOGIN),
            training: claims.get(TRAINING),
            acr: evidence.channel.acr(),
        };
        Ok(match self.policies().decide(&facts) {
            Decision::Permit(granted) => Access::Permit(Granted {
                details: granted.details,
                groups: granted.groups,
                gate: gate.id.clone(),
                policy_version: self.policies().version().to_owned(),
            }),
            Decision::Deny(denied) => Access::Deny(DeniedLogin {
                reasons: denied.reasons,
                conditions: denied.conditions,
                time: now,
            }),
        })
    }
}

/// The `acr` without which a login is refused: the client's, or the request's.
pub(crate) fn required_acr<'c>(
    client: &'c Client,
    request: &AuthorizationRequest,
) -> Option<&'c str> {
    if request.claims.acr.is_some() {
        return Some(PHISHING_RESISTANT);
    }
    client.required_acr.as_deref()
}

/// When a grant ends: with its code and access token, or with the refresh tokens that go with it,
/// which never outlive a credential.
fn grant_end(request: &AuthorizationRequest, evidence: &Evidence, now: Timestamp) -> Timestamp {
    let soonest = now.plus(lifetimes::GRANT);
    if !request.asks_for(OFFLINE_ACCESS) {
        return soonest;
    }
    let credentials = evidence.relied.iter().filter_map(|relied| relied.expires).min();
    let latest = now.plus(lifetimes::REFRESH);
    credentials.map_or(latest, |end| end.min(latest)).max(soonest)
}

/// The sector of a redirect URI: its host (OpenID Connect Core 1.0, section 8.1).
fn sector(redirect_uri: &str) -> String {
    url::Url::parse(redirect_uri)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| redirect_uri.to_owned())
}

impl Prepared {
    /// Whether the request expects somebody else: by `id_token_hint`, or by `sub` in `claims`.
    pub(crate) fn is_other_subject(&self) -> bool {
        self.other_subject
    }

    /// The code's redirect, or what else must happen first. Writes the login's new state, except
    /// where nothing may be shown (`prompt=none`) and something would have to be.
    pub(crate) fn settle(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        login: Login,
        session: &HandleKey,
        evidence: &Evidence,
    ) -> Result<Settled, StoreError> {
        let silent = login.request.prompt.contains(&Prompt::None);
        if let Some(Fallen { code, credential }) = self.broker.fallen_in(tx, &evidence.relied)? {
            tx.delete::<Sessions>(session)?;
            let person = Actor::Person(evidence.person);
            tx.append(
                entry(self.now, &person, Act::SessionEnd, session.reference(), Outcome::Done)
                    .because(code)
                    .with("credential", credential),
            );
            self.audit(tx, key, evidence, Act::LoginSettle, Some(&code));
            if !silent {
                tx.put::<Logins>(key, &Login { state: LoginState::Finished, ..login })?;
            }
            return Ok(Settled::Refused(code));
        }
        if self.other_subject {
            self.audit(tx, key, evidence, Act::LoginSettle, Some(&Reason::OtherSubject));
            let required = AuthorizationErrorCode::LoginRequired;
            let url = self.broker.error_url(&login.request, required, None);
            if !silent {
                tx.put::<Logins>(key, &Login { state: LoginState::Finished, ..login })?;
            }
            return Ok(Settled::Redirect(url));
        }
        let granted = match &self.access {
            Access::Deny(denied) => {
                let codes: Vec<&str> =
                    denied.reasons.iter().map(|reason| reason.code.id()).collect();
                self.audit(tx, key, evidence, Act::AccessDecide, Some(&codes.join(" ")));
                if !silent {
                    let state = LoginState::Denied(denied.clone());
                    tx.put::<Logins>(key, &Login { state, ..login })?;
                }
                return Ok(Settled::Denied);
            }
            Access::Permit(granted) => Some(granted.clone()),
            Access::NotAsked => None,
        };
        let decided = Decided { session: *session, evidence: evidence.clone(), granted };
        let remembered = tx.get::<Consents>(&self.consent_key)?;
        if let Some(consent) = remembered.filter(|consent| covers(consent, &login.request)) {
            return self.mint(tx, key, login, &decided, &consent.withheld);
        }
        if !silent {
            let state = LoginState::AwaitingConsent(decided);
            tx.put::<Logins>(key, &Login { state, ..login })?;
        }
        Ok(Settled::Consent)
    }

    /// After consent: the decision is made again, then the code is minted.
    pub(crate) fn settle_with_consent(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        login: Login,
        decided: &Decided,
        withheld: &[String],
    ) -> Result<Settled, StoreError> {
        let consent = Consent {
            scopes: login.request.scopes.clone(),
            claims: login.request.claims.names().cloned().collect(),
            withheld: withheld.to_vec(),
            time: self.now,
        };
        tx.put::<Consents>(&self.consent_key, &consent)?;
        let mut login = login;
        login.request.prompt.retain(|prompt| *prompt != Prompt::Consent);
        self.settle(tx, key, login, &decided.session, &decided.evidence)
    }

    fn mint(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        login: Login,
        decided: &Decided,
        withheld: &[String],
    ) -> Result<Settled, StoreError> {
        let Some(session) = tx.get::<Sessions>(&decided.session)? else {
            return Ok(Settled::Refused(Code::LoginExpired));
        };
        let request = &login.request;
        let grant = self.grant_of(&session, request, decided, withheld);
        let binding = CodeBinding::from(request);
        tx.put::<Grants>(&self.grant, &grant)?;
        tx.put::<Codes>(&self.code.key(), &CodeRow::Minted { binding, grant: self.grant })?;
        if decided.granted.is_some() {
            self.audit(tx, key, &decided.evidence, Act::AccessDecide, None);
        }
        self.audit(tx, key, &decided.evidence, Act::CodeIssue, None);
        let issuer = self.broker.config().origin.as_str();
        let url = authorization::success_url(request, self.code.expose(), issuer);
        tx.put::<Logins>(key, &Login { state: LoginState::Finished, ..login })?;
        Ok(Settled::Redirect(url))
    }

    fn grant_of(
        &self,
        session: &Session,
        request: &AuthorizationRequest,
        decided: &Decided,
        withheld: &[String],
    ) -> Grant {
        Grant {
            client_id: request.client_id.clone(),
            sub: self.sub.clone(),
            sid: session.sid.clone(),
            scopes: request.scopes.clone(),
            claims: request.claims.clone(),
            withheld: withheld.to_vec(),
            nonce: request.nonce.clone(),
            evidence: decided.evidence.clone(),
            granted: decided.granted.clone(),
            refresh: None,
            revoked: None,
        }
    }

    fn audit(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        evidence: &Evidence,
        act: Act,
        refused: Option<&dyn std::fmt::Display>,
    ) {
        let outcome = if refused.is_some() { Outcome::Refused } else { Outcome::Done };
        let relied = evidence.relied.iter().map(|relied| crate::audit::short(&relied.digest));
        let mut entry =
            entry(self.now, &Actor::Person(evidence.person), act, key.reference(), outcome)
                .with("client", self.client_id.as_str())
                .with("relied", relied.collect::<Vec<_>>());
        if let Access::Permit(granted) = &self.access {
            entry = entry
                .with("gate", granted.gate.as_str())
                .with("policy_version", granted.policy_version.as_str());
        }
        if let Some(reason) = refused {
            entry = entry.because(reason);
        }
        tx.append(entry);
    }
}

/// Whether a remembered consent answers this request: nothing new is asked, and the relying party
/// does not want the question asked again.
fn covers(consent: &Consent, request: &AuthorizationRequest) -> bool {
    !request.prompt.contains(&Prompt::Consent)
        && request.scopes.iter().all(|scope| consent.scopes.contains(scope))
        && request.claims.names().all(|name| consent.claims.contains(name))
}
