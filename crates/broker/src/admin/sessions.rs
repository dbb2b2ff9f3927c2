//! Administration of sessions and grants: list them, and end them.
//!
//! Ending a session ends the grants that the person agreed to in it, unless the operator keeps them:
//! an operator ends a session because something is wrong with it, and a grant may live for 30 days
//! after it.

use std::collections::BTreeSet;

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::Grant;
use sekisho_grants::listing::Which;
use sekisho_jose::b64u;
use sekisho_login::session::Listed;
use sekisho_profile::Act;
use sekisho_site::audit::short;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// The most rows of one page.
const MAX_PAGE: usize = 1000;

/// Which part of a listing is asked for.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most rows; 1,000 at most, and by default.
    pub limit: Option<usize>,
}

/// Which sessions are listed. A member that is absent selects nothing.
#[derive(Clone, Debug, Default)]
pub struct WhichSessions {
    /// Those in which a grant for this client lives.
    pub client: Option<String>,
    /// Those of this person, by the digest that the audit log has.
    pub person: Option<String>,
}

/// A session, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its name here and in the audit log: 16 hexadecimal digits.
    pub id: String,
    /// The identifier that relying parties see (`sid`).
    pub sid: String,
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// The identifier of the issuer of the login credential.
    pub issuer: String,
    /// The names of the types of the credentials that were presented.
    pub credentials: Vec<String>,
    /// Whether the wallet answered on the same device or on another one.
    pub channel: String,
    /// When the person logged in.
    pub began: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// A grant, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GrantRow {
    /// Its name here and in the audit log: 16 hexadecimal digits.
    pub id: String,
    /// The client that it was given to.
    pub client_id: String,
    /// The person's subject at that client.
    pub subject: String,
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// The `sid` of the session in which the person agreed.
    pub sid: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The id of the gate that permitted GPUs; `None` if none was asked.
    pub gate: Option<String>,
    /// When the person agreed; `None` for grants of before this was kept.
    pub issued: Option<Timestamp>,
    /// When it expires.
    pub expires: Timestamp,
    /// `living` or `ended`.
    pub state: String,
    /// Why it ended; `None` while it lives.
    pub reason: Option<String>,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// The rows, in the order in which they expire.
    pub rows: Vec<T>,
    /// What to pass as `after` for the next page; `None` if this was the last one.
    pub next: Option<String>,
}

/// A request to end a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndSession {
    /// The reason, for the audit log. It must contain no personal data.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether the grants of the session live on.
    #[serde(default)]
    pub keep_grants: bool,
}

/// A request to end a grant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndGrant {
    /// The reason, for the audit log. It must contain no personal data.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A session that was ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndedSession {
    /// The session.
    #[serde(flatten)]
    pub session: SessionRow,
    /// The names of the grants that ended with it.
    pub grants: Vec<String>,
}

impl Broker {
    /// Lists the sessions that have not expired.
    pub async fn list_sessions(
        &self,
        which: &WhichSessions,
        part: &Part,
    ) -> Result<Listing<SessionRow>, AdminError> {
        let of_client = match &which.client {
            Some(client) => Some(self.sids_of(client).await?),
            None => None,
        };
        let wanted = |session: &Listed| {
            which.person.as_ref().is_none_or(|person| *person == short(&session.person))
                && of_client.as_ref().is_none_or(|sids| sids.contains(&session.sid))
        };
        let page = self.logins.sessions(part.after()?, part.limit()?, wanted).await?;
        let rows = page.rows.iter().map(|(_, session)| session_row(session)).collect();
        Ok(Listing { rows, next: page.next.map(cursor) })
    }

    async fn sids_of(&self, client: &str) -> Result<BTreeSet<String>, AdminError> {
        let which = Which { client: Some(client.to_owned()), ..Which::default() };
        let grants = self.living(self.grants.all(&which).await?).await?;
        Ok(grants.into_iter().map(|(_, grant)| grant.sid).collect())
    }

    /// Ends a session, which is named by its id or its `sid`, and the grants of it.
    pub async fn end_session(
        &self,
        by: &By,
        name: &str,
        end: &EndSession,
    ) -> Result<Changed<EndedSession>, AdminError> {
        let unknown = || AdminError::not_found("session", name);
        let named = |session: &Listed| session.key.reference() == name || session.sid == name;
        let found = self.logins.sessions(None, 2, named).await?.rows;
        let [(key, session)] = found.as_slice() else { return Err(unknown()) };
        let of_session = Which { sid: Some(session.sid.clone()), ..Which::default() };
        let grants =
            if end.keep_grants { Vec::new() } else { self.grants.all(&of_session).await? };
        let now = self.site.now();
        let change = Change::new(Act::SessionEnd, key.reference())
            .because(end.reason.as_deref())
            .with("person", short(&session.person))
            .with("keep_grants", end.keep_grants);
        let changed = self
            .change(by, change, |tx| {
                if !self.logins.end_session_in(tx, key, now)? {
                    return Ok(Err(unknown()));
                }
                let mut ended = Vec::new();
                for (grant, _) in &grants {
                    if self.grants.end_with_session_in(tx, grant, &by.actor, now)? {
                        ended.push(grant.reference());
                    }
                }
                Ok(Ok(EndedSession { session: session_row(session), grants: ended }))
            })
            .await?;
        if end.keep_grants || by.rehearsal {
            return Ok(changed);
        }
        // A code may have been minted after the grants were read and before the session ended. None
        // can be minted after that.
        for (grant, _) in self.grants.all(&of_session).await? {
            let store = self.site.store();
            store
                .transact_reserved(|tx| self.grants.end_with_session_in(tx, &grant, &by.actor, now))
                .await?;
        }
        Ok(changed)
    }

