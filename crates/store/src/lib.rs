//! The store: typed tables, one serializable transaction verb, sealing, audit log; engines below.
//!
//! [`Store::transact`] runs a synchronous closure over point reads and leaves a batch: the versions
//! of what was read, rows to put and delete, and audit entries to append. The engine applies the
//! batch only if everything that was read still stands; else the closure runs again. Every value is
//! sealed above the engines, with its place as associated data.
//!
//! Invariants: a closure has no effect but its batch; what was acknowledged is durable; a value that
//! was moved, changed or sealed under another key is never returned, but named
//! ([`StoreError::Corrupt`]); this is the only crate that names an engine, and it takes no decision.

mod audit;
mod check;
mod engine;
mod error;
mod key;
mod migration;
mod open;
mod options;
mod person;
mod root_key;
mod seal;
mod store;
mod tx;
mod xaes;

pub mod hostile;

pub use audit::{AuditEntry, AuditFault, AuditHead, AuditRecord};
pub use check::CheckReport;
pub use error::StoreError;
pub use key::{KeyPart, PrefixKey, Table, TableKey};
pub use migration::Migration;
pub use options::{Backend, Options, Stats};
pub use person::{PersonKey, PersonKeyError, PersonSealed};
pub use root_key::{RootKey, RootKeyError};
pub use store::Store;
pub use tx::Tx;
