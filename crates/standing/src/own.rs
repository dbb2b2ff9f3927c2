//! Our own status lists: they are opened, computed from the store, signed, and cached until an
//! entry changes (Token Status List, sections 5 and 8).
//!
//! A list belongs to the credential key under which its entries are issued, and is signed by it as
//! long as it signs lists: some wallets check a list with the key of the credential that refers to
//! it. So a new key gets new lists, and a list gets entries only while its key is active. When its
//! key is gone, because the last credential ended or because it was compromised, the key that is
//! active then signs the list; verifiers that follow the certificate can follow.
//!
//! A list should reveal as little as possible to outsiders (sections 12.2, 13.2). An organization
//! therefore has several open lists, an index is drawn at random in one of them, and decoys
//! (entries that belong to no credential) are set to revoked, when a list is opened and with each
//! change.

mod keys;
mod opening;

use sekisho_profile::lifetimes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::{Timestamp, sha256};
use sekisho_credential::status::{
    self, IssueToken, Status, StatusList, StatusReference, VerifiedStatusList,
};
use sekisho_keyring::ListKey;
use sekisho_site::Origin;
use sekisho_site::audit::short;
use sekisho_store::{StoreError, Tx};

use crate::tables::{Bearer, StatusEntries, StatusEntry, StatusListRow, StatusLists};
use crate::{Relied, Standing};

pub use opening::NewList;

/// Entries of one list. Large enough for a holder to disappear in (HAIP 1.0, section 6.1).
pub const LIST_SIZE: u64 = 1 << 17;
/// Bits of one entry: 0 valid, 1 invalid, 2 suspended.
const BITS: u8 = 2;
/// The most lists that are read for one organization.
const MAX_LISTS: usize = 4096;
/// How many random indexes are drawn to find a free one.
const CANDIDATES: u32 = 32;
/// The most decoys that one change of a list adds.
const MORE_DECOYS: u32 = 3;

/// The name of one of our lists: the organization and a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnList {
    /// The corporate number of the organization that issues.
    pub organization: String,
    /// The number of the list within the organization, from 0.
    pub number: u64,
}

impl OwnList {
    /// The list with this URI, or `None` if it is not one of ours.
    pub fn from_uri(origin: &Origin, uri: &str) -> Option<Self> {
        let path = uri.strip_prefix(origin.as_str())?.strip_prefix("/orgs/")?;
        let (organization, number) = path.split_once("/status/")?;
        let list = Self { organization: organization.to_owned(), number: number.parse().ok()? };
        (list.uri(origin) == uri).then_some(list)
    }

    /// The URI at which the list is served.
    pub fn uri(&self, origin: &Origin) -> String {
        origin.status_list(&self.organization, self.number)
    }

    /// The entry of this list at `index`.
    pub fn at(&self, index: u64) -> Place {
        Place { list: self.clone(), index }
    }

    fn entries(&self) -> String {
        format!("{}/{}", self.organization, self.number)
    }

    /// The key of the list's row.
    fn row(&self) -> (String, u64) {
        (self.organization.clone(), self.number)
    }

    /// Whether the list belongs to the credential key `kid`, so that it may get an entry for a
    /// credential that this key signs.
    pub fn belongs_in(&self, tx: &mut Tx, kid: &str) -> Result<bool, StoreError> {
        let row = tx.get::<StatusLists>(&self.row())?;
        Ok(row.is_some_and(|row| row.kid.as_deref() == Some(kid)))
    }

    /// Counts a change of an entry, and revokes those of `decoys` that belong to no credential.
    fn change(&self, tx: &mut Tx, decoys: &[u64]) -> Result<(), StoreError> {
        let Some(mut row) = tx.get::<StatusLists>(&self.row())? else { return Ok(()) };
        for &index in decoys {
            if tx.insert::<StatusEntries>(&self.at(index).row(), &StatusEntry::decoy())? {
                row.allocated += 1;
            }
        }
        row.version += 1;
        tx.put::<StatusLists>(&self.row(), &row)
    }
}

