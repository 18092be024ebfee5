//! Follows a log and delivers it, in order, at least once.
//!
//! Memory is bounded by one batch: what a receiver does not take stays in the log, and is read again later. Nothing that
//! writes the log knows of an exporter; it runs on a thread of its own, behind everything else.

mod backoff;
mod cursor;

pub use cursor::{Cursor, CursorError, State};

use crate::error::Failed;
use crate::event::Event;
use crate::format::{Encoder, Item};
use crate::sink::Sink;
use holdshort_model::Level;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// How often the cursor is stored while records flow.
const STORE_EVERY: Duration = Duration::from_secs(1);
/// Records before the cursor that are looked at, so that outcomes find their decisions.
const LOOK_BACK: u64 = 4_096;
/// Attempts for an item that is refused while nothing else is taken: then the receiver may be what is wrong.
const REFUSALS_MAX: u32 = 5;

/// Records of a log, read when they are wanted.
pub trait Source: Send {
    /// Origin of the log.
    fn origin(&self) -> Arc<str>;

    /// How many records there are now.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn size(&mut self) -> Result<u64, SourceError>;

    /// The records from `from` on: as many as there are, up to these bounds, and at least one if there is one.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read(&mut self, from: u64, records_max: usize, bytes_max: usize) -> Result<Chunk, SourceError>;
}

/// A piece of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    /// The records, in their order.
    pub events: Vec<Event>,
    /// Where the next piece begins.
    pub next: u64,
    /// Records that should have been here and are kept no longer.
    pub lost: u64,
}

/// A log that cannot be read: in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Where an exporter begins that has no cursor yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the first record.
    Start,
    /// With the next record that is written.
    Now,
    /// With this one.
    Index(u64),
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only these types; empty = all.
    pub kinds: Vec<String>,
    /// Only what is at least so grave.
    pub level: Level,
}

impl Filter {
    /// Whether an event is sent.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        event.level() >= self.level && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind()))
    }
}

/// How much goes at once, and how long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Most records of a batch.
    pub records_max: usize,
    /// Most bytes of a batch, as they stand in the log.
    pub bytes_max: usize,
    /// How long records are collected.
    pub every: Duration,
    /// Pause after the first attempt in vain.
    pub pause_first: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

/// Follows a log and delivers it to one receiver.
pub struct Exporter<S> {
    /// Its name.
    pub name: String,
    /// What it follows.
    pub source: S,
    /// What records are made into.
    pub encoder: Encoder,
    /// Where they go.
    pub sink: Sink,
    /// Which ones.
    pub filter: Filter,
    /// How much at once.
    pub batching: Batching,
    /// Where it begins.
    pub from: From,
    /// How far it got.
    pub cursor: Cursor,
}

struct Run<S> {
    exporter: Exporter<S>,
    state: State,
    stored: Option<Instant>,
    dirty: bool,
    /// Whether the receiver took the last thing that it was given.
    taking: bool,
    leaf: [u8; 32],
}

enum Attempt {
    Taken,
    Refused(u16, String),
    Ended,
}

impl<S: Source> Exporter<S> {
    /// Runs until `ending` is true or nobody can say so any more; returns how far it got.
    pub async fn run(self, mut ending: watch::Receiver<bool>) -> State {
        let origin = self.source.origin();
        let state = State::new(origin, 0);
        let mut run = Run { exporter: self, state, stored: None, dirty: true, taking: true, leaf: [0; 32] };
        if run.begin(&mut ending).await {
            while run.step(&mut ending).await {}
        }
        run.store();
        run.state
    }
}

impl<S: Source> Run<S> {
    /// Finds the place to begin. False when it is to end.
    async fn begin(&mut self, ending: &mut watch::Receiver<bool>) -> bool {
        loop {
            match self.place() {
                Ok(state) => {
                    self.state = state;
                    self.look_back();
                    self.store();
                    return !*ending.borrow();
                }
                Err(error) => {
                    if !self.fail(&format!("log: {error}"), None, ending).await {
                        return false;
                    }
                }
            }
        }
    }

