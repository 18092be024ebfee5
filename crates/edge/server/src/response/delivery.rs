//! Messages on their way: one task a channel, so that a channel that hangs holds no other one up.
//!
//! A message is in the outbox, durable, before it is sent, and stays there until it arrived or was given up. If we crash
//! in between, then it is sent again: receivers tell repetitions by the id.

use super::Book;
use crate::journal::Journal;
use async_trait::async_trait;
use holdshort_inventory::{Failed, NotificationOutbox, Outbox, OutboxEntry, OutboxRules, StoreError, Taken};
use holdshort_model::{LifecycleRecord, Notice, NoticeKind, Record, RecordId, ResponseRecord, Step};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A channel looks at its messages at least this often: longest pause of one that is down, for messages that are new.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A channel that people are told by.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Whether this goes to it.
    fn takes(&self, notice: &Notice) -> bool;

    /// Sends once. Has an end of its own: nothing here waits longer than it takes.
    ///
    /// # Errors
    /// In which way it failed.
    async fn send(&self, notice: &Notice) -> Result<(), NotifyError>;
}

/// A message that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct NotifyError {
    /// In which way, in one word of a bounded set, such as `unreachable`.
    pub class: String,
    /// In our own words; nothing that the other side said.
    pub text: String,
}

/// The outbox and the channels.
pub(crate) struct Delivery {
    outbox: Mutex<Outbox>,
    /// Held while messages are written, in the order in which they changed.
    pub(super) keeping: tokio::sync::Mutex<()>,
    pub(super) store: Arc<dyn NotificationOutbox + Send + Sync>,
    lines: OnceLock<Vec<Arc<Line>>>,
    rules: OutboxRules,
    book: Book,
}

/// One channel.
struct Line {
    notifier: Arc<dyn Notifier>,
    wake: Notify,
    sent: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
    streak: AtomicU32,
}

/// How a channel does.
pub(super) struct LineState {
    pub(super) name: String,
    pub(super) waiting: usize,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) given_up: u64,
    pub(super) dropped: u64,
    pub(super) down: bool,
}

impl Delivery {
    pub(super) fn load(
        rules: OutboxRules,
        store: Arc<dyn NotificationOutbox + Send + Sync>,
        book: Book,
    ) -> Result<Self, StoreError> {
        let outbox = Mutex::new(Outbox::new(rules, store.messages()?));
        let keeping = tokio::sync::Mutex::default();
        Ok(Self { outbox, keeping, store, lines: OnceLock::new(), rules, book })
    }

    pub(super) fn attach(self: &Arc<Self>, notifiers: Vec<Arc<dyn Notifier>>, tasks: &mut JoinSet<()>) {
        let line = |notifier| {
            Arc::new(Line {
                notifier,
                wake: Notify::new(),
                sent: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                given_up: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                streak: AtomicU32::new(0),
            })
        };
        let lines: Vec<Arc<Line>> = notifiers.into_iter().map(line).collect();
        if self.lines.set(lines.clone()).is_err() {
            tracing::error!("channels were attached twice; the first stay");
            return;
        }
        for line in lines {
            let delivery = self.clone();
            tasks.spawn(async move { delivery.deliver(&line).await });
        }
        let delivery = self.clone();
        tasks.spawn(async move { delivery.forget().await });
        tasks.spawn(super::alarms::follow_journal(self.clone()));
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.book.journal
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.book.now_ms()
    }

