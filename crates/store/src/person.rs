//! A key for each person, under which all personal data is sealed. Erasing the key makes the
//! person's data unreadable, also in every copy of the sealed bytes.
//!
//! Invariant: a person's key is stored in one row only, sealed under the root key.

use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_ambient::{Entropy, Secret, hmac_sha256};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::xaes::{Key, NONCE};
use crate::{Store, StoreError, Table, Tx};

/// The version of sealed bytes:
/// `format (1) | id of the key (8) | nonce (24) | ciphertext | tag (16)`.
const FORMAT: u8 = 1;

/// The table of keys: keyed digest of the person → key.
struct PersonKeys;

impl Table for PersonKeys {
    const NAME: &'static str = "store.person_keys_1";
    type Key = [u8; 32];
    type Value = [u8; 32];
}

/// The key under which the data of one person is sealed.
#[derive(Clone)]
pub struct PersonKey(Secret<[u8; 32]>);

/// Bytes sealed under a person's key; base64url in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonSealed(Vec<u8>);

/// The reason why sealed bytes were not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonKeyError {
    /// They were sealed under another key. In general, the person was erased since.
    #[error("sealed under another key of this person, which was erased")]
    Erased,
    /// They were changed, or were sealed for another place.
    #[error("sealed bytes were changed or moved to another place")]
    Corrupt,
    /// The content does not have the form that the caller expects.
    #[error("sealed content does not read as what it should be")]
    Content,
    /// The cipher failed, or the value cannot be written as JSON.
    #[error("the content could not be sealed")]
    Seal,
}

impl PersonKey {
    /// Makes a fresh random key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Secret::new(entropy.bytes()))
    }

    /// Seals `plaintext` for one `place`, which is a name such as `credential.claims`. Opening
    /// needs the same name.
    pub fn seal(
        &self,
        place: &str,
        plaintext: &[u8],
        entropy: &Entropy,
    ) -> Result<PersonSealed, PersonKeyError> {
        let (id, nonce) = (self.id(), entropy.bytes());
        let ciphertext = self
            .cipher()
            .and_then(|cipher| cipher.seal(&nonce, &associated(id, place), plaintext))
            .map_err(|Unspecified| PersonKeyError::Seal)?;
        Ok(PersonSealed([&[FORMAT], id.as_slice(), &nonce, &ciphertext].concat()))
    }

    /// Opens bytes that were sealed for `place`.
    pub fn open(
        &self,
        place: &str,
        sealed: &PersonSealed,
    ) -> Result<Secret<Vec<u8>>, PersonKeyError> {
        let (id, nonce, ciphertext) = sealed.parts().ok_or(PersonKeyError::Corrupt)?;
        if *id != self.id() {
            return Err(PersonKeyError::Erased);
        }
        let opened = self
            .cipher()
            .and_then(|cipher| cipher.open(nonce, &associated(*id, place), ciphertext));
        let mut plaintext = opened.map_err(|Unspecified| PersonKeyError::Corrupt)?;
        Ok(Secret::new(std::mem::take(&mut *plaintext)))
    }

    fn cipher(&self) -> Result<Key, Unspecified> {
        Key::new(&hmac_sha256(self.0.expose(), &[b"seal"]))
    }

    /// Returns an id that tells this key from others and reveals nothing about it.
    fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(hmac_sha256(self.0.expose(), &[b"id"])) {
            *to = from;
        }
        id
    }

    /// Seals a value as JSON for one place.
    pub fn seal_json<T: Serialize>(
        &self,
        place: &str,
        value: &T,
        entropy: &Entropy,
    ) -> Result<PersonSealed, PersonKeyError> {
        let text = serde_json::to_vec(value).map_err(|_| PersonKeyError::Seal)?;
        self.seal(place, &Zeroizing::new(text), entropy)
    }

    /// Opens a value that was sealed as JSON.
    pub fn open_json<T: DeserializeOwned>(
        &self,
        place: &str,
        sealed: &PersonSealed,
    ) -> Result<T, PersonKeyError> {
        let bytes = self.open(place, sealed)?;
        serde_json::from_slice(bytes.expose()).map_err(|_| PersonKeyError::Content)
    }
}

impl PersonSealed {
    /// Splits sealed bytes into the id of the key, the nonce and the ciphertext.
    fn parts(&self) -> Option<(&[u8; 8], &[u8; NONCE], &[u8])> {
        let (format, rest) = self.0.split_first()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        (*format == FORMAT).then_some((id, nonce, ciphertext))
    }
}

