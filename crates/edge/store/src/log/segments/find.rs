//! Finding a frame in a segment: a record by its index, and what stands behind a broken one.

use super::{Scan, header_bytes};
use crate::log::error::{Damage, Wrong};
use holdshort_ledger::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, PAYLOAD_BYTES_MAX};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read at once behind a broken frame.
const TAIL_BYTES: usize = 256 << 10;
/// Places behind a broken frame that are looked at as possible frames. More is an attempt to keep us busy.
const CANDIDATES_MAX: usize = 100_000;
/// Bytes below which a record is looked for frame by frame, not by halves.
const HALVES_BYTES_MIN: u64 = 64 << 10;
/// Bytes read at once in the search for a frame.
const HALVES_CHUNK_BYTES: usize = 8 << 10;

impl Scan {
    /// Goes to the record with this index, by halves. A payload may hold bytes that look like a frame and lead astray: `false`
    /// says that the record was not found this way, `true` that a sound frame with this index stands here.
    pub(crate) fn seek_record(&mut self, index: u64) -> Result<bool, Damage> {
        let (mut low, mut high) = (header_bytes(), self.length);
        while high.saturating_sub(low) > HALVES_BYTES_MIN {
            let middle = low.saturating_add(high.saturating_sub(low) / 2);
            match self.next_frame(middle, high).map_err(|error| self.unreadable(&error))? {
                Some((place, header)) if header.index <= index => low = place,
                _ => high = middle,
            }
        }
        self.seek(low)?;
        loop {
            let offset = self.offset;
            match self.skip()? {
                Some(header) if header.index < index => {}
                Some(header) => {
                    self.seek(offset)?;
                    return Ok(header.index == index);
                }
                None => return Ok(false),
            }
        }
    }

    /// The first sound frame that begins at `from` or behind it, before `to`.
    fn next_frame(&self, from: u64, to: u64) -> io::Result<Option<(u64, FrameHeader)>> {
        let file = self.reader.get_ref();
        let mut chunk = vec![0; HALVES_CHUNK_BYTES];
        let mut at = from;
        let mut candidates = 0usize;
        while at < to {
            let count = read_up_to(file, &mut chunk, at)?;
            let bytes = chunk.get(..count).unwrap_or_default();
            // Zeros are the unwritten end of the segment; a payload has no such run unless somebody wants us to look further.
            if bytes.iter().all(|byte| *byte == 0) || candidates > CANDIDATES_MAX {
                return Ok(None);
            }
            for (start, _) in bytes.windows(4).enumerate().filter(|(_, window)| *window == FRAME_MAGIC) {
                candidates = candidates.saturating_add(1);
                let place = at.saturating_add(u64::try_from(start).unwrap_or(u64::MAX));
                if let Some(header) = sound_at(file, place)?.filter(|_| place < to) {
                    return Ok(Some((place, header)));
                }
            }
            at = at.saturating_add(u64::try_from(count.saturating_sub(3).max(1)).unwrap_or(u64::MAX));
        }
        Ok(None)
    }

    /// Goes to the record with this index frame by frame.
    pub(crate) fn walk_to_record(&mut self, index: u64) -> Result<(), Damage> {
        self.seek(header_bytes())?;
        let mut next = self.segment.first_index;
        while next < index && self.skip()?.is_some() {
            next = next.saturating_add(1);
        }
        Ok(())
    }

    /// What follows the last sound frame, whose index would be `index`.
    pub(crate) fn tail(&mut self, index: u64) -> Result<Tail, Damage> {
        let file = self.reader.get_ref();
        let unreadable = |error: io::Error| Damage::unreadable(self.segment.name.as_str(), &error);
        let mut tail = Tail { used_until: self.offset, durable: index };
        let mut candidates = 0usize;
        let mut chunk = vec![0; TAIL_BYTES];
        let mut at = self.offset;
        while at < self.length {
            let count = read_up_to(file, &mut chunk, at).map_err(unreadable)?;
            let bytes = chunk.get(..count).unwrap_or_default();
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                tail.used_until = at.saturating_add(u64::try_from(last).unwrap_or(u64::MAX)).saturating_add(1);
                for (start, _) in bytes.windows(4).enumerate().filter(|(_, window)| *window == FRAME_MAGIC) {
                    candidates = candidates.saturating_add(1);
                    let place = at.saturating_add(u64::try_from(start).unwrap_or(u64::MAX));
                    let frame = sound_at(file, place).map_err(unreadable)?;
                    tail.durable = tail.durable.max(frame.map_or(0, |frame| frame.durable_before()));
                    if candidates > CANDIDATES_MAX {
                        let wrong = Wrong::Foreign;
                        return Err(Damage::new(self.segment.name.as_str(), self.offset, Some(index), wrong));
                    }
                }
            }
            if count < chunk.len() {
                break;
            }
            // The last three bytes again: a frame may begin there.
            at = at.saturating_add(u64::try_from(count.saturating_sub(3)).unwrap_or(u64::MAX));
        }
        Ok(tail)
    }
}

/// What stands behind the last sound frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Behind the last byte that is not zero.
    pub(crate) used_until: u64,
    /// Records that were durable according to sound frames behind the break. More than were read: real damage, no torn tail.
    pub(crate) durable: u64,
}

/// The header of a sound frame at this place; none when there is no sound frame.
fn sound_at(file: &File, place: u64) -> io::Result<Option<FrameHeader>> {
    let mut header = [0; FRAME_HEADER_BYTES];
    if read_up_to(file, &mut header, place)? < FRAME_HEADER_BYTES {
        return Ok(None);
    }
    let Ok(Some(header)) = FrameHeader::decode(&header) else { return Ok(None) };
    let mut payload = vec![0; header.length.min(PAYLOAD_BYTES_MAX)];
    let behind = place.saturating_add(u64::try_from(FRAME_HEADER_BYTES).unwrap_or(u64::MAX));
    let count = read_up_to(file, &mut payload, behind)?;
    let sound = count == header.length && header.check(&payload).is_ok();
    Ok(sound.then_some(header))
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0usize;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX))) {
            Ok(0) => break,
            Ok(count) => done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
