//! How a batch is checked and applied, the same for every engine.

use super::{AUDIT, Batch, META, Row, RowKey};
use crate::audit::{Chain, Link};

/// Where the counter of batches stands.
const COUNTER: &[u8] = b"counter";
/// Where the head of the audit log stands.
pub(crate) const AUDIT_HEAD: &[u8] = b"audit";

/// The rows of an engine, inside its own transaction.
pub(crate) trait Rows {
    /// What can go wrong.
    type Error;
    /// The row at a key.
    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, Self::Error>;
    /// Puts a row.
    fn put(
        &mut self,
        table: &'static str,
        key: &[u8],
        version: u64,
        bytes: &[u8],
    ) -> Result<(), Self::Error>;
    /// Deletes a row, if it is there.
    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Self::Error>;
}

/// Whether a batch was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It was.
    Yes,
    /// Something that it read has changed; nothing of it was applied.
    Conflict,
}

/// Number of the last batch and end of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Number of the last batch that was applied.
    pub(crate) counter: u64,
    audit: Link,
}

impl Head {
    /// Reads the head.
    pub(crate) fn load<R: Rows>(rows: &mut R, chain: &Chain) -> Result<Self, R::Error> {
        let counter = rows.row(META, COUNTER)?.and_then(|row| row.bytes.try_into().ok());
        let audit = rows.row(META, AUDIT_HEAD)?.and_then(|row| Link::from_bytes(&row.bytes));
        Ok(Self {
            counter: counter.map_or(0, u64::from_be_bytes),
            audit: audit.unwrap_or_else(|| chain.genesis()),
        })
    }

    /// Writes the head.
    pub(crate) fn save<R: Rows>(&self, rows: &mut R) -> Result<(), R::Error> {
        rows.put(META, COUNTER, self.counter, &self.counter.to_be_bytes())?;
        rows.put(META, AUDIT_HEAD, self.counter, &self.audit.to_bytes())
    }
}

/// Applies `batch` if everything that it read still stands.
pub(crate) fn apply<R: Rows>(
    rows: &mut R,
    head: &mut Head,
    chain: &Chain,
    batch: &Batch,
) -> Result<Applied, R::Error> {
    if !stands(rows, &batch.reads)? {
        return Ok(Applied::Conflict);
    }
    head.counter = head.counter.saturating_add(1);
    for (RowKey { table, key }, bytes) in &batch.writes {
        match bytes {
            Some(bytes) => rows.put(table, key, head.counter, bytes)?,
            None => rows.delete(table, key)?,
        }
    }
    for append in &batch.appends {
        let (link, record) = chain.link(&head.audit, append);
        rows.put(AUDIT, &link.seq.to_be_bytes(), head.counter, &record)?;
        head.audit = link;
    }
    Ok(Applied::Yes)
}

/// Whether every row still has the version in which it was read.
pub(crate) fn stands<R: Rows>(rows: &mut R, reads: &[(RowKey, u64)]) -> Result<bool, R::Error> {
    for (RowKey { table, key }, version) in reads {
        if rows.row(table, key)?.map_or(0, |row| row.version) != *version {
            return Ok(false);
        }
    }
    Ok(true)
}
