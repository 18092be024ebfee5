//! What decided: snapshots by digest, so that replay finds them again.

use crate::StoreError;
use holdshort_model::Digest;

/// Most snapshots that are kept; the oldest are forgotten, and what they decided cannot be decided again. One an hour is more
/// than a year.
pub const SNAPSHOTS_MAX: usize = 10_000;

/// A snapshot that was in force, or the text of the policies of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Digest of the snapshot, as records name it; of a text, digest of its bytes.
    pub digest: Digest,
    /// When it came into force last, in milliseconds since 1970.
    pub time_ms: u64,
    /// Who brought it: `file`, `api`, `start` or `promotion`; `part` for the text of policies.
    pub source: String,
    /// The document as its owner writes it.
    pub content: Vec<u8>,
}

/// The source of a text that snapshots share.
pub const PART: &str = "part";

/// Snapshots. Every method is atomic and durable when it returns.
pub trait SnapshotStore {
    /// Keeps entries. What is kept already stays as it is, with the later time. Of more than [`SNAPSHOTS_MAX`] snapshots the oldest
    /// are forgotten, never the last of `entries`, and with them the texts that none has any more: a snapshot's content is a JSON
    /// object, and its `policies` the digest of its text.
    ///
    /// # Errors
    /// When the store fails; then none of them is kept.
    fn keep_snapshot(&self, entries: &[SnapshotEntry]) -> Result<(), StoreError>;

    /// The entry of this digest.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn snapshot(&self, digest: &Digest) -> Result<Option<SnapshotEntry>, StoreError>;
}

/// Checks a store.
///
/// # Errors
/// What it does wrong.
pub fn check_snapshot_store<S: SnapshotStore>(open: impl Fn() -> S) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let entry = |name: &str, time_ms: u64, source: &str| SnapshotEntry {
        digest: Digest::of(name.as_bytes()),
        time_ms,
        source: source.to_owned(),
        content: name.as_bytes().to_vec(),
    };
    let (part, lost) = (entry("policies", 5, PART), entry("old policies", 5, PART));
    let with = |name: &str, time_ms: u64, part: &SnapshotEntry| SnapshotEntry {
        content: format!("{{\"policies\":\"{}\"}}", part.digest).into_bytes(),
        ..entry(name, time_ms, "start")
    };
    let (first, oldest) = (with("first", 5, &part), with("oldest", 6, &lost));
    open().keep_snapshot(&[part.clone(), lost.clone(), oldest.clone(), first.clone()]).map_err(text)?;
    let store = open();
    let again = SnapshotEntry { time_ms: 9, source: "api".into(), content: b"other".to_vec(), ..first.clone() };
    store.keep_snapshot(&[again]).map_err(text)?;
    let later = SnapshotEntry { time_ms: 9, ..first.clone() };
    if open().snapshot(&first.digest).map_err(text)? != Some(later) {
        return Err("the first copy has to stay, with the later time".into());
    }
    if store.snapshot(&Digest::of(b"none")).map_err(text)?.is_some() {
        return Err("nothing was kept under this digest".into());
    }
    let many: Vec<SnapshotEntry> =
        (1..SNAPSHOTS_MAX).map(|number| entry(&number.to_string(), 10 + number as u64, "file")).collect();
    store.keep_snapshot(&many).map_err(text)?;
    let kept = |entry: &SnapshotEntry| store.snapshot(&entry.digest).map(|found| found.is_some()).map_err(text);
    if kept(&oldest)?
        || kept(&lost)?
        || !kept(&first)?
        || !kept(&part)?
        || !many.iter().try_fold(true, |all, one| kept(one).map(|kept| all && kept))?
    {
        return Err("over the bound exactly the oldest snapshot goes, and its text".into());
    }
    let back = entry("the clock went back", 1, "file");
    store.keep_snapshot(std::slice::from_ref(&back)).map_err(text)?;
    if !kept(&back)? || kept(&first)? || kept(&part)? {
        return Err("what is kept just now stays, whatever its time".into());
    }
    Ok(())
}
