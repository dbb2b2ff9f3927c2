//! Handles that nobody can guess, and the keys of their rows. A handle begins with its expiry.
//!
//! Invariant: the text of a handle is never stored. The key of its row is the expiry followed by
//! the digest of the text. Because keys begin with the expiry, new rows are written side by side,
//! and expired rows form one range that a sweep can delete.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{Entropy, Secret, Timestamp, sha256};

/// The bytes of a handle: expiry (8) and randomness (24, which is 192 bits).
const LENGTH: usize = 32;
/// The random bytes among them.
const SECRET: usize = 24;

/// A secret that its holder presents to us, such as a code, a token, a session or a link.
#[derive(Clone)]
pub struct Handle {
    text: Secret<String>,
    key: HandleKey,
}

impl Handle {
    /// Makes a fresh handle that expires at `expires`.
    pub fn new(expires: Timestamp, entropy: &Entropy) -> Self {
        let mut bytes = [0; LENGTH];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&expires.to_sortable());
        entropy.fill(tail);
        Self::from_text(URL_SAFE_NO_PAD.encode(bytes), expires)
    }

    /// Makes the handle of these secret bytes, which the caller derived. The same bytes and expiry
    /// give the same handle.
    pub fn derived(expires: Timestamp, secret: &[u8; SECRET]) -> Self {
        let mut bytes = [0; LENGTH];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&expires.to_sortable());
        tail.copy_from_slice(secret);
        Self::from_text(URL_SAFE_NO_PAD.encode(bytes), expires)
    }

    /// Reads the bytes of a handle; `None` if their number is not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; LENGTH]>::try_from(bytes).ok()?;
        let (expiry, _) = bytes.split_first_chunk::<8>()?;
        Some(Self::from_text(URL_SAFE_NO_PAD.encode(bytes), Timestamp::from_sortable(*expiry)))
    }

    /// Returns the bytes of the handle: its expiry, then 24 random bytes.
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        // The text was made from as many bytes, or was decoded to as many.
        let _ = URL_SAFE_NO_PAD.decode_slice(self.text.expose(), &mut bytes);
        bytes
    }

    /// Reads a handle that a client presents; `None` if the text does not have the form of a
    /// handle. The caller looks in the table to find out whether it was ever issued.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
        let (expiry, _) = bytes.split_first_chunk::<8>()?;
        Some(Self::from_text(text.to_owned(), Timestamp::from_sortable(*expiry)))
    }

    fn from_text(text: String, expires: Timestamp) -> Self {
        let key = HandleKey { expires, digest: sha256(text.as_bytes()) };
        Self { text: Secret::new(text), key }
    }

    /// Returns the text that the holder is given: 43 base64url characters.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Returns the key of the handle's row.
    pub fn key(&self) -> HandleKey {
        self.key
    }
}

/// The key of a handle's row: its expiry, then the SHA-256 of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HandleKey {
    expires: Timestamp,
    digest: [u8; 32],
}

impl HandleKey {
    /// Returns the place before all keys that expire at `expires` or later.
    pub fn first_of(expires: Timestamp) -> Self {
        Self { expires, digest: [0; 32] }
    }

    /// Returns the time at which the handle expires.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Writes the key as bytes that sort by expiry.
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&self.expires.to_sortable());
        tail.copy_from_slice(&self.digest);
        bytes
    }

    /// The key that [`HandleKey::to_bytes`] wrote; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, tail) = bytes.split_first_chunk::<8>()?;
        Some(Self { expires: Timestamp::from_sortable(*head), digest: tail.try_into().ok()? })
    }

    /// A name for logs and links of the audit trail: 16 hexadecimal digits of the digest, which
    /// give nothing of the handle away.
    pub fn reference(&self) -> String {
        use std::fmt::Write as _;
        self.digest.iter().take(8).fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_found_again_by_its_text() {
        let handle = Handle::new(Timestamp::from_unix(1000), &Entropy::seeded(1));
        let again = Handle::parse(handle.expose()).unwrap();
        assert_eq!(again.key(), handle.key());
        assert_eq!(again.key().expires(), Timestamp::from_unix(1000));
        assert_eq!(HandleKey::from_bytes(&handle.key().to_bytes()), Some(handle.key()));
    }

    #[test]
    fn the_bytes_of_a_handle_make_it_again() {
        let handle = Handle::new(Timestamp::from_unix(1000), &Entropy::seeded(1));
        assert_eq!(Handle::from_bytes(&handle.to_bytes()).unwrap().key(), handle.key());
        let derived = Handle::derived(Timestamp::from_unix(9), &[7; 24]);
        assert_eq!(Handle::parse(derived.expose()).unwrap().key(), derived.key());
        assert!(Handle::from_bytes(&[0; 31]).is_none());
    }

    #[test]
    fn other_text_is_no_handle() {
        for text in ["", "abc", "=", &"A".repeat(42), &"A".repeat(44)] {
            assert!(Handle::parse(text).is_none(), "{text}");
        }
    }
}
