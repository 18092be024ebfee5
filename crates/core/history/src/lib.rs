//! What a session has done and seen: a fold over its events.
//!
//! [`State`] learns each decision and each outcome; [`State::weigh`] says what that means for the next action: labels,
//! where the values of its arguments come from, what the person's request has to do with it, and the sequences that
//! policies declared. What is absent: I/O, clocks, any judgement. Policies judge.

mod destination;
mod rules;
mod state;

pub use destination::fold;
pub use rules::Rules;
pub use state::{Decided, Flow, IN_FLIGHT_MAX, Pending, Settled, State};
