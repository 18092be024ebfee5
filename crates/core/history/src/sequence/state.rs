//! What one session keeps for the declared sequences.

use super::ask::Ask;
use super::compiled::{Ends, Sequence, Sequences};
use super::pattern::Raised;
use super::span::{Distinct, Room, Span, live};
use super::value::{Mark, Micro, amount, micro};
use holdshort_model::{ActionFacts, Digest, OutcomeStatus, RecordId, SequenceFacts, SequenceOperator, SequenceOutcome};
use std::collections::{BTreeMap, VecDeque};

/// Most events that are named as witnesses: the latest ones.
pub const WITNESSES_MAX: usize = 4;
/// Most calls in flight that one sequence follows. With more, the oldest one counts for good, or for what has to have
/// come back, not at all.
pub const OPEN_MAX: usize = 64;
/// Most keys that one sequence with `same` tells apart. Events of further keys share one window; for what has to have
/// happened, they are not kept.
pub const KEYS_MAX: usize = 64;

/// The past of one session as far as the policies ask for it. Bounded, whatever the session does.
///
/// Time never goes back here: an event is as late as the latest one, so that a clock that is set back makes nothing
/// young again.
#[derive(Clone, Debug, Default)]
pub struct SequenceState {
    layout: Option<Digest>,
    tracks: Vec<Track>,
    // Number of the latest event. Order is the order of decisions.
    rank: u64,
    latest_ns: Option<i64>,
}

/// What is kept for one sequence.
#[derive(Clone, Debug)]
pub(super) struct Track {
    digest: Digest,
    // The only window, or the one of the keys for which there was no room.
    pub(super) rest: Window,
    pub(super) keyed: BTreeMap<Mark, Window>,
    pub(super) open: VecDeque<Open>,
}

/// What is kept of the events of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) sum: Span,
    pub(super) distinct: Distinct,
    // By rank, the latest last.
    latest: Vec<Seen>,
    // Events of a lower rank were ended.
    ended: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    rank: u64,
    pub(super) time_ns: i64,
    pub(super) id: RecordId,
}

/// A call in flight whose end matters.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) seen: Seen,
    pub(super) share: Option<Share>,
    ends: Option<Ends>,
}

/// What an event adds.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) keys: Vec<Mark>,
    pub(super) amount: Micro,
    pub(super) marks: Vec<Mark>,
}

impl SequenceState {
    /// An action was permitted; from here on it is in flight, and counts.
    pub fn reserve(&mut self, sequences: &Sequences, id: RecordId, action: &ActionFacts, now_ns: i64) {
        if sequences.is_empty() {
            return;
        }
        let seen = self.event(sequences, id, now_ns);
        for (sequence, track) in sequences.sequences.iter().zip(&mut self.tracks) {
            let share = sequence.matching.matches(action).then(|| Share::of(sequence, action));
            let mut ends = sequence.ended_by(action);
            if sequence.is_gate()
                && let Some(ends) = ends.take()
            {
                track.end(&ends, seen.rank);
                track.forget(&ends);
            }
            match share {
                // Nothing can be given back, and no end matters.
                Some(share) if sequence.counts() && sequence.spec.outcome == SequenceOutcome::Any => {
                    track.keep(sequence, &share, seen, seen.time_ns);
                }
                None if ends.is_none() => {}
                share => track.open(sequence, Open { seen, share, ends }),
            }
        }
    }

    /// A permitted action came back.
    pub fn settle(&mut self, sequences: &Sequences, id: RecordId, status: OutcomeStatus, now_ns: i64) {
        if sequences.is_empty() {
            return;
        }
        self.align(sequences);
        let now_ns = self.now(now_ns);
        self.latest_ns = Some(now_ns);
        let rank = self.rank;
        for (sequence, track) in sequences.sequences.iter().zip(&mut self.tracks) {
            let Some(at) = track.open.iter().position(|open| open.seen.id == id) else { continue };
            let Some(open) = track.open.remove(at) else { continue };
            track.close(sequence, open, status, Seen { rank, time_ns: now_ns, id });
        }
    }

