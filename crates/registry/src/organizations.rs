//! Organizations: the tenants and the operator. Each is a credential issuer of its own.

use sekisho_ambient::{Text, Timestamp};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Registry, tables};

/// A tenant, or the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Corporate number (法人番号), 13 digits.
    pub corporate_number: String,
    /// The name shown to people.
    pub name: Text,
    /// When it was added.
    pub created: Timestamp,
}

impl Registry {
    /// The organization with this corporate number.
    pub async fn organization(&self, number: &str) -> Result<Option<Organization>, StoreError> {
        self.site.store().get::<tables::Organizations>(&number.to_owned()).await
    }

    /// Whether an organization has this corporate number, read in a transaction.
    pub fn has_organization_in(&self, tx: &mut Tx, number: &str) -> Result<bool, StoreError> {
        tx.contains::<tables::Organizations>(&number.to_owned())
    }

    /// Adds an organization. Returns `false` and writes nothing if its corporate number is taken.
    pub fn add_organization_in(
        &self,
        tx: &mut Tx,
        organization: &Organization,
    ) -> Result<bool, StoreError> {
        tx.insert::<tables::Organizations>(&organization.corporate_number, organization)
    }

    /// All organizations, in the order of their corporate numbers.
    pub async fn list_organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let rows = self.site.store().scan_all::<tables::Organizations>().await?;
        Ok(rows.into_iter().map(|(_, organization)| organization).collect())
    }
}
