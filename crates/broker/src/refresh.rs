//! Refresh tokens, introspection and revocation (RFC 6749, section 6; RFC 7662; RFC 7009).
//!
//! A family of refresh tokens is a grant; its row holds how far it has come. Invariant: a token is
//! told about, ended and exchanged for its own client alone; for everybody else it does not exist.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::authentication::{AuthenticatedClient, Presented};
use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_oauth::params::Params;
use sekisho_oauth::refresh::{Family, RefreshToken, Rotation};
use sekisho_oauth::scope;
use sekisho_oauth::token::{TokenError, TokenResponse};
use sekisho_profile::{Act, Outcome, Reason, lifetimes};
use sekisho_store::{StoreError, Tx};
use serde_json::{Value, json};

use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};
use crate::grants::{TokenFailure, end};
use crate::tables::{AccessToken, AccessTokens, Grant, Grants};

/// Parameters that may be repeated at introspection and revocation: none.
const REPEATABLE: &[&str] = &[];

/// What a transaction made of a refresh token.
enum Refreshed {
    Granted(u64, Box<Grant>),
    Rejected,
}

/// How much less than was granted a refreshed access token is to be good for.
pub(crate) struct Less<'a> {
    pub(crate) scope: Option<&'a str>,
    pub(crate) details: Option<&'a Claims>,
}

/// A token that its own client presents.
enum OwnToken {
    Access(HandleKey, AccessToken),
    Refresh(RefreshToken),
}

impl Broker {
    pub(crate) async fn refresh(
        &self,
        client: &AuthenticatedClient,
        token: &str,
        less: &Less<'_>,
    ) -> Result<TokenResponse, TokenFailure> {
        if !client.client().may_ask_for(OFFLINE_ACCESS) {
            return Err(TokenError::UnauthorizedClient.into());
        }
        let now = self.clock().now();
        let invalid = || TokenFailure::from(TokenError::InvalidRefreshToken);
        let token = self.refresh_token(token, now).ok_or_else(invalid)?;
        let grant = self.standing_grant(&token.family, now).await?.ok_or_else(invalid)?;
        if grant.client_id != client.client_id() {
            return Err(invalid());
        }
        let narrower = grant.narrow(less.details, now);
        let row = AccessToken {
            grant: token.family,
            scopes: narrowed(&grant.scopes, less.scope)?,
            authorization_details: narrower.ok_or(TokenError::InvalidAuthorizationDetails)?,
        };
        let access = Handle::new(now.plus(lifetimes::ACCESS_TOKEN), self.entropy());
        let refreshed = self
            .store()
            .transact(|tx| self.rotate(tx, client, token, &access.key(), &row, now))
            .await?;
        let Refreshed::Granted(generation, grant) = refreshed else { return Err(invalid()) };
        let successor = RefreshToken { generation, ..token };
        // The nonce belongs to the first ID token alone (Core, 12.2).
        let grant = Grant { nonce: None, ..grant.limited_to(&row) };
        self.token_response(client.client(), grant, &access, Some(successor), now).await
    }

    fn refresh_token(&self, text: &str, now: Timestamp) -> Option<RefreshToken> {
        let token = RefreshToken::from_text(text, self.digests().refresh_key())?;
        (token.family.expires() > now).then_some(token)
    }

    /// The newest token moves its family on, the one before it gets the same successor for a while,
    /// and an older one ends the family.
    fn rotate(
        &self,
        tx: &mut Tx,
        client: &AuthenticatedClient,
        token: RefreshToken,
        access: &HandleKey,
        row: &AccessToken,
        now: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        let grant = tx.get::<Grants>(&token.family)?;
        let live =
            grant.filter(|grant| grant.revoked.is_none() && grant.client_id == client.client_id());
        let Some((mut grant, family)) = live.and_then(|grant| {
            let family = grant.refresh?;
            Some((grant, family))
        }) else {
            return Ok(Refreshed::Rejected);
        };
        let actor = Actor::Client(client.client_id().to_owned());
        let reference = token.family.reference();
        let attempt = |outcome| entry(now, &actor, Act::TokenRefresh, reference.as_str(), outcome);
        if let Some(fallen) = self.fallen_in(tx, &grant.evidence.relied)? {
            tx.append(attempt(Outcome::Refused).because(fallen.code));
            end(tx, &token.family, grant, &fallen, now)?;
            return Ok(Refreshed::Rejected);
        }
        let Family { generation, .. } = match family.present(token.generation, now) {
            Rotation::Next(next) => {
                grant.refresh = Some(next);
                tx.put::<Grants>(&token.family, &grant)?;
                next
            }
            Rotation::Again => family,
            Rotation::Reused => {
                grant.revoked = Some(Reason::RefreshReused);
                tx.put::<Grants>(&token.family, &grant)?;
                tx.append(
                    attempt(Outcome::Refused).because("refresh token reused: the grant is revoked"),
                );
                return Ok(Refreshed::Rejected);
            }
            Rotation::Unknown => return Ok(Refreshed::Rejected),
        };
        tx.put::<AccessTokens>(access, row)?;
        tx.append(attempt(Outcome::Done).with("generation", generation));
        Ok(Refreshed::Granted(generation, Box::new(grant)))
    }

