//! The keys in memory: parsed once, swapped whole when something changes.
//!
//! Invariant: a signature is made by the one active key of its purpose and algorithm, and never by
//! a key that only stands published.

use std::collections::BTreeMap;

use sekisho_jose::{Algorithm, Header, JwkSet, KeyError, PublicJwk, SigningKey, VerifyingKey};

use crate::keys::{KeyRecord, KeyState, Purpose};

/// A key that signs, with the certificates that prove whose it is.
#[derive(Clone)]
pub struct ActiveKey {
    /// The key.
    pub key: SigningKey,
    /// Its chain, leaf first, without the anchor; empty where none is used.
    pub x5c: Vec<Vec<u8>>,
}

impl ActiveKey {
    /// A header of the kind `typ` with `kid`, and `x5c` where the key has a chain.
    pub fn header(&self, typ: &str) -> Header {
        Header::for_key(&self.key, typ).with_x5c(self.x5c.clone())
    }
}

/// All keys that verify or sign just now.
#[derive(Clone, Default)]
pub struct Ring {
    active: BTreeMap<(Purpose, Algorithm), ActiveKey>,
    published: Vec<(Purpose, PublicJwk)>,
    hints: Vec<VerifyingKey>,
    generation: u64,
}

impl Ring {
    /// Parses the records once, as they stood at `generation`.
    pub fn new(records: &[KeyRecord], generation: u64) -> Result<Self, KeyError> {
        let mut ring = Self { generation, ..Self::default() };
        for record in records {
            if record.is_published() {
                ring.published.push((record.purpose.clone(), record.public.clone()));
            }
            let signed = matches!(
                record.state,
                KeyState::Active { .. } | KeyState::Retiring { .. } | KeyState::Retired { .. }
            );
            if signed && record.purpose == Purpose::IdToken {
                ring.hints.extend(record.public.verifying_key().ok());
            }
            if let KeyState::Active { private, .. } = &record.state {
                let key = SigningKey::from_pkcs8_der(record.algorithm, private)?
                    .with_kid(record.kid.clone());
                let active = ActiveKey { key, x5c: record.x5c.clone() };
                ring.active.insert((record.purpose.clone(), record.algorithm), active);
            }
        }
        Ok(ring)
    }

    /// How often the keys had changed when this was read.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The key that signs for `purpose` with `algorithm`.
    pub fn active(&self, purpose: &Purpose, algorithm: Algorithm) -> Option<&ActiveKey> {
        self.active.get(&(purpose.clone(), algorithm))
    }

    /// The algorithms with which something is signed for `purpose`.
    pub fn algorithms(&self, purpose: &Purpose) -> Vec<Algorithm> {
        let lines = self.active.keys().filter(|(signs, _)| signs == purpose);
        lines.map(|(_, algorithm)| *algorithm).collect()
    }

    /// The keys that ever signed ID tokens and are not compromised: a hint may be old.
    pub fn hint_keys(&self) -> &[VerifyingKey] {
        &self.hints
    }

    /// The published keys of the purposes that `wanted` accepts.
    pub fn jwks(&self, wanted: impl Fn(&Purpose) -> bool) -> JwkSet {
        let keys = self.published.iter().filter(|(purpose, _)| wanted(purpose));
        JwkSet { keys: keys.map(|(_, jwk)| jwk.clone()).collect() }
    }
}
