//! A set of records within one block, as it is stored with a word.

use super::key::Key;

/// Records of a block.
pub(super) const BLOCK: u64 = 4_096;
/// Up to so many are stored as a list, two bytes each; more of them as bits.
const LIST_MAX: usize = 128;
const BITS_BYTES: usize = 512;
const CHECK_BYTES: usize = 4;

/// The block of a record.
pub(super) const fn block_of(index: u64) -> u64 {
    index / BLOCK
}

/// The place of a record in its block.
pub(super) fn place_of(index: u64) -> u16 {
    u16::try_from(index % BLOCK).unwrap_or_default()
}

/// The record at a place of a block.
pub(super) fn record_of(block: u64, place: u16) -> u64 {
    block.saturating_mul(BLOCK).saturating_add(place.into())
}

/// Places in a block, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places([u8; BITS_BYTES]);

impl Default for Places {
    fn default() -> Self {
        Self([0; BITS_BYTES])
    }
}

impl Places {
    /// The first `count` places.
    pub(super) fn first(count: u64) -> Self {
        let mut places = Self::default();
        (0..count.min(BLOCK)).for_each(|index| places.insert(place_of(index)));
        places
    }

    pub(super) fn insert(&mut self, place: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(place / 8)) {
            *byte |= 1 << (place % 8);
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, place: u16) -> bool {
        let Some(byte) = self.0.get_mut(usize::from(place / 8)) else { return false };
        let bit = 1 << (place % 8);
        let was = *byte & bit != 0;
        *byte &= !bit;
        was
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, more)| *byte |= more);
    }

    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, only)| *byte &= only);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// The places, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let bytes = self.0.iter().enumerate().filter(|(_, byte)| **byte != 0);
        bytes.flat_map(|(at, byte)| {
            let base = u16::try_from(at.saturating_mul(8)).unwrap_or_default();
            (0..8u16).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| base.saturating_add(bit))
        })
    }

    /// As stored: a checksum, then the list or the bits.
    pub(super) fn encode(&self, key: Key, word: i64, block: u64) -> Vec<u8> {
        let count: u32 = self.0.iter().map(|byte| byte.count_ones()).sum();
        let body: Vec<u8> = match usize::try_from(count) {
            Ok(count) if count <= LIST_MAX => self.iter().flat_map(u16::to_be_bytes).collect(),
            _ => self.0.to_vec(),
        };
        let mut bytes = key.check(word, block, &body).to_vec();
        bytes.extend(body);
        bytes
    }

    /// None when the bytes are not what was stored.
    pub(super) fn decode(key: Key, word: i64, block: u64, bytes: &[u8]) -> Option<Self> {
        let (check, body) = bytes.split_at_checked(CHECK_BYTES)?;
        if check != key.check(word, block, body) {
            return None;
        }
        if let Ok(bits) = body.try_into() {
            return Some(Self(bits));
        }
        let mut places = Self::default();
        for pair in body.chunks_exact(2) {
            let place = u16::from_be_bytes(pair.try_into().ok()?);
            places.insert(place);
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_bits_are_read_back_and_changed_ones_are_not() {
        let key = Key::new([3; 16]);
        for step in [1u16, 2, 31, 32, 33, 4_000] {
            let mut places = Places::default();
            (0..4_096).step_by(usize::from(step)).for_each(|place| places.insert(place));
            let bytes = places.encode(key, 5, 6);
            assert!(bytes.len() <= CHECK_BYTES + BITS_BYTES);
            assert_eq!(Places::decode(key, 5, 6, &bytes), Some(places.clone()));
            assert_eq!(places.iter().count(), 4_096usize.div_ceil(usize::from(step)));
            for (word, block) in [(4, 6), (5, 7)] {
                assert_eq!(Places::decode(key, word, block, &bytes), None, "a row of another place");
            }
            for at in [0, 3, 4, bytes.len() - 1] {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(Places::decode(key, 5, 6, &other), None);
            }
            assert_eq!(Places::decode(key, 5, 6, &bytes[..bytes.len() - 2]), None);
        }
        assert_eq!(Places::decode(key, 5, 6, &[]), None);
    }

    #[test]
    fn removing_tells_whether_it_was_there() {
        let mut places = Places::first(3);
        assert_eq!(places.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(places.remove(1) && !places.remove(1) && !places.remove(9_999));
        places.insert(9_999);
        assert_eq!(places.iter().collect::<Vec<_>>(), [0, 2]);
    }
}
