//! Introspection: what a client learns about its own token (RFC 7662). Revocation: how a client
//! ends its own token (RFC 7009).
//!
//! Invariant: only its own client learns that a token exists.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::params::Params;
use sekisho_oauth::refresh::{RefreshToken, Rotation};
use sekisho_oauth::token::TokenError;
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_registry::{Authenticated, ClientEvidence, TokenFailure};
use sekisho_site::audit::{Actor, entry};
use serde_json::{Value, json};

use crate::grant::{End, live_in, told};
use crate::tables::AccessToken;
use crate::{Grant, Grants, Unclear, tables};

/// No parameter may be repeated at introspection and revocation.
const REPEATABLE: &[&str] = &[];

/// A token that its own client presented.
enum OwnToken {
    Access(HandleKey, AccessToken),
    Refresh(RefreshToken),
}

impl Grants {
    /// The introspection endpoint: describes a client's own token. For any other token it answers
    /// only that it is not active (RFC 7662, section 2.2).
    pub async fn introspect(&self, evidence: &ClientEvidence<'_>) -> Result<Value, TokenFailure> {
        let client = self.registry.authenticate(evidence).await?;
        if client.client().is_public() {
            return Err(TokenError::NotAuthenticated.into());
        }
        let text = named_token(evidence.form)?;
        let now = self.site.now();
        let found = self.own_token(&client, &text, now).await?;
        let described = found.map(|(token, grant)| match token {
            OwnToken::Access(key, row) => {
                let issued = row.issued_at(&key);
                let mut answer = self.describe(&grant.limited_to(&row), key.expires(), now);
                answer.insert("token_type".to_owned(), row.binding.token_type().into());
                answer.insert("iat".to_owned(), issued.unix().into());
                answer
            }
            OwnToken::Refresh(token) => self.describe(&grant, token.family.expires(), now),
        });
        Ok(described.map_or_else(|| json!({"active": false}), Value::Object))
    }

    fn describe(&self, grant: &Grant, exp: Timestamp, now: Timestamp) -> Claims {
        let issuer = self.site.origin().as_str();
        let mut answer = Claims::new();
        let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
        put("active", true.into());
        put("scope", grant.scopes.join(" ").into());
        put("client_id", grant.client_id.as_str().into());
        put("sub", grant.sub.as_str().into());
        put("iss", issuer.into());
        put("aud", self.registry.userinfo().audience.into());
        put("exp", exp.unix().into());
        if let Some(permit) = grant.permit(now) {
            put("authorization_details", json!([permit.details]));
        }
        answer
    }

    /// The token with its grant, if it is valid and belongs to this client.
    async fn own_token(
        &self,
        client: &Authenticated,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<(OwnToken, Grant)>, Unclear> {
        let store = self.site.store();
        let token = if let Some(token) = self.refresh_token(text, now) {
            OwnToken::Refresh(token)
        } else {
            let key = Handle::parse(text).map(|handle| handle.key());
            let Some(key) = key.filter(|key| key.expires() > now) else { return Ok(None) };
            let row = store.get::<tables::AccessTokens>(&key).await?;
            let Some(row) = row else { return Ok(None) };
            OwnToken::Access(key, row)
        };
        let key = match &token {
            OwnToken::Access(_, row) => row.grant,
            OwnToken::Refresh(token) => token.family,
        };
        // Check first whose token it is, so that a question of another client does not end the
        // grant.
        let grant = store.get::<tables::Grants>(&key).await?;
        let Some(grant) = grant.filter(|grant| grant.is_of(client.party())) else {
            return Ok(None);
        };
        let Some(grant) = told(self.looked(&key, grant, now).await?) else { return Ok(None) };
        let alive = match &token {
            OwnToken::Access(..) => true,
            OwnToken::Refresh(token) => grant.refresh.is_some_and(|family| {
                let rotation = family.present(token.generation, now);
                !matches!(rotation, Rotation::Reused | Rotation::Unknown)
            }),
        };
        Ok(alive.then_some((token, grant)))
    }

    /// The revocation endpoint. Revoking a refresh token ends its whole grant; revoking an access
    /// token ends only that token. A token that is unknown or belongs to another client changes
    /// nothing, and the answer is the same (RFC 7009, section 2.2; attack OA-35).
    pub async fn revoke(&self, evidence: &ClientEvidence<'_>) -> Result<(), TokenFailure> {
        let client = self.registry.authenticate(evidence).await?;
        let text = named_token(evidence.form)?;
        let now = self.site.now();
        let refresh = self.refresh_token(&text, now);
        let access = Handle::parse(&text).map(|handle| handle.key());
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
                    && tx.get::<tables::Grants>(&row.grant)?.is_some_and(|grant| mine(&grant))
                {
                    tx.delete::<tables::AccessTokens>(&key)?;
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
