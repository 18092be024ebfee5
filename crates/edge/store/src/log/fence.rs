//! The lock of a log directory, and the fence behind it.
//!
//! `flock` keeps a second process out as long as both ask the same kernel about the same file. It says nothing when the
//! file was removed and made again, or when two machines or containers with lock tables of their own share a directory.
//! So whoever opens the log leaves a number of its own in the file, and the one before finds that out: before each group
//! of records is written, before anybody is told that it is durable, and before the checkpoint is replaced, which also
//! has to be, byte for byte, the one that we wrote last.
//!
//! Between such a look and the write behind it somebody else may take over, and that write comes late. Where that can be, whoever
//! takes over puts a copy in the place of the segment that was written to: what comes late goes into a file without a name.

use super::LogError;
use super::layout::{CHECKPOINT_FILE, LOCK_FILE};
use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Longest lock file that is read, in bytes.
const LOCK_BYTES_MAX: u64 = 128;
/// Bytes of the number that each opening draws.
const NONCE_BYTES: usize = 16;

/// A log directory that is ours. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    directory: PathBuf,
    /// What we wrote into the lock file.
    text: String,
    /// On a file system whose attributes may be those of a moment ago: they are not gone by.
    is_shared: bool,
    /// Whether somebody may still be writing who had the directory before.
    is_doubtful: bool,
    /// How the file looked when its contents were compared the last time.
    seen: Mutex<Look>,
}

/// What changes when somebody else writes to a file or puts another one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    fn is_same_file(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Lock {
    /// Takes the lock of a directory.
    ///
    /// # Errors
    /// [`LogError::Locked`] with the pid of the process that has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, LogError> {
        Self::take_on(directory, false)
    }

    /// The same on a file system that other machines may write to, too.
    pub(crate) fn take_on(directory: &Path, is_shared: bool) -> Result<Self, LogError> {
        let path = directory.join(LOCK_FILE);
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(LogError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.take(LOCK_BYTES_MAX).read_to_string(&mut text).map_err(LogError::io("read", &path))?;
                let pid = text.lines().next().unwrap_or_default();
                let known = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
                let pid = if known { pid.to_owned() } else { "unknown".to_owned() };
                return Err(LogError::Locked { directory: directory.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(LogError::io("lock", &path)(error)),
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)
            .map_err(|error| LogError::io("draw random bytes for", &path)(io::Error::other(error)))?;
        let text = format!("{}\n{:032x}\n", std::process::id(), u128::from_be_bytes(nonce));
        // The kernel says that whoever left something here is gone. Of a file that is new it knows nothing.
        let is_new = file.metadata().map_err(LogError::io("read", &path))?.len() == 0;
        file.set_len(0).map_err(LogError::io("write", &path))?;
        file.write_all(text.as_bytes()).map_err(LogError::io("write", &path))?;
        let look = Look::of(&file.metadata().map_err(LogError::io("read", &path))?);
        let (directory, seen) = (directory.to_owned(), Mutex::new(look));
        let lock = Self { file, directory, text, is_shared, is_doubtful: is_shared || is_new, seen };
        // Between opening and locking, whoever had the lock before may have removed the file.
        lock.check_contents()?;
        Ok(lock)
    }

    /// Whether somebody who had the directory before may not have noticed yet that it is ours.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Whether the directory is still ours, by one look at the lock file.
    ///
    /// # Errors
    /// [`LogError::Fenced`].
    pub(crate) fn check(&self) -> Result<(), LogError> {
        if self.is_shared {
            // Opening a file asks whoever keeps it ("close to open"); looking at its attributes does not.
            return self.check_contents();
        }
        let path = self.directory.join(LOCK_FILE);
        let now = match std::fs::metadata(&path) {
            Ok(metadata) => Look::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.fenced("its lock file is gone")),
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        if *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == now {
            return Ok(());
        }
        self.check_contents()
    }

    /// Whether the lock file is the one that we locked and holds what we wrote.
    pub(crate) fn check_contents(&self) -> Result<(), LogError> {
        let path = self.directory.join(LOCK_FILE);
        let mut text = String::new();
        let mut read = || -> io::Result<Look> {
            let file = File::open(&path)?;
            let look = Look::of(&file.metadata()?);
            file.take(LOCK_BYTES_MAX).read_to_string(&mut text)?;
            Ok(look)
        };
        let look = match read() {
            Ok(look) => look,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.fenced("its lock file is gone")),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.fenced("its lock file was overwritten"));
            }
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.is_same_file(look) {
            return Err(self.fenced("another lock file stands in the place of ours"));
        }
        if text != self.text {
            return Err(self.fenced("another process has written its own number into the lock file"));
        }
        *seen = look;
        Ok(())
    }

    /// Whether the checkpoint on disk is the one that we wrote last; none: whether there is none.
    pub(crate) fn check_checkpoint(&self, ours: Option<&str>) -> Result<(), LogError> {
        let path = self.directory.join(CHECKPOINT_FILE);
        let found = match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        if found.as_deref() == ours.map(str::as_bytes) {
            return Ok(());
        }
        Err(self.fenced("the checkpoint on disk is not the one that this process wrote last"))
    }

    fn fenced(&self, what: &'static str) -> LogError {
        LogError::Fenced { directory: self.directory.clone(), what }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Said aloud: a process that was just started somewhere else in this one holds all our files until it has begun.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of the log is given back when this process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(lock: &Lock) -> String {
        let (quick, whole) = (lock.check().unwrap_err().to_string(), lock.check_contents().unwrap_err().to_string());
        assert_eq!(quick, whole);
        quick
    }

    #[test]
    fn a_lock_that_nobody_touched_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(lock.check().is_ok() && lock.check_contents().is_ok());
        let Err(LogError::Locked { pid, .. }) = Lock::take(folder.path()) else { panic!("taken twice") };
        assert_eq!(pid, std::process::id().to_string());
        // Touched, and not changed.
        let file = File::options().write(true).open(folder.path().join(LOCK_FILE)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(lock.check().is_ok());
    }

    #[test]
    fn whoever_comes_after_a_lock_file_was_removed_fences_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        std::fs::remove_file(folder.path().join(LOCK_FILE)).unwrap();
        assert!(refused(&first).contains("is gone"));
        let second = Lock::take(folder.path()).unwrap();
        assert!(refused(&first).contains("another lock file"));
        assert!(second.check().is_ok());
    }

    #[test]
    fn whoever_has_a_lock_table_of_its_own_fences_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        std::fs::write(folder.path().join(LOCK_FILE), "1\n0\n").unwrap();
        assert!(refused(&first).contains("its own number"));
        std::fs::write(folder.path().join(LOCK_FILE), [0xff; 7]).unwrap();
        assert!(refused(&first).contains("overwritten"));
    }

    #[test]
    fn a_checkpoint_that_is_not_ours_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(lock.check_checkpoint(None).is_ok());
        assert!(lock.check_checkpoint(Some("one")).is_err());
        std::fs::write(folder.path().join(CHECKPOINT_FILE), "one").unwrap();
        assert!(lock.check_checkpoint(Some("one")).is_ok());
        assert!(lock.check_checkpoint(Some("two")).is_err() && lock.check_checkpoint(None).is_err());
    }
}
