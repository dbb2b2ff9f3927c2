//! Administration of relying parties: add, list, show, change and remove.

mod checks;
mod edit;
mod examine;
mod secret;
mod show;

use sekisho_ambient::{Secret, Text};
use sekisho_jose::Algorithm;
use sekisho_oauth::client::{
    ApplicationType, Client, ClientAuthentication, Profile, RegistrationError, Secrets,
};
use sekisho_oauth::token::GrantType;
use sekisho_profile::Act;
use sekisho_registry::RelyingParty;
use sekisho_registry::clients::sector_of;
use sekisho_registry::sectors::{NameSource, Naming, chosen, told};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use edit::{Difference, EditClient, EditedClient, ListEdit, PartOfText};
pub use examine::{Examined, Finding, Found, TestClient};
pub use secret::{KEEP_OLD, KEEP_OLD_MAX, RotateSecret, RotatedSecret};
pub use show::{ClientShown, Endpoints, SecretShown};

use super::{AdminError, By, Change, Changed};
use crate::Broker;
use checks::client_keys;

/// A request to register a relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddClient {
    /// The client id; a random one if absent.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The name shown to people.
    pub name: Text,
    /// Why the client asks people to log in; shown before consent and in the wallet. A client for
    /// which nobody logs in needs none.
    #[serde(default)]
    pub purpose: Text,
    /// The redirect URIs; requests are compared with them as strings. Authorization codes need one.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The scopes that the client may ask for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The grants that the client may use, by their names in `grant_type`, or as `device_code` and
    /// `token_exchange`.
    #[serde(default = "GrantType::of_a_login")]
    pub grant_types: Vec<GrantType>,
    /// `client_secret_basic`, `client_secret_post`, `client_secret` (either of the two),
    /// `private_key_jwt` or `none`.
    pub token_endpoint_auth_method: String,
    /// The client's public keys, for `private_key_jwt`: a JWK Set (RFC 7517, section 5).
    #[serde(default)]
    pub jwks: Option<Value>,
    /// The URL at which the client publishes its keys, instead of `jwks`; the host must be one of
    /// `outbound.allow_hosts`.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// The URIs to which a browser may go after logging out, compared as strings.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The algorithm of ID tokens: `RS256` (the default) or `ES256`.
    #[serde(default = "rs256")]
    pub id_token_signed_response_alg: Algorithm,
    /// The sector whose services know people by the same subject and user name; by default the host
    /// of the first redirect URI, or the client alone.
    #[serde(default)]
    pub sector: Option<String>,
    /// The id of the configured service that people use through this client, if any.
    #[serde(default)]
    pub service: Option<String>,
    /// Whether the client is a program on the user's device (RFC 8252).
    #[serde(default)]
    pub native: bool,
    /// Whether a wallet on another device may be used.
    #[serde(default)]
    pub cross_device: bool,
    /// Whether the ID token contains the claims too, not only userinfo (the default). Refused if the
    /// claims of `scopes` could weigh more than `sekisho_profile::scopes::ID_TOKEN_CLAIMS` bytes.
    #[serde(default = "yes")]
    pub claims_in_id_token: bool,
    /// Whether the client has to use PKCE although it is confidential; a public client always has
    /// to.
    #[serde(default)]
    pub require_pkce: bool,
    /// The `acr` that every login at this client must have: `phr`.
    #[serde(default)]
    pub required_acr: Option<String>,
    /// The longest age of a login, in seconds, if a request has no `max_age` (`default_max_age`).
    #[serde(default)]
    pub default_max_age: Option<i64>,
}

fn yes() -> bool {
    true
}

fn rs256() -> Algorithm {
    Algorithm::Rs256
}

/// The answer to a registration.
#[derive(Clone, Serialize, Deserialize)]
pub struct AddedClient {
    /// Its id.
    pub client_id: String,
    /// The client secret. It is shown only this once, because only its digest is stored; `None` if
    /// the client has none.
    pub client_secret: Option<String>,
    /// The registered redirect URIs.
    pub redirect_uris: Vec<String>,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// The grants that it may use.
    pub grant_types: Vec<GrantType>,
    /// How it authenticates at the token endpoint.
    pub token_endpoint_auth_method: String,
    /// The URLs that it needs.
    pub endpoints: Endpoints,
    /// Its sector: the name that the operator chose, a host, or the client alone.
    pub sector: String,
}

/// A relying party, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientRow {
    /// The client id.
    pub client_id: String,
    /// The name shown to people.
    pub name: Text,
    /// The authentication method at the token endpoint.
    pub token_endpoint_auth_method: String,
    /// The registered redirect URIs.
    pub redirect_uris: Vec<String>,
    /// The scopes that the client may ask for.
    pub scopes: Vec<String>,
    /// The grants that the client may use.
    pub grant_types: Vec<GrantType>,
    /// The id of the service that people use through this client, if any.
    pub service: Option<String>,
    /// Its sector: the name that the operator chose, a host, or the client alone.
    pub sector: String,
}

