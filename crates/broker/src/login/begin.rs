//! `GET /authorize`: the request is checked, then answered from a live session or a wallet is asked.

use sekisho_ambient::{Handle, Timestamp};
use sekisho_jose::b64u;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_oauth::authorization::{
    self, AuthorizationError, AuthorizationErrorCode, AuthorizationRequest, Prompt,
};
use sekisho_oauth::client::Client;
use sekisho_oauth::params::Params;
use sekisho_openid4vp::presentation::Presentation;
use sekisho_profile::{Act, Channel, Code, Outcome, acr::PHISHING_RESISTANT, lifetimes};

use super::{Refusal, Visitor};
use crate::Broker;
use crate::ask::{Ask, AskError, asked_name};
use crate::audit::{Actor, Detail as _, entry};
use crate::config::ResponseMode;
use crate::settle::{Settled, required_acr};
use crate::standing::Fallen;
use crate::tables::{
    Clients, Evidence, Login, LoginState, Logins, RequestRow, Requests, Session, Sessions,
};

/// Where the browser goes next.
pub enum Begin {
    /// To the relying party: a code, or an error.
    Redirect(String),
    /// To the page of this login; the cookie is set if it is new.
    Login {
        /// The login.
        login: Handle,
        /// A browser cookie to set.
        browser: Option<Handle>,
    },
    /// To the consent page of this login.
    Consent {
        /// The login.
        login: Handle,
        /// A browser cookie to set.
        browser: Option<Handle>,
    },
}

