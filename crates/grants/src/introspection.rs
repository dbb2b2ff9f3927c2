//! Introspection: what a client learns about its own token, and a resource about a token for itself
//! (RFC 7662, RFC 9701). Revocation: how a client ends its own token (RFC 7009).
//!
//! Invariant: only its own client and the resource that it is for learn that a token exists.

use std::sync::Arc;

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::{Algorithm, Claims, Header, b64u};
use sekisho_keyring::Purpose;
use sekisho_oauth::params::Params;
use sekisho_oauth::refresh::{RefreshToken, Rotation};
use sekisho_oauth::token::{GrantType, TokenBinding, TokenError};
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_registry::{
    Authenticated, ClientEvidence, Registered, RelyingParty, Resource, TokenFailure,
};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, entry};
use sekisho_store::StoreError;
use serde_json::{Value, json};

use crate::access::{Presented, details_at};
use crate::exchange::may_exchange;
use crate::grant::{End, live_in, told};
use crate::tables::{AccessToken, ClientToken};
use crate::{Grant, Grants, Unclear, tables};

/// No parameter may be repeated at introspection and revocation.
const REPEATABLE: &[&str] = &[];

/// The answer of the introspection endpoint.
pub enum Introspection {
    /// A JSON object (RFC 7662, section 2.2).
    Plain(Value),
    /// A signed JWT (RFC 9701, section 5).
    Signed(String),
}

/// Who asks about a token.
enum Caller {
    /// A confidential client, about its own tokens.
    Client(Box<Authenticated>),
    /// A resource, about tokens for itself.
    Resource(Arc<Registered>),
}

/// A token that was presented to its own client or resource, with what it stands for.
enum Known {
    Access(HandleKey, Box<AccessToken>, Box<Grant>),
    Refresh(RefreshToken, Box<Grant>),
    OfClient(Timestamp, ClientToken),
}

impl Caller {
    fn id(&self) -> &str {
        match self {
            Self::Client(client) => client.client_id(),
            Self::Resource(resource) => &resource.resource.id,
        }
    }

    /// Whether the caller may learn of a token of this client, or for this resource.
    fn may_see(&self, audience: Option<&str>, is_own: impl FnOnce(&RelyingParty) -> bool) -> bool {
        match self {
            Self::Client(client) => is_own(client.party()),
            Self::Resource(resource) => audience == Some(&resource.resource.audience),
        }
    }
}

impl Grants {
    /// The introspection endpoint: describes a client's own token, or a token for a resource to that
    /// resource. For any other token it answers only that it is not active (RFC 7662, section 2.2).
    pub async fn introspect(
        &self,
        evidence: &ClientEvidence<'_>,
        signed: bool,
    ) -> Result<Introspection, TokenFailure> {
        let caller = match self.registry.authenticate_resource(evidence).await? {
            Some(resource) => Caller::Resource(resource),
            None => Caller::Client(Box::new(self.registry.authenticate(evidence).await?)),
        };
        if matches!(&caller, Caller::Client(client) if client.client().is_public()) {
            return Err(TokenError::NotAuthenticated.into());
        }
        let text = named_token(evidence.form)?;
        let now = self.site.now();
        let answer = match self.known(&caller, &text, now).await? {
            Some(known) => self.describe(&caller, known, now).await?,
            None => Claims::from_iter([("active".to_owned(), false.into())]),
        };
        if !signed {
            return Ok(Introspection::Plain(Value::Object(answer)));
        }
        self.signed_answer(&caller, &answer, now).map(Introspection::Signed)
    }

    /// The answer as a JWT (RFC 9701, section 5).
    fn signed_answer(
        &self,
        caller: &Caller,
        answer: &Claims,
        now: Timestamp,
    ) -> Result<String, TokenFailure> {
        let algorithm = match caller {
            Caller::Client(client) => client.client().id_token_signed_response_alg,
            Caller::Resource(resource) => resource.resource.algorithm,
        };
        let ring = self.keyring.ring();
        let active = ring.active(&Purpose::IdToken, algorithm);
        let active = active.or_else(|| ring.active(&Purpose::IdToken, Algorithm::Rs256));
        let active = active.ok_or(Refusal::NoKey)?;
        let claims = json!({
            "iss": self.site.origin().as_str(),
            "aud": caller.id(),
            "iat": now.unix(),
            "token_introspection": answer,
        });
        let header = Header::for_key(&active.key, "token-introspection+jwt");
        Ok(sekisho_jose::sign(&active.key, &header, &claims).map_err(|_| Refusal::NoKey)?)
    }