impl Broker {
    /// Registers a relying party.
    pub async fn add_client(
        &self,
        by: &By,
        add: &AddClient,
    ) -> Result<Changed<AddedClient>, AdminError> {
        let secret = self.site.entropy().token();
        let party = self.relying_party(add, &secret)?;
        self.check_party(&party)?;
        let id = &party.client.client_id;
        self.refuse_resource_name(id).await?;
        let has_secret = party.client.authentication.secrets().is_some();
        let added = AddedClient {
            client_id: id.clone(),
            client_secret: (has_secret && !by.rehearsal).then(|| secret.expose().clone()),
            redirect_uris: party.client.redirect_uris.clone(),
            scopes: party.client.scopes.clone(),
            grant_types: party.client.grant_types.clone(),
            token_endpoint_auth_method: party.client.authentication.method().to_owned(),
            endpoints: self.endpoints(&party.client),
            sector: told(&party.sector),
        };
        let changed = self
            .change(by, Change::new(Act::ClientAdd, id), |tx| {
                let fresh = self.registry.add_client_in(tx, &party)?;
                Ok(if fresh { Ok(added.clone()) } else { Err(AdminError::exists("client", id)) })
            })
            .await;
        self.registry.forget_client_origins();
        changed
    }

    fn relying_party(
        &self,
        add: &AddClient,
        secret: &Secret<String>,
    ) -> Result<RelyingParty, AdminError> {
        let keys = client_keys(add.jwks.as_ref(), add.jwks_uri.as_ref())?;
        let authentication = match (add.token_endpoint_auth_method.as_str(), keys) {
            ("private_key_jwt", Some(keys)) => ClientAuthentication::PrivateKeyJwt { keys },
            ("private_key_jwt", None) => {
                return Err(AdminError::invalid("private_key_jwt needs jwks or jwks_uri"));
            }
            (_, Some(_)) => {
                return Err(AdminError::invalid("jwks and jwks_uri are for private_key_jwt"));
            }
            ("none", None) => ClientAuthentication::None,
            (method, None) => {
                let secrets = Secrets::new(secret.expose(), Some(self.site.now()));
                let unknown = || AdminError::Invalid(format!("unknown method {method:?}"));
                ClientAuthentication::with_secrets(method, secrets).ok_or_else(unknown)?
            }
        };
        let client = Client {
            client_id: add.client_id.clone().unwrap_or_else(|| self.site.entropy().id()),
            client_name: add.name.clone(),
            authentication,
            redirect_uris: add.redirect_uris.clone(),
            scopes: add.scopes.clone(),
            grant_types: add.grant_types.clone(),
            id_token_signed_response_alg: add.id_token_signed_response_alg,
            profile: Profile::Oidc,
            application_type: if add.native {
                ApplicationType::Native
            } else {
                ApplicationType::Web
            },
            claims_in_id_token: add.claims_in_id_token,
            require_pkce: add.require_pkce,
            required_acr: add.required_acr.clone(),
            default_max_age: add.default_max_age,
            post_logout_redirect_uris: add.post_logout_redirect_uris.clone(),
            created: self.site.now(),
        };
        let no_uri = || AdminError::Invalid(RegistrationError::NoRedirectUri.to_string());
        Ok(RelyingParty {
            sector: match &add.sector {
                Some(name) => chosen(name).map_err(AdminError::invalid)?,
                None => sector_of(&client.client_id, &client.redirect_uris).ok_or_else(no_uri)?,
            },
            naming: Naming::Sector,
            names_from: NameSource::default(), // given by `Registry::add_client_in`
            service: add.service.clone(),
            purpose: add.purpose.clone(),
            cross_device: add.cross_device,
            generation: 0, // given by `Registry::add_client_in`
            client,
        })
    }

    /// Lists all relying parties.
    pub async fn list_clients(&self) -> Result<Vec<ClientRow>, AdminError> {
        let clients = self.registry.list_clients().await?;
        Ok(clients.into_iter().map(row).collect())
    }

    /// Removes a relying party. Its codes and tokens become invalid.
    pub async fn remove_client(
        &self,
        by: &By,
        client_id: &str,
    ) -> Result<Changed<ClientRow>, AdminError> {
        let changed = self
            .change(by, Change::new(Act::ClientRemove, client_id), |tx| {
                let removed = self.registry.remove_client_in(tx, client_id)?;
                Ok(removed.map(row).ok_or_else(|| AdminError::not_found("client", client_id)))
            })
            .await;
        self.registry.forget_client_origins();
        changed
    }
}

fn row(party: RelyingParty) -> ClientRow {
    let RelyingParty { client, service, sector, .. } = party;
    ClientRow {
        client_id: client.client_id,
        name: client.client_name,
        token_endpoint_auth_method: client.authentication.method().to_owned(),
        redirect_uris: client.redirect_uris,
        scopes: client.scopes,
        grant_types: client.grant_types,
        service,
        sector: told(&sector),
    }
}
