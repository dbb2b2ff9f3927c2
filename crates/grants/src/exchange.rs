//! Token exchange: an access token for another one that reaches no further (RFC 8693).
//!
//! Invariant: the new token belongs to the same grant as the one before, ends with both, and has
//! nothing that the one before has not. The operator has registered who may exchange what: the client
//! acts behind the resource of the token before, and may ask for the resource of the new one. A client
//! that got the token itself may exchange it only for a resource to which the person agreed.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_oauth::authorization::TargetError;
use sekisho_oauth::scope;
use sekisho_oauth::token::{ACCESS_TOKEN_TYPE, TokenBinding, TokenError, TokenResponse};
use sekisho_profile::{Act, Outcome, scopes};
use sekisho_registry::{Authenticated, Resource, Resources, TokenFailure};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Stands};
use sekisho_store::{StoreError, Tx};

use crate::access::{Presented, details_at};
use crate::grant::{End, live_in};
use crate::tables::{AccessToken, Exchanged};
use crate::{Grant, Grants, tables};

/// How many clients may act one behind the other.
const DEPTH: usize = 3;

/// The result of the transaction that exchanges a token.
enum Outcomes {
    Given,
    Rejected,
    NotNow,
}

impl Grants {
    /// Exchanges an access token of a person for one for another resource.
    pub async fn exchange(
        &self,
        client: &Authenticated,
        subject_token: &str,
        scope: Option<&str>,
        names: &[String],
    ) -> Result<TokenResponse, TokenFailure> {
        if client.client().is_public() {
            return Err(TokenError::UnauthorizedClient.into());
        }
        let now = self.site.now();
        let refused = || TokenFailure::from(TokenError::SubjectToken);
        let Some(Presented::OfGrant(from, before)) = self.presented(subject_token, now).await?
        else {
            return Err(refused());
        };
        let resources = self.registry.resources().await?;
        let resource = target(&resources, client.client_id(), names)?;
        let grant = self.site.store().get::<tables::Grants>(&before.grant).await?;
        let grant = grant.ok_or_else(refused)?;
        let giver = self.registry.find_client(&grant.client_id).await?;
        let giver = giver.filter(|party| grant.suits(party)).ok_or_else(refused)?;
        // What introspection knows no more is exchanged no more.
        if !self.is_reached(&before, &grant).await? {
            return Err(refused());
        }
        if !is_agent(&resources, client.client_id(), &before) {
            if !before.is_of(&grant, client.party()) {
                return Err(refused());
            }
            // Its own token reaches no server that the person did not see.
            if !grant.resources.contains(&resource.audience) {
                return Err(TokenError::from(TargetError::Unknown).into());
            }
        }
        let exchanged = next(client, from, &before).ok_or_else(refused)?;
        let (grant, looked) = self.looked(&before.grant, grant, now).await?.ok_or_else(refused)?;
        let left = narrowed(&grant, &before, resource, scope)?;
        let end = from.expires().min(now.plus(resource.lifetime));
        let end = grant.evidence.ends().map_or(end, |latest| end.min(latest));
        let token = Handle::new(end, self.site.entropy());
        let row = AccessToken {
            scopes: Some(left),
            authorization_details: before.authorization_details.clone(),
            resource: Some(resource.audience.clone()),
            exchanged: Some(exchanged),
            ..AccessToken::bearer(before.grant, now)
        };
        let attempt = Attempt { client, from, token: token.key(), row: &row, resource, now };
        let relied = &grant.evidence.relied;
        let decided = self.standing.decide(relied, looked, |tx, stands| {
            if !self.registry.is_registered_in(tx, &giver)?
                || !self.registry.is_registered_in(tx, client.party())?
                || !self.registry.is_resources_of_in(tx, resources.version)?
            {
                return Ok(Outcomes::Rejected);
            }
            give(tx, stands, &attempt)
        });
        match decided.await? {
            Outcomes::Given => {}
            Outcomes::Rejected => return Err(refused()),
            Outcomes::NotNow => return Err(TokenError::TemporarilyUnavailable.into()),
        }
        let grant = grant.limited_to(&row).within(&giver);
        let of = (Some(resource), &token);
        let access_token = self.access_token(&giver, &grant, &row, of, now).await?;
        Ok(TokenResponse {
            access_token,
            token_type: TokenBinding::Bearer.token_type(),
            issued_token_type: Some(ACCESS_TOKEN_TYPE),
            expires_in: end.since(now),
            scope: Some(resource.scopes_among(&grant.scopes)),
            refresh_token: None,
            id_token: None,
            authorization_details: details_at(resource, &grant, now).map(|details| vec![details]),
        })
    }
}

