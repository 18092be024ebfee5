//! Incidents and messages that wait, erased.

use super::Response;
use super::delivery::Delivery;
use super::incidents::Open;
use holdshort_inventory::{IncidentStore, OutboxEntry, StoreError, Whose, erase_incident};
use holdshort_model::{Incident, IncidentState, RecordId};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

/// Closed incidents that are read at a time.
const PAGE: usize = 100;

type Store = Arc<dyn IncidentStore + Send + Sync>;

impl Response {
    /// Erases; answers how many incidents and how many messages.
    ///
    /// # Errors
    /// When it cannot be kept; doing it again keeps it.
    pub(crate) async fn erase(&self, whose: &Whose) -> Result<(u64, u64), StoreError> {
        let incidents = self.shared.open.erase(whose, &self.shared.store).await?;
        let messages = self.shared.delivery.erase(whose).await?;
        Ok((incidents, messages))
    }

    /// Whether there is anything to erase.
    ///
    /// # Errors
    /// When incidents cannot be read.
    pub(crate) async fn concerns(&self, whose: &Whose) -> Result<bool, StoreError> {
        if self.shared.open.concerned(whose) || self.shared.delivery.concerned(whose) {
            return Ok(true);
        }
        let (store, whose) = (self.shared.store.clone(), whose.clone());
        let found = blocking(move || of_closed(&store, &whose, &mut |_| Ok(()))).await?;
        Ok(found > 0)
    }
}

impl Open {
    async fn erase(&self, whose: &Whose, store: &Store) -> Result<u64, StoreError> {
        let _keeping = self.keeping.lock().await;
        let changed: Vec<Incident> = {
            let mut open = self.lock();
            let ids = open.erase(whose);
            ids.iter().filter_map(|id| open.find(*id).cloned()).collect()
        };
        let ids: BTreeSet<RecordId> = changed.iter().map(|incident| incident.id).collect();
        let (store, whose, count) = (store.clone(), whose.clone(), changed.len() as u64);
        let closed = blocking(move || {
            store.put_incidents(&changed)?;
            of_closed(&store, &whose, &mut |page| store.put_incidents(page))
        });
        let closed = closed.await.inspect_err(|_| {
            // In memory it is gone; it is kept with the next change.
            self.unkept.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        })?;
        Ok(count.saturating_add(closed))
    }

    fn concerned(&self, whose: &Whose) -> bool {
        !self.lock().clone().erase(whose).is_empty()
    }
}

impl Delivery {
    async fn erase(&self, whose: &Whose) -> Result<u64, StoreError> {
        let _keeping = self.keeping.lock().await;
        let (count, entries) = {
            let mut outbox = self.outbox();
            let count = outbox.erase(whose).len() as u64;
            // Also those that could not be kept the last time.
            (count, outbox.erased().cloned().collect::<Vec<OutboxEntry>>())
        };
        let store = self.store.clone();
        blocking(move || store.put_messages(&entries)).await?;
        Ok(count)
    }

    fn concerned(&self, whose: &Whose) -> bool {
        self.outbox().concerns(whose)
    }
}

/// Goes through the closed incidents, and hands on those that change. Answers how many.
fn of_closed(
    store: &Store,
    whose: &Whose,
    keep: &mut dyn FnMut(&[Incident]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let (mut count, mut before) = (0_u64, None);
    loop {
        let page = store.incidents(Some(IncidentState::Closed), before, PAGE)?;
        before = page.last().map(|incident| incident.id);
        let is_last = page.len() < PAGE;
        let mut page = page;
        page.retain_mut(|incident| erase_incident(incident, whose));
        if !page.is_empty() {
            keep(&page)?;
            count = count.saturating_add(page.len() as u64);
        }
        if is_last {
            return Ok(count);
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Backend(error.to_string())))
}
