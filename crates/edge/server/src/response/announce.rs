//! Questions that wait for a person are told to people.

use super::Note;
use crate::service::Service;
use holdshort_api::ApprovalEvent;
use holdshort_model::{Agent, Claims, Scope, Standing, StandingRecord};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Tells of each question, for as long as the service lives.
pub(crate) async fn announce(service: Weak<Service>, mut events: broadcast::Receiver<Arc<ApprovalEvent>>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(missed)) => {
                let Some(service) = service.upgrade() else { return };
                service.response.missed(missed);
                continue;
            }
        };
        let Some(service) = service.upgrade() else { return };
        if event.event == "asked"
            && let Some(approval) = service.approvals.find(event.id)
        {
            let snapshot = service.snapshot();
            let known = snapshot.agents().by_id(&approval.agent).map(|entry| Agent {
                id: entry.id.clone(),
                class: entry.class.clone(),
                owner: entry.owner.clone(),
                claims: Claims::default(),
            });
            service.response.announce(approval, known);
        }
    }
}

impl Service {
    /// What people take away and give back belongs into the open incident of the agent.
    pub(crate) fn note_standing(&self, change: &StandingRecord, index: Option<u64>) {
        let (Scope::Agent { agent } | Scope::Session { agent, .. }) = &change.after.scope else { return };
        let (what, word) = match (change.released, change.after.standing) {
            (true, _) => ("released", "given back"),
            (false, Standing::Active | Standing::Narrowed) => ("contained", "grants taken away"),
            (false, Standing::Isolated) => ("contained", "isolated"),
            (false, Standing::Terminated) => ("contained", "terminated"),
        };
        let text = format!("{word} by {}: {}", change.after.by, change.after.reason);
        let (agent, what, at_ms) = (agent.clone(), what.to_owned(), change.time_ms);
        self.response.note(Note { agent, what, text, at_ms, index });
    }
}
