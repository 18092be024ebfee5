//! The payload segments: listing, scanning, and writing them.

use super::archive::{Unpacked, unpack};
use super::disk::{Disk, DiskFile, write_zeros};
use super::dropped::Dropped;
use super::error::{Damage, LogError, Wrong};
use super::layout::{RECORDS_DIRECTORY, TEMPORARY, archive_index, archive_name, segment_index, segment_name};
use super::space::Gauge;
use super::tiles::open_plain;
use holdshort_ledger::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FrameError, FrameHeader, PAYLOAD_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Bytes read ahead while scanning.
const SCAN_BYTES: usize = 256 << 10;
/// Places behind a broken frame that are looked at as possible frames. More is an attempt to keep us busy.
const CANDIDATES_MAX: usize = 100_000;
/// Bytes below which a record is looked for frame by frame, not by halves.
const HALVES_BYTES_MIN: u64 = 64 << 10;
/// Bytes read at once in the search for a frame.
const HALVES_CHUNK_BYTES: usize = 8 << 10;
/// Bytes of a new segment that are synced at once: a disk that takes 64 MiB in one go lets the records wait behind them.
const PREPARE_BYTES: u64 = 4 << 20;
/// Each segment is this many times larger than the one before, up to the maximum.
const GROWTH: u64 = 4;
/// Bytes at the end of a segment without successor that are for records that are kept on a nearly full disk.
const KEPT_BYTES: u64 = 256 << 10;

/// A segment on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first_index: u64,
    /// Relative to the log's directory.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Whether it is compressed.
    pub(crate) archived: bool,
}

/// The segments of a log in order, without those that were dropped. No folder: none.
pub(crate) fn list(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let mut segments = list_all(directory)?;
    // The original comes first: it counts, as long as it is there.
    segments.dedup_by_key(|segment| segment.first_index);
    if let Some(dropped) = Dropped::read_of(directory)? {
        segments.retain(|segment| segment.first_index >= dropped.first);
    }
    Ok(segments)
}

/// All files of segments, also those that do not count any more.
pub(crate) fn list_all(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let folder = directory.join(RECORDS_DIRECTORY);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::io("list", &folder)(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let entry = entry.map_err(LogError::io("list", &folder))?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if let Some(first_index) = segment_index(file_name) {
            let name = segment_name(first_index);
            segments.push(Segment { first_index, path: directory.join(&name), name, archived: false });
        } else if let Some(first_index) = archive_index(file_name) {
            segments.push(Segment::archive(directory, first_index));
        }
    }
    segments.sort_by_key(|segment| (segment.first_index, segment.archived));
    Ok(segments)
}

impl Segment {
    fn archive(directory: &Path, first_index: u64) -> Self {
        let name = archive_name(first_index);
        Self { first_index, path: directory.join(&name), name, archived: true }
    }
}

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
    reader: BufReader<File>,
    segment: Segment,
    /// Where the next frame begins.
    offset: u64,
    length: u64,
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
            return self.end(Step::Broken(FrameError::Length(header.length)));
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

    fn unreadable(&self, error: &io::Error) -> Damage {
        Damage::unreadable(self.segment.name.as_str(), error)
    }

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
        let mut chunk = vec![0; SCAN_BYTES];
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

fn header_bytes() -> u64 {
    u64::try_from(SEGMENT_HEADER_BYTES).unwrap_or(u64::MAX)
}

/// The segment that is written to, and the next one, which is prepared while this one fills.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    disk: Arc<dyn Disk>,
    gauge: Arc<Gauge>,
    directory: PathBuf,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    offset: u64,
    capacity: u64,
    capacity_max: u64,
    next: Option<Next>,
}

/// The next segment, while it is made.
#[derive(Debug)]
struct Next {
    capacity: u64,
    made: JoinHandle<io::Result<()>>,
}

