//! Tables, and the stored form of their keys.
//!
//! Invariant: two keys never have the same stored form, and stored forms sort as the keys do. In a
//! key of several parts, the end of each part but the last can be told from its bytes. So all keys
//! with the same first part form one range, and no other key lies in that range.

use std::ops::Bound;

use sekisho_ambient::HandleKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A typed table: its name, and the types of its keys and values.
pub trait Table {
    /// The table's name in the file, with the version of its rows: `codes_1`. Names that contain a
    /// dot are reserved for the store itself.
    const NAME: &'static str;
    /// The type of its keys. A key never holds personal data in clear, only a keyed digest of it.
    type Key: TableKey;
    /// The type of its rows' values, which are stored as JSON.
    type Value: Serialize + DeserializeOwned;
}

/// Declares a table: its visibility and type, its name in the file, its key and its value.
#[macro_export]
macro_rules! table {
    ($(#[$doc:meta])* $vis:vis $table:ident = $name:literal: $key:ty => $value:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $table;

        impl $crate::Table for $table {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
        }
    };
}

/// A key of a table. Its stored form sorts as the keys do.
pub trait TableKey: Sized {
    /// Writes the stored form.
    fn to_bytes(&self) -> Vec<u8>;
    /// Reads what [`TableKey::to_bytes`] wrote; `None` for other bytes.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A part of a key that is followed by other parts. The end of its stored form can be told from its
/// bytes.
pub trait KeyPart: Sized {
    /// The borrowed form of the part, such as `str` for `String`.
    type Borrowed: ?Sized;
    /// Borrows the part.
    fn borrow(&self) -> &Self::Borrowed;
    /// Appends the stored form of `part` to `out`.
    fn write(part: &Self::Borrowed, out: &mut Vec<u8>);
    /// Reads the part from the beginning of `bytes` and returns it with the rest; `None` for bytes
    /// in another form.
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])>;
}

/// A key whose rows can be listed by the beginning of the key.
pub trait PrefixKey: TableKey {
    /// The beginning: the first part of the key, or the first characters of a text.
    type First: ?Sized;
    /// Returns the bytes with which the stored forms of these keys begin, and those of no other
    /// key.
    fn prefix(first: &Self::First) -> Vec<u8>;
}

impl TableKey for HandleKey {
    fn to_bytes(&self) -> Vec<u8> {
        HandleKey::to_bytes(self).to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        HandleKey::from_bytes(bytes)
    }
}

impl TableKey for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

/// Lists all texts that begin with a given text.
impl PrefixKey for String {
    type First = str;

    fn prefix(first: &str) -> Vec<u8> {
        first.as_bytes().to_vec()
    }
}

impl<const N: usize> TableKey for [u8; N] {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl TableKey for u64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl<A: KeyPart, B: TableKey> TableKey for (A, B) {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        A::write(self.0.borrow(), &mut out);
        out.extend_from_slice(&self.1.to_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = A::split(bytes)?;
        Some((first, B::from_bytes(rest)?))
    }
}

/// Lists all keys with the same first part.
impl<A: KeyPart, B: TableKey> PrefixKey for (A, B) {
    type First = A::Borrowed;

    fn prefix(first: &A::Borrowed) -> Vec<u8> {
        let mut out = Vec::new();
        A::write(first, &mut out);
        out
    }
}

/// The mark at the end of a text that other parts follow. It sorts below every escaped byte.
const END: [u8; 2] = [0, 1];
/// The stored form of a zero byte inside a text.
const ZERO: [u8; 2] = [0, 255];

impl KeyPart for String {
    type Borrowed = str;

    fn borrow(&self) -> &str {
        self
    }

    fn write(part: &str, out: &mut Vec<u8>) {
        for byte in part.bytes() {
            if byte == 0 {
                out.extend_from_slice(&ZERO);
            } else {
                out.push(byte);
            }
        }
        out.extend_from_slice(&END);
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut text = Vec::new();
        let mut rest = bytes;
        loop {
            rest = match rest {
                [0, 1, rest @ ..] => return Some((String::from_utf8(text).ok()?, rest)),
                [0, 255, rest @ ..] => {
                    text.push(0);
                    rest
                }
                [0, ..] | [] => return None,
                [byte, rest @ ..] => {
                    text.push(*byte);
                    rest
                }
            };
        }
    }
}

impl<const N: usize> KeyPart for [u8; N] {
    type Borrowed = Self;

