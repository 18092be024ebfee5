//! The table of keys, and how keys are found and made.

use super::gate::Spent;
use super::{Found, KeysError, NamedKey, Owned, Owner, lock};
use crate::sqlite::Schema;
use holdshort_ledger::{KEY_BYTES, KEY_ID_BYTES, KeyId, OwnerKey};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use std::sync::{Arc, Mutex};

/// "HSky".
pub(super) const SCHEMA: Schema = Schema {
    application_id: 0x4853_6b79,
    steps: &[
        "
CREATE TABLE keys (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    key BLOB,
    agent TEXT,
    user TEXT,
    session TEXT,
    created_ms INTEGER,
    erased_ms INTEGER
) STRICT;
CREATE INDEX keys_by_session ON keys (session);
CREATE INDEX keys_by_agent ON keys (agent);
CREATE INDEX keys_by_user ON keys (user);
",
        "
CREATE TABLE closings (
    number_max INTEGER PRIMARY KEY,
    before INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE carried_out (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    before INTEGER NOT NULL
) STRICT;
CREATE TABLE intents (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL
) STRICT;
",
    ],
};

/// Whose records are to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A person, with whatever agent.
    User(String),
    /// An agent.
    Agent(String),
    /// A session.
    Session(String),
}

type Answer = Arc<Mutex<Option<Result<NamedKey, KeysError>>>>;

/// Somebody who waits for a key.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) owner: Owner,
    now_ms: u64,
    answer: Answer,
}

impl Wish {
    pub(super) fn new(owner: Owner, now_ms: u64) -> Self {
        Self { owner, now_ms, answer: Answer::default() }
    }

    pub(super) fn give(&self, answer: Result<NamedKey, KeysError>) {
        *lock(&self.answer) = Some(answer);
    }

    pub(super) fn take(&self) -> Option<Result<NamedKey, KeysError>> {
        lock(&self.answer).take()
    }
}

/// Finds or makes what is wished for, all with one sync or nothing. A wish that comes twice gets one key.
pub(super) fn serve(connection: &mut Connection, wishes: &[Wish], spent: &Spent) -> Result<Vec<NamedKey>, KeysError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let keys = wishes.iter().map(|wish| find_or_make(&transaction, wish, spent)).collect::<Result<Vec<_>, _>>()?;
    // If we crash before this, nobody has got a key. If we crash behind it, there are keys that nothing is sealed with.
    transaction.commit()?;
    Ok(keys)
}

/// The newest key of an owner, spent or not.
struct Newest {
    number: i64,
    key: NamedKey,
    agent: Option<String>,
    user: Option<String>,
}

fn find_or_make(transaction: &Transaction<'_>, wish: &Wish, spent: &Spent) -> Result<NamedKey, KeysError> {
    let newest = newest(transaction, &wish.owner)?;
    let (agent, user, session) = match (&wish.owner, newest) {
        (_, Some(newest)) if !spent.has(newest.number, &newest.key.id) => return Ok(newest.key),
        (Owner::Subject { agent, user, session }, _) => (Some(agent.clone()), user.clone(), session),
        // Whoever the closed key belongs to, the next one does: a record that names nobody stays theirs. What is being erased
        // hands no name on.
        (Owner::Session { session, .. }, Some(Newest { number, agent, user, .. })) if spent.is_closed(number) => {
            (agent, user, session)
        }
        (Owner::Session { agent, session }, _) => (agent.clone(), None, session),
    };
    let (mut id, mut key) = ([0; KEY_ID_BYTES], zeroize::Zeroizing::new([0; KEY_BYTES]));
    getrandom::fill(&mut id).and_then(|()| getrandom::fill(key.as_mut_slice())).map_err(KeysError::Random)?;
    let (id, key) = (KeyId::new(id), OwnerKey::new(*key));
    // INVARIANT: a number is never used again: what is closed and dropped goes by it.
    let sql = "INSERT INTO keys (number, id, key, agent, user, session, created_ms) VALUES (1 + max(\
               (SELECT coalesce(max(number), 0) FROM keys), (SELECT coalesce(max(number_max), 0) FROM closings)), \
               ?1, ?2, ?3, ?4, ?5, ?6)";
    let created_ms = i64::try_from(wish.now_ms).unwrap_or(i64::MAX);
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute(params![id.as_bytes(), key.as_bytes(), agent, user, session, created_ms])?;
    Ok(NamedKey { id, key })
}

