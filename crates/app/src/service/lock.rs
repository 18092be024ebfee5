//! One service for one data directory, and where it can be reached.

use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Where a running service can be reached: `service.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    /// Process id.
    pub(crate) pid: u32,
    /// Version of the program.
    pub(crate) version: String,
    /// Base address of the HTTP API; absent for a service that a wrapper started in the background.
    pub(crate) api: Option<String>,
    /// Base address of the MCP gateway; absent as above.
    pub(crate) mcp: Option<String>,
    /// The unix socket.
    pub(crate) socket: String,
}

/// The right to use a data directory alone. Ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another service has it, with its process id where it is known.
    pub(crate) fn take(data: &DataDir) -> Result<Self, Failure> {
        let path = data.service_lock();
        let file = open_private(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let who = Whereabouts::read(data).map_or_else(String::new, |found| format!(" (process {})", found.pid));
                let place = data.root().display();
                Err(Failure::refused(format!("another service{who} already uses the data directory `{place}`"))
                    .hint("stop that one, or choose another directory with `--data`"))
            }
            Err(TryLockError::Error(error)) => Err(io_failure("lock", &path)(error)),
        }
    }

    /// Asks a service that a wrapper started in the background to make room, and waits until it is gone. The wrappers
    /// find the successor through the same socket. Does nothing when there is none.
    pub(crate) fn relieve_background(data: &DataDir) -> Result<(), Failure> {
        let in_background = Whereabouts::read(data).is_some_and(|found| found.api.is_none());
        // The kernel says who serves the socket: a file may name a process id that somebody else has by now.
        let holder = UnixStream::connect(data.socket()).and_then(|stream| Ok(socket_peercred(&stream)?.pid));
        let (true, Ok(holder)) = (in_background, holder) else { return Ok(()) };
        tracing::info!(pid = holder.as_raw_nonzero().get(), "taking over from the service in the background");
        let told = kill_process(holder, Signal::TERM).map_err(std::io::Error::from);
        told.map_err(io_failure("end the service of", data.root()))?;
        let path = data.service_lock();
        open_private(&path)?.lock().map_err(io_failure("lock", &path))
    }
}

impl Whereabouts {
    /// What the service that used the directory last wrote; it may be gone.
    pub(crate) fn read(data: &DataDir) -> Option<Self> {
        Self::at(&data.service_file())
    }

    /// The same for a file of this kind.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes the file in one step: readers see the old one or the new one.
    pub(crate) fn write(&self, data: &DataDir) -> Result<(), Failure> {
        let path = data.service_file();
        let fresh = path.with_extension("json.new");
        let text = serde_json::to_string_pretty(self).map_err(Failure::internal)?;
        // A leftover of a crashed start would keep `create_new` from working; there is nothing in it to keep.
        let _ = std::fs::remove_file(&fresh);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&fresh).map_err(io_failure("write", &fresh))?;
        file.write_all(text.as_bytes()).map_err(io_failure("write", &fresh))?;
        std::fs::rename(&fresh, &path).map_err(io_failure("write", &path))
    }
}

/// Opens a file for its owner alone, made if it is not there.
pub(crate) fn open_private(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).open(path).map_err(io_failure("open", path))
}
