//! One log of a mirror that is uploaded to (C2SP tlog-mirror): pending checkpoints, pending entries, and the checkpoint that is
//! signed once they are all here.
//!
//! | if we crash | what is left | what follows |
//! |---|---|---|
//! | before `pending` has its name | the old pending checkpoint; nothing was answered | the log submits again |
//! | between two bundles | full bundles, each proved before it was written | taken up at the next start; uploads go on there |
//! | while a bundle is written | a temporary file, or a bundle without its tile | not taken up; uploaded again |
//! | before `checkpoint` has its name | all entries, the old checkpoint; no cosignature left | the empty rest is uploaded, and signed |
//! | after it | the new checkpoint | it is answered again with the same cosignature |
//!
//! INVARIANT: an entry is stored only after a proof that it stands at its index in a pending checkpoint, and each pending
//! checkpoint continues the one before, which was durable first: so all entries are of one history, whoever sent them.
//! The cosignature comes last, over entries that are durable, and after the root that they lead to was compared. A failed
//! write ends the log's service until the mirror is started again: what the disk holds then is read anew.

use super::disk::{Disk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::fence::Lock;
use super::keys;
use super::layout::{
    CHECKPOINT_FILE, CONTRADICTION_FILE, COSIGNER_PUBLIC_KEY_FILE, MIRROR_PUBLIC_KEY_FILE, PENDING_FILE,
    PUBLIC_KEY_FILE,
};
use super::mirror_kept::{PENDING_KEPT, keep_key, mirrored, pending, remove_confirmed};
use super::mirror_stock::Stock;
use holdshort_ledger::{
    AddCheckpoint, Checkpoint, Cosigner, CosignerKey, Hash, Judgement, MirrorInfo, Note, Package, UploadHeader,
    VerifierKey, append_note, cosignature_lines, decode_bundle, judge,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far before the first missing entry an upload may begin: what one request holds.
const OVERLAP_MAX: u64 = 32 * 256;
/// Bytes that stay free on the disk: below it nothing is taken.
const KEEP_FREE: u64 = 64 << 20;
const REFUSED_DIRECTORY: &str = "refused";
/// Most checkpoints with bad proofs that are kept. The first ones: later ones cannot push them out.
const REFUSED_MAX: usize = 64;

/// What a mirror answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorReply {
    /// 200 to `add-checkpoint`: it is pending, durably. There is no cosignature before the entries are here.
    Pending,
    /// 200 to `add-entries`: the line with the mirror's cosignature. Entries and checkpoint are durable.
    Cosigned(String),
    /// 202: these packages are stored, more are missing.
    Partial(MirrorInfo),
    /// 400: not a request.
    Malformed(String),
    /// 403: the log did not sign it.
    Unsigned,
    /// 404: nobody told the mirror of this log.
    UnknownLog,
    /// 409 to `add-checkpoint`: the pending checkpoint has this size; 0 = there is none.
    Outdated(u64),
    /// 409 to `add-entries`: the place to go on from is another one.
    Elsewhere(MirrorInfo),
    /// 422 to `add-checkpoint`: it does not continue what is pending. `contradiction`: the log signed two trees of one size.
    Refused {
        /// Size of the pending checkpoint.
        known: u64,
        /// Whether that is proved.
        contradiction: bool,
    },
    /// 422 to `add-entries`: the package that begins with this entry is not what the checkpoint covers.
    Unproved(u64),
    /// 503: nothing is taken now.
    Unavailable(&'static str),
}

/// A log that a mirror takes uploads of.
#[derive(Clone, Debug)]
pub struct MirroredLog {
    /// Its key; the name is its origin.
    pub key: VerifierKey,
    /// With what it cosigns its own checkpoints; when this is known, every checkpoint has to have it.
    pub cosigner: Option<CosignerKey>,
}

/// An upload that was begun: what its packages are proved against, and how many there were.
#[derive(Debug)]
pub struct Upload {
    checkpoint: Checkpoint,
    packages: u64,
    reached: u64,
}

impl Upload {
    /// Name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }
}

/// The copy of one log.
#[derive(Debug)]
pub(super) struct Intake {
    disk: Arc<dyn Disk>,
    log: MirroredLog,
    folder: PathBuf,
    state: Mutex<State>,
    lock: Lock,
}

#[derive(Debug)]
struct State {
    stock: Stock,
    /// What is served, with our cosignature, and its time.
    mirrored: Option<(Note, Checkpoint, u64)>,
    /// Oldest first.
    pending: Vec<(Note, Checkpoint)>,
    /// Entries up to which refused checkpoints were compared with ours.
    confirmed: u64,
    /// A write failed: it is not known what the disk holds.
    poisoned: bool,
}

impl Intake {
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        mut log: MirroredLog,
        cosigner: &CosignerKey,
    ) -> Result<Self, LogError> {
        disk.create_folder(&folder).map_err(LogError::io("make", &folder))?;
        let held = Lock::take(&folder)?;
        let of_another = |file: &Path, what| Err(LogError::Key { file: file.to_owned(), what });
        if let Some(known) = keep_key(disk.as_ref(), &folder.join(PUBLIC_KEY_FILE), &log.key.to_string())?
            && known != log.key.to_string()
        {
            return of_another(&folder.join(PUBLIC_KEY_FILE), "is the key of another log: a directory mirrors one log");
        }
        let public = folder.join(MIRROR_PUBLIC_KEY_FILE);
        if keep_key(disk.as_ref(), &public, &cosigner.to_string())?.is_some_and(|known| known != cosigner.to_string()) {
            return of_another(&public, "is another mirror's key: what it signed is not ours to continue");
        }
        let public = folder.join(COSIGNER_PUBLIC_KEY_FILE);
        match &log.cosigner {
            Some(key) if key.name() != log.key.name() => {
                return of_another(&public, "would be a key of another name than the log's");
            }
            Some(key) => {
                let known = keep_key(disk.as_ref(), &public, &key.to_string())?;
                if known.is_some_and(|known| known != key.to_string()) {
                    return of_another(&public, "is another key than the one that was given for the log");
                }
            }
            None if public.exists() => {
                let wrong = |_| LogError::Key { file: public.clone(), what: "is not a cosigner's key" };
                log.cosigner = Some(CosignerKey::parse(keys::read_bounded(&public)?.trim_end()).map_err(wrong)?);
            }
            None => {}
        }
        let mirrored = mirrored(&folder, &log.key, cosigner)?;
        let size = mirrored.as_ref().map_or(0, |(_, checkpoint, _)| checkpoint.size);
        let mut stock = Stock::open(Arc::clone(&disk), &folder, size)?;
        if let Some((_, checkpoint, _)) = &mirrored
            && stock.root_at(size)? != checkpoint.root
        {
            let wrong = Wrong::Root { expected: checkpoint.root.to_string(), found: stock.root_at(size)?.to_string() };
            return Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong).into());
        }
        let mut pending = pending(&folder, &log.key)?;
        match (&mirrored, pending.last()) {
            // It was followed by pulling so far.
            (Some((note, checkpoint, _)), None) => pending.push((note.clone(), checkpoint.clone())),
            (Some((_, checkpoint, _)), Some((_, newest))) if newest.size < checkpoint.size => {
                let wrong = Wrong::Checkpoint("the pending one is older than what was signed".to_owned());
                return Err(Damage::new(PENDING_FILE, 0, None, wrong).into());
            }
            _ => {}
        }
        stock.take_up()?;
        stock.flush()?;
        // More than any checkpoint covers was proved by none that is known: nobody may rely on it.
        if stock.size() > pending.last().map_or(0, |(_, newest)| newest.size) {
            Stock::discard(disk.as_ref(), &folder, size)?;
            stock = Stock::open(Arc::clone(&disk), &folder, size)?;
        }
        let state = Mutex::new(State { stock, mirrored, pending, confirmed: 0, poisoned: false });
        Ok(Self { disk, log, folder, state, lock: held })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Entries that are signed for, and entries that are here.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let state = self.state();
        (state.mirrored_size(), state.stock.size())
    }

    /// Answers `add-checkpoint`.
    pub(super) fn add_checkpoint(&self, request: &AddCheckpoint) -> MirrorReply {
        let mut state = self.state();
        let known = state.newest().map(|(_, checkpoint)| checkpoint.clone());
        let known_size = known.as_ref().map_or(0, |known| known.size);
        let judgement = judge(known.as_ref(), &self.log.key, request);
        // What the log did not sign with all of its keys is no evidence either.
        if self.log.cosigner.as_ref().is_some_and(|key| key.verify(&request.note).is_err()) {
            return MirrorReply::Unsigned;
        }
        match judgement {
            Judgement::Unsigned => MirrorReply::Unsigned,
            Judgement::Backwards => {
                MirrorReply::Malformed("the old size is larger than that of the checkpoint".to_owned())
            }
            Judgement::Outdated { known, contradiction } => {
                if contradiction || self.contradicts(&mut state, &request.note) {
                    self.keep_contradiction(&request.note);
                }
                MirrorReply::Outdated(known)
            }
            Judgement::Contradiction => {
                self.keep_contradiction(&request.note);
                MirrorReply::Refused { known: known_size, contradiction: true }
            }
            Judgement::Unproved => {
                self.keep_refused(&mut state, &request.note);
                MirrorReply::Refused { known: known_size, contradiction: false }
            }
            Judgement::Cosign(_) if state.poisoned => MirrorReply::Unavailable(POISONED),
            Judgement::Cosign(found) if known.as_ref() == Some(&found) => MirrorReply::Pending,
            Judgement::Cosign(found) => match self.keep_pending(&state.pending, &request.note, found) {
                Ok(pending) => {
                    state.pending = pending;
                    MirrorReply::Pending
                }
                Err(error) => state.poison(&error, self.log.key.name()),
            },
        }
    }

    /// Begins an upload, as far as its header goes.
    pub(super) fn begin(&self, header: &UploadHeader) -> Result<Upload, MirrorReply> {
        let state = self.state();
        if state.poisoned {
            return Err(MirrorReply::Unavailable(POISONED));
        }
        let found = state.pending.iter().find(|(_, checkpoint)| checkpoint.size == header.end);
        let Some((_, checkpoint)) = found.filter(|_| header.end >= state.mirrored_size()) else {
            return Err(MirrorReply::Elsewhere(state.info(None)));
        };
        let next = state.stock.size();
        let is_late = header.start > next || header.start.saturating_add(OVERLAP_MAX) < next.min(header.end);
        if is_late {
            return Err(MirrorReply::Elsewhere(state.info(Some(header.end))));
        }
        Ok(Upload { checkpoint: checkpoint.clone(), packages: 0, reached: header.start })
    }

    /// Verifies the next package of an upload, and stores what is new of it.
    pub(super) fn take(&self, upload: &mut Upload, package: &Package) -> Result<(), MirrorReply> {
        let range = package.range;
        let Some(subtree) = range.subtree() else { return Err(MirrorReply::Unproved(range.start)) };
        let before = self.state().leaves(subtree.start(), range.start, self.log.key.name())?;
        let (leaves, checkpoint) = (package.leaves(), &upload.checkpoint);
        // Without the lock: hashing is most of the work, and needs nothing of ours.
        if package.verify(&before, &leaves, (checkpoint.size, &checkpoint.root)).is_err() {
            return Err(MirrorReply::Unproved(range.start));
        }
        let entries = decode_bundle(&package.bundle, range.count()).map_err(|_| MirrorReply::Unproved(range.start))?;
        self.check_room()?;
        let mut state = self.state();
        if state.poisoned {
            return Err(MirrorReply::Unavailable(POISONED));
        }
        // Somebody else may have stored them meanwhile: then they are the same, since both were proved.
        let next = state.stock.size();
        let Some(known) = next.checked_sub(range.start) else {
            return Err(MirrorReply::Elsewhere(state.info(Some(checkpoint.size))));
        };
        let fresh = entries.into_iter().skip(usize::try_from(known).unwrap_or(usize::MAX));
        for entry in fresh {
            if let Err(error) = state.stock.push(entry) {
                return Err(state.poison(&error, self.log.key.name()));
            }
        }
        (upload.packages, upload.reached) = (upload.packages.saturating_add(1), range.end);
        Ok(())
    }

    /// Ends an upload whose body ended here, whole or not.
    pub(super) fn end_early(&self, upload: &Upload) -> MirrorReply {
        if upload.packages == 0 {
            return MirrorReply::Malformed("no package of entries came as a whole".to_owned());
        }
        let mut state = self.state();
        if state.poisoned {
            return MirrorReply::Unavailable(POISONED);
        }
        // What is advertised is durable.
        match state.stock.flush() {
            Ok(()) => MirrorReply::Partial(state.info(Some(upload.checkpoint.size))),
            Err(error) => state.poison(&error, self.log.key.name()),
        }
    }

    /// Signs the checkpoint of an upload that is whole. `time_s` is now, in seconds since 1970.
    pub(super) fn finish(&self, upload: &Upload, cosigner: &Cosigner, time_s: u64) -> MirrorReply {
        let (wanted, origin) = (&upload.checkpoint, self.log.key.name());
        if upload.reached != wanted.size {
            return self.end_early(upload);
        }
        let mut guard = self.state();
        let state = &mut *guard;
        if state.poisoned {
            return MirrorReply::Unavailable(POISONED);
        }
        if wanted.size < state.mirrored_size() || state.stock.size() < wanted.size {
            return MirrorReply::Elsewhere(state.info(None));
        }
        // INVARIANT: one size has one root among pending checkpoints, so this is the very checkpoint that was asked for.
        if let Some((note, _, _)) = state.mirrored.as_ref().filter(|(_, checkpoint, _)| checkpoint == wanted) {
            return MirrorReply::Cosigned(cosignature_lines(note, 1));
        }
        if time_s == 0 {
            return MirrorReply::Unavailable("the clock is not set");
        }
        // A time that was signed is not taken back, and none is signed that the clock does not show.
        if state.mirrored.as_ref().is_some_and(|(_, _, signed_s)| time_s < *signed_s) {
            return MirrorReply::Unavailable("the clock is behind the latest cosignature");
        }
        let Some((note, _)) = state.pending.iter().find(|(_, checkpoint)| checkpoint == wanted) else {
            return MirrorReply::Elsewhere(state.info(None));
        };
        let mut note = note.clone();
        match state.stock.root_at(wanted.size) {
            Ok(root) if root == wanted.root => {}
            Ok(root) => {
                tracing::error!(origin, size = wanted.size, %root, "stored entries are not what was proved: they are uploaded again");
                return self.start_over(state);
            }
            Err(error) => return state.poison(&error, origin),
        }
        // Whoever took the folder over meanwhile, on a machine with locks of its own or after the lock file was removed, may have
        // signed something else: two of us would be two stories.
        if let Err(error) = self.lock.check_contents() {
            return state.poison(&error, origin);
        }
        if cosigner.cosign(&mut note, time_s).is_err() {
            return MirrorReply::Unavailable("the checkpoint cannot be cosigned: its origin or our name is too long");
        }
        if let Err(error) = state.stock.store(wanted.size, &note.to_string()) {
            return state.poison(&error, origin);
        }
        let lines = cosignature_lines(&note, 1);
        state.mirrored = Some((note, wanted.clone(), time_s));
        MirrorReply::Cosigned(lines)
    }

    /// Forgets pending entries: the disk does not give back what was written to it.
    fn start_over(&self, state: &mut State) -> MirrorReply {
        let size = state.mirrored_size();
        let again = Stock::discard(self.disk.as_ref(), &self.folder, size)
            .and_then(|()| Ok(Stock::open(Arc::clone(&self.disk), &self.folder, size)?));
        match again {
            Ok(stock) => {
                state.stock = stock;
                MirrorReply::Unavailable("stored entries were damaged; they have to be uploaded again")
            }
            Err(error) => state.poison(&error, self.log.key.name()),
        }
    }

    fn check_room(&self) -> Result<(), MirrorReply> {
        match self.disk.free_bytes(&self.folder) {
            Ok(free) if free >= KEEP_FREE => Ok(()),
            Ok(_) => Err(MirrorReply::Unavailable("the mirror's disk is nearly full")),
            Err(_) => Err(MirrorReply::Unavailable("the mirror's disk cannot be looked at")),
        }
    }

    /// Stores a checkpoint as the newest pending one. What others signed is not kept.
    fn keep_pending(
        &self,
        known: &[(Note, Checkpoint)],
        note: &Note,
        found: Checkpoint,
    ) -> Result<Vec<(Note, Checkpoint)>, LogError> {
        // Each once: a note may have so many copies of a line that there is no room for ours.
        let mut ids = vec![self.log.key.id()];
        ids.extend(self.log.cosigner.iter().map(CosignerKey::id));
        let note = note.retaining(|one| {
            let at = ids.iter().position(|id| *id == one.id).filter(|_| one.name == self.log.key.name());
            at.map(|at| ids.swap_remove(at)).is_some()
        });
        let mut pending: Vec<_> = known.iter().filter(|(_, before)| before.size != found.size).cloned().collect();
        pending.push((note, found));
        pending.drain(..pending.len().saturating_sub(PENDING_KEPT));
        let text: String = pending.iter().map(|(note, _)| append_note(note, false)).collect();
        self.lock.check_contents()?;
        let path = self.folder.join(PENDING_FILE);
        // If we crash before this is done, nothing was answered and the old ones stand.
        write_whole(self.disk.as_ref(), &path, text.as_bytes(), 0o644).map_err(LogError::io("write", &path))?;
        Ok(pending)
    }

    /// Whether a checkpoint that the log signed is of another tree than the entries that are here.
    fn contradicts(&self, state: &mut State, note: &Note) -> bool {
        let Ok(found) = Checkpoint::of_note(note, &self.log.key) else { return false };
        let pending = state.pending.iter().find(|(_, known)| known.size == found.size);
        if let Some((_, known)) = pending {
            return known.root != found.root;
        }
        self.root_at(state, found.size).is_some_and(|root| root != found.root)
    }

    /// The root over the first `size` entries, for what decides nothing; `None` where that is not known.
    fn root_at(&self, state: &mut State, size: u64) -> Option<Hash> {
        if size > state.stock.size() || state.poisoned {
            return None;
        }
        // Whoever asks about an old checkpoint may be the one for whom entries are synced: a failure of that is nobody else's
        // to find.
        if let Err(error) = state.stock.flush() {
            state.poison(&error, self.log.key.name());
            return None;
        }
        state.stock.root_at(size).ok()
    }

    /// Keeps the first checkpoint that proves that the log told two stories. The answer does not depend on it.
    fn keep_contradiction(&self, note: &Note) {
        let path = self.folder.join(CONTRADICTION_FILE);
        tracing::error!(origin = self.log.key.name(), evidence = %path.display(), "the log signed two histories");
        if !path.exists() {
            self.keep(&path, note);
        }
    }

    fn keep_refused(&self, state: &mut State, note: &Note) {
        let Ok(found) = Checkpoint::parse_text(note.text()) else { return };
        let folder = self.folder.join(REFUSED_DIRECTORY);
        let root = found.root.to_string();
        let path = folder.join(format!("{:020}-{}", found.size, root.get(..16).unwrap_or_default()));
        tracing::error!(
            origin = self.log.key.name(), size = found.size, root, evidence = %path.display(),
            "a checkpoint that the log signed does not continue what is pending, or its proof is wrong"
        );
        let mut kept = std::fs::read_dir(&folder).map_or(0, Iterator::count);
        // Whoever sends the log's own checkpoints with proofs that lead nowhere fills the folder, so that no evidence has room.
        if kept >= REFUSED_MAX && state.confirmed < state.stock.size() {
            state.confirmed = state.stock.size();
            let is_ours = |one: &Checkpoint| self.root_at(state, one.size).is_some_and(|root| root == one.root);
            kept = kept.saturating_sub(remove_confirmed(self.disk.as_ref(), &folder, &self.log.key, is_ours));
        }
        if kept < REFUSED_MAX && !path.exists() && self.disk.create_folder(&folder).is_ok() {
            self.keep(&path, note);
        }
    }

    fn keep(&self, path: &Path, note: &Note) {
        if let Err(error) = write_whole(self.disk.as_ref(), path, note.to_string().as_bytes(), 0o644) {
            tracing::error!(%error, evidence = %path.display(), "evidence cannot be stored");
        }
    }

    /// A thread that panicked left what is on the disk untouched or complete.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const POISONED: &str = "the mirror's disk failed; start the mirror again";

