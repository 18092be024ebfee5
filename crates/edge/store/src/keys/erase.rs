//! Destroying keys: by an erasure, and when all records that they sealed were dropped.

use super::KeysError;
use holdshort_ledger::KeyId;
use rusqlite::{Connection, TransactionBehavior, params};

/// Keys of one transaction: whoever needs a key of a new session waits for no more than one of them.
pub(super) const EACH: usize = 512;

/// Destroys keys and the names of their owners.
pub(super) fn erase(connection: &mut Connection, keys: &[KeyId], erased_ms: u64) -> Result<(), KeysError> {
    let erased_ms = i64::try_from(erased_ms).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        // `secure_delete` is on: what is freed is overwritten with zeros, in the table and in the indexes.
        let sql = "UPDATE keys SET key = NULL, agent = NULL, user = NULL, session = NULL, created_ms = NULL, \
                   erased_ms = ?2 WHERE id = ?1 AND erased_ms IS NULL";
        let mut statement = transaction.prepare_cached(sql)?;
        for id in keys {
            statement.execute(params![id.as_bytes(), erased_ms])?;
        }
    }
    // If we crash before this, the keys are there, and erasing again destroys them.
    transaction.commit()?;
    Ok(())
}

/// Clears the journal: what was destroyed may still stand in it.
pub(super) fn clear_traces(connection: &Connection) -> Result<(), KeysError> {
    // If we crash before this, nothing reads the keys any more, and the next start clears it.
    let blocked: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if blocked == 0 { Ok(()) } else { Err(KeysError::Traces) }
}

/// Removes the oldest keys, at most [`EACH`] of those with a number of at most `number_max`. Answers how many.
pub(super) fn remove(connection: &mut Connection, number_max: i64) -> Result<usize, KeysError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "DELETE FROM keys WHERE number IN (SELECT number FROM keys WHERE number <= ?1 ORDER BY number LIMIT ?2)";
    let each = i64::try_from(EACH).unwrap_or(i64::MAX);
    let gone = transaction.prepare_cached(sql)?.execute([number_max, each])?;
    transaction.commit()?;
    Ok(gone)
}
