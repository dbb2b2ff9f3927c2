//! The browser's way back: only the browser that began, with the response code (same device) or the
//! number (cross device), is logged in (OpenID4VP 1.0, sections 13.3 and 14.3; VP-25).

use sekisho_ambient::{Handle, HandleKey, constant_time_eq};
use sekisho_oauth::authorization::AuthorizationErrorCode;
use sekisho_openid4vp::presentation::{BrowserBound, NumberOutcome, Presentation};
use sekisho_profile::{Act, Code, Outcome, lifetimes};
use sekisho_store::{StoreError, Tx};

use super::{Refusal, Visitor};
use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};
use crate::settle::{Prepared, Settled};
use crate::tables::{Evidence, Login, LoginState, Logins, Session, Sessions};

/// Where a browser goes that has proven itself.
pub enum Next {
    /// To the relying party, with a code.
    Redirect {
        /// Where.
        url: String,
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

/// What a typed number did.
pub enum Number {
    /// It was right.
    Right(Next),
    /// It was wrong; so many tries are left.
    Wrong {
        /// Tries left.
        tries_left: u8,
    },
}

/// A session that a login is about to begin.
struct NewSession {
    handle: Handle,
    sid: String,
}

impl Broker {
    /// The login, if this browser began it and it is not over.
    pub(crate) async fn login_of(
        &self,
        login: &Handle,
        visitor: &Visitor,
    ) -> Result<Login, Refusal> {
        if login.key().expires() <= self.clock().now() {
            return Err(Refusal::code(Code::LoginExpired, login.key().reference()));
        }
        let row = self.store().get::<Logins>(&login.key()).await?;
        let row = row.ok_or_else(|| Refusal::code(Code::LoginExpired, login.key().reference()))?;
        let browser = visitor.browser_digest().unwrap_or_default();
        if !constant_time_eq(&row.browser, &browser) {
            return Err(Refusal::code(Code::OtherBrowser, login.key().reference()));
        }
        Ok(row)
    }

    /// Same device: the wallet sent the browser back with the response code.
    pub async fn complete(
        &self,
        login: &Handle,
        visitor: &Visitor,
        response_code: &Handle,
    ) -> Result<Next, Refusal> {
        let row = self.login_of(login, visitor).await?;
        let again = || Refusal::code(Code::AlreadyUsed, login.key().reference());
        let evidence = presented(&row).ok_or_else(again)?.clone();
        let session = self.new_session(&evidence);
        let now = self.clock().now();
        if let Some(fallen) = self.fallen(&evidence.relied, now).await {
            return Err(Refusal::code(fallen.code, login.key().reference()));
        }
        let prepared = self.prepare(&row.request, &evidence, now).await?;
        let code = response_code.key();
        let key = login.key();
        let settled = self
            .store()
            .transact(|tx| {
                let Some(row) = tx.get::<Logins>(&key)? else { return Ok(Err(Code::LoginExpired)) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Err(Code::AlreadyUsed));
                };
                match state.release_same_device(&code, now) {
                    Ok(bound) => {
                        self.enter(tx, &key, row, &session, visitor, &bound, &prepared).map(Ok)
                    }
                    Err(refusal) => Ok(Err(Code::from(refusal))),
                }
            })
            .await?;
        let settled = settled.map_err(|code| Refusal::code(code, key.reference()))?;
        Self::next(settled, login, session)
    }

    /// Cross device: the person typed the number that the phone shows.
    pub async fn type_number(
        &self,
        login: &Handle,
        visitor: &Visitor,
        typed: &str,
    ) -> Result<Number, Refusal> {
        let row = self.login_of(login, visitor).await?;
        let again = || Refusal::code(Code::AlreadyUsed, login.key().reference());
        let evidence = presented(&row).ok_or_else(again)?.clone();
        let session = self.new_session(&evidence);
        let now = self.clock().now();
        if let Some(fallen) = self.fallen(&evidence.relied, now).await {
            return Err(Refusal::code(fallen.code, login.key().reference()));
        }
        let prepared = self.prepare(&row.request, &evidence, now).await?;
        let key = login.key();
        let outcome = self
            .store()
            .transact(|tx| {
                let Some(row) = tx.get::<Logins>(&key)? else { return Ok(Typed::Gone) };
                let LoginState::Presentation(state) = row.state.clone() else {
                    return Ok(Typed::Gone);
                };
                let (state, refused) = match state.release_by_number(typed, now) {
                    NumberOutcome::Bound(bound) => {
                        let entered =
                            self.enter(tx, &key, row, &session, visitor, &bound, &prepared)?;
                        return Ok(Typed::Right(entered));
                    }
                    NumberOutcome::Wrong { state, tries_left } => (state, Typed::Wrong(tries_left)),
                    NumberOutcome::Ended(state) => (state, Typed::Ended),
                    NumberOutcome::NotAsked(_) => return Ok(Typed::Gone),
                };
                let state = LoginState::Presentation(state);
                tx.put::<Logins>(&key, &Login { state, ..row })?;
                tx.append(
                    entry(now, &Actor::Public, Act::LoginNumber, key.reference(), Outcome::Refused)
                        .because(Code::WrongNumber),
                );
                Ok(refused)
            })
            .await?;
        match outcome {
            Typed::Right(settled) => Ok(Number::Right(Self::next(settled, login, session)?)),
            Typed::Wrong(tries_left) => Ok(Number::Wrong { tries_left }),
            Typed::Ended => Err(Refusal::code(Code::WrongNumber, key.reference())),
            Typed::Gone => Err(again()),
        }
    }

    /// The person gave up on the login page, before anything was decided.
    pub async fn cancel(&self, login: &Handle, visitor: &Visitor) -> Result<String, Refusal> {
        let row = self.login_of(login, visitor).await?;
        let now = self.clock().now();
        let key = login.key();
        let cancelled = self
            .store()
            .transact(|tx| {
                let row = tx.get::<Logins>(&key)?;
                let open = |row: &Login| matches!(row.state, LoginState::Presentation(_));
                let Some(row) = row.filter(open) else { return Ok(false) };
                tx.put::<Logins>(&key, &Login { state: LoginState::Finished, ..row })?;
                tx.append(entry(
                    now,
                    &Actor::Public,
                    Act::LoginCancel,
                    key.reference(),
                    Outcome::Refused,
                ));
                Ok(true)
            })
            .await?;
        if !cancelled {
            return Err(Refusal::code(Code::AlreadyUsed, key.reference()));
        }
        Ok(self.error_url(&row.request, AuthorizationErrorCode::AccessDenied, None))
    }

    fn new_session(&self, evidence: &Evidence) -> NewSession {
        let now = self.clock().now();
        let ends = evidence.relied.iter().filter_map(|relied| relied.expires).min();
        let latest = now.plus(lifetimes::SESSION);
        let expires = ends.map_or(latest, |end| end.min(latest));
        NewSession { handle: Handle::new(expires, self.entropy()), sid: self.entropy().id() }
    }

    /// The browser is bound: a session begins, the one before it ends, and the decision is made.
    #[allow(clippy::too_many_arguments, reason = "one transaction's whole input")]
    fn enter(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        row: Login,
        session: &NewSession,
        visitor: &Visitor,
        bound: &BrowserBound<Evidence>,
        prepared: &Prepared,
    ) -> Result<Settled, StoreError> {
        let evidence = bound.by();
        if let Some(before) = &visitor.session {
            tx.delete::<Sessions>(&before.key())?;
        }
        let begun = Session { sid: session.sid.clone(), evidence: evidence.clone() };
        tx.put::<Sessions>(&session.handle.key(), &begun)?;
        let now = self.clock().now();
        let actor = Actor::Person(evidence.person);
        tx.append(
            entry(now, &actor, Act::SessionBegin, key.reference(), Outcome::Done)
                .with("channel", evidence.channel.name()),
        );
        prepared.settle(tx, key, row, &session.handle.key(), evidence)
    }

    fn next(settled: Settled, login: &Handle, session: NewSession) -> Result<Next, Refusal> {
        let session = session.handle;
        match settled {
            Settled::Redirect(url) => Ok(Next::Redirect { url, session }),
            Settled::Consent => Ok(Next::Consent { session }),
            Settled::Denied => Ok(Next::Login { session }),
            Settled::Refused(code) => Err(Refusal::code(code, login.key().reference())),
        }
    }
}

/// What a transaction made of a typed number.
enum Typed {
    Right(Settled),
    Wrong(u8),
    Ended,
    Gone,
}

fn presented(login: &Login) -> Option<&Evidence> {
    match &login.state {
        LoginState::Presentation(Presentation::Presented(answer)) => Some(&answer.by),
        _ => None,
    }
}
