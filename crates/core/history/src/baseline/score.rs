//! The figures of an action: novelty, surprise and volume, each from 0 to 100, by the state before it.

use super::event::{BaselineEvent, Few, Thing};
use super::time::{Moment, another, hour_of_week};
use super::volume::{WEEK_HOURS, log2};
use super::words::{Hour, Reason, Whose, Why};
use super::{Baseline, WARM_EVENTS};
use holdshort_model::Anomaly;

/// Hours since the first action from which on the hour of the week says something.
const WEEK_KNOWN_HOURS: u32 = 14 * 24;
/// Refusals in an hour below which they are no sign.
const REFUSALS_MIN: u32 = 5;
/// Drift below which there is none, in usual spreads; each further one counts 5 points.
const DRIFT_MIN: u32 = 8;

impl Baseline {
    /// How unusual an action is for this agent. Nothing is learnt. `now_ns`: nanoseconds since 1970.
    pub fn score(&self, event: &BaselineEvent<'_>, now_ns: i64) -> Anomaly {
        self.score_for(Whose::Agent, event, now_ns)
    }

    /// The same for the baseline of a class, which stands in for an agent that is cold. Figures of an hour are left
    /// out: those of many agents together say nothing about one.
    pub fn score_class(&self, class: &str, event: &BaselineEvent<'_>, now_ns: i64) -> Anomaly {
        self.score_for(Whose::Class(class), event, now_ns)
    }

    /// What is said of an action that has nothing to do with habits.
    pub fn unmoved(&self, now_ns: i64) -> Anomaly {
        Anomaly { cold: !self.is_warm(now_ns), events: self.events(now_ns).into(), ..Anomaly::default() }
    }

    fn score_for(&self, whose: Whose<'_>, event: &BaselineEvent<'_>, now_ns: i64) -> Anomaly {
        let unmoved = self.unmoved(now_ns);
        if unmoved.cold {
            let why = format!("only {} actions are known; habits show from {WARM_EVENTS} on", unmoved.events);
            return Anomaly { why: vec![why], ..unmoved };
        }
        let now = Moment::of(now_ns);
        let mut why = Why::new(whose, event);
        let novelty = self.novelty(event, now, &mut why);
        let surprise = self.surprise(event, now, &mut why);
        let mut volume = self.size(event, &mut why);
        if matches!(whose, Whose::Agent) {
            volume = volume.max(self.pace(now, &mut why)).max(self.hour(now, &mut why));
        }
        Anomaly { novelty, surprise, volume, why: why.words(), ..unmoved }
    }

    // The count of a key at this time.
    fn count(&self, key: u64, now: Moment) -> u8 {
        self.familiar.count(self.own(key)).checked_shr(self.halvings(now)).unwrap_or(0)
    }

    fn novelty<'a>(&self, event: &'a BaselineEvent<'a>, now: Moment, why: &mut Why<'a>) -> u8 {
        let tool = self.count(event.tool.hash, now);
        let points = why.add(newness(tool), Reason::Tool(tool));
        let reached = rarest(&event.places, |place| self.count(place.hash, now));
        let place = reached.map_or(0, |(place, count)| why.add(newness(count), Reason::Place(*place, count)));
        // A known tool at a known place, only not together, is half as new.
        let used = rarest(&event.places, |place| self.count(event.use_key(place), now));
        let together = used.map_or(0, |(place, count)| why.add(newness(count) / 2, Reason::Use(*place, count)));
        let data = rarest(&event.data, |data| self.count(data.key(), now));
        let data = data.map_or(0, |(data, count)| why.add(newness(count), Reason::Data(*data, count)));
        points.max(place).max(together).max(data)
    }

    // How improbable this tool is after the one before: 14 points for each halving of its share below one half.
    fn surprise<'a>(&self, event: &'a BaselineEvent<'a>, now: Moment, why: &mut Why<'a>) -> u8 {
        let before = self.count(event.previous_key(), now);
        if before == 0 {
            return 0;
        }
        let together = self.count(event.transition_key(), now);
        let rarer = i32::from(log2(u64::from(before) + 3)) - i32::from(log2(together.into())) - 256;
        let points = u8::try_from((rarer.max(0) * 14 / 256).min(100)).unwrap_or(100);
        why.add(points, Reason::Follows(together))
    }

    fn size<'a>(&self, event: &'a BaselineEvent<'a>, why: &mut Why<'a>) -> u8 {
        let habit = self.habits.of(self.own(event.tool.hash));
        let bytes = why.add(habit.bytes.points(log2(event.bytes)), Reason::Bytes);
        let count = why.add(habit.count.points(log2(event.count)), Reason::Count);
        let drift = (self.drift / 256).saturating_sub(DRIFT_MIN) * 5;
        let drift = why.add(u8::try_from(drift.min(100)).unwrap_or(100), Reason::Drift);
        bytes.max(count).max(drift)
    }

    // Actions, refusals, destinations and records of this hour.
    fn pace(&self, now: Moment, why: &mut Why<'_>) -> u8 {
        if another(self.window.hour, now.hour) {
            return 0;
        }
        let [_, refused, _, _] = self.window.counts();
        let figures = self.window.counts().into_iter().zip(self.window.figures()).zip(&self.usual).enumerate();
        let points = figures.map(|(which, ((count, figure), usual))| {
            let silent = which == 1 && refused < REFUSALS_MIN;
            why.add(if silent { 0 } else { usual.points(figure) }, Reason::Pace(which, count))
        });
        points.max().unwrap_or(0)
    }

    fn hour(&self, now: Moment, why: &mut Why<'_>) -> u8 {
        if now.hour.saturating_sub(self.born) < WEEK_KNOWN_HOURS {
            return 0;
        }
        let at = hour_of_week(now.hour);
        let active = |hour: usize| self.week.get(hour % WEEK_HOURS).is_some_and(|weeks| *weeks > 0);
        let near = |hour: usize| active(hour) || active(hour + 1) || active(hour + WEEK_HOURS - 1);
        if near(at) {
            return 0;
        }
        match (1..7).any(|days| near(at + 24 * days)) {
            true => why.add(20, Reason::Hour(Hour::OfThisDay)),
            false => why.add(40, Reason::Hour(Hour::OfAnyDay)),
        }
    }
}

// 100 for what was never seen, 79 after one hour, 47 after four, 29 after eight, 5 after thirty-two.
fn newness(count: u8) -> u8 {
    u8::try_from((1_700 / (16 + u32::from(count))).saturating_sub(6)).unwrap_or(100)
}

fn rarest<T: Thing>(things: &Few<T>, count: impl Fn(&T) -> u8) -> Option<(&T, u8)> {
    things.iter().map(|thing| (thing, count(thing))).min_by_key(|(_, count)| *count)
}
