//! Our own keys: how they are made, certified, published, rotated and withdrawn.
//!
//! | file | what |
//! |---|---|
//! | [`keys`] | the life of a key, as pure functions over records |
//! | [`rotation`] | that life against the store: making keys, moving them on |
//! | [`plan`] | what a rotation that an operator asks for will do, and when |
//! | [`ring`] | the keys in memory, parsed once |
//! | [`pki`] | the private certificate authority |
//!
//! Invariant: this process signs only with keys that the store says are active, and status lists
//! also with credential keys that it says are retiring. The ring carries the generation at which it
//! was read, and a transaction whose result will be signed compares it with the store's
//! ([`Keyring::is_ring_of_in`]).
//!
//! Leaves to others: how long signed documents are valid (the caller passes a [`keys::Policy`]),
//! and the documents in which keys are published.

pub mod keys;
pub mod pki;
pub mod plan;
pub mod ring;
pub mod rotation;
mod tables;

use std::sync::{Arc, PoisonError, RwLock};

use sekisho_site::Site;

pub use keys::{KeyRecord, KeyState, Policy, Purpose};
pub use ring::{ActiveKey, ListKey, Ring};
pub use rotation::RotationError;

/// Access to our keys. Cheap to clone; clones share the ring.
#[derive(Clone)]
pub struct Keyring {
    site: Site,
    policy: Policy,
    ring: Arc<RwLock<Arc<Ring>>>,
}

impl Keyring {
    /// Makes the root and the missing keys of the broker and of `organizations`, takes all steps
    /// that are due, and reads the keys into memory.
    pub async fn open(
        site: Site,
        policy: Policy,
        organizations: &[String],
    ) -> Result<Self, RotationError> {
        let keyring = Self { site, policy, ring: Arc::default() };
        keyring.found(organizations).await?;
        keyring.reload().await?;
        Ok(keyring)
    }

    /// The keys in memory, as last read by `Keyring::reload`.
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long keys are published before and after they sign.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
