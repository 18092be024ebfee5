//! Incidents, each as one JSON document beside what they are looked up by.

use super::{StateDb, failed};
use holdshort_inventory::{IncidentStore, StoreError};
use holdshort_model::{Incident, IncidentState, RecordId};
use rusqlite::{Connection, Params, params};

impl IncidentStore for StateDb {
    fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.read(|connection| select(connection, "SELECT body FROM incidents WHERE open = 1 ORDER BY id", []))
    }

    fn incidents(
        &self,
        state: Option<IncidentState>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError> {
        let open = state.map(|state| state == IncidentState::Open);
        let before = before.map(|id| id.to_string());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Ids are ULIDs: their text sorts by time.
        let sql = "SELECT body FROM incidents WHERE (?1 IS NULL OR open = ?1) AND (?2 IS NULL OR id < ?2) \
                   ORDER BY id DESC LIMIT ?3";
        self.read(|connection| select(connection, sql, params![open, before, limit]))
    }

    fn incident(&self, id: RecordId) -> Result<Option<Incident>, StoreError> {
        let sql = "SELECT body FROM incidents WHERE id = ?1";
        self.read(|connection| Ok(select(connection, sql, [id.to_string()])?.pop()))
    }

    fn put_incidents(&self, incidents: &[Incident]) -> Result<(), StoreError> {
        if incidents.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT INTO incidents (id, open, body) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (id) DO UPDATE SET open = excluded.open, body = excluded.body";
            let mut put = transaction.prepare(sql).map_err(failed)?;
            for incident in incidents {
                let body = serde_json::to_string(incident).map_err(|error| StoreError::Backend(error.to_string()))?;
                let open = incident.state == IncidentState::Open;
                put.execute(params![incident.id.to_string(), open, body]).map_err(failed)?;
            }
            Ok(())
        })
    }

    fn forget_closed(&self, keep: usize) -> Result<u64, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let sql = "DELETE FROM incidents WHERE id IN \
                   (SELECT id FROM incidents WHERE open = 0 ORDER BY id DESC LIMIT -1 OFFSET ?1)";
        self.write(|transaction| transaction.execute(sql, [keep]).map(|gone| gone as u64).map_err(failed))
    }
}

fn select(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Incident>, StoreError> {
    let mut query = connection.prepare(sql).map_err(failed)?;
    let mut rows = query.query(parameters).map_err(failed)?;
    let mut incidents = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let body: String = row.get(0).map_err(failed)?;
        let incident = serde_json::from_str(&body);
        incidents.push(incident.map_err(|error| StoreError::Damaged(format!("an incident: {error}")))?);
    }
    Ok(incidents)
}
