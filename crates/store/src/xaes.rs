//! XAES-256-GCM (C2SP, XAES-256-GCM.md). It derives a key for AES-256-GCM from each nonce by
//! AES-CMAC. Nonces have 192 bits, so they can be random and need no counter.
//!
//! Invariant: no function here draws a nonce. The caller passes one in, and it must be random.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cmac;
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 24;

/// A key of XAES-256-GCM.
pub(crate) struct Key(cmac::Key);

impl Key {
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, Unspecified> {
        Ok(Self(cmac::Key::new(cmac::AES_256, bytes)?))
    }

    /// Encrypts, and returns the ciphertext followed by its tag of 16 bytes.
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

    /// Decrypts. Fails if nonce, associated data or ciphertext are not those that were sealed.
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

    /// Derives the key and the 96-bit nonce for AES-256-GCM. The key is the CMAC of two blocks,
    /// each of a counter, `X` and the first half of the nonce. The second half of the nonce is the
    /// nonce of AES-256-GCM.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::hex;

    const WITH: &[u8; NONCE] = b"ABCDEFGHIJKLMNOPQRSTUVWX";

    #[test]
    fn the_published_vectors_hold() {
        let vectors: [(u8, &[u8], &str); 2] = [
            (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (
                3,
                b"c2sp.org/XAES-256-GCM",
                "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
            ),
        ];
        for (byte, aad, expected) in vectors {
            let key = Key::new(&[byte; 32]).unwrap();
            let sealed = key.seal(WITH, aad, b"XAES-256-GCM").unwrap();
            assert_eq!(hex(&sealed), expected);
            assert_eq!(key.open(WITH, aad, &sealed).unwrap().as_slice(), b"XAES-256-GCM");
        }
    }

    /// The accumulated vector of the specification: keys, nonces, texts and associated data are
    /// drawn from one SHAKE128, and all ciphertexts go into another.
    #[test]
    fn the_accumulated_vector_holds() {
        let (mut source, mut digest) = (Shake128::default(), Shake128::default());
        for _ in 0..10_000 {
            let key: [u8; 32] = source.read(32).try_into().unwrap();
            let nonce: [u8; NONCE] = source.read(NONCE).try_into().unwrap();
            let length = source.read(1)[0];
            let plaintext = source.read(length.into());
            let length = source.read(1)[0];
            let aad = source.read(length.into());
            let sealed = Key::new(&key).unwrap().seal(&nonce, &aad, &plaintext).unwrap();
            digest.write(&sealed);
        }
        assert_eq!(
            hex(&digest.read(32)),
            "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
        );
    }

    #[test]
    fn another_nonce_or_other_data_do_not_open() {
        let key = Key::new(&[1; 32]).unwrap();
        let sealed = key.seal(WITH, b"a", b"text").unwrap();
        for at in [0, 11, 12, 23] {
            let mut nonce = *WITH;
            nonce[at] ^= 1;
            assert!(key.open(&nonce, b"a", &sealed).is_err());
        }
        assert!(key.open(WITH, b"b", &sealed).is_err());
        assert!(key.open(WITH, b"a", &[]).is_err());
    }

    /// SHAKE128 (FIPS 202), for the accumulated vector only.
    #[derive(Default)]
    struct Shake128 {
        lanes: [u64; 25],
        at: usize,
        squeezing: bool,
    }

    impl Shake128 {
        const RATE: usize = 168;

        fn xor(&mut self, at: usize, byte: u8) {
            self.lanes[at / 8] ^= u64::from(byte) << (at % 8 * 8);
        }

        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.xor(self.at, *byte);
                self.at += 1;
                if self.at == Self::RATE {
                    permute(&mut self.lanes);
                    self.at = 0;
                }
            }
        }

        fn read(&mut self, count: usize) -> Vec<u8> {
            if !self.squeezing {
                self.xor(self.at, 0x1f);
                self.xor(Self::RATE - 1, 0x80);
                self.at = Self::RATE;
                self.squeezing = true;
            }
            let next = |_| {
                if self.at == Self::RATE {
                    permute(&mut self.lanes);
                    self.at = 0;
                }
                self.at += 1;
                self.lanes[(self.at - 1) / 8].to_le_bytes()[(self.at - 1) % 8]
            };
            (0..count).map(next).collect()
        }
    }

    /// Keccak-f[1600].
    fn permute(a: &mut [u64; 25]) {
        let mut lfsr = 1_u8;
        for _ in 0..24 {
            let c: [u64; 5] = std::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ a[x + 5 * y]));
            for x in 0..5 {
                let d = c[(x + 4) % 5] ^ c[(x + 1) % 5].rotate_left(1);
                (0..5).for_each(|y| a[x + 5 * y] ^= d);
            }
            let (mut x, mut y, mut lane) = (1, 0, a[1]);
            for t in 0..24 {
                (x, y) = (y, (2 * x + 3 * y) % 5);
                let turned = lane.rotate_left((t + 1) * (t + 2) / 2 % 64);
                lane = std::mem::replace(&mut a[x + 5 * y], turned);
            }
            for y in 0..5 {
                let row: [u64; 5] = std::array::from_fn(|x| a[x + 5 * y]);
                (0..5).for_each(|x| a[x + 5 * y] ^= !row[(x + 1) % 5] & row[(x + 2) % 5]);
            }
            for j in 0..7 {
                if lfsr & 1 == 1 {
                    a[0] ^= 1 << ((1 << j) - 1);
                }
                lfsr = lfsr << 1 ^ if lfsr & 0x80 == 0 { 0 } else { 0x71 };
            }
        }
    }
}
