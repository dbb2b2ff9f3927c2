//! Changes of the tables from one version of the program to the next.
//!
//! Invariant: a migration is applied once, in one batch with the note that it was; a store that
//! knows a migration which the program does not is newer than the program, and refused.

use crate::{Store, StoreError, Table, Tx};

/// One step, idempotent, small enough for one batch.
#[derive(Clone, Copy)]
pub struct Migration {
    /// Its name, for ever.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&mut Tx) -> Result<(), StoreError>,
}

/// Applied migrations: name → nothing.
struct Applied;

impl Table for Applied {
    const NAME: &'static str = "store.migrations_1";
    type Key = String;
    type Value = ();
}

impl Store {
    /// Applies those of `migrations` that were not applied yet, in order, and says which.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<&'static str>, StoreError> {
        todo!()
    }
}
