//! Links of holders: who holds a credential of ours, as its issuer knows that person.
//!
//! Wallets make a new key for each credential, so a key alone does not say that two credentials
//! have one holder. Every credential that we issue has a row here, found through its status entry.
//! The row says which persons its holder is: the one that its own issuer knows, and those that the
//! offer named by another credential. It is in no credential, and no issuer is told.
//!
//! Invariant: a row points to persons (issuer and member reference), not to credentials or keys. So
//! it holds when the other credential is issued again, and it ends with its own credential. A row is
//! written once, in the transaction that issues.

use sekisho_credential::status::{Status, StatusReference};
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::tables::Holders;
use crate::{OwnList, Place, Standing};

/// The persons that the holder of a credential is. Each is a keyed digest of an issuer and its
/// reference for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The persons, each once; the one that the credential's own issuer knows comes first.
    persons: Vec<[u8; 32]>,
}

impl Holder {
    /// The holder of a credential that its issuer gives to `person`.
    pub fn of(person: [u8; 32]) -> Self {
        Self { persons: vec![person] }
    }

    /// The same holder, who also is `other`.
    #[must_use]
    pub fn linked_to(mut self, other: &Self) -> Self {
        for person in &other.persons {
            if !self.persons.contains(person) {
                self.persons.push(*person);
            }
        }
        self
    }

    /// The persons, each once.
    pub fn persons(&self) -> &[[u8; 32]] {
        &self.persons
    }
}

impl Standing {
    /// Records the holder of the credential with this entry.
    pub fn hold_in(&self, tx: &mut Tx, place: &Place, holder: &Holder) -> Result<(), StoreError> {
        tx.put::<Holders>(&place.row(), holder)
    }

    /// The holder of the credential with this entry, if the credential is neither revoked nor
    /// suspended; `None` if it is. `person` is the one that its issuer knows, for credentials that
    /// were issued before there were links.
    pub fn valid_holder_in(
        &self,
        tx: &mut Tx,
        place: &Place,
        person: [u8; 32],
    ) -> Result<Option<Holder>, StoreError> {
        if self.entry_in(tx, place)? != Some(Status::Valid) {
            return Ok(None);
        }
        let holder = tx.get::<Holders>(&place.row())?;
        Ok(Some(holder.unwrap_or_else(|| Holder::of(person))))
    }

    /// The holder of a presented credential of `issuer`, by the credential's status entry. `None`
    /// if the entry is not one of that issuer here, so that a list of ours in somebody else's
    /// credential links nothing.
    pub async fn holder(
        &self,
        issuer: &str,
        status: Option<&StatusReference>,
    ) -> Result<Option<Holder>, StoreError> {
        let origin = self.site.origin();
        let Some(status) = status else { return Ok(None) };
        let Some(list) = OwnList::from_uri(origin, &status.uri) else { return Ok(None) };
        if origin.organization(&list.organization) != issuer {
            return Ok(None);
        }
        self.site.store().get::<Holders>(&list.at(status.index).row()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_adds_persons_once_and_keeps_the_own_one_first() {
        let (one, two, three) = ([1; 32], [2; 32], [3; 32]);
        let linked = Holder::of(one).linked_to(&Holder::of(two).linked_to(&Holder::of(three)));
        assert_eq!(linked.persons(), [one, two, three]);
        assert_eq!(linked.clone().linked_to(&linked), linked);
    }
}
