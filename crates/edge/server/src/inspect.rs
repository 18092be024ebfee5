//! Tool definitions on their way to an agent.

use crate::clock::ms;
use crate::journal::recorder_down;
use crate::service::Service;
use holdshort_decide::{SessionView, Snapshot, listed};
use holdshort_enforce::Fault;
use holdshort_inventory::{Observed, PinEntry, definition_digest};
use holdshort_model::{FailMode, Pin, Record, Standing, ToolListing, ToolsSeen};
use std::collections::HashSet;
use std::sync::Arc;

impl Service {
    pub(crate) async fn inspect_tools(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        let snapshot = self.snapshot();
        let pins = match known(&snapshot, &seen) {
            Some(pins) => pins,
            None => self.observe(&seen).await?,
        };
        // The snapshot as it is after the definitions were taken notice of: the calls that follow see the same.
        let snapshot = self.snapshot();
        let view =
            SessionView { id: seen.session.clone(), sequence: 0, standing: Standing::Active, removed: Vec::new() };
        let now_ns = self.clock.now_ns();
        let listing = |(tool, pin): (&holdshort_model::ToolDefinition, Pin)| ToolListing {
            name: tool.name.clone(),
            listed: listed(&snapshot, &view, &seen.subject, &seen.server, &tool.name, now_ns),
            pin,
        };
        Ok(seen.tools.iter().zip(pins).map(listing).collect())
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
            appending.push(self.journal.append(bytes));
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
