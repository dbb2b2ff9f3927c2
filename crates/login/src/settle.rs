//! The decision about a login. Its input is evidence; its result is a code, a question for consent,
//! a denial or a refusal.
//!
//! [`Logins::prepare`] computes everything that is slow or random. [`Prepared::settle`] decides
//! inside one transaction, with the proof that the credentials of the decision stand.

use std::fmt::Display;

use sekisho_access::{Agreed, Decision, GpuAccessRequest};
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::names::{Bind, Proposal};
use sekisho_grants::{ClaimsByType, Evidence, Grant, GrantedPermit, Mint};
use sekisho_oauth::authorization::{
    AuthorizationErrorCode, AuthorizationRequest, AuthorizationResponse, Prompt, ResponseBody,
};
use sekisho_oauth::client::{Client, OFFLINE_ACCESS};
use sekisho_oauth::device::WaitingDevice;
use sekisho_oauth::id_token;
use sekisho_oauth::token::CodeBinding;
use sekisho_profile::acr::PHISHING_RESISTANT;
use sekisho_profile::{Act, Channel, Code, Outcome, Reason, lifetimes, scopes};
use sekisho_registry::RelyingParty;
use sekisho_registry::sectors::Member;
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry, short};
use sekisho_standing::{Fallen, Stands};
use sekisho_store::{StoreError, Tx};

use crate::Logins;
use crate::asked::Asked;
use crate::session::{self, End};
use crate::tables::{
    self, Consent, Consents, Decided, DeniedLogin, Login, LoginState, Logins as Rows, Session,
    Sessions,
};

/// Everything that is computed before the transaction that settles a login.
pub(crate) struct Prepared {
    logins: Logins,
    party: RelyingParty,
    access: Access,
    /// The access that the request asks for.
    asked: Option<GpuAccessRequest>,
    sub: String,
    other_subject: bool,
    consent_key: [u8; 32],
    /// The user name and numbers that are bound with the code, if any are to be released that have to
    /// be bound.
    account: Option<Proposal>,
    mint: Mint,
    now: Timestamp,
}

/// What the policies decided about access to a GPU service.
enum Access {
    NotAsked,
    Permit(GrantedPermit),
    Deny(DeniedLogin),
}

/// The result of a decision.
pub(crate) enum Settled {
    /// The browser goes to the relying party, with a code or an error.
    Respond(AuthorizationResponse),
    /// The person must be asked for consent.
    Consent,
    /// The policies refused access; the person sees the reasons.
    Denied,
    /// The device that waits was answered; the browser stays here.
    Device,
    /// A credential no longer stands, or the client was changed or removed.
    Refused(Code),
}

