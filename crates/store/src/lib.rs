//! The store: typed tables, serializable transactions, sealed values and the audit log, on one of
//! several engines.
//!
//! [`Store::transact`] runs a synchronous closure. The closure reads single rows and leaves a
//! batch: the versions of the rows that it read, rows to put and delete, and audit entries to
//! append. The engine applies the batch only if all the rows that were read are unchanged;
//! otherwise the closure runs again. Every value is sealed before an engine sees it, and is bound
//! to its table and key.
//!
//! Invariants: a closure has no effect but its batch. Acknowledged data is durable. A value that
//! was moved, changed or sealed under another key is never returned; the error names its row
//! ([`StoreError::Corrupt`]). Only this crate knows the engines. It makes no decision of the
//! product.

mod audit;
mod check;
mod engine;
mod error;
mod key;
mod migration;
mod open;
mod options;
mod outside;
mod person;
mod root_key;
mod seal;
mod store;
mod tx;
mod xaes;

pub mod hostile;

pub use audit::{AuditEntry, AuditFault, AuditHead, AuditRecord, AuditReport};
pub use check::CheckReport;
pub use error::StoreError;
pub use key::{KeyPart, PrefixKey, Table, TableKey};
pub use migration::Migration;
pub use options::{Backend, Options, Stats};
pub use outside::{SEAL_NONCE, SealKey};
pub use person::{PersonKey, PersonKeyError, PersonSealed};
pub use root_key::{RootKey, RootKeyError};
pub use store::Store;
pub use tx::Tx;
