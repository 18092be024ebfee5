//! Messages to people that wait to be delivered: which are put together, when each is tried, when one is given up.
//!
//! Values only: the edge sends, keeps what changed, and says what time it is.

mod erasing;

use crate::StoreError;
use holdshort_model::{Level, Notice, RecordId};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Most messages that wait for one channel. Beyond it a graver one takes the place of the mildest.
pub const OUTBOX_PER_CHANNEL_MAX: usize = 500;
/// Kinds of failure that are remembered of one message.
const FAILURES_MAX: usize = 16;

/// Messages. Every method is atomic and durable when it returns.
pub trait NotificationOutbox {
    /// All of them, by id.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn messages(&self) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Writes messages, each in the place of the one with its id.
    ///
    /// # Errors
    /// When the store fails; then none of them is written.
    fn put_messages(&self, entries: &[OutboxEntry]) -> Result<(), StoreError>;

    /// Removes messages. One that is not there is none the less gone.
    ///
    /// # Errors
    /// When the store fails; then none of them is removed.
    fn remove_messages(&self, ids: &[RecordId]) -> Result<(), StoreError>;
}

/// A message to one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// Name of the channel.
    pub channel: String,
    /// What is put together: messages of one key within the window.
    pub key: String,
    /// The message. Its id is the entry's.
    pub notice: Notice,
    /// When it is tried next, in milliseconds since 1970.
    pub due_ms: u64,
    /// How often it was tried in vain.
    #[serde(default)]
    pub attempts: u32,
    /// In which ways it failed.
    #[serde(default)]
    pub failures: Vec<String>,
    /// When it was delivered, in milliseconds since 1970. Such an entry only says that what follows soon can wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ms: Option<u64>,
}

/// How messages are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxRules {
    /// Within this time after a message, those of the same key are put together into one, in milliseconds.
    pub repeat_ms: u64,
    /// After so many attempts in vain a message is given up.
    pub attempts_max: u32,
    /// Pause after the first attempt in vain, in milliseconds; it doubles each time.
    pub pause_first_ms: u64,
    /// Longest pause, in milliseconds.
    pub pause_max_ms: u64,
}

impl Default for OutboxRules {
    fn default() -> Self {
        Self { repeat_ms: 300_000, attempts_max: 100, pause_first_ms: 1_000, pause_max_ms: 900_000 }
    }
}

impl OutboxRules {
    /// The pause after so many failures, in milliseconds. `jitter`: 0 to 1,000; up to a half of the pause is taken off, so
    /// that not everybody who waited comes at once.
    pub fn pause_ms(&self, failures: u32, jitter: u16) -> u64 {
        let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = self.pause_first_ms.saturating_mul(doubled).min(self.pause_max_ms);
        pause - pause.saturating_mul(u64::from(jitter.min(1_000))) / 2_000
    }
}

/// What taking a message in came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits by itself.
    New(RecordId),
    /// It is counted in one that waits.
    Joined(RecordId),
    /// It took the place of a milder one, which is gone.
    Instead {
        /// The new one.
        new: RecordId,
        /// The one that is gone.
        gone: RecordId,
    },
    /// There is no room.
    Dropped,
}

/// What becomes of a message that was tried in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again.
    Again {
        /// It had not failed in this way before.
        first: bool,
    },
    /// It is gone.
    GivenUp,
    /// Nobody knows it.
    Unknown,
}

/// The messages that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: BTreeMap<RecordId, OutboxEntry>,
    sending: BTreeSet<RecordId>,
    rules: OutboxRules,
}

