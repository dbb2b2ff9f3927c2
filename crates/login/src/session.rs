//! The session of a browser: a login begins it, and `end_in` is the only function that ends it.
//! Operators list and end sessions.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::Evidence;
use sekisho_profile::{Act, Channel, Outcome, Reason};
use sekisho_site::Page;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::Fallen;
use sekisho_store::{AuditEntry, StoreError, Tx};

use crate::Logins;
use crate::tables::{Session, Sessions};

/// Why a session ends.
pub(crate) enum End<'a> {
    /// One of its credentials no longer stands.
    Fallen(&'a Fallen),
    /// The person logged out, at the request of this client if one is named.
    LoggedOut(Option<&'a str>),
    /// The person logged in again in the same browser.
    Replaced,
    /// An operator ended it. The caller writes the entry in the audit log, in the same batch.
    OnRecord,
}

/// What operators see of a session.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The key of its row.
    pub key: HandleKey,
    /// The identifier that relying parties see.
    pub sid: String,
    /// Keyed digest of the person.
    pub person: [u8; 32],
    /// The identifier of the issuer of the login credential.
    pub issuer: String,
    /// The names of the types of the credentials that it relies on.
    pub types: Vec<String>,
    /// Whether the wallet answered on the same device or on another one.
    pub channel: Channel,
    /// When the person logged in.
    pub began: Timestamp,
}

impl Logins {
    /// A page of the sessions that are `wanted`, in the order in which they expire.
    pub async fn sessions(
        &self,
        after: Option<HandleKey>,
        limit: usize,
        wanted: impl Fn(&Listed) -> bool,
    ) -> Result<Page<Listed>, StoreError> {
        let read = |key: &HandleKey, session: &Session| wanted(&listed(*key, session));
        let Page { rows, next } = self.site.page::<Sessions>(after, limit, read).await?;
        let rows = rows.into_iter().map(|(key, session)| (key, listed(key, &session)));
        Ok(Page { rows: rows.collect(), next })
    }

    /// Whether the session of this key goes on.
    pub async fn has_session(&self, key: &HandleKey) -> Result<bool, StoreError> {
        if key.expires() <= self.site.now() {
            return Ok(false);
        }
        Ok(self.site.store().get::<Sessions>(key).await?.is_some())
    }

    /// Ends a session for an operator, whose change is its entry in the audit log. Returns `false`
    /// if there is no such session.
    pub fn end_session_in(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_there = tx.contains::<Sessions>(key)?;
        end_in(tx, key, &End::OnRecord, now)?;
        Ok(is_there)
    }
}

fn listed(key: HandleKey, session: &Session) -> Listed {
    let Evidence { person, issuer, relied, channel, auth_time, .. } = &session.evidence;
    Listed {
        key,
        sid: session.sid.clone(),
        person: *person,
        issuer: issuer.clone(),
        types: relied.iter().map(|relied| relied.type_name.clone()).collect(),
        channel: *channel,
        began: *auth_time,
    }
}

/// Ends a session, with one entry in the audit log. Does nothing if there is no such session.
pub(crate) fn end_in(
    tx: &mut Tx,
    key: &HandleKey,
    end: &End<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(session) = tx.take::<Sessions>(key)? else { return Ok(()) };
    let person = Actor::Person(session.evidence.person);
    let ended = entry(now, &person, Act::SessionEnd, key.reference(), Outcome::Done);
    if let Some(entry) = why(ended, end) {
        tx.append(entry);
    }
    Ok(())
}

fn why(entry: AuditEntry, end: &End<'_>) -> Option<AuditEntry> {
    Some(match end {
        End::Fallen(fallen) => {
            entry.because(fallen.code).with("credential", fallen.credential.as_str())
        }
        End::LoggedOut(client) => {
            entry.because(Reason::LoggedOut).with("client", client.unwrap_or_default())
        }
        End::Replaced => entry.because(Reason::SessionReplaced),
        End::OnRecord => return None,
    })
}
