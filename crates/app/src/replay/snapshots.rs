//! The snapshots that decided, from the database, checked against their digest.

use holdshort_decide::Snapshot;
use holdshort_inventory::SnapshotStore as _;
use holdshort_model::Digest;
use holdshort_store::sqlite::StateDb;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Snapshots that are held compiled; over it all are let go. One of the library takes a few megabytes.
const HELD_MAX: usize = 16;
/// Snapshots that could not be had and are remembered as such.
const MISSING_MAX: usize = 10_000;

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

    fn load(&self, digest: &Digest) -> Result<Snapshot, NoSnapshot> {
        let wrong = |why: String| NoSnapshot::Wrong(*digest, why);
        let content = |digest: &Digest| {
            let found = self.database.snapshot(digest).map_err(|error| wrong(error.to_string()))?;
            Ok(found.map(|entry| entry.content))
        };
        let document = content(digest)?.ok_or(NoSnapshot::Missing(*digest))?;
        let document: holdshort_decide::SnapshotDocument =
            serde_json::from_slice(&document).map_err(|error| wrong(error.to_string()))?;
        let policies = match &document.policies {
            Some(part) => content(part)?,
            None => None,
        };
        let replicas = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Snapshot::from_document(document, policies.as_deref(), *digest, replicas)
            .map_err(|error| wrong(error.to_string()))
    }
}
