//! The declarations, compiled.

use super::pattern::{Pattern, Raised};
use super::value::{Mark, marks};
use holdshort_model::{
    ActionFacts, Digest, SequenceError, SequenceFacts, SequenceOperator, SequenceOutcome, SequenceSpec,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the policies want to know of a session's past. Immutable, part of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    pub(super) sequences: Vec<Sequence>,
    pub(super) digest: Option<Digest>,
    labels: bool,
}

/// One declaration.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) spec: SequenceSpec,
    pub(super) digest: Digest,
    pub(super) matching: Pattern,
    until: Option<Pattern>,
    throughout: Option<Pattern>,
}

/// For whom an action ends a `since`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// For these keys; for the only window when nothing is correlated.
    Keys(Vec<Mark>),
    /// For all but these keys.
    AllBut(Vec<Mark>),
}

impl Sequences {
    /// Compiles declarations.
    ///
    /// # Errors
    /// The first declaration whose parts do not fit together, or two of one name.
    pub fn compile(specs: &[SequenceSpec]) -> Result<Self, SequenceError> {
        let mut names = BTreeSet::new();
        let mut sequences = Vec::with_capacity(specs.len());
        for spec in specs {
            spec.check()?;
            if !names.insert(spec.name.as_str()) {
                return Err(SequenceError::Twice(spec.name.clone()));
            }
            sequences.push(Sequence::compile(spec));
        }
        let digests: Vec<Digest> = sequences.iter().map(|sequence| sequence.digest).collect();
        let digest = Digest::of_parts(digests.iter().map(|digest| digest.as_bytes().as_slice()));
        let of_label = |spec: &SequenceSpec| {
            spec.matching.label.is_some() || spec.until.as_ref().is_some_and(|until| until.label.is_some())
        };
        let labels = specs.iter().any(of_label);
        Ok(Self { labels, digest: (!sequences.is_empty()).then_some(digest), sequences })
    }

    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Whether a label is an event for one of them.
    pub fn has_labels(&self) -> bool {
        self.labels
    }

    /// What a tool as such is judged with, before anybody calls it: nothing has happened that must not, and whatever
    /// must have happened has. So a list shows what may be called at some point of a session.
    pub fn at_best(&self) -> BTreeMap<String, SequenceFacts> {
        let best = |sequence: &Sequence| SequenceFacts { holds: sequence.is_gate(), ..SequenceFacts::default() };
        self.sequences.iter().map(|sequence| (sequence.spec.name.clone(), best(sequence))).collect()
    }
}

impl Sequence {
    fn compile(spec: &SequenceSpec) -> Self {
        // A specification is made of texts and numbers, and maps have texts as keys: it has a JSON form.
        let json = serde_json::to_vec(spec).unwrap_or_default();
        Self {
            digest: Digest::of_parts([spec.name.as_bytes(), json.as_slice()]),
            matching: Pattern::compile(&spec.matching),
            until: spec.until.as_ref().map(Pattern::compile),
            throughout: spec.throughout.as_ref().map(Pattern::compile),
            spec: spec.clone(),
        }
    }

    /// Whether it asks for what has to have happened, so that too little is the strict side.
    pub(super) fn is_gate(&self) -> bool {
        self.spec.outcome == SequenceOutcome::Done
    }

    pub(super) fn counts(&self) -> bool {
        self.spec.operator.counts()
    }

    pub(super) fn window_ns(&self) -> i64 {
        self.spec.window.ns()
    }

    /// The windows that an action belongs to; empty when there is only one.
    pub(super) fn keys(&self, pattern: &Pattern, action: &ActionFacts) -> Vec<Mark> {
        self.spec.same.as_ref().map(|same| marks(same, pattern, action)).unwrap_or_default()
    }

    /// What an action counts apart, for `count_distinct_within`.
    pub(super) fn marks(&self, action: &ActionFacts) -> Vec<Mark> {
        match (&self.spec.of, self.spec.operator) {
            (Some(of), SequenceOperator::CountDistinctWithin) => marks(of, &self.matching, action),
            _ => Vec::new(),
        }
    }

    /// Whether and for whom an action ends it.
    pub(super) fn ended_by(&self, action: &ActionFacts) -> Option<Ends> {
        if let Some(until) = &self.until {
            return until.matches(action).then(|| Ends::Keys(self.keys(until, action)));
        }
        let throughout = self.throughout.as_ref()?;
        match throughout.matches(action) {
            true if self.spec.same.is_none() => None,
            true => Some(Ends::AllBut(self.keys(throughout, action))),
            false => Some(Ends::AllBut(Vec::new())),
        }
    }

    /// Whether a label counts, and whether it ends it.
    pub(super) fn raised(&self, raised: Raised<'_>) -> (bool, bool) {
        (self.matching.matches_label(raised), self.until.as_ref().is_some_and(|until| until.matches_label(raised)))
    }
}
