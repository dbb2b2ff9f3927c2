//! The steps that check and apply a batch, shared by all engines.

use super::{AUDIT, Batch, EngineError, HEAD, HEADER, META, Row, RowKey};
use crate::audit::{Chain, Head, Link};

/// The key of the batch counter in files of format 1.
const OLD_COUNTER: &[u8] = b"counter";
/// The key of the head of the audit log in files of format 1.
const OLD_HEAD: &[u8] = b"audit";

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
    /// The head or the end of the audit log was changed by other means than this store. No batch is
    /// applied to such a file.
    BrokenLog,
}

impl Applied {
    /// Turns the outcome into the answer for the caller.
    pub(crate) fn into_result(self) -> Result<(), EngineError> {
        match self {
            Self::Yes => Ok(()),
            Self::Conflict => Err(EngineError::Conflict),
            Self::BrokenLog => Err(EngineError::Unavailable(
                "the audit log was changed from outside, so nothing is written: run `sekisho audit verify`"
                    .to_owned(),
            )),
        }
    }
}

/// Reads the head; `None` if it is missing or this store did not write what is there.
pub(crate) fn load<R: Rows>(rows: &mut R, chain: &Chain) -> Result<Option<Head>, R::Error> {
    let row = rows.row(META, HEAD)?;
    Ok(row.and_then(|row| chain.open_head(&row.bytes)))
}

/// Writes the head.
pub(crate) fn save<R: Rows>(rows: &mut R, chain: &Chain, head: &Head) -> Result<(), R::Error> {
    rows.put(META, HEAD, head.counter, &chain.seal_head(head))
}

/// The rows of [`META`] in a new store.
pub(crate) fn first_rows(header: &[u8], chain: &Chain) -> [(&'static [u8], Vec<u8>); 2] {
    [(HEADER, header.to_vec()), (HEAD, chain.seal_head(&chain.first_head()))]
}

/// Brings the engine's own rows of a file of format 1 to this format: writes `header` and a head.
/// `empty` says that the file has no other rows. Returns `false` and writes nothing if the log of
/// the file does not end where its old head says.
pub(crate) fn upgrade<R: Rows>(
    rows: &mut R,
    chain: &Chain,
    header: &[u8],
    empty: bool,
) -> Result<bool, R::Error> {
    let counter = rows.row(META, OLD_COUNTER)?.and_then(|row| row.bytes.try_into().ok());
    let old = rows.row(META, OLD_HEAD)?.and_then(|row| Link::from_bytes(&row.bytes));
    let head = match (counter, old) {
        (Some(counter), Some(link)) if chain.is_ours(&link, u64::MAX) => {
            let Link { seq, hash, .. } = link;
            Head { seq, hash, counter: u64::from_be_bytes(counter), old: seq }
        }
        (None, None) if empty => chain.first_head(),
        _ => return Ok(false),
    };
    let next = head.seq.saturating_add(1);
    if rows.row(AUDIT, &next.to_be_bytes())?.is_some() {
        return Ok(false);
    }
    rows.put(META, HEADER, 0, header)?;
    save(rows, chain, &head)?;
    rows.delete(META, OLD_COUNTER)?;
    rows.delete(META, OLD_HEAD)?;
    Ok(true)
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
    let next = head.seq.saturating_add(1);
    // If an older head was put back, the next number is already taken. Refuse rather than
    // overwrite.
    if !batch.appends.is_empty() && rows.row(AUDIT, &next.to_be_bytes())?.is_some() {
        return Ok(Applied::BrokenLog);
    }
    head.counter = head.counter.saturating_add(1);
    for (RowKey { table, key }, bytes) in &batch.writes {
        match bytes {
            Some(bytes) => rows.put(table, key, head.counter, bytes)?,
            None => rows.delete(table, key)?,
        }
    }
    for append in &batch.appends {
        let (seq, record) = chain.append(head, append);
        rows.put(AUDIT, &seq.to_be_bytes(), head.counter, &record)?;
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
