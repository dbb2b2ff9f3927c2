//! A grant: what a person agreed to release to a relying party, and what the policies permitted.
//!
//! Invariant: a grant ends in one place, [`Grants::end_in`], for one reason, with one entry in the
//! audit log; what has ended does not come back.

use sekisho_access::Permit;
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::claims_request::ClaimsRequest;
use sekisho_oauth::refresh::Family;
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Looked, Stands};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tables::AccessToken;
use crate::{Evidence, Grants, tables};

/// What was granted to a relying party.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The relying party.
    pub client_id: String,
    /// Pairwise subject.
    pub sub: String,
    /// The session's public identifier.
    pub sid: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Claims that were named one by one.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// Claims that the person chose to leave out.
    pub withheld: Vec<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// What it stands on.
    pub evidence: Evidence,
    /// What was permitted of a GPU service.
    #[serde(rename = "granted")]
    pub permit: Option<GrantedPermit>,
    /// How far its refresh tokens have come, if it has any.
    #[serde(default)]
    pub refresh: Option<Family>,
    /// Why it ended, if it did.
    #[serde(rename = "revoked")]
    pub ended: Option<Reason>,
}

/// A permit as it is kept with a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "PermitRow")]
pub struct GrantedPermit {
    /// RFC 9396 details as granted.
    pub details: Claims,
    /// Groups.
    pub groups: Vec<String>,
    /// The gate.
    pub gate: String,
    /// Version of the policies.
    pub policy_version: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// A permit as it stands in a row; older ones have their end among the details alone.
#[derive(Deserialize)]
struct PermitRow {
    details: Claims,
    groups: Vec<String>,
    gate: String,
    policy_version: String,
    expires: Option<Timestamp>,
}

impl From<PermitRow> for GrantedPermit {
    fn from(row: PermitRow) -> Self {
        let PermitRow { details, groups, gate, policy_version, expires } = row;
        let told = || Timestamp::from_rfc3339(details.get("expires").and_then(Value::as_str)?);
        // One without an end is over: nothing is permitted for ever.
        let expires = expires.or_else(told).unwrap_or(Timestamp::from_unix(0));
        Self { details, groups, gate, policy_version, expires }
    }
}

impl GrantedPermit {
    /// What the policies of this version permitted at this gate.
    pub fn new(permit: Permit, gate: &str, policy_version: &str) -> Self {
        let Permit { details, groups, expires } = permit;
        let (gate, policy_version) = (gate.to_owned(), policy_version.to_owned());
        Self { details, groups, gate, policy_version, expires }
    }
}

impl Grant {
    /// The grant as far as one of its access tokens goes.
    #[must_use]
    pub(crate) fn limited_to(mut self, token: &AccessToken) -> Self {
        if let Some(scopes) = &token.scopes {
            self.scopes.clone_from(scopes);
        }
        if let (Some(permit), Some(details)) = (&mut self.permit, &token.authorization_details) {
            permit.details.clone_from(details);
        }
        self
    }

    /// What a token request asks for of what was granted, if it asks for less
    /// (RFC 9396, section 6.1). `None` if it asks for something else.
    pub(crate) fn narrow(&self, asked: Option<&Claims>, now: Timestamp) -> Option<Option<Claims>> {
        let Some(asked) = asked else { return Some(None) };
        sekisho_access::narrowed(&self.permit(now)?.details, asked).map(Some)
    }

    /// What was permitted of a GPU service, until it ends: a grant with refresh tokens may live
    /// longer.
    pub fn permit(&self, now: Timestamp) -> Option<&GrantedPermit> {
        self.permit.as_ref().filter(|permit| now < permit.expires)
    }

    /// Whether `scope` was granted.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

/// Why a grant ends.
pub(crate) enum End<'a> {
    /// A credential of it no longer stands.
    Fallen(&'a Fallen),
    /// Something else, and who did it.
    Because(Reason, Actor),
}

impl Grants {
    /// Ends a grant: its code, its refresh tokens and its access tokens are dead from here on.
    pub(crate) fn end_in(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        mut grant: Grant,
        end: &End<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (reason, actor) = match end {
            End::Fallen(fallen) => (Reason::Code(fallen.code), &Actor::Broker),
            End::Because(reason, actor) => (*reason, actor),
        };
        grant.ended = Some(reason);
        tx.put::<tables::Grants>(key, &grant)?;
        let entry = entry(now, actor, Act::GrantEnd, key.reference(), Outcome::Done)
            .because(reason)
            .with("client", grant.client_id.as_str());
        tx.append(match end {
            End::Fallen(fallen) => entry.with("credential", fallen.credential.as_str()),
            End::Because(..) => entry,
        });
        Ok(())
    }

    /// Ends a grant because of a credential. Where the status only cannot be read just now, nothing is
    /// written.
    pub(crate) async fn end_fallen(
        &self,
        key: &HandleKey,
        fallen: &Fallen,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !fallen.is_final() {
            return Ok(());
        }
        self.site
            .store()
            .transact(|tx| match live_in(tx, key)? {
                Some(grant) => self.end_in(tx, key, grant, &End::Fallen(fallen), now),
                None => Ok(()),
            })
            .await
    }

    /// Whether a grant stands, for whoever is told of it: it has not ended, and its credentials stand.
    pub(crate) async fn standing_grant(
        &self,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<(Grant, Stands)>, StoreError> {
        let looked = self.looked_grant(key, now).await?;
        Ok(looked.and_then(|(grant, looked)| Some((grant, looked.told().ok()?))))
    }

    /// The same for whoever will write: what was found outside the transaction. A grant whose
    /// credentials have fallen ends here.
    pub(crate) async fn looked_grant(
        &self,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<(Grant, Looked)>, StoreError> {
        let grant = self.site.store().get::<tables::Grants>(key).await?;
        let Some(grant) = grant.filter(|grant| grant.ended.is_none()) else { return Ok(None) };
        let looked = self.standing.look(&grant.evidence.relied, now).await;
        if let Some(fallen) = looked.fallen() {
            self.end_fallen(key, fallen, now).await?;
            return Ok(None);
        }
        Ok(Some((grant, looked)))
    }
}

/// A grant that has not ended.
pub(crate) fn live_in(tx: &mut Tx, key: &HandleKey) -> Result<Option<Grant>, StoreError> {
    Ok(tx.get::<tables::Grants>(key)?.filter(|grant| grant.ended.is_none()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_permit_of_before_ends_when_its_details_say() {
        let row = |details: Value| -> GrantedPermit {
            let row = json!({"details": details, "groups": [], "gate": "g", "policy_version": "1"});
            serde_json::from_value(row).unwrap()
        };
        let permit = row(json!({"expires": "2026-11-21T05:32:00Z"}));
        assert_eq!(permit.expires, Timestamp::from_unix(1_795_239_120));
        assert_eq!(row(json!({})).expires, Timestamp::from_unix(0));
        let written = serde_json::to_value(&permit).unwrap();
        assert_eq!(serde_json::from_value::<GrantedPermit>(written).unwrap(), permit);
    }
}
