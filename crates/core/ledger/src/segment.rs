//! How payloads lie in the files of `records/`: a segment header, then frames, then zeros up to the preallocated end.
//!
//! All numbers are big-endian. A frame carries `pending`, the records before it that were written but not yet known to be
//! durable. That makes a torn tail and real damage two different things: a broken frame at index i is a torn tail, unless
//! a sound frame behind it says that i was durable when it was written.

use crate::{SALT_BYTES, Salt};
use thiserror::Error;

/// Bytes before the first frame: 16 of magic, the first index, a checksum, 4 zeros.
pub const SEGMENT_HEADER_BYTES: usize = 32;
/// Bytes before a payload: magic, checksum, length, pending (4 each), index (8), salt (16).
pub const FRAME_HEADER_BYTES: usize = 40;
/// Longest payload, in bytes. Larger things are recorded by digest.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// First bytes of a frame.
pub const FRAME_MAGIC: [u8; 4] = *b"hsR\x01";

const SEGMENT_MAGIC: [u8; 16] = *b"holdshort/seg/v1";
/// What segments of all versions begin with; the digit of the version follows.
const SEGMENT_KIND: &[u8] = b"holdshort/seg/v";
/// What frames of all versions begin with; the byte of the version follows.
const FRAME_KIND: &[u8] = b"hsR";

/// The beginning of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Index of the first record in the file.
    pub first_index: u64,
}

/// The beginning of a frame, all but the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Index of the record in the log.
    pub index: u64,
    /// Records before this one that were not known to be durable when it was written.
    pub pending: u32,
    /// Bytes of the payload.
    pub length: usize,
    /// The record's salt.
    pub salt: Salt,
    checksum: u32,
}

/// Why bytes are not a segment or a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The segment does not begin with our magic: another file, or another version.
    #[error("not a segment of this version: expected `holdshort/seg/v1` at its beginning")]
    Segment,
    /// A segment or a record that another version of the program wrote.
    #[error("written in format {0}, and this program knows 1: use the version of holdshort that wrote it")]
    Version(u8),
    /// The frame does not begin with our magic.
    #[error("no record begins here")]
    Magic,
    /// The length is above the limit.
    #[error("record of {0} bytes is longer than {PAYLOAD_BYTES_MAX}")]
    Length(usize),
    /// The record goes on behind the end of its file.
    #[error("record of {0} bytes goes on behind the end of the file: the file was cut, or its length is another one")]
    Cut(usize),
    /// The bytes are not those that were written.
    #[error("checksum does not match")]
    Checksum,
}

impl SegmentHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        let index = self.first_index.to_be_bytes();
        let checksum = crc32c::crc32c(&index).to_be_bytes();
        let parts = SEGMENT_MAGIC.into_iter().chain(index).chain(checksum);
        out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        out
    }

    /// Parses the header.
    ///
    /// # Errors
    /// [`FrameError::Segment`], [`FrameError::Version`] or [`FrameError::Checksum`].
    pub fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, FrameError> {
        let (magic, rest) = bytes.split_first_chunk::<16>().ok_or(FrameError::Segment)?;
        let (index, _) = rest.split_first_chunk::<8>().ok_or(FrameError::Segment)?;
        let header = Self { first_index: u64::from_be_bytes(*index) };
        if let Some([version @ b'2'..=b'9']) = magic.strip_prefix(SEGMENT_KIND) {
            return Err(FrameError::Version(version.saturating_sub(b'0')));
        }
        match (*magic == SEGMENT_MAGIC, header.encode() == *bytes) {
            (false, _) => Err(FrameError::Segment),
            (true, false) => Err(FrameError::Checksum),
            (true, true) => Ok(header),
        }
    }
}

impl FrameHeader {
    /// Parses a frame header; `None` for zeros, which is where the records end. The checksum also covers the payload:
    /// see [`FrameHeader::check`].
    ///
    /// # Errors
    /// [`FrameError::Magic`], [`FrameError::Version`] or [`FrameError::Length`].
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Result<Option<Self>, FrameError> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let [magic @ .., _, _, _, _] = first::<8>(bytes)?;
        if magic != FRAME_MAGIC {
            // A zero is no version: there a write that reached the disk in part broke off.
            return Err(match magic.strip_prefix(FRAME_KIND) {
                Some([version]) if *version > 1 => FrameError::Version(*version),
                _ => FrameError::Magic,
            });
        }
        let rest = bytes.split_at(4).1;
        let checksum = u32::from_be_bytes(first(rest)?);
        let rest = rest.split_at(4).1;
        let length = u32::from_be_bytes(first(rest)?);
        let rest = rest.split_at(4).1;
        let pending = u32::from_be_bytes(first(rest)?);
        let rest = rest.split_at(4).1;
        let index = u64::from_be_bytes(first(rest)?);
        let salt = first::<SALT_BYTES>(rest.split_at(8).1)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PAYLOAD_BYTES_MAX {
            return Err(FrameError::Length(length));
        }
        Ok(Some(Self { index, pending, length, salt, checksum }))
    }

    /// Checks that header and payload are those that were written.
    ///
    /// # Errors
    /// [`FrameError::Checksum`].
    pub fn check(&self, payload: &[u8]) -> Result<(), FrameError> {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let sound = payload.len() == self.length
            && checksum(length, self.pending, self.index, &self.salt, payload) == self.checksum;
        if sound { Ok(()) } else { Err(FrameError::Checksum) }
    }

    /// Records that were durable when this frame was written.
    #[must_use]
    pub fn durable_before(&self) -> u64 {
        self.index.saturating_sub(u64::from(self.pending))
    }
}

