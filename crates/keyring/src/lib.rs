//! Our own keys: made, certified, published, rotated, withdrawn.
//!
//! | file | what |
//! |---|---|
//! | [`keys`] | the life of a key, as pure functions over records |
//! | [`rotation`] | that life against the store: making keys, moving them on |
//! | [`plan`] | what a rotation that an operator asks for will do, and when |
//! | [`ring`] | the keys in memory, parsed once |
//! | [`pki`] | the private certificate authority |
//!
//! Invariant: what this process signs with is what the store says is active. The ring carries the
//! generation that it was read at, and a transaction whose answer will be signed compares it
//! ([`Keyring::is_ring_of_in`]).
//!
//! Leaves to others: how long what a key signs is valid (the [`keys::Policy`] is an argument), and the
//! documents in which keys are published.

pub mod keys;
pub mod pki;
pub mod plan;
pub mod ring;
pub mod rotation;
mod tables;

use std::sync::{Arc, PoisonError, RwLock};

use sekisho_site::Site;

pub use keys::{KeyRecord, KeyState, Policy, Purpose};
pub use ring::{ActiveKey, Ring};
pub use rotation::RotationError;

/// The room of our keys. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    site: Site,
    policy: Policy,
    ring: Arc<RwLock<Arc<Ring>>>,
}

impl Keyring {
    /// Makes the root and the keys of the broker and of `organizations` where there are none, brings
    /// all up to date, and reads them into memory.
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

    /// The keys as they stood when they were last read.
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The times of the life of a key.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
