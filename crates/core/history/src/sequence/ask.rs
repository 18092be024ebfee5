//! The answer of one sequence at one moment.

use super::compiled::{Ends, Sequence};
use super::span::live;
use super::state::{Open, Seen, Share, Track, WITNESSES_MAX, Window};
use super::value::{AMOUNT_UNKNOWN, Mark, micro, shown};
use holdshort_model::{ActionFacts, SequenceFacts, SequenceOperator};

/// The question of one sequence at one moment.
pub(super) struct Ask<'a> {
    pub(super) sequence: &'a Sequence,
    pub(super) track: Option<&'a Track>,
    pub(super) pending: Option<&'a ActionFacts>,
    pub(super) now_ns: i64,
}

impl Ask<'_> {
    pub(super) fn facts(&self) -> SequenceFacts {
        let sequence = self.sequence;
        let share =
            self.pending.filter(|action| sequence.matching.matches(action)).map(|action| Share::of(sequence, action));
        let keys = match &share {
            Some(share) => share.keys.clone(),
            None => self.pending.map(|action| sequence.keys(&sequence.matching, action)).unwrap_or_default(),
        };
        let answers: Vec<SequenceFacts> = match keys.is_empty() {
            true => vec![self.of_key(None, share.as_ref())],
            false => keys.iter().map(|key| self.of_key(Some(key), share.as_ref())).collect(),
        };
        // Several keys: the strictest one speaks.
        let strictness = |facts: &SequenceFacts| (facts.holds != sequence.is_gate(), facts.value);
        let order = |left: &SequenceFacts, right: &SequenceFacts| {
            let (left, right) = (strictness(left), strictness(right));
            left.0.cmp(&right.0).then(left.1.total_cmp(&right.1))
        };
        answers.into_iter().max_by(order).unwrap_or_default()
    }

    fn of_key(&self, key: Option<&Mark>, pending: Option<&Share>) -> SequenceFacts {
        let (sequence, now_ns) = (self.sequence, self.now_ns);
        let window_ns = sequence.window_ns();
        let nothing = Window::default();
        let window = self.track.map_or(&nothing, |track| match key {
            None => &track.rest,
            Some(key) => track.keyed.get(key).unwrap_or(&track.rest),
        });
        let is_open = |open: &&Open| {
            let mine = |share: &Share| key.is_none_or(|key| share.keys.contains(key));
            open.share.as_ref().is_some_and(mine) && live(open.seen.time_ns, window_ns, now_ns)
        };
        // What has to have come back does not count while it is in flight, and what is decided has not happened.
        let open: Vec<&Open> = match self.track {
            Some(track) if !sequence.is_gate() => track.open.iter().filter(is_open).collect(),
            _ => Vec::new(),
        };
        let pending = pending.filter(|_| !sequence.is_gate());
        let mut witnesses: Vec<Seen> =
            window.witnesses(window_ns, now_ns).chain(open.iter().map(|open| open.seen)).collect();
        witnesses.sort_unstable_by(|left, right| right.cmp(left));
        let flying = || open.iter().filter_map(|open| open.share.as_ref()).chain(pending);
        let value = match sequence.spec.operator {
            SequenceOperator::FormerlyWithin | SequenceOperator::Since => 0.0,
            SequenceOperator::CountWithin | SequenceOperator::SumWithin => {
                let kept = window.sum.sum(window_ns, now_ns);
                shown(flying().fold(kept, |sum, share| sum.saturating_add(share.amount)))
            }
            SequenceOperator::CountDistinctWithin => {
                let more = flying().flat_map(|share| share.marks.iter().copied()).collect();
                let count = window.distinct.count(more, window_ns, now_ns).and_then(|count| u64::try_from(count).ok());
                shown(micro(count.unwrap_or(AMOUNT_UNKNOWN)))
            }
        };
        let holds = !sequence.counts() && (pending.is_some() || !witnesses.is_empty()) && !self.is_ending(key);
        if !holds && !sequence.counts() {
            witnesses.clear();
        }
        witnesses.truncate(WITNESSES_MAX);
        SequenceFacts { holds, value, witnesses: witnesses.into_iter().map(|seen| seen.id).collect() }
    }

    // What has to hold does not any more for the action that ends it. What must not hold goes on until the end came
    // back.
    fn is_ending(&self, key: Option<&Mark>) -> bool {
        let ends = self.pending.filter(|_| self.sequence.is_gate()).and_then(|action| self.sequence.ended_by(action));
        ends.is_some_and(|ends| match ends {
            Ends::Keys(keys) => key.is_none_or(|key| keys.contains(key)),
            Ends::AllBut(keys) => key.is_none_or(|key| !keys.contains(key)),
        })
    }
}
