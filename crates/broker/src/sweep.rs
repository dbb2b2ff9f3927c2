//! Rows whose time is over go. Their keys begin with their expiry, so a sweep reads nothing else.
//!
//! Nothing depends on a sweep: every use-case compares the expiry itself.

use sekisho_ambient::HandleKey;
use sekisho_store::{StoreError, Table};

use crate::Broker;
use crate::tables::{
    AccessTokens, Codes, Grants, IssuanceTokens, Logins, OfferLinks, Offers, Requests, Sessions,
    UsedAssertions, UsedNonces,
};

/// The most rows of one table that one batch removes: others get their turn in between.
const BATCH: usize = 1000;

impl Broker {
    /// Removes every row whose time is over; gives how many there were.
    pub async fn sweep_expired(&self) -> Result<usize, StoreError> {
        let counts = [
            self.sweep_table::<Logins>().await?,
            self.sweep_table::<Requests>().await?,
            self.sweep_table::<Sessions>().await?,
            self.sweep_table::<Codes>().await?,
            self.sweep_table::<Grants>().await?,
            self.sweep_table::<AccessTokens>().await?,
            self.sweep_table::<Offers>().await?,
            self.sweep_table::<OfferLinks>().await?,
            self.sweep_table::<IssuanceTokens>().await?,
            self.sweep_table::<UsedNonces>().await?,
            self.sweep_table::<UsedAssertions>().await?,
        ];
        Ok(counts.iter().sum())
    }

    async fn sweep_table<T: Table<Key = HandleKey>>(&self) -> Result<usize, StoreError> {
        let now = self.clock().now();
        let mut swept = 0_usize;
        loop {
            let batch = self.store().sweep_expired::<T>(now, BATCH).await?;
            swept = swept.saturating_add(batch);
            if batch < BATCH {
                return Ok(swept);
            }
        }
    }
}
