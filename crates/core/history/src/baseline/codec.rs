//! A baseline as bytes: one byte of version, the fields in a fixed order (little-endian) with runs of zeros shortened,
//! and a checksum. It finds damage, not forgery: whoever can write the store is trusted with it.

use super::familiar::{Familiar, Gate};
use super::volume::{Distinct, Habit, Habits, Usual, Window};
use super::{Baseline, WEEK_HOURS};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Version of the format.
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;
/// More than any baseline takes: what unpacks to more is none.
const UNPACKED_BYTES_MAX: usize = 8 * 1_024;

/// Bytes that are no baseline of this version. The agent starts cold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Another version of the program wrote it.
    #[error("the baseline has format {0}, this version knows {VERSION}; its agent starts cold")]
    Version(u8),
    /// It is damaged.
    #[error("the baseline is damaged; its agent starts cold")]
    Damaged,
}

impl Baseline {
    /// The baseline as bytes, at most 9 KiB.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Fields(Vec::with_capacity(UNPACKED_BYTES_MAX));
        fields.write(self);
        let mut bytes = vec![VERSION];
        pack(&fields.0, &mut bytes);
        bytes.extend(checksum(&fields.0).to_le_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// When the bytes are of another version, or not what was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BaselineError> {
        let (version, rest) = bytes.split_first().ok_or(BaselineError::Damaged)?;
        if *version != VERSION {
            return Err(BaselineError::Version(*version));
        }
        let body = rest.len().checked_sub(CHECKSUM_BYTES).ok_or(BaselineError::Damaged)?;
        let (packed, sum) = rest.split_at_checked(body).ok_or(BaselineError::Damaged)?;
        let fields = unpack(packed).ok_or(BaselineError::Damaged)?;
        if checksum(&fields).to_le_bytes() != sum {
            return Err(BaselineError::Damaged);
        }
        let mut cursor = Cursor(&fields);
        let baseline = cursor.read().ok_or(BaselineError::Damaged)?;
        if cursor.0.is_empty() { Ok(baseline) } else { Err(BaselineError::Damaged) }
    }
}

struct Fields(Vec<u8>);

