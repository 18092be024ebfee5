//! Remembered answers to "may this tool be called at all?".
//!
//! INVARIANT: invisible. A key holds everything that the answer depends on beside the snapshot that owns the memo, so
//! that a remembered answer is the one that would be computed.

use holdshort_model::{ActionEffect, Digest, Pin, Reason, Standing, Subject};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Most answers that are remembered; beyond that all are forgotten. 4,096 = 40 agents with 100 tools.
pub const PROBES_MAX: usize = 4_096;

/// What an answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) session: &'a str,
    pub(crate) standing: Standing,
    pub(crate) removed: &'a [String],
    pub(crate) server: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) pin: Pin,
    pub(crate) definition: Option<Digest>,
    pub(crate) time: i64,
}

#[derive(Debug)]
struct Kept {
    subject: Subject,
    session: String,
    standing: Standing,
    removed: Vec<String>,
    server: String,
    tool: String,
    pin: Pin,
    definition: Option<Digest>,
    time: i64,
    answer: Arc<Probe>,
}

/// What was found for a tool as such.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probe {
    /// The reasons that refuse it, observed ones included.
    pub(crate) refusals: Vec<Reason>,
    /// Some refusal is enforced.
    pub(crate) refused: bool,
    /// False: it could not be judged.
    pub(crate) sound: bool,
    /// What a call could do, whatever its arguments.
    pub(crate) could: Vec<ActionEffect>,
}

#[derive(Debug, Default)]
struct Table {
    buckets: HashMap<u64, Vec<Kept>>,
    kept: usize,
}

/// The memo of one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<Table>);

impl Memo {
    /// The answer for `key`, computed by `ask` when it is not remembered.
    pub(crate) fn recall(&self, key: Key<'_>, ask: impl FnOnce() -> Probe) -> Arc<Probe> {
        let hash = hash(&key);
        if let Some(answer) = self.find(hash, &key) {
            return answer;
        }
        // Not under the lock: two threads may both compute the same answer.
        let answer = Arc::new(ask());
        self.keep(hash, &key, &answer);
        answer
    }

    fn find(&self, hash: u64, key: &Key<'_>) -> Option<Arc<Probe>> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = table.buckets.get(&hash)?.iter().find(|kept| kept.key() == *key)?;
        Some(Arc::clone(&kept.answer))
    }

    fn keep(&self, hash: u64, key: &Key<'_>, answer: &Arc<Probe>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.kept >= PROBES_MAX {
            *table = Table::default();
        }
        table.kept += 1;
        table.buckets.entry(hash).or_default().push(Kept {
            subject: key.subject.clone(),
            session: key.session.to_owned(),
            standing: key.standing,
            removed: key.removed.to_vec(),
            server: key.server.to_owned(),
            tool: key.tool.to_owned(),
            pin: key.pin,
            definition: key.definition,
            time: key.time,
            answer: Arc::clone(answer),
        });
    }
}

impl Kept {
    fn key(&self) -> Key<'_> {
        Key {
            subject: &self.subject,
            session: &self.session,
            standing: self.standing,
            removed: &self.removed,
            server: &self.server,
            tool: &self.tool,
            pin: self.pin,
            definition: self.definition,
            time: self.time,
        }
    }
}

// Only spreads: equality decides. `DefaultHasher::new` has fixed keys, and the table is bounded.
fn hash(key: &Key<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.subject.agent.as_str().hash(&mut hasher);
    key.session.hash(&mut hasher);
    key.server.hash(&mut hasher);
    key.tool.hash(&mut hasher);
    key.time.hash(&mut hasher);
    hasher.finish()
}
