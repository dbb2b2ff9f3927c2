//! The browser comes back after the wallet's answer. Only the browser that began the login is
//! logged in, by the response code (same device) or by the number (other device) (OpenID4VP 1.0,
//! sections 13.3 and 14.3; VP-25).

use sekisho_ambient::{Handle, HandleKey, Timestamp, constant_time_eq};
use sekisho_grants::Evidence;
use sekisho_oauth::authorization::{
    AuthorizationErrorCode, AuthorizationRequest, AuthorizationResponse, Prompt, ResponseBody,
};
use sekisho_oauth::redirect_uri;
use sekisho_openid4vp::presentation::{
    BrowserBound, MatchNumber, NumberOutcome, PresentationState,
};
use sekisho_profile::{Act, Channel, Code, Outcome, lifetimes};
use sekisho_registry::RelyingParty;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_site::{Refusal, paths};
use sekisho_standing::{Fallen, Looked, Stands};
use sekisho_store::{StoreError, Tx};

use crate::asked::Asked;
use crate::begin::still_allowed;
use crate::epoch::EpochKey;
use crate::session::{self, End};
use crate::settle::{At, Prepared, Settled};
use crate::tables::{self, Login, LoginState, Logins as Rows, Parked, Released, Session, Sessions};
use crate::ticket::{Over, Ticket};
use crate::{Device, LoginCookie, Logins, ServiceFacts, Visitor};

/// Where a browser goes after it has proven that it began the login.
pub enum Next {
    /// To the relying party, with a code or an error.
    Respond {
        /// The response for the relying party.
        answer: AuthorizationResponse,
        /// The session cookie to set.
        session: Handle,
        /// The login's cookie, which says that it is over.
        over: LoginCookie,
    },
    /// To the consent page.
    Consent {
        /// The session cookie to set.
        session: Handle,
    },
    /// To the login's page, which shows the denial.
    Login {
        /// The session cookie to set.
        session: Handle,
    },
    /// To this path, which begins the login again: the rules ask for more by now than the wallet
    /// was asked for.
    Again(String),
}

/// The result of typing a number.
pub enum Number {
    /// The number was right; the browser is bound to the login.
    Right(Box<Next>),
    /// The number was wrong.
    Wrong {
        /// How many tries are left.
        tries_left: u8,
    },
}

impl Number {
    fn right(next: Next) -> Self {
        Self::Right(Box::new(next))
    }
}

/// The session that a login is about to begin.
struct NewSession {
    handle: Handle,
    sid: String,
}

/// A login, loaded once for a page, after its browser was checked.
pub struct OpenLogin {
    pub(crate) handle: Handle,
    pub(crate) ticket: Ticket,
    pub(crate) request: AuthorizationRequest,
    /// The client, by the same registration as when the login began.
    pub(crate) party: RelyingParty,
    /// The row, if a wallet or a session has answered.
    pub(crate) row: Option<Login>,
    pub(crate) key: EpochKey,
}

impl OpenLogin {
    /// The handle of the login, which is part of its URLs.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The secret to which the forms of this login are bound.
    pub fn secret(&self) -> &str {
        &self.ticket.secret
    }

    /// The `ui_locales` of the request.
    pub fn ui_locales(&self) -> String {
        self.request.ui_locales.join(" ")
    }

    /// The path and query that repeat the authorization request. After a denial the wallet is asked
    /// again, because the session has the credentials that did not suffice.
    pub fn again(&self) -> String {
        let denied = matches!(self.state(), Some(LoginState::Denied(_)));
        let mut request = self.request.clone();
        if denied && !request.prompt.contains(&Prompt::Login) {
            request.prompt.push(Prompt::Login);
        }
        if request.device.is_some() {
            return paths::DEVICE.to_owned();
        }
        format!("{}?{}", paths::AUTHORIZE, request.to_query())
    }

    /// What the page's policy must allow as a target of its forms: where the relying party's
    /// redirect URI is.
    pub fn return_origin(&self) -> Option<String> {
        redirect_uri::form_action(&self.request.redirect_uri)
    }

    /// Whether the person is asked for consent now.
    pub fn awaits_consent(&self) -> bool {
        matches!(self.state(), Some(LoginState::AwaitingConsent(_)))
    }

