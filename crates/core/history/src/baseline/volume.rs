//! How much is usual: sizes by tool, figures of an hour, distinct things. On a scale of doublings, in 1/256 of one.

use super::familiar::Familiar;

/// Hours of a week.
pub(super) const WEEK_HOURS: usize = 168;
const HABIT_SETS: usize = 16;
const HABIT_WAYS: usize = 4;
const REGISTERS: usize = 64;
/// Below this many samples nothing is usual.
const SAMPLES_MIN: u8 = 8;
/// A new sample moves the usual by this part at least.
const SLOWEST: i32 = 16;
/// Smallest spread that is assumed: one doubling.
const SPREAD_MIN: i32 = 256;

/// log2(1 + n), in 1/256; linear between powers of two.
pub(super) fn log2(n: u64) -> u16 {
    let n = n.saturating_add(1);
    let whole = n.ilog2();
    // The 8 bits after the leading one.
    let part = (n << (63 - whole) << 1) >> 56;
    u16::try_from(u64::from(whole) * 256 + part).unwrap_or(u16::MAX)
}

/// Mean and mean deviation, exponentially weighted; outliers are cut before they count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usual {
    pub(super) mean: u16,
    pub(super) spread: u16,
    pub(super) samples: u8,
}

impl Usual {
    /// Takes in a value of [`log2`].
    pub(super) fn learn(&mut self, value: u16) {
        self.samples = self.samples.saturating_add(1);
        if self.samples == 1 {
            (self.mean, self.spread) = (value, SPREAD_MIN as u16);
            return;
        }
        let (mean, spread) = (i32::from(self.mean), i32::from(self.spread));
        let cut = 3 * spread.max(SPREAD_MIN);
        let off = (i32::from(value) - mean).clamp(-cut, cut);
        let part = i32::from(self.samples).min(SLOWEST);
        let fit = |n: i32| u16::try_from(n.max(0)).unwrap_or(u16::MAX);
        (self.mean, self.spread) = (fit(mean + off / part), fit(spread + (off.abs() - spread) / part));
    }

    /// How far above the mean a value is, in 1/256 of the usual spread; 0 when nothing is usual yet.
    pub(super) fn above(self, value: u16) -> i32 {
        if self.samples < SAMPLES_MIN {
            return 0;
        }
        // The mean deviation of a normal distribution is 4/5 of its standard deviation.
        let spread = (i32::from(self.spread) * 5 / 4).max(SPREAD_MIN);
        (i32::from(value) - i32::from(self.mean)) * 256 / spread
    }

    /// Points for a value: none up to two spreads above the mean, 20 for each further one, at most 100.
    pub(super) fn points(self, value: u16) -> u8 {
        u8::try_from(((self.above(value) - 512).max(0) * 20 / 256).min(100)).unwrap_or(100)
    }
}

/// Usual sizes of one tool's actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Habit {
    pub(super) key: u64,
    pub(super) bytes: Usual,
    pub(super) count: Usual,
}

/// Habits of the tools that are used most, and of all together for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Habits {
    pub(super) sets: [[Habit; HABIT_WAYS]; HABIT_SETS],
    pub(super) all: Habit,
}

impl Habits {
    /// The habit that speaks for a tool.
    pub(super) fn of(&self, tool: u64) -> &Habit {
        let own = self.sets.get(habit_set(tool)).and_then(|set| set.iter().find(|habit| habit.key == tool));
        own.filter(|habit| habit.bytes.samples >= SAMPLES_MIN).unwrap_or(&self.all)
    }

    /// Takes sizes in. A tool that is less familiar than those in its set shares the habit of all.
    pub(super) fn learn(&mut self, tool: u64, familiar: &Familiar, bytes: u16, count: u16) {
        self.all.bytes.learn(bytes);
        self.all.count.learn(count);
        let Some(set) = self.sets.get_mut(habit_set(tool)) else { return };
        let at = set.iter().position(|habit| habit.key == tool);
        let rank = |habit: &Habit| if habit.bytes.samples == 0 { 0 } else { 1 + u16::from(familiar.count(habit.key)) };
        let place = match at {
            Some(at) => set.get_mut(at),
            None => set.iter_mut().min_by_key(|habit| rank(habit)),
        };
        let Some(habit) = place else { return };
        if habit.key != tool {
            if rank(habit) > u16::from(familiar.count(tool)) {
                return;
            }
            *habit = Habit { key: tool, ..Habit::default() };
        }
        habit.bytes.learn(bytes);
        habit.count.learn(count);
    }
}

