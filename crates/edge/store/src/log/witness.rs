//! The state of a witness: for each log that it knows, the checkpoint that it cosigned last, in a place that the log's keeper
//! cannot write to.
//!
//! Below the witness's directory each log has a folder, named by the SHA-256 of its origin: `checkpoint` is what was cosigned
//! last, `contradiction` the first checkpoint that the log also signed for a size that was cosigned with another root, and
//! `refused/` holds the first ones that came with a proof which does not lead to them.
//!
//! INVARIANT: comparing with the stored checkpoint and storing the new one are one step under the log's lock, and a cosignature
//! leaves only after its checkpoint is durable. A failed write ends the log's service until the witness is started again:
//! what the disk holds then is read anew.

use super::disk::{Disk, RealDisk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::fence::Lock;
use super::keys;
use super::layout::{CHECKPOINT_FILE, CONTRADICTION_FILE};
use super::tiles::read_bounded;
use holdshort_ledger::{
    AddCheckpoint, Checkpoint, Cosigner, CosignerAlgorithm, CosignerKey, Judgement, NOTE_BYTES_MAX, Note,
    NoteSignature, VerifierKey, WitnessError, cosignature_lines, judge, origin_digest,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The Ed25519 key of a witness, in its directory.
pub const WITNESS_PUBLIC_KEY_FILE: &str = "witness.pub";
/// The ML-DSA-44 key of a witness, in its directory.
pub const WITNESS_MLDSA_PUBLIC_KEY_FILE: &str = "witness.mldsa.pub";

const REFUSED_DIRECTORY: &str = "refused";
/// Most checkpoints with bad proofs that are kept of one log. The first ones: later ones cannot push them out.
const REFUSED_MAX: usize = 64;

/// A witness that is open. One process at a time.
#[derive(Debug)]
pub struct Witness {
    disk: Box<dyn Disk>,
    cosigners: Vec<Cosigner>,
    logs: BTreeMap<String, Followed>,
    lock: Lock,
}

#[derive(Debug)]
struct Followed {
    key: VerifierKey,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stored: Option<(Note, Checkpoint)>,
    /// Time of the latest cosignature, in seconds since 1970.
    cosigned_s: u64,
    /// A write failed: it is not known what the disk holds.
    poisoned: bool,
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessReply {
    /// 200: the lines with its cosignatures. The checkpoint is durable.
    Cosigned(String),
    /// 400: not a request, or an old size larger than the checkpoint's.
    Malformed(String),
    /// 403: the log did not sign it.
    Unsigned,
    /// 404: nobody told the witness of this log.
    UnknownLog,
    /// 409: what was cosigned last has this size; 0 = nothing was.
    Outdated(u64),
    /// 422: it does not continue what was cosigned last. `contradiction`: the log signed two trees of one size.
    Refused {
        /// Size that was cosigned last.
        known: u64,
        /// Whether that is proved.
        contradiction: bool,
    },
    /// 503: nothing is cosigned now.
    Unavailable(&'static str),
}

impl Witness {
    /// Opens a witness of these logs, or makes one. `key_file` is the private Ed25519 key; that of ML-DSA-44 stands beside it.
    /// Both are made with this name when the witness is new.
    ///
    /// # Errors
    /// [`LogError::Locked`]; [`LogError::Key`], also when the keys exist and the state is gone: a witness that forgot what it
    /// cosigned could cosign another story; [`LogError::Damaged`] when what is stored was not cosigned by it; [`LogError::Io`].
    pub fn open(directory: &Path, key_file: &Path, name: &str, logs: &[VerifierKey]) -> Result<Self, LogError> {
        Self::open_on(Box::new(RealDisk), directory, (key_file, name), logs)
    }

    fn open_on(
        disk: Box<dyn Disk>,
        directory: &Path,
        (key_file, name): (&Path, &str),
        logs: &[VerifierKey],
    ) -> Result<Self, LogError> {
        let wrong = |what| LogError::Key { file: key_file.to_owned(), what };
        if key_file.starts_with(directory) {
            return Err(wrong("the private key must not lie in the witness's directory, which is handed out"));
        }
        disk.create_folder(directory).map_err(LogError::io("make", directory))?;
        let held = Lock::take(directory)?;
        let public = directory.join(WITNESS_PUBLIC_KEY_FILE);
        if key_file.exists() && !public.exists() {
            return Err(wrong(
                "is a key whose state is gone: what was cosigned with it is not known any more; bring the directory back, or \
                 begin with a new key that verifiers have to be told of",
            ));
        }
        let classic = keys::cosigner(disk.as_ref(), key_file, &public, name, CosignerAlgorithm::Ed25519)?;
        let public = directory.join(WITNESS_MLDSA_PUBLIC_KEY_FILE);
        let (file, algorithm) = (key_file.with_extension("mldsa.key"), CosignerAlgorithm::MlDsa44);
        let cosigners = vec![classic, keys::cosigner(disk.as_ref(), &file, &public, name, algorithm)?];
        let mut followed = BTreeMap::new();
        for key in logs {
            let folder = directory.join(origin_digest(key.name()));
            disk.create_folder(&folder).map_err(LogError::io("make", &folder))?;
            disk.sync_folder(directory).map_err(LogError::io("sync", directory))?;
            let state = Mutex::new(stored(&folder, key, &cosigners)?);
            let known = Followed { key: key.clone(), folder, state };
            if followed.insert(key.name().to_owned(), known).is_some() {
                return Err(wrong("cannot cosign two logs of one name: each origin has one key"));
            }
        }
        Ok(Self { disk, cosigners, logs: followed, lock: held })
    }

    /// The public keys: Ed25519 and ML-DSA-44.
    #[must_use]
    pub fn keys(&self) -> Vec<&CosignerKey> {
        self.cosigners.iter().map(Cosigner::key).collect()
    }

    /// The logs that are known, with the size that was cosigned last; 0 = nothing yet.
    #[must_use]
    pub fn logs(&self) -> Vec<(&str, u64)> {
        let size = |log: &Followed| log.lock().stored.as_ref().map_or(0, |(_, stored)| stored.size);
        self.logs.iter().map(|(origin, log)| (origin.as_str(), size(log))).collect()
    }

    /// What was cosigned last for the log whose origin has this hexadecimal SHA-256.
    #[must_use]
    pub fn checkpoint(&self, digest: &str) -> Option<String> {
        let (_, log) = self.logs.iter().find(|(origin, _)| origin_digest(origin) == digest)?;
        log.lock().stored.as_ref().map(|(note, _)| note.to_string())
    }

    /// Answers a request `add-checkpoint`. Blocks for one write to the disk. `time_s` is now, in seconds since 1970.
    #[must_use]
    pub fn add(&self, body: &[u8], time_s: u64) -> WitnessReply {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return WitnessReply::Malformed(error.to_string()),
        };
        let Some(log) = self.logs.get(request.origin()) else { return WitnessReply::UnknownLog };
        let mut state = log.lock();
        let stored = state.stored.as_ref().map(|(_, stored)| stored);
        match judge(stored, &log.key, &request) {
            Judgement::Unsigned => WitnessReply::Unsigned,
            Judgement::Backwards => {
                WitnessReply::Malformed("the old size is larger than that of the checkpoint".to_owned())
            }
            Judgement::Outdated { known, contradiction } => {
                if contradiction {
                    self.keep_contradiction(log, &request.note);
                }
                WitnessReply::Outdated(known)
            }
            Judgement::Contradiction => {
                self.keep_contradiction(log, &request.note);
                WitnessReply::Refused { known: stored.map_or(0, |stored| stored.size), contradiction: true }
            }
            Judgement::Unproved => {
                self.keep_refused(log, &request.note);
                WitnessReply::Refused { known: stored.map_or(0, |stored| stored.size), contradiction: false }
            }
            Judgement::Cosign(_) if state.poisoned => {
                WitnessReply::Unavailable("the disk failed; start the witness again")
            }
            Judgement::Cosign(_) if time_s == 0 => WitnessReply::Unavailable("the clock is not set"),
            // A time that was signed is not taken back, and none is signed that the clock does not show.
            Judgement::Cosign(_) if time_s < state.cosigned_s => {
                WitnessReply::Unavailable("the clock is behind the latest cosignature")
            }
            Judgement::Cosign(found) => match self.cosign(log, &request.note, time_s) {
                Ok((note, lines)) => {
                    *state = State { stored: Some((note, found)), cosigned_s: time_s, poisoned: false };
                    WitnessReply::Cosigned(lines)
                }
                Err(error) => {
                    tracing::error!(%error, origin = log.key.name(), "a checkpoint cannot be stored; the log is cosigned no more");
                    state.poisoned = true;
                    WitnessReply::Unavailable("the checkpoint cannot be stored")
                }
            },
        }
    }

    /// Stores the checkpoint with our cosignatures, and gives their lines. What others signed is not kept.
    fn cosign(&self, log: &Followed, note: &Note, time_s: u64) -> Result<(Note, String), LogError> {
        // Once: a note may have so many copies of the line that there is no room for ours.
        let mut kept = false;
        let own = |one: &NoteSignature| one.name == log.key.name() && one.id == log.key.id();
        let mut note = note.retaining(|one| own(one) && !std::mem::replace(&mut kept, true));
        for cosigner in &self.cosigners {
            cosigner.cosign(&mut note, time_s).map_err(|_| LogError::Key {
                file: log.folder.join(CHECKPOINT_FILE),
                what: "cannot be cosigned: its origin or our name is too long",
            })?;
        }
        // Whoever took the state over meanwhile, on a machine with locks of its own or after the lock file was removed, may have
        // cosigned something else: two of us would be two stories.
        self.lock.check_contents()?;
        let path = log.folder.join(CHECKPOINT_FILE);
        // If we crash before this is done, nothing was answered and the old checkpoint stands. After it, the log asks again
        // and is cosigned again at the same size.
        write_whole(self.disk.as_ref(), &path, note.to_string().as_bytes(), 0o644)
            .map_err(LogError::io("write", &path))?;
        let lines = cosignature_lines(&note, self.cosigners.len());
        Ok((note, lines))
    }

    /// Keeps the first checkpoint that proves that the log told two stories. The answer does not depend on it.
    fn keep_contradiction(&self, log: &Followed, note: &Note) {
        let path = log.folder.join(CONTRADICTION_FILE);
        tracing::error!(origin = log.key.name(), evidence = %path.display(), "the log signed two trees of one size");
        if !path.exists() {
            self.keep(&path, note);
        }
    }

    fn keep_refused(&self, log: &Followed, note: &Note) {
        let Ok(found) = Checkpoint::parse_text(note.text()) else { return };
        let folder = log.folder.join(REFUSED_DIRECTORY);
        let root = found.root.to_string();
        let path = folder.join(format!("{:020}-{}", found.size, root.get(..16).unwrap_or_default()));
        tracing::error!(
            origin = log.key.name(), size = found.size, root, evidence = %path.display(),
            "a checkpoint that the log signed does not continue what was cosigned, or its proof is wrong"
        );
        let kept = std::fs::read_dir(&folder).map_or(0, Iterator::count);
        if kept < REFUSED_MAX && !path.exists() && self.disk.create_folder(&folder).is_ok() {
            self.keep(&path, note);
        }
    }

    fn keep(&self, path: &Path, note: &Note) {
        if let Err(error) = write_whole(self.disk.as_ref(), path, note.to_string().as_bytes(), 0o644) {
            tracing::error!(%error, evidence = %path.display(), "evidence cannot be stored");
        }
    }
}

impl Followed {
    /// One request of a log after the other. A thread that panicked left what is on the disk untouched or complete.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was cosigned last for a log, as it is on the disk.
fn stored(folder: &Path, key: &VerifierKey, cosigners: &[Cosigner]) -> Result<State, LogError> {
    let path = folder.join(CHECKPOINT_FILE);
    if !path.exists() {
        return Ok(State::default());
    }
    let wrong = |wrong: String| Damage::new(path.display().to_string(), 0, None, Wrong::Checkpoint(wrong));
    let bytes = read_bounded(&path, u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX))
        .map_err(|error| Damage::unreadable(path.display().to_string(), &error))?;
    let note = Note::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let checkpoint = Checkpoint::of_note(&note, key).map_err(|error| wrong(error.to_string()))?;
    let mut cosigned_s = 0;
    for cosigner in cosigners {
        let time_s = cosigner.key().verify(&note).map_err(|error| wrong(WitnessError::from(error).to_string()))?;
        cosigned_s = cosigned_s.max(time_s);
    }
    Ok(State { stored: Some((note, checkpoint)), cosigned_s, poisoned: false })
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