    /// How the login ends if its person gives up: the relying party or the device is refused.
    pub(crate) fn cancelled(&self) -> tables::End {
        let why = Some(Code::Cancelled);
        if self.request.device.is_some() {
            return tables::End::Device { why };
        }
        let error = AuthorizationErrorCode::AccessDenied;
        tables::End::Answered { body: ResponseBody::Error { error, description: None }, why }
    }

    /// The state of the row, if there is one.
    pub(crate) fn state(&self) -> Option<&LoginState> {
        self.row.as_ref().map(|row| &row.state)
    }

    /// The name of the login in the audit log and in error messages.
    pub(crate) fn reference(&self) -> String {
        self.handle.key().reference()
    }

    pub(crate) fn refusal(&self, code: Code) -> Refusal {
        Refusal::code(code, self.reference())
    }
}

/// Everything that is computed before the transaction that lets a browser in.
struct Entrance {
    session: NewSession,
    evidence: Evidence,
    looked: Looked,
    prepared: Prepared,
    /// The browser's present session, which ends.
    before: Option<HandleKey>,
    now: Timestamp,
}

impl Logins {
    /// The login, if this browser began it, it has not expired, and the client was not removed since,
    /// even if another one has its id now, and may still ask for what it asked for.
    pub async fn open(&self, login: &Handle, visitor: &Visitor) -> Result<OpenLogin, Refusal> {
        let refused = |code| Refusal::code(code, login.key().reference());
        if login.key().expires() <= self.site.now() {
            return Err(refused(Code::LoginExpired));
        }
        let ticket = self.ticket(login, visitor).await?;
        let ticket = ticket.ok_or_else(|| refused(Code::OtherBrowser))?;
        let key = self.epochs.of(&self.site, login).await?;
        let key = key.ok_or_else(|| refused(Code::LoginExpired))?;
        let store = self.site.store();
        let request = match &ticket.request {
            Some(request) => Some(request.clone()),
            None => store.get::<Parked>(&login.key()).await?,
        };
        let request = request.ok_or_else(|| refused(Code::LoginExpired))?;
        let party = self.registry.find_client(&request.client_id).await?;
        let party = party.filter(|party| party.generation == ticket.generation);
        let party = party.ok_or_else(|| refused(Code::UnknownClient))?;
        still_allowed(&party, &request).map_err(refused)?;
        let row = store.get::<Rows>(&login.key()).await?;
        Ok(OpenLogin { handle: login.clone(), ticket, request, party, row, key })
    }

