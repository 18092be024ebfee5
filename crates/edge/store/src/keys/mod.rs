//! The keys of sealed records: `keys.db` in the data directory, one key for each session.
//!
//! A file of its own, so that a backup of the log or of `state.db` does not bring back what was erased. One connection behind
//! a mutex, and a bounded memory of the keys that are in use.
//!
//! INVARIANT: a key is durable before anybody gets it to seal with. Whatever is in the log can be opened after a crash, until
//! somebody erases it on purpose.
//! INVARIANT: when [`Keys::erase`] returns, neither the key nor a name of its owner is in the file or in its journal.

mod cache;
mod erase;
mod table;
#[cfg(test)]
mod tests;

pub use table::Scope;

use crate::sqlite::{OpenError, open_as};
use cache::Cache;
use holdshort_ledger::{KeyId, OwnerKey};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the database in the data directory.
pub const KEYS_FILE: &str = "keys.db";

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
    cache: Mutex<Cache>,
    waiting: Mutex<Vec<table::Wish>>,
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
        let connection = Mutex::new(open_as(path, &table::SCHEMA)?);
        let inner = Inner { connection, cache: Mutex::default(), waiting: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the keys where there are any: a log that was never sealed has none.
    ///
    /// # Errors
    /// [`KeysError::Open`].
    pub fn open_existing(path: &Path) -> Result<Option<Self>, KeysError> {
        path.exists().then(|| Self::open(path)).transpose()
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
        let made = table::serve(&mut connection, &wishes);
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
        let connection = self.connection();
        let found = table::find(&connection, id)?;
        lock(&self.inner.cache).note(*id, &found);
        Ok(found)
    }

    /// The keys that an erasure would destroy, oldest first. Blocks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn select(&self, scope: &Scope) -> Result<Vec<Owned>, KeysError> {
        table::select(&self.connection(), scope)
    }

    /// Those of these keys that are there. Blocks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn owned(&self, keys: &[KeyId]) -> Result<Vec<Owned>, KeysError> {
        table::owned(&self.connection(), keys)
    }

    /// Destroys keys: durably, with the names of their owners, and without traces in the journal. Unknown ones are left out.
    /// Doing it again finishes what a crash left over. Blocks.
    ///
    /// # Errors
    /// When it cannot be written. [`KeysError::Traces`] when all is done but clearing the journal.
    pub fn erase(&self, keys: &[KeyId], erased_ms: u64) -> Result<(), KeysError> {
        let mut connection = self.connection();
        // First the memory: what is sealed from here on waits for the connection, and gets a new key.
        lock(&self.inner.cache).forget(keys);
        erase::erase(&mut connection, keys, erased_ms)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.inner.connection)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
