//! What relying parties do with a code and a token: redeem it once, and read claims
//! (RFC 6749, section 4.1.3; OpenID Connect Core 1.0, sections 3.1.3 and 5.3).

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::authentication::{AuthenticatedClient, Presented};
use sekisho_oauth::client::{Client, OFFLINE_ACCESS};
use sekisho_oauth::id_token::IdToken;
use sekisho_oauth::params::Params;
use sekisho_oauth::refresh::{Family, RefreshToken};
use sekisho_oauth::token::{self, TokenError, TokenRequest, TokenResponse};
use sekisho_oauth::userinfo::BearerError;
use sekisho_profile::scopes;
use sekisho_profile::{Act, Outcome, Reason, lifetimes};
use sekisho_store::{StoreError, Tx};

use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};
use crate::keys::Purpose;
use crate::login::Refusal;
use crate::refresh::Less;
use crate::standing::Fallen;
use crate::tables::{AccessToken, AccessTokens, Clients, CodeRow, Codes, Grant, Grants};

/// Why a token request failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenFailure {
    /// One of the endpoint's closed errors.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

/// Why userinfo was not given.
#[derive(Debug, thiserror::Error)]
pub enum UserinfoFailure {
    /// The closed error of the endpoint (RFC 6750, section 3.1).
    #[error("{0}")]
    Bearer(BearerError),
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<StoreError> for UserinfoFailure {
    fn from(error: StoreError) -> Self {
        Self::Broker(error.into())
    }
}

/// What redeeming a code came to.
enum Redeemed {
    Granted(HandleKey, Box<Grant>),
    Rejected(TokenError),
}

impl Broker {
    /// The token endpoint.
    pub async fn token(
        &self,
        authorization: Option<&str>,
        form: &Params,
    ) -> Result<TokenResponse, TokenFailure> {
        let request = TokenRequest::parse(form)?;
        match &request {
            TokenRequest::AuthorizationCode { code, .. } => {
                let presented = Presented::from_request(authorization, form)?;
                let client = self.authenticate(&presented, "/token").await?;
                self.redeem_code(&client, &request, code).await
            }
            TokenRequest::RefreshToken { token, scope, authorization_details } => {
                let presented = Presented::from_request(authorization, form)?;
                let client = self.authenticate(&presented, "/token").await?;
                let less =
                    Less { scope: scope.as_deref(), details: authorization_details.as_ref() };
                self.refresh(&client, token, &less).await
            }
            TokenRequest::PreAuthorizedCode { .. } => {
                self.redeem_offer(authorization, form, &request).await
            }
        }
    }

    async fn redeem_code(
        &self,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        code: &str,
    ) -> Result<TokenResponse, TokenFailure> {
        let now = self.clock().now();
        let code = Handle::parse(code).ok_or(TokenError::InvalidGrant)?.key();
        self.end_if_fallen(&code, now).await?;
        let token = Handle::new(now.plus(lifetimes::ACCESS_TOKEN), self.entropy());
        let redeemed = self
            .store()
            .transact(|tx| self.redeem(tx, client, request, &code, &token.key(), now))
            .await?;
        let (key, grant) = match redeemed {
            Redeemed::Granted(key, grant) => (key, grant),
            Redeemed::Rejected(error) => return Err(error.into()),
        };
        let refresh = grant.refresh.map(|_| RefreshToken { family: key, generation: 0 });
        self.token_response(client.client(), *grant, &token, refresh, now).await
    }

    /// The answer for a fresh access token of `grant`.
    pub(crate) async fn token_response(
        &self,
        client: &Client,
        grant: Grant,
        token: &Handle,
        refresh: Option<RefreshToken>,
        now: Timestamp,
    ) -> Result<TokenResponse, TokenFailure> {
        let id_token = if grant.scopes.iter().any(|scope| scope == "openid") {
            Some(self.id_token(client, &grant, token.expose(), now).await?)
        } else {
            None
        };
        Ok(TokenResponse {
            access_token: token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: lifetimes::ACCESS_TOKEN,
            scope: Some(grant.scopes.join(" ")),
            refresh_token: refresh.map(|token| token.to_text(self.digests().refresh_key())),
            id_token,
            authorization_details: grant.permit(now).map(|permit| vec![permit.details.clone()]),
        })
    }

    /// Ends the grant of a code if what it stands on has fallen: foreign lists and expiry are looked
    /// at here, our own lists once more in the transaction.
    async fn end_if_fallen(&self, code: &HandleKey, now: Timestamp) -> Result<(), TokenFailure> {
        let Some(CodeRow::Minted { grant: key, .. }) = self.store().get::<Codes>(code).await?
        else {
            return Ok(());
        };
        let Some(grant) = self.store().get::<Grants>(&key).await? else { return Ok(()) };
        match self.fallen(&grant.evidence.relied, now).await {
            None => Ok(()),
            Some(fallen) => {
                self.end_grant(&key, &fallen, now).await?;
                Err(TokenError::InvalidGrant.into())
            }
        }
    }