// Other bits than the table of familiar things uses, so that the two do not fill up together.
fn habit_set(key: u64) -> usize {
    (key >> 24) as usize % HABIT_SETS
}

/// How many different things there were: HyperLogLog with 64 registers, exact enough (13 %) for a scale of doublings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Distinct {
    pub(super) registers: [u8; REGISTERS],
    /// The estimate, kept up to date: it is read more often than it changes.
    pub(super) estimate: u32,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { registers: [0; REGISTERS], estimate: 0 }
    }
}

impl Distinct {
    pub(super) fn add(&mut self, key: u64) {
        let rank = ((key >> 6) | 1 << 58).trailing_zeros() as u8 + 1;
        let Some(register) = self.registers.get_mut(key as usize % REGISTERS) else { return };
        if rank > *register {
            *register = rank;
            self.estimate = self.estimated();
        }
    }

    fn estimated(&self) -> u32 {
        let empty = self.registers.iter().filter(|rank| **rank == 0).count() as u64;
        // Sum of 2^-rank in units of 2^-32, and alpha * 64^2 = 0.709 * 4096 in the same.
        let sum: u64 = self.registers.iter().map(|rank| (1_u64 << 32) >> (*rank).min(32)).sum();
        let raw = (2_904_u64 << 32) / sum.max(1);
        let many = raw > 160 || empty == 0;
        // How many draws it takes on average until so many of 64 places are taken.
        let few = || (empty + 1..=REGISTERS as u64).map(|places| 64 * 256 / places).chain([128]).sum::<u64>() / 256;
        u32::try_from(if many { raw } else { few() }).unwrap_or(u32::MAX)
    }
}

/// What happened in one hour of the clock so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) hour: u32,
    pub(super) actions: u32,
    pub(super) refused: u32,
    pub(super) destinations: Distinct,
    pub(super) records: Distinct,
}

impl Window {
    /// Actions, refusals, destinations and records.
    pub(super) fn counts(&self) -> [u32; 4] {
        [self.actions, self.refused, self.destinations.estimate, self.records.estimate]
    }

    /// The same on the scale of doublings.
    pub(super) fn figures(&self) -> [u16; 4] {
        self.counts().map(|count| log2(count.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::mix;
    use super::*;

    #[test]
    fn doublings_are_even() {
        for (n, value) in [(0, 0), (1, 256), (2, 384), (3, 512), (255, 2_048), (u64::MAX, 16_383)] {
            assert_eq!(log2(n), value, "{n}");
        }
        assert!((0..10_000).all(|n| log2(n) <= log2(n + 1)));
    }

    #[test]
    fn one_outlier_moves_little() {
        let mut usual = Usual::default();
        (0..100).for_each(|_| usual.learn(log2(1_000)));
        assert_eq!((usual.points(log2(1_000)), usual.points(log2(4_000)), usual.points(log2(1 << 20))), (0, 0, 100));
        let before = usual.mean;
        usual.learn(log2(u64::MAX));
        assert!(usual.mean - before <= 48 && usual.points(log2(1 << 20)) == 100, "{usual:?}");
    }

    #[test]
    fn distinct_things_are_counted_within_a_third() {
        for many in [1_u64, 2, 5, 20, 100, 300, 1_000, 50_000] {
            let mut distinct = Distinct::default();
            for n in (0..many).chain(0..many) {
                distinct.add(mix(n, 11));
            }
            let found = u64::from(distinct.estimate);
            assert!(found * 3 >= many * 2 && found * 3 <= many * 4, "{many}: {found}");
        }
    }

    #[test]
    fn hostile_keys_are_survived() {
        let mut distinct = Distinct::default();
        for key in [0, u64::MAX, 1 << 63, 63] {
            distinct.add(key);
        }
        assert!(distinct.estimate < 100);
        let mut all = Distinct::default();
        (0..64).for_each(|key| all.add(key));
        assert!(all.estimate > 0);
    }
}
