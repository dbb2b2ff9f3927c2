//! `GET /authorize`: checks the request, then answers it from a live session or asks a wallet.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_grants::Evidence;
use sekisho_oauth::authorization::{
    self, AuthorizationError, AuthorizationErrorCode, AuthorizationRequest, AuthorizationResponse,
    Prompt, ServerRules, Target,
};
use sekisho_oauth::client::{self, Client};
use sekisho_oauth::params::Params;
use sekisho_oauth::token::GrantType;
use sekisho_profile::acr::PHISHING_RESISTANT;
use sekisho_profile::{Code, lifetimes, scopes};
use sekisho_registry::RelyingParty;
use sekisho_site::{Mismatch, Refusal, registered_list, sent_uri};
use sekisho_store::StoreError;

use crate::asked::{AskError, Asked, asked_name};
use crate::session::{self, End};
use crate::settle::{At, Settled, required_acr};
use crate::tables::{self, Login, LoginState, Session, Sessions};
use crate::ticket::{self, Asking, Ticket, key_tag};
use crate::{LoginCookie, Logins, Visitor, wallet};

/// Where the browser goes next.
pub enum Begin {
    /// To the relying party, with a code or an error.
    Respond(AuthorizationResponse),
    /// To the page of this login.
    Login(Begun),
    /// To the consent page of this login.
    Consent(Begun),
}

/// A login that has begun.
pub struct Begun {
    /// The handle of the login, which is part of the URL of its pages.
    pub login: Handle,
    /// The cookie to set.
    pub cookie: LoginCookie,
    /// The names of the cookies to delete, because the browser has too many.
    pub crowded_out: Vec<String>,
}

impl Logins {
    /// Checks an authorization request. Answers it from the session, or begins a login.
    ///
    /// # Errors
    ///
    /// [`Refusal::Code`] if the client or the redirect URI is wrong, so that the browser must not
    /// be redirected.
    pub async fn begin(&self, params: &Params, visitor: &Visitor) -> Result<Begin, Refusal> {
        let client_id = authorization::client_id(params);
        let client_id = client_id.map_err(|code| page(code, params, None))?;
        let party = self.registry.find_client(client_id).await?;
        let client = party.as_ref().map(|party| &party.client);
        let targets = self.registry.resources().await?.targets_of(client_id);
        let rules = self.authorization_rules(&targets);
        let request = match authorization::validate(params, client, &rules) {
            Ok(request) => request,
            Err(AuthorizationError::Page(code)) => return Err(page(code, params, client)),
            Err(AuthorizationError::Redirect(error)) => {
                return Ok(Begin::Respond(error.into()));
            }
        };
        let Some(party) = party else {
            return Err(page(authorization::PageErrorCode::UnknownClient, params, None));
        };
        self.answer_or_ask(&party, &request, visitor).await
    }

