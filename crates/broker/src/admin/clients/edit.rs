//! Changes of a registration that stays what it is: what was given to the client goes on, within what
//! it may have afterwards.
//!
//! Invariant: what a changed registration may be is what a new one may be. People keep their subjects:
//! a change that would give the client another sector is refused.

use sekisho_ambient::{Text, Timestamp};
use sekisho_jose::Algorithm;
use sekisho_oauth::client::{Client, ClientAuthentication, ClientKeys, Secrets};
use sekisho_oauth::token::GrantType;
use sekisho_profile::Act;
use sekisho_registry::RelyingParty;
use sekisho_registry::clients::keeps_sector;
use sekisho_registry::sectors::told;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::super::{AdminError, By, Change, Changed};
use super::checks::client_keys;
use crate::Broker;

/// A request to change a registration. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EditClient {
    /// The name shown to people.
    #[serde(skip_serializing_if = "is_default")]
    pub name: PartOfText,
    /// Why it asks people to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub purpose: PartOfText,
    /// The redirect URIs.
    #[serde(skip_serializing_if = "is_default")]
    pub redirect_uris: ListEdit<String>,
    /// Where a browser may go after logging out.
    #[serde(skip_serializing_if = "is_default")]
    pub post_logout_redirect_uris: ListEdit<String>,
    /// The scopes.
    #[serde(skip_serializing_if = "is_default")]
    pub scopes: ListEdit<String>,
    /// The grants.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_types: ListEdit<GrantType>,
    /// The way to authenticate. A secret is made if the client had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// The public keys, for `private_key_jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where the keys are published, instead of `jwks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The algorithm of ID tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// Whether claims stand in the ID token too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_in_id_token: Option<bool>,
    /// The id of the service, or null for none.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub service: Option<Option<String>>,
    /// Whether a wallet on another device may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_device: Option<bool>,
    /// Whether PKCE is demanded although the client is confidential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_pkce: Option<bool>,
    /// The `acr` that every login must have, or null for none.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub required_acr: Option<Option<String>>,
    /// The longest age of a login in seconds, or null for none.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<Option<i64>>,
}

/// A text of which one language may stay as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartOfText {
    /// The text in Japanese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja: Option<String>,
    /// The text in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// A change of a list: another list, or some entries more or fewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct ListEdit<T> {
    /// The whole list, in place of the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<T>>,
    /// Entries to add at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<T>,
    /// Entries to remove, which have to be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<T>,
}

impl<T> Default for ListEdit<T> {
    fn default() -> Self {
        Self { set: None, add: Vec::new(), remove: Vec::new() }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a member that is there: null is a value.
#[allow(clippy::option_option, reason = "absent, null and a value are three things")]
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The answer to a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EditedClient {
    /// Its id.
    pub client_id: String,
    /// The client secret, if the change made one. It is shown only this once.
    pub client_secret: Option<String>,
    /// What differs.
    pub changes: Vec<Difference>,
}

/// A member of a registration that a change made another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The member, by its name in [`super::ClientShown`].
    pub member: String,
    /// Its value before.
    pub before: Value,
    /// Its value from now on.
    pub after: Value,
}

/// What a change needs that is made before its transaction.
struct Material {
    keys: Option<ClientKeys>,
    secrets: Secrets,
}

impl Broker {
    /// Changes a registration. It keeps its generation, and so what was given to it.
    pub async fn edit_client(
        &self,
        by: &By,
        client_id: &str,
        edit: &EditClient,
    ) -> Result<Changed<EditedClient>, AdminError> {
        if *edit == EditClient::default() {
            return Err(AdminError::invalid("there is nothing to change"));
        }
        let now = self.site.now();
        let secret = self.site.entropy().token();
        let material = Material {
            keys: client_keys(edit.jwks.as_ref(), edit.jwks_uri.as_ref())?,
            secrets: Secrets::new(secret.expose(), Some(now)),
        };
        let change = Change::new(Act::ClientEdit, client_id).with("members", edit.members());
        let changed = self
            .change(by, change, |tx| {
                let Some(before) = self.registry.client_in(tx, client_id)? else {
                    return Ok(Err(AdminError::not_found("client", client_id)));
                };
                let after = match self.edited(edit, &before, &material) {
                    Ok(after) => after,
                    Err(error) => return Ok(Err(error)),
                };
                self.registry.change_client_in(tx, &after)?;
                let made = after.client.authentication.secrets() == Some(&material.secrets);
                Ok(Ok(EditedClient {
                    client_id: client_id.to_owned(),
                    client_secret: (made && !by.rehearsal).then(|| secret.expose().clone()),
                    changes: self.differences(&before, &after, now),
                }))
            })
            .await;
        self.registry.forget_client_origins();
        changed
    }