    /// Content with a label was read: by the action `id`, each time that it happens.
    pub fn labelled(&mut self, sequences: &Sequences, id: RecordId, raised: Raised<'_>, now_ns: i64) {
        if !sequences.sequences.iter().any(|sequence| sequence.raised(raised) != (false, false)) {
            return;
        }
        let seen = self.event(sequences, id, now_ns);
        for (sequence, track) in sequences.sequences.iter().zip(&mut self.tracks) {
            let (counts, ends) = sequence.raised(raised);
            if ends {
                track.end(&Ends::AllBut(Vec::new()), seen.rank);
            }
            if ends && sequence.is_gate() {
                track.forget(&Ends::AllBut(Vec::new()));
            }
            if counts {
                let share = Share { amount: micro(1), ..Share::default() };
                track.keep(sequence, &share, seen, seen.time_ns);
            }
        }
    }

    /// What the past means for a pending action, which counts itself; one entry for each declared sequence.
    pub fn facts(
        &self,
        sequences: &Sequences,
        pending: Option<&ActionFacts>,
        now_ns: i64,
    ) -> BTreeMap<String, SequenceFacts> {
        let now_ns = self.now(now_ns);
        let facts = sequences.sequences.iter().enumerate().map(|(at, sequence)| {
            let same = |track: &&Track| track.digest == sequence.digest;
            let track = self.tracks.get(at).filter(same).or_else(|| self.tracks.iter().find(same));
            let ask = Ask { sequence, track, pending, now_ns };
            (sequence.spec.name.clone(), ask.facts())
        });
        facts.collect()
    }

    /// An estimate of the memory that the state takes, in bytes.
    pub fn bytes(&self) -> usize {
        let window = |window: &Window| size_of::<Window>() + window.sum.bytes() + window.distinct.bytes() + 160;
        let tracks = self.tracks.iter().map(|track| {
            let keyed: usize = track.keyed.values().map(|kept| window(kept) + size_of::<Mark>()).sum();
            size_of::<Track>() + window(&track.rest) + keyed + track.open.len() * (size_of::<Open>() + 64)
        });
        size_of::<Self>() + tracks.sum::<usize>()
    }

    fn now(&self, now_ns: i64) -> i64 {
        self.latest_ns.map_or(now_ns, |latest| latest.max(now_ns))
    }

    fn event(&mut self, sequences: &Sequences, id: RecordId, now_ns: i64) -> Seen {
        self.align(sequences);
        let time_ns = self.now(now_ns);
        self.latest_ns = Some(time_ns);
        self.rank = self.rank.saturating_add(1);
        Seen { rank: self.rank, time_ns, id }
    }

    // Policies were loaded again: what is declared as before stays, what is new begins now.
    fn align(&mut self, sequences: &Sequences) {
        if self.layout == sequences.digest {
            return;
        }
        let mut before: BTreeMap<Digest, Track> = self.tracks.drain(..).map(|track| (track.digest, track)).collect();
        self.tracks = sequences
            .sequences
            .iter()
            .map(|sequence| before.remove(&sequence.digest).unwrap_or_else(|| Track::new(sequence.digest)))
            .collect();
        self.layout = sequences.digest;
    }
}

impl Share {
    pub(super) fn of(sequence: &Sequence, action: &ActionFacts) -> Self {
        Self {
            keys: sequence.keys(&sequence.matching, action),
            amount: match sequence.spec.operator {
                SequenceOperator::SumWithin => amount(sequence.spec.of.as_ref(), &sequence.matching, action),
                _ => micro(1),
            },
            marks: sequence.marks(action),
        }
    }
}

impl Track {
    fn new(digest: Digest) -> Self {
        Self { digest, rest: Window::default(), keyed: BTreeMap::new(), open: VecDeque::new() }
    }

    fn open(&mut self, sequence: &Sequence, open: Open) {
        let now_ns = open.seen.time_ns;
        self.open.push_back(open);
        if self.open.len() > OPEN_MAX
            && let Some(oldest) = self.open.pop_front()
            && let Some(share) = oldest.share
            && !sequence.is_gate()
        {
            self.keep(sequence, &share, oldest.seen, now_ns);
        }
    }

