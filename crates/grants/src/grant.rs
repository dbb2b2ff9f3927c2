//! A grant: what a person agreed to release to a relying party, and what the policies permitted.
//!
//! Invariant: a grant ends in one place, [`Grant::end_in`], for one reason, with one entry in the
//! audit log. A grant that has ended never becomes valid again.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::claims_request::ClaimsRequest;
use sekisho_oauth::refresh::Family;
use sekisho_oauth::token::TokenError;
use sekisho_profile::scopes::{self, GPU_ACCESS};
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_registry::RelyingParty;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Looked};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::permit::{Again, Denial};
use crate::tables::AccessToken;
use crate::{Evidence, GrantedPermit, Grants, Unclear, tables};

/// What a person granted to a relying party.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The client id of the relying party.
    pub client_id: String,
    /// The generation of the relying party's registration. A later registration of the same id has
    /// another one.
    #[serde(default)]
    pub generation: u64,
    /// When the person agreed; `None` in rows written before this member existed.
    #[serde(default)]
    pub issued: Option<Timestamp>,
    /// The pairwise subject of the person at this relying party.
    pub sub: String,
    /// The public identifier (`sid`) of the session in which the person agreed.
    pub sid: String,
    /// The key of that session, with which a session of a guarded site ends; `None` in rows written
    /// before this member existed.
    #[serde(default)]
    pub session: Option<HandleKey>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// The audiences of the resources that were asked for (RFC 8707, section 2).
    #[serde(default)]
    pub resources: Vec<String>,
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

impl Grant {
    /// Ends the grant. From now on its code, its refresh tokens and its access tokens are invalid.
    pub(crate) fn end_in(
        mut self,
        tx: &mut Tx,
        key: &HandleKey,
        end: &End<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reason = end.reason();
        self.ended = Some(reason);
        tx.put::<tables::Grants>(key, &self)?;
        let entry = |actor| {
            entry(now, actor, Act::GrantEnd, key.reference(), Outcome::Done)
                .because(reason)
                .with("client", self.client_id.as_str())
        };
        match end {
            End::Fallen(fallen) => {
                let credential = fallen.credential.as_str();
                tx.append(entry(&Actor::Broker).with("credential", credential));
            }
            End::Denied(denial) => {
                let (gate, reasons) = (denial.gate.as_str(), denial.names());
                let entry = entry(&Actor::Broker).with("gate", gate).with("reasons", reasons);
                tx.append(entry);
            }
            End::Because(_, actor) => tx.append(entry(actor)),
            End::OnRecord => {}
        }
        Ok(())
    }

    /// The grant, reduced to the scopes and details of one of its access tokens.
    #[must_use]
    pub(crate) fn limited_to(mut self, token: &AccessToken) -> Self {
        if let Some(scopes) = &token.scopes {
            self.scopes.clone_from(scopes);
        }
        if let (Some(permit), Some(details)) = (&mut self.permit, &token.authorization_details) {
            permit.details = sekisho_access::lesser(details, &permit.details);
        }
        self
    }

    /// The grant, reduced to what its client may ask for now: the registration may have been changed
    /// since. Every answer about a grant goes through here. The row keeps what the person agreed to.
    #[must_use]
    pub(crate) fn within(mut self, party: &RelyingParty) -> Self {
        let client = &party.client;
        self.scopes.retain(|scope| scopes::is_left(scope, &client.scopes));
        let released = scopes::claims_supported(&client.scopes);
        let may = |name: &String| released.contains(&name.as_str());
        self.claims.userinfo.retain(may);
        self.claims.id_token.retain(may);
        let service = party.service.as_deref();
        self.permit = self.permit.filter(|permit| {
            client.may_ask_for(GPU_ACCESS) && permit.service().as_deref() == service
        });
        self
    }

    /// Whether the grant is this client's, and the login that it stands on is one that the client
    /// may be answered with now.
    pub(crate) fn suits(&self, party: &RelyingParty) -> bool {
        let needed = party.client.required_acr.as_deref();
        self.is_of(party) && (needed.is_none() || needed == self.evidence.channel.acr())
    }

    /// Whether the grant was given to this registration of the client, and not to another client or
    /// to one that had the same id before.
    pub fn is_of(&self, party: &RelyingParty) -> bool {
        self.client_id == party.client.client_id && self.generation == party.generation
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
    /// The rules of its gate have changed and no longer permit what was granted.
    Denied(&'a Denial),
    /// Another reason, and who caused it.
    Because(Reason, Actor),
    /// An operator ended it. The caller writes the entry in the audit log, in the same batch.
    OnRecord,
}

impl End<'_> {
    fn reason(&self) -> Reason {
        match self {
            Self::Fallen(fallen) => Reason::Code(fallen.code),
            Self::Denied(denial) => Reason::Code(denial.code()),
            Self::Because(reason, _) => *reason,
            Self::OnRecord => Reason::EndedByOperator,
        }
    }
}

impl Grants {
    /// The grant in this row, with what is permitted now, for the caller to use: it has not ended,
    /// its credentials stand, and its gate permits. A caller that writes must check the result of
    /// `sekisho_standing::Standing::look` again in its transaction.
    ///
    /// Returns `None` if the grant has ended. It ends here if a credential has fallen or the gate
    /// no longer permits.
    pub(crate) async fn looked(
        &self,
        key: &HandleKey,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Option<(Grant, Looked)>, Unclear> {
        if grant.ended.is_some() {
            return Ok(None);
        }
        let looked = self.standing.look(&grant.evidence.relied, now).await;
        if let Some(fallen) = looked.fallen() {
            if !fallen.is_final() {
                return Err(Unclear::NotNow(fallen.code));
            }
            self.end_living(key, &End::Fallen(fallen), now).await?;
            return Ok(None);
        }
        match self.decide_again(&grant, now).await? {
            Again::Permitted(permit) => Ok(Some((Grant { permit, ..grant }, looked))),
            Again::Denied(denial) if !denial.is_final() => Err(Unclear::NotNow(denial.code())),
            Again::Denied(denial) => {
                self.end_living(key, &End::Denied(&denial), now).await?;
                Ok(None)
            }
        }
    }

    async fn end_living(
        &self,
        key: &HandleKey,
        end: &End<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.site
            .store()
            .transact_reserved(|tx| match live_in(tx, key)? {
                Some(grant) => grant.end_in(tx, key, end, now),
                None => Ok(()),
            })
            .await
    }
}

/// The grant of `Grants::looked`, for an answer that writes nothing.
pub(crate) fn told(looked: Option<(Grant, Looked)>) -> Option<Grant> {
    looked.and_then(|(grant, looked)| looked.told().ok().map(|_| grant))
}

/// The grant, if it has not ended.
pub(crate) fn live_in(tx: &mut Tx, key: &HandleKey) -> Result<Option<Grant>, StoreError> {
    Ok(tx.get::<tables::Grants>(key)?.filter(|grant| grant.ended.is_none()))
}
