//! The userinfo endpoint, and the claims that a grant releases (OpenID Connect Core 1.0, section
//! 5.3).

use sekisho_ambient::{Timestamp, is_invisible};
use sekisho_jose::Claims;
use sekisho_oauth::userinfo::BearerError;
use sekisho_profile::scopes::{self, ENTITLEMENT};
use sekisho_registry::RelyingParty;
use sekisho_site::Refusal;
use sekisho_store::StoreError;
use serde_json::Value;

use crate::access::Presented;
use crate::grant::told;
use crate::{Grant, Grants, Unclear, tables};

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

impl From<Unclear> for UserinfoFailure {
    fn from(unclear: Unclear) -> Self {
        Self::Broker(match unclear {
            Unclear::NotNow(code) => Refusal::code(code, ""),
            Unclear::Store(error) => error.into(),
            Unclear::Broker(refusal) => refusal,
        })
    }
}

impl Grants {
    /// The userinfo endpoint: the claims that the grant of an access token releases. The grant must
    /// be alive and its credentials must stand.
    pub async fn userinfo(&self, bearer: &str) -> Result<Claims, UserinfoFailure> {
        let now = self.site.now();
        let invalid = || UserinfoFailure::Bearer(BearerError::InvalidToken);
        let Some(Presented::OfGrant(_, row)) = self.presented(bearer, now).await? else {
            return Err(invalid());
        };
        // A token for another resource is good there alone.
        if row.resource.is_some() {
            return Err(invalid());
        }
        let grant = self.site.store().get::<tables::Grants>(&row.grant).await?;
        let grant = grant.ok_or_else(invalid)?;
        let party = self.registry.find_client(&grant.client_id).await?;
        let party = party.filter(|party| grant.suits(party)).ok_or_else(invalid)?;
        let looked = self.looked(&row.grant, grant, now).await?;
        let grant = told(looked).ok_or_else(invalid)?.limited_to(&row).within(&party);
        if !grant.has_scope("openid") {
            return Err(UserinfoFailure::Bearer(BearerError::InsufficientScope("openid")));
        }
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
        let account = self.account(&party.named_at(), &grant.evidence).await?;
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let mut released = scopes::release_named(scopes, &named, &claims, &self.ours(&account));
        released.retain(|name, _| !grant.withheld.contains(name));
        drop_gate_groups(&mut released);
        if let Some(permit) = grant.permit(now).filter(|_| !scopes.is_empty()) {
            let details = vec![Value::Object(permit.details.clone())];
            released.insert("authorization_details".to_owned(), details.into());
            merge_groups(&mut released, &permit.groups);
            if asks_for_entitlements(scopes, &named) {
                let authority = self.site.origin().host();
                scopes::add_group_entitlements(&mut released, authority, &permit.groups);
            }
            let service = party.service.as_deref();
            let service = service.and_then(|id| self.registry.services().service(id));
            if let Some(residency) = service.and_then(|service| service.residency.as_ref()) {
                released.insert("svc_residency".to_owned(), residency.ja.clone().into());
            }
        }
        Ok(released)
    }
}

fn asks_for_entitlements(scopes: &[String], named: &[&str]) -> bool {
    scopes.iter().map(String::as_str).chain(named.iter().copied()).any(|it| it == ENTITLEMENT)
}

/// Removes the groups that begin with `gpu:` from the credential's roles. Only a gate may give such
/// a group, so a tenant gains nothing by writing one into its credentials, however it is written.
fn drop_gate_groups(released: &mut Claims) {
    if let Some(Value::Array(groups)) = released.get_mut("groups") {
        groups.retain(|group| !group.as_str().is_some_and(is_gate_group));
    }
}

/// Whether a service could take the group for one of a gate: in other cases, full-width, or with
/// characters that cannot be seen.
fn is_gate_group(name: &str) -> bool {
    let seen = name.chars().filter(|c| !is_invisible(*c) && !c.is_whitespace());
    let folded = seen.map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        '\u{fe13}' | '\u{fe55}' | '\u{a789}' | '\u{2236}' => ':',
        c => c,
    });
    let folded: String = folded.flat_map(char::to_lowercase).take("gpu:".len()).collect();
    folded == "gpu:"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gates_group_is_known_however_it_is_written() {
        for name in [
            "gpu:console",
            "GPU:console",
            "Gpu:",
            "g\u{200b}pu:console",
            "\u{feff}gpu:console",
            "\u{202e}gpu:x",
            " gpu:x",
            "\tgpu :x",
            "\u{ff47}\u{ff50}\u{ff55}\u{ff1a}x",
            "gpu\u{ff1a}x",
            "\u{ff27}PU:x",
        ] {
            assert!(is_gate_group(name), "{name:?}");
        }
        for name in ["gpu-user", "lead", "agpu:x", "gp", "", "研究:gpu"] {
            assert!(!is_gate_group(name), "{name:?}");
        }
    }
}
