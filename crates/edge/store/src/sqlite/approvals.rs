//! Approvals and remembered answers. Their bodies are kept as JSON text; the state stands beside, so that a change can
//! compare and set it.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{ApprovalChange, ApprovalStore, Kept, StoreError};
use holdshort_model::{ApprovalState, Exception, RecordId};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl ApprovalStore for StateDb {
    fn approvals(&self) -> Result<Kept, StoreError> {
        self.read(|connection| {
            Ok(Kept {
                approvals: bodies(connection, "SELECT body FROM approvals ORDER BY id")?,
                exceptions: exceptions(connection)?,
                high_ms: high_ms(connection)?,
            })
        })
    }

    fn change_approvals(&self, changes: &[ApprovalChange], high_ms: u64) -> Result<Vec<bool>, StoreError> {
        self.write(|transaction| {
            let sql = "INSERT INTO approvals_time (one, high_ms) VALUES (1, ?1) \
                       ON CONFLICT (one) DO UPDATE SET high_ms = max(high_ms, excluded.high_ms)";
            transaction.execute(sql, [to_sql(high_ms)?]).map_err(failed)?;
            changes.iter().map(|change| apply(transaction, change)).collect()
        })
    }
}

fn apply(transaction: &Transaction<'_>, change: &ApprovalChange) -> Result<bool, StoreError> {
    let id = |id: &RecordId| id.to_string();
    let changed = match change {
        ApprovalChange::Put { from: None, to } => transaction.execute(
            "INSERT OR IGNORE INTO approvals (id, state, body) VALUES (?1, ?2, ?3)",
            params![id(&to.id), state(to.state)?, text(to)?],
        ),
        ApprovalChange::Put { from: Some(from), to } => transaction.execute(
            "UPDATE approvals SET state = ?2, body = ?3 WHERE id = ?1 AND state = ?4",
            params![id(&to.id), state(to.state)?, text(to)?, state(*from)?],
        ),
        ApprovalChange::Remember(exception) => transaction.execute(
            "INSERT OR IGNORE INTO exceptions (id, revoked, body) VALUES (?1, ?2, ?3)",
            params![id(&exception.id), exception.revoked, text(exception)?],
        ),
        ApprovalChange::Revoke(exception) => {
            transaction.execute("UPDATE exceptions SET revoked = 1 WHERE id = ?1", [id(exception)])
        }
        ApprovalChange::Forget(approval) => transaction.execute("DELETE FROM approvals WHERE id = ?1", [id(approval)]),
        ApprovalChange::ForgetException(exception) => {
            transaction.execute("DELETE FROM exceptions WHERE id = ?1", [id(exception)])
        }
    };
    changed.map(|rows| rows > 0).map_err(failed)
}

fn bodies<T: DeserializeOwned>(connection: &Connection, sql: &str) -> Result<Vec<T>, StoreError> {
    let mut query = connection.prepare(sql).map_err(failed)?;
    let rows = query.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    rows.map(|row| parse(&row.map_err(failed)?)).collect()
}

fn exceptions(connection: &Connection) -> Result<Vec<Exception>, StoreError> {
    let mut query = connection.prepare("SELECT body, revoked FROM exceptions ORDER BY id").map_err(failed)?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))).map_err(failed)?;
    let exception = |row: rusqlite::Result<(String, bool)>| {
        let (body, revoked) = row.map_err(failed)?;
        Ok(Exception { revoked, ..parse(&body)? })
    };
    rows.map(exception).collect()
}

fn high_ms(connection: &Connection) -> Result<u64, StoreError> {
    let found = connection.query_row("SELECT high_ms FROM approvals_time", [], |row| row.get::<_, i64>(0));
    found.optional().map_err(failed)?.map_or(Ok(0), from_sql)
}

fn state(state: ApprovalState) -> Result<String, StoreError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        other => Err(StoreError::Backend(format!("a state without a name: {other:?}"))),
    }
}

fn text(body: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(body).map_err(|error| StoreError::Backend(error.to_string()))
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Damaged(format!("an approval: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::STATE_FILE;
    use holdshort_inventory::check_approval_store;
    use holdshort_model::Approval;

    #[test]
    fn approvals_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        check_approval_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }

    #[test]
    fn what_was_erased_is_in_no_file_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        let text = r#"{"id":"00000000010000000000000001","state":"pending","binding":"sha256:BB","decision":
            "00000000010000000000000001","agent":"a","session":"s","kind":"tool.call","name":"send","args":
            {"to":"a-value-of-an-argument"},"effects":[],"reasons":[],"risk":{"score":0,"level":"low","parts":[]},
            "snapshot":"sha256:BB","asked":1,"asked_ms":1,"expires_ms":2,"people_needed":1}"#;
        let asked: Approval = serde_json::from_str(&text.replace("BB", &"ab".repeat(32))).unwrap();
        let over = Approval { state: ApprovalState::Expired, args: serde_json::Value::Null, ..asked.clone() };
        db.change_approvals(&[ApprovalChange::Put { from: None, to: Box::new(asked) }], 1).unwrap();
        assert!(is_on_disk(dir.path()), "the test would see it");
        let from = Some(ApprovalState::Pending);
        db.change_approvals(&[ApprovalChange::Put { from, to: Box::new(over) }], 1).unwrap();
        db.connection.lock().unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        assert!(!is_on_disk(dir.path()));
    }

    fn is_on_disk(dir: &std::path::Path) -> bool {
        let needle = b"a-value-of-an-argument";
        std::fs::read_dir(dir).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    }
}
