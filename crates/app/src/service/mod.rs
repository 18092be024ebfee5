//! The service: its parts wired together, run in this process or found in another one.

pub(crate) mod assemble;
mod declared;
pub(crate) mod gateway;
pub(crate) mod kill;
pub(crate) mod lock;
mod notify;
pub(crate) mod recorder;
pub(crate) mod serve;
pub(crate) mod start;
mod watch;
