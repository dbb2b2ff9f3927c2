//! What a server does by itself, every so often. Nothing depends on it being in time: every use-case
//! looks itself at times and versions.

use sekisho_keyring::RotationError;
use sekisho_store::StoreError;

use crate::Broker;

impl Broker {
    /// Takes every step of the life of our keys that is due.
    pub async fn sweep_keys(&self) -> Result<(), RotationError> {
        self.keyring.sweep_keys().await
    }

    /// Signs every status list anew that somebody reads and that is due.
    pub async fn renew_lists(&self) {
        self.standing.renew_lists().await;
    }

    /// Fetches every foreign status list that decisions stand on and that is through half of its time.
    pub async fn refresh_lists(&self) {
        self.standing.refresh_lists().await;
    }

    /// Removes every row whose time is over; gives how many there were.
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
