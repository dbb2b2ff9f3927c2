//! Organizations: tenants and the operator, each a credential issuer of its own.

use std::ops::Bound;

use sekisho_ambient::{Text, Timestamp};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Registry, tables};

/// A tenant or the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// 法人番号, 13 digits.
    pub corporate_number: String,
    /// Its name.
    pub name: Text,
    /// When it was added.
    pub created: Timestamp,
}

impl Registry {
    /// The organization of this corporate number.
    pub async fn organization(&self, number: &str) -> Result<Option<Organization>, StoreError> {
        self.site.store().get::<tables::Organizations>(&number.to_owned()).await
    }

    /// Whether there is an organization of this corporate number, in a transaction.
    pub fn has_organization_in(&self, tx: &mut Tx, number: &str) -> Result<bool, StoreError> {
        tx.contains::<tables::Organizations>(&number.to_owned())
    }

    /// Adds an organization; not so if there is one of its corporate number.
    pub fn add_organization_in(
        &self,
        tx: &mut Tx,
        organization: &Organization,
    ) -> Result<bool, StoreError> {
        tx.insert::<tables::Organizations>(&organization.corporate_number, organization)
    }

    /// At most `limit` organizations, in the order of their corporate numbers.
    pub async fn list_organizations(&self, limit: usize) -> Result<Vec<Organization>, StoreError> {
        let rows = self.site.store().scan::<tables::Organizations>(Bound::Unbounded, limit).await?;
        Ok(rows.into_iter().map(|(_, organization)| organization).collect())
    }
}
