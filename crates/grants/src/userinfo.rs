//! The userinfo endpoint, and the claims that a grant releases (OpenID Connect Core 1.0, section
//! 5.3).

use sekisho_ambient::{Handle, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::userinfo::BearerError;
use sekisho_profile::scopes;
use sekisho_registry::RelyingParty;
use sekisho_site::Refusal;
use sekisho_store::StoreError;
use serde_json::Value;

use crate::{Grant, Grants, tables};

/// Why the userinfo endpoint returned no claims.
#[derive(Debug, thiserror::Error)]
pub enum UserinfoFailure {
    /// An error that RFC 6750, section 3.1, defines.
    #[error("{0}")]
    Bearer(BearerError),
    /// The broker failed for a reason that is not the caller's.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<StoreError> for UserinfoFailure {
    fn from(error: StoreError) -> Self {
        Self::Broker(error.into())
    }
}

impl Grants {
    /// The userinfo endpoint: the claims that the grant of an access token releases. The grant must
    /// be alive and its credentials must stand.
    pub async fn userinfo(&self, bearer: &str) -> Result<Claims, UserinfoFailure> {
        let now = self.site.now();
        let invalid = || UserinfoFailure::Bearer(BearerError::InvalidToken);
        let token = Handle::parse(bearer).ok_or_else(invalid)?.key();
        if token.expires() <= now {
            return Err(invalid());
        }
        let row = self.site.store().get::<tables::AccessTokens>(&token).await?;
        let row = row.ok_or_else(invalid)?;
        let (grant, _) = self.standing_grant(&row.grant, now).await?.ok_or_else(invalid)?;
        let grant = grant.limited_to(&row);
        if !grant.has_scope("openid") {
            return Err(UserinfoFailure::Bearer(BearerError::InsufficientScope("openid")));
        }
        let party = self.registry.find_client(&grant.client_id).await?.ok_or_else(invalid)?;
        let mut claims = Claims::new();
        claims.insert("sub".to_owned(), grant.sub.clone().into());
        let named = &grant.claims.userinfo;
        claims.extend(self.released_claims(&party, &grant, &grant.scopes, named, now).await?);
        Ok(claims)
    }

    /// The claims that a grant releases for `scopes` and `named`. They come only from verified
    /// credentials and from the grant.
    pub(crate) async fn released_claims(
        &self,
        party: &RelyingParty,
        grant: &Grant,
        scopes: &[String],
        named: &[String],
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let claims = self.open_claims(&grant.evidence).await?;
        let client_id = &party.client.client_id;
        let username = self.site.digests().username(client_id, &grant.evidence.person);
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let mut released = scopes::release_named(scopes, &named, &claims, &username);
        released.retain(|name, _| !grant.withheld.contains(name));
        drop_gate_groups(&mut released);
        if let Some(permit) = grant.permit(now).filter(|_| !scopes.is_empty()) {
            let details = vec![Value::Object(permit.details.clone())];
            released.insert("authorization_details".to_owned(), details.into());
            merge_groups(&mut released, &permit.groups);
            let service = party.service.as_deref();
            let service = service.and_then(|id| self.registry.services().service(id));
            if let Some(residency) = service.and_then(|service| service.residency.as_ref()) {
                released.insert("svc_residency".to_owned(), residency.ja.clone().into());
            }
        }
        Ok(released)
    }
}

/// Removes the groups that begin with `gpu:` from the credential's roles. Only a gate may give such
/// a group, so a tenant gains nothing by writing one into its credentials.
fn drop_gate_groups(released: &mut Claims) {
    if let Some(Value::Array(groups)) = released.get_mut("groups") {
        groups.retain(|group| !group.as_str().is_some_and(|name| name.starts_with("gpu:")));
    }
}

/// Adds the groups of a permit to those of the credential.
fn merge_groups(released: &mut Claims, granted: &[String]) {
    let groups = released.entry("groups").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(groups) = groups {
        for group in granted {
            if !groups.iter().any(|present| present.as_str() == Some(group)) {
                groups.push(group.clone().into());
            }
        }
    }
}
