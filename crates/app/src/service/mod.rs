//! The service: its parts wired together, run in this process or found in another one.

pub(crate) mod assemble;
mod declared;
pub(crate) mod export;
mod export_alarm;
pub(crate) mod export_source;
pub(crate) mod gateway;
mod index;
mod index_page;
mod key_care;
mod keys;
pub(crate) mod kill;
pub(crate) mod lock;
mod mirror_push;
pub(crate) mod notify;
pub(crate) mod old_records;
pub(crate) mod recorder;
mod retention;
pub(crate) mod seals;
pub(crate) mod serve;
mod space;
pub(crate) mod start;
mod watch;
pub(crate) mod witness;
mod witness_alarms;
mod witness_client;
mod witness_memory;
pub(crate) mod witness_publish;
