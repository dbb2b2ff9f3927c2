//! The keys in memory: parsed once, and replaced as a whole when a key changes.
//!
//! Invariant: for each purpose and algorithm, only the one active key signs; keys that are merely
//! published do not.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_jose::{Algorithm, Header, JwkSet, KeyError, PublicJwk, SigningKey, VerifyingKey};

use crate::keys::{KeyRecord, KeyState, Purpose};

/// A key that signs, with its certificate chain.
#[derive(Clone)]
pub struct ActiveKey {
    /// The private key, with its `kid`.
    pub key: SigningKey,
    /// The certificate chain in DER, leaf first, without the root; empty for purposes without
    /// certificates.
    pub x5c: Vec<Vec<u8>>,
}

impl ActiveKey {
    /// A JWS header with this `typ`, the key's `kid`, and `x5c` if the key has a chain.
    pub fn header(&self, typ: &str) -> Header {
        Header::for_key(&self.key, typ).with_x5c(self.x5c.clone())
    }
}

/// All keys that sign or verify now.
#[derive(Clone, Default)]
pub struct Ring {
    active: BTreeMap<(Purpose, Algorithm), ActiveKey>,
    published: Vec<(Purpose, PublicJwk)>,
    hints: Vec<VerifyingKey>,
    /// The compromised keys of issuers: corporate number and thumbprint.
    compromised: BTreeSet<(String, String)>,
    generation: u64,
}

impl Ring {
    /// Parses the records as read at `generation`.
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
            if let (KeyState::Compromised { .. }, Purpose::Credential { org }) =
                (&record.state, &record.purpose)
            {
                ring.compromised.insert((org.clone(), record.public.thumbprint()));
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

    /// The generation of the keys in the store when they were read; each change adds one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The active key for `purpose` and `algorithm`, if there is one.
    pub fn active(&self, purpose: &Purpose, algorithm: Algorithm) -> Option<&ActiveKey> {
        self.active.get(&(purpose.clone(), algorithm))
    }

    /// The algorithms of the active keys for `purpose`.
    pub fn algorithms(&self, purpose: &Purpose) -> Vec<Algorithm> {
        let lines = self.active.keys().filter(|(signs, _)| signs == purpose);
        lines.map(|(_, algorithm)| *algorithm).collect()
    }

    /// All keys that have signed ID tokens and are not compromised, also retired ones: an
    /// `id_token_hint` may be an old token.
    pub fn hint_keys(&self) -> &[VerifyingKey] {
        &self.hints
    }

    /// Whether `organization` signs its credentials with a key of this thumbprint that is
    /// compromised. If the key is not known (`None`): whether any of its keys is.
    pub fn is_compromised(&self, organization: &str, key: Option<&str>) -> bool {
        self.compromised
            .iter()
            .filter(|(org, _)| org == organization)
            .any(|(_, thumbprint)| key.is_none_or(|key| key == thumbprint))
    }

    /// The published keys of all purposes for which `wanted` returns true.
    pub fn jwks(&self, wanted: impl Fn(&Purpose) -> bool) -> JwkSet {
        let keys = self.published.iter().filter(|(purpose, _)| wanted(purpose));
        JwkSet { keys: keys.map(|(_, jwk)| jwk.clone()).collect() }
    }
}
