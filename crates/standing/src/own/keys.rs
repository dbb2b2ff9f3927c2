//! Our status lists and the life of the credential keys to which they belong.
//!
//! Invariant: a retiring credential key signs its lists until its last credential has ended, and is
//! destroyed then.

use sekisho_ambient::Timestamp;
use sekisho_keyring::RotationError;
use sekisho_profile::lifetimes;
use sekisho_store::{StoreError, Tx};

use super::MAX_LISTS;
use crate::Standing;
use crate::tables::{StatusListRow, StatusLists};

impl Standing {
    /// Gives every list of an earlier version, which belongs to no key, to the credential key of its
    /// organization that is active now: most of its entries are credentials of that key. Do this
    /// before the key is rotated.
    pub async fn adopt_lists(&self, organizations: &[String]) -> Result<(), StoreError> {
        let ring = self.keyring.ring();
        for organization in organizations {
            let Some(key) = ring.list_key(organization, None) else { continue };
            let lists =
                self.site.store().scan_prefix::<StatusLists>(organization, MAX_LISTS).await?;
            let orphans = lists.into_iter().filter(|(_, row)| row.kid.is_none());
            let orphans: Vec<(String, u64)> = orphans.map(|(at, _)| at).collect();
            if orphans.is_empty() {
                continue;
            }
            self.site
                .store()
                .transact_reserved(|tx| adopt_in(tx, &orphans, key.key().kid()))
                .await?;
        }
        Ok(())
    }

    /// Lets each retiring credential key end when the last of its credentials has ended, which is
    /// earlier than the longest life of a credential after its last signature.
    pub async fn end_keys(&self) -> Result<(), RotationError> {
        for (organization, kid) in self.keyring.ring().retiring_list_keys() {
            let Some(last) = self.last_end(&organization, &kid).await? else { continue };
            self.keyring.end_retiring(&kid, last.plus(lifetimes::SKEW)).await?;
        }
        Ok(())
    }

    /// When the last credential ends that this key has signed; `None` if that is not known.
    async fn last_end(
        &self,
        organization: &str,
        kid: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let organization = organization.to_owned();
        let lists = self.site.store().scan_prefix::<StatusLists>(&organization, MAX_LISTS).await?;
        let own = lists.iter().filter(|(_, row)| row.kid.as_deref() == Some(kid));
        let ends: Option<Vec<Timestamp>> = own.map(|(_, row)| row.ends).collect();
        Ok(ends.and_then(|ends| ends.into_iter().max()))
    }
}

/// Gives these lists to the credential key `kid`, if they still belong to none.
fn adopt_in(tx: &mut Tx, lists: &[(String, u64)], kid: &str) -> Result<(), StoreError> {
    for at in lists {
        let Some(row) = tx.get::<StatusLists>(at)?.filter(|row| row.kid.is_none()) else {
            continue;
        };
        let kid = Some(kid.to_owned());
        tx.put::<StatusLists>(at, &StatusListRow { kid, version: row.version + 1, ..row })?;
    }
    Ok(())
}
