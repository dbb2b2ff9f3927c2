//! Administration: the audit log, and whether status lists, clients and trust agree with it.
//!
//! The log says which credentials were issued, revoked, suspended and resumed, and which clients and
//! trusted issuers were added and removed; the rows say what is decided upon. Invariant: whoever
//! removes such a row, or puts back one of before, is found out.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_profile::{Act, Outcome};
use sekisho_site::Origin;
use sekisho_standing::own::Change;
use sekisho_standing::{ListFault, OwnList};
use sekisho_store::{AuditRecord, AuditReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AdminError;
use crate::Broker;

/// The most records that one answer lists.
const MAX_RECORDS: usize = 10_000;
/// The number of records that are read at a time.
const PAGE: usize = 1000;
/// The fewest characters of a reference that are looked for.
const SHORTEST_REFERENCE: usize = 4;

/// The records of the audit log that name a reference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditFound {
    /// The records, oldest first.
    pub records: Vec<AuditRecord>,
    /// The number after which to ask for the next ones; `None` if there are no more.
    pub next: Option<u64>,
}

/// The result of verifying the audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditVerified {
    /// The number of the last record; with a fault, of the last one before it.
    pub records: u64,
    /// The hash of the last record; empty if there is a fault.
    pub hash: String,
    /// The number of the first broken record (0 if the fault is not one record's), and what is
    /// wrong.
    pub fault: Option<(u64, String)>,
    /// Every fault of the log and of the status lists, each as a sentence that says where it is.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// What the log says of credentials.
#[derive(Default)]
struct Told {
    /// Credentials that are revoked or suspended, with the record that says so.
    fallen: BTreeMap<String, (Change, u64)>,
    /// How many credentials were issued with an entry in each list: organization and number.
    issued: BTreeMap<(String, u64), u64>,
    /// Clients and trusted issuers: whether they were added or removed last, and the record that
    /// says so.
    registered: BTreeMap<(Kind, String), (bool, u64)>,
    /// Every credential that was issued or changed; filled only where it is asked for.
    touched: Option<BTreeSet<String>>,
}

/// What is registered by an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Client,
    Trust,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Trust => "trusted issuer",
        }
    }
}

impl Told {
    fn read(&mut self, record: &AuditRecord) {
        let entry = &record.entry;
        if entry.outcome != Outcome::Done.name() {
            return;
        }
        let is = |act: Act| entry.action == act.name();
        for (act, kind, added) in [
            (Act::ClientAdd, Kind::Client, true),
            (Act::ClientRemove, Kind::Client, false),
            (Act::TrustAdd, Kind::Trust, true),
            (Act::TrustRemove, Kind::Trust, false),
        ] {
            if is(act) {
                self.registered.insert((kind, entry.object.clone()), (added, record.seq));
                return;
            }
        }
        let change = if is(Act::CredentialRevoke) {
            Some(Change::Revoke)
        } else if is(Act::CredentialSuspend) {
            Some(Change::Suspend)
        } else if is(Act::CredentialResume) {
            Some(Change::Resume)
        } else {
            None
        };
        match change {
            Some(change) => self.change(&entry.object, change, record.seq),
            None if is(Act::CredentialIssue) => self.issue(&entry.details),
            None => return,
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(entry.object.clone());
        }
    }

    /// A revocation is final, whatever else is recorded afterwards.
    fn change(&mut self, credential: &str, change: Change, seq: u64) {
        let revoked = matches!(self.fallen.get(credential), Some((Change::Revoke, _)));
        match change {
            Change::Suspend | Change::Resume if revoked => {}
            Change::Resume => drop(self.fallen.remove(credential)),
            Change::Suspend | Change::Revoke => {
                self.fallen.insert(credential.to_owned(), (change, seq));
            }
        }
    }

    /// Whether something happened to what the fault is about.
    fn moved(&self, fault: &ListFault) -> bool {
        let touched = |credential| {
            self.touched.as_ref().is_some_and(|touched| touched.contains::<str>(credential))
        };
        let issued =
            |list: &OwnList| self.issued.contains_key(&(list.organization.clone(), list.number));
        fault.credential().is_some_and(touched) || fault.list().is_some_and(issued)
    }

    fn issue(&mut self, details: &serde_json::Map<String, Value>) {
        let organization = details.get("organization").and_then(Value::as_str);
        let list = details.get("status_list").and_then(Value::as_u64);
        if let (Some(organization), Some(list)) = (organization, list) {
            let count = self.issued.entry((organization.to_owned(), list)).or_default();
            *count = count.saturating_add(1);
        }
    }
}

