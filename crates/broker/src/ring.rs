//! The keys in memory: parsed once, swapped whole when something changes.
//!
//! Invariant: a signature is made by the one active key of its purpose and algorithm, and never by
//! a key that only stands published.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    documents: Documents,
}

/// Documents that say which keys there are, written once for each change of the keys.
#[derive(Clone)]
pub struct Documents {
    /// Discovery.
    pub discovery: Arc<[u8]>,
    /// The keys of ID tokens.
    pub jwks: Arc<[u8]>,
}

impl Default for Documents {
    fn default() -> Self {
        Self { discovery: b"{}".as_slice().into(), jwks: b"{}".as_slice().into() }
    }
}

impl Ring {
    /// Parses the records once.
    pub fn new(records: &[KeyRecord]) -> Result<Self, KeyError> {
        let mut ring = Self::default();
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

    /// The key that signs for `purpose` with `algorithm`.
    pub fn active(&self, purpose: &Purpose, algorithm: Algorithm) -> Option<&ActiveKey> {
        self.active.get(&(purpose.clone(), algorithm))
    }

    /// The same keys, with the documents about them.
    #[must_use]
    pub fn with_documents(self, documents: Documents) -> Self {
        Self { documents, ..self }
    }

    /// The documents about these keys.
    pub fn documents(&self) -> &Documents {
        &self.documents
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
