//! Issued credentials: one record for each, by which operators find and revoke it, and an index by
//! time of issue, by which they are listed.
//!
//! Invariant: record and index entry are written in one batch. Records of an earlier version, which
//! had no index, get their entries when the store opens.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use sekisho_ambient::Timestamp;
use sekisho_standing::{Holder, OwnList, Place};
use sekisho_store::{PersonSealed, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Issuer, tables};

/// The number of records that one batch enters into the index.
const BATCH: usize = 500;

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

    /// Records the credential, which will be signed, and enters it into the index.
    pub(crate) fn put_in(&self, tx: &mut Tx, id: &str) -> Result<(), StoreError> {
        let cursor = Cursor { issued: self.issued, id: id.to_owned() };
        tx.put::<tables::Credentials>(&cursor.id, self)?;
        tx.put::<tables::CredentialsByTime>(&cursor.key(), &())
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

    /// At most `limit` records in the order of issue, after the one that `after` names; in the
    /// opposite order if `newest_first`. Credentials of one second are in the order of their ids.
    pub async fn page_credentials(
        &self,
        after: Option<&Cursor>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<(Cursor, IssuedCredential)>, StoreError> {
        let store = self.site.store();
        let key = after.map(Cursor::key);
        let bound = key.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = if newest_first {
            store.scan_back::<tables::CredentialsByTime>(bound, limit).await?
        } else {
            store.scan::<tables::CredentialsByTime>(bound, limit).await?
        };
        let ids: Vec<String> = rows.into_iter().map(|((_, id), ())| id).collect();
        let found = store.get_all::<tables::Credentials>(&ids).await?;
        let row = |(id, credential): (String, Option<IssuedCredential>)| {
            let credential = credential?;
            Some((Cursor { issued: credential.issued, id }, credential))
        };
        Ok(ids.into_iter().zip(found).filter_map(row).collect())
    }

    /// Enters every record into the index that is not there yet. Quick if all are.
    pub async fn complete_index(&self) -> Result<(), StoreError> {
        let store = self.site.store();
        let (records, entries) = (
            store.count::<tables::Credentials>().await?,
            store.count::<tables::CredentialsByTime>().await?,
        );
        if records == entries {
            return Ok(());
        }
        tracing::info!(records, "the credentials are entered into the list by time of issue");
        let mut from: Option<String> = None;
        loop {
            let bound = from.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let page = store.scan::<tables::Credentials>(bound, BATCH).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = Some(last.clone());
            let cursors =
                page.into_iter().map(|(id, credential)| Cursor { issued: credential.issued, id });
            let keys: Vec<_> = cursors.map(|cursor| cursor.key()).collect();
            store
                .transact(|tx| {
                    keys.iter().try_for_each(|key| tx.put::<tables::CredentialsByTime>(key, &()))
                })
                .await?;
        }
    }
}

/// The place of a credential in the order of issue: time and id. Written as `SECONDS.ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the credential was issued.
    pub issued: Timestamp,
    /// The id of the credential.
    pub id: String,
}

impl Cursor {
    fn key(&self) -> (u64, String) {
        (u64::from_be_bytes(self.issued.to_sortable()), self.id.clone())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.issued.unix(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "it is not a place that a list gave";
        let (issued, id) = text.split_once('.').ok_or(wrong)?;
        let issued = Timestamp::from_unix(issued.parse().map_err(|_| wrong)?);
        Ok(Self { issued, id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_read_as_it_was_written() {
        let cursor = Cursor { issued: Timestamp::from_unix(5), id: "a.b-c_".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "5", "x.y", ".y"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
