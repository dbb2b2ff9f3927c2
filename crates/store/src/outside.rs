//! Seals values that others keep for us: cookies, and links in which a state travels.
//!
//! Invariant: what opens was sealed under the same key, with the same context, and was not changed.

use sekisho_ambient::Secret;

use crate::xaes::{Key, NONCE};

/// Bytes of the nonce of a seal.
pub const SEAL_NONCE: usize = NONCE;

/// A key that seals values outside the store (XAES-256-GCM).
pub struct SealKey(Key);

impl SealKey {
    /// Makes the key of these bytes; `None` if the cipher does not take them.
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        Key::new(bytes).ok().map(Self)
    }

    /// Seals `plaintext` and returns it with a tag of 16 bytes. Opening needs the same nonce and
    /// context. A nonce must never be used for two different plaintexts or contexts. `None` if the
    /// cipher fails.
    pub fn seal(&self, nonce: &[u8; NONCE], context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        self.0.seal(nonce, context, plaintext).ok()
    }

    /// Opens a sealed value; `None` if nonce, context or value are not those of the seal.
    pub fn open(
        &self,
        nonce: &[u8; NONCE],
        context: &[u8],
        sealed: &[u8],
    ) -> Option<Secret<Vec<u8>>> {
        let mut opened = self.0.open(nonce, context, sealed).ok()?;
        Some(Secret::new(std::mem::take(&mut *opened)))
    }
}
