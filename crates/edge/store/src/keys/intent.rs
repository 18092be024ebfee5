//! What is being erased, kept until it is done: a name stands in no record, and a crash must not make anybody ask again.

use super::{Keys, KeysError, Scope, erase};
use rusqlite::{OptionalExtension as _, params};

/// An erasure that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Whose.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
}

impl Keys {
    /// Keeps an intent; its number is for [`Keys::end_intent`].
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn intend(&self, intent: &Intent) -> Result<i64, KeysError> {
        let Intent { scope, reason, by } = intent;
        let (kind, name) = scope.parts();
        let connection = self.connection();
        let sql = "INSERT INTO intents (kind, name, reason, by) VALUES (?1, ?2, ?3, ?4)";
        connection.execute(sql, params![kind, name, reason, by])?;
        Ok(connection.last_insert_rowid())
    }

    /// Forgets an intent, with the name in it.
    ///
    /// # Errors
    /// As [`Keys::erase`].
    pub fn end_intent(&self, number: i64) -> Result<(), KeysError> {
        let connection = self.connection();
        connection.execute("DELETE FROM intents WHERE number = ?1", [number])?;
        erase::clear_traces(&connection)
    }

    /// What was not finished.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn intents(&self) -> Result<Vec<(i64, Intent)>, KeysError> {
        let reader = self.reader();
        let mut query = reader.prepare("SELECT number, kind, name, reason, by FROM intents ORDER BY number")?;
        let mut rows = query.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let scope = Scope::from_parts(&row.get::<_, String>(1)?, row.get(2)?);
            let scope = scope.ok_or(KeysError::Damaged("an erasure is of something that there is not"))?;
            found.push((row.get(0)?, Intent { scope, reason: row.get(3)?, by: row.get(4)? }));
        }
        Ok(found)
    }

    /// Up to which index of the log every erasure that is on record was carried out in this file. An older copy of the file
    /// says an older one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn carried_out(&self) -> Result<u64, KeysError> {
        let found: Option<i64> =
            self.reader().query_row("SELECT before FROM carried_out", [], |row| row.get(0)).optional()?;
        Ok(found.and_then(|before| u64::try_from(before).ok()).unwrap_or(0))
    }

    /// Keeps that every erasure before this index of the log was carried out.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn note_carried_out(&self, before: u64) -> Result<(), KeysError> {
        let sql = "INSERT INTO carried_out (one, before) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET before = excluded.before";
        self.connection().execute(sql, [i64::try_from(before).unwrap_or(i64::MAX)])?;
        Ok(())
    }
}

impl Scope {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("user", name),
            Self::Agent(name) => ("agent", name),
            Self::Session(name) => ("session", name),
        }
    }

    fn from_parts(kind: &str, name: String) -> Option<Self> {
        match kind {
            "user" => Some(Self::User(name)),
            "agent" => Some(Self::Agent(name)),
            "session" => Some(Self::Session(name)),
            _ => None,
        }
    }
}