impl Logins {
    /// Opens the evidence, asks the policies, and draws the code.
    pub(crate) async fn prepare(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
        asked: &Asked,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<Prepared, Refusal> {
        let evidence = &relayed(request, evidence);
        let claims = self.grants.open_claims(evidence).await?;
        let access = self.decide(party, asked, evidence, &claims, now)?;
        let resources = self.registry.resources().await?;
        let resources = resources.iter().map(|registered| &registered.resource);
        let asked_for = resources.filter(|one| request.resources.contains(&one.audience));
        let longest = asked_for.map(|one| one.lifetime).max().unwrap_or_default();
        let sub = self.grants.subject(&party.named_at(), evidence, &claims)?;
        let named: Vec<&str> = request.claims.names().map(String::as_str).collect();
        let bind = Bind {
            name: scopes::releases_username(&request.scopes, &named),
            ids: scopes::releases_ids(&request.scopes, &named),
        };
        let account = self.grants.propose(&party.named_at(), bind, evidence, &claims).await?;
        let expected = [self.hinted_subject(request), request.claims.sub.clone()];
        Ok(Prepared {
            logins: self.clone(),
            access,
            asked: asked.access.as_ref().map(|access| access.request.clone()),
            other_subject: expected.iter().flatten().any(|expected| *expected != sub),
            sub,
            consent_key: self.site.digests().consent(
                &party.client.client_id,
                party.generation,
                &evidence.person,
            ),
            account,
            party: party.clone(),
            mint: self.grants.draw(self.grant_end(request, evidence, longest, now), now),
            now,
        })
    }

    /// When a grant ends. Without refresh tokens it ends with its code and access token, of which the
    /// `longest` is valid for that many seconds; with them it lives as long as they do, and at a
    /// guarded site as long as a session there, which is never longer than the credentials.
    fn grant_end(
        &self,
        request: &AuthorizationRequest,
        evidence: &Evidence,
        longest: i64,
        now: Timestamp,
    ) -> Timestamp {
        let beyond = longest.saturating_sub(lifetimes::ACCESS_TOKEN).max(0);
        let is_for_device = request.device.is_some();
        let lifetime = if is_for_device { lifetimes::DEVICE_GRANT } else { lifetimes::GRANT };
        let soonest = now.plus(lifetime.saturating_add(beyond));
        let guards = self.registry.guards();
        let latest = if guards.is_callback(&request.client_id, &request.redirect_uri) {
            now.plus(lifetimes::SESSION)
        } else if request.asks_for(OFFLINE_ACCESS) {
            now.plus(lifetimes::REFRESH)
        } else {
            return soonest;
        };
        evidence.ends().map_or(latest, |end| end.min(latest)).max(soonest)
    }

    /// The subject in a request's `id_token_hint`, if that is an ID token of ours for this client.
    pub(crate) fn hinted_subject(&self, request: &AuthorizationRequest) -> Option<String> {
        let hint = request.id_token_hint.as_deref()?;
        let ring = self.keyring.ring();
        let hint = id_token::read_hint(hint, ring.hint_keys(), self.site.origin().as_str());
        hint.filter(|hint| hint.client_id == request.client_id).map(|hint| hint.sub)
    }

    /// Asks the policies that are in force now. A login keeps only the request, not the rules.
    fn decide(
        &self,
        party: &RelyingParty,
        asked: &Asked,
        evidence: &Evidence,
        claims: &ClaimsByType,
        now: Timestamp,
    ) -> Result<Access, Refusal> {
        let Some(asked) = &asked.access else { return Ok(Access::NotAsked) };
        let gate = self.registry.services().gate(&asked.request.service);
        let gate = gate
            .ok_or_else(|| Refusal::code(Code::ScopeNotAllowed, party.client.client_id.as_str()))?;
        let request = &asked.request;
        Ok(match self.grants.decide_access(gate, request, evidence, claims, now) {
            Decision::Permit(permit) => {
                let policies = self.registry.policies();
                Access::Permit(GrantedPermit::new(permit, request, gate, policies))
            }
            Decision::Deny(denied) => Access::Deny(DeniedLogin {
                reasons: denied.reasons,
                conditions: denied.conditions,
                time: now,
            }),
        })
    }
}

/// The `acr` that a login must have: the one that the request demands, else the one that the client
/// is registered with; `None` if neither demands one.
pub(crate) fn required_acr<'c>(
    client: &'c Client,
    request: &AuthorizationRequest,
) -> Option<&'c str> {
    if request.claims.acr.is_some() {
        return Some(PHISHING_RESISTANT);
    }
    client.required_acr.as_deref()
}

/// The evidence of a login that a request gets. Somebody may have sent the code of a device to the
/// person, so a login for a device counts as one over another device, whatever the wallet did: it has no
/// `acr` (RFC 8628, 5.4).
fn relayed(request: &AuthorizationRequest, evidence: &Evidence) -> Evidence {
    let channel = if request.device.is_some() { Channel::CrossDevice } else { evidence.channel };
    Evidence { channel, ..evidence.clone() }
}

impl Prepared {
    /// Whether the request expects another person, by `id_token_hint` or by `sub` in `claims`.
    pub(crate) fn is_other_subject(&self) -> bool {
        self.other_subject
    }

