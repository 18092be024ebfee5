//! The keys of sealed records: `keys.db` in the data directory, one key for each session.
//!
//! A file of its own, so that a backup of the log or of `state.db` does not bring back what was erased. One connection that
//! writes and one that reads, each behind a mutex, and a bounded memory of the keys that are in use.
//!
//! INVARIANT: a key is durable before anybody gets it to seal with. Whatever is in the log can be opened after a crash, until
//! somebody erases it on purpose.
//! INVARIANT: when [`Keys::erase`] returns, neither the key nor a name of its owner is in the file or in its journal.
//! INVARIANT: nothing is sealed with a key once it is retired or closed: see [`gate`].

mod cache;
mod closing;
#[cfg(test)]
mod closing_tests;
mod erase;
mod gate;
mod intent;
mod table;
#[cfg(test)]
mod tests;

pub use closing::Closing;
pub use gate::Held;
pub use intent::Intent;
pub use table::Scope;

use crate::sqlite::{OpenError, open_as, open_unwritable};
use cache::Cache;
use gate::Gate;
use holdshort_ledger::{KeyId, OwnerKey};
use rusqlite::Connection;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the database in the data directory.
pub const KEYS_FILE: &str = "keys.db";
/// A mutex does not queue: without a pause whoever works in steps would have it again at once.
const STEP_PAUSE: Duration = Duration::from_millis(1);

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A session in which an agent acts for a person.
    Subject {
        /// The agent.
        agent: String,
        /// The person, where known.
        user: Option<String>,
        /// The session.
        session: String,
    },
    /// A session, where the record does not name everybody: its newest key is used.
    Session {
        /// The agent, where known.
        agent: Option<String>,
        /// The session.
        session: String,
    },
}

/// A key with its name.
#[derive(Clone, Debug)]
pub struct NamedKey {
    /// Stands in the records.
    pub id: KeyId,
    /// Opens them.
    pub key: OwnerKey,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is there.
    Key(OwnerKey),
    /// It was destroyed at this time, in milliseconds since 1970.
    Erased(u64),
    /// Never heard of.
    Unknown,
}

/// A key that can be erased, and the session that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The key.
    pub id: KeyId,
    /// The agent, where known.
    pub agent: Option<String>,
    /// The session.
    pub session: String,
}

/// Keys that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file.
    #[error(transparent)]
    Open(OpenError),
    /// SQLite failed.
    #[error("`{KEYS_FILE}` cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file is damaged.
    #[error(
        "`{path}` is damaged: {cause}; restore it from a backup of its own: without it nobody can read what was sealed"
    )]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// What stands in it is no key.
    #[error("`{KEYS_FILE}` is damaged: {0}; restore it from a backup of its own")]
    Damaged(&'static str),
    /// No random numbers.
    #[error("the system has no random numbers for a key: {0}")]
    Random(getrandom::Error),
    /// Another process keeps the journal from being cleared.
    #[error("the keys are destroyed, but another process keeps their traces in the journal; end it and erase again")]
    Traces,
    /// Somebody else's attempt, in which this one was, failed.
    #[error("the key could not be kept: {0}")]
    Together(Arc<KeysError>),
}

impl From<OpenError> for KeysError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged { path, cause } => Self::File { path, cause },
            other => Self::Open(other),
        }
    }
}

/// The keys. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    /// For whoever reads: that waits for nobody who writes, and nobody waits for it.
    reader: Mutex<Connection>,
    gate: Gate,
    cache: Mutex<Cache>,
    waiting: Mutex<Vec<table::Wish>>,
}

/// Keys that seal nothing more as long as this is there.
#[must_use]
#[derive(Debug)]
pub struct Retired {
    keys: Keys,
    set: Arc<HashSet<KeyId>>,
}

impl Drop for Retired {
    fn drop(&mut self) {
        let others = |spent: &mut gate::Spent| spent.retired.retain(|set| !Arc::ptr_eq(set, &self.set));
        self.keys.inner.gate.change(others, || ());
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Keys")
    }
}

