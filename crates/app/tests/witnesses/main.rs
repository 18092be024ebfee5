//! Witnesses as real processes: ours and a foreign one, honest, slow, lying and killed; logs that are honest and logs that were
//! rewritten with the stolen key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alarms;
mod hostile;
mod listening;
mod parts;
mod published;
mod quorum;
mod rewritten;
mod wire;

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "../support/mod.rs"]
mod support;