    fn lines(&self) -> &[Arc<Line>] {
        self.lines.get().map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message in for every channel that it goes to. The answer says whether there is one, and in words which.
    pub(super) async fn take(&self, key: &str, notice: impl Fn(RecordId) -> Notice) -> (bool, String) {
        let (mut told, mut full) = (Vec::new(), Vec::new());
        let now_ms = self.book.now_ms();
        for line in self.lines() {
            let Some(id) = self.book.ids.next(self.book.clock.now_ns()) else {
                return (false, "the system has no random numbers, so no message can be named".into());
            };
            let notice = notice(id);
            if !line.notifier.takes(&notice) {
                continue;
            }
            let name = line.notifier.name();
            let taken = self.outbox().take(name, key, notice, now_ms);
            match taken {
                Taken::New(id) | Taken::Joined(id) => self.keep(&[id]).await,
                Taken::Instead { new, gone } => self.keep(&[new, gone]).await,
                Taken::Dropped => {
                    line.dropped.fetch_add(1, Ordering::Relaxed);
                    full.push(name);
                    continue;
                }
            }
            if matches!(taken, Taken::Instead { .. }) {
                line.dropped.fetch_add(1, Ordering::Relaxed);
            }
            told.push(name);
            line.wake.notify_one();
        }
        let lost = if full.is_empty() { String::new() } else { format!("; no room left for {}", full.join(", ")) };
        match told.is_empty() {
            true if full.is_empty() => (false, "no channel is configured for this".into()),
            true => (false, format!("nobody is told{lost}")),
            false => (true, format!("to be told: {}{lost}", told.join(", "))),
        }
    }

    /// Sends to a channel once, past the outbox. `None` when there is no such channel.
    pub(super) async fn try_out(&self, name: &str, notice: &Notice) -> Option<Result<(), NotifyError>> {
        let line = self.lines().iter().find(|line| line.notifier.name() == name)?;
        Some(line.notifier.send(notice).await)
    }

    /// How the channels do.
    pub(super) fn states(&self) -> Vec<LineState> {
        let outbox = self.outbox();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let state = |line: &Arc<Line>| LineState {
            name: line.notifier.name().to_owned(),
            waiting: outbox.waiting(line.notifier.name()),
            sent: count(&line.sent),
            failed: count(&line.failed),
            given_up: count(&line.given_up),
            dropped: count(&line.dropped),
            down: line.streak.load(Ordering::Relaxed) > 0,
        };
        self.lines().iter().map(state).collect()
    }

    async fn deliver(&self, line: &Line) {
        let name = line.notifier.name().to_owned();
        loop {
            let now_ms = self.book.now_ms();
            let due = self.outbox().due(&name, now_ms);
            let Some(entry) = due else {
                let wait_ms = self.outbox().wait_ms(&name, now_ms);
                // Times in the outbox are whole milliseconds.
                let wait = wait_ms.map_or(LOOK_EVERY, |wait| Duration::from_millis(wait.max(1)).min(LOOK_EVERY));
                let _ = tokio::time::timeout(wait, line.wake.notified()).await;
                continue;
            };
            let result = line.notifier.send(&entry.notice).await;
            let now_ms = self.book.now_ms();
            match result {
                Ok(()) => {
                    line.sent.fetch_add(1, Ordering::Relaxed);
                    line.streak.store(0, Ordering::Relaxed);
                    self.outbox().sent(entry.notice.id, now_ms);
                    self.keep(&[entry.notice.id]).await;
                    self.record(&entry, true, format!("`{name}` was told{}", after(entry.attempts)));
                }
                Err(error) => self.failed(line, &entry, &error, now_ms).await,
            }
        }
    }

    // A channel that is down is left alone for a while, whatever waits for it.
    async fn failed(&self, line: &Line, entry: &OutboxEntry, error: &NotifyError, now_ms: u64) {
        let name = line.notifier.name();
        line.failed.fetch_add(1, Ordering::Relaxed);
        let streak = line.streak.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let verdict = self.outbox().failed(entry.notice.id, &error.class, jitter(), now_ms);
        self.keep(&[entry.notice.id]).await;
        let text = match verdict {
            Failed::Again { first: true } => Some(format!("`{name}` {error} ({}); tried again", error.class)),
            Failed::GivenUp => {
                line.given_up.fetch_add(1, Ordering::Relaxed);
                Some(format!("`{name}` {error} ({}); given up after {} attempts", error.class, entry.attempts + 1))
            }
            Failed::Again { first: false } | Failed::Unknown => None,
        };
        tracing::warn!(channel = name, class = %error.class, attempts = entry.attempts + 1, "not notified");
        if let Some(text) = text {
            self.record(entry, false, text);
        }
        let pause = Duration::from_millis(self.rules.pause_ms(streak, jitter()));
        tokio::time::sleep(pause.min(LOOK_EVERY)).await;
    }

    /// Takes out what is of no more use, from time to time.
    async fn forget(&self) {
        loop {
            let names: Vec<String> = self.lines().iter().map(|line| line.notifier.name().to_owned()).collect();
            let gone = self.outbox().prune(&names, self.book.now_ms());
            for entry in gone.iter().filter(|entry| entry.sent_ms.is_none()) {
                self.record(entry, false, format!("`{}` is configured no more; given up", entry.channel));
            }
            let ids: Vec<RecordId> = gone.iter().map(|entry| entry.notice.id).collect();
            self.keep(&ids).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn record(&self, entry: &OutboxEntry, done: bool, text: String) {
        let Notice { decision, incident, .. } = entry.notice;
        let time_ms = self.book.now_ms();
        match (entry.notice.kind, &entry.notice.alarm) {
            (NoticeKind::Test, _) => {}
            // No decision is behind it.
            (_, Some(alarm)) => {
                let detail = json!({ "event": alarm.event, "channel": entry.channel, "done": done, "text": text });
                let event = "alarm-told".to_owned();
                self.book.write(&Record::Lifecycle(LifecycleRecord { time_ms, event, detail }), None);
            }
            _ => self.book.step(ResponseRecord { time_ms, decision, step: Step::Notify, incident, done, text }, None),
        }
    }

    // A message that cannot be kept is sent all the same, as long as this process lives.
    async fn keep(&self, ids: &[RecordId]) {
        if ids.is_empty() {
            return;
        }
        let _keeping = self.keeping.lock().await;
        let (mut put, mut gone) = (Vec::new(), Vec::new());
        {
            let outbox = self.outbox();
            for id in ids {
                match outbox.find(*id) {
                    Some(entry) => put.push(entry.clone()),
                    None => gone.push(*id),
                }
            }
        }
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || {
            store.put_messages(&put)?;
            store.remove_messages(&gone)
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "messages not kept"),
            Err(error) => tracing::warn!(%error, "messages not kept"),
        }
    }

    pub(super) fn metrics_text(&self, out: &mut String) {
        let states = self.states();
        type Value = fn(&LineState) -> u64;
        let rows: [(&str, &str, &str, Value); 6] = [
            ("holdshort_notify_waiting", "gauge", "Messages that wait to be delivered.", |state| state.waiting as u64),
            ("holdshort_notify_sent_total", "counter", "Messages that were delivered.", |state| state.sent),
            ("holdshort_notify_failed_total", "counter", "Attempts in vain.", |state| state.failed),
            ("holdshort_notify_given_up_total", "counter", "Messages that were given up.", |state| state.given_up),
            ("holdshort_notify_dropped_total", "counter", "Messages without room.", |state| state.dropped),
            ("holdshort_notify_down", "gauge", "1 when the latest attempt failed.", |state| u64::from(state.down)),
        ];
        for (name, kind, help, value) in rows {
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for state in &states {
                // Names of channels are plain: the configuration says so.
                let _ = writeln!(out, "{name}{{channel=\"{}\"}} {}", state.name, value(state));
            }
        }
    }
}

fn after(attempts: u32) -> String {
    if attempts == 0 { String::new() } else { format!(" after {attempts} attempts in vain") }
}

// Without random numbers everybody comes at once: a nuisance, and no more.
fn jitter() -> u16 {
    let mut random = [0; 2];
    match getrandom::fill(&mut random) {
        Ok(()) => u16::from_le_bytes(random) % 1_001,
        Err(_) => 0,
    }
}
