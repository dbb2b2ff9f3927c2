//! The life of a key, as pure functions over records.
//!
//! ```text
//! prepared ──▶ published ──▶ active ──▶ retiring ──▶ retired
//! (sealed,     (spare)       (signs)    (verifies)   (gone from every document)
//!  unknown)        └──────────┴───────────┴──▶ compromised (the same, at once)
//! ```
//!
//! Rotation marks the spare to become active as soon as every verifier can have read it;
//! [`sweep`] brings records up to date with the time. Invariants, each a property test: for each
//! purpose and algorithm exactly one key is active and at least one spare is published; nothing is
//! signed by a key that was not published [`Policy::publish_ahead`] before, a purpose's first key
//! excepted; nothing that is still valid is orphaned, unless its key was compromised. A private half
//! exists only in a key that signs or will.
//!
//! Where both the active key and a spare too young to sign are lost, nothing is signed until the
//! spare is old enough: a signature that verifiers cannot check yet would serve nobody.
//!
//! Leaves to others: making keys and certificates, and the one transaction that loads, sweeps and
//! writes.

use std::ops::Deref;

use sekisho_ambient::{Secret, Timestamp, constant_time_eq};
use sekisho_jose::{Algorithm, PublicJwk};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod lifecycle;
pub use lifecycle::{
    Policy, Step, activation, apply, changes, compromise, request_rotation, sweep,
};

/// What a key signs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "purpose")]
pub enum Purpose {
    /// ID tokens.
    IdToken,
    /// Presentation requests.
    RequestObject,
    /// Credentials of an organization.
    Credential {
        /// Its corporate number.
        org: String,
    },
    /// Status lists of an organization.
    StatusList {
        /// Its corporate number.
        org: String,
    },
}

impl Purpose {
    /// Its name at the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IdToken => "id-token",
            Self::RequestObject => "request-object",
            Self::Credential { .. } => "credential",
            Self::StatusList { .. } => "status-list",
        }
    }

    /// The organization, for purposes that belong to one.
    pub fn organization(&self) -> Option<&str> {
        match self {
            Self::Credential { org } | Self::StatusList { org } => Some(org),
            Self::IdToken | Self::RequestObject => None,
        }
    }
}

/// A private half, PKCS #8 DER: overwritten when dropped, and never printed. It is serialized for
/// the one row that holds it, which is sealed.
#[derive(Clone)]
pub struct PrivateHalf(Secret<Vec<u8>>);

impl PrivateHalf {
    /// Takes the bytes into keeping.
    pub fn new(der: Vec<u8>) -> Self {
        Self(Secret::new(der))
    }
}

impl Deref for PrivateHalf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.expose()
    }
}

impl PartialEq for PrivateHalf {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self, other)
    }
}

impl Eq for PrivateHalf {}

impl Serialize for PrivateHalf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PrivateHalf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

/// Where a key stands, with just what it has there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum KeyState {
    /// Sealed, and known to nobody.
    Prepared {
        /// The private half.
        private: PrivateHalf,
    },
    /// In the published documents, signs nothing yet: the spare.
    Published {
        /// Since when.
        since: Timestamp,
        /// When it shall become active, once a rotation was asked for.
        activate_at: Option<Timestamp>,
        /// The private half.
        private: PrivateHalf,
    },
    /// Signs.
    Active {
        /// When it was published.
        published: Timestamp,
        /// Since when it signs.
        since: Timestamp,
        /// The private half.
        private: PrivateHalf,
    },
    /// In the published documents, verifies, signs nothing: the private half is gone.
    Retiring {
        /// Since when.
        since: Timestamp,
        /// Until when it is published.
        until: Timestamp,
    },
    /// In no document any more.
    Retired {
        /// Since when.
        since: Timestamp,
    },
    /// In no document any more, from one moment to the next: somebody else may have it.
    Compromised {
        /// Since when.
        since: Timestamp,
    },
}

impl KeyState {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Prepared { .. } => "prepared",
            Self::Published { .. } => "published",
            Self::Active { .. } => "active",
            Self::Retiring { .. } => "retiring",
            Self::Retired { .. } => "retired",
            Self::Compromised { .. } => "compromised",
        }
    }
}

/// A key, as kept. The row is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id in every document and header.
    pub kid: String,
    /// What it signs.
    pub purpose: Purpose,
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// The public half.
    pub public: PublicJwk,
    /// Its certificates, leaf first, without the anchor; empty for ID tokens.
    pub x5c: Vec<Vec<u8>>,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: KeyState,
}

impl KeyRecord {
    /// Whether it stands in the published documents.
    pub fn is_published(&self) -> bool {
        match self.state {
            KeyState::Published { .. } | KeyState::Active { .. } | KeyState::Retiring { .. } => {
                true
            }
            KeyState::Prepared { .. } | KeyState::Retired { .. } | KeyState::Compromised { .. } => {
                false
            }
        }
    }

    fn is_active(&self) -> bool {
        matches!(self.state, KeyState::Active { .. })
    }

    fn is_prepared(&self) -> bool {
        matches!(self.state, KeyState::Prepared { .. })
    }

    fn is_spare(&self) -> bool {
        matches!(self.state, KeyState::Published { .. })
    }

    /// Whether it has signed, or could have.
    fn has_signed(&self) -> bool {
        !self.is_prepared() && !self.is_spare()
    }

    pub(crate) fn serves(&self, purpose: &Purpose, algorithm: Algorithm) -> bool {
        self.purpose == *purpose && self.algorithm == algorithm
    }
}

/// A fresh spare.
pub fn spare(
    purpose: Purpose,
    public: PublicJwk,
    algorithm: Algorithm,
    x5c: Vec<Vec<u8>>,
    private: Vec<u8>,
    now: Timestamp,
) -> KeyRecord {
    KeyRecord {
        kid: public.kid().map_or_else(|| public.thumbprint(), str::to_owned),
        purpose,
        algorithm,
        public,
        x5c,
        created: now,
        state: KeyState::Published {
            since: now,
            activate_at: None,
            private: PrivateHalf::new(private),
        },
    }
}

#[cfg(test)]
mod tests;
