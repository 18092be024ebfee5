//! The snapshots that decided, from the database, checked against their digest.

use crate::failure::Failure;
use crate::place::DataDir;
use holdshort_decide::{Snapshot, SnapshotDocument};
use holdshort_inventory::SnapshotStore as _;
use holdshort_model::Digest;
use holdshort_store::sqlite::{STATE_FILE, StateDb};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Snapshots that are held compiled; over it all are let go. One of the library takes a few megabytes.
const HELD_MAX: usize = 16;
/// Snapshots that could not be had and are remembered as such.
const MISSING_MAX: usize = 10_000;

/// The database of a data directory, which has to be there: without it there are no snapshots and no incidents.
///
/// # Errors
/// When it is not there, or cannot be read.
pub(crate) fn database(data: &DataDir) -> Result<StateDb, Failure> {
    let path = data.database();
    if !path.exists() {
        return Err(Failure::usage(format!("there is no `{STATE_FILE}` in `{}`", data.root().display()))
            .hint("the log alone does not hold the snapshots; a copy of a data directory needs both"));
    }
    StateDb::open(&path).map_err(Failure::internal)
}

/// Why a snapshot cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NoSnapshot {
    /// It was never kept here, or forgotten.
    Missing(Digest),
    /// What is kept is not it.
    Wrong(Digest, String),
}

impl std::fmt::Display for NoSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(digest) => write!(f, "the snapshot {digest} is not kept in this data directory"),
            Self::Wrong(digest, why) => write!(f, "the snapshot {digest} cannot be rebuilt: {why}"),
        }
    }
}

type Found = Result<Snapshot, Arc<NoSnapshot>>;

/// The kept snapshots. Shared by the threads of a replay.
pub(crate) struct Kept<'a> {
    database: &'a StateDb,
    held: Mutex<HashMap<Digest, Found>>,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(database: &'a StateDb) -> Self {
        Self { database, held: Mutex::default() }
    }

    /// The snapshot of this digest.
    pub(crate) fn find(&self, digest: &Digest) -> Found {
        // Under the lock on purpose: the others need the same one next.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.get(digest) {
            return found.clone();
        }
        let found = self.load(digest).map_err(Arc::new);
        if held.values().filter(|found| found.is_ok()).count() >= HELD_MAX || held.len() >= MISSING_MAX {
            held.clear();
        }
        held.insert(*digest, found.clone());
        found
    }

    /// What was declared in a snapshot; none when it is not kept, or cannot be read.
    pub(crate) fn declared(&self, digest: &Digest) -> Option<SnapshotDocument> {
        self.document(digest).ok()
    }

    fn document(&self, digest: &Digest) -> Result<SnapshotDocument, NoSnapshot> {
        let document = self.content(digest, digest)?.ok_or(NoSnapshot::Missing(*digest))?;
        serde_json::from_slice(&document).map_err(|error| NoSnapshot::Wrong(*digest, error.to_string()))
    }

    /// A part of a snapshot.
    fn content(&self, digest: &Digest, part: &Digest) -> Result<Option<Vec<u8>>, NoSnapshot> {
        let found = self.database.snapshot(part).map_err(|error| NoSnapshot::Wrong(*digest, error.to_string()))?;
        Ok(found.map(|entry| entry.content))
    }

    fn load(&self, digest: &Digest) -> Result<Snapshot, NoSnapshot> {
        let wrong = |why: String| NoSnapshot::Wrong(*digest, why);
        let document = self.document(digest)?;
        let policies = match &document.policies {
            Some(part) => self.content(digest, part)?,
            None => None,
        };
        let replicas = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Snapshot::from_document(document, policies.as_deref(), *digest, replicas)
            .map_err(|error| wrong(error.to_string()))
    }
}
