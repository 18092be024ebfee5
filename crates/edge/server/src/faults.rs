//! Refusals that come from failures, kept until the log can take them.
//!
//! While the log is down nothing can be recorded and everything is refused. What was refused is kept here, bounded,
//! and written as one lifecycle record for each fail mode when the log is back.

use holdshort_model::{ActionKind, AgentId, FailMode, LifecycleRecord, RecordId, Request, SessionId};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Refusals kept for each fail mode; beyond it they are only counted. 256 of at most 1 KiB.
const REFUSALS_MAX: usize = 256;
/// Longest name of an action that is kept, in characters.
const NAME_CHARS_MAX: usize = 128;

/// Refusals that were not recorded yet.
#[derive(Default)]
pub(crate) struct Faults {
    pending: AtomicBool,
    groups: Mutex<Vec<Group>>,
}

/// The refusals of one fail mode.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    mode: FailMode,
    since_ms: u64,
    until_ms: u64,
    count: u64,
    outcomes_lost: u64,
    refusals: Vec<Refused>,
}

/// One action that was refused because of a failure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refused {
    time_ms: u64,
    agent: AgentId,
    session: SessionId,
    kind: ActionKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<RecordId>,
}

impl Refused {
    pub(crate) fn new(request: &Request, time_ms: u64, decision: Option<RecordId>) -> Self {
        let short = |text: &str| text.chars().take(NAME_CHARS_MAX).collect::<String>();
        Self {
            time_ms,
            agent: short(request.subject.agent.as_str()).into(),
            session: short(request.session.as_str()).into(),
            kind: request.action.kind,
            server: request.action.server.as_deref().map(short),
            name: short(&request.action.name),
            decision,
        }
    }
}

impl Faults {
    /// Keeps a refusal.
    pub(crate) fn note(&self, mode: FailMode, refused: Refused) {
        let time_ms = refused.time_ms;
        let (since_ms, until_ms) = (time_ms, time_ms);
        self.merge(Group { mode, since_ms, until_ms, count: 1, outcomes_lost: 0, refusals: vec![refused] });
    }

    /// Counts the outcome of an action that could not be recorded.
    pub(crate) fn note_lost(&self, mode: FailMode, time_ms: u64) {
        let (since_ms, until_ms) = (time_ms, time_ms);
        self.merge(Group { mode, since_ms, until_ms, count: 0, outcomes_lost: 1, refusals: Vec::new() });
    }

    /// Whether something waits to be recorded. Cheap.
    pub(crate) fn pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes out what waits.
    pub(crate) fn take(&self) -> Vec<Group> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        self.pending.store(false, Ordering::Release);
        std::mem::take(&mut *groups)
    }

    /// Puts back what could not be recorded.
    pub(crate) fn merge(&self, group: Group) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        match groups.iter_mut().find(|known| known.mode == group.mode) {
            Some(known) => {
                known.since_ms = known.since_ms.min(group.since_ms);
                known.until_ms = known.until_ms.max(group.until_ms);
                known.count += group.count;
                known.outcomes_lost += group.outcomes_lost;
                let room = REFUSALS_MAX.saturating_sub(known.refusals.len());
                known.refusals.extend(group.refusals.into_iter().take(room));
            }
            None => groups.push(group),
        }
        self.pending.store(true, Ordering::Release);
    }
}

impl Group {
    /// The record that tells of the group.
    pub(crate) fn record(&self) -> LifecycleRecord {
        LifecycleRecord {
            time_ms: self.until_ms,
            event: self.mode.as_str().into(),
            detail: serde_json::json!({
                "since_ms": self.since_ms,
                "until_ms": self.until_ms,
                "count": self.count,
                "outcomes_lost": self.outcomes_lost,
                "omitted": self.count.saturating_sub(self.refusals.len() as u64),
                "refusals": self.refusals,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(time_ms: u64) -> Refused {
        Refused {
            time_ms,
            agent: "a".into(),
            session: "s".into(),
            kind: ActionKind::ToolCall,
            server: None,
            name: "n".into(),
            decision: None,
        }
    }

    #[test]
    fn refusals_are_counted_without_end_and_kept_within_bounds() {
        let faults = Faults::default();
        for time in 0..1_000 {
            faults.note(FailMode::RecorderDown, refused(time));
        }
        faults.note(FailMode::DeciderLate, refused(5));
        faults.note_lost(FailMode::RecorderDown, 7);
        let groups = faults.take();
        assert!(!faults.pending() && groups.len() == 2);
        let detail = groups[0].record().detail;
        assert_eq!(detail["count"], 1_000);
        assert_eq!(detail["outcomes_lost"], 1);
        assert_eq!(detail["omitted"], 1_000 - REFUSALS_MAX);
        assert_eq!((&detail["since_ms"], &detail["until_ms"]), (&0.into(), &999.into()));
    }

    #[test]
    fn what_could_not_be_recorded_is_put_back() {
        let faults = Faults::default();
        faults.note(FailMode::RecorderDown, refused(1));
        let taken = faults.take();
        faults.note(FailMode::RecorderDown, refused(9));
        taken.into_iter().for_each(|group| faults.merge(group));
        let again = faults.take();
        assert_eq!((again.len(), again[0].count, again[0].since_ms, again[0].until_ms), (1, 2, 1, 9));
    }
}