    /// Ends a grant because of a credential: its code, its refresh tokens and its access tokens are
    /// dead from here on. Where the status only cannot be read, nothing is written.
    pub(crate) async fn end_grant(
        &self,
        key: &HandleKey,
        fallen: &Fallen,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !fallen.is_final() {
            return Ok(());
        }
        self.store()
            .transact(|tx| {
                let row = tx.get::<Grants>(key)?.filter(|row| row.revoked.is_none());
                let Some(row) = row else { return Ok(()) };
                end(tx, key, row, fallen, now)
            })
            .await
    }

    /// Single use: the first redemption that fits wins, and one that comes again ends the grant.
    /// What does not fit consumes nothing.
    fn redeem(
        &self,
        tx: &mut Tx,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        code: &HandleKey,
        token: &HandleKey,
        now: Timestamp,
    ) -> Result<Redeemed, StoreError> {
        let rejected = || Ok(Redeemed::Rejected(TokenError::InvalidGrant));
        let actor = Actor::Client(client.client_id().to_owned());
        let attempt = |outcome| entry(now, &actor, Act::CodeRedeem, code.reference(), outcome);
        match tx.get::<Codes>(code)? {
            None => rejected(),
            Some(CodeRow::Redeemed { grant, client_id }) => {
                if client_id == client.client_id() {
                    if let Some(mut row) = tx.get::<Grants>(&grant)? {
                        row.revoked = Some(Reason::CodeReplayed);
                        tx.put::<Grants>(&grant, &row)?;
                    }
                    tx.append(
                        attempt(Outcome::Refused).because("code replayed: the grant is revoked"),
                    );
                }
                rejected()
            }
            Some(CodeRow::Minted { .. }) if code.expires() <= now => rejected(),
            Some(CodeRow::Minted { binding, grant }) => {
                if let Err(error) = token::check_code(&binding, client, request) {
                    tx.append(attempt(Outcome::Refused).because(error.to_string()));
                    return Ok(Redeemed::Rejected(error));
                }
                let row = tx.get::<Grants>(&grant)?.filter(|row| row.revoked.is_none());
                let Some(mut row) = row else { return rejected() };
                if let Some(fallen) = self.fallen_in(tx, &row.evidence.relied)? {
                    tx.append(attempt(Outcome::Refused).because(fallen.code));
                    end(tx, &grant, row, &fallen, now)?;
                    return rejected();
                }
                let Some(authorization_details) = row.narrow(request.authorization_details(), now)
                else {
                    let error = TokenError::InvalidAuthorizationDetails;
                    tx.append(attempt(Outcome::Refused).because(error.to_string()));
                    return Ok(Redeemed::Rejected(error));
                };
                if row.scopes.iter().any(|scope| scope == OFFLINE_ACCESS) {
                    row.refresh = Some(Family::begin(now));
                    tx.put::<Grants>(&grant, &row)?;
                }
                let client_id = client.client_id().to_owned();
                tx.put::<Codes>(code, &CodeRow::Redeemed { grant, client_id })?;
                let access = AccessToken { grant, scopes: None, authorization_details };
                tx.put::<AccessTokens>(token, &access)?;
                tx.append(attempt(Outcome::Done).with("grant", grant.reference()));
                Ok(Redeemed::Granted(grant, Box::new(row.limited_to(&access))))
            }
        }
    }

    async fn id_token(
        &self,
        client: &Client,
        grant: &Grant,
        access_token: &str,
        now: Timestamp,
    ) -> Result<String, TokenFailure> {
        let algorithm = client.id_token_signed_response_alg;
        let ring = self.ring();
        let active = ring.active(&Purpose::IdToken, algorithm).ok_or(Refusal::NoKey)?;
        let scopes: &[String] = if client.claims_in_id_token { &grant.scopes } else { &[] };
        let extra = if scopes.is_empty() && grant.claims.id_token.is_empty() {
            Claims::new()
        } else {
            self.released_claims(client, grant, scopes, &grant.claims.id_token).await?
        };
        let token = IdToken {
            iss: self.config().origin.as_str().to_owned(),
            sub: grant.sub.clone(),
            aud: client.client_id.clone(),
            iat: now,
            exp: now.plus(lifetimes::ID_TOKEN),
            auth_time: grant.evidence.auth_time,
            nonce: grant.nonce.clone(),
            acr: grant.evidence.channel.acr().map(str::to_owned),
            amr: vec!["pop".to_owned(), "swk".to_owned()],
            sid: Some(grant.sid.clone()),
            access_token: Some(access_token.to_owned()),
            extra,
        };
        Ok(token.sign(&active.key).map_err(|_| Refusal::NoKey)?)
    }