impl Broker {
    /// Up to `limit` records of the audit log, oldest first: the last ones, or those that follow
    /// the record numbered `after`. Asking for more than 10,000 at once is an error.
    pub async fn audit_tail(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, AdminError> {
        if limit > MAX_RECORDS {
            let most = format!("limit is at most {MAX_RECORDS}: go on with after");
            return Err(AdminError::Invalid(most));
        }
        if let Some(after) = after {
            return Ok(self.site.store().audit_page(after, limit).await?);
        }
        let mut records = self.site.store().audit_page_back(u64::MAX, limit).await?;
        records.reverse();
        Ok(records)
    }

    /// Up to `limit` records that name a reference which begins with `reference`, oldest first,
    /// after the record numbered `after`.
    pub async fn audit_query(
        &self,
        reference: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<AuditFound, AdminError> {
        let wanted = reference.trim().to_ascii_lowercase();
        if wanted.len() < SHORTEST_REFERENCE {
            let reason = format!("a reference has at least {SHORTEST_REFERENCE} characters");
            return Err(AdminError::Invalid(reason));
        }
        let limit = limit.clamp(1, MAX_RECORDS);
        let (mut records, mut after) = (Vec::new(), after.unwrap_or_default());
        loop {
            let page = self.site.store().audit_page(after, PAGE).await?;
            let Some(last) = page.last().map(|record| record.seq) else {
                return Ok(AuditFound { records, next: None });
            };
            for record in page.into_iter().filter(|record| names(record, &wanted)) {
                if records.len() == limit {
                    let next = records.last().map(|record: &AuditRecord| record.seq);
                    return Ok(AuditFound { records, next });
                }
                records.push(record);
            }
            after = last;
        }
    }

    /// Reads the whole audit log, checks its chain, and compares what it says with the entries of
    /// our status lists, and with the clients and trusted issuers.
    pub async fn audit_verify(&self) -> Result<AuditVerified, AdminError> {
        let mut told = Told::default();
        let report = self.site.store().audit_examine(&mut |record| told.read(record)).await;
        // A row that does not open is a fault like others: it must not hide those of the log.
        let rows = self.compare(&told, &report).await;
        let rows = rows.unwrap_or_else(|error| vec![error.to_string()]);
        let head = report.head.unwrap_or_default();
        let first = report.faults.first();
        let fault = first.map(|fault| (fault.seq, fault.reason.clone()));
        let mut faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        faults.extend(rows);
        let fault = fault.or_else(|| faults.first().map(|fault| (0, fault.clone())));
        let sound = first.map_or(head.seq, |fault| fault.seq.saturating_sub(1));
        let hash = if fault.is_none() { head.hash } else { String::new() };
        Ok(AuditVerified { records: sound, hash, fault, faults })
    }

    /// Compares rows with what the log said of them. What changed meanwhile is left out: the next
    /// comparison sees it.
    async fn compare(&self, told: &Told, report: &AuditReport) -> Result<Vec<String>, AdminError> {
        let fallen = told.fallen.iter().map(|(id, (change, _))| (id.clone(), *change)).collect();
        let found = self.standing.examine_lists(&fallen, &told.issued).await?;
        let registered = self.registered().await?;
        let end = report.head.as_ref().map_or(u64::MAX, |head| head.seq);
        let later = self.told_after(end).await?;
        let mut faults = Self::list_faults(&found, told, &later, self.site.origin());
        faults.extend(registered_faults(&registered, told, &later));
        Ok(faults)
    }

    /// The clients and trusted issuers that are in the store.
    async fn registered(&self) -> Result<BTreeSet<(Kind, String)>, AdminError> {
        let clients = self.registry.list_clients().await?;
        let clients = clients.into_iter().map(|party| (Kind::Client, party.client.client_id));
        let trusted = self.registry.trusted_issuers().await?;
        Ok(clients.chain(trusted.into_iter().map(|issuer| (Kind::Trust, issuer))).collect())
    }

    /// The faults of our status lists as sentences, without those that changed meanwhile.
    fn list_faults(found: &[ListFault], told: &Told, later: &Told, origin: &Origin) -> Vec<String> {
        let sentence = |fault: &ListFault| {
            let record = fault.credential().and_then(|credential| told.fallen.get(credential));
            match record {
                Some((_, seq)) => format!("{} (record {seq})", fault.sentence(origin)),
                None => fault.sentence(origin),
            }
        };
        found.iter().filter(|fault| !later.moved(fault)).map(sentence).collect()
    }

    async fn told_after(&self, seq: u64) -> Result<Told, AdminError> {
        let mut later = Told { touched: Some(BTreeSet::new()), ..Told::default() };
        let mut after = seq;
        loop {
            let records = self.site.store().audit_page(after, PAGE).await?;
            for record in &records {
                later.read(record);
            }
            match records.last() {
                Some(last) => after = last.seq,
                None => return Ok(later),
            }
        }
    }
}

/// What is there although the log says that it was removed, or never says that it was added; and
/// what is gone although the log does not say so.
fn registered_faults(
    registered: &BTreeSet<(Kind, String)>,
    told: &Told,
    later: &Told,
) -> Vec<String> {
    let settled = |row: &(Kind, String)| !later.registered.contains_key(row);
    let changed = told.registered.iter().filter_map(|(row, (added, seq))| {
        let (there, (kind, id)) = (registered.contains(row), row);
        let says = match (added, there) {
            (true, false) => "added, and it is not there",
            (false, true) => "removed, and it is there again",
            (true, true) | (false, false) => return None,
        };
        settled(row).then(|| format!("{} {id:?} was {says} (record {seq})", kind.name()))
    });
    let unheard =
        registered.iter().filter(|row| settled(row) && !told.registered.contains_key(*row));
    let unheard = unheard.map(|(kind, id)| {
        format!("{} {id:?} is there, and the log never says that it was added", kind.name())
    });
    changed.chain(unheard).collect()
}

/// Whether a record is about an object, or names another one, whose reference begins so.
fn names(record: &AuditRecord, reference: &str) -> bool {
    let entry = &record.entry;
    let begins = |text: &str| text.to_ascii_lowercase().starts_with(reference);
    let details = entry.details.values().filter_map(Value::as_str);
    begins(&entry.object) || details.into_iter().any(begins)
}