/// One exchange.
struct Attempt<'a> {
    client: &'a Authenticated,
    from: HandleKey,
    token: HandleKey,
    row: &'a AccessToken,
    resource: &'a Resource,
    now: Timestamp,
}

/// Stores the new token, if the one before and its grant are still there.
fn give(
    tx: &mut Tx,
    stands: Result<Stands, &Fallen>,
    attempt: &Attempt<'_>,
) -> Result<Outcomes, StoreError> {
    let Attempt { client, from, token, row, resource, now } = attempt;
    let Some(grant) = live_in(tx, &row.grant)? else { return Ok(Outcomes::Rejected) };
    if tx.get::<tables::AccessTokens>(from)?.is_none() {
        return Ok(Outcomes::Rejected);
    }
    if let Err(fallen) = stands {
        if !fallen.is_final() {
            return Ok(Outcomes::NotNow);
        }
        grant.end_in(tx, &row.grant, &End::Fallen(fallen), *now)?;
        return Ok(Outcomes::Rejected);
    }
    tx.put::<tables::AccessTokens>(token, row)?;
    let actor = Actor::Client(client.client_id().to_owned());
    let done = entry(*now, &actor, Act::TokenExchange, from.reference(), Outcome::Done);
    let done = done.with("grant", row.grant.reference());
    tx.append(done.with("resource", resource.id.as_str()));
    Ok(Outcomes::Given)
}

/// The one resource that the request names; this client may ask for it.
fn target<'r>(
    resources: &'r Resources,
    client_id: &str,
    names: &[String],
) -> Result<&'r Resource, TokenError> {
    let mut found: Vec<&Resource> = Vec::new();
    for name in names {
        let resource = resources.called(name).filter(|resource| resource.is_for(client_id));
        let resource = resource.ok_or(TargetError::Unknown)?;
        if !found.iter().any(|one| one.id == resource.id) {
            found.push(resource);
        }
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(TokenError::Missing("resource or audience")),
        _ => Err(TargetError::Several.into()),
    }
}

/// Whether the client acts behind the resource that the token is for.
fn is_agent(resources: &Resources, client_id: &str, before: &AccessToken) -> bool {
    let resource = before.resource.as_deref().and_then(|name| resources.of_audience(name));
    resource.is_some_and(|resource| resource.has_agent(client_id))
}

/// Whether the client may exchange this token: it acts behind its resource, or has it itself.
pub(crate) fn may_exchange(
    resources: &Resources,
    client_id: &str,
    before: &AccessToken,
    grant: &Grant,
) -> bool {
    is_agent(resources, client_id, before) || before.client_id(grant) == client_id
}

/// The chain of those who act, with this client before the others. `None` if it gets too long.
fn next(client: &Authenticated, from: HandleKey, before: &AccessToken) -> Option<Exchanged> {
    let mut actors = Vec::new();
    if let Some(exchanged) = &before.exchanged {
        actors.push(exchanged.client_id.clone());
        actors.extend(exchanged.before.iter().cloned());
    }
    (actors.len() < DEPTH).then(|| Exchanged {
        from,
        client_id: client.client_id().to_owned(),
        generation: client.party().generation,
        before: actors,
    })
}

/// The scopes of the new token: those that the token before has, as far as they mean something at the
/// resource or release claims of the person, or of these the ones that the request names.
fn narrowed(
    grant: &Grant,
    before: &AccessToken,
    resource: &Resource,
    asked: Option<&str>,
) -> Result<Vec<String>, TokenError> {
    let held = before.scopes.as_ref().unwrap_or(&grant.scopes);
    let released = scopes::supported();
    let fits = |scope: &String| resource.has_scope(scope) || released.contains(&scope.as_str());
    let Some(asked) = asked else {
        return Ok(held.iter().filter(|scope| fits(scope)).cloned().collect());
    };
    let asked = scope::parse(asked).map_err(|_| TokenError::InvalidScope)?;
    let held = |wanted: &String| held.iter().any(|scope| scope::covers(scope, wanted));
    if asked.iter().all(|wanted| held(wanted) && fits(wanted)) {
        Ok(asked)
    } else {
        Err(TokenError::InvalidScope)
    }
}