    /// The userinfo endpoint: claims of a live grant, whose credentials still stand.
    pub async fn userinfo(&self, bearer: &str) -> Result<Claims, UserinfoFailure> {
        let now = self.clock().now();
        let invalid = || UserinfoFailure::Bearer(BearerError::InvalidToken);
        let token = Handle::parse(bearer).ok_or_else(invalid)?.key();
        if token.expires() <= now {
            return Err(invalid());
        }
        let row = self.store().get::<AccessTokens>(&token).await?.ok_or_else(invalid)?;
        let grant = self.standing_grant(&row.grant, now).await?.ok_or_else(invalid)?;
        let grant = grant.limited_to(&row);
        if !grant.scopes.iter().any(|scope| scope == "openid") {
            return Err(UserinfoFailure::Bearer(BearerError::InsufficientScope("openid")));
        }
        let client = self.store().get::<Clients>(&grant.client_id).await?.ok_or_else(invalid)?;
        let mut claims = Claims::new();
        claims.insert("sub".to_owned(), grant.sub.clone().into());
        let named = &grant.claims.userinfo;
        claims.extend(self.released_claims(&client, &grant, &grant.scopes, named).await?);
        Ok(claims)
    }

    /// A grant that has not ended and whose credentials all stand.
    pub(crate) async fn standing_grant(
        &self,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        let grant = self.store().get::<Grants>(key).await?;
        let Some(grant) = grant.filter(|grant| grant.revoked.is_none()) else { return Ok(None) };
        match self.fallen(&grant.evidence.relied, now).await {
            None => Ok(Some(grant)),
            Some(fallen) => {
                self.end_grant(key, &fallen, now).await?;
                Ok(None)
            }
        }
    }

    /// The claims that a grant releases for `scopes` and by name: from verified claims and the grant,
    /// and nowhere else.
    async fn released_claims(
        &self,
        client: &Client,
        grant: &Grant,
        scopes: &[String],
        named: &[String],
    ) -> Result<Claims, Refusal> {
        let claims = self.open_claims(&grant.evidence).await?;
        let username = self.digests().username(&client.client_id, &grant.evidence.person);
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let mut released = scopes::release_named(scopes, &named, &claims, &username);
        released.retain(|name, _| !grant.withheld.contains(name));
        drop_gate_groups(&mut released);
        let permit = grant.permit(self.clock().now());
        if let Some(granted) = permit.filter(|_| !scopes.is_empty()) {
            let details = vec![serde_json::Value::Object(granted.details.clone())];
            released.insert("authorization_details".to_owned(), details.into());
            merge_groups(&mut released, &granted.groups);
            if let Some(service) =
                client.service.as_deref().and_then(|id| self.config().service(id))
            {
                released.insert("svc_residency".to_owned(), service.residency.ja.clone().into());
            }
        }
        Ok(released)
    }
}

/// Writes that a grant has ended, and because of which credential.
pub(crate) fn end(
    tx: &mut Tx,
    key: &HandleKey,
    mut row: Grant,
    fallen: &Fallen,
    now: Timestamp,
) -> Result<(), StoreError> {
    row.revoked = Some(fallen.code.into());
    tx.put::<Grants>(key, &row)?;
    tx.append(
        entry(now, &Actor::Broker, Act::GrantEnd, key.reference(), Outcome::Done)
            .because(fallen.code)
            .with("client", row.client_id.as_str())
            .with("credential", fallen.credential.as_str()),
    );
    Ok(())
}

/// Groups that begin with `gpu:` come from a gate's decision alone: a tenant that writes such a role
/// into its credentials grants nothing.
fn drop_gate_groups(released: &mut Claims) {
    if let Some(serde_json::Value::Array(groups)) = released.get_mut("groups") {
        groups.retain(|group| !group.as_str().is_some_and(|name| name.starts_with("gpu:")));
    }
}

/// Adds the groups of a grant to those of the credential.
fn merge_groups(released: &mut Claims, granted: &[String]) {
    let groups = released.entry("groups").or_insert_with(|| serde_json::Value::Array(Vec::new()));
    if let serde_json::Value::Array(groups) = groups {
        for group in granted {
            if !groups.iter().any(|present| present.as_str() == Some(group)) {
                groups.push(group.clone().into());
            }
        }
    }
}
