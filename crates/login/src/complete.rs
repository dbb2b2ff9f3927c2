//! The browser comes back after the wallet's answer. Only the browser that began the login is
//! logged in, by the response code (same device) or by the number (other device) (OpenID4VP 1.0,
//! sections 13.3 and 14.3; VP-25).

use sekisho_ambient::{Handle, HandleKey, Timestamp, constant_time_eq};
use sekisho_grants::Evidence;
use sekisho_oauth::authorization::{AuthorizationErrorCode, AuthorizationResponse};
use sekisho_openid4vp::presentation::{BrowserBound, NumberOutcome, PresentationState};
use sekisho_profile::{Act, Code, Outcome, lifetimes};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Looked, Stands};
use sekisho_store::{StoreError, Tx};

use crate::session::{self, End};
use crate::settle::{Prepared, Settled};
use crate::tables::{Login, LoginState, Logins as Rows, Session, Sessions};
use crate::{Logins, Visitor};

/// Where a browser goes after it has proven that it began the login.
pub enum Next {
    /// To the relying party, with a code.
    Respond {
        /// The response for the relying party.
        answer: AuthorizationResponse,
        /// The session cookie to set.
        session: Handle,
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
}

/// The result of typing a number.
pub enum Number {
    /// The number was right; the browser is bound to the login.
    Right(Next),
    /// The number was wrong.
    Wrong {
        /// How many tries are left.
        tries_left: u8,
    },
}

/// The session that a login is about to begin.
struct NewSession {
    handle: Handle,
    sid: String,
}

/// A login with its row, loaded once for a page, after its browser was checked.
pub struct OpenLogin {
    pub(crate) handle: Handle,
    pub(crate) row: Login,
}

impl OpenLogin {
    /// The handle of the login, which is part of its URLs.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The `ui_locales` of the request.
    pub fn ui_locales(&self) -> String {
        self.row.request.ui_locales.join(" ")
    }

