//! Checks the whole store: unseals every row of every table and verifies the audit log.

use std::ops::Bound;

use crate::engine::{AUDIT, META, Scan};
use crate::{AuditFault, AuditHead, Store, StoreError};

/// The result of checking a store.
#[derive(Debug)]
pub struct CheckReport {
    /// Each table with the number of its rows.
    pub tables: Vec<(String, u64)>,
    /// The rows that cannot be unsealed, at most [`CheckReport::MAX_FAULTS`] of them.
    pub faults: Vec<StoreError>,
    /// The end of the audit log, or the place at which it is broken.
    pub audit: Result<AuditHead, AuditFault>,
}

impl CheckReport {
    /// The most faults that are listed. Further bad rows are only counted as rows.
    pub const MAX_FAULTS: usize = 100;

    /// Whether no fault was found.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.audit.is_ok()
    }
}

/// The number of rows that are read at a time.
const PAGE: usize = 1000;

impl Store {
    /// Unseals every row of every table and verifies the audit log.
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
            // This thread reads whole pages. Yield, so that other tasks can run between pages.
            tokio::task::yield_now().await;
            match rows.into_iter().next_back() {
                Some((last, _)) => from = Bound::Excluded(last),
                None => return Ok(count),
            }
        }
    }
}
