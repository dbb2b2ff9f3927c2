//! XAES-256-GCM (C2SP, XAES-256-GCM.md): AES-256-GCM with a key per nonce, derived by AES-CMAC, so
//! that random nonces of 192 bits may be drawn without a counter.
//!
//! Invariant: no call draws its own nonce; a nonce is an argument, and random.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cmac;
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 24;

/// A key, ready to derive.
pub(crate) struct Key(cmac::Key);

impl Key {
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, Unspecified> {
        Ok(Self(cmac::Key::new(cmac::AES_256, bytes)?))
    }

    /// The ciphertext and its tag of 16 bytes.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let (key, nonce) = self.derive(nonce)?;
        let mut buffer = plaintext.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut buffer)?;
        Ok(buffer)
    }

    /// The plaintext, if nonce, associated data and ciphertext are what was sealed.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (key, nonce) = self.derive(nonce)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = key.open_in_place(nonce, Aad::from(aad), &mut buffer)?.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The key and the 96-bit nonce for AES-256-GCM: the key is the CMAC of two blocks that hold a
    /// counter, `X` and the first half of the nonce; the second half is the nonce.
    fn derive(&self, nonce: &[u8; NONCE]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        let (head, tail) = nonce.split_at(12);
        let mut derived = Zeroizing::new([0; 32]);
        for (half, counter) in derived.chunks_exact_mut(16).zip(1_u8..) {
            let mut context = cmac::Context::with_key(&self.0);
            context.update(&[0, counter, b'X', 0])?;
            context.update(head)?;
            half.copy_from_slice(context.sign()?.as_ref());
        }
        let key = UnboundKey::new(&AES_256_GCM, derived.as_slice())?;
        Ok((LessSafeKey::new(key), Nonce::try_assume_unique_for_key(tail)?))
    }
}
