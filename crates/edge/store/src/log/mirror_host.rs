//! A mirror that logs upload to (C2SP tlog-mirror): its key, and the copy of each log in a folder of its own, named by the
//! hexadecimal SHA-256 of the log's origin. Each folder is laid out as the directory of a mirror that pulls.

use super::disk::{Disk, RealDisk};
use super::error::LogError;
use super::fence::Lock;
use super::keys;
use super::layout::{CHECKPOINT_FILE, COSIGNER_PUBLIC_KEY_FILE, MIRROR_PUBLIC_KEY_FILE, PUBLIC_KEY_FILE};
use super::mirror_intake::{Intake, MirrorReply, MirroredLog, Upload};
use super::tiles::open_plain;
use holdshort_ledger::{
    AddCheckpoint, Cosigner, CosignerAlgorithm, CosignerKey, Package, TileFile, UploadHeader, origin_digest,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What is handed out beside tiles and bundles.
const PUBLIC_FILES: [&str; 4] = [CHECKPOINT_FILE, PUBLIC_KEY_FILE, COSIGNER_PUBLIC_KEY_FILE, MIRROR_PUBLIC_KEY_FILE];

/// A mirror that is open. One process at a time.
#[derive(Debug)]
pub struct MirrorHost {
    cosigner: Cosigner,
    logs: BTreeMap<String, Intake>,
    _lock: Lock,
}

impl MirrorHost {
    /// Opens a mirror of these logs, or makes one. The private key lies elsewhere; it is made with this name when the mirror is
    /// new, and cosigns with ML-DSA-44.
    ///
    /// # Errors
    /// [`LogError::Locked`]; [`LogError::Key`], also when the key exists and the directory is gone: a mirror that forgot what
    /// it signed could sign another story; [`LogError::Damaged`] when what is stored does not lead to its checkpoint;
    /// [`LogError::Io`].
    pub fn open(directory: &Path, key_file: &Path, name: &str, logs: &[MirroredLog]) -> Result<Self, LogError> {
        Self::open_on(Arc::new(RealDisk), directory, (key_file, name), logs)
    }

    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        (key_file, name): (&Path, &str),
        logs: &[MirroredLog],
    ) -> Result<Self, LogError> {
        let wrong = |what| LogError::Key { file: key_file.to_owned(), what };
        if key_file.starts_with(directory) {
            return Err(wrong("the private key must not lie in the mirror's directory, which is handed out"));
        }
        disk.create_folder(directory).map_err(LogError::io("make", directory))?;
        let held = Lock::take(directory)?;
        let public = directory.join(MIRROR_PUBLIC_KEY_FILE);
        if key_file.exists() && !public.exists() {
            return Err(wrong(
                "is a key whose copies are gone: what was signed with it is not known any more; bring the directory back, or \
                 begin with a new key that verifiers have to be told of",
            ));
        }
        let cosigner = keys::cosigner(disk.as_ref(), key_file, &public, name, CosignerAlgorithm::MlDsa44)?;
        let mut known = BTreeMap::new();
        for log in logs {
            let origin = log.key.name().to_owned();
            if known.contains_key(&origin) {
                return Err(wrong("cannot mirror two logs of one name: each origin has one key"));
            }
            let folder = directory.join(origin_digest(&origin));
            let intake = Intake::open(Arc::clone(&disk), folder, log.clone(), cosigner.key())?;
            known.insert(origin, intake);
        }
        disk.sync_folder(directory).map_err(LogError::io("sync", directory))?;
        Ok(Self { cosigner, logs: known, _lock: held })
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &CosignerKey {
        self.cosigner.key()
    }

    /// The logs: origin, entries that are signed for, entries that are here.
    #[must_use]
    pub fn logs(&self) -> Vec<(&str, u64, u64)> {
        let mut logs = Vec::new();
        for (origin, log) in &self.logs {
            let (signed, here) = log.sizes();
            logs.push((origin.as_str(), signed, here));
        }
        logs
    }

    /// A public file of the copy of the log whose origin has this hexadecimal SHA-256: checkpoint, keys, tiles and bundles by
    /// their paths below the log's root. `None` for whatever is not one, or not there.
    ///
    /// # Errors
    /// When it is there and cannot be opened.
    pub fn open_file(&self, digest: &str, path: &str) -> io::Result<Option<File>> {
        let folder = self.logs.iter().find(|(origin, _)| origin_digest(origin) == digest).map(|(_, log)| log.folder());
        let Some(folder) = folder.filter(|_| PUBLIC_FILES.contains(&path) || TileFile::parse(path).is_ok()) else {
            return Ok(None);
        };
        match open_plain(&folder.join(path)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Answers a request `add-checkpoint`. Blocks for one write to the disk.
    #[must_use]
    pub fn add_checkpoint(&self, body: &[u8]) -> MirrorReply {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return MirrorReply::Malformed(error.to_string()),
        };
        match self.logs.get(request.origin()) {
            Some(log) => log.add_checkpoint(&request),
            None => MirrorReply::UnknownLog,
        }
    }

    /// Begins a request `add-entries`, as far as its header goes. Nothing is read or written.
    ///
    /// # Errors
    /// The answer, when it cannot go on.
    pub fn begin(&self, header: &UploadHeader) -> Result<Upload, MirrorReply> {
        self.logs.get(&header.origin).ok_or(MirrorReply::UnknownLog)?.begin(header)
    }

    /// Verifies the next package of an upload, and stores what is new of it. Blocks.
    ///
    /// # Errors
    /// The answer, when it cannot go on.
    pub fn take(&self, upload: &mut Upload, package: &Package) -> Result<(), MirrorReply> {
        self.logs.get(upload.origin()).ok_or(MirrorReply::UnknownLog)?.take(upload, package)
    }

    /// The answer to an upload whose body ended in the middle, or stopped coming. Blocks.
    #[must_use]
    pub fn end_early(&self, upload: &Upload) -> MirrorReply {
        self.logs.get(upload.origin()).map_or(MirrorReply::UnknownLog, |log| log.end_early(upload))
    }

    /// The answer to an upload that came to the end of its body: with a cosignature once all is here. `time_s` is now, in
    /// seconds since 1970. Blocks.
    #[must_use]
    pub fn finish(&self, upload: &Upload, time_s: u64) -> MirrorReply {
        let log = self.logs.get(upload.origin());
        log.map_or(MirrorReply::UnknownLog, |log| log.finish(upload, &self.cosigner, time_s))
    }
}

#[cfg(test)]
#[path = "mirror_host_tests.rs"]
mod tests;
