//! Snapshots: what a snapshot digest in a record stands for, so that replay finds it again. The table is called
//! `policy_versions`, as in the first version of the schema.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{PART, SNAPSHOTS_MAX, SnapshotEntry, SnapshotStore, StoreError};
use holdshort_model::Digest;
use rusqlite::{OptionalExtension as _, Row, params};

impl SnapshotStore for StateDb {
    fn keep_snapshot(&self, entries: &[SnapshotEntry]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "INSERT INTO policy_versions (digest, time_ms, source, content) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (digest) DO UPDATE SET time_ms = max(time_ms, excluded.time_ms)";
            for SnapshotEntry { digest, time_ms, source, content } in entries {
                let row = params![digest.to_string(), to_sql(*time_ms)?, source, content];
                transaction.execute(sql, row).map_err(failed)?;
            }
            // The snapshot that was just kept stays, also when the clock went backwards.
            let newest = entries.iter().map(|entry| entry.digest.to_string()).next_back();
            let sql = "DELETE FROM policy_versions WHERE digest IN (SELECT digest FROM policy_versions \
                       WHERE source <> ?1 ORDER BY digest = ?3 DESC, time_ms DESC, digest LIMIT -1 OFFSET ?2)";
            let kept = i64::try_from(SNAPSHOTS_MAX).unwrap_or(i64::MAX);
            let forgotten = transaction.execute(sql, params![PART, kept, newest]).map_err(failed)?;
            if forgotten == 0 {
                return Ok(());
            }
            // A text goes with the last snapshot that has it. All are looked through, so only when one went.
            let sql = "DELETE FROM policy_versions WHERE source = ?1 AND digest NOT IN (SELECT part FROM \
                       (SELECT iif(json_valid(text), json_extract(text, '$.policies'), NULL) AS part FROM \
                       (SELECT CAST(content AS TEXT) AS text FROM policy_versions WHERE source <> ?1)) \
                       WHERE part IS NOT NULL)";
            transaction.execute(sql, params![PART]).map(drop).map_err(failed)
        })
    }

    fn snapshot(&self, digest: &Digest) -> Result<Option<SnapshotEntry>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT time_ms, source, content FROM policy_versions WHERE digest = ?1";
            let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?));
            let found = connection.query_row(sql, [digest.to_string()], row).optional().map_err(failed)?;
            let entry = |(time_ms, source, content)| {
                Ok(SnapshotEntry { digest: *digest, time_ms: from_sql(time_ms)?, source, content })
            };
            found.map(entry).transpose()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::STATE_FILE;
    use super::*;

    #[test]
    fn snapshots_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        holdshort_inventory::check_snapshot_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }
}
