//! Administration of protected resources: add, edit, list and remove them, and give them secrets.

use sekisho_ambient::Timestamp;
use sekisho_jose::Claims;
use sekisho_profile::{Act, lifetimes};
use sekisho_registry::resources::{ResourceSecret, rules};
use sekisho_registry::{Registered, Resource, Resources, TokenFormat};
use sekisho_site::paths;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// How many secrets of a resource count at once.
const SECRETS: usize = 2;

/// A change of a resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditResource {
    /// Members of the resource with their new values; `null` takes one back to its default (RFC 7396).
    #[serde(default)]
    pub set: Claims,
    /// Clients that may ask for it from now on.
    #[serde(default)]
    pub add_clients: Vec<String>,
    /// Clients that may ask for it no more.
    #[serde(default)]
    pub remove_clients: Vec<String>,
}

/// How the secret of a resource is replaced.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateResourceSecret {
    /// For how many seconds the secret before the new one still counts.
    #[serde(default = "day")]
    pub keep_old_for: i64,
}

fn day() -> i64 {
    86_400
}

/// A resource, as shown to operators.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceRow {
    /// The resource.
    #[serde(flatten)]
    pub resource: Resource,
    /// Whether it stands in the configuration, where it is changed.
    pub configured: bool,
    /// Where the keys are published that sign its tokens; `None` for opaque tokens.
    pub jwks_uri: Option<String>,
    /// Since when each of its secrets counts, and until when; the newest first.
    pub secrets: Vec<(Timestamp, Option<Timestamp>)>,
}

/// The answer to a registration or a new secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResourceWithSecret {
    /// The resource.
    #[serde(flatten)]
    pub row: ResourceRow,
    /// The secret with which it introspects, under its id as `client_id`. It is shown only this
    /// once, because only its digest is stored; `None` in a rehearsal.
    pub secret: Option<String>,
}

impl Broker {
    /// Registers a resource, and makes the keys that its tokens need.
    pub async fn add_resource(
        &self,
        by: &By,
        add: &Resource,
    ) -> Result<Changed<ResourceWithSecret>, AdminError> {
        let resources = self.registry.resources().await?;
        if resources.find(&add.id).is_some() {
            return Err(AdminError::exists("resource", &add.id));
        }
        self.check_resource(&resources, add)?;
        self.found_resource(by, add).await?;
        let secret = self.site.entropy().token();
        let secrets = vec![ResourceSecret::new(secret.expose(), self.site.now())];
        let row = self.resource_row(&Registered {
            resource: add.clone(),
            configured: false,
            secrets: secrets.clone(),
        });
        let told = (!by.rehearsal).then(|| secret.expose().clone());
        self.change(by, Change::new(Act::ResourceAdd, &add.id), |tx| {
            if let Some(refused) = self.resource_taken(tx, &resources, add)? {
                return Ok(Err(refused));
            }
            self.registry.put_resource_in(tx, add)?;
            self.registry.put_resource_secrets_in(tx, &add.id, &secrets)?;
            Ok(Ok(ResourceWithSecret { row: row.clone(), secret: told.clone() }))
        })
        .await
    }

    /// Changes a resource. Tokens that were given before stay as they are; who may no longer ask for
    /// it refreshes none, and introspection knows them no more.
    pub async fn edit_resource(
        &self,
        by: &By,
        id: &str,
        edit: &EditResource,
    ) -> Result<Changed<ResourceRow>, AdminError> {
        let resources = self.registry.resources().await?;
        let old = changeable(&resources, id)?;
        let new = edited(&old.resource, edit)?;
        self.check_resource(&resources, &new)?;
        self.found_resource(by, &new).await?;
        let row = self.resource_row(&Registered { resource: new.clone(), ..old.clone() });
        let details = serde_json::to_value(edit).map_err(AdminError::invalid)?;
        self.change(by, Change::new(Act::ResourceEdit, id).with("edit", details), |tx| {
            if let Some(refused) = self.resource_taken(tx, &resources, &new)? {
                return Ok(Err(refused));
            }
            self.registry.put_resource_in(tx, &new)?;
            Ok(Ok(row.clone()))
        })
        .await
    }

    /// Removes a resource with its secrets. Nobody gets a token for it any more, and introspection
    /// knows those that were given no more.
    pub async fn remove_resource(
        &self,
        by: &By,
        id: &str,
    ) -> Result<Changed<ResourceRow>, AdminError> {
        let resources = self.registry.resources().await?;
        let row = self.resource_row(changeable(&resources, id)?);
        self.change(by, Change::new(Act::ResourceRemove, id), |tx| {
            if self.registry.resource_in(tx, id)?.is_none() {
                return Ok(Err(AdminError::not_found("resource", id)));
            }
            self.registry.remove_resource_in(tx, id)?;
            Ok(Ok(row.clone()))
        })
        .await
    }