    /// Lists the grants that have not expired.
    pub async fn list_grants(
        &self,
        which: &Which,
        part: &Part,
    ) -> Result<Listing<GrantRow>, AdminError> {
        let page = self.grants.page(which, part.after()?, part.limit()?).await?;
        let next = page.next.map(cursor);
        let mut rows = Vec::new();
        for (key, grant) in &page.rows {
            let row = grant_row(key, grant, self.has_client(grant).await?);
            if which.ended || row.state == LIVING {
                rows.push(row);
            }
        }
        Ok(Listing { rows, next })
    }

    /// Ends a grant: its code, its refresh tokens and its access tokens.
    pub async fn end_grant(
        &self,
        by: &By,
        id: &str,
        end: &EndGrant,
    ) -> Result<Changed<GrantRow>, AdminError> {
        let unknown = || AdminError::not_found("grant", id);
        let found = self.grants.named(id).await?;
        let [(key, grant)] = found.as_slice() else { return Err(unknown()) };
        let now = self.site.now();
        let change = Change::new(Act::GrantEnd, id)
            .because(end.reason.as_deref())
            .with("client", grant.client_id.as_str());
        let mut row = grant_row(key, grant, true);
        ENDED.clone_into(&mut row.state);
        self.change(by, change, |tx| {
            let ended = self.grants.end_told_in(tx, key, now)?;
            Ok(if ended { Ok(row.clone()) } else { Err(unknown()) })
        })
        .await
    }

    async fn living(
        &self,
        grants: Vec<(HandleKey, Grant)>,
    ) -> Result<Vec<(HandleKey, Grant)>, AdminError> {
        let mut living = Vec::new();
        for (key, grant) in grants {
            if self.has_client(&grant).await? {
                living.push((key, grant));
            }
        }
        Ok(living)
    }

    /// Whether the registration of the client to which a grant was given still exists.
    async fn has_client(&self, grant: &Grant) -> Result<bool, AdminError> {
        let party = self.registry.find_client(&grant.client_id).await?;
        Ok(party.is_some_and(|party| grant.is_of(&party)))
    }
}

/// The states of a grant in a listing.
const LIVING: &str = "living";
const ENDED: &str = "ended";

impl Part {
    fn after(&self) -> Result<Option<HandleKey>, AdminError> {
        let unknown = || AdminError::Invalid("after is not the end of a page".to_owned());
        let read =
            |text: &String| b64u::decode(text).ok().and_then(|bytes| HandleKey::from_bytes(&bytes));
        self.after.as_ref().map(|text| read(text).ok_or_else(unknown)).transpose()
    }

    pub(super) fn limit(&self) -> Result<usize, AdminError> {
        match self.limit {
            Some(0) => Err(AdminError::Invalid("limit is at least 1".to_owned())),
            limit => Ok(limit.unwrap_or(MAX_PAGE).min(MAX_PAGE)),
        }
    }
}

fn cursor(key: HandleKey) -> String {
    b64u::encode(key.to_bytes())
}

fn session_row(session: &Listed) -> SessionRow {
    SessionRow {
        id: session.key.reference(),
        sid: session.sid.clone(),
        person: short(&session.person),
        issuer: session.issuer.clone(),
        credentials: session.types.clone(),
        channel: session.channel.name().to_owned(),
        began: session.began,
        expires: session.key.expires(),
    }
}

/// `registered`: whether the client's registration still exists. A grant ends with it.
fn grant_row(key: &HandleKey, grant: &Grant, registered: bool) -> GrantRow {
    let reason = match grant.ended {
        Some(reason) => Some(reason.to_string()),
        None if !registered => Some("its client was removed".to_owned()),
        None => None,
    };
    GrantRow {
        id: key.reference(),
        client_id: grant.client_id.clone(),
        subject: grant.sub.clone(),
        person: short(&grant.evidence.person),
        sid: grant.sid.clone(),
        scopes: grant.scopes.clone(),
        gate: grant.permit.as_ref().map(|permit| permit.gate.clone()),
        issued: grant.issued,
        expires: key.expires(),
        state: if reason.is_none() { LIVING } else { ENDED }.to_owned(),
        reason,
    }
}
