//! Organizations: each is a credential issuer of its own, with its own keys.

use sekisho_credential::types::corporate_number::{CorporateNumber, normalise_input};
use sekisho_profile::Act;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Changed, MAX_ROWS};
use crate::Broker;
use crate::tables::{Organization, Organizations};
use sekisho_ambient::Text;

/// A new organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOrganization {
    /// 法人番号.
    pub corporate_number: String,
    /// Its name.
    pub name: Text,
}

/// An organization, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationRow {
    /// 法人番号.
    pub corporate_number: String,
    /// Its name.
    pub name: Text,
    /// Its credential issuer identifier.
    pub issuer: String,
    /// Its DID.
    pub did: String,
}

impl Broker {
    /// Adds an organization: its keys with a spare each, and its first status list.
    pub async fn add_organization(
        &self,
        by: &By,
        add: &AddOrganization,
    ) -> Result<Changed<OrganizationRow>, AdminError> {
        let number = CorporateNumber::parse(&normalise_input(&add.corporate_number))
            .map_err(AdminError::invalid)?
            .as_str()
            .to_owned();
        let exists = || AdminError::Exists { kind: "organization", id: number.clone() };
        if self.store().get::<Organizations>(&number).await?.is_some() {
            return Err(exists());
        }
        let now = self.clock().now();
        let organization =
            Organization { corporate_number: number.clone(), name: add.name.clone(), created: now };
        let row = self.organization_row(&organization);
        if by.dry_run {
            return Ok(Changed { audit_id: None, result: row });
        }
        let keys = self.organization_keys(&number, now).await?;
        let lists = self.first_lists(&number);
        let (entry, id) = self.act_entry(by, now, Act::OrganizationAdd, &number);
        let added = self
            .store()
            .transact(|tx| {
                if !tx.insert::<Organizations>(&number, &organization)? {
                    return Ok(false);
                }
                for key in &keys {
                    tx.put::<crate::tables::Keys>(&key.kid, key)?;
                }
                for list in &lists {
                    list.open(tx)?;
                }
                tx.append(entry.clone());
                Ok(true)
            })
            .await?;
        if !added {
            return Err(exists());
        }
        self.reload_ring().await?;
        Ok(Changed { audit_id: Some(id), result: row })
    }

    /// All organizations.
    pub async fn list_organizations(&self) -> Result<Vec<OrganizationRow>, AdminError> {
        let rows = self.store().scan::<Organizations>(std::ops::Bound::Unbounded, MAX_ROWS).await?;
        Ok(rows.iter().map(|(_, organization)| self.organization_row(organization)).collect())
    }

    fn organization_row(&self, organization: &Organization) -> OrganizationRow {
        let number = &organization.corporate_number;
        let origin = &self.config().origin;
        OrganizationRow {
            corporate_number: number.clone(),
            name: organization.name.clone(),
            issuer: origin.organization(number),
            did: sekisho_did::did_web(origin.as_str(), &["orgs", number]).unwrap_or_default(),
        }
    }
}
