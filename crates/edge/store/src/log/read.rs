//! Reading records, forwards from any index and backwards from the end, also while the log is being written.

use super::dropped::Dropped;
use super::error::{Damage, LogError, Wrong};
use super::keys::read_public;
use super::layout::{DROPPED_FILE, PUBLIC_KEY_FILE};
use super::recover::read_checkpoint;
use super::segments::{Listing, Scan, Step};
use holdshort_ledger::Salt;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Index in the log, from 0.
    pub index: u64,
    /// Salt of its commitment.
    pub salt: Salt,
    /// The bytes that were appended.
    pub payload: Vec<u8>,
}

/// Reads a log directory. Checksums are checked, the tree is not: see [`super::verify`].
#[derive(Clone, Debug)]
pub struct Reader {
    directory: PathBuf,
    live: Option<watch::Receiver<u64>>,
    size: u64,
    /// Which segments there are; all readers of one origin share it.
    listing: Listing,
}

impl Reader {
    /// A reader for a directory that another process may be writing: it sees what the last checkpoint covers.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when the checkpoint is missing or its signature is wrong; [`LogError::Key`] for `log.pub`.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let key = read_public(&directory.join(PUBLIC_KEY_FILE))?;
        let (_, checkpoint) = read_checkpoint(directory, &key)?;
        let listing = Listing::new(directory);
        Ok(Self { directory: directory.to_owned(), live: None, size: checkpoint.size, listing })
    }

    pub(crate) fn live(directory: &Path, size: watch::Receiver<u64>) -> Result<Self, LogError> {
        let now = *size.borrow();
        let listing = Listing::new(directory);
        Ok(Self { directory: directory.to_owned(), live: Some(size), size: now, listing })
    }

    /// Records that can be read: those that are durable now, or for a foreign log those below its checkpoint at opening.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.live.as_ref().map_or(self.size, |live| *live.borrow())
    }

    /// The records from `from` on, or from the first one that was kept. The iterator ends where the log ends now; on a running log, asking it again later gives
    /// what came since.
    #[must_use]
    pub fn forwards(&self, from: u64) -> Forwards {
        Forwards { reader: self.clone(), next: from, scan: None, failed: false }
    }

    /// The records before `end` (not including it), last first. `u64::MAX` begins with the last record.
    #[must_use]
    pub fn backwards(&self, end: u64) -> Backwards {
        Backwards { end: end.min(self.size()), reader: self.clone(), scan: None, offsets: Vec::new(), failed: false }
    }

    /// Index of the first record that was kept: those before it were dropped on purpose, and reading begins and ends here.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when the statement about it is not the log's.
    pub fn first(&self) -> Result<u64, LogError> {
        Ok(Dropped::read_of(&self.directory)?.map_or(0, |dropped| dropped.first))
    }

    /// Opens the segment that holds a record. [`Wrong::Dropped`] when it was dropped, also just now.
    fn segment_of(&self, index: u64) -> Result<Scan, LogError> {
        match self.listing.open(index)? {
            Err(damage) if damage.wrong == Wrong::Missing => {
                let first = self.first()?;
                let gone = || Damage::new(DROPPED_FILE, 0, Some(index), Wrong::Dropped(first));
                Err(if index < first { gone() } else { damage }.into())
            }
            opened => Ok(opened?),
        }
    }
}

/// Reads the frame here, which must be that of record `index`.
fn record(scan: &mut Scan, index: u64) -> Result<StoredRecord, LogError> {
    let offset = scan.offset();
    let mut step = scan.step()?;
    if !matches!(step, Step::Frame(_)) {
        // What was read ahead may be older than the record: read again.
        scan.seek(offset)?;
        step = scan.step()?;
    }
    let wrong = match step {
        Step::Frame(header) if header.index == index => {
            return Ok(StoredRecord { index, salt: header.salt, payload: scan.payload().to_vec() });
        }
        Step::Frame(header) => Wrong::Order { expected: index, found: header.index },
        Step::End => Wrong::Truncated(index.saturating_add(1)),
        Step::Broken(error) => Wrong::Format(error.to_string()),
    };
    Err(Damage::new(scan.segment().name.as_str(), offset, Some(index), wrong).into())
}

/// The first record that was kept, when that is what an error says.
fn dropped_to(error: LogError) -> Result<u64, LogError> {
    match error {
        LogError::Damaged(Damage { wrong: Wrong::Dropped(first), .. }) => Ok(first),
        other => Err(other),
    }
}