/// Appends a frame to `out`.
///
/// # Errors
/// [`FrameError::Length`] when the payload is longer than [`PAYLOAD_BYTES_MAX`].
pub fn encode_frame(
    out: &mut Vec<u8>,
    index: u64,
    pending: u32,
    salt: &Salt,
    payload: &[u8],
) -> Result<(), FrameError> {
    let too_long = FrameError::Length(payload.len());
    let length = u32::try_from(payload.len()).map_err(|_| too_long)?;
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(too_long);
    }
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&checksum(length, pending, index, salt, payload).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&pending.to_be_bytes());
    out.extend_from_slice(&index.to_be_bytes());
    out.extend_from_slice(salt);
    out.extend_from_slice(payload);
    Ok(())
}

/// CRC-32C over everything behind the checksum, in the order in which it is written.
fn checksum(length: u32, pending: u32, index: u64, salt: &Salt, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&length.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &pending.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &index.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, salt);
    crc32c::crc32c_append(crc, payload)
}

fn first<const N: usize>(bytes: &[u8]) -> Result<[u8; N], FrameError> {
    bytes.first_chunk::<N>().copied().ok_or(FrameError::Magic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Result<Option<(FrameHeader, &[u8])>, FrameError> {
        let (head, payload) = bytes.split_first_chunk().ok_or(FrameError::Magic)?;
        let Some(header) = FrameHeader::decode(head)? else { return Ok(None) };
        header.check(payload)?;
        Ok(Some((header, payload)))
    }

    #[test]
    fn zeros_are_the_end_and_not_a_frame() {
        assert_eq!(decode(&[0; FRAME_HEADER_BYTES]), Ok(None));
        let mut almost = [0; FRAME_HEADER_BYTES];
        almost[39] = 1;
        assert_eq!(decode(&almost), Err(FrameError::Magic));
    }

    #[test]
    fn lengths_are_bounded_on_both_ways() {
        let long = vec![0; PAYLOAD_BYTES_MAX + 1];
        let mut out = Vec::new();
        assert_eq!(encode_frame(&mut out, 0, 0, &[0; 16], &long), Err(FrameError::Length(PAYLOAD_BYTES_MAX + 1)));
        assert!(out.is_empty());
        encode_frame(&mut out, 0, 0, &[0; 16], b"").unwrap();
        out[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(decode(&out), Err(FrameError::Length(_))));
    }

    #[test]
    fn a_segment_of_another_version_is_named_as_such() {
        let header = SegmentHeader { first_index: 77 };
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        let mut other = header.encode();
        other[15] = b'2';
        assert_eq!(SegmentHeader::decode(&other), Err(FrameError::Version(2)));
        other[..16].copy_from_slice(b"something else..");
        assert_eq!(SegmentHeader::decode(&other), Err(FrameError::Segment));
        let mut frame = Vec::new();
        encode_frame(&mut frame, 7, 0, &[1; 16], b"payload").unwrap();
        for (version, expected) in
            [(0, FrameError::Magic), (2, FrameError::Version(2)), (255, FrameError::Version(255))]
        {
            frame[3] = version;
            assert_eq!(decode(&frame).err(), Some(expected));
        }
        let mut flipped = header.encode();
        flipped[20] ^= 1;
        assert_eq!(SegmentHeader::decode(&flipped), Err(FrameError::Checksum));
    }

    proptest! {
        #[test]
        fn a_frame_is_sound_exactly_when_no_bit_was_touched(
            index in any::<u64>(), pending in any::<u32>(), salt in any::<[u8; 16]>(),
            payload in prop::collection::vec(any::<u8>(), 0..200), bit in any::<usize>(),
        ) {
            let mut bytes = Vec::new();
            encode_frame(&mut bytes, index, pending, &salt, &payload).unwrap();
            let (header, found) = decode(&bytes).unwrap().unwrap();
            prop_assert_eq!((header.index, header.pending, header.salt, found), (index, pending, salt, &payload[..]));
            let at = bit % (8 * bytes.len());
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
