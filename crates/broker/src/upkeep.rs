//! The work that a server does regularly. Correctness does not depend on its timing, because every
//! use-case checks times and versions itself.

use sekisho_keyring::RotationError;
use sekisho_store::StoreError;

use crate::Broker;

impl Broker {
    /// Takes every step in the life cycle of our keys that is due, and lets retiring credential keys
    /// end with their last credential.
    pub async fn sweep_keys(&self) -> Result<(), RotationError> {
        self.keyring.sweep_keys().await?;
        self.standing.end_keys().await
    }

    /// Signs every status list in memory anew that is due.
    pub async fn renew_lists(&self) {
        self.standing.renew_lists().await;
    }

    /// Fetches every foreign status list that decisions still use and that has passed half of its
    /// lifetime.
    pub async fn refresh_lists(&self) {
        self.standing.refresh_lists().await;
    }

    /// Gives free pages of the store back to the disk, and looks whether a full disk has room again.
    pub async fn tend_store(&self) -> Result<(), StoreError> {
        self.site.store().tend().await
    }

    /// Writes into the audit log what was counted in the minutes that are over.
    pub async fn write_counts(&self) -> Result<(), StoreError> {
        self.grants.write_counts(self.site.now()).await
    }

    /// Writes into the audit log what was counted until now: before the server ends.
    pub async fn write_last_counts(&self) -> Result<(), StoreError> {
        self.grants.write_counts(self.site.now().plus(60)).await
    }

    /// Deletes every expired row and returns how many there were.
    pub async fn sweep_expired(&self) -> Result<usize, StoreError> {
        let counts = [
            self.registry.sweep().await?,
            self.grants.sweep().await?,
            self.issuer.sweep().await?,
            self.logins.sweep().await?,
        ];
        Ok(counts.iter().sum())
    }
}
