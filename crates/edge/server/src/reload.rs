//! New policies, grants and settings.

use crate::promotion::modes;
use crate::service::Service;
use crate::snapshots;
use holdshort_api::ReloadAnswer;
use holdshort_decide::Snapshot;
use holdshort_enforce::Fault;
use holdshort_inventory::Pins;
use holdshort_model::{PolicyRecord, Record};
use std::sync::Arc;

/// Diagnostics of a refused candidate that are recorded, and the longest of them in characters.
const DIAGNOSTICS_MAX: usize = 50;
const DIAGNOSTIC_CHARS_MAX: usize = 500;

/// A compiled snapshot, or what is wrong with it, each with file, line and hint.
pub type Candidate = Result<Snapshot, Vec<String>>;

impl Service {
    /// Records the candidate and takes it into force in one step, for running sessions too. A refused one is recorded
    /// as well; the last good one stays. Agents, pins and known destinations stay as they are; whether first use is trusted is the
    /// candidate's. `source`: `file` or `api`.
    ///
    /// # Errors
    /// When the log does not take the record. Then nothing changes.
    pub async fn reload(&self, candidate: Candidate, source: &str) -> Result<ReloadAnswer, Fault> {
        let _changing = self.changing.lock().await;
        let present = self.snapshot();
        let kept = self.stores.modes.policy_modes().map_err(|error| format!("modes of policies: {error}"));
        let candidate = candidate.and_then(|next| Ok(next.with_modes(&modes(kept.map_err(|error| vec![error])?))));
        let kept = candidate.and_then(|next| {
            let kept = snapshots::keep(&*self.stores.snapshots, &next, source, self.now_ms());
            kept.map(|()| next).map_err(|error| vec![format!("the snapshot cannot be kept for replay: {error}")])
        });
        let (next, diagnostics) = match kept {
            Ok(next) => (Some(carry(&present, next)), Vec::new()),
            Err(diagnostics) => (None, bounded(diagnostics)),
        };
        let accepted = next.is_some();
        let snapshot = next.as_ref().unwrap_or(&present).digest();
        let record = PolicyRecord {
            time_ms: self.now_ms(),
            snapshot,
            accepted,
            source: source.into(),
            diagnostics: diagnostics.clone(),
        };
        // If we crash after this, the record names a snapshot that was not in force; the next start records its own.
        self.journal.write(&Record::Policy(record)).await?;
        if let Some(next) = next {
            self.put(next);
            self.mark_snapshot();
        }
        tracing::info!(accepted, %snapshot, source, diagnostics = diagnostics.len(), "policies loaded");
        Ok(ReloadAnswer { accepted, snapshot, diagnostics })
    }
}

fn carry(present: &Snapshot, next: Snapshot) -> Snapshot {
    let first_use = next.pins().first_use();
    let pins = match present.pins().first_use() == first_use {
        true => present.pins().clone(),
        false => Arc::new(Pins::new(first_use, present.pins().iter().cloned())),
    };
    let next = next.with_agents(present.agents().clone()).with_pins(pins);
    next.with_destinations(present.destinations().clone())
}

fn bounded(diagnostics: Vec<String>) -> Vec<String> {
    let short = |text: String| match text.char_indices().nth(DIAGNOSTIC_CHARS_MAX) {
        Some((end, _)) => text.get(..end).map_or_else(String::new, |start| format!("{start} ...")),
        None => text,
    };
    diagnostics.into_iter().take(DIAGNOSTICS_MAX).map(short).collect()
}