    /// Decides: mints the code, or says what must happen first. Writes the login's new state if a
    /// browser will come back to it.
    pub(crate) fn settle(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        at: At<'_>,
        login: Login,
        session: &HandleKey,
        evidence: &Evidence,
    ) -> Result<Settled, StoreError> {
        let At { key, request, .. } = at;
        let stands = match stands {
            Ok(stands) => stands,
            // It may be readable again later: nothing ends, and the person may try again.
            Err(fallen) if !fallen.is_final() => return Ok(Settled::Refused(fallen.code)),
            Err(fallen) => {
                session::end_in(tx, session, &End::Fallen(fallen), self.now)?;
                self.audit(tx, key, evidence, Act::LoginSettle, Some(&fallen.code));
                at.finish(tx, login, tables::End::Refused(fallen.code))?;
                return Ok(Settled::Refused(fallen.code));
            }
        };
        if !self.logins.registry.is_registered_in(tx, &self.party)? {
            return self.refuse(tx, at, login, evidence, Code::UnknownClient);
        }
        if self.other_subject {
            self.audit(tx, key, evidence, Act::LoginSettle, Some(&Reason::OtherSubject));
            let required = AuthorizationErrorCode::LoginRequired;
            let answer = self.logins.error_response(request, required, None);
            at.finish(tx, login, tables::End::Answered { body: answer.body.clone(), why: None })?;
            return Ok(Settled::Respond(answer));
        }
        if let Some(account) = &self.account
            && let Err(code) = self.logins.grants.check_in(tx, account)?
        {
            return self.refuse(tx, at, login, evidence, code);
        }
        let permit = match &self.access {
            Access::Deny(denied) => {
                let codes: Vec<_> = denied.reasons.iter().map(|reason| reason.code.id()).collect();
                self.audit(tx, key, evidence, Act::AccessDecide, Some(&codes.join(" ")));
                self.logins.deny_device_in(tx, request, self.now)?;
                at.write(tx, login, LoginState::Denied(denied.clone()))?;
                return Ok(Settled::Denied);
            }
            Access::Permit(permit) => {
                Some(self.within(permit, at.given.and_then(|given| given.permit)))
            }
            Access::NotAsked => None,
        };
        let shared = self.logins.registry.others_in_sector_in(tx, &self.party)?;
        let evidence = relayed(request, evidence);
        let decided = Decided { session: *session, evidence, permit, shared };
        let access = self.agreed(decided.permit.as_ref());
        let consent = match at.given {
            Some(given) => Some(given.consent.clone()),
            None => self.remembered(tx, request)?,
        };
        let covered =
            |consent: &Consent| covers(consent, request, access.as_ref(), &decided.shared);
        if let Some(consent) = consent.filter(covered) {
            return self.mint(tx, stands, at, login, &decided, &consent.withheld);
        }
        at.write(tx, login, LoginState::AwaitingConsent(decided))?;
        Ok(Settled::Consent)
    }

    /// Refuses the login for a reason that another credential does not mend.
    fn refuse(
        &self,
        tx: &mut Tx,
        at: At<'_>,
        login: Login,
        evidence: &Evidence,
        code: Code,
    ) -> Result<Settled, StoreError> {
        self.audit(tx, at.key, evidence, Act::LoginSettle, Some(&code));
        at.finish(tx, login, tables::End::Refused(code))?;
        Ok(Settled::Refused(code))
    }

    /// The consent of before that may answer this request. For a device there is none: its person is
    /// asked each time, because somebody else may have begun (RFC 8628, 5.4).
    fn remembered(
        &self,
        tx: &mut Tx,
        request: &AuthorizationRequest,
    ) -> Result<Option<Consent>, StoreError> {
        if request.device.is_some() || request.prompt.contains(&Prompt::Consent) {
            return Ok(None);
        }
        tx.get::<Consents>(&self.consent_key)
    }

