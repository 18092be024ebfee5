//! Promotion and demotion: a person changes whether a policy is enforced. A recorded decision of its own.

use crate::change::ChangeError;
use crate::service::Service;
use crate::snapshots;
use holdshort_api::{PolicyModeChange, PolicySummary};
use holdshort_inventory::{PolicyMode, StoreError};
use holdshort_model::{Mode, PromotionRecord, Record};
use std::collections::BTreeMap;

impl Service {
    /// Gives a policy another mode, from the next action on. `name`: its id, or the last part of it. `by`: the person.
    ///
    /// # Errors
    /// When there is no such policy, the configuration says its mode, the reason is missing, or it cannot be recorded
    /// and kept; then nothing changes.
    pub async fn set_policy_mode(
        &self,
        name: &str,
        change: PolicyModeChange,
        by: &str,
    ) -> Result<PolicySummary, ChangeError> {
        let _changing = self.changing.lock().await;
        let snapshot = self.snapshot();
        let policy = snapshot.policies().and_then(|policies| policies.policy(name));
        let policy = policy.ok_or_else(|| ChangeError::Missing(format!("there is no policy `{name}`")))?;
        let (id, title, before) = (policy.id.to_string(), policy.title.clone(), policy.mode);
        if snapshot.fixes_mode_of(&id) {
            let what = format!("the configuration says the mode of `{id}` in `[policies.modes]`; change it there");
            return Err(ChangeError::Invalid(what));
        }
        let PolicyModeChange { mode, reason } = change;
        let entry = PolicyMode { policy: id.clone(), mode, by: by.to_owned(), reason, since_ms: self.now_ms() };
        if !entry.is_sound() {
            return Err(ChangeError::Invalid("a change of mode needs a reason, of at most 1024 bytes".into()));
        }
        let record = PromotionRecord {
            time_ms: entry.since_ms,
            policy: id.clone(),
            before,
            after: mode,
            by: by.to_owned(),
            reason: entry.reason.clone(),
        };
        let mut next = modes(self.stores.modes.policy_modes().map_err(kept)?);
        next.insert(id.clone(), mode);
        let next = snapshot.with_modes(&next);
        snapshots::keep(&*self.stores.snapshots, &next, "promotion", entry.since_ms).map_err(kept)?;
        // If we crash after this, the record tells of a change that is not in force; the person sees that nothing changed.
        self.journal.write(&Record::Promotion(record)).await?;
        self.stores.modes.put_policy_mode(&entry).map_err(kept)?;
        self.put(next);
        self.mark_snapshot();
        tracing::info!(policy = id, enforced = mode == Mode::Enforce, "mode changed");
        Ok(PolicySummary { id, title, mode })
    }
}

fn kept(error: StoreError) -> ChangeError {
    ChangeError::State(error.to_string())
}

/// The modes that people gave, by policy.
pub(crate) fn modes(entries: Vec<PolicyMode>) -> BTreeMap<String, Mode> {
    entries.into_iter().map(|entry| (entry.policy, entry.mode)).collect()
}
