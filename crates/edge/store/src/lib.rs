//! Durable state: the log on disk and the SQLite database.

pub mod index;
pub mod keys;
pub mod log;
pub mod records;
pub mod sqlite;
