//! Follows a log and delivers it, in order, at least once.
//!
//! Memory is bounded by one batch: what a receiver does not take stays in the log, and is read again before the next
//! attempt, so that what was erased meanwhile does not go. Nothing that writes the log knows of an exporter; it runs on a
//! thread of its own, behind everything else.

mod alarm;
mod backoff;
mod begin;
mod cursor;
mod deliver;
mod meter;
mod run;

pub use alarm::{Alarm, Listener};
pub use cursor::{Cursor, CursorError, State};
pub use meter::{Meter, render};

use crate::event::{Event, Key};
use crate::format::Encoder;
use crate::sink::Sink;
use holdshort_model::Level;
use run::Run;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

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

    /// Whether a key was destroyed: what it sealed must not leave any more.
    fn erased(&mut self, key: &Key) -> bool;
}

/// A piece of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    /// The records, in their order.
    pub events: Vec<Event>,
    /// Where the next piece begins.
    pub next: u64,
    /// Records before the first one that should have been here and are kept no longer.
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
    /// Only what is at least so grave. How grave something is that cannot be read nobody knows: it goes.
    pub level: Level,
}

impl Filter {
    /// Whether an event is sent.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        (event.level() >= self.level || event.is_unreadable())
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind()))
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
    /// People are told when it did not catch up for so long.
    pub late_after: Duration,
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
    /// Counts what it does.
    pub meter: Arc<Meter>,
    /// Is told what people should know.
    pub listener: Listener,
}

impl<S: Source> Exporter<S> {
    /// Runs until `ending` is true or nobody can say so any more; returns how far it got.
    pub async fn run(self, mut ending: watch::Receiver<bool>) -> State {
        let mut run = Run::new(self);
        if run.begin(&mut ending).await {
            while run.step(&mut ending).await {}
        }
        run.end()
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