    /// Completes a login on the same device, after the wallet sent the browser back with the
    /// response code. The same code again leads to the same place.
    pub async fn complete(
        &self,
        login: &OpenLogin,
        visitor: &Visitor,
        response_code: &Handle,
    ) -> Result<Next, Refusal> {
        let (code, key) = (response_code.key(), login.handle.key());
        let proof = |released: &Released| is_same_key(&released.response_code, &code);
        let entrance = match self.entrance(login, visitor).await? {
            Entered::Asked(entrance) => entrance,
            Entered::Before(row) => return self.next_again(login, &row, proof),
            Entered::Again => return Ok(Next::Again(login.again())),
        };
        let Entrance { session, evidence, looked, prepared, before, now } = *entrance;
        let at = At { key: &key, request: &login.request, shown: true, waits: true, given: None };
        let settled = self
            .standing
            .decide(&evidence.relied, looked, |tx, stands| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(Err(Code::LoginExpired)) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Ok(Came::Before(Box::new(row))));
                };
                let number = number_of(&state);
                match state.release_same_device(&code, now) {
                    Ok(bound) => {
                        let enter =
                            Enter { at, session: &session, before, bound: &bound, code, number };
                        enter.settle(tx, stands, row, &prepared, now).map(|it| Ok(Came::Now(it)))
                    }
                    Err(refusal) => Ok(Err(Code::from(refusal))),
                }
            })
            .await?;
        match settled.map_err(|code| login.refusal(code))? {
            Came::Now(settled) => self.next(settled, login, session),
            Came::Before(row) => self.next_again(login, &row, proof),
        }
    }

    /// Completes a login over another device, after the person typed the number that the phone
    /// shows. The right number again leads to the same place.
    pub async fn type_number(
        &self,
        login: &OpenLogin,
        visitor: &Visitor,
        typed: &str,
    ) -> Result<Number, Refusal> {
        let key = login.handle.key();
        let proof =
            |released: &Released| released.number.as_ref().is_some_and(|number| number.is(typed));
        let entrance = match self.entrance(login, visitor).await? {
            Entered::Asked(entrance) => entrance,
            Entered::Before(row) => {
                return self.next_again(login, &row, proof).map(Number::right);
            }
            Entered::Again => return Ok(Number::right(Next::Again(login.again()))),
        };
        let Entrance { session, evidence, looked, prepared, before, now } = *entrance;
        let at = At { key: &key, request: &login.request, shown: true, waits: true, given: None };
        let outcome = self
            .standing
            .decide(&evidence.relied, looked, |tx, stands| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(Typed::Gone) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Typed::Before(Box::new(row)));
                };
                let number = number_of(&state);
                let code = response_code_of(&state);
                let (state, refused) = match state.release_by_number(typed, now) {
                    NumberOutcome::Bound(bound) => {
                        let Some(code) = code else { return Ok(Typed::Gone) };
                        let enter =
                            Enter { at, session: &session, before, bound: &bound, code, number };
                        let settled = enter.settle(tx, stands, row, &prepared, now)?;
                        return Ok(Typed::Right(settled));
                    }
                    NumberOutcome::Wrong { state, tries_left } => (state, Typed::Wrong(tries_left)),
                    NumberOutcome::Ended(state) => {
                        let reason = ended_by(&state);
                        (state, Typed::Ended(reason))
                    }
                    NumberOutcome::NotAsked(_) => return Ok(Typed::Gone),
                };
                let state = LoginState::Presentation(state);
                tx.put::<Rows>(&key, &Login { state, ..row })?;
                let (act, object) = (Act::LoginNumber, key.reference());
                let why = match refused {
                    Typed::Ended(code) => code,
                    _ => Code::WrongNumber,
                };
                let entry = entry(now, &Actor::Public, act, object, Outcome::Refused);
                tx.append(entry.because(why));
                Ok(refused)
            })
            .await?;
        match outcome {
            Typed::Right(settled) => self.next(settled, login, session).map(Number::right),
            Typed::Before(row) => self.next_again(login, &row, proof).map(Number::right),
            Typed::Wrong(tries_left) => Ok(Number::Wrong { tries_left }),
            Typed::Ended(code) => Err(login.refusal(code)),
            Typed::Gone => Err(login.refusal(Code::AlreadyUsed)),
        }
    }

    /// The way back from a wallet in a browser that did not begin the login. The response code
    /// proves that its wallet has answered. If the client allows other devices, the person may go on
    /// by typing a number into the browser that waits.
    pub async fn answered_elsewhere(
        &self,
        login: &Handle,
        response_code: &Handle,
    ) -> Result<Elsewhere, Refusal> {
        let (key, code, now) = (login.key(), response_code.key(), self.site.now());
        let other = || Refusal::code(Code::OtherBrowser, key.reference());
        if key.expires() <= now {
            return Err(Refusal::code(Code::LoginExpired, key.reference()));
        }
        let number = MatchNumber::draw(self.site.entropy(), now);
        let row = self
            .site
            .store()
            .transact(|tx| {
                let Some(mut row) = tx.get::<Rows>(&key)? else { return Ok(None) };
                let LoginState::Presentation(state) = row.state.clone() else { return Ok(None) };
                if state.number_for(&code).is_some() || !row.other_device {
                    return Ok(is_answer(&state, &code).then_some(row));
                }
                let Some(mut state) = state.ask_number(&code, number.clone()) else {
                    return Ok(None);
                };
                // From now on the answer may go to another browser than the one that began.
                if let PresentationState::Presented(presented) = &mut state {
                    presented.by.channel = Channel::CrossDevice;
                }
                row.state = LoginState::Presentation(state);
                tx.put::<Rows>(&key, &row)?;
                Ok(Some(row))
            })
            .await?
            .ok_or_else(other)?;
        let LoginState::Presentation(state) = &row.state else { return Err(other()) };
        let number = state.number_for(&code);
        let number = number.map(|number| (number.digits().to_owned(), number.remaining(now)));
        let facts = self.service_facts(&row.client_id).await?;
        Ok(Elsewhere { facts, device: row.device, number })
    }

    /// Prepares the decision about a login that a wallet has answered.
    async fn entrance(&self, login: &OpenLogin, visitor: &Visitor) -> Result<Entered, Refusal> {
        let row = login.row.as_ref().ok_or_else(|| login.refusal(Code::NotAnswered))?;
        if login.ticket.over == Some(Over::Cancelled) {
            return Err(login.refusal(Code::Cancelled));
        }
        let evidence = match &row.state {
            LoginState::Presentation(PresentationState::Presented(answer)) => answer.by.clone(),
            LoginState::Presentation(PresentationState::Ended { reason }) => {
                return Err(login.refusal((*reason).into()));
            }
            _ => return Ok(Entered::Before(Box::new(row.clone()))),
        };
        let now = self.site.now();
        let session = self.new_session(&evidence, now);
        let looked = self.standing.look(&evidence.relied, now).await;
        if let Some(fallen) = looked.fallen() {
            return Err(login.refusal(fallen.code));
        }
        let asked = Asked::new(&self.registry, &login.party, &login.request)
            .map_err(|_| login.refusal(Code::ScopeNotAllowed))?;
        if !asked.was_asked(&evidence) {
            return Ok(Entered::Again);
        }
        let prepared = self.prepare(&login.party, &login.request, &asked, &evidence, now).await?;
        let before = visitor.session.as_ref().map(Handle::key);
        let entrance = Entrance { session, evidence, looked, prepared, before, now };
        Ok(Entered::Asked(Box::new(entrance)))
    }

    /// Ends a login whose person gave up on its pages. The answer is for the relying party; `None` if a
    /// device waits for it, so that the browser stays here.
    pub async fn cancel(
        &self,
        login: &OpenLogin,
    ) -> Result<(Option<AuthorizationResponse>, LoginCookie), Refusal> {
        let (now, key) = (self.site.now(), login.handle.key());
        let cancelled = login.cancelled();
        let end = self
            .site
            .store()
            .transact(|tx| {
                let row = tx.get::<Rows>(&key)?;
                if let Some(Login { state: LoginState::Finished(end), .. }) = row {
                    let answered = !matches!(end, tables::End::Refused(_));
                    return Ok(if answered { end } else { cancelled.clone() });
                }
                self.deny_device_in(tx, &login.request, now)?;
                if let Some(row) = row {
                    let state = LoginState::Finished(cancelled.clone());
                    tx.put::<Rows>(&key, &Login { state, ..row })?;
                    let (act, object) = (Act::LoginCancel, key.reference());
                    tx.append(entry(now, &Actor::Public, act, object, Outcome::Refused));
                }
                Ok(cancelled.clone())
            })
            .await?;
        self.answered_device(&login.request);
        Ok(match end {
            tables::End::Answered { body, .. } => {
                (Some(self.answer(login, body)), self.over(login, Over::Cancelled)?)
            }
            tables::End::Device { why: None } => (None, self.over(login, Over::Answered)?),
            _ => (None, self.over(login, Over::Cancelled)?),
        })
    }

    /// The answer to the relying party of a login.
    pub(crate) fn answer(&self, login: &OpenLogin, body: ResponseBody) -> AuthorizationResponse {
        login.request.answer(self.site.origin().as_str(), body)
    }

    /// The cookie of a login that is over for its browser.
    pub(crate) fn over(&self, login: &OpenLogin, how: Over) -> Result<LoginCookie, Refusal> {
        let ticket = Ticket { over: Some(how), ..login.ticket.clone() };
        ticket.seal(&login.handle, &login.key, self.site.entropy())
    }

    fn new_session(&self, evidence: &Evidence, now: Timestamp) -> NewSession {
        let latest = now.plus(lifetimes::SESSION);
        let expires = evidence.ends().map_or(latest, |end| end.min(latest));
        let entropy = self.site.entropy();
        NewSession { handle: Handle::new(expires, entropy), sid: entropy.id() }
    }

    fn next(
        &self,
        settled: Settled,
        login: &OpenLogin,
        session: NewSession,
    ) -> Result<Next, Refusal> {
        let session = session.handle;
        match settled {
            Settled::Respond(answer) => {
                Ok(Next::Respond { answer, session, over: self.over(login, Over::Answered)? })
            }
            Settled::Consent => Ok(Next::Consent { session }),
            Settled::Denied | Settled::Device => {
                self.answered_device(&login.request);
                Ok(Next::Login { session })
            }
            Settled::Refused(code) => Err(login.refusal(code)),
        }
    }

    /// Where a browser goes that brings a proof again, after the login went on.
    fn next_again(
        &self,
        login: &OpenLogin,
        row: &Login,
        is_proof: impl FnOnce(&Released) -> bool,
    ) -> Result<Next, Refusal> {
        let refused = || login.refusal(Code::AlreadyUsed);
        let released = row.released.as_ref().filter(|released| is_proof(released));
        let session = released.and_then(|released| Handle::parse(&released.session));
        let session = session.ok_or_else(refused)?;
        match &row.state {
            LoginState::Presentation(_) => Err(refused()),
            LoginState::AwaitingConsent(_) => Ok(Next::Consent { session }),
            LoginState::Denied(_) | LoginState::Finished(tables::End::Device { .. }) => {
                Ok(Next::Login { session })
            }
            LoginState::Finished(tables::End::Refused(code)) => Err(login.refusal(*code)),
            LoginState::Finished(tables::End::Answered { body, .. }) => Ok(Next::Respond {
                answer: self.answer(login, body.clone()),
                session,
                over: self.over(login, Over::Answered)?,
            }),
        }
    }
}