    /// The registration as it would be, if it may be so.
    fn edited(
        &self,
        edit: &EditClient,
        before: &RelyingParty,
        material: &Material,
    ) -> Result<RelyingParty, AdminError> {
        let after = edit.apply(before, material)?;
        self.check_party(&after)?;
        if !keeps_sector(before, &after.client.redirect_uris) {
            return Err(AdminError::Invalid(format!(
                "no redirect URI would be left on {}, the sector from which the client's users have their sub and their user names: with another sector all of them would be strangers to the service. Keep one redirect URI there, or move the client to another sector together with its users, with client move",
                told(&before.sector)
            )));
        }
        Ok(after)
    }

    fn differences(
        &self,
        before: &RelyingParty,
        after: &RelyingParty,
        now: Timestamp,
    ) -> Vec<Difference> {
        let members = |party| serde_json::to_value(self.shown(party, now));
        let (Ok(Value::Object(before)), Ok(Value::Object(after))) =
            (members(before), members(after))
        else {
            return Vec::new();
        };
        let differ = after.into_iter().filter_map(|(member, after)| {
            let before = before.get(&member).cloned().unwrap_or_default();
            (member != "endpoints" && before != after).then_some(Difference {
                member,
                before,
                after,
            })
        });
        differ.collect()
    }
}

impl EditClient {
    /// The names of the members that the request names.
    fn members(&self) -> Vec<String> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }

    /// The changed registration. It is not checked yet.
    fn apply(&self, party: &RelyingParty, material: &Material) -> Result<RelyingParty, AdminError> {
        let client = &party.client;
        let edited = Client {
            client_name: self.name.apply(&client.client_name),
            authentication: self.authentication(client, material)?,
            redirect_uris: self.redirect_uris.apply("redirect_uri", &client.redirect_uris)?,
            scopes: self.scopes.apply("scope", &client.scopes)?,
            grant_types: self.grant_types.apply("grant", &client.grant_types)?,
            id_token_signed_response_alg: self
                .id_token_signed_response_alg
                .unwrap_or(client.id_token_signed_response_alg),
            claims_in_id_token: self.claims_in_id_token.unwrap_or(client.claims_in_id_token),
            require_pkce: self.require_pkce.unwrap_or(client.require_pkce),
            required_acr: self.required_acr.as_ref().unwrap_or(&client.required_acr).clone(),
            default_max_age: self.default_max_age.unwrap_or(client.default_max_age),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .apply("post_logout_redirect_uri", &client.post_logout_redirect_uris)?,
            ..client.clone()
        };
        Ok(RelyingParty {
            client: edited,
            service: self.service.as_ref().unwrap_or(&party.service).clone(),
            purpose: self.purpose.apply(&party.purpose),
            cross_device: self.cross_device.unwrap_or(party.cross_device),
            ..party.clone()
        })
    }

    /// How the client authenticates from now on. Another way to send a secret leaves the secret as it
    /// is.
    fn authentication(
        &self,
        client: &Client,
        material: &Material,
    ) -> Result<ClientAuthentication, AdminError> {
        let before = &client.authentication;
        let method = self.token_endpoint_auth_method.as_deref().unwrap_or(before.method());
        match (method, &material.keys) {
            ("private_key_jwt", Some(keys)) => {
                Ok(ClientAuthentication::PrivateKeyJwt { keys: keys.clone() })
            }
            ("private_key_jwt", None) if before.method() == method => Ok(before.clone()),
            ("private_key_jwt", None) => {
                Err(AdminError::invalid("private_key_jwt needs jwks or jwks_uri"))
            }
            (_, Some(_)) => Err(AdminError::invalid("jwks and jwks_uri are for private_key_jwt")),
            ("none", None) => Ok(ClientAuthentication::None),
            (method, None) => {
                let secrets = before.secrets().unwrap_or(&material.secrets).clone();
                let unknown = || AdminError::Invalid(format!("unknown method {method:?}"));
                ClientAuthentication::with_secrets(method, secrets).ok_or_else(unknown)
            }
        }
    }
}

impl PartOfText {
    fn apply(&self, before: &Text) -> Text {
        Text {
            ja: self.ja.as_ref().unwrap_or(&before.ja).clone(),
            en: self.en.as_ref().unwrap_or(&before.en).clone(),
        }
    }
}

impl<T: Clone + PartialEq + Serialize> ListEdit<T> {
    /// The changed list. An entry that is there already is not added again.
    fn apply(&self, what: &str, before: &[T]) -> Result<Vec<T>, AdminError> {
        let mut list = self.set.clone().unwrap_or_else(|| before.to_vec());
        for gone in &self.remove {
            let place = list.iter().position(|entry| entry == gone).ok_or_else(|| {
                let entry = serde_json::to_string(gone).unwrap_or_default();
                AdminError::Invalid(format!("{what} {entry} is not registered"))
            })?;
            list.remove(place);
        }
        for new in &self.add {
            if !list.contains(new) {
                list.push(new.clone());
            }
        }
        Ok(list)
    }
}
