//! Relying parties.

use sekisho_jose::{Algorithm, JwkSet};
use sekisho_oauth::client::{
    self, ApplicationType, Client, ClientAuthentication, ClientKeys, Profile,
};
use sekisho_profile::{Act, scopes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AdminError, By, Changed, MAX_ROWS};
use crate::Broker;
use crate::tables::Clients;
use sekisho_ambient::Text;

/// A new relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddClient {
    /// Its id; drawn if absent.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its name.
    pub name: Text,
    /// Why it asks, shown before consent and in the wallet.
    pub purpose: Text,
    /// Redirect URIs, compared as strings.
    pub redirect_uris: Vec<String>,
    /// Scopes that it may ask for.
    pub scopes: Vec<String>,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.
    pub token_endpoint_auth_method: String,
    /// Its public keys, for `private_key_jwt`: a JWK Set (RFC 7517, section 5).
    #[serde(default)]
    pub jwks: Option<Value>,
    /// Where it publishes its keys instead; the host must be one of `outbound.allow_hosts`.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Where a browser may go after logging out, compared as strings.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// `RS256` or `ES256`.
    #[serde(default = "rs256")]
    pub id_token_signed_response_alg: Algorithm,
    /// The service that it stands for.
    #[serde(default)]
    pub service: Option<String>,
    /// A program on the user's device (RFC 8252).
    #[serde(default)]
    pub native: bool,
    /// Whether a wallet on another device may be used.
    #[serde(default)]
    pub cross_device: bool,
    /// Whether claims stand in the ID token too.
    #[serde(default)]
    pub claims_in_id_token: bool,
    /// Whether a confidential client has to use PKCE; a public one always has to.
    #[serde(default)]
    pub require_pkce: bool,
    /// `acr` without which nobody is logged in: `phr`.
    #[serde(default)]
    pub required_acr: Option<String>,
    /// `default_max_age`, in seconds.
    #[serde(default)]
    pub default_max_age: Option<i64>,
}

fn rs256() -> Algorithm {
    Algorithm::Rs256
}

/// A client that was added.
#[derive(Clone, Serialize, Deserialize)]
pub struct AddedClient {
    /// Its id.
    pub client_id: String,
    /// Its secret, told this once; only its digest is kept.
    pub client_secret: Option<String>,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
}

/// A client, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientRow {
    /// Its id.
    pub client_id: String,
    /// Its name.
    pub name: Text,
    /// How it authenticates.
    pub token_endpoint_auth_method: String,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The service that it stands for.
    pub service: Option<String>,
}