    /// Gives a resource a new secret. The one before it counts a while longer.
    pub async fn rotate_resource_secret(
        &self,
        by: &By,
        id: &str,
        rotate: RotateResourceSecret,
    ) -> Result<Changed<ResourceWithSecret>, AdminError> {
        if !(0..=lifetimes::REFRESH).contains(&rotate.keep_old_for) {
            let most = lifetimes::REFRESH;
            return Err(AdminError::Invalid(format!("the old secret may count 0 to {most} s")));
        }
        let now = self.site.now();
        let resources = self.registry.resources().await?;
        let known = resources.find(id).ok_or_else(|| AdminError::not_found("resource", id))?;
        let secret = self.site.entropy().token();
        let mut secrets = vec![ResourceSecret::new(secret.expose(), now)];
        let end = now.plus(rotate.keep_old_for);
        let living = known.secrets.iter().map(|old| ResourceSecret {
            until: Some(old.until.map_or(end, |until| until.min(end))),
            ..old.clone()
        });
        secrets.extend(living.filter(|old| old.until.is_some_and(|end| now < end)));
        secrets.truncate(SECRETS);
        let row =
            self.resource_row(&Registered { secrets: secrets.clone(), ..Registered::clone(known) });
        let told = (!by.rehearsal).then(|| secret.expose().clone());
        self.change(by, Change::new(Act::ResourceSecret, id), |tx| {
            if !self.registry.is_resources_of_in(tx, resources.version)? {
                return Ok(Err(moved()));
            }
            self.registry.put_resource_secrets_in(tx, id, &secrets)?;
            Ok(Ok(ResourceWithSecret { row: row.clone(), secret: told.clone() }))
        })
        .await
    }

    /// All resources.
    pub async fn list_resources(&self) -> Result<Vec<ResourceRow>, AdminError> {
        let resources = self.registry.resources().await?;
        Ok(resources.iter().map(|registered| self.resource_row(registered)).collect())
    }

    /// One resource.
    pub async fn show_resource(&self, id: &str) -> Result<ResourceRow, AdminError> {
        let resources = self.registry.resources().await?;
        let known = resources.find(id).ok_or_else(|| AdminError::not_found("resource", id))?;
        Ok(self.resource_row(known))
    }

    /// Refuses the id of a new client that is a name of a resource: its ID tokens would look addressed
    /// to that.
    pub(crate) async fn refuse_resource_name(&self, client_id: &str) -> Result<(), AdminError> {
        let resources = self.registry.resources().await?;
        if resources.find(client_id).is_some() || resources.called(client_id).is_some() {
            return Err(AdminError::exists("resource", client_id));
        }
        Ok(())
    }

    /// Makes the keys of every resource that has none yet.
    pub(crate) async fn found_resources(&self) -> Result<(), sekisho_keyring::RotationError> {
        for registered in self.registry.resources().await?.iter() {
            let resource = &registered.resource;
            if resource.format != TokenFormat::Opaque {
                let own = resource.own_key.then_some(resource.id.as_str());
                self.keyring.found_access_tokens(own, resource.algorithm).await?;
            }
        }
        Ok(())
    }

    async fn found_resource(&self, by: &By, resource: &Resource) -> Result<(), AdminError> {
        if by.rehearsal || resource.format == TokenFormat::Opaque {
            return Ok(());
        }
        let own = resource.own_key.then_some(resource.id.as_str());
        Ok(self.keyring.found_access_tokens(own, resource.algorithm).await?)
    }

    fn check_resource(&self, known: &Resources, resource: &Resource) -> Result<(), AdminError> {
        rules::check(resource, self.registry.userinfo_audience()).map_err(AdminError::invalid)?;
        let others = known.iter().map(|one| &one.resource).filter(|one| one.id != resource.id);
        rules::check_apart(others.chain([resource])).map_err(AdminError::invalid)
    }

    /// Why the resource cannot be written now: another change came first, or a client has one of its
    /// names, to which its tokens would then look addressed.
    fn resource_taken(
        &self,
        tx: &mut Tx,
        known: &Resources,
        resource: &Resource,
    ) -> Result<Option<AdminError>, StoreError> {
        if !self.registry.is_resources_of_in(tx, known.version)? {
            return Ok(Some(moved()));
        }
        for name in [&resource.id, &resource.audience].into_iter().chain(&resource.aliases) {
            if self.registry.client_in(tx, name)?.is_some() {
                return Ok(Some(AdminError::exists("client", name)));
            }
        }
        Ok(None)
    }

    fn resource_row(&self, registered: &Registered) -> ResourceRow {
        let Registered { resource, configured, secrets } = registered;
        let origin = self.site.origin();
        let jwks_uri = match resource.format {
            TokenFormat::Opaque => None,
            _ if resource.own_key => Some(origin.join(&paths::resource_jwks(&resource.id))),
            _ => Some(origin.join(paths::JWKS)),
        };
        let secrets = secrets.iter().map(|secret| (secret.since, secret.until)).collect();
        ResourceRow { resource: resource.clone(), configured: *configured, jwks_uri, secrets }
    }
}

/// The resource of this id, if commands may change it.
fn changeable<'r>(resources: &'r Resources, id: &str) -> Result<&'r Registered, AdminError> {
    let known = resources.find(id).ok_or_else(|| AdminError::not_found("resource", id))?;
    if known.configured {
        return Err(AdminError::Invalid(format!(
            "resource {id:?} stands in sekisho.toml: change it there and restart"
        )));
    }
    Ok(known)
}

fn moved() -> AdminError {
    AdminError::Invalid("somebody else is changing resources: try again".to_owned())
}

/// The resource after the change.
fn edited(old: &Resource, edit: &EditResource) -> Result<Resource, AdminError> {
    if edit.set.contains_key("id") {
        return Err(AdminError::Invalid("the id of a resource cannot be changed".to_owned()));
    }
    let Value::Object(mut members) = serde_json::to_value(old).map_err(AdminError::invalid)? else {
        return Err(AdminError::Invalid("the resource is no object".to_owned()));
    };
    for (name, value) in &edit.set {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    let mut new: Resource =
        serde_json::from_value(Value::Object(members)).map_err(AdminError::invalid)?;
    new.clients.retain(|client| !edit.remove_clients.contains(client));
    for client in &edit.add_clients {
        if !new.clients.contains(client) {
            new.clients.push(client.clone());
        }
    }
    Ok(new)
}
