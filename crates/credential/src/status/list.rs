//! The list: entries of 1, 2, 4 or 8 bits, compressed (Token Status List, sections 4.1, 4.2).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sekisho_jose::b64u;
use serde_json::{Value, json};

use super::StatusError;

/// The meaning of an entry (section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: the credential is valid.
    Valid,
    /// 1: the credential is revoked permanently.
    Invalid,
    /// 2: the credential is suspended and may become valid again.
    Suspended,
    /// Any other value. The application defines its meaning.
    Other(u8),
}

impl Status {
    /// Returns the value of an entry with this meaning.
    pub const fn value(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Other(value) => value,
        }
    }
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

/// A list of entries. All have the same number of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// Makes a list of at least `entries` entries of `bits` bits, all valid.
    pub fn new(bits: u8, entries: u64) -> Result<Self, StatusError> {
        check_bits(bits.into())?;
        let bytes = entries.saturating_mul(bits.into()).div_ceil(8);
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= super::MAX_LIST_BYTES);
        let bytes = bytes.ok_or(StatusError::TooLarge(super::MAX_LIST_BYTES))?;
        Ok(Self { bits, bytes: vec![0; bytes] })
    }

    /// Returns the number of bits of an entry.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Returns the number of entries, which fill whole bytes.
    pub fn entries(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_mul(per_byte(self.bits))
    }

    /// Returns the byte that contains an entry, and its shift in bits: the first entry is in the
    /// least significant bits.
    fn place(&self, index: u64) -> Result<(usize, u32), StatusError> {
        let entries = self.entries();
        let byte = usize::try_from(index / per_byte(self.bits)).ok();
        let shift = u32::try_from(index % per_byte(self.bits)).ok();
        match (byte, shift) {
            (Some(byte), Some(shift)) if index < entries => {
                Ok((byte, shift * u32::from(self.bits)))
            }
            _ => Err(StatusError::Index { index, entries }),
        }
    }

    /// Returns the meaning of the entry at `index`.
    pub fn status(&self, index: u64) -> Result<Status, StatusError> {
        let (byte, _) = self.place(index)?;
        let byte = self.bytes.get(byte).copied().unwrap_or_default();
        Ok(Status::from(entry_of(byte, self.bits, index)))
    }

    /// Sets the entry at `index` to `value`.
    pub fn set(&mut self, index: u64, value: u8) -> Result<(), StatusError> {
        let mask = mask(self.bits);
        if value & mask != value {
            return Err(StatusError::Value { value, bits: self.bits });
        }
        let (place, shift) = self.place(index)?;
        if let Some(byte) = self.bytes.get_mut(place) {
            *byte = (*byte & !(mask << shift)) | (value << shift);
        }
        Ok(())
    }

    /// Writes `{"bits", "lst"}` with zlib's best compression.
    pub fn to_value(&self) -> Result<Value, StatusError> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&self.bytes).map_err(|_| StatusError::Compression)?;
        let compressed = encoder.finish().map_err(|_| StatusError::Compression)?;
        Ok(json!({"bits": self.bits, "lst": b64u::encode(compressed)}))
    }

    /// Reads `{"bits", "lst"}`. A list that would inflate to more than `max_bytes` is refused
    /// before it is inflated completely.
    pub fn from_value(value: &Value, max_bytes: usize) -> Result<Self, StatusError> {
        let (bits, compressed) = members(value)?;
        Ok(Self { bits, bytes: inflate(&compressed, max_bytes)? })
    }
}

/// Reads `bits` and `lst`, which is not inflated yet.
pub(super) fn members(value: &Value) -> Result<(u8, Vec<u8>), StatusError> {
    let bits = value.get("bits").and_then(Value::as_u64).ok_or(StatusError::List)?;
    let bits = check_bits(bits)?;
    let lst = value.get("lst").and_then(Value::as_str).ok_or(StatusError::List)?;
    let compressed = b64u::decode(lst).map_err(|_| StatusError::Compression)?;
    Ok((bits, compressed))
}

/// How many entries of `bits` bits a byte holds.
pub(super) fn per_byte(bits: u8) -> u64 {
    u64::from(8 / bits.clamp(1, 8))
}

/// The entry at `index`, which stands in `byte`: the first one is in the least significant bits.
pub(super) fn entry_of(byte: u8, bits: u8, index: u64) -> u8 {
    let shift = u32::try_from(index % per_byte(bits)).unwrap_or_default() * u32::from(bits);
    byte.checked_shr(shift).unwrap_or_default() & mask(bits)
}

fn mask(bits: u8) -> u8 {
    u8::MAX >> (8 - bits.clamp(1, 8))
}

fn check_bits(bits: u64) -> Result<u8, StatusError> {
    match u8::try_from(bits) {
        Ok(bits @ (1 | 2 | 4 | 8)) => Ok(bits),
        _ => Err(StatusError::Bits(bits)),
    }
}

/// Inflates one complete zlib stream of at most `max_bytes`. Refuses bytes after its end.
fn inflate(compressed: &[u8], max_bytes: usize) -> Result<Vec<u8>, StatusError> {
    let one_more = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoder = ZlibDecoder::new(compressed);
    let mut out = Vec::new();
    decoder.by_ref().take(one_more).read_to_end(&mut out).map_err(|_| StatusError::Compression)?;
    if out.len() > max_bytes {
        return Err(StatusError::TooLarge(max_bytes));
    }
    let used = usize::try_from(decoder.total_in()).ok();
    if used == Some(compressed.len()) { Ok(out) } else { Err(StatusError::Compression) }
}
