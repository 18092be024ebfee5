//! The decision: what is known, what grants allow, what policies restrict, combined.
//!
//! [`decide`] is pure: the same snapshot, session, request and time give the same decision, bit for bit. What is
//! absent: I/O, clocks, randomness, records. The gate in `enforce` makes a record of the decision before it permits.

mod combine;
mod decide;
mod destinations;
mod document;
mod grants;
mod listing;
mod memo;
mod nearest;
mod redecide;
mod risk;
mod snapshot;

pub use combine::{Heard, Voice, combine};
pub use decide::{PROBE_WINDOW_NS, decide};
pub use destinations::destinations;
pub use document::{DocumentError, PolicyDocument, SnapshotDocument};
pub use grants::{Coverage, GrantEntry, GrantError, Grants, Known};
pub use listing::listed;
pub use memo::PROBES_MAX;
pub use redecide::{Redecider, Unreplayable, redecide, replayable};
pub use risk::{Levels, RiskError, RiskWeights, Signal};
pub use snapshot::{Habits, Parts, Server, SessionView, Snapshot, SnapshotError, UnknownAgent};
