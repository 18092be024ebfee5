//! What an erasure needs of `state.db` as a file: whether a name stands in it, and that no byte of what was taken out is left.

use super::{StateDb, failed};
use holdshort_inventory::StoreError;

impl StateDb {
    /// Clears the journal. What is deleted is overwritten in the file itself (`secure_delete`). A reader in the way is no
    /// failure: the next erasure, the next start, or closing the file does it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn clear_traces(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed))
    }

    /// Whether a name may stand in what an erasure takes out. In doubt it does.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn may_name(&self, name: &str) -> Result<bool, StoreError> {
        let text = serde_json::to_string(name).map_err(|error| StoreError::Backend(error.to_string()))?;
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
        let sql = "SELECT EXISTS (SELECT 1 FROM baselines WHERE name = ?1) \
                   OR EXISTS (SELECT 1 FROM destinations WHERE ?1 IN (agent, user)) \
                   OR EXISTS (SELECT 1 FROM standings WHERE ?1 IN (name, session, by)) \
                   OR EXISTS (SELECT 1 FROM incidents WHERE instr(body, ?2) > 0) \
                   OR EXISTS (SELECT 1 FROM outbox WHERE instr(body, ?2) > 0) \
                   OR EXISTS (SELECT 1 FROM approvals WHERE instr(body, ?2) > 0) \
                   OR EXISTS (SELECT 1 FROM exceptions WHERE instr(body, ?2) > 0)";
        self.read(|connection| connection.query_row(sql, [name, inner], |row| row.get(0)).map_err(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::STATE_FILE;
    use holdshort_inventory::{ApprovalChange, ApprovalLimits, ApprovalStore as _, Book, Whose};
    use holdshort_model::{Approval, ErasureKind};

    #[test]
    fn no_byte_of_many_is_left_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        let text = r#"{"id":"0000000001000000000000NUMB","state":"used","binding":"sha256:BB","decision":
            "00000000010000000000000001","agent":"a","session":"SESSION","user":"USER","kind":"tool.call","name":"send",
            "args":null,"effects":[],"destinations":[["mail","to-USER"]],"reasons":[],"risk":{"score":0,"level":"low",
            "parts":[]},"snapshot":"sha256:BB","asked":1,"asked_ms":1,"expires_ms":2,"people_needed":1}"#;
        for number in 0..400_u32 {
            let (session, user) = if number % 10 == 0 { ("kept", "bob") } else { ("gone", "ada-lovelace") };
            let number = format!("{:04}", number.wrapping_mul(7) % 400);
            let text = text.replace("BB", &"ab".repeat(32)).replace("NUMB", &number);
            let made: Approval = serde_json::from_str(&text.replace("SESSION", session).replace("USER", user)).unwrap();
            db.change_approvals(&[ApprovalChange::Put { from: None, to: Box::new(made) }], 1).unwrap();
        }
        assert!(db.may_name("ada-lovelace").unwrap());
        let whose = Whose::new(ErasureKind::User, "ada-lovelace", []);
        let changes = Book::new(ApprovalLimits::default(), db.approvals().unwrap()).erase(&whose, 1);
        assert_eq!(changes.len(), 360);
        assert!(db.change_approvals(&changes, 1).unwrap().iter().all(|made| *made));
        db.clear_traces().unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(12).any(|window| window == b"ada-lovelace"));
        }
        assert!(!db.may_name("ada-lovelace").unwrap() && db.may_name("bob").unwrap());
        assert_eq!(db.approvals().unwrap().approvals.iter().filter(|one| one.session.as_str() == "kept").count(), 40);
    }

    #[test]
    fn a_name_is_found_as_it_stands_in_json() {
        use holdshort_inventory::{BaselineEntry, BaselineOwner, BaselineStore as _};
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        let put = |name: &str| {
            let owner = BaselineOwner::Agent(name.into());
            db.put_baselines(&[BaselineEntry { owner, state: vec![1] }]).unwrap();
        };
        put("a \"quoted\" \\ one");
        assert!(db.may_name("a \"quoted\" \\ one").unwrap());
        for other in ["A \"QUOTED\" \\ ONE", "a", "%", ""] {
            assert!(!db.may_name(other).unwrap(), "{other}");
        }
    }
}
