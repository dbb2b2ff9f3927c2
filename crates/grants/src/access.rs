//! Access tokens: for which resource, in which format, and what a presented one stands for.
//!
//! Invariant: an access token is for exactly one resource, and is good nowhere else. A token that is
//! a JWT has a row like any other, named by its `jti`, so it can be revoked and ends with its grant.
//! Only the JWT of a client for itself has none: it carries the generation of the client's
//! registration.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_jose::{Algorithm, Claims, Expected, Header, UnverifiedJwt, b64u};
use sekisho_keyring::Purpose;
use sekisho_oauth::authorization::TargetError;
use sekisho_oauth::token::TokenError;
use sekisho_registry::resources::{Source, rules};
use sekisho_registry::{RelyingParty, Resource, TokenFailure, TokenFormat};
use sekisho_site::Refusal;
use sekisho_store::StoreError;
use serde_json::{Value, json};

use crate::tables::{AccessToken, ClientToken};
use crate::{Grant, Grants, tables};

/// How far `nbf` of a lean token lies in the past, in seconds: the clocks of worker nodes differ (WLCG
/// Common JWT Profiles).
const BACKDATED: i64 = 60;
/// The bytes of `jti` after the generation, in the token of a client for itself.
const RANDOM: usize = 16;
/// The algorithms that may sign access tokens.
const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Rs256, Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa];

/// What a presented access token stands for. Nothing about the grant or the client is checked yet.
pub(crate) enum Presented {
    /// A person's grant.
    OfGrant(HandleKey, Box<AccessToken>),
    /// A client itself, until this time.
    OfClient(Timestamp, ClientToken),
}

impl Grants {
    /// The resource that a token of `grant` is for, if a request names these; `None` is our userinfo
    /// endpoint. Without a name it is the only one that was granted.
    pub(crate) async fn resource_for(
        &self,
        party: &RelyingParty,
        grant: &Grant,
        names: &[String],
    ) -> Result<Option<Resource>, TokenFailure> {
        let resources = self.registry.resources().await?;
        let own = self.registry.userinfo_audience();
        let mut asked = Vec::new();
        for name in names {
            let audience = if name == own {
                own
            } else {
                let called = resources.called(name);
                &called.ok_or(TokenError::from(TargetError::Unknown))?.audience
            };
            let granted = grant.resources.iter().any(|granted| granted == audience);
            if !(granted || audience == own && grant.has_scope("openid")) {
                return Err(TokenError::from(TargetError::Unknown).into());
            }
            if !asked.contains(&audience) {
                asked.push(audience);
            }
        }
        if asked.is_empty() {
            asked.extend(grant.resources.iter().map(String::as_str));
        }
        match asked.as_slice() {
            [] => Ok(None),
            [one] if *one == own => Ok(None),
            [one] => {
                let resource = resources.of_audience(one);
                let resource = resource.filter(|one| one.is_for(&party.client.client_id));
                let resource = resource.ok_or(TokenError::from(TargetError::Unknown))?;
                Ok(Some(resource.clone()))
            }
            _ => Err(TokenError::from(TargetError::Several).into()),
        }
    }

    /// A new handle for a token for `resource`. It ends no later than the credentials behind it.
    pub(crate) fn draw_access(
        &self,
        resource: Option<&Resource>,
        grant: &Grant,
        now: Timestamp,
    ) -> Handle {
        let end = match resource {
            None => now.plus(self.registry.userinfo_lifetime()),
            Some(resource) => {
                let end = now.plus(resource.lifetime);
                grant.evidence.ends().map_or(end, |latest| end.min(latest))
            }
        };
        Handle::new(end, self.site.entropy())
    }