impl Outbox {
    /// What waited when the service ended.
    pub fn new(rules: OutboxRules, entries: impl IntoIterator<Item = OutboxEntry>) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.notice.id, entry)).collect();
        Self { entries, sending: BTreeSet::new(), rules }
    }

    /// The message of this id.
    pub fn find(&self, id: RecordId) -> Option<&OutboxEntry> {
        self.entries.get(&id)
    }

    /// How many wait for a channel.
    pub fn waiting(&self, channel: &str) -> usize {
        self.of(channel).filter(|entry| entry.sent_ms.is_none()).count()
    }

    /// Takes a message in.
    pub fn take(&mut self, channel: &str, key: &str, notice: Notice, now_ms: u64) -> Taken {
        let same = |entry: &&mut OutboxEntry| entry.channel == channel && entry.key == key;
        let sending = &self.sending;
        let mut known = self.entries.values_mut().filter(same);
        if let Some(waits) = known.find(|entry| entry.sent_ms.is_none() && !sending.contains(&entry.notice.id)) {
            let told = &mut waits.notice;
            told.count = told.count.saturating_add(notice.count);
            told.last_ms = told.last_ms.max(notice.last_ms);
            return Taken::Joined(told.id);
        }
        let latest = self.entries.values().filter(|entry| entry.channel == channel && entry.key == key);
        // One that is being sent now counts as just sent.
        let latest = latest.map(|entry| entry.sent_ms.unwrap_or(now_ms)).max();
        // A clock that went back must not hold a message up for longer than the window.
        let due_ms = latest.map_or(now_ms, |sent| sent.min(now_ms) + self.rules.repeat_ms);
        let gone = match self.of(channel).count() < OUTBOX_PER_CHANNEL_MAX {
            true => None,
            false => match self.place_for(channel, notice.level) {
                None => return Taken::Dropped,
                gone => gone,
            },
        };
        if let Some(gone) = gone {
            self.entries.remove(&gone);
        }
        let new = notice.id;
        let (channel, key) = (channel.to_owned(), key.to_owned());
        let entry = OutboxEntry { channel, key, notice, due_ms, attempts: 0, failures: Vec::new(), sent_ms: None };
        self.entries.insert(new, entry);
        gone.map_or(Taken::New(new), |gone| Taken::Instead { new, gone })
    }

    /// The message to be sent to a channel now; it counts as being sent until it is [`Self::sent`] or [`Self::failed`].
    pub fn due(&mut self, channel: &str, now_ms: u64) -> Option<OutboxEntry> {
        let entry = self.ready(channel)?;
        if self.due_ms(entry, now_ms) > now_ms {
            return None;
        }
        let entry = entry.clone();
        self.sending.insert(entry.notice.id);
        Some(entry)
    }

    /// How long until the next message is due for a channel, in milliseconds.
    pub fn wait_ms(&self, channel: &str, now_ms: u64) -> Option<u64> {
        self.ready(channel).map(|entry| self.due_ms(entry, now_ms).saturating_sub(now_ms))
    }

    /// A message was delivered.
    pub fn sent(&mut self, id: RecordId, now_ms: u64) {
        self.sending.remove(&id);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.sent_ms = Some(now_ms);
        }
    }

    /// A message was not delivered. `class`: in which way; `jitter`: see [`OutboxRules::pause_ms`].
    pub fn failed(&mut self, id: RecordId, class: &str, jitter: u16, now_ms: u64) -> Failed {
        self.sending.remove(&id);
        let Some(entry) = self.entries.get_mut(&id) else { return Failed::Unknown };
        entry.attempts = entry.attempts.saturating_add(1);
        if entry.attempts >= self.rules.attempts_max {
            self.entries.remove(&id);
            return Failed::GivenUp;
        }
        entry.due_ms = now_ms.saturating_add(self.rules.pause_ms(entry.attempts, jitter));
        let first = !entry.failures.iter().any(|known| known == class) && entry.failures.len() < FAILURES_MAX;
        if first {
            entry.failures.push(class.to_owned());
        }
        Failed::Again { first }
    }

    /// Takes out what is of no more use: delivered ones after the window, and those of channels that are gone, which are
    /// answered too.
    pub fn prune(&mut self, channels: &[String], now_ms: u64) -> Vec<OutboxEntry> {
        let window = self.rules.repeat_ms;
        let over = |entry: &OutboxEntry| match entry.sent_ms {
            // Sent in the future: the clock went back.
            Some(sent) => now_ms.abs_diff(sent) > window || !channels.contains(&entry.channel),
            None => !channels.contains(&entry.channel),
        };
        let gone: Vec<RecordId> = self.entries.values().filter(|e| over(e)).map(|entry| entry.notice.id).collect();
        gone.iter().filter_map(|id| self.entries.remove(id)).collect()
    }

    fn of(&self, channel: &str) -> impl Iterator<Item = &OutboxEntry> {
        self.entries.values().filter(move |entry| entry.channel == channel)
    }

    fn ready(&self, channel: &str) -> Option<&OutboxEntry> {
        let waits = |entry: &&OutboxEntry| entry.sent_ms.is_none() && !self.sending.contains(&entry.notice.id);
        self.of(channel).filter(waits).min_by_key(|entry| (entry.due_ms, Reverse(entry.notice.level)))
    }

    // A clock that went back must not hold a message up for longer than the longest pause.
    fn due_ms(&self, entry: &OutboxEntry, now_ms: u64) -> u64 {
        entry.due_ms.min(now_ms.saturating_add(self.rules.pause_max_ms.max(self.rules.repeat_ms)))
    }

    // What was delivered goes first, then the oldest of the mildest, when it is milder than the new one.
    fn place_for(&self, channel: &str, level: Level) -> Option<RecordId> {
        let free = |entry: &&OutboxEntry| !self.sending.contains(&entry.notice.id);
        let mildest = self.of(channel).filter(free).min_by_key(|entry| match entry.sent_ms {
            Some(sent) => (false, Level::Low, sent),
            None => (true, entry.notice.level, entry.notice.at_ms),
        })?;
        (mildest.sent_ms.is_some() || mildest.notice.level < level).then_some(mildest.notice.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response_conformance::notice;

    const RULES: OutboxRules = OutboxRules { repeat_ms: 100, attempts_max: 3, pause_first_ms: 10, pause_max_ms: 1_000 };

    fn of(n: u64, level: Level) -> Notice {
        Notice { level, ..notice(n) }
    }

    fn outbox() -> Outbox {
        Outbox::new(RULES, [])
    }

    #[test]
    fn the_first_goes_at_once_and_what_repeats_it_becomes_one_with_a_count() {
        let mut outbox = outbox();
        assert!(matches!(outbox.take("a", "k", notice(1), 0), Taken::New(_)));
        let first = outbox.due("a", 0).unwrap();
        assert!(matches!(outbox.take("a", "k", notice(2), 1), Taken::New(_)), "the first is under way already");
        outbox.sent(first.notice.id, 5);
        for n in 3..50 {
            assert!(matches!(outbox.take("a", "k", notice(n), n), Taken::Joined(_)));
        }
        assert_eq!(outbox.due("a", 99), None);
        assert_eq!(outbox.wait_ms("a", 99), Some(2));
        assert!(matches!(outbox.take("b", "k", notice(60), 99), Taken::New(_)), "another channel");
        assert!(matches!(outbox.take("a", "other", notice(61), 99), Taken::New(_)), "another key");
        assert_eq!(outbox.due("a", 99).unwrap().key, "other");
        let second = outbox.due("a", 101).unwrap();
        assert_eq!((second.notice.count, second.notice.last_ms), (48, 49));
    }

    #[test]
    fn after_the_window_a_message_goes_at_once_again() {
        let mut outbox = outbox();
        outbox.take("a", "k", notice(1), 0);
        let first = outbox.due("a", 0).unwrap().notice.id;
        outbox.sent(first, 0);
        let channels = ["a".to_owned()];
        assert!(outbox.prune(&channels, 100).is_empty());
        assert_eq!(outbox.prune(&channels, 101).len(), 1);
        outbox.take("a", "k", notice(2), 101);
        assert!(outbox.due("a", 101).is_some());
        assert_eq!(outbox.prune(&[], 101).len(), 1, "the channel is gone");
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_the_jitter_takes_off_a_half_at_most() {
        let pauses: Vec<u64> = (1..=9).map(|failures| RULES.pause_ms(failures, 0)).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        let rules = OutboxRules { pause_first_ms: 2_000, pause_max_ms: 1 << 20, ..RULES };
        assert_eq!((rules.pause_ms(1, 0), rules.pause_ms(1, 1_000), rules.pause_ms(1, 9_999)), (2_000, 1_000, 1_000));
        assert_eq!(rules.pause_ms(u32::MAX, 0), 1 << 20);
    }

    #[test]
    fn failures_are_told_once_for_each_way_and_end() {
        let mut outbox = outbox();
        outbox.take("a", "k", notice(1), 0);
        let id = outbox.due("a", 0).unwrap().notice.id;
        assert_eq!(outbox.due("a", 0), None, "it is being sent");
        assert_eq!(outbox.failed(id, "refused", 0, 0), Failed::Again { first: true });
        assert_eq!((outbox.due("a", 9), outbox.wait_ms("a", 9)), (None, Some(1)));
        assert!(outbox.due("a", 10).is_some());
        assert_eq!(outbox.failed(id, "refused", 0, 10), Failed::Again { first: false });
        assert!(outbox.due("a", 30).is_some());
        assert_eq!(outbox.failed(id, "timeout", 0, 30), Failed::GivenUp);
        assert_eq!(outbox.failed(id, "timeout", 0, 30), Failed::Unknown);
        assert_eq!(outbox.waiting("a"), 0);
    }

    #[test]
    fn a_clock_that_goes_back_holds_nothing_up_for_long() {
        let mut outbox = outbox();
        outbox.take("a", "k", notice(1), 1_000_000);
        assert_eq!(outbox.wait_ms("a", 0), Some(1_000));
        let id = outbox.due("a", 1_000_000).unwrap().notice.id;
        outbox.sent(id, 1_000_000);
        outbox.take("a", "k", notice(2), 50);
        assert_eq!(outbox.wait_ms("a", 50), Some(100));
    }

    #[test]
    fn a_full_outbox_keeps_the_grave_ones() {
        let mut outbox = outbox();
        for n in 0..OUTBOX_PER_CHANNEL_MAX as u64 {
            let level = if n == 7 { Level::Low } else { Level::Medium };
            outbox.take("a", &format!("{n}"), of(n, level), n);
        }
        assert_eq!(outbox.take("a", "x", of(9_001, Level::Low), 0), Taken::Dropped);
        let Taken::Instead { new, gone } = outbox.take("a", "y", of(9_002, Level::Critical), 0) else {
            panic!("the grave one gets a place")
        };
        assert_eq!((new, gone), (of(9_002, Level::Low).id, of(7, Level::Low).id));
        assert_eq!(outbox.waiting("a"), OUTBOX_PER_CHANNEL_MAX);
        assert!(matches!(outbox.take("b", "z", of(9_003, Level::Low), 0), Taken::New(_)), "each channel has its own");
        outbox.sent(new, 0);
        assert!(matches!(outbox.take("a", "w", of(9_004, Level::Low), 0), Taken::Instead { .. }), "sent ones go first");
    }

    #[test]
    fn what_is_due_together_goes_by_level() {
        let mut outbox = outbox();
        outbox.take("a", "1", of(1, Level::Low), 0);
        outbox.take("a", "2", of(2, Level::Critical), 0);
        assert_eq!(outbox.due("a", 0).unwrap().notice.level, Level::Critical);
    }
}
