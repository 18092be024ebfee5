//! Modes of policies that people changed.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{PolicyMode, PolicyModeStore, StoreError};
use holdshort_model::Mode;
use rusqlite::{Row, params};

impl PolicyModeStore for StateDb {
    fn policy_modes(&self) -> Result<Vec<PolicyMode>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT policy, enforced, by, reason, since_ms FROM policy_modes ORDER BY policy";
            let mut query = connection.prepare(sql).map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut modes = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                modes.push(mode(row)?);
            }
            Ok(modes)
        })
    }

    fn put_policy_mode(&self, entry: &PolicyMode) -> Result<(), StoreError> {
        self.write(|transaction| {
            let PolicyMode { policy, mode, by, reason, since_ms } = entry;
            let sql = "INSERT OR REPLACE INTO policy_modes (policy, enforced, by, reason, since_ms) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let row = params![policy, *mode == Mode::Enforce, by, reason, to_sql(*since_ms)?];
            transaction.execute(sql, row).map(drop).map_err(failed)
        })
    }
}

fn mode(row: &Row<'_>) -> Result<PolicyMode, StoreError> {
    let enforced: bool = row.get(1).map_err(failed)?;
    Ok(PolicyMode {
        policy: row.get(0).map_err(failed)?,
        mode: if enforced { Mode::Enforce } else { Mode::Observe },
        by: row.get(2).map_err(failed)?,
        reason: row.get(3).map_err(failed)?,
        since_ms: from_sql(row.get(4).map_err(failed)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::STATE_FILE;
    use super::*;

    #[test]
    fn modes_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        holdshort_inventory::check_policy_mode_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }
}
