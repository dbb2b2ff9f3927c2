//! What was issued: a record of each credential, by which it is found and revoked.

use std::ops::Bound;

use sekisho_ambient::Timestamp;
use sekisho_standing::{OwnList, Place};
use sekisho_store::{PersonSealed, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Issuer, tables};

/// A credential that was issued.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// Issuing organization.
    pub organization: String,
    /// Type name.
    pub type_name: String,
    /// `vct`.
    pub vct: String,
    /// Whose it is.
    pub person: [u8; 32],
    /// RFC 7638 thumbprint of the holder's key.
    pub holder_thumbprint: String,
    /// The list of its status entry.
    pub status_list: u64,
    /// The index in that list.
    pub status_index: u64,
    /// Key that signed it.
    pub kid: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The claims, sealed under the person's key.
    pub claims: PersonSealed,
}

impl IssuedCredential {
    /// Where its status stands.
    pub fn place(&self) -> Place {
        let list = OwnList { organization: self.organization.clone(), number: self.status_list };
        list.at(self.status_index)
    }
}

impl Issuer {
    /// The record of a credential, by its id.
    pub async fn credential(&self, id: &str) -> Result<Option<IssuedCredential>, StoreError> {
        self.site.store().get::<tables::Credentials>(&id.to_owned()).await
    }

    /// The same in a transaction.
    pub fn credential_in(
        &self,
        tx: &mut Tx,
        id: &str,
    ) -> Result<Option<IssuedCredential>, StoreError> {
        tx.get::<tables::Credentials>(&id.to_owned())
    }

    /// At most `limit` records with their ids, the oldest first.
    pub async fn list_credentials(
        &self,
        limit: usize,
    ) -> Result<Vec<(String, IssuedCredential)>, StoreError> {
        self.site.store().scan::<tables::Credentials>(Bound::Unbounded, limit).await
    }
}
