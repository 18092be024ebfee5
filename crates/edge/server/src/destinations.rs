//! Destinations that people approved: listed, remembered, forgotten.

use crate::change::ChangeError;
use crate::recorder::{DESTINATION_ADDED, DESTINATION_FORGOTTEN};
use crate::service::Service;
use holdshort_api::{DestinationSummary, DestinationsPage, NewDestination};
use holdshort_history::fold;
use holdshort_inventory::{DestinationStore, Destinations, DestinationsError, KnownDestination, StoreError};
use serde_json::json;
use std::sync::Arc;

/// How a destination came to be known that no decision was granted for.
const BY_HAND: &str = "add";

impl Service {
    /// All of them.
    pub fn destinations(&self) -> DestinationsPage {
        DestinationsPage { destinations: self.snapshot().destinations().iter().cloned().map(summary).collect() }
    }

    /// Remembers a destination that a person approved. One that is known already stays as it is. `by`: who did it.
    ///
    /// # Errors
    /// When it is no destination, there are too many, or the change cannot be recorded or kept.
    pub async fn add_destination(&self, new: NewDestination, by: &str) -> Result<DestinationSummary, ChangeError> {
        let NewDestination { agent, user, kind, value, via } = new;
        let value = fold(&kind, &value);
        let via = via.unwrap_or_else(|| BY_HAND.to_owned());
        let entry = KnownDestination { agent, user, kind, value, since_ms: self.now_ms(), by: by.to_owned(), via };
        let _changing = self.changing.lock().await;
        let mut destinations = (**self.snapshot().destinations()).clone();
        let added = destinations.add(entry.clone()).map_err(|error| match error {
            DestinationsError::Empty | DestinationsError::TooLong => ChangeError::Invalid(error.to_string()),
            DestinationsError::TooMany(_) | DestinationsError::Full => ChangeError::Conflict(error.to_string()),
        })?;
        if added {
            self.record(DESTINATION_ADDED, json!(entry)).await?;
            let kept = entry.clone();
            self.keep_destinations(destinations, move |store| store.add_destinations(&[kept])).await?;
        }
        Ok(summary(entry))
    }

    /// Forgets a destination. `by`: who did it.
    ///
    /// # Errors
    /// When it is not known, or the change cannot be recorded or kept.
    pub async fn forget_destination(&self, wanted: NewDestination, by: &str) -> Result<(), ChangeError> {
        let NewDestination { agent, user, kind, value, .. } = wanted;
        let value = fold(&kind, &value);
        let _changing = self.changing.lock().await;
        let mut destinations = (**self.snapshot().destinations()).clone();
        if !destinations.forget(&agent, &user, &kind, &value) {
            return Err(ChangeError::Missing(format!("the agent `{agent}` has no known destination `{value}`")));
        }
        let detail = json!({ "agent": agent, "user": user, "kind": kind, "value": value, "by": by });
        self.record(DESTINATION_FORGOTTEN, detail).await?;
        self.keep_destinations(destinations, move |store| store.forget_destination(&agent, &user, &kind, &value)).await
    }

    // INVARIANT: the caller holds `changing` and recorded the change. If we crash in here, then the record tells of a
    // change that was not made; the state that is loaded at the next start is what counts.
    pub(crate) async fn keep_destinations<F>(&self, destinations: Destinations, work: F) -> Result<(), ChangeError>
    where
        F: FnOnce(&(dyn DestinationStore + Send + Sync)) -> Result<(), StoreError> + Send + 'static,
    {
        let store = self.stores.destinations.clone();
        let kept = tokio::task::spawn_blocking(move || work(&*store)).await;
        let failure = match kept {
            Ok(Ok(())) => {
                self.put(self.snapshot().with_destinations(Arc::new(destinations)));
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.record("change-failed", failure.clone().into()).await?;
        Err(ChangeError::State(failure))
    }
}

fn summary(entry: KnownDestination) -> DestinationSummary {
    let KnownDestination { agent, user, kind, value, since_ms, by, via } = entry;
    DestinationSummary { agent, user, kind, value, since_ms, by, via }
}
