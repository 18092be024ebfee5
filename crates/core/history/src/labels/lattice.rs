//! The labels of a session as a lattice.
//!
//! INVARIANT: every part is a join (the least or the greatest of what was learned), and what is in force is a function of
//! the parts. So the order of events does not matter, learning one twice changes nothing, and two nodes' states of one
//! session merge into the state of one node that had seen all of it.
//!
//! A declassification lowers what was read before it and nothing else. Before and after is a matter of stamps, see
//! [`LabelState::stamp`]: the clock's time, moved on so that what happens after something known is later than it, even
//! when the clock was set back.

use holdshort_effects::{Classification, INTEGRITY, Meaning};
use holdshort_model::{DeclassificationRecord, Integrity, Labels};
use std::collections::{BTreeMap, BTreeSet};

/// Most levels and categories that a session keeps apart. A configuration has at most 80; more can only come from
/// changes of it. What is over counts as the highest level.
pub const CLASSES_MAX: usize = 128;
/// Most sources of untrusted content that are named: half of them the first, half the latest ones.
pub const SOURCES_MAX: usize = 8;
/// Longest name of a source that is kept, in bytes.
const SOURCE_BYTES_MAX: usize = 128;

/// What a session has read. Bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelState {
    clock_ns: i64,
    classes: BTreeMap<Box<str>, Mark>,
    /// When something was read that had no place in `classes`.
    over: Option<i64>,
    first: BTreeSet<(i64, Box<str>)>,
    latest: BTreeSet<(i64, Box<str>)>,
    endorsed: Option<i64>,
}

/// What is known of one level or category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// It was a level when it was read.
    level: bool,
    read: Option<i64>,
    declassified: Option<i64>,
}

/// Something was read.
#[derive(Clone, Copy, Debug)]
pub struct ReadEvent<'a> {
    /// Where from: tool and number of the call in the session, such as `get_webpage#3`.
    pub source: &'a str,
    /// Whether outsiders could have written it.
    pub untrusted: bool,
    /// Its labels; those that are neither level nor category are left out.
    pub labels: &'a [&'a str],
    /// Its stamp: see [`LabelState::stamp`].
    pub at_ns: i64,
}

impl LabelState {
    /// The stamp of something that happens now: later than everything that this state knows of, and than every stamp
    /// that was taken before.
    pub fn stamp(&mut self, now_ns: i64) -> i64 {
        self.clock_ns = now_ns.max(self.clock_ns.saturating_add(1));
        self.clock_ns
    }

    /// Learns what was read. Only ever raises.
    pub fn apply(&mut self, classification: &Classification, read: &ReadEvent<'_>) {
        self.clock_ns = self.clock_ns.max(read.at_ns);
        for label in read.labels {
            let level = match classification.meaning(label) {
                Meaning::Level(_) => true,
                Meaning::Category => false,
                Meaning::Plain => continue,
            };
            self.mark(label, Mark { level, read: Some(read.at_ns), declassified: None });
        }
        if read.untrusted {
            let source = (read.at_ns, cut(read.source).into());
            self.first.insert(source.clone());
            self.latest.insert(source);
            self.bound();
        }
    }

    /// Lowers what a person declassified. The record is durable before this is called.
    pub fn declassify(&mut self, record: &DeclassificationRecord) {
        self.lower(&record.what, record.at_ns);
    }

    pub(super) fn lower(&mut self, what: &str, at_ns: i64) {
        self.clock_ns = self.clock_ns.max(at_ns);
        if what == INTEGRITY {
            self.endorsed = self.endorsed.max(Some(at_ns));
        } else {
            self.mark(what, Mark { declassified: Some(at_ns), ..Mark::default() });
        }
    }

