//! The file `index.db`: made, opened, recognised, thrown away.

use super::key::Key;
use super::{IndexError, Unusable};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the index in the data directory.
pub const INDEX_FILE: &str = "index.db";

/// `Hidx`: tells our file from other databases.
const APPLICATION_ID: i32 = 0x4869_6478;
/// Version of the file. Another one is not migrated: the log is there to make it again.
const VERSION: i32 = 2;
/// Stands in place of the version once a reader found something wrong.
const DOUBTED: i32 = 0;
/// How long a reader or writer waits for another process that is in the middle of a transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log before they are copied into the file: copying syncs, on the disk that the log syncs to.
const CHECKPOINT_PAGES: u32 = 8_192;

const SCHEMA: &str = "
CREATE TABLE about (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  origin TEXT NOT NULL,
  size INTEGER NOT NULL,
  key BLOB NOT NULL
) STRICT;
CREATE TABLE blocks (
  block INTEGER PRIMARY KEY,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  leaf BLOB NOT NULL,
  times BLOB NOT NULL
) STRICT;
CREATE TABLE postings (
  run INTEGER NOT NULL,
  word INTEGER NOT NULL,
  block INTEGER NOT NULL,
  places BLOB NOT NULL,
  PRIMARY KEY (run, word, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE ids (
  id BLOB NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (id, record)
) STRICT, WITHOUT ROWID;
CREATE TABLE gone (
  word INTEGER PRIMARY KEY
) STRICT;
";

/// What the file says of itself.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) key: Key,
}

/// Opens the file if it is there and is one of this version.
pub(super) fn open(path: &Path) -> Result<Option<(Connection, About)>, IndexError> {
    if !path.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if number("application_id")? != APPLICATION_ID {
        return Err(Unusable::Foreign.into());
    }
    check_version(&connection)?;
    prepare(&connection)?;
    let about = connection
        .query_row("SELECT origin, size, key FROM about", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 16]>(2)?))
        })
        .optional()?;
    let (origin, size, key) = about.ok_or(Unusable::Foreign)?;
    let size = u64::try_from(size).map_err(|_| Unusable::Damaged("its size is negative".into()))?;
    Ok(Some((connection, About { origin, size, key: Key::new(key) })))
}

/// Whether it is of this version, and nobody found anything wrong with it.
pub(super) fn check_version(connection: &Connection) -> Result<(), IndexError> {
    match connection.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))? {
        VERSION => Ok(()),
        DOUBTED => Err(Unusable::Damaged("a search came upon it".into()).into()),
        found => Err(Unusable::Version { found, known: VERSION }.into()),
    }
}

/// Marks the file as one of no use, for whoever writes it. Where that cannot be done, the next search comes upon it again.
pub(super) fn doubt(connection: &Connection) {
    if let Err(error) = connection.pragma_update(None, "user_version", DOUBTED) {
        tracing::info!(%error, "a damaged index cannot be marked as such");
    }
}

/// Words of the keys that erasures destroyed.
pub(super) fn gone(connection: &Connection) -> Result<HashSet<i64>, IndexError> {
    let mut select = connection.prepare("SELECT word FROM gone")?;
    let words = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(words)
}

/// Which file it is, whatever its name is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, IndexError> {
        let found = std::fs::metadata(path);
        let found = found.map_err(|error| IndexError::File { path: path.into(), cause: error.to_string() })?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }

    pub(super) fn is_of(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|found| found == self)
    }
}

/// Bytes that are free on the disk of the file.
pub(super) fn free_bytes(path: &Path) -> Result<u64, IndexError> {
    let found = rustix::fs::statvfs(path);
    let found = found.map_err(|error| IndexError::File { path: path.into(), cause: error.to_string() })?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes an empty file for a log. There must be none.
pub(super) fn create(path: &Path, origin: &str) -> Result<(Connection, About), IndexError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| IndexError::File { path: path.into(), cause: error.to_string() })?;
    // SQLite gives its side files (-wal, -shm) the mode of the database.
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| IndexError::File { path: path.into(), cause: error.to_string() })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    prepare(&connection)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO about VALUES (1, ?1, 0, ?2)", (origin, key))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    // If we crash before this, the file is one of nobody, and is thrown away at the next start.
    transaction.commit()?;
    Ok((connection, About { origin: origin.to_owned(), size: 0, key: Key::new(key) }))
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF; \
         PRAGMA cell_size_check = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384; \
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    ))
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), IndexError> {
    for side in ["", "-wal", "-shm", "-journal"] {
        let path = beside(path, side);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(IndexError::File { path, cause: error.to_string() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Bytes of the file and what SQLite keeps beside it.
pub(super) fn bytes(path: &Path) -> u64 {
    ["", "-wal"].iter().filter_map(|side| Some(std::fs::metadata(beside(path, side)).ok()?.len())).sum()
}

/// The right to write the index. Ends with the process, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, IndexError> {
    let path = beside(path, ".lock");
    let failed = |error: std::io::Error| IndexError::File { path: path.clone(), cause: error.to_string() };
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IndexError::Busy),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
