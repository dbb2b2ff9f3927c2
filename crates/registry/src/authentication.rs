//! Client authentication against the registration, and the keys that clients publish at a
//! `jwks_uri` (checklist CA-1 to CA-7).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_jose::{JwkSet, PublicJwk, json};
use sekisho_oauth::assertion::{self, Assertion, AssertionCheck, VerifiedAssertion};
use sekisho_oauth::authentication::{self, AuthenticatedClient, Presented};
use sekisho_oauth::client::{Client, ClientAuthentication, ClientKeys};
use sekisho_oauth::params::Params;
use sekisho_oauth::token::TokenError;
use sekisho_site::{Mismatch, Refusal, paths, registered_list, sent_uri};
use sekisho_store::StoreError;

use crate::{Registered, Registry, RelyingParty, tables};

/// Why a request of a client failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenFailure {
    /// An error that the token endpoint defines.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed for a reason that is not the client's.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

/// The parts of a request that can prove which client sends it.
///
/// Authenticate once a request: a valid assertion is single use. A client certificate will be added
/// here; it must come from TLS or from the configured proxy, never from a header that anybody can
/// set.
#[derive(Clone, Copy)]
pub struct ClientEvidence<'a> {
    /// The path of the endpoint called, which an assertion may name as its audience.
    pub endpoint: &'a str,
    /// The value of the `Authorization` header, if there is one.
    pub authorization: Option<&'a str>,
    /// The form in the request's body.
    pub form: &'a Params,
}

/// A relying party that has proven its identity. Only [`Registry::authenticate`] and
/// `Registry::authenticate_if_named` make one.
#[derive(Clone, Debug)]
pub struct Authenticated {
    proof: AuthenticatedClient,
    party: RelyingParty,
}

/// Who sends a request to an endpoint where a client may stay anonymous.
#[derive(Clone, Debug)]
pub enum Named {
    /// A registered client that has proven its identity.
    Client(Box<Authenticated>),
    /// An anonymous client, with the name that it gave itself, if any. The name proves nothing.
    Nobody(Option<String>),
}

impl Authenticated {
    /// The proof, for functions of the `oauth` crate.
    pub fn proof(&self) -> &AuthenticatedClient {
        &self.proof
    }

    /// The relying party, as it was registered when it proved its identity.
    pub fn party(&self) -> &RelyingParty {
        &self.party
    }

    /// The OAuth client in that registration.
    pub fn client(&self) -> &Client {
        &self.party.client
    }

    /// The client id.
    pub fn client_id(&self) -> &str {
        &self.party.client.client_id
    }
}

/// The most clients whose published keys are kept.
const KEPT: usize = 1024;
/// How long fetched keys are used, in seconds.
const MAX_AGE: i64 = 300;
/// After an assertion with an unknown `kid`, keys are fetched again if those kept are at least this
/// old, in seconds (CA-7).
const REFETCH: i64 = 30;

/// Fetched keys, by client id.
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

impl Registry {
    /// Authenticates the client that sends a request. An assertion that verifies is recorded and
    /// cannot be used again; one that does not verify is not recorded.
    pub async fn authenticate(
        &self,
        evidence: &ClientEvidence<'_>,
    ) -> Result<Authenticated, TokenFailure> {
        match self.authenticate_if_named(evidence).await? {
            Named::Client(client) => Ok(*client),
            Named::Nobody(None) => Err(TokenError::NotAuthenticated.into()),
            Named::Nobody(Some(_)) => Err(TokenError::UnknownClient { basic: false }.into()),
        }
    }

    /// Like `Registry::authenticate`, for endpoints where a client may stay anonymous (OpenID4VCI
    /// 1.0, section 6.1): `Named::Nobody` if the request names no client, or gives only a name that is
    /// registered nowhere, as wallets do that send one name to every issuer.
    pub async fn authenticate_if_named(
        &self,
        evidence: &ClientEvidence<'_>,
    ) -> Result<Named, TokenFailure> {
        let presented = Presented::from_request(evidence.authorization, evidence.form)?;
        let Some(client_id) = presented.client_id() else { return Ok(Named::Nobody(None)) };
        match (self.find_client(client_id).await?, &presented) {
            (Some(party), _) => {
                let client = self.prove(evidence, &presented, party).await?;
                Ok(Named::Client(Box::new(client)))
            }
            (None, Presented::None { client_id }) => Ok(Named::Nobody(Some(client_id.clone()))),
            (None, _) => Err(TokenError::UnknownClient { basic: presented.is_basic() }.into()),
        }
    }

    /// The resource that proves with its secret that it sends the request; `None` if the request
    /// names no resource, or a client. A wrong secret is refused as that of a client is.
    pub async fn authenticate_resource(
        &self,
        evidence: &ClientEvidence<'_>,
    ) -> Result<Option<Arc<Registered>>, TokenFailure> {
        let presented = Presented::from_request(evidence.authorization, evidence.form)?;
        let Some(id) = presented.client_id() else { return Ok(None) };
        let resources = self.resources().await?;
        let Some(resource) = resources.find(id) else { return Ok(None) };
        if self.find_client(id).await?.is_some() {
            return Ok(None);
        }
        let now = self.site.now();
        let living = resource.secrets.iter().filter(|one| one.until.is_none_or(|end| now < end));
        let digests: Vec<&[u8; 32]> = living.map(|one| &one.digest).collect();
        if presented.is_secret_of(&digests) {
            return Ok(Some(Arc::clone(resource)));
        }
        Err(TokenError::WrongSecret { basic: presented.is_basic() }.into())
    }

