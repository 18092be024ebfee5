//! Looks after the keys of records: closes them from time to time, removes those whose records were all dropped, and keeps how
//! far erasures were carried out.
//!
//! INVARIANT: where the records of a closed key end is known by a record that came into the log after the closing: see
//! `holdshort_store::keys::Keys::close_all`.

use crate::clock;
use holdshort_server::Service;
use holdshort_store::keys::{Keys, KeysError};
use holdshort_store::log::Log;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Time after the start before anything is done.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Age at which keys are closed: with that precision they go when their records were dropped. In milliseconds: a day.
const CLOSE_EACH_MS: u64 = 24 * 3_600_000;
/// Records after which it is kept that every erasure before them was carried out: the next start looks through what came since.
const NOTE_EACH: u64 = 50_000;

/// The task.
pub(crate) struct KeyCare {
    ending: watch::Sender<bool>,
    stopped: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

struct Care {
    service: Arc<Service>,
    log: Log,
    keys: Keys,
    stopped: Arc<AtomicBool>,
}

impl KeyCare {
    /// Starts it.
    pub(crate) fn start(service: Arc<Service>, log: &Log, keys: &Keys) -> Self {
        let (ending, ended) = watch::channel(false);
        let stopped = Arc::new(AtomicBool::new(false));
        let care = Care { service, log: log.clone(), keys: keys.clone(), stopped: stopped.clone() };
        Self { ending, stopped, task: tokio::spawn(care.run(ended)) }
    }

    /// Ends it, between two steps.
    pub(crate) async fn stop(self) {
        self.stopped.store(true, Ordering::Release);
        // It may have ended already.
        let _ = self.ending.send(true);
        let _ = self.task.await;
    }
}

impl Care {
    async fn run(self, mut ended: watch::Receiver<bool>) {
        let mut wait = FIRST_AFTER;
        while tokio::time::timeout(wait, ended.wait_for(|ended| *ended)).await.is_err() {
            wait = LOOK_EVERY;
            if let Err(error) = self.look().await {
                tracing::error!(error, "keys of dropped records stay");
            }
        }
    }

    async fn look(&self) -> Result<(), String> {
        self.close(clock::now_ms()).await?;
        let (log, keys, stopped) = (self.log.clone(), self.keys.clone(), self.stopped.clone());
        let removing = move || {
            let first = log.reader().and_then(|reader| reader.first()).map_err(text)?;
            keys.remove_dropped(first, &|| !stopped.load(Ordering::Acquire)).map_err(text)
        };
        let removed = tokio::task::spawn_blocking(removing).await.map_err(text)??;
        if removed > 0 {
            tracing::info!(keys = removed, "keys of dropped records removed");
        }
        let (log, keys) = (self.log.clone(), self.keys.clone());
        let noting = move || note_carried_out(&keys, log.size());
        tokio::task::spawn_blocking(noting).await.map_err(text)?.map_err(text)
    }

    /// Closes the keys when that was done a day ago, and says so in the log: everything before that record may be theirs.
    async fn close(&self, now_ms: u64) -> Result<(), String> {
        let keys = self.keys.clone();
        let closing = move || match keys.closed_ms().map_err(text)? {
            // In the future: the clock went back.
            Some(closed_ms) if closed_ms <= now_ms && now_ms - closed_ms < CLOSE_EACH_MS => Ok(None),
            _ => keys.close_all().map_err(text),
        };
        let Some(closing) = tokio::task::spawn_blocking(closing).await.map_err(text)?? else { return Ok(()) };
        // If we crash before it is kept, the keys are open again.
        let noted = self.service.note_in_log("keys-closed", json!({})).await;
        let before =
            noted.map_err(|fault| format!("that keys are closed is not on record: {}", fault.mode.as_str()))?;
        let keys = self.keys.clone();
        tokio::task::spawn_blocking(move || keys.note_closing(closing, before, now_ms))
            .await
            .map_err(text)?
            .map_err(text)
    }
}

/// Keeps that every erasure on record before `size` was carried out, unless one is under way or was not finished: what was
/// intended is kept before it is on record.
fn note_carried_out(keys: &Keys, size: u64) -> Result<(), KeysError> {
    if size.saturating_sub(keys.carried_out()?) >= NOTE_EACH && keys.intents()?.is_empty() {
        keys.note_carried_out(size)?;
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_store::keys::{Intent, Scope};

    #[test]
    fn how_far_erasures_were_carried_out_is_kept_while_none_is_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys.db")).unwrap();
        let noted = |size| {
            note_carried_out(&keys, size).unwrap();
            keys.carried_out().unwrap()
        };
        assert_eq!(noted(NOTE_EACH - 1), 0, "not worth a write");
        assert_eq!(noted(NOTE_EACH), NOTE_EACH);
        let intent = Intent { scope: Scope::User("ada".into()), reason: "r".into(), by: "operator".into() };
        let number = keys.intend(&intent).unwrap();
        assert_eq!(noted(5 * NOTE_EACH), NOTE_EACH, "its keys may be there");
        keys.end_intent(number).unwrap();
        assert_eq!(noted(5 * NOTE_EACH), 5 * NOTE_EACH);
    }
}
