//! Reads everything once: every row of every table opens at its place, and the audit log is whole.

use std::ops::Bound;

use crate::engine::{AUDIT, META, Scan};
use crate::{AuditFault, AuditHead, Store, StoreError};

/// What was found.
#[derive(Debug)]
pub struct CheckReport {
    /// Each table with the number of its rows.
    pub tables: Vec<(String, u64)>,
    /// Rows that do not open, at most [`CheckReport::MAX_FAULTS`] of them.
    pub faults: Vec<StoreError>,
    /// The end of the audit log, or where it is broken.
    pub audit: Result<AuditHead, AuditFault>,
}

impl CheckReport {
    /// So many faults are named at most; the others are only counted as rows.
    pub const MAX_FAULTS: usize = 100;

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.audit.is_ok()
    }
}

/// Rows that are read at a time.
const PAGE: usize = 1000;

impl Store {
    /// Opens every row of every table and verifies the audit log.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport {
            tables: Vec::new(),
            faults: Vec::new(),
            audit: self.audit_verify().await,
        };
        for table in self.inner.engine.tables().await? {
            // The engine's own rows are not sealed; the audit log was verified above.
            if table != META && table != AUDIT {
                let rows = self.check_table(&table, &mut report.faults).await?;
                report.tables.push((table, rows));
            }
        }
        Ok(report)
    }

    async fn check_table(
        &self,
        table: &str,
        faults: &mut Vec<StoreError>,
    ) -> Result<u64, StoreError> {
        let (mut from, mut count) = (Bound::Unbounded, 0);
        loop {
            let to = Bound::Unbounded;
            let scan = Scan { table: table.to_owned(), from, to, limit: PAGE, back: false };
            let rows = self.inner.engine.scan(scan).await?;
            for (key, row) in &rows {
                count += 1;
                if let Err(fault) = self.inner.sealer.open(table, key, &row.bytes)
                    && faults.len() < CheckReport::MAX_FAULTS
                {
                    faults.push(fault);
                }
            }
            // Pages are read on this thread: others get their turn in between.
            tokio::task::yield_now().await;
            match rows.into_iter().next_back() {
                Some((last, _)) => from = Bound::Excluded(last),
                None => return Ok(count),
            }
        }
    }
}
