//! What can go wrong with the machinery. A decision that says no is not an error (architecture,
//! rule 4).

use std::path::PathBuf;

use crate::RootKeyError;

/// Why the store could not answer.
///
/// Invariant: every variant but [`StoreError::Unknown`] means that nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many batches wait, or a transaction lost against others too often: try again later.
    #[error("the store is busy")]
    Busy,
    /// The engine does not answer: disk full, input or output error, shut down.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The batch was handed over, and nobody knows whether it was applied. Never a success: the
    /// caller reads again before it tells anybody anything.
    #[error("the outcome of the transaction is unknown: {0}")]
    Unknown(String),
    /// A row does not open at its place, or does not read as a value of its table.
    #[error("row {key} of table {table} is corrupt: {reason}")]
    Corrupt {
        /// The table.
        table: String,
        /// The key, in hexadecimal digits.
        key: String,
        /// What was found.
        reason: String,
    },
    /// A value could not be written as JSON.
    #[error("a value of table {table} cannot be encoded: {reason}")]
    Encode {
        /// The table.
        table: String,
        /// What the encoder said.
        reason: String,
    },
    /// The file was written by a newer program.
    #[error(
        "the store has format {found}, and this program knows formats up to {known}: use the newer program"
    )]
    NewerFile {
        /// What the file says.
        found: String,
        /// What this program knows.
        known: String,
    },
    /// Another process holds the file.
    #[error("{} is open in another process: stop it, or go through its admin socket", .0.display())]
    Locked(PathBuf),
    /// The file does not open.
    #[error("{} does not open as a store: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The root key is not the one that this store was made with, or its header was changed.
    #[error("the root key does not belong to this store, or the store's header was changed")]
    WrongRootKey,
    /// The root key could not be read.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// A closure gave up by its own will.
    #[error("the transaction was given up: {0}")]
    Aborted(String),
    /// The private signal of a closure that asked for a row which is not loaded yet; never leaves
    /// [`Store::transact`](crate::Store::transact).
    #[doc(hidden)]
    #[error("a row is not loaded yet")]
    NotLoaded,
}

impl StoreError {
    pub(crate) fn corrupt(table: &str, key: &[u8], reason: impl Into<String>) -> Self {
        Self::Corrupt { table: table.to_owned(), key: hex(key), reason: reason.into() }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
