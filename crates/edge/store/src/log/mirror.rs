//! A copy of another log's public files, in a place that the log's keeper cannot write to.
//!
//! A step takes the other log's checkpoint, checks that its tree continues the one that is stored here, stores what came
//! since, and only then the checkpoint, with a cosignature of the mirror. What does not continue the stored tree is never
//! stored: the mirror keeps what it has, and says from which record on the other log tells another story.
//!
//! A shorter log that is the beginning of what is stored was rolled back only if it signed that later: by the time of its own
//! cosignature, whose key is kept from the first step on. Otherwise a cache, a backup or somebody in between serves an old
//! state, which proves nothing.
//!
//! INVARIANT: entries are stored only after a proof that they lead to the signed root; the checkpoint is stored last. The
//! stored checkpoint is the compare-and-set cell: `lock` keeps a second mirror out.

use super::audit::{continues, proof_damage};
use super::cosigned::{check_cosignature_of, cosigned_at, fetch_cosigner, signed_later};
use super::disk::{Disk, RealDisk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::fence::Lock;
use super::keys;
use super::layout::{
    CHECKPOINT_FILE, CONTRADICTION_FILE, COSIGNER_PUBLIC_KEY_FILE, MIRROR_PUBLIC_KEY_FILE, PENDING_FILE,
    PUBLIC_KEY_FILE,
};
use super::recover::read_checkpoint;
use super::sealer::Seal;
use super::source::{DirectorySource, Source, SourceTiles, fetch_checkpoint};
use super::witnessed::{fetch_witnessed, store_witnessed};
use holdshort_ledger::{
    Checkpoint, ConsistencyProof, Cosigner, CosignerAlgorithm, CosignerKey, DifferenceError, Edge, Entry, Hash, Note,
    TILE_WIDTH, Tile, VerifierKey, first_difference, tree_root,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Bundles that are held in memory and proved at once.
const CHUNK_BUNDLES: u64 = 256;

/// A mirror that is open. One process at a time.
#[derive(Debug)]
pub struct Mirror {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    key: VerifierKey,
    cosigner: Cosigner,
    /// With what the log cosigns its own checkpoints, once that is known.
    log_cosigner: Option<CosignerKey>,
    stored: Option<(String, Checkpoint)>,
    lock: Lock,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Records that were new.
    pub added: u64,
    /// The checkpoint that is stored now.
    pub checkpoint: Checkpoint,
}

/// Why a mirror could not follow.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// The other log is not the one that was mirrored so far. What is stored here is evidence.
    #[error("{0}")]
    Exposed(Box<Exposed>),
    /// An older state of the log is served, which it did not sign anew: no evidence against it, and nothing to follow.
    #[error(
        "the log that is followed is served as it was with {found} records, and {stored} are stored here: an older state of it"
    )]
    Stale {
        /// Records that are stored here.
        stored: u64,
        /// Records that are served.
        found: u64,
    },
    /// What the other log serves is not what it signed, or cannot be had.
    #[error("the log that is followed: {0}")]
    Source(Damage),
    /// Our own copy or its keys.
    #[error(transparent)]
    Own(#[from] LogError),
}

/// How the followed log contradicts what it signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// What the log signed, and is stored here.
    pub stored: Checkpoint,
    /// What it signed now.
    pub found: Checkpoint,
    /// First record that differs or is gone, where that is proved.
    pub from: Option<u64>,
}

impl std::fmt::Display for Exposed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stored, found) = (self.stored.size, self.found.size);
        match self.from {
            Some(index) if index < found => write!(
                out,
                "history was rewritten from record {index} on: the log signed {stored} records that are stored here, and now \
                 signs {found} of which record {index} is another one"
            ),
            Some(index) => write!(
                out,
                "the log was rolled back: records from {index} on are gone; it signed {stored} and now signs {found}"
            ),
            None => write!(
                out,
                "history was rewritten: the {found} records that the log signs now do not continue the {stored} that are \
                 stored here; it does not serve what would show from which record on"
            ),
        }
    }
}