    /// The text of an access token for `resource`, made of `grant` as far as this token reaches. `party`
    /// is the client to which the person agreed.
    pub(crate) async fn access_token(
        &self,
        party: &RelyingParty,
        grant: &Grant,
        row: &AccessToken,
        (resource, token): (Option<&Resource>, &Handle),
        now: Timestamp,
    ) -> Result<String, TokenFailure> {
        let Some(resource) = resource.filter(|one| one.format != TokenFormat::Opaque) else {
            return Ok(token.expose().to_owned());
        };
        let key = token.key();
        let scopes = resource.scopes_among(&grant.scopes);
        let mut claims = self.protocol_claims(resource, &grant.sub, &scopes, key.expires(), now);
        claims.insert("jti".to_owned(), b64u::encode(key.to_bytes()).into());
        if resource.format == TokenFormat::Jwt {
            claims.insert("client_id".to_owned(), row.client_id(grant).into());
            claims.insert("auth_time".to_owned(), grant.evidence.auth_time.unix().into());
            claims.insert("amr".to_owned(), json!(["pop", "swk"]));
            if let Some(acr) = grant.evidence.channel.acr() {
                claims.insert("acr".to_owned(), acr.into());
            }
        }
        if let Some(exchanged) = &row.exchanged {
            claims.insert("act".to_owned(), exchanged.act());
        }
        if let Some(details) = details_at(resource, grant, now) {
            claims.insert("authorization_details".to_owned(), json!([details]));
        }
        if !resource.claims.is_empty() {
            let released = self.released_claims(party, grant, &grant.scopes, &[], now).await?;
            add_claims(&mut claims, resource, &released);
        }
        self.sign_access(resource, &claims).await
    }

    /// The claims that every access token has but `jti`.
    fn protocol_claims(
        &self,
        resource: &Resource,
        sub: &str,
        scopes: &str,
        exp: Timestamp,
        now: Timestamp,
    ) -> Claims {
        let mut claims = Claims::new();
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("iss", self.site.origin().as_str().into());
        put("sub", sub.into());
        put("aud", resource.audience.as_str().into());
        put("exp", exp.unix().into());
        put("iat", now.unix().into());
        if resource.format == TokenFormat::Lean {
            put("nbf", now.plus(-BACKDATED).unix().into());
        }
        if !scopes.is_empty() {
            put("scope", scopes.into());
        }
        claims
    }

    async fn sign_access(
        &self,
        resource: &Resource,
        claims: &Claims,
    ) -> Result<String, TokenFailure> {
        let own = resource.own_key.then(|| resource.id.clone());
        let purpose = Purpose::AccessToken { resource: own };
        let mut ring = self.keyring.ring();
        if ring.active(&purpose, resource.algorithm).is_none() {
            // Another broker may have made the key with the resource.
            self.keyring.follow().await.map_err(|_| Refusal::NoKey)?;
            ring = self.keyring.ring();
        }
        let active = ring.active(&purpose, resource.algorithm).ok_or(Refusal::NoKey)?;
        let header = Header::for_key(&active.key, resource.typ());
        Ok(sekisho_jose::sign(&active.key, &header, claims).map_err(|_| Refusal::NoKey)?)
    }

    /// A token of `client` for itself: a JWT that is stored nowhere.
    pub(crate) async fn client_jwt(
        &self,
        resource: &Resource,
        token: &ClientToken,
        exp: Timestamp,
    ) -> Result<String, TokenFailure> {
        let scopes = token.scopes.join(" ");
        let mut claims =
            self.protocol_claims(resource, &token.client_id, &scopes, exp, token.issued);
        let mut jti = token.generation.to_be_bytes().to_vec();
        let mut random = [0; RANDOM];
        self.site.entropy().fill(&mut random);
        jti.extend_from_slice(&random);
        claims.insert("jti".to_owned(), b64u::encode(jti).into());
        if resource.format == TokenFormat::Jwt {
            claims.insert("client_id".to_owned(), token.client_id.as_str().into());
        }
        for (name, source) in &resource.claims {
            if let Source::Always { value } = source {
                claims.insert(name.clone(), value.as_str().into());
            }
        }
        self.sign_access(resource, &claims).await
    }