fn newest(connection: &Connection, owner: &Owner) -> Result<Option<Newest>, KeysError> {
    const WHAT: &str = "SELECT number, id, key, agent, user FROM keys";
    const NEWEST: &str = "ORDER BY number DESC LIMIT 1";
    let found = match owner {
        Owner::Subject { agent, user, session } => {
            let sql = format!("{WHAT} WHERE session = ?1 AND agent = ?2 AND user IS ?3 {NEWEST}");
            connection.prepare_cached(&sql)?.query_row(params![session, agent, user], known).optional()
        }
        Owner::Session { agent: Some(agent), session } => {
            let sql = format!("{WHAT} WHERE session = ?1 AND agent = ?2 {NEWEST}");
            connection.prepare_cached(&sql)?.query_row(params![session, agent], known).optional()
        }
        // Where agents share the name of a session, nobody knows whose record it is: it gets a key of the name alone.
        Owner::Session { agent: None, session } => {
            let alone = "(agent IS NULL OR (SELECT count(DISTINCT agent) FROM keys WHERE session = ?1) = 1)";
            let sql = format!("{WHAT} WHERE session = ?1 AND {alone} {NEWEST}");
            connection.prepare_cached(&sql)?.query_row(params![session], known).optional()
        }
    };
    found?.transpose()
}

fn known(row: &Row<'_>) -> rusqlite::Result<Result<Newest, KeysError>> {
    let (number, id, key): (i64, Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (agent, user) = (row.get(3)?, row.get(4)?);
    let named = key_id(&id).and_then(|id| Ok(NamedKey { id, key: owner_key(key)? }));
    Ok(named.map(|key| Newest { number, key, agent, user }))
}

fn key_id(bytes: &[u8]) -> Result<KeyId, KeysError> {
    bytes.try_into().map(KeyId::new).map_err(|_| KeysError::Damaged("the id of a key has another length"))
}

fn owner_key(bytes: Option<Vec<u8>>) -> Result<OwnerKey, KeysError> {
    let bytes = zeroize::Zeroizing::new(bytes.unwrap_or_default());
    let key = bytes.as_slice().try_into().map_err(|_| KeysError::Damaged("a key has another length"))?;
    Ok(OwnerKey::new(key))
}

/// What stands in the table of a key.
pub(super) fn find(connection: &Connection, id: &KeyId) -> Result<Found, KeysError> {
    let mut statement = connection.prepare_cached("SELECT key, erased_ms FROM keys WHERE id = ?1")?;
    let row = |row: &Row<'_>| Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, Option<i64>>(1)?));
    match statement.query_row([id.as_bytes().as_slice()], row).optional()? {
        None => Ok(Found::Unknown),
        Some((_, Some(erased_ms))) => Ok(Found::Erased(u64::try_from(erased_ms).unwrap_or(0))),
        Some((key, None)) => Ok(Found::Key(owner_key(key)?)),
    }
}

/// The keys of a scope, oldest first. With an agent or a person go the keys of their sessions that do not name one.
///
/// INVARIANT: another agent's session of the same name is another session: an agent chooses that name, and must not have what it
/// did erased along with what it did not do.
pub(super) fn select(connection: &Connection, scope: &Scope) -> Result<Vec<Owned>, KeysError> {
    let (sql, name) = match scope {
        Scope::Session(name) => ("session = ?1", name),
        Scope::Agent(name) => {
            ("agent = ?1 OR (agent IS NULL AND session IN (SELECT session FROM keys WHERE agent = ?1))", name)
        }
        Scope::User(name) => {
            let theirs = "SELECT 1 FROM keys AS theirs WHERE theirs.session = keys.session AND theirs.user = ?1 \
                          AND (keys.agent IS NULL OR theirs.agent = keys.agent)";
            let of_session = "session IN (SELECT session FROM keys WHERE user = ?1)";
            (&*format!("user = ?1 OR (user IS NULL AND {of_session} AND EXISTS ({theirs}))"), name)
        }
    };
    let mut statement =
        connection.prepare(&format!("SELECT id, agent, session FROM keys WHERE {sql} ORDER BY number"))?;
    let rows = statement.query_map([name], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (id, agent, session) = row?;
        Ok(Owned { id: key_id(&id)?, agent, session })
    })
    .collect()
}

/// Those of these keys that are there.
pub(super) fn owned(connection: &Connection, keys: &[KeyId]) -> Result<Vec<Owned>, KeysError> {
    let mut statement = connection.prepare("SELECT agent, session FROM keys WHERE id = ?1 AND erased_ms IS NULL")?;
    let mut found = Vec::new();
    for id in keys {
        let row = |row: &Row<'_>| Ok(Owned { id: *id, agent: row.get(0)?, session: row.get(1)? });
        found.extend(statement.query_row([id.as_bytes().as_slice()], row).optional()?);
    }
    Ok(found)
}
