//! What was taken from whom.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{StandingStore, StoreError};
use holdshort_model::{Scope, Standing, StandingEntry};
use rusqlite::{Row, Transaction, params};
use serde_json::Value;

impl StandingStore for StateDb {
    fn standings(&self) -> Result<Vec<StandingEntry>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT kind, name, session, standing, removed, since_ms, by, reason, decision FROM standings";
            let mut query = connection.prepare(sql).map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                entries.push(entry(row)?);
            }
            Ok(entries)
        })
    }

    fn change_standings(&self, put: &[StandingEntry], forget: &[Scope]) -> Result<(), StoreError> {
        if put.is_empty() && forget.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            put.iter().try_for_each(|entry| write(transaction, entry))?;
            for scope in forget {
                let (kind, name, session) = key(scope);
                let sql = "DELETE FROM standings WHERE kind = ?1 AND name = ?2 AND session = ?3";
                transaction.execute(sql, params![kind, name, session]).map_err(failed)?;
            }
            Ok(())
        })
    }
}

fn write(transaction: &Transaction<'_>, entry: &StandingEntry) -> Result<(), StoreError> {
    let (kind, name, session) = key(&entry.scope);
    let removed = serde_json::to_string(&entry.removed).map_err(|error| StoreError::Backend(error.to_string()))?;
    let sql = "INSERT OR REPLACE INTO standings \
               (kind, name, session, standing, removed, since_ms, by, reason, decision) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let since_ms = to_sql(entry.since_ms)?;
    let decision = entry.decision.map(|id| id.to_string());
    let row = params![kind, name, session, word(entry.standing), removed, since_ms, entry.by, entry.reason, decision];
    transaction.execute(sql, row).map_err(failed).map(drop)
}

fn key(scope: &Scope) -> (&'static str, &str, &str) {
    match scope {
        Scope::All => ("all", "", ""),
        Scope::Class { class } => ("class", class, ""),
        Scope::Agent { agent } => ("agent", agent.as_str(), ""),
        Scope::Session { agent, session } => ("session", agent.as_str(), session.as_str()),
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Narrowed => "narrowed",
        Standing::Isolated => "isolated",
        Standing::Terminated => "terminated",
    }
}

fn entry(row: &Row<'_>) -> Result<StandingEntry, StoreError> {
    let text = |at: usize| row.get::<_, String>(at).map_err(failed);
    let damaged = |what: &str, found: &str| StoreError::Damaged(format!("the {what} `{found}` of a standing"));
    let (kind, name, session, standing, removed) = (text(0)?, text(1)?, text(2)?, text(3)?, text(4)?);
    let scope = match kind.as_str() {
        "all" => Scope::All,
        "class" => Scope::Class { class: name },
        "agent" => Scope::Agent { agent: name.into() },
        "session" => Scope::Session { agent: name.into(), session: session.into() },
        other => return Err(damaged("scope", other)),
    };
    let decision: Option<String> = row.get(8).map_err(failed)?;
    let decision = decision.map(|id| id.parse().map_err(|_| damaged("decision", &id))).transpose()?;
    Ok(StandingEntry {
        scope,
        standing: serde_json::from_value(Value::String(standing.clone()))
            .map_err(|_| damaged("strictness", &standing))?,
        removed: serde_json::from_str(&removed).map_err(|_| damaged("list of grants", &removed))?,
        since_ms: from_sql(row.get(5).map_err(failed)?)?,
        by: text(6)?,
        reason: text(7)?,
        decision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_understood_is_damage_and_not_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join("state.db")).unwrap();
        let entry = StandingEntry {
            scope: Scope::All,
            standing: Standing::Isolated,
            removed: Vec::new(),
            since_ms: 1,
            by: "b".into(),
            reason: "r".into(),
            decision: None,
        };
        for wrong in ["kind = 'some'", "standing = 'free'", "removed = 'x'", "since_ms = -1", "decision = 'x'"] {
            db.change_standings(std::slice::from_ref(&entry), &[Scope::All]).unwrap();
            db.change_standings(std::slice::from_ref(&entry), &[]).unwrap();
            db.connection.lock().unwrap().execute_batch(&format!("UPDATE standings SET {wrong}")).unwrap();
            assert!(matches!(db.standings(), Err(StoreError::Damaged(_))), "{wrong}");
            db.connection.lock().unwrap().execute_batch("DELETE FROM standings").unwrap();
        }
    }
}
