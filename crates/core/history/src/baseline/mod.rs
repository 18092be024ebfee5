//! What is usual for one agent, or for one class of agents: which tools it uses, where they reach, which data they
//! touch, in which order, how much, and when.
//!
//! [`Baseline::score`] judges an action by the state before it; [`Baseline::learn`] takes a permitted one in. Integers
//! only, fixed size, no I/O: the same events at the same times give the same figures on every machine.
//!
//! INVARIANT: a refused action is never learned; [`Baseline::refuse`] counts it, which can only raise a figure.
//! INVARIANT: no flood makes something usual. One thing counts at most once in an hour of the clock, at most
//! [`LEARNT_PER_MINUTE_MAX`] actions are learnt in a minute, and usual volumes move a few steps in an hour.
//! What is absent: no judgement. The figures are evidence, never a reason to allow.

mod codec;
mod event;
mod familiar;
mod score;
mod time;
mod volume;
mod words;

#[cfg(test)]
mod tests;

pub use codec::BaselineError;
pub use event::BaselineEvent;

use familiar::{Familiar, Gate};
use time::Moment;
use volume::{Habits, Usual, WEEK_HOURS, Window, log2};

/// Below this many actions an agent is cold: its figures say nothing.
pub const WARM_EVENTS: u32 = 200;
/// Most actions that are learnt in one minute; more only count as volume. Ten minutes at least to be warm.
pub const LEARNT_PER_MINUTE_MAX: u8 = 20;
/// What was learnt counts half after this many days.
pub const HALF_LIFE_DAYS: i64 = 28;
/// How often in an hour the size of one tool's actions is learnt.
const SIZES_PER_HOUR: u64 = 4;
/// Most that `Baseline::drift` holds, in 1/256 of the usual spread.
const DRIFT_MAX: u32 = 64 * 256;

/// What is usual for one agent or class. About 5 KiB, whatever happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Mixed into every hash, so that nobody can work out names that fall together.
    seed: u64,
    /// Hour of the first action.
    born: u32,
    /// Actions that were learnt; halves with age.
    events: u32,
    /// Number of the half-life that the counts are of.
    period: u32,
    minute: u32,
    in_minute: u8,
    /// How far sizes have been above the usual ones lately (CUSUM), in 1/256 of the usual spread.
    drift: u32,
    familiar: Familiar,
    gate: Gate,
    habits: Habits,
    window: Window,
    /// Of an active hour: actions, refusals, destinations, records.
    usual: [Usual; 4],
    /// Weeks in which each hour of the week was active, in quarters.
    week: [u8; WEEK_HOURS],
}

impl Baseline {
    /// One that knows nothing. `seed`: a random number that stays with it.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            born: 0,
            events: 0,
            period: 0,
            minute: 0,
            in_minute: 0,
            drift: 0,
            familiar: Familiar::default(),
            gate: Gate::default(),
            habits: Habits::default(),
            window: Window::default(),
            usual: [Usual::default(); 4],
            week: [0; WEEK_HOURS],
        }
    }

    /// Takes in an action that was permitted. `now_ns`: nanoseconds since 1970. False when this minute had its share of
    /// actions: then it only counts as volume.
    pub fn learn(&mut self, event: &BaselineEvent<'_>, now_ns: i64) -> bool {
        let now = Moment::of(now_ns);
        self.roll(now);
        let tool = self.own(event.tool.hash);
        self.window.actions = self.window.actions.saturating_add(1);
        for place in event.places.iter() {
            self.window.destinations.add(self.own(place.hash));
        }
        for record in event.records.iter() {
            self.window.records.add(self.own(*record));
        }
        self.drift = self.drift_after(tool, event);
        if self.in_minute >= LEARNT_PER_MINUTE_MAX {
            return false;
        }
        self.in_minute += 1;
        if self.events == 0 {
            self.born = now.hour;
        }
        self.events = self.events.saturating_add(1);
        event.features(|key| {
            let key = self.own(key);
            if self.gate.first(key) {
                self.familiar.add(key);
            }
        });
        if (1..=SIZES_PER_HOUR).any(|nth| self.gate.first(tool.wrapping_add(nth.wrapping_mul(0x9E37_79B9_7F4A_7C15)))) {
            self.habits.learn(tool, &self.familiar, log2(event.bytes), log2(event.count));
        }
        true
    }

    /// Counts an action that was refused. Nothing becomes usual by it.
    pub fn refuse(&mut self, now_ns: i64) {
        self.roll(Moment::of(now_ns));
        self.window.refused = self.window.refused.saturating_add(1);
    }

    /// How many actions the figures rest on at this time.
    pub fn events(&self, now_ns: i64) -> u32 {
        self.events >> self.halvings(Moment::of(now_ns))
    }

    /// Whether the figures mean something.
    pub fn is_warm(&self, now_ns: i64) -> bool {
        self.events(now_ns) >= WARM_EVENTS
    }

    fn own(&self, hash: u64) -> u64 {
        event::mix(hash, self.seed)
    }

    // How many half-lives are over that the counts do not show yet.
    fn halvings(&self, now: Moment) -> u32 {
        if self.events == 0 { 0 } else { now.period.saturating_sub(self.period).min(31) }
    }

    fn drift_after(&self, tool: u64, event: &BaselineEvent<'_>) -> u32 {
        let habit = self.habits.of(tool);
        let above = habit.bytes.above(log2(event.bytes)).max(habit.count.above(log2(event.count)));
        // One spread is slack; a single huge action is the business of its own figure.
        let step = above.clamp(-2 * 256, 6 * 256) - 256;
        self.drift.saturating_add_signed(step).min(DRIFT_MAX)
    }

    // What ends with the minute, the hour and the half-life.
    fn roll(&mut self, now: Moment) {
        if time::another(self.minute, now.minute) {
            (self.minute, self.in_minute) = (now.minute, 0);
        }
        if time::another(self.window.hour, now.hour) {
            self.close_hour();
            self.window = Window { hour: now.hour, ..Window::default() };
            self.gate = Gate::default();
        }
        let halvings = self.halvings(now);
        if halvings > 0 {
            self.events >>= halvings;
            self.familiar.halve(halvings);
            self.week.iter_mut().for_each(|weeks| *weeks = weeks.checked_shr(halvings).unwrap_or(0));
        }
        if halvings > 0 || self.events == 0 {
            self.period = now.period;
        }
    }

    // An hour becomes usual when it is over, and only one in which something was permitted.
    fn close_hour(&mut self) {
        if self.window.actions == 0 {
            return;
        }
        for (usual, figure) in self.usual.iter_mut().zip(self.window.figures()) {
            usual.learn(figure);
        }
        if let Some(weeks) = self.week.get_mut(time::hour_of_week(self.window.hour)) {
            *weeks = weeks.saturating_add(familiar::UNIT);
        }
    }
}
