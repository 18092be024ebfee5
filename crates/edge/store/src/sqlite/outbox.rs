//! Messages that wait to be delivered, each as one JSON document.

use super::{StateDb, failed};
use holdshort_inventory::{NotificationOutbox, OutboxEntry, StoreError};
use holdshort_model::RecordId;
use rusqlite::params;

impl NotificationOutbox for StateDb {
    fn messages(&self) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare("SELECT body FROM outbox ORDER BY id").map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                let body: String = row.get(0).map_err(failed)?;
                let entry = serde_json::from_str(&body);
                entries.push(entry.map_err(|error| StoreError::Damaged(format!("a message: {error}")))?);
            }
            Ok(entries)
        })
    }

    fn put_messages(&self, entries: &[OutboxEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT INTO outbox (id, body) VALUES (?1, ?2) \
                       ON CONFLICT (id) DO UPDATE SET body = excluded.body";
            let mut put = transaction.prepare(sql).map_err(failed)?;
            for entry in entries {
                let body = serde_json::to_string(entry).map_err(|error| StoreError::Backend(error.to_string()))?;
                put.execute(params![entry.notice.id.to_string(), body]).map_err(failed)?;
            }
            Ok(())
        })
    }

    fn remove_messages(&self, ids: &[RecordId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut remove = transaction.prepare("DELETE FROM outbox WHERE id = ?1").map_err(failed)?;
            for id in ids {
                remove.execute([id.to_string()]).map_err(failed)?;
            }
            Ok(())
        })
    }
}