/// The place of one entry in one of our lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list that has the entry.
    pub list: OwnList,
    /// The index in the list.
    pub index: u64,
}

impl Place {
    /// The key of the entry's row.
    pub(crate) fn row(&self) -> (String, u64) {
        (self.list.entries(), self.index)
    }

    /// The reference to this entry that a credential contains.
    pub fn reference(&self, origin: &Origin) -> StatusReference {
        StatusReference { uri: self.list.uri(origin), index: self.index }
    }
}

/// The change that an operator makes to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The credential is valid again.
    Resume,
    /// The credential is invalid until it is resumed.
    Suspend,
    /// The credential is invalid and stays so.
    Revoke,
}

impl Change {
    pub(crate) const fn to_entry(self) -> Status {
        match self {
            Self::Resume => Status::Valid,
            Self::Suspend => Status::Suspended,
            Self::Revoke => Status::Invalid,
        }
    }
}

/// The credential that an entry is for.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// The id under which it is recorded.
    pub credential: &'a str,
    /// The name of its type.
    pub type_name: &'a str,
    /// RFC 7638 thumbprint of the holder's key.
    pub holder: &'a str,
    /// The `kid` of the key that will sign it.
    pub kid: &'a str,
    /// When it will end.
    pub expires: Timestamp,
}

/// A signed list, as served.
pub struct Published {
    version: u64,
    kid: String,
    renew_at: Timestamp,
    token: String,
    etag: String,
    verified: Mutex<Option<Arc<VerifiedStatusList>>>,
}

impl Published {
    /// The signed status list token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The entity tag of this token, quoted (RFC 9110, section 8.8.3).
    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub(crate) fn verified(&self) -> Option<Arc<VerifiedStatusList>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_verified(&self, list: &Arc<VerifiedStatusList>) {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(list));
    }
}

/// Why a list cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum StatusListError {
    /// The list does not exist.
    #[error("there is no such status list")]
    Unknown,
    /// The key of the list is gone, and the organization has no active credential key.
    #[error("no key of {0} signs status lists now")]
    NoKey(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Entries of the list were removed from the store, or added to it, by other means than this
    /// program. Signing it would tell verifiers something that is not so.
    #[error(
        "{list} has {found} entries and {allocated} were given out: the store was changed from outside, so the list is not signed; run `sekisho audit verify`"
    )]
    Incomplete {
        /// The URI of the list.
        list: String,
        /// The number of entries in the store.
        found: u64,
        /// The number that were given out.
        allocated: u64,
    },
    /// The list could not be computed or signed.
    #[error(transparent)]
    Status(#[from] sekisho_credential::status::StatusError),
}

/// The signed lists in memory. One is used until an entry changes, its key is replaced, or a third
/// of its lifetime is over.
#[derive(Default)]
pub(crate) struct PublishedLists(Mutex<BTreeMap<OwnList, Arc<Published>>>);

impl Standing {
    /// Whether the credential refers to a list of its issuer, if that is an organization here: each
    /// credential of ours has an entry in a list of ours, or it is not of ours.
    pub(crate) fn has_own_entry(&self, credential: &Relied) -> bool {
        let origin = self.site.origin();
        if origin.organization_of(&credential.issuer).is_none() {
            return true;
        }
        let list = credential.status.as_ref().and_then(|at| OwnList::from_uri(origin, &at.uri));
        list.is_some_and(|list| origin.organization(&list.organization) == credential.issuer)
    }

    /// Draws `number` random indexes of a list.
    fn draw_indexes(&self, number: u32) -> Vec<u64> {
        let size = u32::try_from(LIST_SIZE).unwrap_or(u32::MAX);
        (0..number).map(|_| u64::from(self.site.entropy().below(size))).collect()
    }

    /// Draws indexes for one allocation. They suffice to find a free one, because a list is closed
    /// when half of its entries are taken.
    pub fn draw_candidates(&self) -> Vec<u64> {
        self.draw_indexes(CANDIDATES)
    }

