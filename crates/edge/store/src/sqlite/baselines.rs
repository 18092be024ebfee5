//! What is usual for agents and classes.

use super::{StateDb, failed};
use holdshort_inventory::{BaselineEntry, BaselineOwner, BaselineStore, StoreError};
use rusqlite::params;

const AGENT: &str = "agent";
const CLASS: &str = "class";

impl BaselineStore for StateDb {
    fn baselines(&self) -> Result<Vec<BaselineEntry>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT kind, name, state FROM baselines ORDER BY kind, name";
            let mut query = connection.prepare(sql).map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                let (kind, name): (String, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
                let owner = match kind.as_str() {
                    AGENT => BaselineOwner::Agent(name.into()),
                    CLASS => BaselineOwner::Class(name),
                    _ => return Err(StoreError::Damaged(format!("a baseline of the kind `{kind}`"))),
                };
                entries.push(BaselineEntry { owner, state: row.get(2).map_err(failed)? });
            }
            Ok(entries)
        })
    }

    fn put_baselines(&self, entries: &[BaselineEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT OR REPLACE INTO baselines (kind, name, state) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare(sql).map_err(failed)?;
            for BaselineEntry { owner, state } in entries {
                let (kind, name) = key(owner);
                insert.execute(params![kind, name, state]).map_err(failed)?;
            }
            Ok(())
        })
    }

    fn remove_baselines(&self, owners: &[BaselineOwner]) -> Result<(), StoreError> {
        if owners.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "DELETE FROM baselines WHERE kind = ?1 AND name = ?2";
            let mut delete = transaction.prepare(sql).map_err(failed)?;
            for owner in owners {
                let (kind, name) = key(owner);
                delete.execute(params![kind, name]).map_err(failed)?;
            }
            Ok(())
        })
    }
}

fn key(owner: &BaselineOwner) -> (&'static str, &str) {
    match owner {
        BaselineOwner::Agent(id) => (AGENT, id.as_str()),
        BaselineOwner::Class(name) => (CLASS, name),
    }
}
