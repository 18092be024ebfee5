//! Every snapshot is kept before a record names it, so that what it decided can be decided again.

use holdshort_decide::Snapshot;
use holdshort_inventory::{PART, SnapshotEntry, SnapshotStore, StoreError};

/// Keeps a snapshot. One that is kept already stays as it is, and counts as new; its policies are kept once for all snapshots that
/// have them.
///
/// # Errors
/// When the store fails. The snapshot must not come into force then.
pub(crate) fn keep(
    store: &(dyn SnapshotStore + Send + Sync),
    snapshot: &Snapshot,
    source: &str,
    time_ms: u64,
) -> Result<(), StoreError> {
    let digest = snapshot.digest();
    let backend = |error: serde_json::Error| StoreError::Backend(format!("the snapshot has no text: {error}"));
    let (document, policies) = snapshot.document().map_err(backend)?;
    let content = serde_json::to_vec(&document).map_err(backend)?;
    let part = document.policies.zip(policies).map(|(digest, content)| {
        let source = PART.to_owned();
        SnapshotEntry { digest, time_ms, source, content }
    });
    let own = SnapshotEntry { digest, time_ms, source: source.to_owned(), content };
    let entries: Vec<SnapshotEntry> = part.into_iter().chain([own]).collect();
    store.keep_snapshot(&entries)
}
