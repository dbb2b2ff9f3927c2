//! The check of all entries of our lists against what was given out and what the audit log tells.
//!
//! Rows are sealed, so nobody without the root key makes or changes an entry. But who can write the
//! file can remove one, or put back an older copy of it; a list that is then signed would say that
//! a revoked credential is valid.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use sekisho_credential::status::Status;
use sekisho_site::Origin;
use sekisho_store::StoreError;

use crate::own::Change;
use crate::tables::{StatusEntries, StatusEntry, StatusLists};
use crate::{OwnList, Standing};

/// The number of entries that are read at a time.
const PAGE: usize = 1000;
/// The most faults that are listed.
const MAX_FAULTS: usize = 100;

/// What is wrong with one of our lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFault {
    /// The list has another number of entries than were given out.
    Entries {
        /// The list.
        list: OwnList,
        /// The number of entries in the store.
        found: u64,
        /// The number that were given out; `None` if the row of the list is missing.
        allocated: Option<u64>,
    },
    /// The list has another number of credentials than the log says were issued.
    Issued {
        /// The list.
        list: OwnList,
        /// The number of entries that belong to credentials.
        found: u64,
        /// The number of credentials that the log names.
        told: u64,
    },
    /// The log says that a credential was revoked or suspended, and no list has its entry.
    Missing {
        /// The id of the credential.
        credential: String,
    },
    /// An entry says something else than the log.
    Differs {
        /// The id of the credential.
        credential: String,
        /// The list that has the entry.
        list: OwnList,
        /// The index of the entry.
        index: u64,
        /// What the entry says.
        found: Status,
        /// What the log says.
        told: Status,
    },
}

impl ListFault {
    /// The id of the credential that the fault is about; `None` if it is about a whole list.
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::Missing { credential } | Self::Differs { credential, .. } => Some(credential),
            Self::Entries { .. } | Self::Issued { .. } => None,
        }
    }

    /// The list that the fault is about; `None` if it is about a credential.
    pub fn list(&self) -> Option<&OwnList> {
        match self {
            Self::Entries { list, .. } | Self::Issued { list, .. } => Some(list),
            Self::Missing { .. } | Self::Differs { .. } => None,
        }
    }

    /// The fault as a sentence that says what is wrong where.
    pub fn sentence(&self, origin: &Origin) -> String {
        match self {
            Self::Entries { list, found, allocated: Some(allocated) } => format!(
                "status list {} has {found} entries, and {allocated} were given out: it is not signed",
                list.uri(origin)
            ),
            Self::Entries { list, found, allocated: None } => {
                format!(
                    "status list {} is missing, but {found} entries are there",
                    list.uri(origin)
                )
            }
            Self::Issued { list, found, told } => format!(
                "status list {} has entries of {found} credentials, and the log says that {told} were issued",
                list.uri(origin)
            ),
            Self::Missing { credential } => format!(
                "credential {credential} was revoked or suspended, and no status list has its entry"
            ),
            Self::Differs { credential, list, index, found, told } => format!(
                "credential {credential} is {} by the log, and entry {index} of status list {} says {}",
                name(*told),
                list.uri(origin),
                name(*found)
            ),
        }
    }
}

fn name(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Invalid => "revoked",
        Status::Suspended => "suspended",
        Status::Other(_) => "something unknown",
    }
}

/// The entries of one list, counted.
#[derive(Default)]
struct Count {
    entries: u64,
    credentials: u64,
}

/// What was counted so far.
struct Examination<'a> {
    fallen: &'a BTreeMap<String, Change>,
    counts: BTreeMap<Key, Count>,
    seen: BTreeSet<String>,
    faults: Vec<ListFault>,
}

impl Examination<'_> {
    fn see(&mut self, list: &Key, index: u64, entry: &StatusEntry) {
        let count = self.counts.entry(list.clone()).or_default();
        count.entries = count.entries.saturating_add(1);
        if entry.credential.is_empty() {
            return;
        }
        count.credentials = count.credentials.saturating_add(1);
        let change = self.fallen.get(&entry.credential);
        let told = change.map_or(Status::Valid, |change| change.to_entry());
        if change.is_some() {
            self.seen.insert(entry.credential.clone());
        }
        if entry.status != told {
            let (credential, found) = (entry.credential.clone(), entry.status);
            let list = OwnList { organization: list.0.clone(), number: list.1 };
            self.fault(ListFault::Differs { credential, list, index, found, told });
        }
    }

    fn fault(&mut self, fault: ListFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Compares the number of entries of a list with how many were given out before and after they
    /// were counted, and the number of credentials with how many were issued.
    fn compare(&mut self, at: &Key, before: Option<u64>, after: Option<u64>, told: u64) {
        let Count { entries, credentials } = self.counts.remove(at).unwrap_or_default();
        let list = || OwnList { organization: at.0.clone(), number: at.1 };
        // Entries are added while they are counted, and never removed.
        let enough = before.is_none_or(|before| entries >= before);
        if !enough || after.is_none_or(|after| entries > after) {
            self.fault(ListFault::Entries { list: list(), found: entries, allocated: after });
        }
        if credentials != told {
            self.fault(ListFault::Issued { list: list(), found: credentials, told });
        }
    }
}

/// A list: the corporate number of its organization, and its number.
type Key = (String, u64);

impl Standing {
    /// Compares every entry with what the log tells: which credentials are revoked or suspended
    /// now (`fallen`), and how many were issued with an entry in each list.
    pub async fn examine_lists(
        &self,
        fallen: &BTreeMap<String, Change>,
        issued: &BTreeMap<Key, u64>,
    ) -> Result<Vec<ListFault>, StoreError> {
        let before = self.allocated().await?;
        let (counts, seen, faults) = Default::default();
        let mut found = Examination { fallen, counts, seen, faults };
        self.see_entries(&mut found).await?;
        let after = self.allocated().await?;
        let counted: Vec<Key> = found.counts.keys().cloned().collect();
        let lists = before.keys().chain(after.keys()).chain(issued.keys()).chain(&counted);
        for list in lists.collect::<BTreeSet<_>>() {
            let told = issued.get(list).copied().unwrap_or_default();
            found.compare(list, before.get(list).copied(), after.get(list).copied(), told);
        }
        let missing = fallen.keys().filter(|credential| !found.seen.contains(*credential));
        for credential in missing.cloned().collect::<Vec<_>>() {
            found.fault(ListFault::Missing { credential });
        }
        Ok(found.faults)
    }

    /// How many entries of each list were given out.
    async fn allocated(&self) -> Result<BTreeMap<Key, u64>, StoreError> {
        let rows = self.site.store().scan_all::<StatusLists>().await?;
        Ok(rows.into_iter().map(|(list, row)| (list, row.allocated)).collect())
    }

    async fn see_entries(&self, found: &mut Examination<'_>) -> Result<(), StoreError> {
        let mut from = None;
        loop {
            let bound = from.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let page = self.site.store().scan::<StatusEntries>(bound, PAGE).await?;
            for ((list, index), entry) in &page {
                if let Some(list) = parse(list) {
                    found.see(&list, *index, entry);
                }
            }
            // This thread reads whole pages. Yield, so that other tasks can run between pages.
            tokio::task::yield_now().await;
            match page.into_iter().next_back() {
                Some((last, _)) => from = Some(last),
                None => return Ok(()),
            }
        }
    }
}

/// Reads the key of a list's entries: `{corporate number}/{list}`.
fn parse(list: &str) -> Option<Key> {
    let (organization, number) = list.split_once('/')?;
    Some((organization.to_owned(), number.parse().ok()?))
}
