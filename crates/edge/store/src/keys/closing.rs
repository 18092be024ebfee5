//! Closing keys, so that one day they can go with the records that they sealed.
//!
//! Nothing is written for a record. From time to time all keys are closed: what sessions do from then on is sealed with
//! fresh ones. One row says up to which number keys are closed, and before which place in the log everything is that they
//! sealed. When the records before that place were dropped, the keys go.
//!
//! INVARIANT: a key is removed only when every record that it sealed was dropped. The place is known after the closing: when
//! all that was sealed before it is in the log. If we crash in between, the keys are open again, and nothing is lost.

use super::{Keys, KeysError, erase};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Keys that seal nothing more. They can be removed once [`Keys::note_closing`] was told where their records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    number_max: i64,
}

impl Keys {
    /// Closes all keys that there are; none when nothing new was made since the last time. Blocks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn close_all(&self) -> Result<Option<Closing>, KeysError> {
        let connection = self.connection();
        let number_max: i64 =
            connection.query_row("SELECT coalesce(max(number), 0) FROM keys", [], |row| row.get(0))?;
        if number_max <= self.inner.gate.spent().closed {
            return Ok(None);
        }
        let close = |spent: &mut super::gate::Spent| spent.closed = number_max;
        self.inner.gate.change(close, || super::lock(&self.inner.cache).close());
        drop(connection);
        Ok(Some(Closing { number_max }))
    }

    /// Keeps a closing. `before`: index of a record that came into the log after the keys were closed.
    ///
    /// # Errors
    /// When it cannot be kept: then they are open again after the next start.
    pub fn note_closing(&self, closing: Closing, before: u64, now_ms: u64) -> Result<(), KeysError> {
        let sql = "INSERT OR REPLACE INTO closings (number_max, before, closed_ms) VALUES (?1, ?2, ?3)";
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.connection().execute(sql, params![closing.number_max, signed(before), signed(now_ms)])?;
        Ok(())
    }

    /// When keys were closed the last time, in milliseconds since 1970.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn closed_ms(&self) -> Result<Option<u64>, KeysError> {
        let sql = "SELECT closed_ms FROM closings ORDER BY number_max DESC LIMIT 1";
        let found: Option<i64> = self.reader().query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(found.and_then(|ms| u64::try_from(ms).ok()))
    }

    /// Removes the keys whose records were all dropped, in steps, as long as `go_on` says so. `first_kept`: index of the first
    /// record that was kept. Answers how many went. Blocks.
    ///
    /// # Errors
    /// As [`Keys::erase`].
    pub fn remove_dropped(&self, first_kept: u64, go_on: &dyn Fn() -> bool) -> Result<u64, KeysError> {
        let first_kept = i64::try_from(first_kept).unwrap_or(i64::MAX);
        let sql = "SELECT max(number_max) FROM closings WHERE before <= ?1";
        let number_max: Option<i64> = self.reader().query_row(sql, [first_kept], |row| row.get(0))?;
        let Some(number_max) = number_max else { return Ok(0) };
        let mut removed = 0_u64;
        while go_on() {
            let gone = erase::remove(&mut self.connection(), number_max)?;
            removed = removed.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX));
            if gone < erase::EACH {
                self.inner.gate.change(|_| (), || super::lock(&self.inner.cache).forget_read());
                // The newest one stays: numbers go on behind it.
                let sql = "DELETE FROM closings WHERE number_max <= ?1 AND number_max < (SELECT max(number_max) FROM closings)";
                let connection = self.connection();
                connection.execute(sql, [number_max])?;
                if removed > 0 {
                    erase::clear_traces(&connection)?;
                }
                break;
            }
            Self::pause();
        }
        Ok(removed)
    }
}

/// Up to which number keys are closed.
pub(super) fn closed(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(number_max), 0) FROM closings", [], |row| row.get(0))
}
