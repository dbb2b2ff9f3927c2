//! Migrations: changes of the tables from one version of the program to the next.
//!
//! Invariant: a migration is applied once, and the batch that applies it also records it. A store
//! with a recorded migration that the program does not know is newer than the program and is
//! refused.

use std::ops::Bound;

use crate::{Store, StoreError, Table, Tx};

/// One migration. It must be idempotent, and small enough for one batch.
#[derive(Clone, Copy)]
pub struct Migration {
    /// Its name, which never changes.
    pub name: &'static str,
    /// The change that it makes.
    pub run: fn(&mut Tx) -> Result<(), StoreError>,
}

/// The applied migrations. The key is the name; the value is empty.
struct Applied;

impl Table for Applied {
    const NAME: &'static str = "store.migrations_1";
    type Key = String;
    type Value = ();
}

impl Store {
    /// Applies those of `migrations` that were not applied yet, in order, and returns their names.
    ///
    /// Refuses a store that records a migration which is not among them
    /// ([`StoreError::NewerFile`]).
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<&'static str>, StoreError> {
        let known = |name: &str| migrations.iter().any(|migration| migration.name == name);
        let applied = self.scan::<Applied>(Bound::Unbounded, usize::MAX).await?;
        if let Some((found, ())) = applied.into_iter().find(|(name, ())| !known(name)) {
            let last = migrations.last().map_or("none", |migration| migration.name);
            return Err(StoreError::NewerFile { found, known: last.to_owned() });
        }
        let mut done = Vec::new();
        for migration in migrations {
            if self.transact(|tx| apply(tx, migration)).await? {
                done.push(migration.name);
            }
        }
        Ok(done)
    }
}

fn apply(tx: &mut Tx, migration: &Migration) -> Result<bool, StoreError> {
    let fresh = tx.insert::<Applied>(&migration.name.to_owned(), &())?;
    if fresh {
        (migration.run)(tx)?;
    }
    Ok(fresh)
}
