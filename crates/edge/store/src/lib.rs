//! Durable state: the log on disk and the SQLite database.

pub mod log;
pub mod sqlite;