    async fn describe(
        &self,
        caller: &Caller,
        known: Known,
        now: Timestamp,
    ) -> Result<Claims, TokenFailure> {
        match known {
            Known::Access(key, row, grant) => {
                let resources = self.registry.resources().await?;
                let audience = row.resource.as_deref();
                let resource = audience.and_then(|audience| resources.of_audience(audience));
                let mut answer = self.describe_grant(&grant, resource, key.expires(), now);
                answer.insert("client_id".to_owned(), row.client_id(&grant).into());
                if let Some(exchanged) = &row.exchanged {
                    answer.insert("act".to_owned(), exchanged.act());
                }
                answer.insert("token_type".to_owned(), row.binding.token_type().into());
                answer.insert("iat".to_owned(), row.issued_at(&key).unix().into());
                if row.resource.is_some() {
                    answer.insert("jti".to_owned(), b64u::encode(key.to_bytes()).into());
                }
                if matches!(caller, Caller::Resource(_)) {
                    self.describe_person(&mut answer, &grant, now).await?;
                }
                Ok(answer)
            }
            Known::Refresh(token, grant) => {
                Ok(self.describe_grant(&grant, None, token.family.expires(), now))
            }
            Known::OfClient(exp, token) => Ok(self.describe_client(&token, exp)),
        }
    }

    fn describe_grant(
        &self,
        grant: &Grant,
        resource: Option<&Resource>,
        exp: Timestamp,
        now: Timestamp,
    ) -> Claims {
        let mut answer = Claims::new();
        let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
        let scopes = match resource {
            None => grant.scopes.join(" "),
            Some(resource) => resource.scopes_among(&grant.scopes),
        };
        let audience =
            resource.map_or(self.registry.userinfo_audience(), |resource| &resource.audience);
        put("active", true.into());
        put("scope", scopes.into());
        put("client_id", grant.client_id.as_str().into());
        put("sub", grant.sub.as_str().into());
        put("iss", self.site.origin().as_str().into());
        put("aud", audience.into());
        put("exp", exp.unix().into());
        let details = match resource {
            None => grant.permit(now).map(|permit| permit.details.clone()),
            Some(resource) => details_at(resource, grant, now),
        };
        if let Some(details) = details {
            put("authorization_details", json!([details]));
        }
        answer
    }

