//! Opening: the checks before the first use.

use super::schema::{self, Schema};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another process that is in the middle of a transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database that cannot be used, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be written.
    #[error("cannot read and write `{path}`: {cause}; check that the data directory exists and is yours to write")]
    Unwritable {
        /// The database.
        path: PathBuf,
        /// What the operating system says.
        cause: String,
    },
    /// The file is a database of something else, or none.
    #[error("`{0}` is not a database of holdshort; move it away or choose another data directory")]
    Foreign(PathBuf),
    /// The file is damaged.
    #[error("`{path}` is damaged: {cause}; restore it from a backup, or move it away and register the agents again")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A newer version of the program wrote it.
    #[error(
        "`{path}` has schema {found}, this version knows {known}; use the newer version of holdshort that wrote it"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Version of the file.
        found: i32,
        /// Version that this program knows.
        known: i32,
    },
    /// SQLite failed otherwise, for example with a full disk.
    #[error("cannot open `{path}`: {cause}")]
    Failed {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
}

pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    open_as(path, &schema::STATE)
}

/// Opens a database with this schema, and makes it when it is not there, readable and writable for its owner only.
pub(crate) fn open_as(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    // SQLite gives its side files (-wal, -shm) the mode of the database.
    let made = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let close = |file: File| match file.metadata()?.len() {
        // Made empty by hand.
        0 => file.set_permissions(Permissions::from_mode(0o600)),
        _ => Ok(()),
    };
    made.and_then(close).map_err(|error| OpenError::Unwritable { path: path.into(), cause: error.to_string() })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| classify(path, &error))?;
    prepare(&mut connection, schema, path)?;
    Ok(connection)
}

/// Opens a database that cannot be written here, such as one on a medium that is mounted for reading: with nothing beside it that
/// would have to be read first. None: it is not such a one.
pub(crate) fn open_unwritable(path: &Path, schema: &Schema) -> Result<Option<Connection>, OpenError> {
    // SQLite looks for the journal beside the file that a link leads to.
    let Ok(path) = path.canonicalize() else { return Ok(None) };
    let mut journal = path.clone().into_os_string();
    journal.push("-wal");
    let has_journal = std::fs::metadata(journal).is_ok_and(|journal| journal.len() > 0);
    if has_journal || File::open(&path).is_err() {
        return Ok(None);
    }
    let escape = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let name: String = path.as_os_str().as_bytes().iter().map(escape).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: rusqlite::Error| classify(&path, &error);
    let connection = Connection::open_with_flags(format!("file://{name}?immutable=1"), flags).map_err(failed)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != schema.application_id {
        return Err(OpenError::Foreign(path));
    }
    let (found, known) = (number("user_version")?, schema.version());
    if found > known {
        return Err(OpenError::Newer { path, found, known });
    }
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;").map_err(failed)?;
    Ok(Some(connection))
}

fn prepare(connection: &mut Connection, schema: &Schema, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| classify(path, &error);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if application != schema.application_id && (application != 0 || version != 0 || tables != 0) {
        return Err(OpenError::Foreign(path.into()));
    }
    if version > schema.version() {
        return Err(OpenError::Newer { path: path.into(), found: version, known: schema.version() });
    }
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                   PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA secure_delete = ON;";
    connection.execute_batch(pragmas).map_err(failed)?;
    if version < schema.version() {
        schema::migrate(connection, schema, version).map_err(failed)?;
    }
    Ok(())
}

fn classify(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode;
    let (path, cause) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign(path),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, cause },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            OpenError::Unwritable { path, cause }
        }
        Some(ErrorCode::DiskFull) => OpenError::Failed { path, cause: format!("{cause}; make room on the disk") },
        _ => OpenError::Failed { path, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let _open = open(&path).unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[test]
    fn files_that_are_not_ours_are_refused_and_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        std::fs::write(&path, "this is not a database, whatever its name says, and it is long enough").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(&path), Err(OpenError::Foreign(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let other = dir.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(open(&other), Err(OpenError::Foreign(_))));
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        open(&path).unwrap().pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(&error, OpenError::Newer { found, known, .. } if *found == *known + 1), "{error}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(&dir.path().join("no/state.db")).unwrap_err();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
        assert!(matches!(open(dir.path()), Err(OpenError::Unwritable { .. })), "a directory in its place");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        drop(open(&path).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100..4096].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
}
