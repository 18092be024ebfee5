//! Pins of tool definitions. Definitions are kept as JSON text.

use super::{StateDb, failed};
use holdshort_inventory::{PinEntry, PinStore, Seen, StoreError};
use rusqlite::{Row, params};

impl PinStore for StateDb {
    fn pins(&self) -> Result<Vec<PinEntry>, StoreError> {
        self.read(|connection| {
            let mut query = connection
                .prepare("SELECT server, tool, pinned, latest FROM pins ORDER BY server, tool")
                .map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut pins = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                pins.push(entry(row)?);
            }
            Ok(pins)
        })
    }

    fn put_pins(&self, entries: &[PinEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "INSERT OR REPLACE INTO pins (server, tool, pinned, latest) VALUES (?1, ?2, ?3, ?4)";
            let mut insert = transaction.prepare(sql).map_err(failed)?;
            for entry in entries {
                let pinned = entry.pinned.as_ref().map(text).transpose()?;
                insert.execute(params![entry.server, entry.tool, pinned, text(&entry.latest)?]).map_err(failed)?;
            }
            Ok(())
        })
    }
}

fn entry(row: &Row<'_>) -> Result<PinEntry, StoreError> {
    let pinned: Option<String> = row.get(2).map_err(failed)?;
    let latest: String = row.get(3).map_err(failed)?;
    Ok(PinEntry {
        server: row.get(0).map_err(failed)?,
        tool: row.get(1).map_err(failed)?,
        pinned: pinned.map(|text| seen(&text)).transpose()?,
        latest: seen(&latest)?,
    })
}

fn text(seen: &Seen) -> Result<String, StoreError> {
    serde_json::to_string(seen).map_err(|error| StoreError::Backend(error.to_string()))
}

fn seen(text: &str) -> Result<Seen, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("a pin: {error}")))
}