/// Iterator of [`Reader::forwards`]. After an error it ends.
#[derive(Debug)]
pub struct Forwards {
    reader: Reader,
    next: u64,
    scan: Option<Scan>,
    failed: bool,
}

impl Forwards {
    /// Goes to another record of the segment that is being read, so that one which had to be unpacked is unpacked once. `false`,
    /// and nothing changed: it lies elsewhere. Up to `gap` records ahead are gone over, others are sought.
    pub(crate) fn go_to(&mut self, index: u64, gap: u64) -> bool {
        let Some(scan) = self.scan.as_mut().filter(|_| !self.failed) else { return false };
        if index < scan.segment().first_index {
            return false;
        }
        let near = index.checked_sub(self.next).is_some_and(|ahead| ahead <= gap);
        let from = scan.offset();
        let found = match near {
            true => (self.next..index).try_for_each(|_| scan.skip().ok().flatten().map(|_| ())).is_some(),
            false => scan.seek_record(index).unwrap_or(false),
        };
        // What was read ahead may be older than the records: from the beginning, then.
        let found = found || (near && scan.seek_record(index).unwrap_or(false));
        match found {
            true => self.next = index,
            false if scan.seek(from).is_err() => self.scan = None,
            false => {}
        }
        found
    }

    fn read(&mut self) -> Result<Option<StoredRecord>, LogError> {
        while self.next < self.reader.size() {
            match self.read_next() {
                Err(error) => self.next = dropped_to(error)?.max(self.next.saturating_add(1)),
                Ok(found) => return Ok(Some(found)),
            }
        }
        Ok(None)
    }

    fn read_next(&mut self) -> Result<StoredRecord, LogError> {
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => self.seek()?,
        };
        let found = match record(&mut scan, self.next) {
            // Behind the last record of a segment comes the next segment, if there is one.
            Err(error) => {
                let mut other = self.reader.segment_of(self.next)?;
                if other.segment() == scan.segment() || other.segment().first_index != self.next {
                    return Err(error);
                }
                let found = record(&mut other, self.next)?;
                scan = other;
                found
            }
            Ok(found) => found,
        };
        self.scan = Some(scan);
        self.next = self.next.saturating_add(1);
        Ok(found)
    }

    /// Goes to the frame of the next record.
    fn seek(&self) -> Result<Scan, LogError> {
        let mut scan = self.reader.segment_of(self.next)?;
        // Records are JSON, or ciphertext: neither holds bytes that somebody chose to look like a frame.
        if !scan.seek_record(self.next)? {
            scan.walk_to_record(self.next)?;
        }
        Ok(scan)
    }
}

impl Iterator for Forwards {
    type Item = Result<StoredRecord, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let found = self.read().transpose();
        self.failed = matches!(found, Some(Err(_)));
        found
    }
}

/// Iterator of [`Reader::backwards`]. After an error it ends. Holds the offsets of one segment: 8 bytes a record.
#[derive(Debug)]
pub struct Backwards {
    reader: Reader,
    end: u64,
    scan: Option<Scan>,
    offsets: Vec<u64>,
    failed: bool,
}

impl Backwards {
    fn read(&mut self) -> Result<StoredRecord, LogError> {
        let index = self.end.saturating_sub(1);
        if self.offsets.is_empty() {
            let mut scan = self.reader.segment_of(index)?;
            for _ in scan.segment().first_index..self.end {
                self.offsets.push(scan.offset());
                if scan.skip()?.is_none() {
                    break;
                }
            }
            self.scan = Some(scan);
        }
        let lost = || Damage::new(super::layout::RECORDS_DIRECTORY, 0, Some(index), Wrong::Missing);
        let (scan, offset) = self.scan.as_mut().zip(self.offsets.pop()).ok_or_else(lost)?;
        scan.seek(offset)?;
        let found = record(scan, index)?;
        self.end = index;
        Ok(found)
    }
}

impl Iterator for Backwards {
    type Item = Result<StoredRecord, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.end == 0 {
            return None;
        }
        let found = match self.read() {
            // What lies further back was dropped.
            Err(error) => dropped_to(error).err().map(Err),
            Ok(found) => Some(Ok(found)),
        };
        self.failed = !matches!(found, Some(Ok(_)));
        found
    }
}
