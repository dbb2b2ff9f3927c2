//! Reads everything once: every row of every table opens at its place, and the audit log is whole.

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
    /// So many faults are named at most.
    pub const MAX_FAULTS: usize = 100;

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.audit.is_ok()
    }
}

impl Store {
    /// Opens every row of every table and verifies the audit log.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        todo!()
    }
}
