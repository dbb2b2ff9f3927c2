//! Who calls: client authentication with what is registered, and the keys of clients that publish
//! them (checklist CA-1 to CA-7).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_jose::{JwkSet, PublicJwk, json};
use sekisho_oauth::assertion::{self, Assertion, AssertionCheck, VerifiedAssertion};
use sekisho_oauth::authentication::{self, AuthenticatedClient, Presented};
use sekisho_oauth::client::{Client, ClientAuthentication, ClientKeys};
use sekisho_oauth::token::TokenError;

use crate::Broker;
use crate::grants::TokenFailure;
use crate::tables::{Clients, UsedAssertions};

/// How many clients' published keys are kept at most.
const KEPT: usize = 1024;
/// How long published keys count, in seconds.
const MAX_AGE: i64 = 300;
/// An unknown kid is a reason to look again, but not sooner than after so many seconds (CA-7).
const REFETCH: i64 = 30;

/// Published keys, by client.
#[derive(Default)]
pub(crate) struct PublishedKeys(Mutex<BTreeMap<String, Fetched>>);

#[derive(Clone)]
struct Fetched {
    at: Timestamp,
    uri: String,
    keys: Arc<[PublicJwk]>,
}

impl PublishedKeys {
    fn get(&self, client: &str, uri: &str) -> Option<Fetched> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(client).filter(|fetched| fetched.uri == uri).cloned()
    }

    fn keep(&self, client: &str, fetched: Fetched) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            let now = fetched.at;
            kept.retain(|_, other| now.since(other.at) < MAX_AGE);
        }
        if kept.len() < KEPT {
            kept.insert(client.to_owned(), fetched);
        }
    }
}

impl Broker {
    /// Checks who presents itself at the endpoint of this path against what is registered. An
    /// assertion is used up by this, and by nothing less: one that does not verify may come again.
    pub(crate) async fn authenticate(
        &self,
        presented: &Presented,
        path: &str,
    ) -> Result<AuthenticatedClient, TokenFailure> {
        let client_id = presented.client_id().ok_or(TokenError::NotAuthenticated)?;
        let registered = self.store().get::<Clients>(&client_id.to_owned()).await?;
        let unknown = TokenError::UnknownClient { basic: presented.is_basic() };
        let registered = registered.ok_or(unknown)?;
        match presented {
            Presented::Assertion(assertion) => {
                let verified = self.verify_assertion(assertion, &registered, path).await?;
                self.use_up(verified).await
            }
            _ => Ok(authentication::authenticate(presented, &registered)?),
        }
    }

    async fn verify_assertion(
        &self,
        assertion: &Assertion,
        client: &Client,
        path: &str,
    ) -> Result<VerifiedAssertion, TokenError> {
        let now = self.clock().now();
        let origin = &self.config().origin;
        let (token, called) = (origin.join("/token"), origin.join(path));
        let audiences = [origin.as_str(), token.as_str(), called.as_str()];
        let verify = |keys: &[PublicJwk]| {
            assertion::verify(
                assertion,
                client,
                &AssertionCheck { now, audiences: &audiences, keys },
            )
        };
        let uri = match &client.authentication {
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::JwksUri(uri) } => uri,
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::Jwks(keys) } => {
                return verify(keys);
            }
            _ => return verify(&[]),
        };
        let id = &client.client_id;
        let kept = self.published_keys().get(id, uri);
        if let Some(kept) = kept.filter(|kept| now.since(kept.at) < MAX_AGE) {
            let result = verify(&kept.keys);
            let stale = now.since(kept.at) >= REFETCH;
            if !(stale && matches!(result, Err(TokenError::UnknownKey))) {
                return result;
            }
        }
        let keys = self.fetch_keys(uri).await.map_err(|error| {
            tracing::warn!(%error, client = %id, "the keys of a client cannot be read");
            TokenError::Assertion("the client's jwks_uri cannot be read")
        })?;
        self.published_keys()
            .keep(id, Fetched { at: now, uri: uri.clone(), keys: Arc::clone(&keys) });
        verify(&keys)
    }

    async fn fetch_keys(&self, uri: &str) -> Result<Arc<[PublicJwk]>, String> {
        let body = self.outbound().fetch(uri, "application/jwk-set+json, application/json").await;
        let body = body.map_err(|error| error.to_string())?;
        let value = json::parse(&body).map_err(|error| error.to_string())?;
        let set = JwkSet::from_value(&value).map_err(|error| error.to_string())?;
        Ok(set.keys.into())
    }

    /// Single use: of all that present one assertion, the first is believed.
    async fn use_up(
        &self,
        verified: VerifiedAssertion,
    ) -> Result<AuthenticatedClient, TokenFailure> {
        let fresh =
            self.store().transact(|tx| tx.insert::<UsedAssertions>(&verified.row, &())).await?;
        if fresh {
            Ok(verified.client)
        } else {
            Err(TokenError::Assertion("it was used before").into())
        }
    }
}