    fn place(&mut self) -> Result<State, SourceError> {
        let Exporter { name, source, cursor, from, .. } = &mut self.exporter;
        let (origin, size) = (source.origin(), source.size()?);
        let afresh = |why: &str| {
            tracing::warn!(export = name.as_str(), why, "exported from the beginning");
            State::new(origin.clone(), 0)
        };
        let state = match cursor.load() {
            Ok(Some(state)) => state,
            Ok(None) => {
                let next = match *from {
                    From::Start => 0,
                    From::Now => size,
                    From::Index(index) => index,
                };
                return Ok(State::new(origin.clone(), next));
            }
            // A cursor that is there says that something was sent; which, it does not say any more.
            Err(error) => return Ok(afresh(&error.to_string())),
        };
        if state.log != origin {
            return Ok(afresh("the cursor is of another log"));
        }
        if state.next > size && !state.leaf.is_empty() {
            return Ok(afresh("the log is shorter than what was exported of it: it was rolled back"));
        }
        let last = match state.next.checked_sub(1) {
            Some(last) if !state.leaf.is_empty() => source.read(last, 1, 1)?.events.into_iter().next(),
            _ => None,
        };
        match last {
            Some(event) if event.index + 1 == state.next && event.leaf_hex() != state.leaf => {
                Ok(afresh("the last exported record is another one now: the log was rewritten"))
            }
            Some(event) => {
                self.leaf = event.leaf;
                Ok(state)
            }
            None => Ok(state),
        }
    }

    // Best effort: an outcome whose decision is not found is exported without it.
    fn look_back(&mut self) {
        let mut at = self.state.next.saturating_sub(LOOK_BACK);
        if !self.exporter.encoder.looks_back() {
            return;
        }
        let Batching { records_max, bytes_max, .. } = self.exporter.batching;
        while at < self.state.next {
            let Ok(chunk) = self.exporter.source.read(at, records_max, bytes_max) else { return };
            for event in chunk.events.iter().filter(|event| event.index < self.state.next) {
                let _ = self.exporter.encoder.push(event);
            }
            if chunk.next <= at {
                return;
            }
            at = chunk.next;
        }
    }

    /// One batch, or one wait. False when it is to end.
    async fn step(&mut self, ending: &mut watch::Receiver<bool>) -> bool {
        let Exporter { source, encoder, filter, batching, .. } = &mut self.exporter;
        let chunk = match source.read(self.state.next, batching.records_max, batching.bytes_max) {
            Ok(chunk) => chunk,
            Err(error) => return self.fail(&format!("log: {error}"), None, ending).await,
        };
        let before = chunk.events.len();
        // Every event goes through the encoder: what is left out may be what something else is joined with.
        let items = chunk.events.iter().filter_map(|event| {
            let item = encoder.push(event);
            filter.takes(event).then_some(item)
        });
        let mut items: Vec<Item> = items.collect();
        let filtered = (before - items.len()) as u64;
        if before == 0 {
            let last = self.state.next.saturating_sub(1);
            items.extend(encoder.overdue(now_ms(), last, self.leaf));
        }
        if chunk.lost > 0 {
            let (export, lost) = (self.exporter.name.as_str(), chunk.lost);
            tracing::warn!(export, lost, "records were gone before they were exported");
            // Counted once, whatever becomes of the rest.
            self.state.lost += lost;
            self.state.next = chunk.events.first().map_or(chunk.next, |event| event.index);
            self.dirty = true;
        }
        let last = chunk.events.last().map(|event| (event.index, event.leaf));
        if !self.deliver(&items, ending).await {
            return false;
        }
        self.state.filtered += filtered;
        if let Some((_, leaf)) = last {
            self.leaf = leaf;
            self.state.leaf = crate::event::hex(&leaf);
        }
        if chunk.next > self.state.next {
            self.state.next = chunk.next;
            self.dirty = true;
        }
        let full = before >= self.exporter.batching.records_max || items.len() > 1 && chunk.next < self.size();
        if full {
            if self.stored.is_none_or(|stored| stored.elapsed() >= STORE_EVERY) {
                self.store();
            }
            return !*ending.borrow();
        }
        self.store();
        let every = self.exporter.batching.every;
        sleep(every, ending).await
    }

    fn size(&mut self) -> u64 {
        self.exporter.source.size().unwrap_or(0)
    }

