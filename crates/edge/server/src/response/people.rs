//! What people do with incidents and channels.

use super::notices;
use crate::change::ChangeError;
use crate::service::Service;
use holdshort_api::{ChannelState, ChannelTested, ChannelsPage, IncidentSummary, IncidentsPage};
use holdshort_enforce::Fault;
use holdshort_model::{FailMode, Incident, IncidentEntry, IncidentState, RecordId, one_line};
use serde_json::json;
use std::sync::Arc;

/// Incidents of one page.
const PAGE_MAX: usize = 100;
/// Longest reason for closing, in characters.
const REASON_CHARS_MAX: usize = 300;

impl Service {
    /// The channels that people are told by. To be called once, before the first action.
    pub fn notify_by(&self, notifiers: Vec<Arc<dyn super::Notifier>>) {
        self.response.attach(notifiers);
    }

    /// Incidents, the newest first. `next` of the page is the `before` of the next one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn incidents(
        &self,
        state: Option<IncidentState>,
        before: Option<RecordId>,
    ) -> Result<IncidentsPage, ChangeError> {
        let store = self.response.shared.store.clone();
        let read = tokio::task::spawn_blocking(move || store.incidents(state, before, PAGE_MAX)).await;
        let incidents = read.map_err(state_error)?.map_err(state_error)?;
        let next = (incidents.len() == PAGE_MAX).then(|| incidents.last().map(|incident| incident.id)).flatten();
        // What is in memory is newer than what is kept.
        let latest = |kept: Incident| self.response.shared.open.find(kept.id).unwrap_or(kept);
        Ok(IncidentsPage { incidents: incidents.into_iter().map(latest).map(summary).collect(), next })
    }

    /// An incident with its timeline and evidence; `None` when there is none of this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn incident(&self, id: RecordId) -> Result<Option<Incident>, ChangeError> {
        if let Some(open) = self.response.shared.open.find(id) {
            return Ok(Some(open));
        }
        let store = self.response.shared.store.clone();
        let read = tokio::task::spawn_blocking(move || store.incident(id)).await;
        read.map_err(state_error)?.map_err(state_error)
    }

    /// Closes an incident. `by`: who does it. It gives nothing back that was taken away.
    ///
    /// # Errors
    /// When there is no such open incident, no reason is given, or the change cannot be recorded or kept.
    pub async fn close_incident(&self, id: RecordId, reason: &str, by: &str) -> Result<Incident, ChangeError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(ChangeError::Invalid(format!("`reason` has to have 1 to {REASON_CHARS_MAX} characters")));
        }
        // What is queued for it belongs in front of the end.
        self.response.settle(self.config.deadline).await;
        let _changing = self.changing.lock().await;
        if self.response.shared.open.find(id).is_none() {
            return Err(match self.incident(id).await? {
                Some(_) => ChangeError::Conflict(format!("the incident {id} is closed already")),
                None => ChangeError::Missing(format!("there is no incident {id}")),
            });
        }
        self.record("incident-closed", json!({ "incident": id, "reason": reason, "by": by })).await?;
        let text = one_line(&format!("by {by}: {reason}"), REASON_CHARS_MAX + by.len());
        let entry = IncidentEntry { at_ms: self.now_ms(), what: "closed".into(), text, decision: None, index: None };
        match self.response.shared.open.close(id, entry, &self.response.shared.store).await {
            Some(Ok(closed)) => Ok(closed),
            // If we crash here, then the record tells of a change that was not made; the store is what counts.
            Some(Err(error)) => {
                self.record("change-failed", error.to_string().into()).await?;
                Err(ChangeError::State(error.to_string()))
            }
            None => Err(ChangeError::Conflict(format!("the incident {id} is closed already"))),
        }
    }

    /// The channels and how they do.
    pub fn channels(&self) -> ChannelsPage {
        let state = |state: super::delivery::LineState| ChannelState {
            name: state.name,
            waiting: state.waiting as u64,
            sent: state.sent,
            failed: state.failed,
            given_up: state.given_up,
            dropped: state.dropped,
            down: state.down,
        };
        ChannelsPage { channels: self.response.shared.delivery.states().into_iter().map(state).collect() }
    }

    /// Sends a test to a channel, at once and once.
    ///
    /// # Errors
    /// When there is no such channel. That it does not work is an answer.
    pub async fn test_channel(&self, name: &str, by: &str) -> Result<ChannelTested, ChangeError> {
        let now_ns = self.clock.now_ns();
        let id = self.ids.next(now_ns).ok_or_else(|| {
            Fault::new(FailMode::RecorderDown, "the system has no random numbers, so no message can be named")
        })?;
        let notice = notices::of_test(id, self.now_ms());
        let shown = one_line(name, REASON_CHARS_MAX);
        let sent = self.response.shared.delivery.try_out(name, &notice).await;
        let sent = sent.ok_or_else(|| ChangeError::Missing(format!("there is no channel `{shown}`")))?;
        let problem = sent.err().map(|error| format!("{error} ({})", error.class));
        let detail = json!({ "channel": name, "delivered": problem.is_none(), "problem": problem, "by": by });
        self.record("channel-tested", detail).await?;
        Ok(ChannelTested { name: name.to_owned(), delivered: problem.is_none(), problem })
    }
}

fn summary(incident: Incident) -> IncidentSummary {
    IncidentSummary {
        id: incident.id,
        title: incident.title,
        level: incident.level,
        state: incident.state,
        opened_ms: incident.opened_ms,
        last_ms: incident.last_ms,
        closed_ms: incident.closed_ms,
        agents: incident.agents,
        lines: incident.timeline.len() as u64 + incident.omitted,
    }
}

fn state_error(error: impl std::fmt::Display) -> ChangeError {
    ChangeError::State(error.to_string())
}