    /// Learns everything that another node knows of the same session.
    pub fn merge(&mut self, other: &Self) {
        self.clock_ns = self.clock_ns.max(other.clock_ns);
        for (name, mark) in &other.classes {
            self.mark(name, *mark);
        }
        self.over = self.over.max(other.over);
        self.first.extend(other.first.iter().cloned());
        self.latest.extend(other.latest.iter().cloned());
        self.endorsed = self.endorsed.max(other.endorsed);
        self.bound();
    }

    /// `input.labels`. `more`: levels and categories that count besides.
    pub fn labels<'a>(&'a self, classification: &'a Classification, more: impl IntoIterator<Item = &'a str>) -> Labels {
        let mut level = self.over.and(classification.levels.len().checked_sub(1));
        let mut categories: BTreeSet<&str> = BTreeSet::new();
        for (name, mark) in
            self.classes.iter().filter(|(_, mark)| mark.read >= mark.declassified && mark.read.is_some())
        {
            match classification.meaning(name) {
                Meaning::Level(rank) => level = level.max(Some(rank)),
                // A level that the configuration does not have any more: nobody says how high it was.
                Meaning::Plain if mark.level => level = level.max(classification.levels.len().checked_sub(1)),
                Meaning::Category | Meaning::Plain => {
                    categories.insert(name);
                }
            }
        }
        for label in more {
            match classification.meaning(label) {
                Meaning::Level(rank) => level = level.max(Some(rank)),
                Meaning::Category => {
                    categories.insert(label);
                }
                Meaning::Plain => {}
            }
        }
        let sources: BTreeSet<&(i64, Box<str>)> =
            self.first.iter().chain(&self.latest).filter(|(at_ns, _)| Some(*at_ns) >= self.endorsed).collect();
        Labels {
            integrity: if sources.is_empty() { Integrity::Trusted } else { Integrity::Untrusted },
            confidentiality: level.map(|rank| classification.level(rank).to_owned()).unwrap_or_default(),
            categories: categories.into_iter().map(str::to_owned).collect(),
            since: sources.first().map(|(at_ns, _)| *at_ns),
            sources: sources.into_iter().map(|(_, source)| source.to_string()).collect(),
        }
    }

    /// Whether the session carries this label, so that it can be lowered: `integrity`, a level or a category.
    pub fn carries(&self, what: &str) -> bool {
        if what == INTEGRITY {
            return self.latest.last().is_some_and(|(at_ns, _)| Some(*at_ns) >= self.endorsed);
        }
        self.classes.get(what).is_some_and(|mark| mark.read.is_some() && mark.read >= mark.declassified)
    }

    /// An estimate of the memory behind it, in bytes.
    pub fn bytes(&self) -> usize {
        let classes: usize = self.classes.keys().map(|name| name.len() + size_of::<Mark>() + 32).sum();
        let sources: usize = self.first.iter().chain(&self.latest).map(|(_, source)| source.len() + 32).sum();
        classes + sources
    }

    fn mark(&mut self, name: &str, new: Mark) {
        match self.classes.get_mut(name) {
            Some(mark) => {
                mark.level |= new.level;
                mark.read = mark.read.max(new.read);
                mark.declassified = mark.declassified.max(new.declassified);
            }
            None => {
                self.classes.insert(name.into(), new);
            }
        }
        // Whichever order names come in, the same ones are left.
        while self.classes.len() > CLASSES_MAX {
            let Some((_, mark)) = self.classes.pop_last() else { return };
            self.over = self.over.max(mark.read);
        }
    }

    fn bound(&mut self) {
        while self.first.len() > SOURCES_MAX / 2 {
            self.first.pop_last();
        }
        while self.latest.len() > SOURCES_MAX / 2 {
            self.latest.pop_first();
        }
    }
}

