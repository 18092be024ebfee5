//! Whether the clock can be believed by whoever drops records for their age.
//!
//! A clock that is wrong makes records old that are not, and what was dropped does not come back. So the log remembers up to
//! when its clock was believed. A clock before that, or before the newest record, is behind; one that is later by more than
//! records are kept is either right after a long pause, or wrong: only a person can tell, and nothing is dropped until one
//! does.

use super::disk::{Disk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::layout::CLOCK_FILE;
use super::tiles::read_bounded;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// First line of the file.
const HEADER: &str = "holdshort/clock/v1";
/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256;
/// How far clocks may be apart without anybody being wrong.
const SLACK: Duration = Duration::from_secs(60);
/// Longest pause that is believed, however long records are kept.
pub const PAUSE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// What is thought of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// It can be right.
    Good,
    /// It is before what was believed, or before the newest record: nothing is dropped until it has come so far.
    Behind {
        /// The later time.
        than: SystemTime,
    },
    /// It has jumped: nothing is dropped until a person says that it is right.
    Jumped {
        /// Up to when it was believed.
        since: SystemTime,
        /// By how much it may go on without anybody saying so.
        at_most: Duration,
    },
}

/// The file that remembers.
#[derive(Debug)]
pub(crate) struct Believed {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Believed {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self { disk, path: directory.join(CLOCK_FILE) }
    }

    /// Judges the clock, and remembers it when it is good. `newest`: time of the newest record, where it says one. Records are
    /// kept for `kept`.
    pub(crate) fn judge(
        &self,
        now: SystemTime,
        newest: Option<SystemTime>,
        kept: Duration,
    ) -> Result<ClockState, LogError> {
        let at_most = kept.min(PAUSE_MAX);
        let remembered = self.read()?;
        // Whoever begins to remember begins with what is on record: the clock may have jumped before.
        let since = remembered.or(newest).unwrap_or(now);
        let latest = newest.map_or(since, |newest| newest.max(since));
        let state = match (latest.duration_since(now), now.duration_since(since)) {
            (Ok(behind), _) if behind > SLACK => ClockState::Behind { than: latest },
            (_, Ok(ahead)) if ahead > at_most.max(SLACK) => ClockState::Jumped { since, at_most },
            _ => ClockState::Good,
        };
        let wanted = if state == ClockState::Good { since.max(now) } else { since };
        let is_due = remembered.is_none_or(|before| wanted.duration_since(before).is_ok_and(|more| more >= SLACK));
        if is_due {
            self.write(wanted)?;
        }
        Ok(state)
    }

    /// A person says that the clock is right.
    pub(crate) fn write(&self, now: SystemTime) -> Result<(), LogError> {
        let ms = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        write_whole(self.disk.as_ref(), &self.path, format!("{HEADER}\n{ms}\n").as_bytes(), 0o600)
            .map_err(LogError::io("write", &self.path))
    }

    fn read(&self) -> Result<Option<SystemTime>, LogError> {
        let bytes = match read_bounded(&self.path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("read", &self.path)(error)),
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        let ms = text.strip_prefix(HEADER).and_then(|rest| rest.trim().parse::<u64>().ok());
        let time = ms.and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        let wrong = || Wrong::Format("does not say up to when the clock was believed; remove it".to_owned());
        time.map(Some).ok_or_else(|| Damage::new(CLOCK_FILE, 0, None, wrong()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const KEPT: Duration = Duration::from_secs(10 * 86_400);

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + days * DAY
    }

    fn believed() -> (tempfile::TempDir, Believed) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("records")).unwrap();
        let believed = Believed::new(Arc::new(RealDisk), folder.path());
        (folder, believed)
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_and_one_that_jumps_is_not_until_a_person_says_so() {
        let (_folder, believed) = believed();
        let judge = |now, newest| believed.judge(now, newest, KEPT).unwrap();
        assert_eq!(judge(at(100), None), ClockState::Good);
        assert_eq!(judge(at(109), Some(at(109))), ClockState::Good);
        let jumped = ClockState::Jumped { since: at(109), at_most: KEPT };
        assert_eq!(judge(at(120), None), jumped);
        // However often it is asked, and although records have that time meanwhile.
        assert_eq!(judge(at(121), Some(at(121))), jumped);
        assert_eq!(judge(at(119), Some(at(109))), ClockState::Good);
        assert_eq!(judge(at(140), None), ClockState::Jumped { since: at(119), at_most: KEPT });
        believed.write(at(140)).unwrap();
        assert_eq!(judge(at(141), None), ClockState::Good);
    }

    #[test]
    fn a_clock_that_is_behind_is_not_believed() {
        let (_folder, believed) = believed();
        let judge = |now, newest| believed.judge(now, newest, KEPT).unwrap();
        assert_eq!(judge(at(100), None), ClockState::Good);
        assert_eq!(judge(at(99), None), ClockState::Behind { than: at(100) });
        assert_eq!(judge(at(100) - SLACK, None), ClockState::Good);
        assert_eq!(judge(at(101), Some(at(102))), ClockState::Behind { than: at(102) });
        assert_eq!(judge(at(102), Some(at(102))), ClockState::Good);
    }

    #[test]
    fn without_a_memory_it_goes_by_the_newest_record() {
        let (_folder, first) = believed();
        let jumped = ClockState::Jumped { since: at(50), at_most: KEPT };
        assert_eq!(first.judge(at(100), Some(at(50)), KEPT).unwrap(), jumped);
        assert_eq!(first.judge(at(100), Some(at(100)), KEPT).unwrap(), jumped, "it forgot");
        let (_folder, long) = believed();
        let found = long.judge(at(100), Some(at(60)), 400 * DAY).unwrap();
        assert_eq!(found, ClockState::Jumped { since: at(60), at_most: PAUSE_MAX });
    }

    #[test]
    fn a_broken_memory_is_named() {
        let (folder, believed) = believed();
        for text in
            ["", "holdshort/clock/v2\n7\n", "holdshort/clock/v1\nx\n", "holdshort/clock/v1\n99999999999999999999\n"]
        {
            std::fs::write(folder.path().join(CLOCK_FILE), text).unwrap();
            let error = believed.judge(at(1), None, KEPT).unwrap_err().to_string();
            assert!(error.contains("records/clock"), "{error}");
        }
    }
}
