//! Sequences: rules over the past of a session, at a cost that does not grow with it.
//!
//! [`Sequences`] is what the policies declare, compiled. [`SequenceState`] is what one session keeps for them: each
//! event is compared with the declarations when it happens and leaves a few numbers behind, or nothing. What is absent:
//! a list of the session's events. `docs/reference/sequences.md` has the semantics, `tests/` compares them with a naive
//! reading of the full list and with the cases of another implementation.

mod ask;
mod compiled;
mod pattern;
mod span;
mod state;
mod value;

#[cfg(test)]
mod tests;

pub use compiled::Sequences;
pub use pattern::Raised;
pub use span::{CELLS_MAX, KEYED_CELLS_MAX, KEYED_SLOTS, SLOTS};
pub use state::{KEYS_MAX, OPEN_MAX, SequenceState, WITNESSES_MAX};
pub use value::{AMOUNT_MAX, AMOUNT_UNKNOWN, DISTINCT_MAX, KEYED_DISTINCT_MAX};