/// As much of a name as is kept.
pub(super) fn cut(source: &str) -> &str {
    let end = source.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= SOURCE_BYTES_MAX).last();
    source.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(source: &'a str, untrusted: bool, labels: &'a [&'a str], at_ns: i64) -> ReadEvent<'a> {
        ReadEvent { source, untrusted, labels, at_ns }
    }

    fn lowered(what: &str, at_ns: i64) -> DeclassificationRecord {
        DeclassificationRecord { what: what.into(), at_ns, ..super::super::properties::declassification() }
    }

    fn labels(state: &LabelState) -> Labels {
        state.labels(&Classification::default(), [])
    }

    #[test]
    fn what_is_read_raises_the_labels() {
        let scale = Classification::default();
        let mut state = LabelState::default();
        assert_eq!(labels(&state), Labels::default());
        state.apply(&scale, &read("read_file#1", false, &["internal", "project-x"], 10));
        state.apply(&scale, &read("get_webpage#2", true, &[], 20));
        state.apply(&scale, &read("read_crm#3", true, &["confidential", "personal", "payment"], 30));
        state.apply(&scale, &read("read_file#4", false, &["public"], 40));
        let labels = labels(&state);
        assert_eq!(labels.confidentiality, "confidential");
        assert_eq!(labels.categories, ["payment", "personal"]);
        assert_eq!((labels.integrity, labels.since), (Integrity::Untrusted, Some(20)));
        assert_eq!(labels.sources, ["get_webpage#2", "read_crm#3"]);
    }

    #[test]
    fn a_declassification_lowers_what_was_read_before_it() {
        let scale = Classification::default();
        let mut state = LabelState::default();
        state.apply(&scale, &read("a#1", true, &["confidential"], 10));
        state.apply(&scale, &read("b#2", true, &["restricted", "health"], 20));
        state.declassify(&lowered("restricted", 30));
        assert_eq!(labels(&state).confidentiality, "confidential", "the rest of what was read stays");
        assert_eq!(labels(&state).categories, ["health"]);
        state.declassify(&lowered("integrity", 31));
        assert_eq!((labels(&state).integrity, labels(&state).since), (Integrity::Trusted, None));
        assert!(!state.carries("restricted") && !state.carries("integrity") && state.carries("health"));
        // Later reads raise again, even with a clock that was set back.
        let at_ns = state.stamp(5);
        state.apply(&scale, &read("c#3", true, &["restricted"], at_ns));
        assert_eq!(labels(&state).confidentiality, "restricted");
        assert_eq!((labels(&state).sources, labels(&state).since), (vec!["c#3".to_owned()], Some(32)));
        // What another node had read meanwhile and nobody had looked at stays in force.
        let mut node = LabelState::default();
        node.apply(&scale, &read("d#1", true, &["personal"], 40));
        state.declassify(&lowered("personal", 40));
        state.merge(&node);
        assert_eq!(labels(&state).categories, ["health", "personal"]);
    }

    #[test]
    fn a_level_that_the_configuration_lost_counts_as_the_highest() {
        let mut state = LabelState::default();
        state.apply(&Classification::default(), &read("a#1", false, &["internal", "health"], 1));
        let other = Classification { levels: vec!["open".into(), "closed".into()], categories: Vec::new() };
        let labels = state.labels(&other, []);
        assert_eq!(
            (labels.confidentiality.as_str(), labels.categories.as_slice()),
            ("closed", ["health".to_owned()].as_slice())
        );
    }

    #[test]
    fn it_stays_small() {
        let mut state = LabelState::default();
        let long = "x".repeat(10_000);
        for n in 0..2_000i64 {
            let name = format!("c{n}");
            let scale = Classification { levels: vec!["low".into(), "high".into()], categories: vec![name.clone()] };
            state.apply(&scale, &read(&format!("{long}#{n}"), true, &[&name], n));
        }
        assert!(state.bytes() < 16_384, "{}", state.bytes());
        let labels = labels(&state);
        assert_eq!(labels.confidentiality, "restricted", "what has no place counts as the highest level");
        assert_eq!((labels.categories.len(), labels.sources.len(), labels.since), (CLASSES_MAX, SOURCES_MAX, Some(0)));
    }
}