impl Broker {
    /// Checks an authorization request and takes the first step.
    ///
    /// # Errors
    ///
    /// [`Refusal::Code`] where nobody may be redirected: the client or the redirect URI is wrong.
    pub async fn begin(&self, params: &Params, visitor: &Visitor) -> Result<Begin, Refusal> {
        let client_id = authorization::client_id(params).map_err(page)?;
        let client = self.store().get::<Clients>(&client_id.to_owned()).await?;
        let rules = self.authorization_rules();
        let request = match authorization::validate(params, client.as_ref(), &rules) {
            Ok(request) => request,
            Err(AuthorizationError::Page(code)) => return Err(page(code)),
            Err(AuthorizationError::Redirect(error)) => {
                return Ok(Begin::Redirect(error.url()));
            }
        };
        let Some(client) = client else { return Err(Refusal::code(Code::UnknownClient, "")) };
        let ask = match Ask::new(self.config(), &client, &request) {
            Ok(ask) => ask,
            Err(error) => return Ok(self.refuse_ask(&request, &error)),
        };
        if let Some(refused) = self.refuse_expectation(&request) {
            return Ok(refused);
        }
        let now = self.clock().now();
        if let Some((key, session)) =
            self.usable_session(&client, visitor, &request, &ask, now).await?
        {
            let answer = self.answer_from_session(&request, visitor, key, session, now).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        if request.prompt.contains(&Prompt::None) {
            return Ok(self.error(&request, AuthorizationErrorCode::LoginRequired, None));
        }
        self.ask_wallet(&client, request, &ask, visitor, now).await
    }

    /// An error for the relying party.
    pub(crate) fn error(
        &self,
        request: &AuthorizationRequest,
        code: AuthorizationErrorCode,
        description: Option<&str>,
    ) -> Begin {
        Begin::Redirect(self.error_url(request, code, description))
    }

    pub(crate) fn error_url(
        &self,
        request: &AuthorizationRequest,
        code: AuthorizationErrorCode,
        description: Option<&str>,
    ) -> String {
        let issuer = self.config().origin.as_str();
        let state = request.state.as_deref();
        authorization::error_url(&request.redirect_uri, code, description, state, issuer)
    }

    /// An expectation that no login can meet (Core, 5.5.1.1), or that cannot be read (AUTH-23).
    fn refuse_expectation(&self, request: &AuthorizationRequest) -> Option<Begin> {
        let unmet = |values: &Vec<String>| {
            !values.is_empty() && !values.iter().any(|value| value == PHISHING_RESISTANT)
        };
        if request.claims.acr.as_ref().is_some_and(unmet) {
            let code = AuthorizationErrorCode::UnmetAuthenticationRequirements;
            return Some(self.error(request, code, Some("no login here has such an acr")));
        }
        if request.id_token_hint.is_some() && self.hinted_subject(request).is_none() {
            let reason = "id_token_hint is no ID token of this server for this client";
            let code = AuthorizationErrorCode::InvalidRequest;
            return Some(self.error(request, code, Some(reason)));
        }
        None
    }

    fn refuse_ask(&self, request: &AuthorizationRequest, error: &AskError) -> Begin {
        let code = AuthorizationErrorCode::InvalidAuthorizationDetails;
        self.error(request, code, Some(&error.to_string()))
    }

    /// A session that may answer this request: of this browser, alive, recent enough, and with the
    /// credentials that are asked for.
    async fn usable_session(
        &self,
        client: &Client,
        visitor: &Visitor,
        request: &AuthorizationRequest,
        ask: &Ask<'_>,
        now: Timestamp,
    ) -> Result<Option<(sekisho_ambient::HandleKey, Session)>, Refusal> {
        let fresh = [Prompt::Login, Prompt::SelectAccount];
        if request.prompt.iter().any(|prompt| fresh.contains(prompt)) {
            return Ok(None);
        }
        let Some(key) = visitor.session.as_ref().map(Handle::key) else { return Ok(None) };
        if key.expires() <= now {
            return Ok(None);
        }
        let Some(session) = self.store().get::<Sessions>(&key).await? else { return Ok(None) };
        let age = now.since(session.evidence.auth_time);
        if request.max_age.is_some_and(|max| max == 0 || age > max) {
            return Ok(None);
        }
        let context = session.evidence.channel.acr();
        let required = required_acr(client, request);
        let fits = required.is_none() || required == context;
        Ok((fits && covers(ask, &session.evidence)).then_some((key, session)))
    }

    /// The answer that a live session gives; `None` if somebody else is expected, who may log in.
    async fn answer_from_session(
        &self,
        request: &AuthorizationRequest,
        visitor: &Visitor,
        key: sekisho_ambient::HandleKey,
        session: Session,
        now: Timestamp,
    ) -> Result<Option<Begin>, Refusal> {
        if let Some(fallen) = self.fallen(&session.evidence.relied, now).await {
            self.end_session(key, &session, &fallen, now).await?;
            if request.prompt.contains(&Prompt::None) {
                let required = AuthorizationErrorCode::LoginRequired;
                return Ok(Some(self.error(request, required, Some(fallen.code.id()))));
            }
            return Err(Refusal::code(fallen.code, key.reference()));
        }
        let prepared = self.prepare(request, &session.evidence, now).await?;
        if prepared.is_other_subject() {
            return Ok(None);
        }
        let (browser, new) = self.browser_of(visitor, now);
        let handle = Handle::new(now.plus(lifetimes::LOGIN), self.entropy());
        let login = Login {
            request: request.clone(),
            browser: sekisho_ambient::sha256(browser.expose().as_bytes()),
            started: now,
            requests: Vec::new(),
            state: LoginState::Finished,
        };
        let settled = self
            .store()
            .transact(|tx| {
                prepared.settle(tx, &handle.key(), login.clone(), &key, &session.evidence)
            })
            .await?;
        let silent = login.request.prompt.contains(&Prompt::None);
        Ok(Some(match settled {
            Settled::Redirect(url) => Begin::Redirect(url),
            Settled::Consent if silent => {
                self.error(&login.request, AuthorizationErrorCode::ConsentRequired, None)
            }
            Settled::Denied if silent => {
                self.error(&login.request, AuthorizationErrorCode::AccessDenied, None)
            }
            Settled::Refused(code) if silent => {
                self.error(&login.request, AuthorizationErrorCode::LoginRequired, Some(code.id()))
            }
            Settled::Consent => Begin::Consent { login: handle, browser: new },
            Settled::Denied => Begin::Login { login: handle, browser: new },
            Settled::Refused(code) => return Err(Refusal::code(code, handle.key().reference())),
        }))
    }

    async fn end_session(
        &self,
        key: sekisho_ambient::HandleKey,
        session: &Session,
        fallen: &Fallen,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let person = Actor::Person(session.evidence.person);
        self.store()
            .transact(|tx| {
                tx.delete::<Sessions>(&key)?;
                tx.append(
                    entry(now, &person, Act::SessionEnd, key.reference(), Outcome::Done)
                        .because(fallen.code)
                        .with("credential", fallen.credential.as_str()),
                );
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// The browser's cookie, and whether it must be set.
    fn browser_of(&self, visitor: &Visitor, now: Timestamp) -> (Handle, Option<Handle>) {
        let lasting = |handle: &&Handle| handle.key().expires() >= now.plus(lifetimes::LOGIN);
        if let Some(browser) = visitor.browser.as_ref().filter(lasting) {
            return (browser.clone(), None);
        }
        let fresh = Handle::new(now.plus(lifetimes::BROWSER), self.entropy());
        (fresh.clone(), Some(fresh))
    }

    async fn ask_wallet(
        &self,
        client: &Client,
        request: AuthorizationRequest,
        ask: &Ask<'_>,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Result<Begin, Refusal> {
        let (browser, new) = self.browser_of(visitor, now);
        let handle = Handle::new(now.plus(lifetimes::LOGIN), self.entropy());
        let query = ask.query(&self.config().type_authority);
        let mut channels = vec![Channel::SameDevice];
        if client.cross_device && required_acr(client, &request).is_none() {
            channels.push(Channel::CrossDevice);
        }
        let mut requests = Vec::new();
        for channel in channels {
            let row = RequestRow {
                login: handle.key(),
                login_text: handle.expose().to_owned(),
                channel,
                nonce: b64u::encode(self.entropy().bytes::<24>()),
                response_key: self.response_key(),
                query: query.clone(),
                client_id: client.client_id.clone(),
                failures: 0,
            };
            requests.push((
                Handle::new(now.plus(lifetimes::PRESENTATION_REQUEST), self.entropy()),
                row,
            ));
        }
        let login = Login {
            request,
            browser: sekisho_ambient::sha256(browser.expose().as_bytes()),
            started: now,
            requests: requests
                .iter()
                .map(|(handle, row)| (row.channel, handle.expose().to_owned()))
                .collect(),
            state: LoginState::Presentation(Presentation::AwaitingWallet),
        };
        let actor = Actor::Client(client.client_id.clone());
        self.store()
            .transact(|tx| {
                tx.put::<Logins>(&handle.key(), &login)?;
                for (request, row) in &requests {
                    tx.put::<Requests>(&request.key(), row)?;
                }
                tx.append(entry(
                    now,
                    &actor,
                    Act::LoginBegin,
                    handle.key().reference(),
                    Outcome::Done,
                ));
                Ok(())
            })
            .await?;
        Ok(Begin::Login { login: handle, browser: new })
    }

    fn response_key(&self) -> Option<Vec<u8>> {
        match self.config().response_mode {
            ResponseMode::DirectPost => None,
            ResponseMode::DirectPostJwt => {
                let key = DecryptionKey::generate(self.entropy());
                Some(key.to_bytes().expose().to_vec())
            }
        }
    }
}

fn page(code: authorization::PageErrorCode) -> Refusal {
    Refusal::code(code.into(), "")
}

/// Whether what a session kept answers this request. A credential that was not there is asked for
/// again, since the wallet may have it by now; a claim that a credential did not have is not.
fn covers(ask: &Ask<'_>, evidence: &Evidence) -> bool {
    ask.wanted.iter().all(|(type_name, wanted)| {
        let there = evidence.relied.iter().any(|relied| relied.type_name == *type_name);
        let asked = |path: &Vec<String>| evidence.asked.contains(&asked_name(type_name, path));
        there && wanted.needed.iter().chain(&wanted.welcome).all(asked)
    })
}
