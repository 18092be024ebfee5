//! The service over real sockets, with the real database, real policies, and a log that can be made to fail.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may panic too")]

mod actions;
mod agents;
mod alarms;
mod approvals;
mod baselines;
mod containment;
mod destinations;
mod erasing;
mod faults;
mod history;
mod http;
mod incidents;
mod labels;
mod pins;
mod promotion;
mod remote;
mod sealing;
mod sockets;
mod support;
