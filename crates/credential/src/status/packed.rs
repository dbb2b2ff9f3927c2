//! A list as it is kept: in blocks, each compressed. A list of sixteen mebibytes that says the same
//! of everybody takes some kibibytes, and a status is read by inflating one block.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use super::StatusError;
use super::list::{Status, entry_of, members, per_byte};

/// How many bytes of the list one block holds.
const BLOCK: usize = 16 * 1024;
/// What a block takes beside its bytes: pointer and length, and what the allocator adds.
const BESIDE: usize = 32;

/// A compressed list.
#[derive(Clone, Debug)]
pub(super) struct PackedList {
    bits: u8,
    length: usize,
    blocks: Arc<[Box<[u8]>]>,
    /// The block that was read last, since who reads one entry may read its neighbour.
    open: Arc<Mutex<Option<Open>>>,
}

/// An inflated block, and its number.
type Open = (usize, Vec<u8>);

impl PackedList {
    /// Reads `{"bits", "lst"}`. A list that would inflate to more than `max_bytes` is refused before
    /// it is inflated completely. No more than one block is ever inflated at once.
    pub(super) fn from_value(value: &Value, max_bytes: usize) -> Result<Self, StatusError> {
        let (bits, compressed) = members(value)?;
        let mut decoder = ZlibDecoder::new(compressed.as_slice());
        let (mut blocks, mut length) = (Vec::new(), 0_usize);
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            let most = u64::try_from(BLOCK).unwrap_or(u64::MAX);
            let read = decoder.by_ref().take(most).read_to_end(&mut block);
            length = length.saturating_add(read.map_err(|_| StatusError::Compression)?);
            if length > max_bytes {
                return Err(StatusError::TooLarge(max_bytes));
            }
            if block.is_empty() {
                break;
            }
            blocks.push(pack(&block)?);
        }
        if usize::try_from(decoder.total_in()).ok() != Some(compressed.len()) {
            return Err(StatusError::Compression);
        }
        Ok(Self { bits, length, blocks: blocks.into(), open: Arc::default() })
    }

    /// Returns the number of entries, which fill whole bytes.
    pub(super) fn entries(&self) -> u64 {
        u64::try_from(self.length).unwrap_or(u64::MAX).saturating_mul(per_byte(self.bits))
    }

    /// Returns the number of bytes that the list takes in memory, its open block included.
    pub(super) fn size(&self) -> usize {
        let packed: usize = self.blocks.iter().map(|block| block.len() + BESIDE).sum();
        packed + BLOCK
    }

    /// Returns the meaning of the entry at `index`.
    pub(super) fn status(&self, index: u64) -> Result<Status, StatusError> {
        let entries = self.entries();
        let absent = StatusError::Index { index, entries };
        if index >= entries {
            return Err(absent);
        }
        let Ok(byte) = usize::try_from(index / per_byte(self.bits)) else { return Err(absent) };
        let byte = self.byte(byte)?;
        Ok(Status::from(entry_of(byte, self.bits, index)))
    }

    fn byte(&self, at: usize) -> Result<u8, StatusError> {
        let (number, place) = (at / BLOCK, at % BLOCK);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let block = match open.take() {
            Some((last, block)) if last == number => block,
            _ => unpack(self.blocks.get(number).ok_or(StatusError::Compression)?)?,
        };
        let byte = block.get(place).copied();
        *open = Some((number, block));
        byte.ok_or(StatusError::Compression)
    }
}

fn pack(block: &[u8]) -> Result<Box<[u8]>, StatusError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(block).map_err(|_| StatusError::Compression)?;
    let packed = encoder.finish().map_err(|_| StatusError::Compression)?;
    Ok(packed.into_boxed_slice())
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, StatusError> {
    let mut block = Vec::with_capacity(BLOCK);
    let read = ZlibDecoder::new(packed).read_to_end(&mut block);
    read.map_err(|_| StatusError::Compression)?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::super::StatusList;
    use super::*;

    /// A list is the same however it is kept, at the borders of its blocks too.
    #[test]
    fn a_packed_list_says_the_same() {
        for bits in [1_u8, 2, 4, 8] {
            let per = per_byte(bits);
            let entries = per * u64::try_from(2 * BLOCK + 3).unwrap();
            let mut list = StatusList::new(bits, entries).unwrap();
            let block = per * u64::try_from(BLOCK).unwrap();
            let set = [0, 1, per, block - 1, block, 2 * block - 1, 2 * block, entries - 1];
            for index in set {
                list.set(index, 1).unwrap();
            }
            let packed = PackedList::from_value(&list.to_value().unwrap(), 3 * BLOCK).unwrap();
            assert_eq!(packed.entries(), entries);
            for index in set.into_iter().flat_map(|index| [index, index.saturating_sub(1)]) {
                assert_eq!(packed.status(index).unwrap(), list.status(index).unwrap(), "{index}");
            }
            assert!(matches!(packed.status(entries), Err(StatusError::Index { .. })));
            assert!(packed.size() < 2 * BLOCK, "{} bytes", packed.size());
            let short = PackedList::from_value(&list.to_value().unwrap(), 2 * BLOCK);
            assert!(matches!(short, Err(StatusError::TooLarge(_))));
        }
    }

    #[test]
    fn what_stands_behind_the_stream_is_refused() {
        let mut value = StatusList::new(1, 64).unwrap().to_value().unwrap();
        let mut bytes = sekisho_jose::b64u::decode(value["lst"].as_str().unwrap()).unwrap();
        bytes.push(0);
        value["lst"] = sekisho_jose::b64u::encode(&bytes).into();
        assert!(matches!(PackedList::from_value(&value, BLOCK), Err(StatusError::Compression)));
        bytes.truncate(bytes.len() - 3);
        value["lst"] = sekisho_jose::b64u::encode(&bytes).into();
        assert!(matches!(PackedList::from_value(&value, BLOCK), Err(StatusError::Compression)));
    }
}
