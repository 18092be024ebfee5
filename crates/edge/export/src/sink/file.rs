//! Lines at the end of a file, which is put aside when it is large enough.

use crate::error::{ExportError, Failed};
use crate::format::{Item, Payload};
use crate::otlp;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How much is read at once when the end of the last whole line is looked for, in bytes.
const LOOK_BYTES: u64 = 64 << 10;

/// When the next file is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A file that has so many bytes is put aside.
    pub bytes_max: u64,
    /// So many files are kept beside the one that is written: `NAME.1` is the newest.
    pub files_kept: u32,
}

pub(super) struct File {
    path: PathBuf,
    rotation: Rotation,
    open: Option<fs::File>,
}

impl File {
    pub(super) fn new(path: PathBuf, rotation: Rotation) -> Result<Self, ExportError> {
        if path.file_name().is_none() { Err(ExportError::Path(path)) } else { Ok(Self { path, rotation, open: None }) }
    }

    /// Gives the bytes that were written.
    pub(super) fn send(&mut self, items: &[Item]) -> Result<usize, Failed> {
        let written = self.write(&text(items));
        if written.is_err() {
            // What the file holds is looked at again.
            self.open = None;
        }
        written.map_err(|error| failed(&error))
    }

    pub(super) fn settle(&mut self) -> Result<(), Failed> {
        self.open.as_ref().map_or(Ok(()), fs::File::sync_data).map_err(|error| failed(&error))
    }

    fn write(&mut self, text: &str) -> io::Result<usize> {
        if self.open.as_ref().is_some_and(|file| !is_at(file, &self.path)) {
            // Somebody else put it aside: what was written there stays, and has to be on disk like the rest.
            self.settle_and_close()?;
        }
        let mut file = match self.open.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        // Somebody else may have cut it.
        let mut bytes = file.metadata()?.len();
        if bytes >= self.rotation.bytes_max {
            self.open = Some(file);
            self.rotate()?;
            file = open(&self.path)?;
            bytes = 0;
        }
        if let Err(error) = file.write_all(text.as_bytes()) {
            // On a full disk every attempt would leave a part of the batch behind.
            if file.metadata().is_ok_and(|now| now.len() > bytes) {
                let _ = file.set_len(bytes);
            }
            return Err(error);
        }
        self.open = Some(file);
        Ok(text.len())
    }

    fn settle_and_close(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |file| file.sync_data())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.settle_and_close()?;
        let aside = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.rotation.files_kept == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.rotation.files_kept).rev() {
            match fs::rename(aside(number), aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, aside(1))
    }
}

/// Whether the open file is the one that stands at the path.
fn is_at(file: &fs::File, path: &Path) -> bool {
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().map(id).ok().zip(fs::metadata(path).map(id).ok()).is_some_and(|(open, named)| open == named)
}

// A line that a crash tore is cut off: its record comes again, since the cursor was not behind it yet.
fn open(path: &Path) -> io::Result<fs::File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let from = end.saturating_sub(LOOK_BYTES);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        io::Read::by_ref(&mut file).take(end - from).read_to_end(&mut bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            end = from + at as u64 + 1;
            break;
        }
        end = from;
    }
    if end < file.metadata()?.len() {
        file.set_len(end)?;
    }
    Ok(file)
}

/// Items as lines, each with its end.
#[must_use]
pub fn text(items: &[Item]) -> String {
    let mut text = String::new();
    let (mut logs, mut spans) = (Vec::new(), Vec::new());
    for item in items {
        match &item.payload {
            Payload::Json(line) | Payload::Cef { line, .. } => {
                text.push_str(line);
                text.push('\n');
            }
            Payload::Otlp(parts) => {
                logs.extend(parts.0.as_ref());
                spans.extend(&parts.1);
            }
        }
    }
    for line in otlp::lines(&logs, &spans) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn failed(error: &io::Error) -> Failed {
    Failed::Later { error: format!("cannot be written: {}", error.kind()), retry_after_s: None }
}
