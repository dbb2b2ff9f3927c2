//! Failures of the store itself. A decision that says no is not an error (architecture, rule 4).

use std::path::PathBuf;

use crate::RootKeyError;

/// The reason why the store could not answer.
///
/// Invariant: every variant but [`StoreError::Unknown`] means that nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many batches wait, or the transaction met too many conflicts. The caller may try again
    /// later.
    #[error("the store is busy")]
    Busy,
    /// The engine does not answer: the disk is full, input or output failed, or it was shut down.
    /// On a full disk, [`Store::transact_reserved`](crate::Store::transact_reserved) still works.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The batch was handed to the engine, and nobody knows whether it was applied. The caller must
    /// not report success; it reads again before it tells anybody the outcome.
    #[error("the outcome of the transaction is unknown: {0}")]
    Unknown(String),
    /// A row cannot be unsealed at its place, or its value does not have the form of its table's.
    #[error("row {key} of table {table} is corrupt: {reason}")]
    Corrupt {
        /// The name of the table.
        table: String,
        /// The key, in hexadecimal digits.
        key: String,
        /// What is wrong with the row.
        reason: String,
    },
    /// A value could not be written as JSON.
    #[error("a value of table {table} cannot be encoded: {reason}")]
    Encode {
        /// The name of the table.
        table: String,
        /// The encoder's message.
        reason: String,
    },
    /// The file was written by a newer program.
    #[error(
        "the store has format {found}, and this program knows formats up to {known}: use the newer program"
    )]
    NewerFile {
        /// The format, or the migration, that the file has.
        found: String,
        /// The newest one that this program knows.
        known: String,
    },
    /// Another process has the file open.
    #[error("{} is open in another process: stop it, or go through its admin socket", .0.display())]
    Locked(PathBuf),
    /// The file cannot be opened.
    #[error("{} does not open as a store: {reason}", path.display())]
    Open {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store was made with another root key, or its header was changed.
    #[error("the root key does not belong to this store, or the store's header was changed")]
    WrongRootKey,
    /// The root key could not be read.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The closure ended the transaction on purpose.
    #[error("the transaction was given up: {0}")]
    Aborted(String),
    /// Internal signal: the closure asked for a row that is not loaded yet.
    /// [`Store::transact`](crate::Store::transact) never returns it.
    #[doc(hidden)]
    #[error("a row is not loaded yet")]
    NotLoaded,
}

impl StoreError {
    pub(crate) fn corrupt(table: &str, key: &[u8], reason: impl Into<String>) -> Self {
        Self::Corrupt { table: table.to_owned(), key: hex(key), reason: reason.into() }
    }
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // The log is verified before each start, and each record has four such texts. So no formatter.
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