impl Broker {
    /// Registers a relying party.
    pub async fn add_client(
        &self,
        by: &By,
        add: &AddClient,
    ) -> Result<Changed<AddedClient>, AdminError> {
        if let Some(service) = &add.service
            && self.config().service(service).is_none()
        {
            return Err(AdminError::NotFound { kind: "service", id: service.clone() });
        }
        let secret = self.entropy().token();
        let digest = sekisho_ambient::sha256(secret.expose().as_bytes());
        let authentication = match add.token_endpoint_auth_method.as_str() {
            "client_secret_basic" => ClientAuthentication::SecretBasic { digest },
            "client_secret_post" => ClientAuthentication::SecretPost { digest },
            "private_key_jwt" => ClientAuthentication::PrivateKeyJwt { keys: client_keys(add)? },
            "none" => ClientAuthentication::None,
            other => return Err(AdminError::Invalid(format!("unknown method {other:?}"))),
        };
        let has_secret = matches!(
            authentication,
            ClientAuthentication::SecretBasic { .. } | ClientAuthentication::SecretPost { .. }
        );
        let now = self.clock().now();
        let client = Client {
            client_id: add.client_id.clone().unwrap_or_else(|| self.entropy().id()),
            client_name: add.name.clone(),
            purpose: add.purpose.clone(),
            authentication,
            redirect_uris: add.redirect_uris.clone(),
            scopes: add.scopes.clone(),
            id_token_signed_response_alg: add.id_token_signed_response_alg,
            profile: Profile::Oidc,
            application_type: if add.native {
                ApplicationType::Native
            } else {
                ApplicationType::Web
            },
            claims_in_id_token: add.claims_in_id_token,
            cross_device: add.cross_device,
            service: add.service.clone(),
            require_pkce: add.require_pkce,
            required_acr: add.required_acr.clone(),
            default_max_age: add.default_max_age,
            post_logout_redirect_uris: add.post_logout_redirect_uris.clone(),
            created: now,
        };
        client::validate_registration(&client, &scopes::supported())
            .map_err(AdminError::invalid)?;
        let added = AddedClient {
            client_id: client.client_id.clone(),
            client_secret: has_secret.then(|| secret.expose().clone()),
            redirect_uris: client.redirect_uris.clone(),
        };
        let exists = || AdminError::Exists { kind: "client", id: client.client_id.clone() };
        if self.store().get::<Clients>(&client.client_id).await?.is_some() {
            return Err(exists());
        }
        if by.dry_run {
            let result = AddedClient { client_secret: None, ..added };
            return Ok(Changed { audit_id: None, result });
        }
        let (entry, id) = self.act_entry(by, now, Act::ClientAdd, &client.client_id);
        let inserted = self
            .store()
            .transact(|tx| {
                let inserted = tx.insert::<Clients>(&client.client_id, &client)?;
                if inserted {
                    tx.append(entry.clone());
                }
                Ok(inserted)
            })
            .await?;
        if inserted { Ok(Changed { audit_id: Some(id), result: added }) } else { Err(exists()) }
    }

    /// All relying parties.
    pub async fn list_clients(&self) -> Result<Vec<ClientRow>, AdminError> {
        let rows = self.store().scan::<Clients>(std::ops::Bound::Unbounded, MAX_ROWS).await?;
        Ok(rows.into_iter().map(|(_, client)| row(client)).collect())
    }

    /// Removes a relying party: its codes and tokens die with it.
    pub async fn remove_client(
        &self,
        by: &By,
        client_id: &str,
    ) -> Result<Changed<ClientRow>, AdminError> {
        let key = client_id.to_owned();
        let missing = || AdminError::NotFound { kind: "client", id: client_id.to_owned() };
        let client = self.store().get::<Clients>(&key).await?.ok_or_else(missing)?;
        if by.dry_run {
            return Ok(Changed { audit_id: None, result: row(client) });
        }
        let (entry, id) = self.act_entry(by, self.clock().now(), Act::ClientRemove, client_id);
        self.store()
            .transact(|tx| {
                tx.delete::<Clients>(&key)?;
                tx.append(entry.clone());
                Ok(())
            })
            .await?;
        Ok(Changed { audit_id: Some(id), result: row(client) })
    }
}

/// `jwks` or `jwks_uri`, never both (Registration, 2).
fn client_keys(add: &AddClient) -> Result<ClientKeys, AdminError> {
    let wrong = |text: &str| AdminError::Invalid(text.to_owned());
    match (&add.jwks, &add.jwks_uri) {
        (Some(jwks), None) => {
            let set = JwkSet::from_value(jwks).map_err(AdminError::invalid)?;
            Ok(ClientKeys::Jwks(set.keys))
        }
        (None, Some(uri)) => Ok(ClientKeys::JwksUri(uri.clone())),
        _ => Err(wrong("private_key_jwt needs jwks or jwks_uri, and not both")),
    }
}

fn row(client: Client) -> ClientRow {
    ClientRow {
        client_id: client.client_id,
        name: client.client_name,
        token_endpoint_auth_method: client.authentication.method().to_owned(),
        redirect_uris: client.redirect_uris,
        scopes: client.scopes,
        service: client.service,
    }
}
