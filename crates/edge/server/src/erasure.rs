//! Erasure: a person makes records unreadable for ever. What there is besides the log goes with them, see [`state`].
//!
//! In this order, so that a crash at any place is finished by the next start: the intent is kept; nothing more is sealed with
//! the keys; it is on record, without names; what memory and `state.db` hold; the keys; the intent is forgotten.
//!
//! INVARIANT: no record behind that of an erasure is sealed with one of its keys.

mod state;

use crate::change::ChangeError;
use crate::recorder::{DESTINATIONS, Erasure, Intended, OwnedKey, RecorderError};
use crate::service::Service;
use holdshort_api::{Erased, NewErasure};
use holdshort_inventory::{KnownSession, Whose};
use holdshort_model::{ErasureRecord, Record};
use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Longest name and reason, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Ids of keys in one record: it stays far below the longest record.
const KEYS_EACH: usize = 4_096;

impl Service {
    /// Destroys the keys of everything that a person, an agent or a session has on record, and erases what else is known of
    /// them. `by`: whoever does it, never an agent.
    ///
    /// # Errors
    /// When name or reason are missing, records are not sealed, or it cannot be recorded: then nothing was destroyed. When the
    /// keys cannot be destroyed, or not all of them: doing it again goes on, and so does the next start.
    pub async fn erase(self: &Arc<Self>, new: NewErasure, by: &str) -> Result<Erased, ChangeError> {
        let (service, by) = (self.clone(), by.to_owned());
        // In a task of its own: when whoever asked hangs up, what is on record is done all the same.
        let erasing = tokio::spawn(async move { service.erase_now(new, by, None).await });
        erasing.await.unwrap_or_else(|error| Err(ChangeError::State(error.to_string())))
    }

    /// Finishes what was being erased when the service ended. Answers how many erasures that were.
    ///
    /// # Errors
    /// As [`Self::erase`].
    pub async fn finish_erasures(self: &Arc<Self>) -> Result<usize, ChangeError> {
        let Some(erasure) = self.journal.erasure() else { return Ok(0) };
        let intended = erasure.intended().await.map_err(failed)?;
        let count = intended.len();
        for Intended { number, wanted, by } in intended {
            self.erase_now(wanted, by, Some(number)).await?;
        }
        Ok(count)
    }

    /// Erases what is known of sessions whose keys are destroyed.
    ///
    /// # Errors
    /// When something cannot be kept.
    pub async fn erase_sessions(&self, keys: &[OwnedKey]) -> Result<(), ChangeError> {
        let _erasing = self.erasing.lock().await;
        self.erase_state(&Whose::of_sessions(known(keys))).await.map(drop)
    }

    async fn erase_now(&self, new: NewErasure, by: String, intent: Option<i64>) -> Result<Erased, ChangeError> {
        let sound = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
        if !sound(&new.name) || !sound(&new.reason) {
            let what = format!("an erasure needs a name and a reason, of at most {TEXT_BYTES_MAX} bytes each");
            return Err(ChangeError::Invalid(what));
        }
        let missing = || ChangeError::Invalid("this log seals no records, so none can be erased".into());
        let erasure = self.journal.erasure().ok_or_else(missing)?;
        // Not the one of changes: whoever takes an agent's token away must not wait until a hundred thousand keys are destroyed.
        let _erasing = self.erasing.lock().await;
        let keys = erasure.keys(new.kind, &new.name).await.map_err(failed)?;
        let whose = Whose::new(new.kind, &new.name, known(&keys));
        if keys.is_empty() && !self.has_state(&whose).await? {
            return self.erase_nothing(&*erasure, intent).await;
        }
        let number = match intent {
            Some(number) => number,
            // If we crash before this, nobody was told that anything is erased.
            None => erasure.intend(&new, &by).await.map_err(failed)?,
        };
        let retired = erasure.retire(&keys).await.map_err(failed)?;
        let mut is_begun = false;
        if let Err(fault) = self.record_erasure(&new, &by, &keys, &mut is_begun).await {
            if is_begun {
                // A part of the keys is on record as destroyed: doing it again, or the next start, makes it true. Until then
                // nothing is sealed with any of them.
                let _retired = ManuallyDrop::new(retired);
                return Err(fault);
            }
            // Not on record, so it is not done, and the keys go on.
            drop(retired);
            if intent.is_none() {
                // If this fails as well, the next start does what was asked for.
                let _ = erasure.end_intent(number).await;
            }
            return Err(fault);
        }
        // It is on record: whatever happens now, nothing is sealed with these keys any more.
        let retired = ManuallyDrop::new(retired);
        let elsewhere = self.erase_state(&whose).await?;
        // Also without keys: an earlier one may have left traces.
        erasure.destroy(&keys, self.now_ms()).await.map_err(failed)?;
        drop(ManuallyDrop::into_inner(retired));
        erasure.end_intent(number).await.map_err(failed)?;
        let sessions: BTreeSet<&str> = sessions(&keys).map(|key| key.session.as_str()).collect();
        let erased = Erased { keys: keys.len() as u64, sessions: sessions.len() as u64, elsewhere };
        tracing::info!(kind = new.kind.as_str(), keys = erased.keys, elsewhere, "records erased");
        Ok(erased)
    }

    async fn erase_nothing(&self, erasure: &dyn Erasure, intent: Option<i64>) -> Result<Erased, ChangeError> {
        // An earlier one may have left traces.
        erasure.destroy(&[], self.now_ms()).await.map_err(failed)?;
        if let Some(number) = intent {
            erasure.end_intent(number).await.map_err(failed)?;
        }
        Ok(Erased { keys: 0, sessions: 0, elsewhere: 0 })
    }

    /// `is_begun`: whether some of it is on record, also after an error.
    async fn record_erasure(
        &self,
        new: &NewErasure,
        by: &str,
        keys: &[OwnedKey],
        is_begun: &mut bool,
    ) -> Result<(), ChangeError> {
        let time_ms = self.now_ms();
        let record = |part: &[OwnedKey]| {
            let keys = part.iter().map(|key| key.id.clone()).collect();
            let (by, reason) = (by.to_owned(), new.reason.clone());
            Record::Erasure(ErasureRecord { time_ms, scope: new.kind, keys, by, reason })
        };
        if keys.is_empty() {
            self.journal.write(&record(&[])).await?;
        }
        for part in keys.chunks(KEYS_EACH) {
            // If we crash after this, the intent and the keys are there, and the next start goes on.
            self.journal.write(&record(part)).await?;
            *is_begun = true;
        }
        Ok(())
    }
}

fn known(keys: &[OwnedKey]) -> BTreeSet<KnownSession> {
    sessions(keys).map(|key| KnownSession { agent: key.agent.clone(), session: key.session.clone() }).collect()
}

/// The keys of sessions. That of known destinations says of no session whose it was.
fn sessions(keys: &[OwnedKey]) -> impl Iterator<Item = &OwnedKey> {
    keys.iter().filter(|key| key.session.as_str() != DESTINATIONS)
}

fn failed(error: RecorderError) -> ChangeError {
    ChangeError::State(match error {
        RecorderError::Down(cause) | RecorderError::Full(cause) | RecorderError::Query(cause) => cause,
    })
}
