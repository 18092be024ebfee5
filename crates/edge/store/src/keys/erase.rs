//! Destroying keys.

use super::KeysError;
use holdshort_ledger::KeyId;
use rusqlite::{Connection, TransactionBehavior, params};

/// Destroys keys and the names of their owners.
pub(super) fn erase(connection: &mut Connection, keys: &[KeyId], erased_ms: u64) -> Result<(), KeysError> {
    let erased_ms = i64::try_from(erased_ms).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        // `secure_delete` is on: what is freed is overwritten with zeros, in the table and in the indexes.
        let sql = "UPDATE keys SET key = NULL, agent = NULL, user = NULL, session = NULL, created_ms = NULL, \
                   erased_ms = ?2 WHERE id = ?1 AND erased_ms IS NULL";
        let mut statement = transaction.prepare(sql)?;
        for id in keys {
            statement.execute(params![id.as_bytes(), erased_ms])?;
        }
    }
    // If we crash before this, the keys are there, and erasing again destroys them.
    transaction.commit()?;
    // If we crash before this, nothing reads the keys any more, but their bytes are in the journal until it is cleared:
    // by the next erasure, or when the last process closes the file.
    let blocked: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if blocked == 0 { Ok(()) } else { Err(KeysError::Traces) }
}
