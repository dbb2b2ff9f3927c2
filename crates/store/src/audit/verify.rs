//! The check of the whole log: every record, the head, and the numbers of all batches.
//!
//! All faults are found, not only the first one, so that an operator sees what was touched.

use std::fmt;
use std::ops::Bound;

use super::chain::Head;
use super::{AuditHead, AuditRecord, Opened, open};
use crate::engine::{AUDIT, Row, Scan};
use crate::error::hex;
use crate::{Store, StoreError};

/// The number of records that are read at a time.
const PAGE: usize = 1000;

/// A place at which the log is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct AuditFault {
    /// The number of the first bad record; 0 if the fault is not one record's.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            0 => write!(f, "the audit log is broken: {}", self.reason),
            seq => write!(f, "the audit log is broken at record {seq}: {}", self.reason),
        }
    }
}

impl AuditFault {
    fn new(seq: u64, reason: impl Into<String>) -> Self {
        Self { seq, reason: reason.into() }
    }
}

/// What was found in the log.
#[derive(Clone, Debug)]
pub struct AuditReport {
    /// The end of the log as its head names it; `None` if the head is missing or was changed.
    pub head: Option<AuditHead>,
    /// The faults in the order of the records, at most [`AuditReport::MAX_FAULTS`].
    pub faults: Vec<AuditFault>,
}

impl AuditReport {
    /// The most faults that are listed.
    pub const MAX_FAULTS: usize = 100;

    fn fault(&mut self, seq: u64, reason: impl Into<String>) {
        if self.faults.len() < Self::MAX_FAULTS {
            self.faults.push(AuditFault::new(seq, reason));
        }
    }
}

/// The place in the log that the check has reached.
struct Walk {
    /// Number of the last record that was seen.
    seq: u64,
    /// Its hash; `None` after a fault, so that one fault is not told twice.
    hash: Option<[u8; 32]>,
    /// The last record of format 1.
    old: u64,
}

impl Store {
    /// Verifies all records that the log has when the call begins. Returns the end of the log, or
    /// the first fault.
    pub async fn audit_verify(&self) -> Result<AuditHead, AuditFault> {
        let report = self.audit_examine(&mut |_| {}).await;
        match (report.faults.into_iter().next(), report.head) {
            (None, Some(head)) => Ok(head),
            (Some(fault), _) => Err(fault),
            (None, None) => Err(AuditFault::new(0, "its head is missing")),
        }
    }

    /// Verifies the log like [`Store::audit_verify`], lists every fault, and shows every record
    /// that reads to `visit`, in ascending order.
    pub async fn audit_examine(&self, visit: &mut (dyn FnMut(&AuditRecord) + Send)) -> AuditReport {
        let mut report = AuditReport { head: None, faults: Vec::new() };
        let head = match self.head().await {
            Ok(head) => Some(head),
            Err(error) => {
                report.fault(0, reason(error));
                None
            }
        };
        report.head = head.as_ref().map(Head::shown);
        let (end, old) = head.as_ref().map_or((u64::MAX, u64::MAX), |head| (head.seq, head.old));
        let first = self.inner.chain.first_head().hash;
        let mut walk = Walk { seq: 0, hash: Some(first), old };
        if let Err(error) = self.walk(&mut walk, end, &mut report, visit).await {
            report.fault(walk.seq.saturating_add(1), error.to_string());
        }
        if let Some(head) = head {
            self.check_end(&walk, &head, &mut report).await;
        }
        report
    }

    /// Checks one record after another, up to `end`.
    async fn walk(
        &self,
        walk: &mut Walk,
        end: u64,
        report: &mut AuditReport,
        visit: &mut (dyn FnMut(&AuditRecord) + Send),
    ) -> Result<(), StoreError> {
        let mut from = Bound::Unbounded;
        let to = Bound::Included(end.to_be_bytes().to_vec());
        loop {
            let table = AUDIT.to_owned();
            let scan = Scan { table, from, to: to.clone(), limit: PAGE, back: false };
            let rows = self.inner.engine.scan(scan).await?;
            // This thread reads whole pages. Yield, so that other tasks can run between pages.
            tokio::task::yield_now().await;
            for (key, row) in &rows {
                self.step(walk, key, row, report, visit);
            }
            match rows.into_iter().next_back() {
                Some((last, _)) => from = Bound::Excluded(last),
                None => return Ok(()),
            }
        }
    }

