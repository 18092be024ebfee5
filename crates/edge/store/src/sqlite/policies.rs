//! Policy versions: what a snapshot digest in a record stands for, so that replay finds the policies again.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::StoreError;
use holdshort_model::Digest;
use rusqlite::{OptionalExtension as _, Row, params};

/// A policy bundle that was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Digest of the snapshot, as records name it.
    pub digest: Digest,
    /// When it was first in force, in milliseconds since 1970.
    pub time_ms: u64,
    /// Who brought it: `file`, `api` or `start`.
    pub source: String,
    /// The bundle as its owner serialises it.
    pub content: Vec<u8>,
}

impl StateDb {
    /// Keeps a version. One that is kept already stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_policy_version(&self, version: &PolicyVersion) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql =
                "INSERT OR IGNORE INTO policy_versions (digest, time_ms, source, content) VALUES (?1, ?2, ?3, ?4)";
            let row = params![version.digest.to_string(), to_sql(version.time_ms)?, version.source, version.content];
            transaction.execute(sql, row).map(drop).map_err(failed)
        })
    }

    /// The version with this digest.
    ///
    /// # Errors
    /// When the database fails or is damaged.
    pub fn policy_version(&self, digest: &Digest) -> Result<Option<PolicyVersion>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT time_ms, source, content FROM policy_versions WHERE digest = ?1";
            let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?));
            let found = connection.query_row(sql, [digest.to_string()], row).optional().map_err(failed)?;
            let version = |(time_ms, source, content)| {
                Ok(PolicyVersion { digest: *digest, time_ms: from_sql(time_ms)?, source, content })
            };
            found.map(version).transpose()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_of_a_version_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let first = PolicyVersion {
            digest: Digest::of(b"1"),
            time_ms: 5,
            source: "start".into(),
            content: b"package x".to_vec(),
        };
        let db = StateDb::open(&path).unwrap();
        db.add_policy_version(&first).unwrap();
        db.add_policy_version(&PolicyVersion { time_ms: 9, source: "api".into(), ..first.clone() }).unwrap();
        drop(db);
        let db = StateDb::open(&path).unwrap();
        assert_eq!(db.policy_version(&first.digest).unwrap(), Some(first));
        assert_eq!(db.policy_version(&Digest::of(b"2")).unwrap(), None);
    }
}
