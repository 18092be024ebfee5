//! What is remembered over a restart of what people were told about witnesses: `witnesses.json` in the data directory.
//!
//! INVARIANT: nothing but messages to people rests on it. Lost or damaged, it costs one that is told again.

use super::witness_alarms::Told;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was told, and what is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// Since when witnesses are asked, in milliseconds since 1970, as long as no checkpoint has met the quorum.
    pub(crate) asked_ms: Option<u64>,
    /// Whether people were told that the quorum is not met, and not yet that it is again.
    pub(crate) late: bool,
    /// What was told of the contradictions of each witness, by its key and address.
    pub(crate) told: BTreeMap<String, Told>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    path: PathBuf,
    stored: Memory,
}

impl MemoryFile {
    /// Reads the file, as far as there is one.
    pub(crate) fn open(path: PathBuf) -> Self {
        let stored = match read(&path) {
            Ok(memory) => memory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "what people were told of witnesses is not known any more");
                Memory::default()
            }
        };
        Self { path, stored }
    }

    /// What is in it.
    pub(crate) fn memory(&self) -> &Memory {
        &self.stored
    }

    /// Replaces what is in it, when that is something else.
    pub(crate) async fn keep(&mut self, memory: Memory) {
        if memory == self.stored {
            return;
        }
        // Tried once: on a disk that takes nothing it would be tried for ever.
        self.stored = memory.clone();
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &memory)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(%error, file = %self.path.display(), "what people were told of witnesses is not kept");
        }
    }
}

fn read(path: &PathBuf) -> io::Result<Memory> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// All of it is there afterwards, or what was there before.
fn write(path: &PathBuf, memory: &Memory) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec(memory)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_told_is_known_after_a_restart_and_damage_costs_nothing_but_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witnesses.json");
        let mut file = MemoryFile::open(path.clone());
        assert_eq!(file.memory(), &Memory::default());
        let memory = Memory { asked_ms: Some(7), late: true, told: BTreeMap::new() };
        file.keep(memory.clone()).await;
        assert_eq!(MemoryFile::open(path.clone()).memory(), &memory);
        fs::write(&path, "{").unwrap();
        assert_eq!(MemoryFile::open(path).memory(), &Memory::default());
    }
}
