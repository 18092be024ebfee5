//! The tables, as a list of steps. `user_version` of the file counts the steps that were done.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours (`application_id`): "HSst".
pub(super) const APPLICATION_ID: i32 = 0x4853_7374;

/// Steps are only ever added at the end.
const STEPS: [&str; 3] = [
    "
CREATE TABLE agents (
    id TEXT PRIMARY KEY NOT NULL,
    class TEXT NOT NULL,
    owner_id TEXT,
    owner_active INTEGER,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_by_agent ON tokens (agent);
CREATE TABLE pins (
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    pinned TEXT,
    latest TEXT NOT NULL,
    PRIMARY KEY (server, tool)
) STRICT, WITHOUT ROWID;
CREATE TABLE policy_versions (
    digest TEXT PRIMARY KEY NOT NULL,
    time_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE destinations (
    agent TEXT NOT NULL,
    user TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    via TEXT NOT NULL,
    PRIMARY KEY (agent, user, kind, value)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE standings (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    session TEXT NOT NULL,
    standing TEXT NOT NULL,
    removed TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    decision TEXT,
    PRIMARY KEY (kind, name, session)
) STRICT, WITHOUT ROWID;
CREATE TABLE incidents (
    id TEXT PRIMARY KEY NOT NULL,
    open INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_open ON incidents (open, id);
CREATE TABLE outbox (
    id TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE baselines (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE approvals (
    id TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE exceptions (
    id TEXT PRIMARY KEY NOT NULL,
    revoked INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE approvals_time (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    high_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE people (
    name TEXT PRIMARY KEY NOT NULL,
    roles TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE people_tokens (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked INTEGER NOT NULL
) STRICT;
CREATE INDEX people_tokens_by_person ON people_tokens (person);
CREATE TABLE policy_modes (
    policy TEXT PRIMARY KEY NOT NULL,
    enforced INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
];

/// The schema of `state.db`.
pub(super) const STATE: Schema = Schema { application_id: APPLICATION_ID, steps: &STEPS };
/// Version of the schema that this program knows.
#[cfg(test)]
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// What makes a database one of ours.
pub(crate) struct Schema {
    /// Marks the file (`application_id`).
    pub(crate) application_id: i32,
    /// Steps are only ever added at the end.
    pub(crate) steps: &'static [&'static str],
}

impl Schema {
    /// Version that this program knows.
    pub(super) fn version(&self) -> i32 {
        i32::try_from(self.steps.len()).unwrap_or(i32::MAX)
    }
}

/// Does the steps that are missing, all or none.
pub(super) fn migrate(connection: &mut Connection, schema: &Schema, from: i32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in schema.steps.iter().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", schema.application_id)?;
    transaction.pragma_update(None, "user_version", schema.version())?;
    transaction.commit()
}