    /// Adds what the person agreed to tell: the name of the account, and groups.
    async fn describe_person(
        &self,
        answer: &mut Claims,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<(), TokenFailure> {
        let Some(party) = self.registry.find_client(&grant.client_id).await? else { return Ok(()) };
        let released = self.released_claims(&party, grant, &grant.scopes, &[], now).await?;
        for (name, from) in [("username", "preferred_username"), ("groups", "groups")] {
            if let Some(value) = released.get(from) {
                answer.insert(name.to_owned(), value.clone());
            }
        }
        answer.insert("auth_time".to_owned(), grant.evidence.auth_time.unix().into());
        if let Some(acr) = grant.evidence.channel.acr() {
            answer.insert("acr".to_owned(), acr.into());
        }
        Ok(())
    }

    fn describe_client(&self, token: &ClientToken, exp: Timestamp) -> Claims {
        let ClientToken { client_id, resource, scopes, issued, .. } = token;
        let claims = json!({
            "active": true,
            "scope": scopes.join(" "),
            "client_id": client_id,
            "sub": client_id,
            "iss": self.site.origin().as_str(),
            "aud": resource,
            "exp": exp.unix(),
            "iat": issued.unix(),
            "token_type": TokenBinding::Bearer.token_type(),
        });
        if let Value::Object(claims) = claims { claims } else { Claims::new() }
    }

    /// What the token stands for, if it is valid and the caller may learn of it.
    async fn known(
        &self,
        caller: &Caller,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<Known>, Unclear> {
        let store = self.site.store();
        if let Some(token) = self.refresh_token(text, now) {
            let grant = store.get::<tables::Grants>(&token.family).await?;
            // Check first whose token it is, so that a question of another client does not end the
            // grant.
            let own = |grant: &Grant| caller.may_see(None, |party| grant.suits(party));
            let Some(grant) = grant.filter(own) else { return Ok(None) };
            let Some(grant) = told(self.looked(&token.family, grant, now).await?) else {
                return Ok(None);
            };
            let alive = grant.refresh.is_some_and(|family| {
                let rotation = family.present(token.generation, now);
                !matches!(rotation, Rotation::Reused | Rotation::Unknown)
            });
            let grant = match caller {
                Caller::Client(client) => grant.within(client.party()),
                Caller::Resource(_) => grant,
            };
            return Ok(alive.then(|| Known::Refresh(token, Box::new(grant))));
        }
        match self.presented(text, now).await? {
            None => Ok(None),
            Some(Presented::OfGrant(key, row)) => {
                let grant = store.get::<tables::Grants>(&row.grant).await?;
                let audience = row.resource.as_deref();
                let own = |grant: &Grant| caller.may_see(audience, |party| row.is_of(grant, party));
                let Some(grant) = grant.filter(own) else { return Ok(None) };
                if !self.is_reached(&row, &grant).await? {
                    return Ok(None);
                }
                let giver = self.registry.find_client(&grant.client_id).await?;
                let Some(giver) = giver.filter(|party| grant.suits(party)) else { return Ok(None) };
                let grant = told(self.looked(&row.grant, grant, now).await?);
                let grant = grant.map(|grant| grant.limited_to(&row).within(&giver));
                Ok(grant.map(|grant| Known::Access(key, row, Box::new(grant))))
            }
            Some(Presented::OfClient(exp, token)) => {
                let audience = Some(token.resource.as_str());
                let own = |party: &RelyingParty| {
                    token.is_of(party) && party.client.may_use(GrantType::ClientCredentials)
                };
                let seen = caller.may_see(audience, own)
                    && self.reaches(&token.client_id, audience, own).await?;
                Ok(seen.then_some(Known::OfClient(exp, token)))
            }
        }
    }

    /// Whether the client of an access token of this grant may still have it, and so may everybody who
    /// exchanged a token on the way to it.
    pub(crate) async fn is_reached(
        &self,
        row: &AccessToken,
        grant: &Grant,
    ) -> Result<bool, StoreError> {
        let resources = self.registry.resources().await?;
        let mut row = row.clone();
        loop {
            let may = |party: &RelyingParty| {
                let acts = party.client.may_use(GrantType::TokenExchange);
                row.is_of(grant, party) && (row.exchanged.is_none() || acts)
            };
            if !self.reaches(row.client_id(grant), row.resource.as_deref(), may).await? {
                return Ok(false);
            }
            let Some(exchanged) = &row.exchanged else { return Ok(true) };
            let before = self.site.store().get::<tables::AccessTokens>(&exchanged.from).await?;
            let Some(before) = before else { return Ok(false) };
            if !may_exchange(&resources, &exchanged.client_id, &before, grant) {
                return Ok(false);
            }
            row = before;
        }
    }

    /// Whether the client is still registered as it was when it got a token, and may still ask for
    /// tokens for the resource.
    pub(crate) async fn reaches(
        &self,
        client_id: &str,
        audience: Option<&str>,
        is_own: impl FnOnce(&RelyingParty) -> bool,
    ) -> Result<bool, StoreError> {
        let party = self.registry.find_client(client_id).await?;
        if !party.as_ref().is_some_and(is_own) {
            return Ok(false);
        }
        let Some(audience) = audience else { return Ok(true) };
        let resources = self.registry.resources().await?;
        Ok(resources.of_audience(audience).is_some_and(|one| one.is_for(client_id)))
    }

    /// The revocation endpoint. Revoking a refresh token ends its whole grant; revoking an access
    /// token ends only that token. A token that is unknown or belongs to another client changes
    /// nothing, and the answer is the same (RFC 7009, section 2.2; attack OA-35).
    pub async fn revoke(&self, evidence: &ClientEvidence<'_>) -> Result<(), TokenFailure> {
        let client = self.registry.authenticate(evidence).await?;
        let text = named_token(evidence.form)?;
        let now = self.site.now();
        let refresh = self.refresh_token(&text, now);
        let access = self.row_of(&text).await?;
        let actor = || Actor::Client(client.client_id().to_owned());
        let mine = |grant: &Grant| grant.is_of(client.party());
        self.site
            .store()
            .transact_reserved(|tx| {
                if let Some(token) = refresh {
                    if let Some(grant) = live_in(tx, &token.family)?.filter(mine) {
                        let end = End::Because(Reason::RevokedByClient, actor());
                        grant.end_in(tx, &token.family, &end, now)?;
                    }
                } else if let Some(key) = access
                    && let Some(row) = tx.get::<tables::AccessTokens>(&key)?
                    && let Some(grant) = tx.get::<tables::Grants>(&row.grant)?
                    && row.is_of(&grant, client.party())
                {
                    tx.delete::<tables::AccessTokens>(&key)?;
                    let (act, object) = (Act::TokenRevoke, key.reference());
                    tx.append(entry(now, &actor(), act, object, Outcome::Done));
                } else if let Some(key) = access
                    && let Some(row) = tx.get::<tables::ClientTokens>(&key)?
                    && row.is_of(client.party())
                {
                    tx.delete::<tables::ClientTokens>(&key)?;
                    let (act, object) = (Act::TokenRevoke, key.reference());
                    tx.append(entry(now, &actor(), act, object, Outcome::Done));
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// `token` of an introspection or revocation request.
fn named_token(form: &Params) -> Result<String, TokenError> {
    if let Some(duplicate) = form.duplicate(REPEATABLE) {
        return Err(duplicate.into());
    }
    form.one("token")?.map(str::to_owned).ok_or(TokenError::Missing("token"))
}
