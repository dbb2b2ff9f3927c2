//! Logout at the request of a relying party (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Invariant: a browser is sent back only to a URI that the client registered, compared as a
//! string. A session ends without a question only if the hint is an ID token of that session.

use sekisho_ambient::{HandleKey, Text};
use sekisho_oauth::client::Client;
use sekisho_oauth::id_token::{self, Hint};
use sekisho_oauth::params::Params;
use sekisho_profile::Code;
use sekisho_site::{Mismatch, Refusal, registered_list, sent_uri};

use crate::session::{self, End};
use crate::tables::{Session, Sessions};
use crate::{Logins, Visitor};

/// What to do with a browser that wants to log out.
pub enum Logout {
    /// Ask the person first.
    Ask {
        /// The name of the client that wants it.
        client_name: Option<Text>,
        /// Where the browser goes if the person agrees.
        back: Option<String>,
    },
    /// Nobody is logged in any more. The browser goes to this URI of the client, or to a page of
    /// ours.
    Done(Option<String>),
}

/// A logout request that was understood.
struct Request {
    client: Option<Client>,
    hint: Option<Hint>,
    back: Option<String>,
}

impl Logins {
    /// Handles a logout request of this browser. Ends the session if the person need not be asked.
    ///
    /// # Errors
    ///
    /// [`Refusal::Code`] if the parameters contradict each other, or name a client or a URI that is
    /// not registered. Nothing is changed then.
    pub async fn log_out(&self, params: &Params, visitor: &Visitor) -> Result<Logout, Refusal> {
        let asked = self.read_logout(params).await?;
        let Some((key, session)) = self.session_of(visitor).await? else {
            // Without a session there is nobody to ask, so only a valid hint may redirect the
            // browser.
            return Ok(Logout::Done(asked.back.filter(|_| asked.hint.is_some())));
        };
        let same = asked.hint.as_ref().is_some_and(|hint| hint.sid.as_ref() == Some(&session.sid));
        if !same {
            let client_name = asked.client.map(|client| client.client_name);
            return Ok(Logout::Ask { client_name, back: asked.back });
        }
        self.log_out_of(&key, asked.client.as_ref()).await?;
        Ok(Logout::Done(asked.back))
    }

    /// Ends the session after the person agreed. Returns where the browser goes, if the request
    /// named a client and a registered URI.
    pub async fn confirm_logout(
        &self,
        params: &Params,
        visitor: &Visitor,
    ) -> Result<Option<String>, Refusal> {
        let asked = self.read_logout(params).await?;
        if let Some((key, _)) = self.session_of(visitor).await? {
            self.log_out_of(&key, asked.client.as_ref()).await?;
        }
        Ok(asked.back)
    }

    async fn session_of(&self, visitor: &Visitor) -> Result<Option<(HandleKey, Session)>, Refusal> {
        let Some(handle) = &visitor.session else { return Ok(None) };
        let key = handle.key();
        if key.expires() <= self.site.now() {
            return Ok(None);
        }
        let session = self.site.store().get::<Sessions>(&key).await?;
        Ok(session.map(|session| (key, session)))
    }

    async fn log_out_of(
        &self,
        session: &HandleKey,
        client: Option<&Client>,
    ) -> Result<(), Refusal> {
        let now = self.site.now();
        let end = End::LoggedOut(client.map(|client| client.client_id.as_str()));
        self.site.store().transact_reserved(|tx| session::end_in(tx, session, &end, now)).await?;
        Ok(())
    }

    async fn read_logout(&self, params: &Params) -> Result<Request, Refusal> {
        let contradiction = || Refusal::client(Code::LogoutRequest, sent_by(params));
        if params.duplicate(&[]).is_some() {
            return Err(contradiction());
        }
        let one = |name| params.one(name).map_err(|_| contradiction());
        let hint = one("id_token_hint")?;
        let read = hint.and_then(|hint| {
            let origin = self.site.origin().as_str();
            id_token::read_hint(hint, self.keyring.ring().hint_keys(), origin)
        });
        // A hint that is not ours is ignored: the person is asked, and the browser is not
        // redirected.
        let forged = hint.is_some() && read.is_none();
        let named = one("client_id")?.filter(|_| !forged).map(str::to_owned);
        let hinted = read.as_ref().map(|hint| hint.client_id.clone());
        if let (Some(named), Some(hinted)) = (&named, &hinted)
            && named != hinted
        {
            return Err(contradiction());
        }
        let client = match hinted.or(named) {
            None => None,
            Some(id) => {
                let party = self.registry.find_client(&id).await?;
                let unknown = || Refusal::client(Code::UnknownClient, sent_by(params));
                Some(party.ok_or_else(unknown)?.client)
            }
        };
        let uri = one("post_logout_redirect_uri")?;
        let back = match (&client, uri) {
            (Some(client), Some(uri)) => {
                if !client.post_logout_redirect_uris.iter().any(|registered| registered == uri) {
                    let facts = Mismatch {
                        client: Some(client.client_id.clone()),
                        known: true,
                        registered: Some(registered_list(&client.post_logout_redirect_uris)),
                        ..sent_by(params)
                    };
                    return Err(Refusal::client(Code::RedirectUri, facts));
                }
                Some(with_state(uri, one("state")?))
            }
            _ => None,
        };
        Ok(Request { client, hint: read, back })
    }
}

/// What a refused request sent, for the log.
fn sent_by(params: &Params) -> Mismatch {
    let one = |name| params.one(name).ok().flatten();
    Mismatch {
        client: one("client_id").map(str::to_owned),
        sent: one("post_logout_redirect_uri").map(sent_uri),
        ..Mismatch::default()
    }
}

/// Adds `state` unchanged, as the client sent it (RP-Initiated Logout 1.0, section 3).
fn with_state(uri: &str, state: Option<&str>) -> String {
    match (state, url::Url::parse(uri)) {
        (Some(state), Ok(mut url)) => {
            url.query_pairs_mut().append_pair("state", state);
            url.into()
        }
        _ => uri.to_owned(),
    }
}