/// Whether a wallet's answer is still to be decided about.
enum Entered {
    /// It is.
    Asked(Box<Entrance>),
    /// The login went on before.
    Before(Box<Login>),
    /// The rules ask for more by now than the wallet was asked for.
    Again,
}

/// A decision, made now or before.
enum Came {
    Now(Settled),
    Before(Box<Login>),
}

/// What a browser sees that did not begin the login.
pub struct Elsewhere {
    /// The client and the service that ask the person to log in.
    pub facts: ServiceFacts,
    /// The browser that waits.
    pub device: Device,
    /// The number to type there, and for how many seconds it is valid; `None` if the client allows
    /// no other device.
    pub number: Option<(String, i64)>,
}

/// What a transaction needs to let a bound browser in.
struct Enter<'a> {
    at: At<'a>,
    session: &'a NewSession,
    before: Option<HandleKey>,
    bound: &'a BrowserBound<Evidence>,
    /// The response code that the wallet got.
    code: HandleKey,
    number: Option<MatchNumber>,
}

impl Enter<'_> {
    /// Begins a session, ends the one before, and makes the decision.
    fn settle(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        row: Login,
        prepared: &Prepared,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        let evidence = self.bound.by();
        if let Err(fallen) = stands
            && !fallen.is_final()
        {
            return Ok(Settled::Refused(fallen.code));
        }
        if let Some(before) = &self.before {
            session::end_in(tx, before, &End::Replaced, now)?;
        }
        let session = self.session.handle.key();
        let begun = Session { sid: self.session.sid.clone(), evidence: evidence.clone() };
        tx.put::<Sessions>(&session, &begun)?;
        let (actor, object) = (Actor::Person(evidence.person), self.at.key.reference());
        tx.append(
            entry(now, &actor, Act::SessionBegin, object, Outcome::Done)
                .with("channel", evidence.channel.name()),
        );
        let released = Released {
            response_code: self.code,
            number: self.number.clone(),
            session: self.session.handle.expose().to_owned(),
        };
        let row = Login { released: Some(released), ..row };
        prepared.settle(tx, stands, self.at, row, &session, evidence)
    }
}

/// The result of the transaction that checks a typed number.
enum Typed {
    Right(Settled),
    Before(Box<Login>),
    Wrong(u8),
    Ended(Code),
    Gone,
}

fn is_same_key(a: &HandleKey, b: &HandleKey) -> bool {
    constant_time_eq(&a.to_bytes(), &b.to_bytes())
}

fn is_answer(state: &PresentationState<Evidence>, code: &HandleKey) -> bool {
    response_code_of(state).is_some_and(|kept| is_same_key(&kept, code))
}

fn response_code_of(state: &PresentationState<Evidence>) -> Option<HandleKey> {
    let PresentationState::Presented(presented) = state else { return None };
    Some(presented.response_code)
}

fn number_of(state: &PresentationState<Evidence>) -> Option<MatchNumber> {
    let PresentationState::Presented(presented) = state else { return None };
    presented.number.clone()
}

fn ended_by(state: &PresentationState<Evidence>) -> Code {
    match state {
        PresentationState::Ended { reason } => (*reason).into(),
        _ => Code::WrongNumber,
    }
}
