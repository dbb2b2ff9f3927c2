//! Access tokens of clients for themselves (RFC 6749, section 4.4).
//!
//! Invariant: a JWT costs no row and no entry in the audit log. The log gets one entry for each
//! client, resource and minute, with the number of tokens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{Handle, Timestamp};
use sekisho_oauth::authorization::TargetError;
use sekisho_oauth::scope;
use sekisho_oauth::token::{TokenBinding, TokenError, TokenResponse};
use sekisho_profile::{Act, Outcome};
use sekisho_registry::{Authenticated, Resource, Resources, TokenFailure, TokenFormat};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_store::{AuditEntry, StoreError};

use crate::tables::ClientToken;
use crate::{Grants, tables};

/// The most counts in memory; what comes beyond is written at once.
const COUNTS: usize = 4096;

/// How many tokens clients got in the minutes that are not in the audit log yet.
#[derive(Default)]
pub(crate) struct Counts(Mutex<BTreeMap<Counted, u64>>);

/// What is counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    /// Minutes since the epoch.
    minute: i64,
    client: String,
    resource: String,
}

impl Counts {
    /// Counts one more; returns whether the counts should be written now.
    fn add(&self, client: &str, resource: &str, now: Timestamp) -> bool {
        let minute = now.unix().div_euclid(60);
        let one = Counted { minute, client: client.to_owned(), resource: resource.to_owned() };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(one).or_default() += 1;
        counts.len() > COUNTS
    }

    /// Takes counts back that could not be written.
    fn put_back(&self, counts: BTreeMap<Counted, u64>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (counted, tokens) in counts {
            *kept.entry(counted).or_default() += tokens;
        }
    }

    /// Takes out the counts of the minutes before this time.
    fn before(&self, time: Timestamp) -> BTreeMap<Counted, u64> {
        let now = Counted {
            minute: time.unix().div_euclid(60),
            client: String::new(),
            resource: String::new(),
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = counts.split_off(&now);
        std::mem::replace(&mut counts, rest)
    }
}

impl Grants {
    /// Gives a confidential client an access token for itself.
    pub async fn client_credentials(
        &self,
        client: &Authenticated,
        scope: Option<&str>,
        names: &[String],
    ) -> Result<TokenResponse, TokenFailure> {
        if client.client().is_public() {
            return Err(TokenError::UnauthorizedClient.into());
        }
        let resources = self.registry.resources().await?;
        let resource = wanted(&resources, client.client_id(), names)?;
        let scopes = scope::parse(scope.unwrap_or_default());
        let scopes = scopes.map_err(|_| TokenError::InvalidScope)?;
        if !scopes.iter().all(|scope| resource.has_scope(scope)) {
            return Err(TokenError::InvalidScope.into());
        }
        let now = self.site.now();
        let exp = now.plus(resource.lifetime);
        let token = ClientToken {
            client_id: client.client_id().to_owned(),
            generation: client.party().generation,
            resource: resource.audience.clone(),
            scopes,
            issued: now,
        };
        let access_token = if resource.format == TokenFormat::Opaque {
            let handle = Handle::new(exp, self.site.entropy());
            let put = self
                .site
                .store()
                .transact(|tx| tx.put::<tables::ClientTokens>(&handle.key(), &token));
            put.await?;
            handle.expose().to_owned()
        } else {
            self.client_jwt(resource, &token, exp).await?
        };
        if self.counts.add(client.client_id(), &resource.id, now) {
            self.write_counts(now.plus(60)).await?;
        }
        Ok(TokenResponse {
            access_token,
            token_type: TokenBinding::Bearer.token_type(),
            issued_token_type: None,
            expires_in: resource.lifetime,
            scope: (!token.scopes.is_empty()).then(|| token.scopes.join(" ")),
            refresh_token: None,
            id_token: None,
            authorization_details: None,
        })
    }

    /// Writes into the audit log how many tokens clients got for themselves in the minutes before
    /// `time`.
    pub async fn write_counts(&self, time: Timestamp) -> Result<(), StoreError> {
        let counts = self.counts.before(time);
        if counts.is_empty() {
            return Ok(());
        }
        let entries: Vec<AuditEntry> = counts
            .iter()
            .map(|(counted, tokens)| {
                let minute = Timestamp::from_unix(counted.minute.saturating_mul(60));
                let actor = Actor::Client(counted.client.clone());
                entry(minute, &actor, Act::ClientToken, &counted.resource, Outcome::Done)
                    .with("tokens", *tokens)
            })
            .collect();
        let written = self.site.store().transact(|tx| {
            for entry in &entries {
                tx.append(entry.clone());
            }
            Ok(())
        });
        // On a full disk they wait for the next time.
        written.await.inspect_err(|_| self.counts.put_back(counts))
    }
}

/// The one resource that the request names, or the only one that this client may ask for.
fn wanted<'r>(
    resources: &'r Resources,
    client_id: &str,
    names: &[String],
) -> Result<&'r Resource, TokenError> {
    let mut found: Vec<&Resource> = Vec::new();
    if names.is_empty() {
        let own = resources.iter().map(|registered| &registered.resource);
        found.extend(own.filter(|resource| resource.is_for(client_id)));
    }
    for name in names {
        let resource = resources.called(name).filter(|resource| resource.is_for(client_id));
        let resource = resource.ok_or(TargetError::Unknown)?;
        if !found.iter().any(|one| one.id == resource.id) {
            found.push(resource);
        }
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(TargetError::Unknown.into()),
        _ => Err(TargetError::Several.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_by_client_resource_and_minute() {
        let counts = Counts::default();
        let at = |second: i64| Timestamp::from_unix(600 + second);
        for (client, second) in [("a", 0), ("a", 59), ("b", 0), ("a", 60)] {
            assert!(!counts.add(client, "r", at(second)));
        }
        let written = counts.before(at(60));
        let written: Vec<_> = written.iter().map(|(one, n)| (one.client.as_str(), *n)).collect();
        assert_eq!(written, [("a", 2), ("b", 1)]);
        assert!(counts.before(at(60)).is_empty());
        let later = counts.before(at(120));
        assert_eq!(later.len(), 1);
        counts.put_back(later);
        assert_eq!(counts.before(at(120)).len(), 1);
    }
}
