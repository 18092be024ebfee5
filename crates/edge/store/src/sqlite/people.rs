//! People who answer, and the hashes of their tokens.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{PersonEntry, PersonStore, Role, StoreError, TokenEntry};
use holdshort_model::Digest;
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::HashMap;

impl PersonStore for StateDb {
    fn people(&self) -> Result<Vec<PersonEntry>, StoreError> {
        self.read(|connection| {
            let mut tokens = tokens(connection)?;
            let mut query =
                connection.prepare("SELECT name, roles, created_ms FROM people ORDER BY name").map_err(failed)?;
            let mut rows = query.query([]).map_err(failed)?;
            let mut people = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                let (name, roles): (String, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
                let roles: Vec<Role> = serde_json::from_str(&roles)
                    .map_err(|error| StoreError::Damaged(format!("the roles of a person: {error}")))?;
                let tokens = tokens.remove(&name).unwrap_or_default();
                let created_ms = from_sql(row.get(2).map_err(failed)?)?;
                people.push(PersonEntry { name, roles, created_ms, tokens });
            }
            Ok(people)
        })
    }

    fn add_person(&self, entry: &PersonEntry) -> Result<(), StoreError> {
        self.write(|transaction| {
            if has_person(transaction, &entry.name)? {
                return Err(StoreError::Exists(format!("a person `{}`", entry.name)));
            }
            let roles = serde_json::to_string(&entry.roles).map_err(|error| StoreError::Backend(error.to_string()))?;
            let sql = "INSERT INTO people (name, roles, created_ms) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, params![entry.name, roles, to_sql(entry.created_ms)?]).map_err(failed)?;
            entry.tokens.iter().try_for_each(|token| insert_token(transaction, &entry.name, token))
        })
    }

    fn add_person_token(&self, name: &str, token: &TokenEntry) -> Result<(), StoreError> {
        self.write(|transaction| match has_person(transaction, name)? {
            true => insert_token(transaction, name, token),
            false => Err(StoreError::Missing(format!("person `{name}`"))),
        })
    }

    fn revoke_person_token(&self, name: &str, hash: &Digest) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "UPDATE people_tokens SET revoked = 1 WHERE person = ?1 AND hash = ?2";
            match transaction.execute(sql, params![name, hash.to_string()]).map_err(failed)? {
                0 => Err(StoreError::Missing(format!("such token of `{name}`"))),
                _ => Ok(()),
            }
        })
    }

    fn remove_person(&self, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| match transaction.execute("DELETE FROM people WHERE name = ?1", [name]) {
            Ok(0) => Err(StoreError::Missing(format!("person `{name}`"))),
            Ok(_) => Ok(()),
            Err(error) => Err(failed(error)),
        })
    }
}

fn tokens(connection: &Connection) -> Result<HashMap<String, Vec<TokenEntry>>, StoreError> {
    let sql = "SELECT person, hash, label, created_ms, expires_ms, revoked FROM people_tokens ORDER BY number";
    let mut query = connection.prepare(sql).map_err(failed)?;
    let mut rows = query.query([]).map_err(failed)?;
    let mut tokens: HashMap<String, Vec<TokenEntry>> = HashMap::new();
    while let Some(row) = rows.next().map_err(failed)? {
        tokens.entry(row.get(0).map_err(failed)?).or_default().push(token(row)?);
    }
    Ok(tokens)
}

fn token(row: &Row<'_>) -> Result<TokenEntry, StoreError> {
    let hash: String = row.get(1).map_err(failed)?;
    let expires: Option<i64> = row.get(4).map_err(failed)?;
    Ok(TokenEntry {
        hash: hash.parse().map_err(|error: holdshort_model::DigestError| StoreError::Damaged(error.to_string()))?,
        label: row.get(2).map_err(failed)?,
        created_ms: from_sql(row.get(3).map_err(failed)?)?,
        expires_ms: expires.map(from_sql).transpose()?,
        revoked: row.get(5).map_err(failed)?,
    })
}

fn has_person(transaction: &Transaction<'_>, name: &str) -> Result<bool, StoreError> {
    let mut query = transaction.prepare("SELECT 1 FROM people WHERE name = ?1").map_err(failed)?;
    query.exists([name]).map_err(failed)
}

fn insert_token(transaction: &Transaction<'_>, name: &str, token: &TokenEntry) -> Result<(), StoreError> {
    let hash = token.hash.to_string();
    let mut query = transaction.prepare("SELECT 1 FROM people_tokens WHERE hash = ?1").map_err(failed)?;
    if query.exists([&hash]).map_err(failed)? {
        return Err(StoreError::Exists("a person with this token".into()));
    }
    let sql = "INSERT INTO people_tokens (hash, person, label, created_ms, expires_ms, revoked) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let expires = token.expires_ms.map(to_sql).transpose()?;
    let row = params![hash, name, token.label, to_sql(token.created_ms)?, expires, token.revoked];
    transaction.execute(sql, row).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::STATE_FILE;
    use holdshort_inventory::check_person_store;

    #[test]
    fn people_pass_the_suite_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        check_person_store(|| StateDb::open(&dir.path().join(STATE_FILE)).unwrap()).unwrap();
    }
}