    /// Gives the first free index of `candidates` to this credential. The list must belong to the
    /// key that will sign the credential.
    pub fn take_index_in(
        &self,
        tx: &mut Tx,
        list: &OwnList,
        candidates: &[u64],
        entrant: &Entrant<'_>,
    ) -> Result<Place, StoreError> {
        if !list.belongs_in(tx, entrant.kid)? {
            return Err(StoreError::Aborted("the list belongs to another key".to_owned()));
        }
        let mut free = None;
        for place in candidates.iter().map(|index| list.at(*index)) {
            if free.is_none() && !tx.contains::<StatusEntries>(&place.row())? {
                free = Some(place);
            }
        }
        let place =
            free.ok_or_else(|| StoreError::Aborted("no free status index was drawn".to_owned()))?;
        let entry = StatusEntry {
            status: Status::Valid,
            credential: entrant.credential.to_owned(),
            bearer: Some(Bearer {
                type_name: entrant.type_name.to_owned(),
                holder: entrant.holder.to_owned(),
            }),
        };
        tx.put::<StatusEntries>(&place.row(), &entry)?;
        if let Some(row) = tx.get::<StatusLists>(&list.row())? {
            let allocated = row.allocated + 1;
            let ends = row.ends.map(|ends| ends.max(entrant.expires));
            tx.put::<StatusLists>(&list.row(), &StatusListRow { allocated, ends, ..row })?;
        }
        Ok(place)
    }

    /// Changes the entry of a credential, and revokes `decoys` along with it. Returns `false` and
    /// writes nothing if the credential is revoked already, because that is final.
    pub fn change_in(
        &self,
        tx: &mut Tx,
        place: &Place,
        credential: &str,
        change: Change,
        decoys: &[u64],
    ) -> Result<bool, StoreError> {
        let before = tx.get::<StatusEntries>(&place.row())?;
        // A row is never deleted. So if the entry is missing, somebody removed it from the file,
        // and nobody knows what it said: the credential can only be revoked.
        let revoked = before.as_ref().is_none_or(|entry| entry.status == Status::Invalid);
        if revoked && change != Change::Revoke {
            return Ok(false);
        }
        let entry = StatusEntry {
            status: change.to_entry(),
            credential: credential.to_owned(),
            bearer: before.and_then(|entry| entry.bearer),
        };
        tx.put::<StatusEntries>(&place.row(), &entry)?;
        place.list.change(tx, decoys)?;
        Ok(true)
    }

    /// Like [`Standing::entry`], in a transaction.
    pub fn entry_in(&self, tx: &mut Tx, place: &Place) -> Result<Option<Status>, StoreError> {
        Ok(tx.get::<StatusEntries>(&place.row())?.map(|entry| entry.status))
    }

    /// The status in one of our entries; `None` if the entry was not given out.
    pub async fn entry(&self, place: &Place) -> Result<Option<Status>, StoreError> {
        let entry = self.site.store().get::<StatusEntries>(&place.row()).await?;
        Ok(entry.map(|entry| entry.status))
    }

    /// The statuses in these entries, in their order; `None` for an entry that was not given out.
    pub async fn entries(&self, places: &[Place]) -> Result<Vec<Option<Status>>, StoreError> {
        let keys: Vec<_> = places.iter().map(Place::row).collect();
        let entries = self.site.store().get_all::<StatusEntries>(&keys).await?;
        Ok(entries.into_iter().map(|entry| entry.map(|entry| entry.status)).collect())
    }

    /// Draws the indexes that may become decoys with the next change of a list.
    pub fn draw_decoys(&self) -> Vec<u64> {
        self.draw_indexes(self.site.entropy().below(MORE_DECOYS + 1))
    }

