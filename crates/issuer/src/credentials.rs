//! Issued credentials: one record for each, by which operators find and revoke it.

use std::ops::Bound;

use sekisho_ambient::Timestamp;
use sekisho_standing::{Holder, OwnList, Place};
use sekisho_store::{PersonSealed, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Issuer, tables};

/// The record of an issued credential.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The corporate number of the organization that issued it.
    pub organization: String,
    /// The name of its type.
    pub type_name: String,
    /// The type identifier (`vct`) in the credential.
    pub vct: String,
    /// Keyed digest of the person whose credential it is.
    pub person: [u8; 32],
    /// RFC 7638 thumbprint of the holder's key.
    pub holder_thumbprint: String,
    /// The number of the status list that has its entry.
    pub status_list: u64,
    /// The index of its entry in that list.
    pub status_index: u64,
    /// The `kid` of the key that signed it.
    pub kid: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When the credential expires.
    pub expires: Timestamp,
    /// The claims, sealed under the person's key.
    pub claims: PersonSealed,
    /// The set to which it belongs; `None` if it was issued before there were sets.
    #[serde(default)]
    pub set: Option<String>,
}

impl IssuedCredential {
    /// The place of its status entry.
    pub fn place(&self) -> Place {
        let list = OwnList { organization: self.organization.clone(), number: self.status_list };
        list.at(self.status_index)
    }
}

impl Issuer {
    /// The record of the credential with this id.
    pub async fn credential(&self, id: &str) -> Result<Option<IssuedCredential>, StoreError> {
        self.site.store().get::<tables::Credentials>(&id.to_owned()).await
    }

    /// Like `Issuer::credential`, in a transaction.
    pub fn credential_in(
        &self,
        tx: &mut Tx,
        id: &str,
    ) -> Result<Option<IssuedCredential>, StoreError> {
        tx.get::<tables::Credentials>(&id.to_owned())
    }

    /// The credentials that were issued for the same offer as this one, with their ids, oldest
    /// first. This one is among them.
    pub fn set_in(
        &self,
        tx: &mut Tx,
        id: &str,
        credential: &IssuedCredential,
    ) -> Result<Vec<(String, IssuedCredential)>, StoreError> {
        let alone = vec![(id.to_owned(), credential.clone())];
        let Some(set) = &credential.set else { return Ok(alone) };
        let ids = tx.get::<tables::Sets>(set)?.unwrap_or_default();
        let mut found = Vec::new();
        for id in ids {
            let credential = tx.get::<tables::Credentials>(&id)?;
            found.extend(credential.map(|credential| (id, credential)));
        }
        Ok(if found.is_empty() { alone } else { found })
    }

    /// The holder of the credential with this id, if it can name the holder of an offer: if it is
    /// neither revoked nor suspended nor expired.
    pub fn holder_in(
        &self,
        tx: &mut Tx,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError> {
        let credential = tx.get::<tables::Credentials>(&id.to_owned())?;
        let living = credential.filter(|credential| credential.expires > now);
        let Some(credential) = living else { return Ok(None) };
        self.standing.valid_holder_in(tx, &credential.place(), credential.person)
    }

    /// At most `limit` records with their ids, oldest first.
    pub async fn list_credentials(
        &self,
        limit: usize,
    ) -> Result<Vec<(String, IssuedCredential)>, StoreError> {
        self.site.store().scan::<tables::Credentials>(Bound::Unbounded, limit).await
    }
}
