//! Deciding a stretch of the log again: which records, with what, on all cores, in the order of the log.
//!
//! INVARIANT: memory does not grow with the log. A few batches are on their way at a time; what is kept of them is counts
//! and bounded lists.

pub(crate) mod difference;
pub(crate) mod html;
pub(crate) mod identical;
mod progress;
mod snapshots;
mod stream;
mod stretch;

pub(crate) use progress::Progress;
pub(crate) use snapshots::{Kept, database};
pub(crate) use stream::each;
pub(crate) use stretch::{Entry, Stretch};