    /// Answers a validated request from the session, or begins a login.
    pub(crate) async fn answer_or_ask(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
        visitor: &Visitor,
    ) -> Result<Begin, Refusal> {
        let asked = match Asked::new(&self.registry, party, request) {
            Ok(asked) => asked,
            Err(error) => return Ok(self.refuse_ask(request, &error)),
        };
        if let Some(refused) = self.refuse_expectation(request) {
            return Ok(refused);
        }
        let now = self.site.now();
        if let Some((key, session)) =
            self.usable_session(party, visitor, request, &asked, now).await?
        {
            let from = FromSession { visitor, key, session };
            let answer = self.answer_from_session(request, &asked, party, from, now).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        if request.prompt.contains(&Prompt::None) {
            return Ok(self.error(request, AuthorizationErrorCode::LoginRequired, None));
        }
        if !self.site.store().has_room().await? {
            // The answer of the wallet could not be kept. Say so before the person takes it out.
            return Err(StoreError::Unavailable("the disk is full".to_owned()).into());
        }
        self.ask_wallet(party, request, visitor, now).await
    }

    /// Everything that is wrong with an authorization request of this client, as the name of the check
    /// and an explanation for who writes the client. Nothing is begun.
    pub async fn faults(
        &self,
        params: &Params,
        party: &RelyingParty,
    ) -> Result<Vec<(&'static str, String)>, StoreError> {
        let client = &party.client;
        let targets = self.registry.resources().await?.targets_of(&client.client_id);
        let rules = self.authorization_rules(&targets);
        let faults = authorization::faults(params, client, &rules);
        if !faults.is_empty() {
            let told = |(name, error): (_, AuthorizationError)| (name, error.to_string());
            return Ok(faults.into_iter().map(told).collect());
        }
        let Ok(request) = authorization::validate(params, Some(client), &rules) else {
            return Ok(Vec::new());
        };
        let asked = Asked::new(&self.registry, party, &request).err();
        let details = asked.map(|error| ("authorization_details", error.to_string()));
        let expected = self.unmet_expectation(&request);
        let expected = expected.map(|(name, _, reason)| (name, reason.to_owned()));
        Ok(details.into_iter().chain(expected).collect())
    }

    pub(crate) fn authorization_rules<'a>(&'a self, targets: &'a [Target]) -> ServerRules<'a> {
        ServerRules {
            issuer: self.site.origin().as_str(),
            scopes_supported: scopes::supported(),
            claims_of: scopes::claims_supported,
            targets,
            authorization_details_types_supported: vec![scopes::GPU_ACCESS],
        }
    }

    /// An error response to the relying party.
    pub(crate) fn error(
        &self,
        request: &AuthorizationRequest,
        code: AuthorizationErrorCode,
        description: Option<&str>,
    ) -> Begin {
        Begin::Respond(self.error_response(request, code, description))
    }

    pub(crate) fn error_response(
        &self,
        request: &AuthorizationRequest,
        code: AuthorizationErrorCode,
        description: Option<&str>,
    ) -> AuthorizationResponse {
        request.refuse(self.site.origin().as_str(), code, description)
    }

    /// Refuses an expectation that no login can meet.
    fn refuse_expectation(&self, request: &AuthorizationRequest) -> Option<Begin> {
        let (_, code, reason) = self.unmet_expectation(request)?;
        Some(self.error(request, code, Some(reason)))
    }

    /// An expectation that no login can meet (Core, 5.5.1.1), or a hint that cannot be read (AUTH-23):
    /// the parameter, the error and the reason.
    fn unmet_expectation(
        &self,
        request: &AuthorizationRequest,
    ) -> Option<(&'static str, AuthorizationErrorCode, &'static str)> {
        let unmet = |values: &Vec<String>| {
            !values.is_empty() && !values.iter().any(|value| value == PHISHING_RESISTANT)
        };
        if request.claims.acr.as_ref().is_some_and(unmet) {
            let code = AuthorizationErrorCode::UnmetAuthenticationRequirements;
            return Some(("claims", code, "no login here has such an acr"));
        }
        if request.id_token_hint.is_some() && self.hinted_subject(request).is_none() {
            let reason = "id_token_hint is no ID token of this server for this client";
            return Some(("id_token_hint", AuthorizationErrorCode::InvalidRequest, reason));
        }
        None
    }

    fn refuse_ask(&self, request: &AuthorizationRequest, error: &AskError) -> Begin {
        let code = AuthorizationErrorCode::InvalidAuthorizationDetails;
        self.error(request, code, Some(&error.to_string()))
    }

    /// The session of this browser, if it may answer the request: it is alive, recent enough, has
    /// the required `acr`, and has the credentials that are asked for.
    async fn usable_session(
        &self,
        party: &RelyingParty,
        visitor: &Visitor,
        request: &AuthorizationRequest,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Option<(HandleKey, Session)>, Refusal> {
        let fresh = [Prompt::Login, Prompt::SelectAccount];
        if request.prompt.iter().any(|prompt| fresh.contains(prompt)) {
            return Ok(None);
        }
        let Some(key) = visitor.session.as_ref().map(Handle::key) else { return Ok(None) };
        if key.expires() <= now {
            return Ok(None);
        }
        let session = self.site.store().get::<Sessions>(&key).await?;
        let Some(session) = session else { return Ok(None) };
        let age = now.since(session.evidence.auth_time);
        if request.max_age.is_some_and(|max| max == 0 || age > max) {
            return Ok(None);
        }
        let context = session.evidence.channel.acr();
        let required = required_acr(&party.client, request);
        let fits = required.is_none() || required == context;
        Ok((fits && covers(asked, &session.evidence)).then_some((key, session)))
    }

    /// Answers from a live session. `None` if the request expects another person, who may log in
    /// instead.
    async fn answer_from_session(
        &self,
        request: &AuthorizationRequest,
        asked: &Asked,
        party: &RelyingParty,
        from: FromSession<'_>,
        now: Timestamp,
    ) -> Result<Option<Begin>, Refusal> {
        let FromSession { visitor, key, session } = from;
        let relied = &session.evidence.relied;
        let looked = self.standing.look(relied, now).await;
        let silent = request.prompt.contains(&Prompt::None);
        if let Some(fallen) = looked.fallen() {
            if fallen.is_final() {
                let end = End::Fallen(fallen);
                let store = self.site.store();
                store.transact_reserved(|tx| session::end_in(tx, &key, &end, now)).await?;
            }
            return self.refused(request, silent, fallen.code, key.reference()).map(Some);
        }
        let evidence = &session.evidence;
        let prepared = self.prepare(party, request, asked, evidence, now).await?;
        if prepared.is_other_subject() {
            return Ok(None);
        }
        let handle = Handle::new(now.plus(lifetimes::LOGIN), self.site.entropy());
        let login = Login {
            client_id: request.client_id.clone(),
            answer: None,
            other_device: false,
            device: visitor.device,
            released: None,
            state: LoginState::Finished(tables::End::Refused(Code::LoginExpired)),
        };
        let login_key = handle.key();
        let at = At { key: &login_key, request, shown: !silent, waits: false, given: None };
        let settled = self
            .standing
            .decide(relied, looked, |tx, stands| {
                prepared.settle(tx, stands, at, login.clone(), &key, evidence)
            })
            .await?;
        Ok(Some(match settled {
            Settled::Respond(answer) => Begin::Respond(answer),
            Settled::Consent if silent => {
                self.error(request, AuthorizationErrorCode::ConsentRequired, None)
            }
            Settled::Denied if silent => {
                self.error(request, AuthorizationErrorCode::AccessDenied, None)
            }
            Settled::Consent => {
                self.hand_out(party, request, handle, visitor, Begin::Consent).await?
            }
            // A device is never answered before its person was asked, but may be refused.
            Settled::Denied | Settled::Device => {
                self.answered_device(request);
                self.hand_out(party, request, handle, visitor, Begin::Login).await?
            }
            Settled::Refused(code) => {
                self.refused(request, silent, code, handle.key().reference())?
            }
        }))
    }

    /// A credential no longer stands, or the person has no user name. If no page may be shown, tells
    /// the relying party that a login is needed, or that none helps; else tells the person the reason.
    fn refused(
        &self,
        request: &AuthorizationRequest,
        silent: bool,
        code: Code,
        reference: String,
    ) -> Result<Begin, Refusal> {
        if !silent {
            return Err(Refusal::code(code, reference));
        }
        let error = match code {
            Code::NameTaken | Code::NoUserName => AuthorizationErrorCode::AccessDenied,
            _ => AuthorizationErrorCode::LoginRequired,
        };
        Ok(self.error(request, error, Some(code.id())))
    }

    async fn ask_wallet(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Result<Begin, Refusal> {
        let handle = Handle::new(now.plus(lifetimes::LOGIN), self.site.entropy());
        self.hand_out(party, request, handle, visitor, Begin::Login).await
    }

    /// Gives the browser the cookie of a login that begins. Nothing is stored, unless the request
    /// is too large for a cookie.
    async fn hand_out(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
        login: Handle,
        visitor: &Visitor,
        page: impl FnOnce(Begun) -> Begin,
    ) -> Result<Begin, Refusal> {
        let now = self.site.now();
        let key = self.epochs.begin(&self.site, begun_at(&login)).await?;
        let mut ticket = Ticket {
            secret: self.site.entropy().id(),
            request: Some(request.clone()),
            generation: party.generation,
            asking: self.asking(party, request)?,
            device: visitor.device,
            over: None,
        };
        let mut cookie = ticket.seal(&login, &key, self.site.entropy())?;
        if !ticket::fits(&cookie) {
            if !self.park(&login, request, visitor, now).await? {
                let code = AuthorizationErrorCode::TemporarilyUnavailable;
                let reason = "the request is too large to be kept now";
                return Ok(self.error(request, code, Some(reason)));
            }
            ticket.request = None;
            cookie = ticket.seal(&login, &key, self.site.entropy())?;
        }
        let crowded_out = self.crowded_out(visitor, cookie.value.expose().len()).await?;
        Ok(page(Begun { login, cookie, crowded_out }))
    }

    /// How the wallet is asked, by the keys and settings of now.
    fn asking(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
    ) -> Result<Asking, Refusal> {
        let ring = self.keyring.ring();
        Ok(Asking {
            signer: key_tag(wallet::request_signer(&ring)?.key.kid()),
            prefix: self.wallets.client_id_prefix,
            mode: self.wallets.response_mode,
            other_device: party.cross_device && required_acr(&party.client, request).is_none(),
        })
    }
}

/// Whether the client may still ask for what it asked for when the login began: its registration
/// may have been changed since.
pub(crate) fn still_allowed(
    party: &RelyingParty,
    request: &AuthorizationRequest,
) -> Result<(), Code> {
    let client = &party.client;
    // A login for a device has no redirect URI, and never an `acr`.
    let is_for_device = request.device.is_some();
    if !is_for_device && !client::redirect_uri_matches(client, &request.redirect_uri) {
        return Err(Code::RedirectUri);
    }
    let may_begin = if is_for_device {
        client.may_use(GrantType::DeviceCode) && client.required_acr.is_none()
    } else {
        client.may_use(GrantType::AuthorizationCode)
    };
    let released = scopes::claims_supported(&client.scopes);
    let allowed = may_begin
        && request.scopes.iter().all(|scope| scopes::is_left(scope, &client.scopes))
        && request.claims.names().all(|name| released.contains(&name.as_str()))
        && (request.authorization_details.is_empty() || client.may_ask_for(scopes::GPU_ACCESS));
    if allowed { Ok(()) } else { Err(Code::ScopeNotAllowed) }
}

/// When a login with this handle began.
pub(crate) fn begun_at(login: &Handle) -> Timestamp {
    login.key().expires().plus(-lifetimes::LOGIN)
}

/// A session that may answer, and the browser that has it.
struct FromSession<'a> {
    visitor: &'a Visitor,
    key: HandleKey,
    session: Session,
}

/// A refusal that is told on a page, because the browser must not be sent to the redirect URI.
fn page(code: authorization::PageErrorCode, params: &Params, client: Option<&Client>) -> Refusal {
    let one = |name| params.one(name).ok().flatten();
    let facts = Mismatch {
        client: one("client_id").map(str::to_owned),
        known: client.is_some(),
        sent: one("redirect_uri").map(sent_uri),
        registered: client.map(|client| registered_list(&client.redirect_uris)),
    };
    Refusal::client(code.into(), facts)
}

/// Whether the claims kept with a session suffice for this request. A credential that was not
/// presented must be asked for again, because the wallet may have it by now. A claim that a
/// presented credential did not contain need not.
fn covers(asked: &Asked, evidence: &Evidence) -> bool {
    asked.wanted.iter().all(|(type_name, wanted)| {
        let there = evidence.relied.iter().any(|relied| relied.type_name == *type_name);
        let was_asked = |path: &Vec<String>| evidence.asked.contains(&asked_name(type_name, path));
        there && wanted.needed.iter().chain(&wanted.welcome).all(was_asked)
    })
}
