//! What is taken out of `state.db` when a session is erased from the record.

use super::{StateDb, failed};
use holdshort_inventory::{ERASED_SESSION, StoreError};

impl StateDb {
    /// Takes out of ended approvals what they say of these sessions: who, what, where to, why. That there was a question, and
    /// the digest that a refusal holds for, stay. What waits for an answer is left alone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_approvals(&self, sessions: &[String]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "UPDATE approvals SET body = json_set(json_remove(body, '$.user', '$.provenance'), \
                       '$.session', ?2, '$.args', json('null'), '$.effects', json('[]'), \
                       '$.destinations', json('[]'), '$.reasons', json('[]')) \
                       WHERE state NOT IN ('pending', 'approved') AND json_extract(body, '$.session') = ?1";
            let mut statement = transaction.prepare(sql).map_err(failed)?;
            sessions
                .iter()
                .try_for_each(|session| statement.execute([session.as_str(), ERASED_SESSION]).map(drop))
                .map_err(failed)
        })?;
        // Clears the journal. A reader in the way is no failure: the next erasure, or closing the file, does it.
        self.read(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::STATE_FILE;
    use holdshort_inventory::{ApprovalChange, ApprovalStore as _};
    use holdshort_model::{Approval, ApprovalState};

    #[test]
    fn ended_approvals_of_a_session_say_nothing_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let db = StateDb::open(&dir.path().join(STATE_FILE)).unwrap();
        let text = r#"{"id":"0000000001000000000000000N","state":"pending","binding":"sha256:BB","decision":
            "00000000010000000000000001","agent":"a","session":"SESSION","user":"ada-lovelace","kind":"tool.call","name":
            "send","args":null,"effects":[{"verb":"send","resource":{"kind":"mail","id":"secret-recipient"},"count":1,
            "certainty":"derived"}],"destinations":[["mail","secret-recipient"]],"reasons":[],"risk":{"score":0,"level":
            "low","parts":[]},"snapshot":"sha256:BB","asked":1,"asked_ms":1,"expires_ms":2,"people_needed":1}"#;
        let make = |number: &str, session: &str, state| {
            let text = text.replace("BB", &"ab".repeat(32)).replace("000N", number).replace("SESSION", session);
            Approval { state, ..serde_json::from_str(&text).unwrap() }
        };
        let (ended, open, other) = (
            make("0001", "secret-session", ApprovalState::Used),
            make("0002", "secret-session", ApprovalState::Pending),
            make("0003", "other", ApprovalState::Used),
        );
        for one in [&ended, &open, &other] {
            db.change_approvals(&[ApprovalChange::Put { from: None, to: Box::new(one.clone()) }], 1).unwrap();
        }
        db.forget_approvals(&["secret-session".to_owned()]).unwrap();
        let kept = db.approvals().unwrap().approvals;
        assert_eq!(kept[1..], [open, other]);
        let first = &kept[0];
        assert_eq!((first.session.as_str(), &first.user, first.binding), (ERASED_SESSION, &None, ended.binding));
        assert!(first.effects.is_empty() && first.destinations.is_empty());
    }

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
        db.forget_approvals(&["gone".to_owned()]).unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(12).any(|window| window == b"ada-lovelace"));
        }
        assert_eq!(db.approvals().unwrap().approvals.iter().filter(|one| one.session.as_str() == "kept").count(), 40);
    }
}
