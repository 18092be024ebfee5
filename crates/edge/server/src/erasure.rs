//! Erasure: a person makes records unreadable for ever. Recorded first, without names; then the keys are destroyed.

use crate::change::ChangeError;
use crate::recorder::RecorderError;
use crate::service::Service;
use holdshort_api::{Erased, NewErasure};
use holdshort_model::{ErasureRecord, Record};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longest name and reason, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Ids of keys in one record: it stays far below the longest record.
const KEYS_EACH: usize = 4_096;

impl Service {
    /// Destroys the keys of everything that a person, an agent or a session has on record. `by`: whoever does it, never an agent.
    ///
    /// # Errors
    /// When name or reason are missing, records are not sealed, or it cannot be recorded: then nothing was destroyed. When the
    /// keys cannot be destroyed, or not all of them: doing it again goes on.
    pub async fn erase(self: &Arc<Self>, new: NewErasure, by: &str) -> Result<Erased, ChangeError> {
        let (service, by) = (self.clone(), by.to_owned());
        // In a task of its own: when whoever asked hangs up, what is on record is done all the same.
        let erasing = tokio::spawn(async move { service.erase_now(new, by).await });
        erasing.await.unwrap_or_else(|error| Err(ChangeError::State(error.to_string())))
    }

    async fn erase_now(&self, new: NewErasure, by: String) -> Result<Erased, ChangeError> {
        let NewErasure { kind, name, reason } = new;
        let sound = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
        if !sound(&name) || !sound(&reason) {
            let what = format!("an erasure needs a name and a reason, of at most {TEXT_BYTES_MAX} bytes each");
            return Err(ChangeError::Invalid(what));
        }
        let missing = || ChangeError::Invalid("this log seals no records, so none can be erased".into());
        let erasure = self.journal.erasure().ok_or_else(missing)?;
        let _changing = self.changing.lock().await;
        let keys = erasure.keys(kind, &name).await.map_err(failed)?;
        let time_ms = self.now_ms();
        for part in keys.chunks(KEYS_EACH) {
            let keys = part.iter().map(|key| key.id.clone()).collect();
            let record = ErasureRecord { time_ms, scope: kind, keys, by: by.clone(), reason: reason.clone() };
            // If we crash after this, the record tells of an erasure that did not come about: the keys are still found by the
            // name, and doing it again destroys them, or the next start.
            self.journal.write(&Record::Erasure(record)).await?;
        }
        // Also without keys: an earlier one may have left traces.
        erasure.destroy(&keys, time_ms).await.map_err(failed)?;
        let sessions: BTreeSet<&str> = keys.iter().map(|key| key.session.as_str()).collect();
        let erased = Erased { keys: keys.len() as u64, sessions: sessions.len() as u64 };
        tracing::info!(kind = kind.as_str(), keys = erased.keys, "records erased");
        Ok(erased)
    }
}

fn failed(error: RecorderError) -> ChangeError {
    ChangeError::State(match error {
        RecorderError::Down(cause) | RecorderError::Full(cause) | RecorderError::Query(cause) => cause,
    })
}
