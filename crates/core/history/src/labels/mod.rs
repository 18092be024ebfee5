//! What a session has read: integrity, confidentiality, categories.
//!
//! [`LabelState`] is the lattice: reads raise it, a recorded declassification lowers it, and the order in which it learns of
//! them does not matter. [`Labelling`] decides what a call reads: from the resources that its decision named, and from
//! what came back. Both judge nothing.

mod lattice;
mod reading;
mod rules;

pub use lattice::{CLASSES_MAX, LabelState, ReadEvent, SOURCES_MAX};
pub use reading::{CONFIRMATION_BYTES_MAX, Labelling, Learnt, Lowering, READS_IN_FLIGHT_MAX};
pub use rules::LabelRules;

#[cfg(test)]
mod properties;
