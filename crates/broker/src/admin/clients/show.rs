//! What is registered of a relying party, for an operator to read. Secrets are never part of it: only
//! their digests are known, and not even those are told.

use sekisho_ambient::{Text, Timestamp};
use sekisho_jose::{Algorithm, JwkSet};
use sekisho_oauth::client::{ApplicationType, Client, ClientAuthentication, ClientKeys};
use sekisho_oauth::token::GrantType;
use sekisho_registry::RelyingParty;
use sekisho_registry::sectors::told;
use sekisho_site::paths;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::AdminError;
use crate::Broker;

/// Everything that is registered of a relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientShown {
    /// Its id.
    pub client_id: String,
    /// The name shown to people.
    pub name: Text,
    /// Why it asks people to log in.
    pub purpose: Text,
    /// The grants that it may use.
    pub grant_types: Vec<GrantType>,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after logging out.
    pub post_logout_redirect_uris: Vec<String>,
    /// How it authenticates at the token endpoint.
    pub token_endpoint_auth_method: String,
    /// Its secrets that are good now, the present one first; without the secrets.
    pub secrets: Vec<SecretShown>,
    /// Its public keys, if they were registered by value.
    pub jwks: Option<Value>,
    /// Where it publishes its keys, if it does.
    pub jwks_uri: Option<String>,
    /// The algorithm of its ID tokens.
    pub id_token_signed_response_alg: Algorithm,
    /// Whether the claims stand in the ID token too.
    pub claims_in_id_token: bool,
    /// The id of the service that people use through it, if any.
    pub service: Option<String>,
    /// Whether it is a program on people's own devices.
    pub native: bool,
    /// Whether a wallet on another device may be used.
    pub cross_device: bool,
    /// Whether it has to use PKCE although it is confidential.
    pub require_pkce: bool,
    /// The `acr` that every login must have.
    pub required_acr: Option<String>,
    /// The longest age of a login, in seconds, if a request has no `max_age`.
    pub default_max_age: Option<i64>,
    /// The sector from which people's subjects are computed.
    pub sector: String,
    /// When it was registered.
    pub created: Timestamp,
    /// The URLs that it needs.
    pub endpoints: Endpoints,
}

/// A secret that is good now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretShown {
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends, if another one was made since.
    pub ends: Option<Timestamp>,
}

/// The URLs that a client needs, by their names in the discovery document. Those that its grants do not
/// use are absent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// The issuer identifier.
    pub issuer: String,
    /// The discovery document, from which most programs read the rest.
    pub discovery: String,
    /// Where logins begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// Where logins on devices without a browser begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// Where tokens are given out.
    pub token_endpoint: String,
    /// Where claims are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// The public keys of ID tokens.
    pub jwks_uri: String,
    /// Where it asks about tokens; not for public clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// Where it ends tokens.
    pub revocation_endpoint: String,
    /// Where people log out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
}

impl Broker {
    /// Shows a relying party.
    pub async fn show_client(&self, client_id: &str) -> Result<ClientShown, AdminError> {
        let party = self.registry.find_client(client_id).await?;
        let party = party.ok_or_else(|| AdminError::not_found("client", client_id))?;
        Ok(self.shown(&party, self.site.now()))
    }

    /// What is told of a registration at this time.
    pub(super) fn shown(&self, party: &RelyingParty, now: Timestamp) -> ClientShown {
        let RelyingParty { client, service, purpose, cross_device, sector, .. } = party.clone();
        let secrets = client.authentication.secrets().map(|secrets| secrets.living(now));
        let secrets = secrets.into_iter().flatten().map(|secret| SecretShown {
            issued: secret.issued.unwrap_or(client.created),
            ends: secret.ends,
        });
        let (jwks, jwks_uri) = match &client.authentication {
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::Jwks(keys) } => {
                (Some(JwkSet { keys: keys.clone() }.to_value()), None)
            }
            ClientAuthentication::PrivateKeyJwt { keys: ClientKeys::JwksUri(uri) } => {
                (None, Some(uri.clone()))
            }
            _ => (None, None),
        };
        ClientShown {
            secrets: secrets.collect(),
            jwks,
            jwks_uri,
            endpoints: self.endpoints(&client),
            token_endpoint_auth_method: client.authentication.method().to_owned(),
            client_id: client.client_id,
            name: client.client_name,
            purpose,
            grant_types: client.grant_types,
            scopes: client.scopes,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            id_token_signed_response_alg: client.id_token_signed_response_alg,
            claims_in_id_token: client.claims_in_id_token,
            service,
            native: client.application_type == ApplicationType::Native,
            cross_device,
            require_pkce: client.require_pkce,
            required_acr: client.required_acr,
            default_max_age: client.default_max_age,
            sector: told(&sector),
            created: client.created,
        }
    }

    /// The URLs that this client needs.
    pub(super) fn endpoints(&self, client: &Client) -> Endpoints {
        let url = |path| self.site.origin().join(path);
        let people = client.logs_people_in();
        Endpoints {
            issuer: self.site.origin().as_str().to_owned(),
            discovery: url(paths::OPENID_CONFIGURATION),
            authorization_endpoint: client
                .may_use(GrantType::AuthorizationCode)
                .then(|| url(paths::AUTHORIZE)),
            device_authorization_endpoint: client
                .may_use(GrantType::DeviceCode)
                .then(|| url(paths::DEVICE_AUTHORIZATION)),
            token_endpoint: url(paths::TOKEN),
            userinfo_endpoint: people.then(|| url(paths::USERINFO)),
            jwks_uri: url(paths::JWKS),
            introspection_endpoint: (!client.is_public()).then(|| url(paths::INTROSPECT)),
            revocation_endpoint: url(paths::REVOKE),
            end_session_endpoint: people.then(|| url(paths::LOGOUT)),
        }
    }
}
