//! What a session has done and seen: a fold over its events.
//!
//! [`State`] learns each decision and each outcome; [`State::weigh`] says what that means for the next action: labels,
//! where the values of its arguments come from, what the person's request has to do with it, and the sequences that
//! policies declared. What is absent: I/O, clocks, any judgement. Policies judge.

mod atoms;
mod baseline;
mod destination;
mod intent;
mod labels;
mod lexicon;
mod past;
mod provenance;
mod rules;
mod seen;
mod segment;
mod sequence;
mod state;
mod text;
mod tool;
mod words;

pub use baseline::{Baseline, BaselineError, BaselineEvent, HALF_LIFE_DAYS, LEARNT_PER_MINUTE_MAX, WARM_EVENTS};
pub use destination::fold;
pub use labels::{
    CLASSES_MAX, CONFIRMATION_BYTES_MAX, LabelRules, LabelState, Labelling, Learnt, Lowering, READS_IN_FLIGHT_MAX,
    ReadEvent, SOURCES_MAX,
};
pub use rules::Rules;
pub use sequence::{
    AMOUNT_MAX, AMOUNT_UNKNOWN, CELLS_MAX, DISTINCT_MAX, KEYED_CELLS_MAX, KEYED_DISTINCT_MAX, KEYED_SLOTS, KEYS_MAX,
    OPEN_MAX, Raised, SLOTS, SequenceState, Sequences, WITNESSES_MAX,
};
pub use state::{Decided, Flow, IN_FLIGHT_MAX, Pending, Settled, State};