    /// Remembers the consent to what was shown, except for a device, decides again, and mints the code.
    /// Nothing is given that was not shown.
    pub(crate) fn settle_with_consent(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        at: At<'_>,
        login: Login,
        decided: &Decided,
        withheld: &[String],
    ) -> Result<Settled, StoreError> {
        let consent = Consent {
            scopes: at.request.scopes.clone(),
            resources: at.request.resources.clone(),
            claims: at.request.claims.names().cloned().collect(),
            access: self.agreed(decided.permit.as_ref()),
            withheld: withheld.to_vec(),
            shared: decided.shared.clone(),
            time: self.now,
        };
        if at.request.device.is_none() {
            tx.put::<Consents>(&self.consent_key, &consent)?;
        }
        let given = Given { consent: &consent, permit: decided.permit.as_ref() };
        let at = At { given: Some(given), ..at };
        self.settle(tx, stands, at, login, &decided.session, &decided.evidence)
    }

    /// The permit that was decided, or the one that the person has just seen and agreed to, if that
    /// is less: the rules may have changed since.
    fn within(&self, decided: &GrantedPermit, seen: Option<&GrantedPermit>) -> GrantedPermit {
        let less = seen.filter(|seen| {
            let both = self.agreed(Some(decided)).zip(self.agreed(Some(seen)));
            both.is_some_and(|(decided, seen)| decided.covers(&seen))
        });
        less.unwrap_or(decided).clone()
    }

    /// The use of a GPU service to which a person agrees who is shown this permit.
    fn agreed(&self, permit: Option<&GrantedPermit>) -> Option<Agreed> {
        Some(Agreed::new(self.asked.as_ref()?, &permit?.details))
    }

    fn mint(
        &self,
        tx: &mut Tx,
        stands: Stands,
        at: At<'_>,
        login: Login,
        decided: &Decided,
        withheld: &[String],
    ) -> Result<Settled, StoreError> {
        let Some(session) = tx.get::<Sessions>(&decided.session)? else {
            at.finish(tx, login, tables::End::Refused(Code::SessionEnded))?;
            return Ok(Settled::Refused(Code::SessionEnded));
        };
        let request = at.request;
        let grant = self.grant_of(&session, request, decided, withheld);
        if let Some(device) = &request.device {
            return self.approve_device(tx, stands, at, login, decided, (device, &grant));
        }
        let binding = CodeBinding::from(request);
        self.logins.grants.mint_in(tx, stands, &self.mint, binding, &grant)?;
        self.bind(tx, at, decided)?;
        if decided.permit.is_some() {
            self.audit(tx, at.key, &decided.evidence, Act::AccessDecide, None);
        }
        self.audit(tx, at.key, &decided.evidence, Act::CodeIssue, None);
        let body = ResponseBody::Code(self.mint.code.expose().to_owned());
        let answer = request.answer(self.logins.site.origin().as_str(), body.clone());
        at.finish(tx, login, tables::End::Answered { body, why: None })?;
        Ok(Settled::Respond(answer))
    }

    /// Answers the device that waits, if nobody has answered it before.
    fn approve_device(
        &self,
        tx: &mut Tx,
        stands: Stands,
        at: At<'_>,
        login: Login,
        decided: &Decided,
        (device, grant): (&WaitingDevice, &Grant),
    ) -> Result<Settled, StoreError> {
        let (grants, row) = (&self.logins.grants, (&self.mint.grant, grant));
        if !grants.approve_device_in(tx, stands, &device.code, row, self.now)? {
            self.audit(tx, at.key, &decided.evidence, Act::DeviceApprove, Some(&Code::UserCode));
            at.finish(tx, login, tables::End::Refused(Code::UserCode))?;
            return Ok(Settled::Refused(Code::UserCode));
        }
        self.bind(tx, at, decided)?;
        if decided.permit.is_some() {
            self.audit(tx, at.key, &decided.evidence, Act::AccessDecide, None);
        }
        self.audit(tx, at.key, &decided.evidence, Act::DeviceApprove, None);
        at.finish(tx, login, tables::End::Device { why: None })?;
        Ok(Settled::Device)
    }

