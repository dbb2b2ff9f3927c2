//! The list itself: entries of 1, 2, 4 or 8 bits, compressed (Token Status List, sections 4.1, 4.2).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sekisho_jose::b64u;
use serde_json::{Value, json};

use super::StatusError;

/// What an entry says (section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0.
    Valid,
    /// 1: for good.
    Invalid,
    /// 2: for now.
    Suspended,
    /// Any other value, whose meaning belongs to the application.
    Other(u8),
}

impl Status {
    /// The value of an entry.
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

/// A list of entries, all of the same number of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// A list of at least `entries` valid entries of `bits` bits.
    pub fn new(bits: u8, entries: u64) -> Result<Self, StatusError> {
        check_bits(bits.into())?;
        let bytes = entries.saturating_mul(bits.into()).div_ceil(8);
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= super::MAX_LIST_BYTES);
        let bytes = bytes.ok_or(StatusError::TooLarge(super::MAX_LIST_BYTES))?;
        Ok(Self { bits, bytes: vec![0; bytes] })
    }

    /// Bits of an entry.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// How many entries there are; whole bytes of them.
    pub fn entries(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_mul(self.per_byte())
    }

    fn per_byte(&self) -> u64 {
        u64::from(8 / self.bits.max(1))
    }

    fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits.clamp(1, 8))
    }

    /// The byte of an entry, and how far to shift it: the least significant bits come first.
    fn place(&self, index: u64) -> Result<(usize, u32), StatusError> {
        let entries = self.entries();
        let byte = usize::try_from(index / self.per_byte()).ok();
        let shift = u32::try_from(index % self.per_byte()).ok();
        match (byte, shift) {
            (Some(byte), Some(shift)) if index < entries => {
                Ok((byte, shift * u32::from(self.bits)))
            }
            _ => Err(StatusError::Index { index, entries }),
        }
    }

    /// What the entry at `index` says.
    pub fn status(&self, index: u64) -> Result<Status, StatusError> {
        let (byte, shift) = self.place(index)?;
        let byte = self.bytes.get(byte).copied().unwrap_or_default();
        Ok(Status::from((byte >> shift) & self.mask()))
    }

    /// Sets the entry at `index`.
    pub fn set(&mut self, index: u64, value: u8) -> Result<(), StatusError> {
        let mask = self.mask();
        if value & mask != value {
            return Err(StatusError::Value { value, bits: self.bits });
        }
        let (place, shift) = self.place(index)?;
        if let Some(byte) = self.bytes.get_mut(place) {
            *byte = (*byte & !(mask << shift)) | (value << shift);
        }
        Ok(())
    }

    /// `{"bits", "lst"}`, compressed as well as zlib can.
    pub fn to_value(&self) -> Result<Value, StatusError> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&self.bytes).map_err(|_| StatusError::Compression)?;
        let compressed = encoder.finish().map_err(|_| StatusError::Compression)?;
        Ok(json!({"bits": self.bits, "lst": b64u::encode(compressed)}))
    }

    /// Reads `{"bits", "lst"}`; a list of more than `max_bytes` is refused before it is there.
    pub fn from_value(value: &Value, max_bytes: usize) -> Result<Self, StatusError> {
        let bits = value.get("bits").and_then(Value::as_u64).ok_or(StatusError::List)?;
        let bits = check_bits(bits)?;
        let lst = value.get("lst").and_then(Value::as_str).ok_or(StatusError::List)?;
        let compressed = b64u::decode(lst).map_err(|_| StatusError::Compression)?;
        Ok(Self { bits, bytes: inflate(&compressed, max_bytes)? })
    }
}

fn check_bits(bits: u64) -> Result<u8, StatusError> {
    match u8::try_from(bits) {
        Ok(bits @ (1 | 2 | 4 | 8)) => Ok(bits),
        _ => Err(StatusError::Bits(bits)),
    }
}

/// Inflates one whole zlib stream of at most `max_bytes`, with nothing behind it.
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
