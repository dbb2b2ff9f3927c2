//! A key for each person, under which everything personal is sealed: to erase the key is to erase
//! the person, wherever copies of the sealed bytes stand.
//!
//! Invariant: a person's key stands in one row only, sealed under the root key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_ambient::{Entropy, Secret};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Store, StoreError, Table, Tx};

/// The key of one person.
#[derive(Clone)]
pub struct PersonKey(Secret<[u8; 32]>);

/// Bytes sealed under a person's key; base64url in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonSealed(Vec<u8>);

/// Why sealed bytes were not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonKeyError {
    /// They were sealed under another key, in general because the person was erased since.
    #[error("sealed under another key of this person, which was erased")]
    Erased,
    /// They were changed, or moved to another place.
    #[error("sealed bytes were changed or moved to another place")]
    Corrupt,
    /// The content is not what was expected.
    #[error("sealed content does not read as what it should be")]
    Content,
}

impl PersonKey {
    /// A fresh key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Secret::new(entropy.bytes()))
    }

    /// Seals `plaintext` for one `place` (a name such as `credential.claims`, which must be given
    /// again to open).
    pub fn seal(&self, place: &str, plaintext: &[u8], entropy: &Entropy) -> PersonSealed {
        todo!()
    }

    /// What was sealed for `place`.
    pub fn open(
        &self,
        place: &str,
        sealed: &PersonSealed,
    ) -> Result<Secret<Vec<u8>>, PersonKeyError> {
        todo!()
    }

    /// Seals a value as JSON.
    pub fn seal_json<T: Serialize>(
        &self,
        place: &str,
        value: &T,
        entropy: &Entropy,
    ) -> Result<PersonSealed, PersonKeyError> {
        let text = serde_json::to_vec(value).map_err(|_| PersonKeyError::Content)?;
        Ok(self.seal(place, &Zeroizing::new(text), entropy))
    }

    /// The value that was sealed as JSON.
    pub fn open_json<T: DeserializeOwned>(
        &self,
        place: &str,
        sealed: &PersonSealed,
    ) -> Result<T, PersonKeyError> {
        let bytes = self.open(place, sealed)?;
        serde_json::from_slice(bytes.expose()).map_err(|_| PersonKeyError::Content)
    }
}

impl Tx {
    /// The key of `person` (a keyed digest), which becomes `fresh` if there is none.
    pub fn person_key(
        &mut self,
        person: &[u8; 32],
        fresh: &PersonKey,
    ) -> Result<PersonKey, StoreError> {
        todo!()
    }

    /// The key of `person`, if there is one.
    pub fn existing_person_key(
        &mut self,
        person: &[u8; 32],
    ) -> Result<Option<PersonKey>, StoreError> {
        todo!()
    }

    /// Erases the key of `person` and says whether there was one.
    pub fn erase_person(&mut self, person: &[u8; 32]) -> Result<bool, StoreError> {
        todo!()
    }
}

impl Store {
    /// The key of `person` (a keyed digest); a fresh one is kept if there is none.
    pub async fn person_key(&self, person: &[u8; 32]) -> Result<PersonKey, StoreError> {
        todo!()
    }

    /// The key of `person`, if there is one.
    pub async fn existing_person_key(
        &self,
        person: &[u8; 32],
    ) -> Result<Option<PersonKey>, StoreError> {
        todo!()
    }

    /// Erases the key of `person` and says whether there was one.
    pub async fn erase_person(&self, person: &[u8; 32]) -> Result<bool, StoreError> {
        todo!()
    }
}

impl Serialize for PersonSealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for PersonSealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map(Self).map_err(D::Error::custom)
    }
}