    /// Signs every list in memory anew that is due, so that no reader has to wait for it.
    pub async fn renew_lists(&self) {
        let kept: Vec<OwnList> = {
            let lists = self.lists.published.0.lock().unwrap_or_else(PoisonError::into_inner);
            lists.keys().cloned().collect()
        };
        for list in kept {
            if let Err(error) = self.published_list(&list, self.site.now()).await {
                tracing::error!(%error, list = %list.number, "a status list could not be renewed");
            }
        }
    }

    /// The signed list: the one in memory if it is still current, else a new one.
    pub async fn published_list(
        &self,
        list: &OwnList,
        now: Timestamp,
    ) -> Result<Arc<Published>, StatusListError> {
        let row = self.site.store().get::<StatusLists>(&list.row()).await?;
        let row = row.ok_or(StatusListError::Unknown)?;
        let kept = {
            let lists = self.lists.published.0.lock().unwrap_or_else(PoisonError::into_inner);
            lists.get(list).cloned()
        };
        let key = self
            .keyring
            .ring()
            .list_key(&list.organization, row.kid.as_deref())
            .ok_or_else(|| StatusListError::NoKey(list.organization.clone()))?;
        if let Some(kept) = kept
            && kept.version == row.version
            && kept.kid == key.key().kid()
            && now < kept.renew_at
        {
            return Ok(kept);
        }
        let published = Arc::new(self.publish(list, &row, &key, now).await?);
        let mut lists = self.lists.published.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.insert(list.clone(), Arc::clone(&published));
        Ok(published)
    }

    /// Checks that the store has every entry of the list that was given out, and no other. `before`
    /// were given out before the entries were read; more may have been since.
    async fn count(
        &self,
        list: &OwnList,
        before: u64,
        found: usize,
    ) -> Result<(), StatusListError> {
        let found = u64::try_from(found).unwrap_or(u64::MAX);
        let after = self.site.store().get::<StatusLists>(&list.row()).await?;
        let after = after.map_or(before, |row| row.allocated);
        if (before..=after).contains(&found) {
            return Ok(());
        }
        let list = list.uri(self.site.origin());
        Err(StatusListError::Incomplete { list, found, allocated: before })
    }

    async fn publish(
        &self,
        list: &OwnList,
        row: &StatusListRow,
        key: &ListKey,
        now: Timestamp,
    ) -> Result<Published, StatusListError> {
        let mut bits = StatusList::new(BITS, row.size)?;
        let place = list.entries();
        let all = usize::try_from(row.size).unwrap_or(usize::MAX);
        let entries = self.site.store().scan_prefix::<StatusEntries>(&place, all).await?;
        self.count(list, row.allocated, entries.len()).await?;
        for ((_, index), entry) in entries {
            if entry.status != Status::Valid {
                bits.set(index, entry.status.value())?;
            }
        }
        let uri = list.uri(self.site.origin());
        let issue = IssueToken {
            uri: &uri,
            iat: now,
            exp: Some(now.plus(lifetimes::STATUS_LIST)),
            ttl: Some(lifetimes::STATUS_LIST_TTL),
        };
        let kid = key.key().kid().to_owned();
        let header = status::header(key.key(), key.x5c());
        let token = status::issue_token(&bits, &issue, &header, key.key())?;
        let renew_at = now.plus(lifetimes::STATUS_LIST / 3);
        let etag = format!("\"{}\"", short(&sha256(token.as_bytes())));
        let version = row.version;
        Ok(Published { version, kid, renew_at, token, etag, verified: Mutex::new(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lists_are_recognised() {
        let origin = Origin::parse("https://auth.example.jp").unwrap();
        let list = OwnList { organization: "7900000000002".into(), number: 3 };
        assert_eq!(OwnList::from_uri(&origin, &list.uri(&origin)), Some(list));
        for uri in [
            "https://auth.example.jp.evil.test/orgs/7900000000002/status/3",
            "https://auth.example.jp/orgs/7900000000002/status/03",
            "https://auth.example.jp/orgs/7900000000002/status/3?x",
            "https://auth.example.jp/orgs/status/3",
        ] {
            assert_eq!(OwnList::from_uri(&origin, uri), None, "{uri}");
        }
    }
}