    fn close(&mut self, sequence: &Sequence, open: Open, status: OutcomeStatus, back: Seen) {
        if let Some(ends) = &open.ends
            && status == OutcomeStatus::Ok
        {
            self.end(ends, open.seen.rank);
        }
        let stays = match sequence.spec.outcome {
            SequenceOutcome::Any => true,
            SequenceOutcome::Ok => !gives_back(status),
            SequenceOutcome::Done => status == OutcomeStatus::Ok,
        };
        let Some(share) = open.share.filter(|_| stays) else { return };
        // What came back has an effect until now: data that was asked for then is read now. What has to have happened
        // is as old as its decision.
        let seen = if sequence.counts() || sequence.is_gate() { open.seen } else { back };
        self.keep(sequence, &share, seen, back.time_ns);
    }

    fn keep(&mut self, sequence: &Sequence, share: &Share, seen: Seen, now_ns: i64) {
        if share.keys.is_empty() {
            return self.rest.keep(Room::WIDE, sequence, share, seen, now_ns);
        }
        for key in &share.keys {
            if !self.keyed.contains_key(key) && self.keyed.len() >= KEYS_MAX {
                let window_ns = sequence.window_ns();
                self.keyed.retain(|_, window| window.is_live(window_ns, now_ns));
            }
            if self.keyed.contains_key(key) || self.keyed.len() < KEYS_MAX {
                self.keyed.entry(*key).or_default().keep(Room::KEYED, sequence, share, seen, now_ns);
            } else if !sequence.is_gate() {
                self.rest.keep(Room::WIDE, sequence, share, seen, now_ns);
            }
        }
    }

    // What is in flight when the end is decided came before it.
    fn forget(&mut self, ends: &Ends) {
        for share in self.open.iter_mut().filter_map(|open| open.share.as_mut()) {
            match ends {
                Ends::Keys(keys) => share.keys.retain(|key| !keys.contains(key)),
                Ends::AllBut(keys) => share.keys.retain(|key| keys.contains(key)),
            }
        }
        self.open.retain(|open| open.share.as_ref().is_some_and(|share| !share.keys.is_empty()));
    }

    fn end(&mut self, ends: &Ends, rank: u64) {
        match ends {
            Ends::Keys(keys) if keys.is_empty() => self.rest.end(rank),
            Ends::Keys(keys) => {
                for key in keys {
                    if let Some(window) = self.keyed.get_mut(key) {
                        window.end(rank);
                    }
                }
            }
            Ends::AllBut(keys) => {
                let others = self.keyed.iter_mut().filter(|(key, _)| !keys.contains(key)).map(|(_, window)| window);
                others.for_each(|window| window.end(rank));
                if keys.is_empty() {
                    self.rest.end(rank);
                }
            }
        }
    }
}

// Errors say that nothing was done, and a tool that wants more input has not begun. After a timeout nobody knows.
fn gives_back(status: OutcomeStatus) -> bool {
    matches!(status, OutcomeStatus::ToolError | OutcomeStatus::Error | OutcomeStatus::InputRequired)
}

impl Window {
    fn keep(&mut self, room: Room, sequence: &Sequence, share: &Share, seen: Seen, now_ns: i64) {
        let window_ns = sequence.window_ns();
        match sequence.spec.operator {
            SequenceOperator::CountWithin | SequenceOperator::SumWithin => {
                self.sum.add(room, seen.rank, seen.time_ns, share.amount, window_ns, now_ns);
            }
            SequenceOperator::CountDistinctWithin => {
                for mark in &share.marks {
                    self.distinct.add(room, *mark, seen.time_ns, window_ns, now_ns);
                }
            }
            SequenceOperator::FormerlyWithin | SequenceOperator::Since => {}
        }
        let at = self.latest.partition_point(|other| *other < seen);
        self.latest.insert(at, seen);
        if self.latest.len() > WITNESSES_MAX {
            self.latest.remove(0);
        }
    }

    fn end(&mut self, rank: u64) {
        self.ended = self.ended.max(rank);
    }

    pub(super) fn witnesses(&self, window_ns: i64, now_ns: i64) -> impl Iterator<Item = Seen> {
        let counts = move |seen: &&Seen| seen.rank >= self.ended && live(seen.time_ns, window_ns, now_ns);
        self.latest.iter().filter(counts).copied()
    }

    fn is_live(&self, window_ns: i64, now_ns: i64) -> bool {
        self.sum.is_live(window_ns, now_ns)
            || self.distinct.is_live(window_ns, now_ns)
            || self.witnesses(window_ns, now_ns).next().is_some()
    }
}
