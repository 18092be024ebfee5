//! The service: its parts wired together, run in this process or found in another one.

pub(crate) mod lock;
pub(crate) mod start;