    fn borrow(&self) -> &Self {
        self
    }

    fn write(part: &Self, out: &mut Vec<u8>) {
        out.extend_from_slice(part);
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (part, rest) = bytes.split_first_chunk()?;
        Some((*part, rest))
    }
}

impl KeyPart for u64 {
    type Borrowed = Self;

    fn borrow(&self) -> &Self {
        self
    }

    fn write(part: &Self, out: &mut Vec<u8>) {
        out.extend_from_slice(&part.to_be_bytes());
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (part, rest) = bytes.split_first_chunk()?;
        Some((Self::from_be_bytes(*part), rest))
    }
}

impl KeyPart for HandleKey {
    type Borrowed = Self;

    fn borrow(&self) -> &Self {
        self
    }

    fn write(part: &Self, out: &mut Vec<u8>) {
        out.extend_from_slice(&HandleKey::to_bytes(part));
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (part, rest) = bytes.split_first_chunk::<40>()?;
        Some((HandleKey::from_bytes(part)?, rest))
    }
}

/// Returns the end of the range of all keys that begin with `prefix`.
pub(crate) fn prefix_end(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_ambient::{Entropy, Handle, Timestamp};

    use super::*;

    fn inside<K: PrefixKey>(key: &K, first: &K::First) -> bool {
        let (bytes, prefix) = (key.to_bytes(), K::prefix(first));
        let below_end = match prefix_end(&prefix) {
            Bound::Excluded(end) => bytes < end,
            Bound::Included(_) | Bound::Unbounded => true,
        };
        assert_eq!(bytes >= prefix && below_end, bytes.starts_with(&prefix));
        bytes.starts_with(&prefix)
    }

    proptest! {
        #[test]
        fn keys_come_back_and_sort_as_they_do(
            a in ("[\0\u{1}ab\u{ff}]{0,4}", any::<u64>()), b in ("[\0\u{1}ab\u{ff}]{0,4}", any::<u64>()),
        ) {
            prop_assert_eq!(<(String, u64)>::from_bytes(&a.to_bytes()), Some(a.clone()));
            prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
            prop_assert_eq!(inside(&a, &b.0), a.0 == b.0);
        }

        #[test]
        fn keys_of_two_texts_come_back_and_sort_as_they_do(
            a in ("[\0\u{1}ab]{0,4}", "[\0\u{1}ab]{0,4}"), b in ("[\0\u{1}ab]{0,4}", "[\0\u{1}ab]{0,4}"),
        ) {
            prop_assert_eq!(<(String, String)>::from_bytes(&a.to_bytes()), Some(a.clone()));
            prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
            prop_assert_eq!(inside(&a, &b.0), a.0 == b.0);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let _ = <(String, u64)>::from_bytes(&bytes);
            let _ = <(HandleKey, String)>::from_bytes(&bytes);
            let _ = <([u8; 32], u64)>::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_handles_rows_sort_by_expiry() {
        let entropy = Entropy::seeded(1);
        let key = |seconds| Handle::new(Timestamp::from_unix(seconds), &entropy).key();
        let (early, late) = (key(255), key(256));
        assert!(TableKey::to_bytes(&early) < TableKey::to_bytes(&late));
        let pair = (early, "x".to_owned());
        assert_eq!(<(HandleKey, String)>::from_bytes(&pair.to_bytes()), Some(pair));
    }

    #[test]
    fn a_prefix_of_the_highest_bytes_has_no_end() {
        assert_eq!(prefix_end(&[255, 255]), Bound::Unbounded);
        assert_eq!(prefix_end(&[1, 255]), Bound::Excluded(vec![2]));
        assert_eq!(prefix_end(&[]), Bound::Unbounded);
    }
}