    /// Checks the proof of a registered client.
    async fn prove(
        &self,
        evidence: &ClientEvidence<'_>,
        presented: &Presented,
        party: RelyingParty,
    ) -> Result<Authenticated, TokenFailure> {
        let proof = match presented {
            Presented::Assertion(assertion) => {
                let endpoint = evidence.endpoint;
                let verified = self.verify_assertion(assertion, &party.client, endpoint).await?;
                self.use_up(verified).await?
            }
            _ => authentication::authenticate(presented, &party.client, self.site.now())?,
        };
        Ok(Authenticated { proof, party })
    }

    /// What a refused request of a client sent, against what the client registered: for the log.
    pub async fn mismatch(&self, evidence: &ClientEvidence<'_>, error: &TokenError) -> Mismatch {
        let presented = Presented::from_request(evidence.authorization, evidence.form).ok();
        let named = presented.as_ref().and_then(Presented::client_id);
        let named = named.or_else(|| evidence.form.one("client_id").ok().flatten());
        let party = match named {
            Some(id) => self.find_client(id).await.ok().flatten(),
            None => None,
        };
        let client = party.as_ref().map(|party| &party.client);
        let (sent, registered) = compare(evidence.form, presented.as_ref(), client, error);
        let client = named.map(str::to_owned);
        Mismatch { client, known: party.is_some(), sent, registered }
    }

    async fn verify_assertion(
        &self,
        assertion: &Assertion,
        client: &Client,
        endpoint: &str,
    ) -> Result<VerifiedAssertion, TokenError> {
        let now = self.site.now();
        let origin = self.site.origin();
        let (token, called) = (origin.join(paths::TOKEN), origin.join(endpoint));
        let audiences = [origin.as_str(), token.as_str(), called.as_str()];
        let verify = |keys: &[PublicJwk]| {
            let check = AssertionCheck { now, audiences: &audiences, keys };
            assertion::verify(assertion, client, &check)
        };
        match &client.authentication {
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::Jwks(keys) } => verify(keys),
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::JwksUri(uri) } => {
                self.verify_with_published(&client.client_id, uri, now, &verify).await
            }
            _ => verify(&[]),
        }
    }

    /// Verifies with the keys that the client publishes. Fetches them if none are kept, if those
    /// kept are too old, or if none of them matches the assertion.
    async fn verify_with_published(
        &self,
        client_id: &str,
        uri: &str,
        now: Timestamp,
        verify: &(dyn Fn(&[PublicJwk]) -> Result<VerifiedAssertion, TokenError> + Sync),
    ) -> Result<VerifiedAssertion, TokenError> {
        let published = &self.inner.client_keys;
        let kept = published.get(client_id, uri);
        if let Some(kept) = kept.filter(|kept| now.since(kept.at) < MAX_AGE) {
            let result = verify(&kept.keys);
            let stale = now.since(kept.at) >= REFETCH;
            if !(stale && matches!(result, Err(TokenError::UnknownKey))) {
                return result;
            }
        }
        let keys = self.fetch_keys(uri).await.map_err(|error| {
            tracing::warn!(%error, client = %client_id, "the keys of a client cannot be read");
            TokenError::Assertion("the client's jwks_uri cannot be read")
        })?;
        let fetched = Fetched { at: now, uri: uri.to_owned(), keys: Arc::clone(&keys) };
        published.keep(client_id, fetched);
        verify(&keys)
    }

    /// The keys that a client publishes at `uri`, fetched now.
    ///
    /// # Errors
    ///
    /// The text says why they cannot be read: the host is not listed, or the answer is no JWK Set.
    pub async fn published_keys(&self, uri: &str) -> Result<Arc<[PublicJwk]>, String> {
        self.fetch_keys(uri).await
    }

    async fn fetch_keys(&self, uri: &str) -> Result<Arc<[PublicJwk]>, String> {
        let accept = "application/jwk-set+json, application/json";
        let body = self.site.outbound().fetch(uri, accept).await;
        let body = body.map_err(|error| error.to_string())?;
        let value = json::parse(&body).map_err(|error| error.to_string())?;
        let mut set = JwkSet::from_value(&value).map_err(|error| error.to_string())?;
        set.keys.retain(|key| !self.refuses_key(&key.thumbprint()));
        Ok(set.keys.into())
    }

    /// Records the assertion. Of several requests with the same assertion, only the first succeeds.
    async fn use_up(
        &self,
        verified: VerifiedAssertion,
    ) -> Result<AuthenticatedClient, TokenFailure> {
        let store = self.site.store();
        let row = &verified.row;
        if store.transact(|tx| tx.insert::<tables::UsedAssertions>(row, &())).await? {
            Ok(verified.client)
        } else {
            Err(TokenError::Assertion("it was used before").into())
        }
    }
}

/// The two values that an error is about, if they say more than the error itself. Neither is a
/// secret.
fn compare(
    form: &Params,
    presented: Option<&Presented>,
    client: Option<&Client>,
    error: &TokenError,
) -> (Option<String>, Option<String>) {
    let one = |name| form.one(name).ok().flatten();
    match error {
        TokenError::OtherRedirectUri => (
            Some(one("redirect_uri").map_or_else(|| "none".to_owned(), sent_uri)),
            client.map(|client| registered_list(&client.redirect_uris)),
        ),
        TokenError::InvalidScope => {
            (one("scope").map(str::to_owned), client.map(|client| registered_list(&client.scopes)))
        }
        TokenError::UnsupportedGrantType | TokenError::UnauthorizedClient => {
            (one("grant_type").map(str::to_owned), None)
        }
        TokenError::NotAuthenticated
        | TokenError::OtherMethod { .. }
        | TokenError::WrongSecret { .. }
        | TokenError::Assertion(_)
        | TokenError::UnknownKey => (
            presented.map(|presented| presented.method().to_owned()),
            client.map(|client| client.authentication.method().to_owned()),
        ),
        _ => (None, None),
    }
}