impl Keys {
    /// Opens the keys, and makes the file when it is not there, readable and writable for its owner only.
    ///
    /// # Errors
    /// [`KeysError::Open`].
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let connection = open_as(path, &table::SCHEMA)?;
        let closed = closing::closed(&connection)?;
        let keys = Self::of(connection, open_as(path, &table::SCHEMA)?);
        keys.inner.gate.change(|spent| spent.closed = closed, || ());
        Ok(keys)
    }

    /// Opens the keys for somebody who only reads records, also where the file can be read and not written. None where there are
    /// none, or they cannot be read: records are closed then.
    ///
    /// # Errors
    /// [`KeysError::Open`].
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, KeysError> {
        match Self::open_existing(path) {
            Err(KeysError::Open(OpenError::Unwritable { .. })) => {
                let open = || open_unwritable(path, &table::SCHEMA);
                Ok(open()?.zip(open()?).map(|(connection, reader)| Self::of(connection, reader)))
            }
            found => found,
        }
    }

    fn of(connection: Connection, reader: Connection) -> Self {
        let (connection, reader) = (Mutex::new(connection), Mutex::new(reader));
        let (gate, cache, waiting) = Default::default();
        Self { inner: Arc::new(Inner { connection, reader, gate, cache, waiting }) }
    }

    /// Opens the keys where there are any: a log that was never sealed has none.
    ///
    /// # Errors
    /// [`KeysError::Open`].
    pub fn open_existing(path: &Path) -> Result<Option<Self>, KeysError> {
        path.exists().then(|| Self::open(path)).transpose()
    }

    /// The number of the gate: to be asked for before a key is looked up that seals something, see [`Keys::hold`].
    #[must_use]
    pub fn gate(&self) -> u64 {
        self.inner.gate.number()
    }

    /// Holds the gate while something that was sealed goes to the log. None when keys were retired or closed since `gate`:
    /// then it has to be sealed anew. Not to be held for longer than that, nor across anything that waits.
    #[must_use]
    pub fn hold(&self, gate: u64) -> Option<Held<'_>> {
        self.inner.gate.hold(gate)
    }

    /// Nothing more is sealed with these keys until the answer is dropped: when it returns, all that was is on its way to the
    /// log, and sessions that go on have fresh ones. To be called before it is put on record that they are destroyed. Blocks.
    pub fn retire(&self, keys: &[KeyId]) -> Retired {
        let set: Arc<HashSet<KeyId>> = Arc::new(keys.iter().copied().collect());
        // So that none of them is being looked up.
        let _connection = self.connection();
        let forget = || lock(&self.inner.cache).forget(&set);
        self.inner.gate.change(|spent| spent.retired.push(set.clone()), forget);
        Retired { keys: self.clone(), set }
    }

    /// A key that was used lately. Does not block.
    #[must_use]
    pub fn at_hand(&self, owner: &Owner) -> Option<NamedKey> {
        lock(&self.inner.cache).key_of(owner)
    }

    /// The key of an owner; made, and durable, when there is none. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, made or kept.
    pub fn key_of(&self, owner: &Owner, now_ms: u64) -> Result<NamedKey, KeysError> {
        if let Some(key) = self.at_hand(owner) {
            return Ok(key);
        }
        let wish = table::Wish::new(owner.clone(), now_ms);
        lock(&self.inner.waiting).push(wish.clone());
        // Whoever gets the connection serves all who wait, with one sync: many sessions may begin at once.
        let mut connection = self.connection();
        if let Some(served) = wish.take() {
            return served;
        }
        let wishes = std::mem::take(&mut *lock(&self.inner.waiting));
        let made = table::serve(&mut connection, &wishes, &self.inner.gate.spent());
        let answers = match made {
            Ok(keys) => {
                // Still with the connection, so that no erasure comes between.
                let mut cache = lock(&self.inner.cache);
                wishes.iter().zip(&keys).for_each(|(wish, key)| cache.remember(&wish.owner, key));
                keys.into_iter().map(Ok).collect()
            }
            Err(error) => {
                let error = Arc::new(error);
                wishes.iter().map(|_| Err(KeysError::Together(error.clone()))).collect::<Vec<_>>()
            }
        };
        wishes.iter().zip(answers).for_each(|(wish, answer)| wish.give(answer));
        drop(connection);
        wish.take().unwrap_or(Err(KeysError::Damaged("a key that was made is not there")))
    }

    /// What is known of a key, for whoever reads. Blocks when it was not asked for lately.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find(&self, id: &KeyId) -> Result<Found, KeysError> {
        if let Some(found) = lock(&self.inner.cache).found(id) {
            return Ok(found);
        }
        let gate = self.gate();
        let found = table::find(&self.reader(), id)?;
        // One that was destroyed meanwhile is not remembered.
        if let Some(_held) = self.hold(gate) {
            lock(&self.inner.cache).note(*id, &found);
        }
        Ok(found)
    }

    /// The keys that an erasure would destroy, oldest first. Blocks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn select(&self, scope: &Scope) -> Result<Vec<Owned>, KeysError> {
        table::select(&self.reader(), scope)
    }

    /// Those of these keys that are there. Blocks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn owned(&self, keys: &[KeyId]) -> Result<Vec<Owned>, KeysError> {
        table::owned(&self.reader(), keys)
    }

    /// Destroys keys: durably, with the names of their owners, and without traces in the journal. Unknown ones are left out.
    /// Doing it again finishes what a crash left over. In steps, between which others get keys. Blocks.
    ///
    /// # Errors
    /// When it cannot be written. [`KeysError::Traces`] when all is done but clearing the journal.
    pub fn erase(&self, keys: &[KeyId], erased_ms: u64) -> Result<(), KeysError> {
        let retired = self.retire(keys);
        let step = |part: &[KeyId]| {
            erase::erase(&mut self.connection(), part, erased_ms)?;
            if keys.len() > erase::EACH {
                Self::pause();
            }
            Ok::<(), KeysError>(())
        };
        let done = keys.chunks(erase::EACH).try_for_each(step);
        // Somebody may have read them meanwhile, also when only some of them are destroyed.
        self.inner.gate.change(|_| (), || lock(&self.inner.cache).forget(&retired.set));
        done?;
        self.clear_traces()
    }

    /// Clears the journal, in which the traces of what was destroyed stand after a crash.
    ///
    /// # Errors
    /// [`KeysError::Traces`] when another process is in the way.
    pub fn clear_traces(&self) -> Result<(), KeysError> {
        erase::clear_traces(&self.connection())
    }

    /// Between two steps: whoever waits for the connection gets it.
    fn pause() {
        std::thread::sleep(STEP_PAUSE);
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.inner.connection)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(&self.inner.reader)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
