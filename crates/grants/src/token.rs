//! The response of the token endpoint, and the ID token (OpenID Connect Core 1.0, sections 2 and
//! 3.1.3.3).

use sekisho_ambient::{Handle, Timestamp};
use sekisho_jose::Claims;
use sekisho_keyring::Purpose;
use sekisho_oauth::id_token::IdToken;
use sekisho_oauth::refresh::RefreshToken;
use sekisho_oauth::token::{TokenBinding, TokenResponse};
use sekisho_profile::{lifetimes, scopes};
use sekisho_registry::{Authenticated, Resource, TokenFailure};
use sekisho_site::Refusal;

use crate::access::details_at;
use crate::tables::AccessToken;
use crate::{Grant, Grants};

impl Grants {
    /// The response that hands out a new access token of `grant`.
    pub(crate) async fn token_response(
        &self,
        client: &Authenticated,
        grant: Grant,
        row: &AccessToken,
        (resource, token): (Option<&Resource>, &Handle),
        refresh: Option<RefreshToken>,
        now: Timestamp,
    ) -> Result<TokenResponse, TokenFailure> {
        let party = client.party();
        let grant = grant.within(party);
        let access_token = self.access_token(party, &grant, row, (resource, token), now).await?;
        let id_token = if grant.has_scope("openid") {
            Some(self.id_token(client, &grant, &access_token, now).await?)
        } else {
            None
        };
        let details = match resource {
            None => grant.permit(now).map(|permit| permit.details.clone()),
            Some(resource) => details_at(resource, &grant, now),
        };
        Ok(TokenResponse {
            access_token,
            token_type: TokenBinding::Bearer.token_type(),
            issued_token_type: None,
            expires_in: token.key().expires().since(now),
            scope: Some(grant.scopes.join(" ")),
            refresh_token: refresh.map(|token| token.to_text(self.site.digests().refresh_key())),
            id_token,
            authorization_details: details.map(|details| vec![details]),
        })
    }

    async fn id_token(
        &self,
        client: &Authenticated,
        grant: &Grant,
        access_token: &str,
        now: Timestamp,
    ) -> Result<String, TokenFailure> {
        let registered = client.client();
        let algorithm = registered.id_token_signed_response_alg;
        let ring = self.keyring.ring();
        let active = ring.active(&Purpose::IdToken, algorithm).ok_or(Refusal::NoKey)?;
        let granted: &[String] = if registered.claims_in_id_token { &grant.scopes } else { &[] };
        let extra = if granted.is_empty() && grant.claims.id_token.is_empty() {
            Claims::new()
        } else {
            let named = &grant.claims.id_token;
            fitting(self.released_claims(client.party(), grant, granted, named, now).await?, client)
        };
        let token = IdToken {
            iss: self.site.origin().as_str().to_owned(),
            sub: grant.sub.clone(),
            aud: registered.client_id.clone(),
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
}

/// Returns those of the claims that have room in an ID token. The token and the log name the others.
fn fitting(released: Claims, client: &Authenticated) -> Claims {
    let fitting = scopes::fit(released);
    if let Some(left_out) = fitting.get(scopes::AT_USERINFO) {
        let client = client.client_id();
        tracing::warn!(client, claims = %left_out, "claims too long for an ID token stand at userinfo alone");
    }
    fitting
}