fn associated(id: [u8; 8], place: &str) -> Vec<u8> {
    [&[FORMAT], id.as_slice(), place.as_bytes()].concat()
}

impl Tx {
    /// Returns the key of `person` (a keyed digest). If there is none, stores `fresh` and returns
    /// it.
    pub fn person_key(
        &mut self,
        person: &[u8; 32],
        fresh: &PersonKey,
    ) -> Result<PersonKey, StoreError> {
        if let Some(key) = self.existing_person_key(person)? {
            return Ok(key);
        }
        self.put::<PersonKeys>(person, fresh.0.expose())?;
        Ok(fresh.clone())
    }

    /// Returns the key of `person`, if there is one.
    pub fn existing_person_key(
        &mut self,
        person: &[u8; 32],
    ) -> Result<Option<PersonKey>, StoreError> {
        Ok(self.get::<PersonKeys>(person)?.map(|key| PersonKey(Secret::new(key))))
    }

    /// Erases the key of `person`. Returns whether there was one. The sealed row remains in free
    /// parts of the file until they are reused, and nobody can open it without the root key.
    pub fn erase_person(&mut self, person: &[u8; 32]) -> Result<bool, StoreError> {
        let known = self.contains::<PersonKeys>(person)?;
        if known {
            self.delete::<PersonKeys>(person)?;
        }
        Ok(known)
    }
}

impl Store {
    /// Returns the key of `person` (a keyed digest). If there is none, stores a fresh one and
    /// returns it.
    pub async fn person_key(&self, person: &[u8; 32]) -> Result<PersonKey, StoreError> {
        let fresh = PersonKey::generate(self.inner.sealer.entropy());
        self.transact(|tx| tx.person_key(person, &fresh)).await
    }

    /// Returns the key of `person`, if there is one.
    pub async fn existing_person_key(
        &self,
        person: &[u8; 32],
    ) -> Result<Option<PersonKey>, StoreError> {
        self.transact(|tx| tx.existing_person_key(person)).await
    }

    /// Erases the key of `person`. Returns whether there was one.
    pub async fn erase_person(&self, person: &[u8; 32]) -> Result<bool, StoreError> {
        self.transact(|tx| tx.erase_person(person)).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::HostileOptions;
    use crate::{Backend, Options, RootKey};

    #[test]
    fn a_place_and_a_key_open_what_they_sealed() {
        let entropy = Entropy::seeded(1);
        let key = PersonKey::generate(&entropy);
        let sealed = key.seal_json("a", &"text", &entropy).unwrap();
        assert_eq!(key.open_json::<String>("a", &sealed).unwrap(), "text");
        assert_eq!(key.open_json::<String>("b", &sealed).unwrap_err(), PersonKeyError::Corrupt);
        assert_eq!(key.open_json::<u64>("a", &sealed).unwrap_err(), PersonKeyError::Content);
        let other = PersonKey::generate(&entropy);
        assert_eq!(other.open_json::<String>("a", &sealed).unwrap_err(), PersonKeyError::Erased);
        let text = serde_json::to_string(&sealed).unwrap();
        assert_eq!(serde_json::from_str::<PersonSealed>(&text).unwrap(), sealed);
    }

    #[test]
    fn every_bit_of_sealed_bytes_counts() {
        let entropy = Entropy::seeded(1);
        let key = PersonKey::generate(&entropy);
        let sealed = key.seal("a", b"text", &entropy).unwrap();
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(key.open("a", &changed).is_err(), "byte {at}");
        }
    }

    #[tokio::test]
    async fn an_erased_person_is_gone_and_may_come_back_as_new() {
        let (entropy, person) = (Entropy::seeded(1), [7; 32]);
        let (backend, root) =
            (Backend::Hostile(HostileOptions::new(1)), RootKey::generate(&entropy));
        let options = Options::default();
        let store = Store::open_on(backend, &root, entropy.clone(), options).unwrap();
        assert!(store.existing_person_key(&person).await.unwrap().is_none());
        let first = store.person_key(&person).await.unwrap();
        let sealed = first.seal("a", b"text", &entropy).unwrap();
        let again = store.person_key(&person).await.unwrap();
        assert!(again.open("a", &sealed).is_ok());
        assert!(store.erase_person(&person).await.unwrap());
        assert!(!store.erase_person(&person).await.unwrap());
        assert!(store.existing_person_key(&person).await.unwrap().is_none());
        let back = store.person_key(&person).await.unwrap();
        assert_eq!(back.open("a", &sealed).err(), Some(PersonKeyError::Erased));
    }
}
