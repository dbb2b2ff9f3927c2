//! Our status lists are opened: for a new organization, for a new credential key, and when one is full.

use std::collections::BTreeSet;

use sekisho_ambient::Timestamp;
use sekisho_store::{StoreError, Tx};

use super::{LIST_SIZE, MAX_LISTS, OwnList};
use crate::Standing;
use crate::tables::{StatusEntries, StatusEntry, StatusListRow, StatusLists};

/// When this many entries of a list are taken, the list gets no more credentials.
const FULL: u64 = LIST_SIZE / 2;
/// The number of lists that an organization keeps open.
const OPEN: usize = 4;
/// For a new list, at least this many decoys are drawn, and fewer than twice as many.
const DECOYS: u32 = 64;

/// A list with its first decoys, ready to be opened.
pub struct NewList {
    list: OwnList,
    kid: String,
    decoys: BTreeSet<u64>,
}

impl NewList {
    /// Opens the list. Returns `false` and writes nothing if it is open already.
    pub fn open(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let allocated = u64::try_from(self.decoys.len()).unwrap_or(u64::MAX);
        let kid = Some(self.kid.clone());
        let ends = Some(Timestamp::from_unix(0));
        let row = StatusListRow { size: LIST_SIZE, allocated, version: 0, kid, ends };
        if !tx.insert::<StatusLists>(&self.list.row(), &row)? {
            return Ok(false);
        }
        for &index in &self.decoys {
            tx.put::<StatusEntries>(&self.list.at(index).row(), &StatusEntry::decoy())?;
        }
        Ok(true)
    }
}

impl Standing {
    /// The first lists of a new organization, for its first credential key. They are not stored yet.
    pub fn first_lists(&self, organization: &str, kid: &str) -> Vec<NewList> {
        (0_u64..).take(OPEN).map(|number| self.new_list(organization, number, kid)).collect()
    }

    fn new_list(&self, organization: &str, number: u64, kid: &str) -> NewList {
        let list = OwnList { organization: organization.to_owned(), number };
        let decoys = self.draw_indexes(DECOYS + self.site.entropy().below(DECOYS));
        NewList { list, kid: kid.to_owned(), decoys: decoys.into_iter().collect() }
    }

    /// One of the open lists that belong to the organization's credential key `kid`, at random. Adds
    /// a list first if too few are open, as after each rotation.
    pub async fn open_list(&self, organization: &str, kid: &str) -> Result<OwnList, StoreError> {
        let organization = organization.to_owned();
        let lists = self.site.store().scan_prefix::<StatusLists>(&organization, MAX_LISTS).await?;
        let mut open: Vec<u64> = lists
            .iter()
            .filter(|(_, row)| row.allocated < FULL && row.kid.as_deref() == Some(kid))
            .map(|((_, number), _)| *number)
            .collect();
        if open.len() < OPEN {
            let next = lists.last().map_or(0, |((_, number), _)| number + 1);
            let new = self.new_list(&organization, next, kid);
            // If somebody else took the number meanwhile, for the same key or another, the list that
            // is returned is checked again where an index is taken.
            self.site.store().transact(|tx| new.open(tx)).await?;
            open.push(next);
        }
        let drawn = self.site.entropy().below(u32::try_from(open.len()).unwrap_or(u32::MAX));
        let number = usize::try_from(drawn).ok().and_then(|drawn| open.get(drawn).copied());
        Ok(OwnList { organization, number: number.unwrap_or_default() })
    }
}