impl State {
    fn newest(&self) -> Option<&(Note, Checkpoint)> {
        self.pending.last()
    }

    fn mirrored_size(&self) -> u64 {
        self.mirrored.as_ref().map_or(0, |(_, checkpoint, _)| checkpoint.size)
    }

    fn leaves(&mut self, from: u64, to: u64, origin: &str) -> Result<Vec<Hash>, MirrorReply> {
        if from == to {
            return Ok(Vec::new());
        }
        if self.poisoned {
            return Err(MirrorReply::Unavailable(POISONED));
        }
        self.stock.leaves(from, to).map_err(|error| self.poison(&error, origin))
    }

    /// Where an upload goes on: up to `wanted`, where that is still of use, else to the newest pending checkpoint.
    fn info(&self, wanted: Option<u64>) -> MirrorInfo {
        let next = self.stock.size();
        let newest = self.newest().map_or(0, |(_, checkpoint)| checkpoint.size);
        let useful = |size: &u64| *size >= next.max(self.mirrored_size());
        MirrorInfo { size: wanted.filter(useful).unwrap_or(newest), next, ticket: Vec::new() }
    }

    fn poison(&mut self, error: &LogError, origin: &str) -> MirrorReply {
        tracing::error!(%error, origin, "the mirror's disk failed; nothing of the log is taken any more");
        self.poisoned = true;
        MirrorReply::Unavailable(POISONED)
    }
}