impl Mirror {
    /// Opens a mirror of the log with this key, or makes one. The private key of the mirror lies elsewhere; it is made when it
    /// is not there, with this name, and cosigns with ML-DSA-44.
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::Key`] when the directory holds a mirror of another log, [`LogError::Damaged`] when
    /// what is stored does not lead to its checkpoint, [`LogError::Io`].
    pub fn open(directory: &Path, key: VerifierKey, key_file: &Path, name: &str) -> Result<Self, LogError> {
        if key_file.starts_with(directory) {
            let what = "the private key must not lie in the mirror's directory, which is handed out";
            return Err(LogError::Key { file: key_file.to_owned(), what });
        }
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_folder(directory).map_err(LogError::io("make", directory))?;
        let held = Lock::take(directory)?;
        let pending = directory.join(PENDING_FILE);
        if pending.exists() {
            // It may be ahead of what is stored: what is pulled could contradict it unseen.
            let what = "is there: the log uploads to this copy; go on with that, or pull into another directory";
            return Err(LogError::Key { file: pending, what });
        }
        let public = directory.join(PUBLIC_KEY_FILE);
        if public.exists() {
            if keys::read_public(&public)? != key {
                let what = "is the key of another log: a directory mirrors one log";
                return Err(LogError::Key { file: public, what });
            }
        } else {
            write_whole(disk.as_ref(), &public, format!("{key}\n").as_bytes(), 0o644)
                .map_err(LogError::io("write", &public))?;
        }
        let public = directory.join(MIRROR_PUBLIC_KEY_FILE);
        let cosigner = keys::cosigner(disk.as_ref(), key_file, &public, name, CosignerAlgorithm::MlDsa44)?;
        let stored = if directory.join(CHECKPOINT_FILE).exists() {
            let stored = read_checkpoint(directory, &key)?;
            let seal = Seal::from_tiles(Arc::clone(&disk), directory, stored.1.size)?;
            if seal.root() != stored.1.root {
                let wrong = Wrong::Root { expected: stored.1.root.to_string(), found: seal.root().to_string() };
                return Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong).into());
            }
            Some(stored)
        } else {
            None
        };
        let log_cosigner = fetch_cosigner(&mut DirectorySource::new(directory))?;
        Ok(Self { disk, directory: directory.to_owned(), key, cosigner, log_cosigner, stored, lock: held })
    }

    /// The checkpoint that is stored, with the mirror's cosignature.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&str> {
        self.stored.as_ref().map(|(note, _)| note.as_str())
    }

    /// Takes over what is new. `time_s` goes into the cosignature: seconds since 1970.
    ///
    /// # Errors
    /// [`MirrorError`]. What was stored before is untouched.
    pub fn step(&mut self, source: &mut dyn Source, time_s: u64) -> Result<Mirrored, MirrorError> {
        let (note, found) = fetch_checkpoint(source, &self.key).map_err(MirrorError::Source)?;
        let empty = Checkpoint { origin: found.origin.clone(), size: 0, root: Hash::empty() };
        let stored = self.stored.as_ref().map_or(empty, |(_, stored)| stored.clone());
        if found.size < stored.size && self.is_stale(&note, &found, stored.size)? {
            return Err(MirrorError::Stale { stored: stored.size, found: found.size });
        }
        let mut tiles = SourceTiles(source);
        if found.size < stored.size {
            return Err(self.expose(stored, (&note, found), &mut tiles));
        }
        match continues(&stored, &found, &mut tiles) {
            Ok(()) => {}
            Err(Damage { wrong: Wrong::Rewritten(_), .. }) => {
                return Err(self.expose(stored, (&note, found), &mut tiles));
            }
            Err(damage) => return Err(MirrorError::Source(damage)),
        }
        let added = found.size.saturating_sub(stored.size);
        if added > 0 || self.stored.is_none() {
            let log_cosigner = self.log_cosigner(&mut *tiles.0, &note)?;
            let mut seal =
                Seal::from_tiles(Arc::clone(&self.disk), &self.directory, stored.size).map_err(LogError::from)?;
            while seal.size() < found.size {
                self.take_chunk(&mut seal, &found, &mut tiles)?;
            }
            // If we crash before this, entries are ahead of the checkpoint: the next step writes the same ones again.
            // Whoever took the directory over meanwhile may have signed something else.
            self.lock.check_contents()?;
            let note = self.cosigned(&note, time_s)?;
            self.keep_cosigner(log_cosigner)?;
            seal.store(&note)?;
            self.stored = Some((note, found.clone()));
        }
        self.take_witnessed(tiles.0, &found)?;
        Ok(Mirrored { added, checkpoint: found })
    }

    /// Whether a shorter checkpoint is the beginning of what is stored, and the log did not sign it later.
    fn is_stale(&self, note: &str, found: &Checkpoint, stored: u64) -> Result<bool, MirrorError> {
        let mut own = DirectorySource::new(&self.directory);
        let root = tree_root(found.size, stored, &mut SourceTiles(&mut own));
        let root = root.map_err(|error| MirrorError::Own(proof_damage(error, stored).into()))?;
        let before = self.checkpoint().unwrap_or_default();
        Ok(root == found.root && !signed_later(self.log_cosigner.as_ref(), before, note))
    }

    /// With what the log cosigned this checkpoint: the key that is known, or the one that is served the first time.
    fn log_cosigner(&self, source: &mut dyn Source, note: &str) -> Result<Option<CosignerKey>, MirrorError> {
        match &self.log_cosigner {
            Some(key) => cosigned_at(key, note).map(|_| Some(key.clone())),
            None => check_cosignature_of(source, note),
        }
        .map_err(MirrorError::Source)
    }

    fn keep_cosigner(&mut self, key: Option<CosignerKey>) -> Result<(), MirrorError> {
        if let (None, Some(key)) = (&self.log_cosigner, &key) {
            let path = self.directory.join(COSIGNER_PUBLIC_KEY_FILE);
            write_whole(self.disk.as_ref(), &path, format!("{key}\n").as_bytes(), 0o644)
                .map_err(LogError::io("write", &path))?;
        }
        self.log_cosigner = key;
        Ok(())
    }

    /// Takes over the newest checkpoint that witnesses cosigned, when it is of the tree that is stored here. One that is not
    /// is not believed, and not stored; the log's own checkpoint says more of it.
    fn take_witnessed(&self, source: &mut dyn Source, stored: &Checkpoint) -> Result<(), MirrorError> {
        let Ok(Some((note, witnessed))) = fetch_witnessed(source, &self.key) else { return Ok(()) };
        let mut own = DirectorySource::new(&self.directory);
        let known = fetch_witnessed(&mut own, &self.key).ok().flatten();
        // An older one may be served again, and takes nothing from what is here.
        let worth = |note: &Note, witnessed: &Checkpoint| (witnessed.size, note.signatures().len());
        let is_old = |(known, before): (Note, Checkpoint)| worth(&note, &witnessed) <= worth(&known, &before);
        if witnessed.size > stored.size || known.is_some_and(is_old) {
            return Ok(());
        }
        match continues(&witnessed, stored, &mut SourceTiles(&mut own)) {
            Ok(()) => Ok(store_witnessed(&self.directory, &note)?),
            Err(damage) => {
                tracing::error!(%damage, size = witnessed.size, "what the log had cosigned is not of the tree that it signs now");
                Ok(())
            }
        }
    }

    /// Fetches the next entries, and stores them once it is proved that they stand in the signed tree.
    fn take_chunk(&self, seal: &mut Seal, signed: &Checkpoint, tiles: &mut SourceTiles<'_>) -> Result<(), MirrorError> {
        let first = seal.size();
        let end = ((first >> 8).saturating_add(CHUNK_BUNDLES) << 8).min(signed.size);
        let mut edge: Edge = seal.edge().clone();
        let mut fresh = Vec::new();
        while edge.size() < end {
            let at = edge.size();
            let Some(tile) = Tile::of_tree(0, at >> 8, signed.size) else { break };
            let known = usize::try_from(at & 0xff).unwrap_or(TILE_WIDTH);
            for bytes in tiles.entries(tile).map_err(MirrorError::Source)?.iter().skip(known) {
                let entry = Entry::parse(bytes).map_err(|error| {
                    let wrong = Wrong::Format(error.to_string());
                    MirrorError::Source(Damage::new(tile.entries_path(), 0, Some(edge.size()), wrong))
                })?;
                edge.push(entry.leaf(), &mut |_, _| {});
                fresh.push(entry);
            }
            if edge.size() == at {
                return Err(MirrorError::Source(Damage::new(tile.entries_path(), 0, Some(at), Wrong::Missing)));
            }
        }
        let proof = ConsistencyProof::make(edge.size(), signed.size, tiles)
            .map_err(|error| MirrorError::Source(proof_damage(error, signed.size)))?;
        proof.verify(&edge.root(), &signed.root).map_err(|_| {
            let wrong = Wrong::Root { expected: signed.root.to_string(), found: edge.root().to_string() };
            MirrorError::Source(Damage::new("tile/entries", 0, Some(first), wrong))
        })?;
        fresh.iter().try_for_each(|entry| seal.push(entry))?;
        Ok(())
    }

    fn cosigned(&self, note: &str, time_s: u64) -> Result<String, MirrorError> {
        let wrong = |error: holdshort_ledger::NoteError| {
            MirrorError::Source(Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(error.to_string())))
        };
        let mut note = Note::parse(note.as_bytes()).map_err(wrong)?;
        self.cosigner.cosign(&mut note, time_s).map_err(wrong)?;
        Ok(note.to_string())
    }

    /// Puts the contradicting checkpoint aside, and finds out from which record on the two stories differ. Both are signed by
    /// the log: whoever has the two needs nothing else to know that it told two stories.
    fn expose(
        &self,
        stored: Checkpoint,
        (note, found): (&str, Checkpoint),
        tiles: &mut SourceTiles<'_>,
    ) -> MirrorError {
        let evidence = self.directory.join(CONTRADICTION_FILE);
        if !evidence.exists()
            && let Err(error) = write_whole(self.disk.as_ref(), &evidence, note.as_bytes(), 0o644)
        {
            return MirrorError::Own(LogError::io("write", &evidence)(error));
        }
        let mut own = DirectorySource::new(&self.directory);
        let mut own = SourceTiles(&mut own);
        let difference = first_difference((stored.size, &mut own), (found.size, &found.root, tiles));
        let from = match difference {
            Ok(Some(index)) => Some(index),
            // It is the beginning of what is stored, and shorter.
            Ok(None) => Some(found.size).filter(|size| *size < stored.size),
            Err(DifferenceError::Ours(error)) => return MirrorError::Own(proof_damage(error, stored.size).into()),
            Err(DifferenceError::Theirs(_) | DifferenceError::Unproved(_)) => None,
        };
        MirrorError::Exposed(Box::new(Exposed { stored, found, from }))
    }
}
