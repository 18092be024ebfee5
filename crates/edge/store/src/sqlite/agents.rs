//! Agents and the hashes of their tokens.

use super::{StateDb, failed, from_sql, to_sql};
use holdshort_inventory::{AgentEntry, AgentStore, StoreError, TokenEntry};
use holdshort_model::{AgentId, Digest, Owner};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::HashMap;

impl AgentStore for StateDb {
    fn agents(&self) -> Result<Vec<AgentEntry>, StoreError> {
        self.read(|connection| {
            let mut tokens = tokens(connection)?;
            let mut query = connection
                .prepare("SELECT id, class, owner_id, owner_active, created_ms FROM agents ORDER BY id")
                .map_err(failed)?;
            let rows = query.query_map([], agent_row).map_err(failed)?;
            let entry = |row: rusqlite::Result<AgentRow>| {
                let (id, class, owner, created_ms) = row.map_err(failed)?;
                let tokens = tokens.remove(&id).unwrap_or_default();
                Ok(AgentEntry { id: id.into(), class, owner, created_ms: from_sql(created_ms)?, tokens })
            };
            rows.map(entry).collect()
        })
    }

    fn add_agent(&self, entry: &AgentEntry) -> Result<(), StoreError> {
        self.write(|transaction| {
            if has_agent(transaction, &entry.id)? {
                return Err(StoreError::Exists(format!("an agent `{}`", entry.id)));
            }
            let owner = entry.owner.as_ref();
            transaction
                .execute(
                    "INSERT INTO agents (id, class, owner_id, owner_active, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        entry.id.as_str(),
                        entry.class,
                        owner.map(|owner| owner.id.as_str()),
                        owner.map(|owner| owner.active),
                        to_sql(entry.created_ms)?
                    ],
                )
                .map_err(failed)?;
            entry.tokens.iter().try_for_each(|token| insert_token(transaction, &entry.id, token))
        })
    }

    fn add_token(&self, agent: &AgentId, token: &TokenEntry) -> Result<(), StoreError> {
        self.write(|transaction| {
            if !has_agent(transaction, agent)? {
                return Err(StoreError::Missing(format!("agent `{agent}`")));
            }
            insert_token(transaction, agent, token)
        })
    }

    fn revoke_token(&self, agent: &AgentId, hash: &Digest) -> Result<(), StoreError> {
        self.write(|transaction| {
            let changed = transaction
                .execute(
                    "UPDATE tokens SET revoked = 1 WHERE agent = ?1 AND hash = ?2",
                    params![agent.as_str(), hash.to_string()],
                )
                .map_err(failed)?;
            if changed == 0 {
                return Err(StoreError::Missing(format!("such token of the agent `{agent}`")));
            }
            Ok(())
        })
    }

    fn remove_agent(&self, agent: &AgentId) -> Result<(), StoreError> {
        self.write(|transaction| {
            let removed = transaction.execute("DELETE FROM agents WHERE id = ?1", [agent.as_str()]).map_err(failed)?;
            if removed == 0 {
                return Err(StoreError::Missing(format!("agent `{agent}`")));
            }
            Ok(())
        })
    }
}

type AgentRow = (String, String, Option<Owner>, i64);

fn agent_row(row: &Row<'_>) -> rusqlite::Result<AgentRow> {
    let (owner, active): (Option<String>, Option<bool>) = (row.get(2)?, row.get(3)?);
    let owner = owner.map(|id| Owner { id, active: active.unwrap_or(false) });
    Ok((row.get(0)?, row.get(1)?, owner, row.get(4)?))
}

fn tokens(connection: &Connection) -> Result<HashMap<String, Vec<TokenEntry>>, StoreError> {
    let mut query = connection
        .prepare("SELECT agent, hash, label, created_ms, expires_ms, revoked FROM tokens ORDER BY number")
        .map_err(failed)?;
    let mut rows = query.query([]).map_err(failed)?;
    let mut tokens: HashMap<String, Vec<TokenEntry>> = HashMap::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let (agent, token) = token_row(row)?;
        tokens.entry(agent).or_default().push(token);
    }
    Ok(tokens)
}

fn token_row(row: &Row<'_>) -> Result<(String, TokenEntry), StoreError> {
    let hash: String = row.get(1).map_err(failed)?;
    let expires: Option<i64> = row.get(4).map_err(failed)?;
    let token = TokenEntry {
        hash: hash.parse().map_err(|error: holdshort_model::DigestError| StoreError::Damaged(error.to_string()))?,
        label: row.get(2).map_err(failed)?,
        created_ms: from_sql(row.get(3).map_err(failed)?)?,
        expires_ms: expires.map(from_sql).transpose()?,
        revoked: row.get(5).map_err(failed)?,
    };
    Ok((row.get(0).map_err(failed)?, token))
}

fn has_agent(transaction: &Transaction<'_>, agent: &AgentId) -> Result<bool, StoreError> {
    let mut query = transaction.prepare("SELECT 1 FROM agents WHERE id = ?1").map_err(failed)?;
    query.exists([agent.as_str()]).map_err(failed)
}

fn insert_token(transaction: &Transaction<'_>, agent: &AgentId, token: &TokenEntry) -> Result<(), StoreError> {
    let hash = token.hash.to_string();
    let mut query = transaction.prepare("SELECT 1 FROM tokens WHERE hash = ?1").map_err(failed)?;
    if query.exists([&hash]).map_err(failed)? {
        return Err(StoreError::Exists("an agent with this token".into()));
    }
    let sql =
        "INSERT INTO tokens (hash, agent, label, created_ms, expires_ms, revoked) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let expires = token.expires_ms.map(to_sql).transpose()?;
    let row = params![hash, agent.as_str(), token.label, to_sql(token.created_ms)?, expires, token.revoked];
    transaction.execute(sql, row).map(drop).map_err(failed)
}
