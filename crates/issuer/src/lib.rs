//! What organizations do as credential issuers: offers and their redemption, nonces, credentials,
//! and the documents about issuers (OpenID4VCI 1.0).
//!
//! | file | what |
//! |---|---|
//! | [`offers`] | an offer, from its draft to its redemption |
//! | [`issuance`] | a nonce, and the credential |
//! | [`credentials`] | what was issued, and where its status stands |
//! | [`documents`] | issuer metadata, DID documents, type metadata |
//!
//! Invariant: a credential is signed only after its status entry, its record and its audit entry are
//! durable, so every signed credential can be found and revoked.
//!
//! Leaves to others: logins and grants, and who may ask for an offer.

pub mod credentials;
pub mod documents;
pub mod issuance;
pub mod offers;
mod tables;

use sekisho_jose::Ahead;
use sekisho_keyring::Keyring;
use sekisho_registry::Registry;
use sekisho_site::Site;
use sekisho_standing::Standing;
use sekisho_store::StoreError;

pub use credentials::{Cursor, IssuedCredential};
pub use issuance::IssuanceFailure;
pub use offers::{DraftOffer, OfferError, OfferRequest};

/// Access to issuance. Cheap to clone.
#[derive(Clone)]
pub struct Issuer {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    standing: Standing,
    /// How far a wallet's clock may be ahead of ours.
    clock_ahead: Ahead,
}

impl Issuer {
    /// Makes an issuer that works with these other parts of the broker.
    pub fn new(
        site: Site,
        registry: Registry,
        keyring: Keyring,
        standing: Standing,
        clock_ahead: Ahead,
    ) -> Self {
        Self { site, registry, keyring, standing, clock_ahead }
    }

    /// Deletes expired rows and returns how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let counts = [
            self.site.sweep::<tables::Offers>().await?,
            self.site.sweep::<tables::OfferLinks>().await?,
            self.site.sweep::<tables::IssuanceTokens>().await?,
            self.site.sweep::<tables::UsedNonces>().await?,
        ];
        Ok(counts.iter().sum())
    }
}
