//! The life cycle of a key, as pure functions over records.
//!
//! ```text
//! prepared ──▶ published ──▶ active ──▶ retiring ──▶ retired
//! (sealed,     (spare)       (signs)    (verifies)   (gone from every document)
//!  unknown)        └──────────┴───────────┴──▶ compromised (the same, at once)
//!
//! While it is retiring, a credential key goes on signing its own status lists, a request key the
//! requests of logins that it began, and both nothing else.
//! ```
//!
//! A rotation marks the spare to become active as soon as every verifier can have fetched it.
//! [`sweep`] computes the steps that are due. Invariants, each checked by a property test: for each
//! purpose and algorithm exactly one key is active and at least one spare is published; a key signs
//! only after it was published for [`Policy::publish_ahead`], except the first key of a purpose; a
//! key stays published while anything that it signed is valid, unless it was compromised. Only a
//! key that signs or will sign has its private half. Two kinds of retiring keys are such keys. Until
//! its last credential has ended, a credential key signs the status lists of its credentials, because
//! there are wallets that check a list with the key of the credential that refers to it. A request key
//! signs the requests of the logins that were begun with it.
//!
//! If the active key is lost and every spare is too young to sign, nothing is signed until a spare
//! is old enough. Verifiers could not check an earlier signature anyway.
//!
//! Leaves to others: making keys and certificates, and the one transaction that loads, sweeps and
//! writes.

use std::ops::Deref;

use sekisho_ambient::{Secret, Timestamp, constant_time_eq};
use sekisho_jose::{Algorithm, PublicJwk};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod lifecycle;
pub use lifecycle::{
    Policy, Step, activation, apply, changes, compromise, end_retiring, request_rotation, sweep,
};

/// What a key signs. Each purpose has keys of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "purpose")]
pub enum Purpose {
    /// ID tokens of the broker.
    IdToken,
    /// Access tokens that are JWTs.
    AccessToken {
        /// The id of the resource, if the key signs nothing but tokens for that one.
        resource: Option<String>,
    },
    /// Request objects, which ask a wallet for a presentation (OpenID4VP).
    RequestObject,
    /// Checkpoints of the audit log.
    AuditCheckpoint,
    /// Credentials of an organization.
    Credential {
        /// The corporate number of the organization.
        org: String,
    },
    /// Status lists of an organization, as an earlier version signed them. No key of this purpose
    /// is made any more: a list is signed by the credential key to which it belongs.
    StatusList {
        /// The corporate number of the organization.
        org: String,
    },
}

impl Purpose {
    /// The name of the purpose on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IdToken => "id-token",
            Self::AccessToken { .. } => "access-token",
            Self::RequestObject => "request-object",
            Self::AuditCheckpoint => "audit-checkpoint",
            Self::Credential { .. } => "credential",
            Self::StatusList { .. } => "status-list",
        }
    }

    /// Whether keys of this purpose still sign status lists after they stopped signing all else.
    pub fn signs_lists(&self) -> bool {
        matches!(self, Self::Credential { .. })
    }

    /// Whether a retiring key of this purpose keeps its private half: it finishes what it began. A
    /// credential key signs its status lists, and the key of a request object the requests of logins
    /// that were open when it was replaced, because they name it.
    pub fn finishes(&self) -> bool {
        self.signs_lists() || matches!(self, Self::RequestObject)
    }

    /// Whether an earlier version made keys of this purpose and this one does not. Such a key signs
    /// nothing any more and leaves.
    pub fn is_obsolete(&self) -> bool {
        matches!(self, Self::StatusList { .. })
    }

    /// The id of the resource, for a key that signs nothing but its tokens.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::AccessToken { resource } => resource.as_deref(),
            _ => None,
        }
    }

    /// The corporate number of the organization, for purposes that belong to one.
    pub fn organization(&self) -> Option<&str> {
        match self {
            Self::Credential { org } | Self::StatusList { org } => Some(org),
            Self::IdToken
            | Self::AccessToken { .. }
            | Self::RequestObject
            | Self::AuditCheckpoint => None,
        }
    }
}

/// The private half of a key in PKCS #8 DER. It is overwritten when dropped and never printed. It
/// is serialized only into the key's own row, which is sealed.
#[derive(Clone)]
pub struct PrivateHalf(Secret<Vec<u8>>);

impl PrivateHalf {
    /// Takes over the PKCS #8 DER bytes.
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

/// The state of a key, with the data that it has in that state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum KeyState {
    /// Made and stored, but not published anywhere yet.
    Prepared {
        /// The private half, PKCS #8 DER.
        private: PrivateHalf,
    },
    /// Published but not signing yet: the spare.
    Published {
        /// When it was published.
        since: Timestamp,
        /// When it becomes active; `None` until a rotation is asked for.
        activate_at: Option<Timestamp>,
        /// The private half, PKCS #8 DER.
        private: PrivateHalf,
    },
    /// The key that signs.
    Active {
        /// When it was published.
        published: Timestamp,
        /// When it began to sign.
        since: Timestamp,
        /// The private half, PKCS #8 DER.
        private: PrivateHalf,
    },
    /// Still published, so that its signatures verify, but signing nothing new. Its private half is
    /// deleted, unless it has to finish what it began ([`Purpose::finishes`]).
    Retiring {
        /// When it stopped signing.
        since: Timestamp,
        /// When it will leave the published documents.
        until: Timestamp,
        /// The private half of a key that finishes what it began, PKCS #8 DER; `None` for keys of
        /// other purposes, and for those that an earlier version retired.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        private: Option<PrivateHalf>,
    },
    /// No longer published, at the end of its regular life.
    Retired {
        /// When it left the published documents.
        since: Timestamp,
    },
    /// No longer published, because somebody else may have its private half.
    Compromised {
        /// When it was withdrawn.
        since: Timestamp,
    },
}

impl KeyState {
    /// The name of the state, as shown to operators.
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

/// A key as stored. The row is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The key id (`kid`) in every document and header.
    pub kid: String,
    /// What it signs.
    pub purpose: Purpose,
    /// The algorithm with which it signs.
    pub algorithm: Algorithm,
    /// The public half.
    pub public: PublicJwk,
    /// Its certificate chain in DER, leaf first, without the root; empty for ID tokens.
    pub x5c: Vec<Vec<u8>>,
    /// When it was made.
    pub created: Timestamp,
    /// The state in its life cycle.
    pub state: KeyState,
}

impl KeyRecord {
    /// Whether the key is in the published documents.
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

    /// Whether the key signs nothing any more but the status lists of its own credentials.
    pub fn signs_only_lists(&self) -> bool {
        self.purpose.signs_lists()
            && matches!(self.state, KeyState::Retiring { private: Some(_), .. })
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

    /// Whether it is or was active, or was compromised.
    fn has_signed(&self) -> bool {
        !self.is_prepared() && !self.is_spare()
    }

    pub(crate) fn serves(&self, purpose: &Purpose, algorithm: Algorithm) -> bool {
        self.purpose == *purpose && self.algorithm == algorithm
    }
}

/// The record of a new key that is published as a spare from `now` on.
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
