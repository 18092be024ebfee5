//! Destinations that people approved.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{DestinationStore, KnownDestination, StoreError};
use holdshort_model::AgentId;
use rusqlite::{Row, params};

impl DestinationStore for StateDb {
    fn destinations(&self) -> Result<Vec<KnownDestination>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT agent, user, kind, value, since_ms, by, via FROM destinations \
                       ORDER BY agent, user, kind, value";
            let mut query = connection.prepare(sql).map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut destinations = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                destinations.push(destination(row)?);
            }
            Ok(destinations)
        })
    }

    fn add_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT OR IGNORE INTO destinations (agent, user, kind, value, since_ms, by, via) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let mut insert = transaction.prepare(sql).map_err(failed)?;
            for KnownDestination { agent, user, kind, value, since_ms, by, via } in entries {
                let row = params![agent.as_str(), user, kind, value, to_sql(*since_ms)?, by, via];
                insert.execute(row).map_err(failed)?;
            }
            Ok(())
        })
    }

    fn forget_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "DELETE FROM destinations WHERE agent = ?1 AND user = ?2 AND kind = ?3 AND value = ?4";
            let mut delete = transaction.prepare(sql).map_err(failed)?;
            for KnownDestination { agent, user, kind, value, .. } in entries {
                delete.execute(params![agent.as_str(), user, kind, value]).map_err(failed)?;
            }
            Ok(())
        })
    }

    fn forget_destination(&self, agent: &AgentId, user: &str, kind: &str, value: &str) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "DELETE FROM destinations WHERE agent = ?1 AND user = ?2 AND kind = ?3 AND value = ?4";
            let gone = transaction.execute(sql, params![agent.as_str(), user, kind, value]).map_err(failed)?;
            if gone == 0 {
                return Err(StoreError::Missing(format!("known destination `{value}` of the agent `{agent}`")));
            }
            Ok(())
        })
    }
}

fn destination(row: &Row<'_>) -> Result<KnownDestination, StoreError> {
    let agent: String = row.get(0).map_err(failed)?;
    Ok(KnownDestination {
        agent: agent.into(),
        user: row.get(1).map_err(failed)?,
        kind: row.get(2).map_err(failed)?,
        value: row.get(3).map_err(failed)?,
        since_ms: from_sql(row.get(4).map_err(failed)?)?,
        by: row.get(5).map_err(failed)?,
        via: row.get(6).map_err(failed)?,
    })
}