    /// What the text of an access token stands for; `None` if we did not make it, if it has expired,
    /// or if it was revoked.
    pub(crate) async fn presented(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<Presented>, StoreError> {
        if let Some(handle) = Handle::parse(text) {
            return self.stored(handle.key(), now).await;
        }
        let Some(claims) = self.verified(text).await? else { return Ok(None) };
        let jti = claims.get("jti").and_then(Value::as_str).and_then(|jti| b64u::decode(jti).ok());
        let Some(jti) = jti else { return Ok(None) };
        match HandleKey::from_bytes(&jti) {
            Some(key) => self.stored(key, now).await,
            None => Ok(of_client(&claims, &jti, now)),
        }
    }

    /// The token in this row.
    async fn stored(
        &self,
        key: HandleKey,
        now: Timestamp,
    ) -> Result<Option<Presented>, StoreError> {
        if key.expires() <= now {
            return Ok(None);
        }
        let store = self.site.store();
        if let Some(row) = store.get::<tables::AccessTokens>(&key).await? {
            let alive = self.has_ancestors(&row, now).await?;
            return Ok(alive.then(|| Presented::OfGrant(key, Box::new(row))));
        }
        let row = store.get::<tables::ClientTokens>(&key).await?;
        Ok(row.map(|row| Presented::OfClient(key.expires(), row)))
    }

    /// Whether every token is still there that was exchanged on the way to this one.
    async fn has_ancestors(&self, row: &AccessToken, now: Timestamp) -> Result<bool, StoreError> {
        let mut from = row.exchanged.as_ref().map(|exchanged| exchanged.from);
        while let Some(key) = from {
            let before = self.site.store().get::<tables::AccessTokens>(&key).await?;
            let Some(before) = before.filter(|_| now < key.expires()) else { return Ok(false) };
            from = before.exchanged.map(|exchanged| exchanged.from);
        }
        Ok(true)
    }

    /// The key of the row of a token, which may not exist.
    pub(crate) async fn row_of(&self, text: &str) -> Result<Option<HandleKey>, StoreError> {
        if let Some(handle) = Handle::parse(text) {
            return Ok(Some(handle.key()));
        }
        let claims = self.verified(text).await?.unwrap_or_default();
        let jti = claims.get("jti").and_then(Value::as_str);
        let jti = jti.and_then(|jti| b64u::decode(jti).ok());
        Ok(jti.and_then(|jti| HandleKey::from_bytes(&jti)))
    }

    /// The claims of an access token that one of our published keys has signed.
    async fn verified(&self, text: &str) -> Result<Option<Claims>, StoreError> {
        let Ok(token) = UnverifiedJwt::<Claims>::parse(text) else { return Ok(None) };
        let Some(kid) = token.header().kid.clone() else { return Ok(None) };
        let mut ring = self.keyring.ring();
        if ring.access_key(&kid).is_none() {
            // Another broker may have made the key.
            if self.keyring.follow().await.is_err() {
                return Ok(None);
            }
            ring = self.keyring.ring();
        }
        let Some(key) = ring.access_key(&kid) else { return Ok(None) };
        let typ = &["at+jwt", "JWT"];
        let expected = Expected { typ, algorithms: &ALGORITHMS, allow_missing_typ: false };
        let Ok(token) = token.verify(key, &expected) else { return Ok(None) };
        let claims = token.into_claims();
        let iss = claims.get("iss").and_then(Value::as_str);
        Ok((iss == Some(self.site.origin().as_str())).then_some(claims))
    }
}

/// The permitted use of a GPU service as far as it reaches this resource: the one that names it among
/// its `locations` (RFC 9396, section 2.2).
pub(crate) fn details_at(resource: &Resource, grant: &Grant, now: Timestamp) -> Option<Claims> {
    let details = &grant.permit(now)?.details;
    let locations = details.get("locations")?.as_array()?;
    let here = |location: &Value| location.as_str().is_some_and(|name| resource.is_called(name));
    locations.iter().any(here).then(|| details.clone())
}

/// Adds the claims of the resource's profile to those of the protocol.
fn add_claims(claims: &mut Claims, resource: &Resource, released: &Claims) {
    for (name, source) in &resource.claims {
        let value = match source {
            Source::Always { value } => Some(Value::from(value.as_str())),
            Source::Claim(from) => released.get(from).cloned(),
        };
        let Some(value) = value else { continue };
        if rules::names_account(name) && !value.as_str().is_some_and(rules::is_account) {
            tracing::warn!(resource = resource.id, claim = name, "no account has such a name");
            continue;
        }
        claims.insert(name.clone(), value);
    }
}

/// The client's own token that these claims make, if it has not expired.
fn of_client(claims: &Claims, jti: &[u8], now: Timestamp) -> Option<Presented> {
    let (generation, random) = jti.split_first_chunk::<8>()?;
    if random.len() != RANDOM {
        return None;
    }
    let time = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_unix);
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let exp = time("exp").filter(|exp| now < *exp)?;
    let scopes = text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
    let token = ClientToken {
        client_id: text("sub")?.to_owned(),
        generation: u64::from_be_bytes(*generation),
        resource: text("aud")?.to_owned(),
        scopes: scopes.map(str::to_owned).collect(),
        issued: time("iat")?,
    };
    Some(Presented::OfClient(exp, token))
}
