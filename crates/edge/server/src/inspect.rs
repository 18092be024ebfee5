//! Tool definitions on their way to an agent.

use crate::clock::ms;
use crate::journal::recorder_down;
use crate::service::Service;
use holdshort_decide::{SessionView, Snapshot, decide, listed};
use holdshort_enforce::Fault;
use holdshort_inventory::{Observed, PinEntry, definition_digest};
use holdshort_model::{
    Action, ActionKind, Context, Effect, FailMode, Pin, Record, Request, ToolDefinition, ToolListing, ToolsSeen,
};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl Service {
    // Branches here: what is listed is called, read or got by the same predicate, and only tools are pinned.
    pub(crate) async fn inspect_tools(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        match seen.kind {
            ActionKind::ToolCall => self.list_tools(&seen).await,
            ActionKind::ResourceRead | ActionKind::PromptGet => self.list_others(&seen),
            kind => {
                let message = format!("things of the kind `{kind}` cannot be listed");
                Err(Fault::new(FailMode::Unparseable, message))
            }
        }
    }

    async fn list_tools(&self, seen: &ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        let pins = match known(&self.snapshot(), seen) {
            Some(pins) => pins,
            None => self.observe(seen).await?,
        };
        // The snapshot as it is after the definitions were taken notice of: the calls that follow see the same.
        let snapshot = self.snapshot();
        let view = self.session_view(&snapshot, seen);
        let now_ns = self.clock.now_ns();
        let listing = |(tool, pin): (&ToolDefinition, Pin)| ToolListing {
            name: tool.name.clone(),
            listed: listed(&snapshot, &view, &seen.subject, &seen.server, &tool.name, now_ns),
            pin,
        };
        Ok(seen.tools.iter().zip(pins).map(listing).collect())
    }

    // What was taken away is not listed either.
    fn session_view(&self, snapshot: &Snapshot, seen: &ToolsSeen) -> SessionView<'static> {
        let left = self.containment.view(snapshot.agents(), &seen.subject, &seen.session);
        SessionView { standing: left.standing, removed: left.removed, ..SessionView::active(seen.session.clone()) }
    }

    /// Resources and prompts: shown unless using them would be refused as far as their name tells.
    fn list_others(&self, seen: &ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        let now_ns = self.clock.now_ns();
        let no_random = || Fault::new(FailMode::DeciderLate, "the system has no random numbers");
        let id = self.ids.next(now_ns).ok_or_else(no_random)?;
        let snapshot = self.snapshot();
        let view = self.session_view(&snapshot, seen);
        let listing = |thing: &ToolDefinition| {
            let action = Action {
                kind: seen.kind,
                server: Some(seen.server.clone()),
                name: thing.name.clone(),
                args: Value::Null,
                digest: None,
            };
            let (subject, session) = (seen.subject.clone(), seen.session.clone());
            let request = Request { subject, action, context: Context::default(), session };
            // A question about a list, not an action: nothing runs on this answer, so there is no record of it.
            let (decision, _) = decide(&snapshot, &view, &request, id, now_ns);
            ToolListing { name: thing.name.clone(), listed: decision.enforced != Effect::Deny, pin: Pin::Match }
        };
        Ok(seen.tools.iter().map(listing).collect())
    }

    /// Records what is new or changed, keeps it, and takes it into force, in this order.
    async fn observe(&self, seen: &ToolsSeen) -> Result<Vec<Pin>, Fault> {
        let _changing = self.changing.lock().await;
        let snapshot = self.snapshot();
        let mut pins = (**snapshot.pins()).clone();
        let observed = pins.observe(&seen.server, &seen.tools, ms(self.clock.now_ns()));
        let Observed { pins: compared, changes, dirty } = observed.map_err(|error| {
            self.journal.metrics.fault(FailMode::Oversize);
            Fault::new(FailMode::Oversize, format!("these tools cannot be listed: {error}"))
        })?;
        let mut appending = Vec::with_capacity(changes.len());
        for change in changes {
            let bytes = serde_json::to_vec(&Record::ToolChange(change));
            let bytes = bytes.map_err(|_| Fault::new(FailMode::RecorderDown, "a tool change cannot be recorded"))?;
            appending.push(self.journal.hand_over(bytes, None).map_err(|error| recorder_down(&error))?);
        }
        for append in appending {
            append.await.map_err(|error| recorder_down(&error))?;
        }
        // If we crash here, the changes are recorded and not kept: the next listing records them again.
        self.keep(dirty).await?;
        self.put(snapshot.with_pins(Arc::new(pins)));
        Ok(compared)
    }

    pub(crate) async fn keep(&self, entries: Vec<PinEntry>) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let store = self.stores.pins.clone();
        let kept = tokio::task::spawn_blocking(move || store.put_pins(&entries)).await;
        let failure = match kept {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error = %failure, "pins cannot be kept");
        self.journal.metrics.fault(FailMode::RecorderDown);
        Err(Fault::new(FailMode::RecorderDown, "what was seen of these tools cannot be kept, so they are not listed"))
    }
}

/// The pins, when the page shows nothing that was not seen before: then nothing has to be recorded or kept.
fn known(snapshot: &Snapshot, seen: &ToolsSeen) -> Option<Vec<Pin>> {
    let pins = snapshot.pins();
    let mut names = HashSet::with_capacity(seen.tools.len());
    let mut compared = Vec::with_capacity(seen.tools.len());
    for tool in &seen.tools {
        let entry = pins.entry(&seen.server, &tool.name)?;
        if !names.insert(tool.name.as_str()) || entry.latest.digest != definition_digest(&tool.definition) {
            return None;
        }
        compared.push(pins.pin(&seen.server, &tool.name));
    }
    Some(compared)
}
