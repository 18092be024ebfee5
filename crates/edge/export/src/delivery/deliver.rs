//! One batch and its receiver: what is taken, what is not taken now, and what is never taken.
//!
//! INVARIANT: a record is left out only when the receiver takes another one at that moment. One that takes nothing is what
//! is wrong itself, and is waited for.

use super::run::Run;
use super::{Source, ended, now_ms};
use crate::error::Failed;
use crate::event::hex;
use crate::format::Item;
use crate::sink::Taken;
use std::collections::VecDeque;
use tokio::sync::watch;

/// What became of a batch.
pub(super) enum Delivered {
    /// Everything was taken or left out.
    All,
    /// Something has to be tried again: read from the log once more, after a pause.
    Again,
    /// It is to end.
    Ended,
}

enum Attempt {
    Taken(Taken),
    Refused(u16, String),
    Later(String, Option<u64>),
    Late(String),
    Ended,
}

impl<S: Source> Run<S> {
    /// Sends items, each until it is taken or left out, or until the receiver wants to be asked later.
    pub(super) async fn deliver(&mut self, items: &[Item], ending: &mut watch::Receiver<bool>) -> Delivered {
        let mut parts: VecDeque<&[Item]> = items.chunks(self.most).collect();
        // Whether the receiver took something since the last item that was left out.
        let mut taking = false;
        while let Some(part) = parts.pop_front() {
            let (error, asked_s) = match self.attempt(part, ending).await {
                Attempt::Ended => return Delivered::Ended,
                Attempt::Taken(taken) => {
                    taking = true;
                    self.taken(part, taken);
                    continue;
                }
                // One of them is wrong: halves, in their order, until it is found.
                Attempt::Refused(..) if part.len() > 1 => {
                    let (front, back) = part.split_at(part.len() / 2);
                    parts.push_front(back);
                    parts.push_front(front);
                    continue;
                }
                Attempt::Refused(status, error) => {
                    if taking || self.takes_another(part, items, ending).await {
                        taking = false;
                        self.leave_out(part, status, &error);
                        continue;
                    }
                    (error, None)
                }
                // Less may be quick enough.
                Attempt::Late(error) => {
                    self.most = (part.len() / 2).max(1);
                    (error, None)
                }
                Attempt::Later(error, asked_s) => (error, asked_s),
            };
            return if self.fail(&error, asked_s, ending).await { Delivered::Again } else { Delivered::Ended };
        }
        Delivered::All
    }

    async fn attempt(&mut self, part: &[Item], ending: &mut watch::Receiver<bool>) -> Attempt {
        let sending = self.exporter.sink.send(part);
        let sent = tokio::select! {
            sent = sending => sent,
            () = ended(ending) => return Attempt::Ended,
        };
        match sent {
            Ok(taken) => Attempt::Taken(taken),
            Err(error @ Failed::Late) => Attempt::Late(error.to_string()),
            Err(Failed::Later { error, retry_after_s }) => Attempt::Later(error, retry_after_s),
            Err(Failed::Refused { status, detail }) => {
                self.exporter.meter.refused();
                Attempt::Refused(status, format!("refused with {status}{detail}"))
            }
        }
    }

    /// Whether the receiver takes something else now: what it took last, else the smallest of the others. That it gets
    /// it twice is what at least once allows.
    async fn takes_another(&mut self, part: &[Item], items: &[Item], ending: &mut watch::Receiver<bool>) -> bool {
        let source = &mut self.exporter.source;
        let known = self.known.take().filter(|known| known.key.is_none_or(|key| !source.erased(&key)));
        let refused = part.first().map(|item| item.index);
        let others = items.iter().filter(|item| Some(item.index) != refused);
        let Some(probe) = known.or_else(|| others.min_by_key(|item| item.bytes()).cloned()) else { return false };
        let takes = matches!(self.attempt(std::slice::from_ref(&probe), ending).await, Attempt::Taken(_));
        self.known = Some(probe);
        takes
    }

    fn taken(&mut self, part: &[Item], taken: Taken) {
        let name = self.exporter.name.as_str();
        if self.state.failures > 0 {
            tracing::info!(export = name, failures = self.state.failures, "export goes on");
        }
        if let Some(said) = &taken.said {
            tracing::warn!(export = name, said, rejected = taken.rejected, "the receiver says");
        }
        let rejected = taken.rejected.min(part.len() as u64);
        let sent = part.len() as u64 - rejected;
        self.exporter.meter.taken(sent, taken.bytes as u64);
        self.state.sent += sent;
        self.most = self.most.saturating_mul(2).min(self.exporter.batching.records_max.max(1));
        self.known = part.last().and_then(Item::alone);
        self.state.failures = 0;
        self.state.error = None;
        self.state.last_sent_ms = now_ms();
        self.passed(part);
        self.skipped(rejected);
    }

    fn leave_out(&mut self, part: &[Item], status: u16, error: &str) {
        for item in part {
            let (export, index, leaf) = (self.exporter.name.as_str(), item.index, hex(&item.leaf));
            tracing::warn!(export, index, leaf, status, error, "record left out of the export");
        }
        self.passed(part);
        self.skipped(part.len() as u64);
        // What was left out has to stay counted.
        self.store();
    }

    fn skipped(&mut self, count: u64) {
        if count > 0 {
            self.state.skipped += count;
            self.exporter.meter.skipped(count);
            self.alarms.left_out(count);
        }
    }

    fn passed(&mut self, part: &[Item]) {
        // Spans that nobody waits for any longer go along with a place that was passed before.
        if let Some(item) = part.last()
            && item.index >= self.state.next
        {
            let beyond = item.index.saturating_add(1);
            self.filtered((beyond - self.state.next).saturating_sub(part.len() as u64));
            self.state.next = beyond;
            self.state.leaf = hex(&item.leaf);
            self.leaf = item.leaf;
        }
        self.dirty = true;
    }
}
