//! The gate between an agent and the world.
//!
//! ```text
//! bytes --wire--> Received<T> --Gate::check--> Permitted<T> --upstream::send-->
//!                                     \--> Refusal --rendered--> agent
//! ```
//! INVARIANT: a [`Permitted`] comes from [`Gate::check`] only, after the decision's record is durable, and owns the
//! exact bytes that were decided on. Whatever sends upstream accepts nothing else.

mod authority;
mod gate;
mod obligations;

pub use authority::{Authority, Fault};
pub use gate::{Gate, Payload, Permitted, Received, Refusal, Rewrite, Suspended, Verdict};
pub use obligations::would_change;
