//! The steps that check and apply a batch, shared by all engines.

use super::{AUDIT, Batch, EngineError, META, Row, RowKey};
use crate::audit::{Chain, Link};

/// The key of the batch counter.
const COUNTER: &[u8] = b"counter";
/// The key of the head of the audit log.
pub(crate) const AUDIT_HEAD: &[u8] = b"audit";

/// Access to an engine's rows inside its own transaction.
pub(crate) trait Rows {
    /// The engine's error.
    type Error;
    /// Returns the row at `key`, if there is one.
    fn row(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Row>, Self::Error>;
    /// Writes a row, over an older one if there is one.
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

/// Whether a batch was applied, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The batch was applied.
    Yes,
    /// A row that the batch read has changed. Nothing of the batch was applied.
    Conflict,
    /// The end of the audit log was changed by other means than this store. A batch that appends to
    /// the log is not applied.
    BrokenLog,
}

impl Applied {
    /// Turns the outcome into the answer for the caller.
    pub(crate) fn into_result(self) -> Result<(), EngineError> {
        match self {
            Self::Yes => Ok(()),
            Self::Conflict => Err(EngineError::Conflict),
            Self::BrokenLog => {
                Err(EngineError::Unavailable("the end of the audit log was changed".to_owned()))
            }
        }
    }
}

/// The number of the last batch, and the end of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Number of the last batch that was applied.
    pub(crate) counter: u64,
    /// The end of the audit log; `None` if this store did not write what is there.
    audit: Option<Link>,
}

impl Head {
    /// Reads the head from its rows.
    pub(crate) fn load<R: Rows>(rows: &mut R, chain: &Chain) -> Result<Self, R::Error> {
        let counter = rows.row(META, COUNTER)?.and_then(|row| row.bytes.try_into().ok());
        let audit = match rows.row(META, AUDIT_HEAD)? {
            Some(row) => Link::from_bytes(&row.bytes).filter(|link| chain.is_ours(link)),
            None => Some(chain.genesis()),
        };
        Ok(Self { counter: counter.map_or(0, u64::from_be_bytes), audit })
    }

    /// Writes the head to its rows.
    pub(crate) fn save<R: Rows>(&self, rows: &mut R) -> Result<(), R::Error> {
        rows.put(META, COUNTER, self.counter, &self.counter.to_be_bytes())?;
        match &self.audit {
            Some(link) => rows.put(META, AUDIT_HEAD, self.counter, &link.to_bytes()),
            None => Ok(()),
        }
    }
}

/// Applies `batch` if all the rows that it read are unchanged.
pub(crate) fn apply<R: Rows>(
    rows: &mut R,
    head: &mut Head,
    chain: &Chain,
    batch: &Batch,
) -> Result<Applied, R::Error> {
    if !stands(rows, &batch.reads)? {
        return Ok(Applied::Conflict);
    }
    let Some(records) = records(rows, head, chain, batch)? else {
        return Ok(Applied::BrokenLog);
    };
    head.counter = head.counter.saturating_add(1);
    for (RowKey { table, key }, bytes) in &batch.writes {
        match bytes {
            Some(bytes) => rows.put(table, key, head.counter, bytes)?,
            None => rows.delete(table, key)?,
        }
    }
    for (link, record) in records {
        rows.put(AUDIT, &link.seq.to_be_bytes(), head.counter, &record)?;
        head.audit = Some(link);
    }
    Ok(Applied::Yes)
}

/// Entries in the form in which the log stores them.
type Records = Vec<(Link, Vec<u8>)>;

/// Turns the batch's entries into records; `None` if they cannot follow the present end of the log.
fn records<R: Rows>(
    rows: &mut R,
    head: &Head,
    chain: &Chain,
    batch: &Batch,
) -> Result<Option<Records>, R::Error> {
    let mut records: Records = Vec::with_capacity(batch.appends.len());
    let Some(end) = &head.audit else {
        return Ok(batch.appends.is_empty().then_some(records));
    };
    for append in &batch.appends {
        let last = records.last().map_or(end, |(link, _)| link);
        records.push(chain.link(last, append));
    }
    // If an older head was put back, the next number is already taken. Refuse rather than
    // overwrite.
    if let Some((first, _)) = records.first()
        && rows.row(AUDIT, &first.seq.to_be_bytes())?.is_some()
    {
        return Ok(None);
    }
    Ok(Some(records))
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
