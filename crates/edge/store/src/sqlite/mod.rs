//! The SQLite database `state.db`: agents, tokens, pins, known destinations and policy versions.
//!
//! One connection behind a mutex: the state is small, is read at start and written when a person or a new tool
//! definition changes something. While an action waits, only a question to a person, or the use of its answer, is written.
//! Records are not here: the log is the truth about what was decided.

mod agents;
mod approvals;
mod baselines;
mod destinations;
mod incidents;
mod modes;
mod open;
mod outbox;
mod people;
mod pins;
mod policies;
mod schema;
mod standings;
mod traces;

pub use open::OpenError;
pub(crate) use open::{open_as, open_unwritable};
pub(crate) use schema::Schema;

use holdshort_inventory::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Name of the database in the data directory.
pub const STATE_FILE: &str = "state.db";

/// The open database. Every change is one transaction and durable when the method returns.
pub struct StateDb {
    connection: Mutex<Connection>,
}

impl StateDb {
    /// Opens the database at `path` and makes it when it is not there, readable and writable for its owner only.
    ///
    /// # Errors
    /// When the file cannot be read and written, is not ours, is damaged, or comes from a newer version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { connection: Mutex::new(open::open(path)?) })
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    // If we crash in here, then SQLite rolls the transaction back at the next open.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let answer = work(&transaction)?;
        transaction.commit().map_err(failed)?;
        Ok(answer)
    }
}

/// A failure of SQLite in words that say what to do.
fn failed(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    let hint = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; make room",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the data directory cannot be written; check its owner and mode"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process holds the database",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return StoreError::Damaged(format!("{error}; restore `{STATE_FILE}` from a backup"));
        }
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        _ => return StoreError::Backend(error.to_string()),
    };
    StoreError::Backend(format!("{error}; {hint}"))
}

/// Milliseconds as SQLite's signed integers hold them.
fn to_sql(ms: u64) -> Result<i64, StoreError> {
    i64::try_from(ms).map_err(|_| StoreError::Backend(format!("the time {ms} ms is out of range")))
}

fn from_sql(ms: i64) -> Result<u64, StoreError> {
    u64::try_from(ms).map_err(|_| StoreError::Damaged(format!("the time {ms} ms")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_inventory::conformance;

    #[test]
    fn agents_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::check_agent_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn pins_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::check_pin_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn baselines_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::check_baseline_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn destinations_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::check_destination_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn standings_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::check_standing_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn incidents_and_messages_pass_the_suites_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let open = || StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        conformance::check_incident_store(open).unwrap();
        conformance::check_outbox(open).unwrap();
    }

    #[test]
    fn a_database_of_the_first_version_gets_the_new_table_and_keeps_what_it_has() {
        use holdshort_inventory::{AgentEntry, AgentStore, DestinationStore};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STATE_FILE);
        let entry =
            AgentEntry { id: "a".into(), class: "coding".into(), owner: None, created_ms: 1, tokens: Vec::new() };
        let db = StateDb::open(&path).unwrap();
        db.add_agent(&entry).unwrap();
        let first = "'agents', 'tokens', 'pins', 'policy_versions'";
        let newer =
            format!("SELECT 'DROP TABLE ' || name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ({first})");
        let connection = db.connection.lock().unwrap();
        let drops: Vec<String> =
            connection.prepare(&newer).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(!drops.is_empty());
        connection.execute_batch(&format!("{}; PRAGMA user_version = 1;", drops.join("; "))).unwrap();
        drop(connection);
        drop(db);
        let db = StateDb::open(&path).unwrap();
        assert_eq!((db.agents().unwrap(), db.destinations().unwrap()), (vec![entry], vec![]));
    }

    #[test]
    fn a_full_disk_is_named_and_changes_nothing() {
        use holdshort_inventory::{AgentStore, PinEntry, PinStore, Seen, definition_digest};
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        db.connection.lock().unwrap().pragma_update(None, "max_page_count", 16).unwrap();
        let definition = serde_json::json!({"name": "t", "description": "x".repeat(100_000)});
        let latest = Seen { digest: definition_digest(&definition), definition, time_ms: 1 };
        let entry = PinEntry { server: "s".into(), tool: "t".into(), pinned: None, latest };
        let error = db.put_pins(&[entry]).unwrap_err().to_string();
        assert!(error.contains("the disk is full"), "{error}");
        assert_eq!((db.pins().unwrap(), db.agents().unwrap()), (vec![], vec![]));
    }
}
