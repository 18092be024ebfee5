//! What becomes of a session whose past is given up. INVARIANT: nothing gets milder by being forgotten.

use super::State;
use crate::past::Past;
use crate::{LabelState, ReadEvent, Rules};
use holdshort_model::RecordId;

impl State {
    /// The state of a session of which nothing is known any more but that it was there: it has read anything that there
    /// is to read, as far as it is declared, and nobody can tell where its values come from.
    pub fn forgotten(rules: &Rules, now_ns: i64) -> Self {
        let classification = &rules.labels.classification;
        let everything: Vec<&str> = rules.labels.declared().collect();
        let mut labels = LabelState::default();
        let at_ns = labels.stamp(now_ns);
        let read = ReadEvent { source: "forgotten", untrusted: true, labels: &everything, at_ns };
        labels.apply(classification, &read);
        let mut state = Self::default();
        state.labels.merge(&labels);
        state.reduce();
        state
    }

    /// Gives up what was seen, to make room. Labels, counts and sequences stay; where values come from cannot be told
    /// from here on, and that is said (`input.history.truncated`).
    pub fn reduce(&mut self) {
        self.truncated = true;
        self.past = Past::default();
        self.past.truncate();
    }

    /// Whether [`Self::reduce`] would make room.
    pub fn is_reducible(&self) -> bool {
        self.past.bytes() > REDUCED_BYTES
    }

    /// Whether this decision permitted an action that has not come back.
    pub fn is_in_flight(&self, decision: RecordId) -> bool {
        self.in_flight.contains(&decision)
    }
}

/// What is left of a past that was given up takes no more than this, in bytes.
const REDUCED_BYTES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelRules;
    use holdshort_effects::{Classification, LabelRule};
    use holdshort_model::Integrity;

    #[test]
    fn a_forgotten_session_carries_every_label_that_is_declared() {
        let mut rules = Rules::default();
        let labels = State::forgotten(&rules, 5).labels.labels(&rules.labels);
        assert_eq!((labels.integrity, labels.confidentiality.as_str()), (Integrity::Untrusted, ""));
        let declared = ["internal", "confidential", "health", "project-x"].map(str::to_owned).to_vec();
        let resources = [LabelRule { resource: "file:/srv/**".into(), labels: declared }];
        rules.labels = LabelRules::new(Classification::default(), &[], &resources, []);
        let labels = State::forgotten(&rules, 5).labels.labels(&rules.labels);
        assert_eq!((labels.integrity, labels.confidentiality.as_str()), (Integrity::Untrusted, "confidential"));
        assert_eq!(labels.categories, ["health"]);
    }

    #[test]
    fn a_reduced_state_says_so_and_keeps_its_labels() {
        let rules = Rules::default();
        let mut state = State::forgotten(&rules, 5);
        state.reduce();
        assert!(state.truncated && state.past.is_truncated() && !state.is_reducible());
        assert_eq!(state.labels.labels(&rules.labels).integrity, Integrity::Untrusted);
    }
}
