//! The loop of an exporter: reads a piece of the log, has it delivered, notes how far it got.

use super::alarm::Alarms;
use super::deliver::Delivered;
use super::{Batching, Chunk, Exporter, Source, State, backoff, now_ms, sleep};
use crate::event::hex;
use crate::format::Item;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the cursor is stored while records flow.
const STORE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Run<S> {
    pub(super) exporter: Exporter<S>,
    pub(super) state: State,
    pub(super) alarms: Alarms,
    stored: Option<Instant>,
    pub(super) dirty: bool,
    /// What the receiver took last.
    pub(super) known: Option<Item>,
    /// Most items of one attempt: fewer than a batch for a receiver that did not answer in time.
    pub(super) most: usize,
    pub(super) leaf: [u8; 32],
}

impl<S: Source> Run<S> {
    pub(super) fn new(exporter: Exporter<S>) -> Self {
        let state = State::new(exporter.source.origin(), 0);
        let most = exporter.batching.records_max.max(1);
        let alarms = Alarms::new(exporter.name.clone(), exporter.batching.late_after, exporter.listener.clone());
        Self { exporter, state, alarms, stored: None, dirty: true, known: None, most, leaf: [0; 32] }
    }

    /// One batch, or one wait. False when it is to end.
    pub(super) async fn step(&mut self, ending: &mut watch::Receiver<bool>) -> bool {
        let Exporter { source, batching, meter, .. } = &mut self.exporter;
        let chunk = match source.read(self.state.next, batching.records_max, batching.bytes_max) {
            Ok(chunk) => chunk,
            Err(error) => return self.fail(&format!("log: {error}"), None, ending).await,
        };
        meter.reads(self.state.next, chunk.events.first().map(crate::Event::time_ms));
        self.lost(&chunk);
        let items = self.encode(&chunk);
        match self.deliver(&items, ending).await {
            Delivered::All => {}
            Delivered::Ended => return false,
            Delivered::Again => {
                self.rewind();
                return true;
            }
        }
        self.pass(&chunk);
        let Batching { records_max, every, .. } = self.exporter.batching;
        let full = chunk.events.len() >= records_max || !chunk.events.is_empty() && chunk.next < self.size();
        self.alarms.look(full, &self.state);
        if full {
            if self.stored.is_none_or(|stored| stored.elapsed() >= STORE_EVERY) {
                self.store();
            }
            return !*ending.borrow();
        }
        self.exporter.meter.reads(self.state.next, None);
        self.store();
        sleep(every, ending).await
    }

    fn encode(&mut self, chunk: &Chunk) -> Vec<Item> {
        let Exporter { encoder, filter, .. } = &mut self.exporter;
        encoder.mark();
        // Every event goes through the encoder: what is left out may be what something else is joined with.
        let items = chunk.events.iter().filter_map(|event| {
            let item = encoder.push(event);
            filter.takes(event).then_some(item)
        });
        let mut items: Vec<Item> = items.collect();
        if chunk.events.is_empty() {
            let last = self.state.next.saturating_sub(1);
            items.extend(encoder.overdue(now_ms(), last, self.leaf));
        }
        items
    }

    /// The encoder as it was before what has to be read again, and without what was erased since.
    fn rewind(&mut self) {
        let Exporter { encoder, source, .. } = &mut self.exporter;
        encoder.rewind(self.state.next);
        encoder.forget(|key| source.erased(key));
    }

    /// Counted once, whatever becomes of the rest.
    fn lost(&mut self, chunk: &Chunk) {
        if chunk.lost > 0 {
            let (export, lost) = (self.exporter.name.as_str(), chunk.lost);
            tracing::warn!(export, lost, "records were gone before they were exported");
            self.state.lost += lost;
            self.state.next = chunk.events.first().map_or(chunk.next, |event| event.index);
            self.exporter.meter.lost(lost);
            self.alarms.lost(lost);
            self.dirty = true;
            self.store();
        }
    }

    /// Notes that everything of a chunk was taken, left out, or not wanted.
    fn pass(&mut self, chunk: &Chunk) {
        if let Some(last) = chunk.events.last() {
            self.leaf = last.leaf;
            self.state.leaf = hex(&last.leaf);
        }
        if chunk.next > self.state.next {
            self.filtered(chunk.next - self.state.next);
            self.state.next = chunk.next;
            self.dirty = true;
        }
    }

    pub(super) fn filtered(&mut self, count: u64) {
        self.state.filtered += count;
        self.exporter.meter.filtered(count);
    }

    fn size(&mut self) -> u64 {
        self.exporter.source.size().unwrap_or(0)
    }

    /// Notes what failed and waits. False when it is to end.
    pub(super) async fn fail(&mut self, error: &str, asked_s: Option<u64>, ending: &mut watch::Receiver<bool>) -> bool {
        self.exporter.meter.failed();
        self.state.failures = self.state.failures.saturating_add(1);
        if self.state.error.as_deref() != Some(error) {
            tracing::warn!(export = self.exporter.name.as_str(), error, "export waits");
            self.state.error = Some(error.to_owned());
        }
        self.dirty = true;
        self.store();
        let Batching { pause_first, pause_max, .. } = self.exporter.batching;
        let mut left = backoff::pause(self.state.failures, (pause_first, pause_max), asked_s);
        // Somebody is told in time, however long the pause is.
        while let Some(early) = self.alarms.due().filter(|due| *due < left) {
            if !sleep(early, ending).await {
                return false;
            }
            left = left.saturating_sub(early);
            self.alarms.look(true, &self.state);
        }
        sleep(left, ending).await
    }

    pub(super) fn store(&mut self) {
        if !self.dirty {
            return;
        }
        self.state.updated_ms = now_ms();
        let export = self.exporter.name.as_str();
        if let Err(error) = self.exporter.sink.settle() {
            tracing::warn!(export, %error, "export is not on disk yet");
            return;
        }
        match self.exporter.cursor.store(&self.state) {
            Ok(()) => {
                self.dirty = false;
                self.stored = Some(Instant::now());
            }
            // Records are sent again after a start, and nothing is left out.
            Err(error) => tracing::warn!(export, %error, "the cursor cannot be stored"),
        }
    }

    /// How far it got.
    pub(super) fn end(mut self) -> State {
        self.store();
        self.state
    }
}