    /// Binds the user name and numbers. `settle` has seen in the same transaction that they can be.
    fn bind(&self, tx: &mut Tx, at: At<'_>, decided: &Decided) -> Result<(), StoreError> {
        let Some(account) = &self.account else { return Ok(()) };
        if self.logins.grants.bind_in(tx, account)? == Ok(true) {
            self.audit(tx, at.key, &decided.evidence, Act::NameBind, None);
        }
        Ok(())
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
            generation: self.party.generation,
            issued: Some(self.now),
            sub: self.sub.clone(),
            sid: session.sid.clone(),
            session: Some(decided.session),
            scopes: request.scopes.clone(),
            resources: request.resources.clone(),
            claims: request.claims.clone(),
            withheld: withheld.to_vec(),
            nonce: request.nonce.clone(),
            evidence: decided.evidence.clone(),
            permit: decided.permit.clone(),
            refresh: None,
            ended: None,
        }
    }

    fn audit(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        evidence: &Evidence,
        act: Act,
        refused: Option<&dyn Display>,
    ) {
        let outcome = if refused.is_some() { Outcome::Refused } else { Outcome::Done };
        let relied = evidence.relied.iter().map(|relied| short(&relied.digest));
        let actor = Actor::Person(evidence.person);
        let mut entry = entry(self.now, &actor, act, key.reference(), outcome)
            .with("client", self.party.client.client_id.as_str())
            .with("relied", relied.collect::<Vec<_>>());
        if let Access::Permit(permit) = &self.access {
            entry = entry
                .with("gate", permit.gate.as_str())
                .with("policy_version", permit.policy_version.as_str());
        }
        if let Some(reason) = refused {
            entry = entry.because(reason);
        }
        tx.append(entry);
    }
}

/// A login at the moment of its decision.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// The key of its row.
    pub(crate) key: &'a HandleKey,
    /// The service's request.
    pub(crate) request: &'a AuthorizationRequest,
    /// Whether pages may be shown (no `prompt=none`).
    pub(crate) shown: bool,
    /// Whether a browser is at a page of this login, and may come back to it.
    pub(crate) waits: bool,
    /// What the person has just agreed to, if anything.
    pub(crate) given: Option<Given<'a>>,
}

/// A consent that was given just now.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// The consent to what was shown.
    consent: &'a Consent,
    /// The permit that was shown, if there was one.
    permit: Option<&'a GrantedPermit>,
}

impl At<'_> {
    /// Writes the state of a login that goes on.
    fn write(self, tx: &mut Tx, login: Login, state: LoginState) -> Result<(), StoreError> {
        if self.shown { tx.put::<Rows>(self.key, &Login { state, ..login }) } else { Ok(()) }
    }

    /// Writes how a login ended. If no browser was at its pages, nobody comes back to it.
    fn finish(self, tx: &mut Tx, login: Login, end: tables::End) -> Result<(), StoreError> {
        let state = LoginState::Finished(end);
        if self.waits { tx.put::<Rows>(self.key, &Login { state, ..login }) } else { Ok(()) }
    }
}

/// Whether a consent answers this request: the request asks for nothing new, the permit gives no
/// more than was shown, and no other service knows the person by the same name that was not shown.
fn covers(
    consent: &Consent,
    request: &AuthorizationRequest,
    access: Option<&Agreed>,
    shared: &[Member],
) -> bool {
    request.scopes.iter().all(|scope| consent.scopes.contains(scope))
        && request.resources.iter().all(|name| consent.resources.contains(name))
        && request.claims.names().all(|name| consent.claims.contains(name))
        && shared.iter().all(|other| consent.shared.contains(other))
        && access.is_none_or(|wanted| {
            consent.access.as_ref().is_some_and(|agreed| agreed.covers(wanted))
        })
}
