//! An exporter that follows a log in memory.

use super::receiver::{Answer, Got, Receiver};
use super::{LOG, decision, event};
use holdshort_export::{
    Alarm, Arguments, Batching, Body, Chunk, Cursor, Encoder, Event, Exporter, Filter, Format, From, Key, Meter, Sink,
    SinkTarget, Source, SourceError, State, Unreadable,
};
use holdshort_model::Level;
use holdshort_notify::Trust;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A log in memory that tests write, cut and drop.
#[derive(Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) first: AtomicU64,
    pub(crate) broken: AtomicBool,
    /// Keys that were destroyed.
    pub(crate) erased: Mutex<Vec<Key>>,
}

impl Memory {
    pub(crate) fn of(count: u64) -> Self {
        let memory = Self::default();
        memory.write(count);
        memory
    }

    pub(crate) fn write(&self, count: u64) {
        let mut events = self.0.events.lock().unwrap();
        for _ in 0..count {
            let index = events.len() as u64;
            events.push(event(index, decision("tool.call", &format!("tool-{index}"), &[])));
        }
    }
}

impl Source for Memory {
    fn origin(&self) -> Arc<str> {
        LOG.into()
    }

    fn size(&mut self) -> Result<u64, SourceError> {
        Ok(self.0.events.lock().unwrap().len() as u64)
    }

    fn read(&mut self, from: u64, records_max: usize, _: usize) -> Result<Chunk, SourceError> {
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(SourceError("the disk is on fire".into()));
        }
        let first = self.0.first.load(Ordering::SeqCst).max(from);
        let erased = self.0.erased.lock().unwrap();
        let seen = |event: &Event| match event.key.filter(|key| erased.contains(key)) {
            Some(_) => Event { body: Body::Unreadable(Unreadable::Erased), ..event.clone() },
            None => event.clone(),
        };
        let events = self.0.events.lock().unwrap();
        let events: Vec<Event> = events.iter().skip(first as usize).take(records_max).map(seen).collect();
        Ok(Chunk { next: first + events.len() as u64, lost: first - from, events })
    }

    fn erased(&mut self, key: &Key) -> bool {
        self.0.erased.lock().unwrap().contains(key)
    }
}

pub(crate) struct Setup {
    pub(crate) home: tempfile::TempDir,
    pub(crate) memory: Memory,
    pub(crate) format: Format,
    pub(crate) from: From,
    pub(crate) filter: Filter,
    pub(crate) records_max: usize,
    pub(crate) late_after: Duration,
    /// Longest time of an attempt.
    pub(crate) patience: Duration,
    pub(crate) meter: Arc<Meter>,
    pub(crate) alarms: Arc<Mutex<Vec<Alarm>>>,
}

impl Setup {
    pub(crate) fn new(memory: Memory) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            memory,
            format: Format::Json,
            from: From::Start,
            filter: Filter { kinds: Vec::new(), level: Level::Low },
            records_max: 10,
            late_after: Duration::from_secs(900),
            patience: Duration::from_secs(30),
            meter: Meter::new("siem"),
            alarms: Arc::default(),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(self.home.path(), "siem")
    }

    pub(crate) fn start(&self, target: SinkTarget) -> Running {
        let sink = Sink::new(self.format, target).unwrap().with_patience(self.patience);
        let alarms = self.alarms.clone();
        let exporter = Exporter {
            name: "siem".into(),
            source: self.memory.clone(),
            encoder: Encoder::new(self.format, Arguments::Digest, sink.line_bytes_max()),
            sink,
            filter: self.filter.clone(),
            batching: Batching {
                records_max: self.records_max,
                bytes_max: 1 << 20,
                every: Duration::from_millis(5),
                pause_first: Duration::from_millis(2),
                pause_max: Duration::from_millis(20),
                late_after: self.late_after,
            },
            from: self.from,
            cursor: self.cursor(),
            meter: self.meter.clone(),
            listener: Arc::new(move |_, alarm| alarms.lock().unwrap().push(alarm)),
        };
        let (ending, ended) = watch::channel(false);
        Running { ending, task: tokio::spawn(exporter.run(ended)) }
    }

    pub(crate) fn http(&self, receiver: &Receiver) -> Running {
        self.start(http(&receiver.url))
    }

    /// Waits until the stored cursor is what is wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&State) -> bool) -> State {
        for _ in 0..4_000 {
            if let Ok(Some(state)) = self.cursor().load()
                && wanted(&state)
            {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never came: {:?}", self.cursor().load());
    }
}

pub(crate) struct Running {
    ending: watch::Sender<bool>,
    task: JoinHandle<State>,
}

impl Running {
    pub(crate) async fn stop(self) -> State {
        self.ending.send(true).unwrap();
        self.task.await.unwrap()
    }

    /// As if the process were killed: nothing is stored any more.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub(crate) fn http(url: &str) -> SinkTarget {
    SinkTarget::Http { url: url.into(), token: None, trust: Trust::default(), insecure: false, gzip: true }
}

pub(crate) fn indices(lines: &[String]) -> Vec<u64> {
    lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap()).collect()
}

/// No gap, and the first time that each arrives is in order.
pub(crate) fn assert_complete(seen: &[u64], wanted: impl Iterator<Item = u64>) {
    let mut firsts: Vec<u64> = Vec::new();
    for index in seen {
        if !firsts.contains(index) {
            firsts.push(*index);
        }
    }
    assert_eq!(firsts, wanted.collect::<Vec<_>>(), "{seen:?}");
}

pub(crate) fn yes(_: &Got) -> Answer {
    Answer::Status(200)
}
