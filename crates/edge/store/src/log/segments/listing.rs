//! The list of a log's segments, kept: a log of a hundred thousand segments is not listed again for each of them.

use super::{Scan, Segment, list};
use crate::log::error::{Damage, LogError, Wrong};
use crate::log::layout::RECORDS_DIRECTORY;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Which segments a directory has, as it was listed last. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    directory: PathBuf,
    known: Arc<Mutex<Arc<[Segment]>>>,
}

impl Listing {
    /// Lists nothing yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), known: Arc::new(Mutex::new(Arc::default())) }
    }

    /// Opens the segment that holds a record. The inner error is [`Wrong::Missing`] when there is none.
    ///
    /// # Errors
    /// [`LogError`] when the directory cannot be listed.
    pub(crate) fn open(&self, index: u64) -> Result<Result<Scan, Damage>, LogError> {
        // A later segment says where this one ends, and that does not change. Of the last one nobody knows.
        if let Some(segment) = holding(&self.known(), index).filter(|(_, is_last)| !is_last).map(|(segment, _)| segment)
        {
            match Scan::open(&segment) {
                // Dropped since it was listed.
                Err(damage) if damage.wrong == Wrong::Missing => {}
                opened => return Ok(opened),
            }
        }
        let listed: Arc<[Segment]> = list(&self.directory)?.into();
        let found = holding(&listed, index);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = listed;
        let missing = || Damage::new(RECORDS_DIRECTORY, 0, Some(index), Wrong::Missing);
        Ok(found.ok_or_else(missing).and_then(|(segment, _)| Scan::open(&segment)))
    }

    fn known(&self) -> Arc<[Segment]> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The segment that begins at a record or before it, and whether it is the last one.
fn holding(segments: &[Segment], index: u64) -> Option<(Segment, bool)> {
    let behind = segments.partition_point(|segment| segment.first_index <= index);
    let segment = segments.get(behind.checked_sub(1)?)?;
    Some((segment.clone(), behind == segments.len()))
}