impl SegmentWriter {
    /// Makes a segment that begins with `first_index`.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        gauge: Arc<Gauge>,
        directory: &Path,
        first_index: u64,
        capacity: u64,
        capacity_max: u64,
    ) -> Result<Self, LogError> {
        let capacity = gauge.segment(capacity, segment_bytes_min()).ok_or_else(|| gauge.refusal())?;
        prepare(disk.as_ref(), directory, capacity).map_err(LogError::io("make", &next_path(directory)))?;
        let (file, path) = take_next(disk.as_ref(), directory, first_index)?;
        let directory = directory.to_owned();
        Ok(Self { disk, gauge, directory, file, path, offset: header_bytes(), capacity, capacity_max, next: None })
    }

    /// Goes on behind the last record of an existing segment.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        gauge: Arc<Gauge>,
        directory: &Path,
        segment: &Segment,
        offset: u64,
        capacity_max: u64,
    ) -> Result<Self, LogError> {
        let path = segment.path.clone();
        let file = disk.open(&path).map_err(LogError::io("open", &path))?;
        let capacity = std::fs::metadata(&path).map_err(LogError::io("read", &path))?.len();
        let directory = directory.to_owned();
        Ok(Self { disk, gauge, directory, file, path, offset, capacity, capacity_max, next: None })
    }

    /// Bytes that still fit. The last part of a segment without a successor is only for what is kept.
    pub(crate) fn room(&self, kept: bool) -> u64 {
        let room = self.capacity.saturating_sub(self.offset);
        if self.next.is_none() && !kept { room.saturating_sub(KEPT_BYTES) } else { room }
    }

    fn is_next_due(&self) -> bool {
        self.offset > self.capacity / 8
    }

    /// Writes frames and makes them durable. After an error nothing more may be written.
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), LogError> {
        self.file.write_at(frames, self.offset).map_err(LogError::io("write", &self.path))?;
        // If we crash before this sync, any part of the frames may be there: a torn tail, which nobody was told of.
        self.file.sync().map_err(LogError::io("sync", &self.path))?;
        self.offset = self.offset.saturating_add(u64::try_from(frames.len()).unwrap_or(u64::MAX));
        if self.is_next_due() {
            self.prepare_next();
        }
        Ok(())
    }

    /// Goes over to the next segment, which begins with `first_index`. `false`: the disk has no room for one.
    pub(crate) fn rotate(&mut self, first_index: u64) -> Result<bool, LogError> {
        self.prepare_next();
        let Some(Next { capacity, made }) = self.next.take() else { return Ok(false) };
        let made = made.join().unwrap_or_else(|_| Err(io::Error::other("preparing a segment panicked")));
        made.map_err(LogError::io("make", &next_path(&self.directory)))?;
        (self.file, self.path) = take_next(self.disk.as_ref(), &self.directory, first_index)?;
        self.capacity = capacity;
        self.offset = header_bytes();
        Ok(true)
    }

    fn next_capacity(&self) -> u64 {
        self.capacity.saturating_mul(GROWTH).min(self.capacity_max).max(segment_bytes_min())
    }

    /// Begins to make the next segment, unless that was begun or there is no room for it.
    pub(crate) fn prepare_next(&mut self) {
        if self.next.is_some() {
            return;
        }
        let Some(capacity) = self.gauge.segment(self.next_capacity(), segment_bytes_min()) else { return };
        let (disk, directory) = (Arc::clone(&self.disk), self.directory.clone());
        let made = std::thread::spawn(move || prepare(disk.as_ref(), &directory, capacity));
        self.next = Some(Next { capacity, made });
    }
}

impl Drop for SegmentWriter {
    /// Waits for the next segment, so that nothing is written once the directory is somebody else's.
    fn drop(&mut self) {
        if self.next.take().is_some_and(|next| next.made.join().is_err()) {
            tracing::error!("preparing a segment panicked");
        }
    }
}

/// A segment has room for its header and the longest frame.
pub(crate) fn segment_bytes_min() -> u64 {
    u64::try_from(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + PAYLOAD_BYTES_MAX).unwrap_or(u64::MAX)
}

pub(crate) fn next_path(directory: &Path) -> PathBuf {
    directory.join(format!("{RECORDS_DIRECTORY}/next{TEMPORARY}"))
}

/// Writes the next segment full of zeros.
fn prepare(disk: &dyn Disk, directory: &Path, capacity: u64) -> io::Result<()> {
    let file = disk.create(&next_path(directory), 0o600)?;
    let mut at = 0;
    while at < capacity {
        let to = at.saturating_add(PREPARE_BYTES).min(capacity);
        write_zeros(file.as_ref(), at, to)?;
        file.sync()?;
        at = to;
    }
    Ok(())
}

/// Gives the prepared segment its header and its name.
fn take_next(disk: &dyn Disk, directory: &Path, first_index: u64) -> Result<(Box<dyn DiskFile>, PathBuf), LogError> {
    let (from, to) = (next_path(directory), directory.join(segment_name(first_index)));
    let file = disk.open(&from).map_err(LogError::io("open", &from))?;
    file.write_at(&SegmentHeader { first_index }.encode(), 0).map_err(LogError::io("write", &from))?;
    file.sync().map_err(LogError::io("sync", &from))?;
    // If we crash here, the temporary file is removed at the next start and made again.
    disk.rename(&from, &to).map_err(LogError::io("rename", &from))?;
    let folder = directory.join(RECORDS_DIRECTORY);
    disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
    Ok((file, to))
}