impl Fields {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0.extend(bytes);
    }

    fn write(&mut self, baseline: &Baseline) {
        let Baseline {
            seed,
            born,
            events,
            period,
            minute,
            in_minute,
            drift,
            familiar,
            gate,
            habits,
            window,
            usual,
            week,
        } = baseline;
        self.put(seed.to_le_bytes());
        for number in [born, events, period, minute, drift] {
            self.put(number.to_le_bytes());
        }
        self.put([*in_minute]);
        for set in &familiar.sets {
            set.keys.iter().for_each(|key| self.put(key.to_le_bytes()));
            self.put(set.counts);
        }
        familiar.tail.iter().for_each(|row| self.put(*row));
        gate.words.iter().for_each(|word| self.put(word.to_le_bytes()));
        for habit in habits.sets.iter().flatten().chain([&habits.all]) {
            self.put(habit.key.to_le_bytes());
            self.usual(habit.bytes);
            self.usual(habit.count);
        }
        for number in [window.hour, window.actions, window.refused] {
            self.put(number.to_le_bytes());
        }
        for distinct in [&window.destinations, &window.records] {
            self.put(distinct.registers);
            self.put(distinct.estimate.to_le_bytes());
        }
        usual.iter().for_each(|usual| self.usual(*usual));
        self.put(*week);
    }

    fn usual(&mut self, usual: Usual) {
        self.put(usual.mean.to_le_bytes());
        self.put(usual.spread.to_le_bytes());
        self.put([usual.samples]);
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    // In the order of `Fields::write`.
    fn read(&mut self) -> Option<Baseline> {
        let mut baseline = Baseline::new(self.long()?);
        let Baseline { born, events, period, minute, drift, .. } = &mut baseline;
        for number in [born, events, period, minute, drift] {
            *number = self.number()?;
        }
        [baseline.in_minute] = self.take()?;
        baseline.familiar = self.familiar()?;
        baseline.gate = self.gate()?;
        baseline.habits = self.habits()?;
        baseline.window = self.window()?;
        for usual in &mut baseline.usual {
            *usual = self.usual()?;
        }
        baseline.week = self.take::<WEEK_HOURS>()?;
        Some(baseline)
    }

    fn familiar(&mut self) -> Option<Familiar> {
        let mut familiar = Familiar::default();
        for set in &mut familiar.sets {
            for key in &mut set.keys {
                *key = self.long()?;
            }
            set.counts = self.take()?;
        }
        for row in &mut familiar.tail {
            *row = self.take()?;
        }
        Some(familiar)
    }

    fn gate(&mut self) -> Option<Gate> {
        let mut gate = Gate::default();
        for word in &mut gate.words {
            *word = self.long()?;
        }
        Some(gate)
    }

    fn habits(&mut self) -> Option<Habits> {
        let mut habits = Habits::default();
        let Habits { sets, all } = &mut habits;
        for habit in sets.iter_mut().flatten().chain([all]) {
            *habit = Habit { key: self.long()?, bytes: self.usual()?, count: self.usual()? };
        }
        Some(habits)
    }

    fn window(&mut self) -> Option<Window> {
        Some(Window {
            hour: self.number()?,
            actions: self.number()?,
            refused: self.number()?,
            destinations: Distinct { registers: self.take()?, estimate: self.number()? },
            records: Distinct { registers: self.take()?, estimate: self.number()? },
        })
    }

    fn usual(&mut self) -> Option<Usual> {
        let (mean, spread) = (self.take().map(u16::from_le_bytes)?, self.take().map(u16::from_le_bytes)?);
        let [samples] = self.take()?;
        Some(Usual { mean, spread, samples })
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

// A zero is followed by how many stand in its place, 1 to 255.
fn pack(plain: &[u8], packed: &mut Vec<u8>) {
    let mut rest = plain;
    while let Some((first, tail)) = rest.split_first() {
        packed.push(*first);
        rest = tail;
        if *first == 0 {
            let more = tail.iter().take(254).take_while(|byte| **byte == 0).count();
            packed.push(more as u8 + 1);
            rest = tail.get(more..).unwrap_or_default();
        }
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(UNPACKED_BYTES_MAX);
    let mut bytes = packed.iter();
    while let Some(byte) = bytes.next() {
        let times = if *byte == 0 { usize::from(*bytes.next()?) } else { 1 };
        if plain.len() + times > UNPACKED_BYTES_MAX {
            return None;
        }
        plain.resize(plain.len() + times, *byte);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(fields: &[u8]) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        pack(fields, &mut bytes);
        bytes.extend(checksum(fields).to_le_bytes());
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn zeros_are_packed_and_come_back(plain in proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..2_000)) {
            let mut packed = Vec::new();
            pack(&plain, &mut packed);
            prop_assert_eq!(unpack(&packed), Some(plain));
        }

        // Whatever a sum makes of them: figures out of range are survived.
        #[test]
        fn any_fields_are_survived(noise in proptest::collection::vec(any::<u8>(), 64), times in any::<[i64; 2]>()) {
            let mut fields = Fields(Vec::new());
            fields.write(&Baseline::new(0));
            let length = fields.0.len();
            let noise: Vec<u8> = noise.iter().cycle().take(length).copied().collect();
            let mut baseline = Baseline::from_bytes(&sealed(&noise)).unwrap();
            let facts = super::super::tests::send("host.example");
            let event = crate::BaselineEvent::of(&facts, Some("x")).unwrap();
            for now_ns in times {
                let score = baseline.score(&event, now_ns);
                prop_assert!(score.novelty.max(score.surprise).max(score.volume) <= 100);
                baseline.learn(&event, now_ns);
                baseline.refuse(now_ns);
            }
            prop_assert!(Baseline::from_bytes(&sealed(&noise[1..])).is_err());
        }
    }

    #[test]
    fn what_would_unpack_without_end_is_refused() {
        let bomb: Vec<u8> = [0, 255].iter().cycle().take(100_000).copied().collect();
        assert_eq!(unpack(&bomb), None);
        assert_eq!(unpack(&[0]), None);
    }
}
