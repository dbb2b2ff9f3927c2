//! A grant: what a person agreed to release to a relying party, and what the policies permitted.
//!
//! Invariant: a grant ends in one place, [`Grant::end_in`], for one reason, with one entry in the
//! audit log. A grant that has ended never becomes valid again.

use sekisho_access::Permit;
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::claims_request::ClaimsRequest;
use sekisho_oauth::refresh::Family;
use sekisho_oauth::token::TokenError;
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Looked, Stands};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tables::AccessToken;
use crate::{Evidence, Grants, tables};

/// What a person granted to a relying party.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The client id of the relying party.
    pub client_id: String,
    /// The pairwise subject of the person at this relying party.
    pub sub: String,
    /// The public identifier (`sid`) of the session in which the person agreed.
    pub sid: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// Claims that the request named one by one, besides its scopes.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// Names of optional claims that the person chose to leave out.
    pub withheld: Vec<String>,
    /// The `nonce` of the authorization request, for the ID token.
    pub nonce: Option<String>,
    /// The claims, and the credentials that must stay valid.
    pub evidence: Evidence,
    /// The permitted use of a GPU service; `None` if none was asked for.
    #[serde(rename = "granted")]
    pub permit: Option<GrantedPermit>,
    /// The state of the refresh tokens; `None` if there are none.
    #[serde(default)]
    pub refresh: Option<Family>,
    /// The reason for which the grant ended; `None` while it is alive.
    #[serde(rename = "revoked")]
    pub ended: Option<Reason>,
}

/// A permit, as stored in a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "PermitRow")]
pub struct GrantedPermit {
    /// The permitted use, as `authorization_details` (RFC 9396).
    pub details: Claims,
    /// Names of the groups that the person gets at the service.
    pub groups: Vec<String>,
    /// The id of the gate that decided.
    pub gate: String,
    /// The version of the policies that decided.
    pub policy_version: String,
    /// When the permit ends.
    pub expires: Timestamp,
}

/// A permit as stored. Old rows have `expires` only inside `details`.
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
        // A permit without an end counts as ended: nothing may be permitted without limit.
        let expires = expires.or_else(told).unwrap_or(Timestamp::from_unix(0));
        Self { details, groups, gate, policy_version, expires }
    }
}

impl GrantedPermit {
    /// The permit that the policies of this version gave at this gate.
    pub fn new(permit: Permit, gate: &str, policy_version: &str) -> Self {
        let Permit { details, groups, expires } = permit;
        let (gate, policy_version) = (gate.to_owned(), policy_version.to_owned());
        Self { details, groups, gate, policy_version, expires }
    }
}

impl Grant {
    /// Ends the grant. From now on its code, its refresh tokens and its access tokens are invalid.
    pub(crate) fn end_in(
        mut self,
        tx: &mut Tx,
        key: &HandleKey,
        end: &End<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (reason, actor) = match end {
            End::Fallen(fallen) => (Reason::Code(fallen.code), &Actor::Broker),
            End::Because(reason, actor) => (*reason, actor),
        };
        self.ended = Some(reason);
        tx.put::<tables::Grants>(key, &self)?;
        let entry = entry(now, actor, Act::GrantEnd, key.reference(), Outcome::Done)
            .because(reason)
            .with("client", self.client_id.as_str());
        tx.append(match end {
            End::Fallen(fallen) => entry.with("credential", fallen.credential.as_str()),
            End::Because(..) => entry,
        });
        Ok(())
    }

    /// The grant, reduced to the scopes and details of one of its access tokens.
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

    /// The details that a token request asks for, if it asks for fewer than were granted (RFC 9396,
    /// section 6.1); `None` if it asks for none. An error if it asks for something that was not
    /// granted.
    pub(crate) fn narrow(
        &self,
        asked: Option<&Claims>,
        now: Timestamp,
    ) -> Result<Option<Claims>, TokenError> {
        let Some(asked) = asked else { return Ok(None) };
        let narrowed =
            self.permit(now).and_then(|permit| sekisho_access::narrowed(&permit.details, asked));
        narrowed.map(Some).ok_or(TokenError::InvalidAuthorizationDetails)
    }

    /// The permitted use of a GPU service, or `None` once it has ended. A grant with refresh tokens
    /// may live longer than its permit.
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
    /// One of its credentials no longer stands.
    Fallen(&'a Fallen),
    /// Another reason, and who caused it.
    Because(Reason, Actor),
}

impl Grants {
    /// Ends a grant because one of its credentials no longer stands. Writes nothing if the
    /// credential's status merely cannot be read now.
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
                Some(grant) => grant.end_in(tx, key, &End::Fallen(fallen), now),
                None => Ok(()),
            })
            .await
    }

    /// The grant, if it has not ended and its credentials stand, for an answer that writes nothing.
    pub(crate) async fn standing_grant(
        &self,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<(Grant, Stands)>, StoreError> {
        let looked = self.looked_grant(key, now).await?;
        Ok(looked.and_then(|(grant, looked)| Some((grant, looked.told().ok()?))))
    }

    /// The grant, if it has not ended and its credentials stand, for a caller that will write: the
    /// result of `sekisho_standing::Standing::look` must be checked again in the transaction. If a
    /// credential no longer stands, the grant ends here.
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

/// The grant, if it has not ended.
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