    fn step(
        &self,
        walk: &mut Walk,
        key: &[u8],
        row: &Row,
        report: &mut AuditReport,
        visit: &mut (dyn FnMut(&AuditRecord) + Send),
    ) {
        let Ok(seq) = <[u8; 8]>::try_from(key).map(u64::from_be_bytes) else {
            let next = walk.seq.saturating_add(1);
            return report.fault(next, format!("row {} is not a record", hex(key)));
        };
        let next = walk.seq.saturating_add(1);
        if seq > next {
            report.fault(next, missing(next, seq.saturating_sub(1)));
            walk.hash = None;
        }
        walk.seq = seq;
        let found = match open(&self.inner.sealer, key, row) {
            Err(error) => Err(reason(error)),
            Ok(opened) => {
                visit(&opened.record);
                let wrong = self.wrong(walk, &opened);
                wrong.map_or(Ok(opened.link.hash), |wrong| Err(wrong.to_owned()))
            }
        };
        match found {
            Ok(hash) => walk.hash = Some(hash),
            Err(reason) => {
                report.fault(seq, reason);
                walk.hash = None;
            }
        }
    }

    /// What is wrong with a record that reads, if something is.
    fn wrong(&self, walk: &Walk, opened: &Opened) -> Option<&'static str> {
        let chain = &self.inner.chain;
        let prev = walk.hash.unwrap_or(opened.prev);
        if opened.prev != prev {
            Some("it does not follow the record before")
        } else if opened.link.hash != chain.hash(opened.link.seq, &prev, &opened.commitment) {
            Some("its hash is another")
        } else if walk.old != u64::MAX && !chain.is_ours(&opened.link, walk.old) {
            Some("its hash was not made by this store")
        } else {
            None
        }
    }

    /// Compares the head with the last record, with what follows it, and with the numbers of all
    /// batches.
    async fn check_end(&self, walk: &Walk, head: &Head, report: &mut AuditReport) {
        if walk.seq < head.seq {
            let next = walk.seq.saturating_add(1);
            report.fault(next, missing(next, head.seq));
        } else if walk.hash.is_some_and(|hash| hash != head.hash) {
            report.fault(head.seq, "the log's head names another record");
        }
        if let Err(error) = self.check_beyond(report).await {
            report.fault(head.seq, reason(error));
        }
    }

    /// Finds records and rows that are newer than the head. What is written meanwhile is no fault:
    /// the head is read after them.
    async fn check_beyond(&self, report: &mut AuditReport) -> Result<(), StoreError> {
        let last = self.audit_last_key().await?;
        let newest = self.inner.engine.newest().await?;
        let head = self.head().await?;
        if let Some(last) = last.filter(|last| *last > head.seq) {
            let next = head.seq.saturating_add(1);
            let reason = format!(
                "the log's head does not know it: the head ends at record {}, and the log goes on to {last}",
                head.seq
            );
            report.fault(next, reason);
        }
        if let Some((table, batch)) = newest.filter(|(_, batch)| *batch > head.counter) {
            let reason = format!(
                "a row of table {table} was written in batch {batch}, and the log's head counts {} batches: an older head was put back",
                head.counter
            );
            report.fault(0, reason);
        }
        Ok(())
    }

    async fn audit_last_key(&self) -> Result<Option<u64>, StoreError> {
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        let scan = Scan { table: AUDIT.to_owned(), from, to, limit: 1, back: true };
        let rows = self.inner.engine.scan(scan).await?;
        let number = |key: Vec<u8>| key.try_into().map_or(u64::MAX, u64::from_be_bytes);
        Ok(rows.into_iter().next().map(|(key, _)| number(key)))
    }
}

fn missing(first: u64, last: u64) -> String {
    if first == last {
        "it is missing".to_owned()
    } else {
        format!("it is missing, and so are all up to {last}")
    }
}

/// The reason alone, where the error names a row that the fault names already.
fn reason(error: StoreError) -> String {
    match error {
        StoreError::Corrupt { reason, .. } => reason,
        error => error.to_string(),
    }
}
