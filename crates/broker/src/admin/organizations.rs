//! Administration of organizations. Each is a credential issuer with keys of its own.

use sekisho_ambient::Text;
use sekisho_credential::types::corporate_number::{CorporateNumber, normalise_input};
use sekisho_did::did_web;
use sekisho_keyring::KeyState;
use sekisho_profile::Act;
use sekisho_registry::Organization;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// A request to add an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOrganization {
    /// The corporate number (法人番号).
    pub corporate_number: String,
    /// The name shown to people.
    pub name: Text,
}

/// An organization, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationRow {
    /// The corporate number (法人番号).
    pub corporate_number: String,
    /// The name shown to people.
    pub name: Text,
    /// The identifier of the organization as a credential issuer.
    pub issuer: String,
    /// The DID of the organization (`did:web`).
    pub did: String,
}

impl Broker {
    /// Adds an organization, with an active key and a spare for each purpose, and with its first
    /// status lists.
    pub async fn add_organization(
        &self,
        by: &By,
        add: &AddOrganization,
    ) -> Result<Changed<OrganizationRow>, AdminError> {
        let number = CorporateNumber::parse(&normalise_input(&add.corporate_number))
            .map_err(AdminError::invalid)?
            .as_str()
            .to_owned();
        if !add.name.is_visible() {
            return Err(AdminError::invisible("name"));
        }
        let exists = || AdminError::exists("organization", &number);
        // Making keys takes a while, so check first that the organization is new.
        if self.registry.organization(&number).await?.is_some() {
            return Err(exists());
        }
        let now = self.site.now();
        let organization =
            Organization { corporate_number: number.clone(), name: add.name.clone(), created: now };
        let row = self.organization_row(&organization)?;
        let keys = if by.rehearsal {
            Vec::new()
        } else {
            self.keyring.organization_keys(&number, now).await?
        };
        let active = keys.iter().find(|key| matches!(key.state, KeyState::Active { .. }));
        let lists = active.map(|key| self.standing.first_lists(&number, &key.kid));
        let changed = self
            .change(by, Change::new(Act::OrganizationAdd, &number), |tx| {
                if !self.registry.add_organization_in(tx, &organization)? {
                    return Ok(Err(exists()));
                }
                self.keyring.add_keys_in(tx, &keys)?;
                for list in lists.iter().flatten() {
                    list.open(tx)?;
                }
                Ok(Ok(row.clone()))
            })
            .await?;
        self.keyring.reload().await?;
        Ok(changed)
    }

    /// Lists all organizations.
    pub async fn list_organizations(&self) -> Result<Vec<OrganizationRow>, AdminError> {
        let all = self.registry.list_organizations().await?;
        all.iter().map(|organization| self.organization_row(organization)).collect()
    }

    fn organization_row(&self, organization: &Organization) -> Result<OrganizationRow, AdminError> {
        let number = &organization.corporate_number;
        let origin = self.site.origin();
        Ok(OrganizationRow {
            corporate_number: number.clone(),
            name: organization.name.clone(),
            issuer: origin.organization(number),
            did: did_web(origin.as_str(), &["orgs", number]).map_err(AdminError::invalid)?,
        })
    }
}
