//! Trust: which issuer may attest which type for which organization, under which anchors.
//!
//! Verification reads a snapshot in memory. Invariant: the snapshot carries the version of the store
//! that it was read from, and a transaction that decides on it compares the two
//! ([`Registry::is_trust_of_in`]), so that what another broker changed counts at once.

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use sekisho_credential::vc::{TrustList, TrustedIssuer};
use sekisho_store::{StoreError, Tx};

use crate::{Registry, tables};

/// The most issuers that are read at once.
const MAX_ISSUERS: usize = 100_000;
/// Where the version of trust stands.
const VERSION: &str = "trust";

/// Who is trusted, as it stood at one moment.
#[derive(Debug, Default)]
pub struct TrustSnapshot {
    /// How often trust had changed then.
    pub version: u64,
    /// The issuers.
    pub list: TrustList,
}

impl Registry {
    /// Who is trusted, as it was last read.
    pub fn trust(&self) -> Arc<TrustSnapshot> {
        Arc::clone(&self.inner.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads trust into memory.
    pub async fn reload_trust(&self) -> Result<(), StoreError> {
        let store = self.site.store();
        // The version first: a change in between makes the snapshot look older than it is, and it
        // is read again.
        let version = store.get::<tables::TrustVersion>(&VERSION.to_owned()).await?;
        let rows = store.scan::<tables::Trust>(Bound::Unbounded, MAX_ISSUERS).await?;
        let list = TrustList(rows.into_iter().map(|(_, issuer)| issuer).collect());
        let snapshot = TrustSnapshot { version: version.unwrap_or_default(), list };
        *self.inner.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    /// Whether trust still has this version, in the transaction that decides on it.
    pub fn is_trust_of_in(&self, tx: &mut Tx, version: u64) -> Result<bool, StoreError> {
        let now = tx.get::<tables::TrustVersion>(&VERSION.to_owned())?;
        Ok(now.unwrap_or_default() == version)
    }

    /// The entry of an issuer.
    pub fn trusted_in(
        &self,
        tx: &mut Tx,
        issuer: &str,
    ) -> Result<Option<TrustedIssuer>, StoreError> {
        tx.get::<tables::Trust>(&issuer.to_owned())
    }

    /// Trusts an issuer; replaces what was said of it before. [`Registry::reload_trust`] follows.
    pub fn add_trust_in(&self, tx: &mut Tx, issuer: &TrustedIssuer) -> Result<(), StoreError> {
        tx.put::<tables::Trust>(&issuer.issuer, issuer)?;
        count_change(tx)
    }

    /// Trusts an issuer no longer. [`Registry::reload_trust`] follows.
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
