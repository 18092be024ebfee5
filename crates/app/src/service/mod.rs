//! The service: its parts wired together, run in this process or found in another one.

pub(crate) mod assemble;
mod declared;
pub(crate) mod export;
mod export_alarm;
pub(crate) mod export_source;
pub(crate) mod gateway;
mod index;
mod index_page;
mod keys;
pub(crate) mod kill;
pub(crate) mod lock;
mod notify;
pub(crate) mod recorder;
mod retention;
mod seals;
pub(crate) mod serve;
mod space;
pub(crate) mod start;
mod watch;
pub(crate) mod witness;
mod witness_client;
mod witness_publish;