    /// Sends items until they are taken or left out. False when it is to end; the state says how far it got.
    async fn deliver(&mut self, items: &[Item], ending: &mut watch::Receiver<bool>) -> bool {
        let mut parts: VecDeque<&[Item]> = VecDeque::from([items]);
        let mut refusals = 0;
        while let Some(part) = parts.pop_front().filter(|part| !part.is_empty()) {
            match self.attempt(part, ending).await {
                Attempt::Ended => return false,
                Attempt::Taken => {
                    refusals = 0;
                    self.taking = true;
                    self.taken(part);
                }
                // One of them is wrong: halves, in their order, until it is found.
                Attempt::Refused(..) if part.len() > 1 => {
                    let (front, back) = part.split_at(part.len() / 2);
                    parts.push_front(back);
                    parts.push_front(front);
                }
                Attempt::Refused(status, error) => {
                    refusals += 1;
                    if !self.taking && refusals < REFUSALS_MAX {
                        parts.push_front(part);
                        if !self.fail(&error, None, ending).await {
                            return false;
                        }
                        continue;
                    }
                    refusals = 0;
                    self.taking = false;
                    self.leave_out(part, status, &error);
                }
            }
        }
        true
    }

    /// Tries until there is an answer about the items themselves.
    async fn attempt(&mut self, part: &[Item], ending: &mut watch::Receiver<bool>) -> Attempt {
        loop {
            let sending = self.exporter.sink.send(part);
            let sent = tokio::select! {
                sent = sending => sent,
                () = ended(ending) => return Attempt::Ended,
            };
            match sent {
                Ok(said) => {
                    if let Some(said) = said {
                        tracing::warn!(export = self.exporter.name.as_str(), said, "not everything was kept");
                    }
                    return Attempt::Taken;
                }
                Err(Failed::Refused { status, detail }) => {
                    return Attempt::Refused(status, format!("refused with {status}{detail}"));
                }
                Err(Failed::Later { error, retry_after_s }) => {
                    if !self.fail(&error, retry_after_s, ending).await {
                        return Attempt::Ended;
                    }
                }
            }
        }
    }

    fn taken(&mut self, part: &[Item]) {
        if self.state.failures > 0 {
            tracing::info!(export = self.exporter.name.as_str(), failures = self.state.failures, "export goes on");
        }
        self.state.sent += part.len() as u64;
        self.state.failures = 0;
        self.state.error = None;
        self.state.last_sent_ms = now_ms();
        self.passed(part);
    }

    fn leave_out(&mut self, part: &[Item], status: u16, error: &str) {
        for item in part {
            let (index, leaf) = (item.index, crate::event::hex(&item.leaf));
            tracing::warn!(
                export = self.exporter.name.as_str(),
                index,
                leaf,
                status,
                error,
                "record left out of the export"
            );
        }
        self.state.skipped += part.len() as u64;
        self.passed(part);
        // What was left out has to stay counted.
        self.store();
    }

    fn passed(&mut self, part: &[Item]) {
        // Spans that nobody waits for any longer go along with a place that was passed before.
        if let Some(item) = part.last()
            && item.index >= self.state.next
        {
            self.state.next = item.index.saturating_add(1);
            self.state.leaf = crate::event::hex(&item.leaf);
        }
        self.dirty = true;
    }

    /// Notes what failed and waits. False when it is to end.
    async fn fail(&mut self, error: &str, asked_s: Option<u64>, ending: &mut watch::Receiver<bool>) -> bool {
        self.state.failures = self.state.failures.saturating_add(1);
        if self.state.error.as_deref() != Some(error) {
            tracing::warn!(export = self.exporter.name.as_str(), error, "export waits");
            self.state.error = Some(error.to_owned());
        }
        self.dirty = true;
        self.store();
        let Batching { pause_first, pause_max, .. } = self.exporter.batching;
        sleep(backoff::pause(self.state.failures, (pause_first, pause_max), asked_s), ending).await
    }

    fn store(&mut self) {
        if !self.dirty {
            return;
        }
        self.state.updated_ms = now_ms();
        let settled = self.exporter.sink.settle();
        if let Err(error) = &settled {
            tracing::warn!(export = self.exporter.name.as_str(), %error, "export is not on disk yet");
            return;
        }
        match self.exporter.cursor.store(&self.state) {
            Ok(()) => {
                self.dirty = false;
                self.stored = Some(Instant::now());
            }
            // Records are sent again after a start, and nothing is left out.
            Err(error) => {
                tracing::warn!(export = self.exporter.name.as_str(), %error, "the cursor cannot be stored");
            }
        }
    }
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    // Nobody left who could say so is an end, too.
    let _ = ending.wait_for(|ending| *ending).await;
}

/// Waits. False when it is to end.
async fn sleep(time: Duration, ending: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = ended(ending) => false,
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