    /// The introspection endpoint: what a client's own token is good for; of every other one, only
    /// that it is not active (RFC 7662, section 2.2).
    pub async fn introspect(
        &self,
        authorization: Option<&str>,
        form: &Params,
    ) -> Result<Value, TokenFailure> {
        let presented = Presented::from_request(authorization, form)?;
        let client = self.authenticate(&presented, "/introspect").await?;
        if client.client().is_public() {
            return Err(TokenError::NotAuthenticated.into());
        }
        let text = named_token(form)?;
        let now = self.clock().now();
        let found = self.own_token(&client, &text, now).await?;
        let described = match found {
            Some((OwnToken::Access(key, row), grant)) => {
                let issued = key.expires().plus(-lifetimes::ACCESS_TOKEN);
                let mut answer = self.describe(&grant.limited_to(&row), key.expires());
                answer.insert("token_type".to_owned(), "Bearer".into());
                answer.insert("iat".to_owned(), issued.unix().into());
                Some(answer)
            }
            Some((OwnToken::Refresh(token), grant)) => {
                Some(self.describe(&grant, token.family.expires()))
            }
            None => None,
        };
        Ok(described.map_or_else(|| json!({"active": false}), Value::Object))
    }

    fn describe(&self, grant: &Grant, exp: Timestamp) -> Claims {
        let issuer = self.config().origin.as_str();
        let mut answer = Claims::new();
        let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
        put("active", true.into());
        put("scope", grant.scopes.join(" ").into());
        put("client_id", grant.client_id.as_str().into());
        put("sub", grant.sub.as_str().into());
        put("iss", issuer.into());
        put("aud", issuer.into());
        put("exp", exp.unix().into());
        if let Some(granted) = grant.permit(self.clock().now()) {
            put("authorization_details", json!([granted.details]));
        }
        answer
    }

    /// The token, if it is alive and this client's, with its grant.
    async fn own_token(
        &self,
        client: &AuthenticatedClient,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<(OwnToken, Grant)>, StoreError> {
        let token = if let Some(token) = self.refresh_token(text, now) {
            OwnToken::Refresh(token)
        } else {
            let key = Handle::parse(text).map(|handle| handle.key());
            let Some(key) = key.filter(|key| key.expires() > now) else { return Ok(None) };
            let row = self.store().get::<AccessTokens>(&key).await?;
            let Some(row) = row else { return Ok(None) };
            OwnToken::Access(key, row)
        };
        let key = match &token {
            OwnToken::Access(_, row) => row.grant,
            OwnToken::Refresh(token) => token.family,
        };
        let grant = self.store().get::<Grants>(&key).await?;
        if grant.is_none_or(|grant| grant.client_id != client.client_id()) {
            return Ok(None);
        }
        let Some(grant) = self.standing_grant(&key, now).await? else { return Ok(None) };
        let alive = match &token {
            OwnToken::Access(..) => true,
            OwnToken::Refresh(token) => grant.refresh.is_some_and(|family| {
                !matches!(
                    family.present(token.generation, now),
                    Rotation::Reused | Rotation::Unknown
                )
            }),
        };
        Ok(alive.then_some((token, grant)))
    }

    /// The revocation endpoint: a refresh token ends with everything of its grant, an access token
    /// alone. Tokens that are unknown or another client's change nothing, and it is not told which
    /// (RFC 7009, section 2.2; attack OA-35).
    pub async fn revoke(
        &self,
        authorization: Option<&str>,
        form: &Params,
    ) -> Result<(), TokenFailure> {
        let presented = Presented::from_request(authorization, form)?;
        let client = self.authenticate(&presented, "/revoke").await?;
        let text = named_token(form)?;
        let now = self.clock().now();
        let refresh = self.refresh_token(&text, now);
        let access = Handle::parse(&text).map(|handle| handle.key());
        let actor = Actor::Client(client.client_id().to_owned());
        self.store()
            .transact(|tx| {
                let mine = |grant: &Grant| grant.client_id == client.client_id();
                if let Some(token) = refresh {
                    let grant = tx.get::<Grants>(&token.family)?;
                    let live = |grant: &Grant| mine(grant) && grant.revoked.is_none();
                    if let Some(mut grant) = grant.filter(live) {
                        grant.revoked = Some(Reason::RevokedByClient);
                        tx.put::<Grants>(&token.family, &grant)?;
                        let reference = token.family.reference();
                        tx.append(entry(now, &actor, Act::GrantRevoke, reference, Outcome::Done));
                    }
                } else if let Some(key) = access
                    && let Some(row) = tx.get::<AccessTokens>(&key)?
                    && tx.get::<Grants>(&row.grant)?.is_some_and(|grant| mine(&grant))
                {
                    tx.delete::<AccessTokens>(&key)?;
                    tx.append(entry(now, &actor, Act::TokenRevoke, key.reference(), Outcome::Done));
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

/// The scopes of a refreshed token: those of the grant, or fewer (RFC 6749, section 6).
fn narrowed(granted: &[String], asked: Option<&str>) -> Result<Option<Vec<String>>, TokenError> {
    let Some(asked) = asked else { return Ok(None) };
    let asked = scope::parse(asked).map_err(|_| TokenError::InvalidScope)?;
    if asked.iter().all(|scope| granted.contains(scope)) {
        Ok(Some(asked))
    } else {
        Err(TokenError::InvalidScope)
    }
}
