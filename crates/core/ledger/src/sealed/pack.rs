//! Packing before sealing: sealed bytes cannot be made smaller later.
//!
//! LZ4 with a dictionary of what stands in most records. Both are part of the format: a dictionary is never changed, a
//! better one gets a number of its own.

use std::borrow::Cow;

/// Words of records, as they usually stand beside each other. Frozen.
const DICTIONARY_1: &[u8] = include_bytes!("dictionary-1.txt");
/// What is shorter is not packed, in bytes.
const PACKED_BYTES_MIN: usize = 64;

/// How the record stands in the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    None,
    /// An LZ4 block, with the dictionary.
    Lz4,
}

impl Packing {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
        }
    }

    pub(super) const fn of(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Packs a record, where that makes it shorter.
pub(super) fn pack(record: &[u8]) -> (Packing, Cow<'_, [u8]>) {
    if record.len() >= PACKED_BYTES_MIN {
        let packed = lz4_flex::block::compress_with_dict(record, DICTIONARY_1);
        if packed.len() < record.len() {
            return (Packing::Lz4, packed.into());
        }
    }
    (Packing::None, record.into())
}

/// Gives `record_bytes` bytes, or nothing. The caller has bounded them.
pub(super) fn unpack(packing: Packing, packed: Vec<u8>, record_bytes: usize) -> Option<Vec<u8>> {
    match packing {
        Packing::None => (packed.len() == record_bytes).then_some(packed),
        Packing::Lz4 => {
            let mut record = vec![0; record_bytes];
            let written = lz4_flex::block::decompress_into_with_dict(&packed, &mut record, DICTIONARY_1).ok()?;
            (written == record_bytes).then_some(record)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_dictionary_never_changes() {
        let hex: String = Sha256::digest(DICTIONARY_1).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "e6868ce127c4ed6fb23ba2988d23f6a416fe1a0a5466daedff7d728f7270d3f7");
    }

    #[test]
    fn what_does_not_get_shorter_stays() {
        assert_eq!(pack(b"{}"), (Packing::None, b"{}".as_slice().into()));
        let noise: Vec<u8> = (0_u32..5_000).flat_map(|n| Sha256::digest(n.to_be_bytes())).collect();
        assert_eq!(pack(&noise), (Packing::None, noise.as_slice().into()));
        assert_eq!(unpack(Packing::None, noise.clone(), noise.len()).as_ref(), Some(&noise));
    }

    #[test]
    fn what_is_packed_comes_back_or_nothing_does() {
        let record =
            br#"{"type":"outcome","decision":"01KDWPVSD00000000000000004","session":"s","status":"ok","bytes":7}"#;
        let (packing, packed) = pack(record);
        assert_eq!(packing, Packing::Lz4);
        assert!(packed.len() * 2 < record.len(), "{} of {} bytes", packed.len(), record.len());
        let packed = packed.into_owned();
        assert_eq!(unpack(packing, packed.clone(), record.len()).unwrap(), record);
        for wrong in [0, 1, record.len() - 1, record.len() + 1, 1 << 20] {
            assert_eq!(unpack(packing, packed.clone(), wrong), None, "{wrong}");
        }
        for end in 0..packed.len() {
            assert_eq!(unpack(packing, packed[..end].to_vec(), record.len()), None, "{end}");
        }
    }
}
