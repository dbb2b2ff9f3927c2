//! Trust: which issuer may attest which type for which organization, under which anchors.
//!
//! Verification reads a snapshot in memory. Invariant: the snapshot carries the version of trust in
//! the store at the time it was read. A transaction that relies on the snapshot compares the two
//! versions ([`Registry::is_trust_of_in`]), so a change by another broker takes effect at once.

use std::sync::{Arc, PoisonError};

use sekisho_credential::vc::{TrustList, TrustedIssuer};
use sekisho_store::{StoreError, Tx};

use crate::{Registry, tables};

/// The key of the one row in `tables::TrustVersion`.
const VERSION: &str = "trust";

/// The trusted issuers, as read at one moment.
#[derive(Debug, Default)]
pub struct TrustSnapshot {
    /// The version of trust when it was read; each change adds one.
    pub version: u64,
    /// The trusted issuers.
    pub list: TrustList,
}

impl Registry {
    /// The snapshot in memory, as last read by `Registry::reload_trust`.
    pub fn trust(&self) -> Arc<TrustSnapshot> {
        Arc::clone(&self.inner.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the trusted issuers from the store into memory.
    pub async fn reload_trust(&self) -> Result<(), StoreError> {
        let store = self.site.store();
        // Read the version first. If trust changes between the two reads, the snapshot has the
        // older version, and the next decision reads it again.
        let version = store.get::<tables::TrustVersion>(&VERSION.to_owned()).await?;
        let rows = store.scan_all::<tables::Trust>().await?;
        let list = TrustList(rows.into_iter().map(|(_, issuer)| issuer).collect());
        let snapshot = TrustSnapshot { version: version.unwrap_or_default(), list };
        *self.inner.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    /// Reads the trusted issuers again if another broker has changed them.
    pub async fn follow_trust(&self) -> Result<(), StoreError> {
        let version = self.site.store().get::<tables::TrustVersion>(&VERSION.to_owned()).await?;
        if version.unwrap_or_default() == self.trust().version {
            return Ok(());
        }
        self.reload_trust().await
    }

    /// The identifiers of the trusted issuers, read from the store and not from memory.
    pub async fn trusted_issuers(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.site.store().scan_all::<tables::Trust>().await?;
        Ok(rows.into_iter().map(|(issuer, _)| issuer).collect())
    }

    /// Whether the store still has this version of trust. Ask this in the transaction that decides.
    pub fn is_trust_of_in(&self, tx: &mut Tx, version: u64) -> Result<bool, StoreError> {
        let now = tx.get::<tables::TrustVersion>(&VERSION.to_owned())?;
        Ok(now.unwrap_or_default() == version)
    }

    /// The entry of an issuer, read in a transaction.
    pub fn trusted_in(
        &self,
        tx: &mut Tx,
        issuer: &str,
    ) -> Result<Option<TrustedIssuer>, StoreError> {
        tx.get::<tables::Trust>(&issuer.to_owned())
    }

    /// Trusts an issuer, replacing its earlier entry. Call [`Registry::reload_trust`] afterwards.
    pub fn add_trust_in(&self, tx: &mut Tx, issuer: &TrustedIssuer) -> Result<(), StoreError> {
        tx.put::<tables::Trust>(&issuer.issuer, issuer)?;
        count_change(tx)
    }

    /// Stops trusting an issuer. Call [`Registry::reload_trust`] afterwards.
    pub fn remove_trust_in(&self, tx: &mut Tx, issuer: &str) -> Result<(), StoreError> {
        tx.delete::<tables::Trust>(&issuer.to_owned())?;
        count_change(tx)
    }
}

fn count_change(tx: &mut Tx) -> Result<(), StoreError> {
    let at = VERSION.to_owned();
    let version = tx.get::<tables::TrustVersion>(&at)?.unwrap_or_default();
    tx.put::<tables::TrustVersion>(&at, &version.saturating_add(1))
}
