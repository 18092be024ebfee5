//! What was erased or dropped is taken out of the index, down to the bytes of its file.

use super::places::{BLOCK, Places, block_of, place_of};
use super::postings::{add, decode, put, run_of, unsigned};
use super::row::Facet;
use super::writer::Writer;
use super::{IndexError, file, signed};
use crate::records::Records;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::{BTreeMap, BTreeSet};

impl Writer {
    /// Takes out what is known of these records, down to the bytes of the file: their time and that they are there is left.
    /// When that cannot be done the whole index is thrown away.
    ///
    /// # Errors
    /// When the disk refuses even that.
    pub fn forget(&mut self, records: &BTreeSet<u64>) -> Result<(), IndexError> {
        let known: BTreeSet<u64> = records.iter().copied().filter(|index| *index < self.index.about.size).collect();
        if known.is_empty() {
            return Ok(());
        }
        let taken = self.take_out(&known).and_then(|()| self.sweep());
        taken.or_else(|_| self.clear())
    }

    /// The same for the records that are sealed with these keys, and for no others: two agents may have sessions of one name.
    /// `keys` are ids in hex.
    ///
    /// # Errors
    /// As [`Writer::forget`].
    pub fn forget_keys(&mut self, keys: &[String]) -> Result<(), IndexError> {
        let key = self.index.about.key;
        let mut found = BTreeSet::new();
        for id in keys {
            match self.index.records_with(key.word(Facet::Key, id)) {
                Ok(records) => found.extend(records),
                Err(_) => return self.clear(),
            }
        }
        self.forget(&found)
    }

    pub(super) fn take_out(&mut self, records: &BTreeSet<u64>) -> Result<(), IndexError> {
        let mut gone: BTreeMap<u64, Places> = BTreeMap::new();
        for index in records {
            gone.entry(block_of(*index)).or_default().insert(place_of(*index));
        }
        let runs: BTreeSet<u64> = gone.keys().map(|block| run_of(*block)).collect();
        let key = self.index.about.key;
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(UNSWEPT)?;
        for run in runs {
            // A run at a time: what changes is held in memory.
            let mut changed: Vec<(i64, u64, Places)> = Vec::new();
            let mut all = transaction.prepare_cached("SELECT word, block, places FROM postings WHERE run = ?1")?;
            let mut rows = all.query([signed(run)])?;
            while let Some(row) = rows.next()? {
                let (word, block) = (row.get::<_, i64>(0)?, unsigned(row.get(1)?)?);
                let Some(out) = gone.get(&block) else { continue };
                let places = decode(key, word, block, row.get_ref(2)?.as_blob().unwrap_or_default())?;
                let mut left = places.clone();
                out.iter().for_each(|place| {
                    left.remove(place);
                });
                if left != places {
                    changed.push((word, block, left));
                }
            }
            for (word, block, left) in changed {
                put(&transaction, key, word, block, &left)?;
            }
        }
        take_out_ids(&transaction, records)?;
        let erased = key.word(Facet::Type, "erased");
        for (block, places) in gone {
            add(&transaction, key, erased, block, places)?;
        }
        Ok(transaction.commit()?)
    }

    /// Takes out what the log dropped, and goes over it.
    pub(super) fn trim(&mut self, records: &Records) -> Result<(), IndexError> {
        // Looked at once a block.
        if place_of(self.index.about.size) != 0 && self.first.is_some() {
            return Ok(());
        }
        let first = records.reader().first()?;
        if self.first.is_some_and(|known| block_of(known) >= block_of(first)) {
            return Ok(());
        }
        let (block, record) = (block_of(first), signed(block_of(first).saturating_mul(BLOCK)));
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut gone = transaction.execute("DELETE FROM blocks WHERE block < ?1", [signed(block)])?;
        if gone > 0 {
            transaction.execute_batch(UNSWEPT)?;
            let run = signed(run_of(block));
            gone = transaction.execute("DELETE FROM postings WHERE run < ?1", [run])?;
            gone = gone.saturating_add(
                transaction.execute("DELETE FROM postings WHERE run = ?1 AND block < ?2", [run, signed(block)])?,
            );
            transaction.execute("DELETE FROM ids WHERE record < ?1", [record])?;
        }
        transaction.execute("UPDATE about SET size = max(size, ?1)", [record])?;
        transaction.commit()?;
        self.index.about.size = self.index.about.size.max(unsigned(record)?);
        self.first = Some(first);
        if gone > 0 && self.sweep().is_err() { self.clear() } else { Ok(()) }
    }

    /// Finishes what a crash left.
    pub(super) fn sweep_again(&self) -> Result<(), IndexError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'unswept')";
        let is_unswept: bool = self.index.connection.query_row(sql, [], |row| row.get(0))?;
        if is_unswept { self.sweep() } else { Ok(()) }
    }

    fn sweep(&self) -> Result<(), IndexError> {
        // The whole file is written anew, into a temporary one and into the journal: not into the log's room.
        let anew = file::bytes(&self.index.path).saturating_mul(2);
        let (free, keep_free) = (file::free_bytes(&self.index.path)?, self.keep_free.saturating_add(anew));
        if free < keep_free {
            return Err(IndexError::Room { free, keep_free });
        }
        sweep(&self.index.connection)
    }
}

fn take_out_ids(transaction: &Transaction<'_>, records: &BTreeSet<u64>) -> Result<(), IndexError> {
    let mut all = transaction.prepare_cached("SELECT id, record FROM ids")?;
    let mut rows = all.query([])?;
    let mut ids: Vec<(Vec<u8>, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let record: i64 = row.get(1)?;
        if records.contains(&unsigned(record)?) {
            ids.push((row.get(0)?, record));
        }
    }
    let mut delete = transaction.prepare_cached("DELETE FROM ids WHERE id = ?1 AND record = ?2")?;
    ids.into_iter().try_for_each(|row| delete.execute(row).map(|_| ()))?;
    Ok(())
}

/// There from the moment something is taken out until it is swept: a crash in between is finished by the next writer.
const UNSWEPT: &str = "CREATE TABLE IF NOT EXISTS unswept (only INTEGER) STRICT";

/// Leaves no byte of what was deleted, in the file or beside it.
fn sweep(connection: &Connection) -> Result<(), IndexError> {
    // Rows that moved to another page may have left copies; only a file that is written anew surely has none.
    connection.execute_batch("VACUUM")?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(IndexError::Busy);
    }
    // If we crash before this, the next writer sweeps once more.
    Ok(connection.execute_batch("DROP TABLE IF EXISTS unswept")?)
}
