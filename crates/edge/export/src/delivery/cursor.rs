//! How far an exporter got, in a file that is replaced whole.
//!
//! It is not synced: after a loss of power an older one may be there, and some records are sent again. What is there and
//! cannot be read counts as the beginning of the log, so that nothing is left out.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Version of the file.
const VERSION: u32 = 1;

/// How far an exporter got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The log that it follows.
    pub log: Arc<str>,
    /// Index of the next record.
    pub next: u64,
    /// Hash of the leaf of the record before, in hex; empty when there was none.
    #[serde(default)]
    pub leaf: String,
    /// Items that were taken.
    #[serde(default)]
    pub sent: u64,
    /// Records that the filter left out.
    #[serde(default)]
    pub filtered: u64,
    /// Records that the other side refused for good.
    #[serde(default)]
    pub skipped: u64,
    /// Records that were gone before they could be sent.
    #[serde(default)]
    pub lost: u64,
    /// Attempts in vain since the last success.
    #[serde(default)]
    pub failures: u32,
    /// What failed last, in words; absent when nothing fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When something was taken last, in milliseconds since 1970; 0 = never.
    #[serde(default)]
    pub last_sent_ms: u64,
    /// When this was written, in milliseconds since 1970.
    #[serde(default)]
    pub updated_ms: u64,
}

impl State {
    pub(super) fn new(log: Arc<str>, next: u64) -> Self {
        Self {
            version: VERSION,
            log,
            next,
            leaf: String::new(),
            sent: 0,
            filtered: 0,
            skipped: 0,
            lost: 0,
            failures: 0,
            error: None,
            last_sent_ms: 0,
            updated_ms: 0,
        }
    }
}

/// A cursor that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The system refused.
    #[error("cannot read `{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It holds something else.
    #[error("`{}` is not a cursor of this version", .0.display())]
    Foreign(PathBuf),
}

/// The file that a cursor is kept in.
#[derive(Clone, Debug)]
pub struct Cursor {
    path: PathBuf,
}

impl Cursor {
    /// The cursor of the exporter of this name, in a directory.
    #[must_use]
    pub fn new(directory: &Path, name: &str) -> Self {
        Self { path: directory.join(format!("{name}.cursor")) }
    }

    /// What it says; none when there is no file yet.
    ///
    /// # Errors
    /// When there is something that cannot be read.
    pub fn load(&self) -> Result<Option<State>, CursorError> {
        let failed = |source| CursorError::Io { path: self.path.clone(), source };
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(CursorError::Foreign(self.path.clone())),
            Ok(_) => {}
        }
        let state: Option<State> = serde_json::from_slice(&fs::read(&self.path).map_err(failed)?).ok();
        state.filter(|state| state.version == VERSION).map(Some).ok_or_else(|| CursorError::Foreign(self.path.clone()))
    }

    /// Replaces it. If this is interrupted, the one before stays.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn store(&self, state: &State) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let fresh = self.path.with_extension("cursor.tmp");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        fs::rename(&fresh, &self.path)
    }
}
