//! Reading a segment frame by frame.

use super::{Segment, header_bytes};
use crate::log::archive::{Unpacked, unpack};
use crate::log::error::{Damage, Wrong};
use crate::log::tiles::open_plain;
use holdshort_ledger::{FRAME_HEADER_BYTES, FrameError, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read ahead while scanning.
const SCAN_BYTES: usize = 256 << 10;

/// What stands at a place in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A sound frame; its payload is in [`Scan::payload`].
    Frame(FrameHeader),
    /// Zeros, or too few bytes for a frame.
    End,
    /// Neither.
    Broken(FrameError),
}

/// Reads a segment frame by frame.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(super) reader: BufReader<File>,
    pub(super) segment: Segment,
    /// Where the next frame begins.
    pub(super) offset: u64,
    pub(super) length: u64,
    payload: Vec<u8>,
    /// Why an archive did not give all, or not what was put into it.
    fault: Option<String>,
    /// Index of the record behind the last one that was read in order.
    next: u64,
}

impl Scan {
    /// Opens a segment and checks its header. Of an archived one, places are those in the segment that it holds.
    pub(crate) fn open(segment: &Segment) -> Result<Self, Damage> {
        let unreadable = |error: io::Error| Damage::unreadable(segment.name.as_str(), &error);
        let (file, length, fault) = if segment.archived {
            let Unpacked { file, length, fault } = unpack(&segment.path).map_err(unreadable)?;
            (file, length, fault)
        } else {
            match open_plain(&segment.path) {
                Ok(file) => {
                    let length = file.metadata().map_err(unreadable)?.len();
                    (file, length, None)
                }
                // Archived since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let directory = segment.path.parent().and_then(Path::parent);
                    let archive = directory.map(|directory| Segment::archive(directory, segment.first_index));
                    let archive = archive.filter(|archive| archive.path.exists());
                    return archive.map_or_else(|| Err(unreadable(error)), |archive| Self::open(&archive));
                }
                Err(error) => return Err(unreadable(error)),
            }
        };
        let mut reader = BufReader::with_capacity(SCAN_BYTES, file);
        reader.rewind().map_err(unreadable)?;
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let wrong = |wrong| Damage::new(segment.name.as_str(), 0, Some(segment.first_index), wrong);
        if let Some(fault) = fault.as_ref().filter(|_| length < header_bytes()) {
            return Err(wrong(Wrong::Format(fault.clone())));
        }
        reader.read_exact(&mut header).map_err(unreadable)?;
        let header = SegmentHeader::decode(&header).map_err(|error| wrong(Wrong::Format(error.to_string())))?;
        if header.first_index != segment.first_index {
            return Err(wrong(Wrong::Order { expected: segment.first_index, found: header.first_index }));
        }
        let (segment, next) = (segment.clone(), segment.first_index);
        Ok(Self { reader, segment, offset: header_bytes(), length, payload: Vec::new(), fault, next })
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Goes to another frame, and forgets what was read ahead.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), Damage> {
        self.reader.seek(SeekFrom::Start(offset)).map_err(|error| self.unreadable(&error))?;
        self.offset = offset;
        Ok(())
    }

    /// Reads the frame here and goes behind it. At an end or a broken frame it stays where it is.
    pub(crate) fn step(&mut self) -> Result<Step, Damage> {
        let header = match self.header()? {
            Ok(Some(header)) => header,
            Ok(None) => return self.end(Step::End),
            Err(error) => return self.end(Step::Broken(error)),
        };
        if self.behind(&header) > self.length {
            return self.end(Step::Broken(FrameError::Cut(header.length)));
        }
        self.payload.resize(header.length, 0);
        self.reader
            .read_exact(&mut self.payload)
            .map_err(|error| Damage::unreadable(self.segment.name.as_str(), &error))?;
        if let Err(error) = header.check(&self.payload) {
            return self.end(Step::Broken(error));
        }
        self.offset = self.behind(&header);
        self.next = header.index.saturating_add(1);
        Ok(Step::Frame(header))
    }

    /// Goes behind the frame here without reading its payload. `None` where [`Scan::step`] would give no frame header.
    pub(crate) fn skip(&mut self) -> Result<Option<FrameHeader>, Damage> {
        let Ok(Some(header)) = self.header()? else {
            self.stay(Step::End)?;
            return Ok(None);
        };
        let behind = self.behind(&header);
        let length = i64::try_from(header.length).unwrap_or(i64::MAX);
        self.reader.seek_relative(length).map_err(|error| self.unreadable(&error))?;
        self.offset = behind;
        Ok(Some(header))
    }

    fn header(&mut self) -> Result<Result<Option<FrameHeader>, FrameError>, Damage> {
        let room = self.length.saturating_sub(self.offset);
        if room < u64::try_from(FRAME_HEADER_BYTES).unwrap_or(u64::MAX) {
            return Ok(Ok(None));
        }
        let mut header = [0; FRAME_HEADER_BYTES];
        self.reader.read_exact(&mut header).map_err(|error| Damage::unreadable(self.segment.name.as_str(), &error))?;
        Ok(FrameHeader::decode(&header))
    }

    fn behind(&self, header: &FrameHeader) -> u64 {
        self.offset.saturating_add(u64::try_from(header.length.saturating_add(FRAME_HEADER_BYTES)).unwrap_or(u64::MAX))
    }

    /// No sound frame stands here. Of an archive that could not be unpacked as it was packed, this is the place.
    fn end(&mut self, step: Step) -> Result<Step, Damage> {
        match &self.fault {
            Some(fault) => {
                let wrong = Wrong::Format(fault.clone());
                Err(Damage::new(self.segment.name.as_str(), self.offset, Some(self.next), wrong))
            }
            None => self.stay(step),
        }
    }

    fn stay(&mut self, step: Step) -> Result<Step, Damage> {
        self.seek(self.offset)?;
        Ok(step)
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> Damage {
        Damage::unreadable(self.segment.name.as_str(), error)
    }
}