    /// The origin of the relying party's redirect URI, which the page's policy must allow as a
    /// target of its forms; `None` if the URI has no origin.
    pub fn return_origin(&self) -> Option<String> {
        let origin = url::Url::parse(&self.row.request.redirect_uri).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
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
    /// The login, if this browser began it and it has not expired.
    pub async fn open(&self, login: &Handle, visitor: &Visitor) -> Result<OpenLogin, Refusal> {
        let refused = |code| Refusal::code(code, login.key().reference());
        if login.key().expires() <= self.site.now() {
            return Err(refused(Code::LoginExpired));
        }
        let row = self.site.store().get::<Rows>(&login.key()).await?;
        let row = row.ok_or_else(|| refused(Code::LoginExpired))?;
        let browser = visitor.browser_digest().ok_or_else(|| refused(Code::OtherBrowser))?;
        if !constant_time_eq(&row.browser, &browser) {
            return Err(refused(Code::OtherBrowser));
        }
        Ok(OpenLogin { handle: login.clone(), row })
    }

    /// Completes a login on the same device, after the wallet sent the browser back with the
    /// response code.
    pub async fn complete(
        &self,
        login: &OpenLogin,
        visitor: &Visitor,
        response_code: &Handle,
    ) -> Result<Next, Refusal> {
        let Entrance { session, evidence, looked, prepared, before, now } =
            self.entrance(login, visitor).await?;
        let (code, key) = (response_code.key(), login.handle.key());
        let settled = self
            .standing
            .decide(&evidence.relied, looked, |tx, stands| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(Err(Code::LoginExpired)) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Err(Code::AlreadyUsed));
                };
                match state.release_same_device(&code, now) {
                    Ok(bound) => {
                        let enter = Enter { key: &key, session: &session, before, bound: &bound };
                        enter.settle(tx, stands, row, &prepared, now).map(Ok)
                    }
                    Err(refusal) => Ok(Err(Code::from(refusal))),
                }
            })
            .await?;
        Self::next(settled.map_err(|code| login.refusal(code))?, login, session)
    }

    /// Completes a login over another device, after the person typed the number that the phone
    /// shows.
    pub async fn type_number(
        &self,
        login: &OpenLogin,
        visitor: &Visitor,
        typed: &str,
    ) -> Result<Number, Refusal> {
        let Entrance { session, evidence, looked, prepared, before, now } =
            self.entrance(login, visitor).await?;
        let key = login.handle.key();
        let outcome = self
            .standing
            .decide(&evidence.relied, looked, |tx, stands| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(Typed::Gone) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Typed::Gone);
                };
                let (state, refused) = match state.release_by_number(typed, now) {
                    NumberOutcome::Bound(bound) => {
                        let enter = Enter { key: &key, session: &session, before, bound: &bound };
                        let settled = enter.settle(tx, stands, row, &prepared, now)?;
                        return Ok(Typed::Right(settled));
                    }
                    NumberOutcome::Wrong { state, tries_left } => (state, Typed::Wrong(tries_left)),
                    NumberOutcome::Ended(state) => (state, Typed::Ended),
                    NumberOutcome::NotAsked(_) => return Ok(Typed::Gone),
                };
                let state = LoginState::Presentation(state);
                tx.put::<Rows>(&key, &Login { state, ..row })?;
                let (act, object) = (Act::LoginNumber, key.reference());
                tx.append(
                    entry(now, &Actor::Public, act, object, Outcome::Refused)
                        .because(Code::WrongNumber),
                );
                Ok(refused)
            })
            .await?;
        match outcome {
            Typed::Right(settled) => Ok(Number::Right(Self::next(settled, login, session)?)),
            Typed::Wrong(tries_left) => Ok(Number::Wrong { tries_left }),
            Typed::Ended => Err(login.refusal(Code::WrongNumber)),
            Typed::Gone => Err(login.refusal(Code::AlreadyUsed)),
        }
    }

    async fn entrance(&self, login: &OpenLogin, visitor: &Visitor) -> Result<Entrance, Refusal> {
        let row = &login.row;
        let evidence = presented(row).ok_or_else(|| login.refusal(Code::AlreadyUsed))?.clone();
        let now = self.site.now();
        let session = self.new_session(&evidence, now);
        let looked = self.standing.look(&evidence.relied, now).await;
        if let Some(fallen) = looked.fallen() {
            return Err(login.refusal(fallen.code));
        }
        let party = self.registry.client(&row.request.client_id).await?;
        let prepared = self.prepare(&party, &row.request, &row.asked, &evidence, now).await?;
        let before = visitor.session.as_ref().map(Handle::key);
        Ok(Entrance { session, evidence, looked, prepared, before, now })
    }

    /// Ends a login whose person gave up on the login page, before anything was decided.
    pub async fn cancel(&self, login: &OpenLogin) -> Result<AuthorizationResponse, Refusal> {
        let now = self.site.now();
        let key = login.handle.key();
        let cancelled = self
            .site
            .store()
            .transact(|tx| {
                let row = tx.get::<Rows>(&key)?;
                let open = |row: &Login| matches!(row.state, LoginState::Presentation(_));
                let Some(row) = row.filter(open) else { return Ok(false) };
                tx.put::<Rows>(&key, &Login { state: LoginState::Finished, ..row })?;
                let (act, object) = (Act::LoginCancel, key.reference());
                tx.append(entry(now, &Actor::Public, act, object, Outcome::Refused));
                Ok(true)
            })
            .await?;
        if !cancelled {
            return Err(login.refusal(Code::AlreadyUsed));
        }
        let denied = AuthorizationErrorCode::AccessDenied;
        Ok(self.error_response(&login.row.request, denied, None))
    }

    fn new_session(&self, evidence: &Evidence, now: Timestamp) -> NewSession {
        let latest = now.plus(lifetimes::SESSION);
        let expires = evidence.ends().map_or(latest, |end| end.min(latest));
        let entropy = self.site.entropy();
        NewSession { handle: Handle::new(expires, entropy), sid: entropy.id() }
    }

    fn next(settled: Settled, login: &OpenLogin, session: NewSession) -> Result<Next, Refusal> {
        let session = session.handle;
        match settled {
            Settled::Respond(answer) => Ok(Next::Respond { answer, session }),
            Settled::Consent => Ok(Next::Consent { session }),
            Settled::Denied => Ok(Next::Login { session }),
            Settled::Refused(code) => Err(login.refusal(code)),
        }
    }
}

/// What a transaction needs to let a bound browser in.
struct Enter<'a> {
    key: &'a HandleKey,
    session: &'a NewSession,
    before: Option<HandleKey>,
    bound: &'a BrowserBound<Evidence>,
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
        if let Some(before) = &self.before {
            session::end_in(tx, before, &End::Replaced, now)?;
        }
        let session = self.session.handle.key();
        let begun = Session { sid: self.session.sid.clone(), evidence: evidence.clone() };
        tx.put::<Sessions>(&session, &begun)?;
        let (actor, object) = (Actor::Person(evidence.person), self.key.reference());
        tx.append(
            entry(now, &actor, Act::SessionBegin, object, Outcome::Done)
                .with("channel", evidence.channel.name()),
        );
        prepared.settle(tx, stands, self.key, row, &session, evidence)
    }
}

/// The result of the transaction that checks a typed number.
enum Typed {
    Right(Settled),
    Wrong(u8),
    Ended,
    Gone,
}

fn presented(login: &Login) -> Option<&Evidence> {
    match &login.state {
        LoginState::Presentation(PresentationState::Presented(answer)) => Some(&answer.by),
        _ => None,
    }
}
