//! The seal around every value (operations, Store 3.3). Without the root key, nobody can read or
//! change a value that an engine keeps, or move it to another place.
//!
//! A sealed value is `format (1) | epoch of the root key (4) | nonce (24) | ciphertext | tag (16)`.
//! Its associated data are format, epoch, store id, table and full key. Each table has its own key.
//! The seal does not detect an older copy of a whole row that is put back at its place; the audit
//! log's checkpoints do.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::error::Unspecified;
use sekisho_ambient::Entropy;
use zeroize::Zeroizing;

use crate::xaes::{Key, NONCE};
use crate::{RootKey, StoreError};

/// The version of the form of sealed values.
const FORMAT: u8 = 1;
/// The only epoch so far, because replacing a root key is not supported yet.
const EPOCH: [u8; 4] = [0, 0, 0, 1];

/// Seals and opens the rows of one store.
pub(crate) struct Sealer {
    root: RootKey,
    store: [u8; 16],
    entropy: Entropy,
    keys: RwLock<HashMap<String, Arc<Key>>>,
}

impl Sealer {
    pub(crate) fn new(root: &RootKey, store: [u8; 16], entropy: Entropy) -> Self {
        Self { root: root.clone(), store, entropy, keys: RwLock::default() }
    }

    pub(crate) fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// Derives a key for a purpose outside the tables.
    pub(crate) fn mac_key(&self, label: &str) -> [u8; 32] {
        *self.root.derive(&self.store, "mac", label).expose()
    }

    /// Seals a value for its place.
    pub(crate) fn seal(
        &self,
        table: &str,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let nonce = self.entropy.bytes();
        let sealed = self
            .key(table)
            .and_then(|cipher| cipher.seal(&nonce, &self.place(table, key, FORMAT, EPOCH), value));
        let ciphertext = sealed.map_err(|Unspecified| StoreError::Encode {
            table: table.to_owned(),
            reason: "it could not be sealed".to_owned(),
        })?;
        Ok([&[FORMAT], EPOCH.as_slice(), &nonce, &ciphertext].concat())
    }

    /// Opens a value that was sealed for this place.
    pub(crate) fn open(
        &self,
        table: &str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let corrupt = |reason| StoreError::corrupt(table, key, reason);
        let (format, epoch, nonce, ciphertext) =
            split(sealed).ok_or_else(|| corrupt("it is too short"))?;
        if format != FORMAT {
            return Err(corrupt("its format is unknown"));
        }
        let place = self.place(table, key, format, epoch);
        self.key(table)
            .and_then(|cipher| cipher.open(nonce, &place, ciphertext))
            .map_err(|Unspecified| corrupt("it was changed or belongs to another place"))
    }

    fn key(&self, table: &str) -> Result<Arc<Key>, Unspecified> {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(table).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let key = Arc::new(Key::new(self.root.derive(&self.store, "table", table).expose())?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(keys.entry(table.to_owned()).or_insert(key)))
    }

    /// Returns the associated data. The table's name is preceded by its length, so that two places
    /// never give the same bytes.
    fn place(&self, table: &str, key: &[u8], format: u8, epoch: [u8; 4]) -> Vec<u8> {
        let length = u64::try_from(table.len()).unwrap_or(u64::MAX).to_be_bytes();
        [&[format], epoch.as_slice(), &self.store, &length, table.as_bytes(), key].concat()
    }
}

type Parts<'s> = (u8, [u8; 4], &'s [u8; NONCE], &'s [u8]);

fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let (format, rest) = sealed.split_first()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (nonce, ciphertext) = rest.split_first_chunk()?;
    Some((*format, *epoch, nonce, ciphertext))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(root: u8, store: u8) -> Sealer {
        Sealer::new(&RootKey::from_bytes([root; 32]), [store; 16], Entropy::seeded(1))
    }

    #[test]
    fn a_value_opens_at_its_place_only() {
        let sealer = sealer(1, 1);
        let sealed = sealer.seal("codes_1", b"key", b"value").unwrap();
        assert_eq!(sealer.open("codes_1", b"key", &sealed).unwrap().as_slice(), b"value");
        for (table, key) in [("codes_1", b"kez"), ("codes_2", b"key"), ("codes_", b"1ke")] {
            let opened = sealer.open(table, key, &sealed);
            assert!(
                matches!(opened, Err(StoreError::Corrupt { table: named, .. }) if named == table)
            );
        }
    }

    #[test]
    fn a_value_opens_in_its_store_and_under_its_root_only() {
        let sealed = sealer(1, 1).seal("codes_1", b"key", b"value").unwrap();
        assert!(sealer(1, 1).open("codes_1", b"key", &sealed).is_ok());
        assert!(sealer(2, 1).open("codes_1", b"key", &sealed).is_err());
        assert!(sealer(1, 2).open("codes_1", b"key", &sealed).is_err());
    }

    #[test]
    fn every_bit_counts() {
        let sealer = sealer(1, 1);
        let sealed = sealer.seal("codes_1", b"key", b"value").unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(sealer.open("codes_1", b"key", &changed).is_err(), "byte {at}, bit {bit}");
            }
        }
        for length in 0..sealed.len() {
            assert!(sealer.open("codes_1", b"key", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let sealer = sealer(1, 1);
        assert_ne!(sealer.seal("t", b"k", b"v").unwrap(), sealer.seal("t", b"k", b"v").unwrap());
    }
}
