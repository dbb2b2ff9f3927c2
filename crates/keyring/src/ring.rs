//! The keys in memory: parsed once, and replaced as a whole when a key changes.
//!
//! Invariant: for each purpose and algorithm, only the one active key signs; keys that are merely
//! published do not. A retiring credential key comes out of the ring only as a [`ListKey`], with
//! which status lists are signed and nothing else; a retiring request key only by its `kid`
//! ([`Ring::request_key`]), which an open login names.

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

/// A credential key for signing the status lists that belong to it. It may be active or retiring.
#[derive(Clone)]
pub struct ListKey(ActiveKey);

impl ListKey {
    /// The private key, with its `kid`. Sign nothing with it but status lists.
    pub fn key(&self) -> &SigningKey {
        &self.0.key
    }

    /// The certificate chain in DER, leaf first, without the root.
    pub fn x5c(&self) -> Vec<Vec<u8>> {
        self.0.x5c.clone()
    }
}

/// All keys that sign or verify now.
#[derive(Clone, Default)]
pub struct Ring {
    active: BTreeMap<(Purpose, Algorithm), ActiveKey>,
    /// Credential keys that are active or retiring, by organization and `kid`.
    lists: BTreeMap<(String, String), ListKey>,
    /// Request keys that are active or retiring.
    requests: Vec<ActiveKey>,
    published: Vec<(Purpose, PublicJwk)>,
    hints: Vec<VerifyingKey>,
    /// The published keys of access tokens, by `kid`.
    access: BTreeMap<String, VerifyingKey>,
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
            if record.is_published()
                && matches!(record.purpose, Purpose::AccessToken { .. })
                && let Ok(key) = record.public.verifying_key()
            {
                ring.access.insert(record.kid.clone(), key);
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
            ring.add_signer(record)?;
        }
        Ok(ring)
    }

    /// Adds the key of the record if it signs.
    fn add_signer(&mut self, record: &KeyRecord) -> Result<(), KeyError> {
        let (KeyState::Active { private, .. } | KeyState::Retiring { private: Some(private), .. }) =
            &record.state
        else {
            return Ok(());
        };
        let key = SigningKey::from_pkcs8_der(record.algorithm, private)?;
        let signer = ActiveKey { key: key.with_kid(record.kid.clone()), x5c: record.x5c.clone() };
        if let Purpose::Credential { org } = &record.purpose {
            self.lists.insert((org.clone(), record.kid.clone()), ListKey(signer.clone()));
        }
        if record.purpose == Purpose::RequestObject {
            self.requests.push(signer.clone());
        }
        if matches!(record.state, KeyState::Active { .. }) {
            self.active.insert((record.purpose.clone(), record.algorithm), signer);
        }
        Ok(())
    }

    /// The generation of the keys in the store when they were read; each change adds one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The active key for `purpose` and `algorithm`, if there is one.
    pub fn active(&self, purpose: &Purpose, algorithm: Algorithm) -> Option<&ActiveKey> {
        self.active.get(&(purpose.clone(), algorithm))
    }

    /// The key that signs the status lists of the organization which belong to the credential key
    /// `kid`: that key while it is active or retiring, and afterwards, also when it was compromised,
    /// the key that is active now. `None` if there is neither.
    pub fn list_key(&self, organization: &str, kid: Option<&str>) -> Option<ListKey> {
        let own = |kid: &str| self.lists.get(&(organization.to_owned(), kid.to_owned())).cloned();
        let purpose = Purpose::Credential { org: organization.to_owned() };
        let active = || self.active(&purpose, Algorithm::Es256).cloned().map(ListKey);
        kid.and_then(own).or_else(active)
    }

    /// The request key that is active or retiring and for whose `kid` this returns true: the one
    /// with which an open login was begun.
    pub fn request_key(&self, named: impl Fn(&str) -> bool) -> Option<&ActiveKey> {
        self.requests.iter().find(|key| named(key.key.kid()))
    }

    /// The organizations and `kid`s of the keys that sign nothing any more but status lists.
    pub fn retiring_list_keys(&self) -> Vec<(String, String)> {
        let is_active = |kid: &str| self.active.values().any(|active| active.key.kid() == kid);
        self.lists.keys().filter(|(_, kid)| !is_active(kid)).cloned().collect()
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

    /// The published key of access tokens with this `kid`.
    pub fn access_key(&self, kid: &str) -> Option<&VerifyingKey> {
        self.access.get(kid)
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
