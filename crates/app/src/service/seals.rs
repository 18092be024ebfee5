//! Sealing records on their way to the log, and destroying the keys.

use crate::clock;
use crate::place::DataDir;
use async_trait::async_trait;
use holdshort_api::NewErasure;
use holdshort_ledger::{KEY_ID_BYTES, KeyId, seal};
use holdshort_model::ErasureKind;
use holdshort_server::{Erasure, Intended, OwnedKey, Preparing, RecordOwner, RecorderError, RetiredKeys};
use holdshort_store::index::{IndexError, Writer};
use holdshort_store::keys::{Held, Intent, Keys, NamedKey, Owned, Owner, Scope};
use holdshort_store::records::Records;
use holdshort_store::sqlite::StateDb;
use std::sync::Arc;

/// How often a record is sealed anew because its key was retired meanwhile. Each time takes another erasure.
const ATTEMPTS_MAX: usize = 64;

/// What goes into the log.
pub(crate) struct Ready<'a> {
    pub(crate) record: Vec<u8>,
    /// To be held until the log has it in its queue: its key is not retired before.
    pub(crate) held: Option<Held<'a>>,
}

/// Seals records with the key of their session.
///
/// INVARIANT: what has an owner leaves here sealed or not at all. A key that cannot be read or made is no record, and so no
/// permit.
pub(crate) struct Seals {
    keys: Keys,
    /// False: what is recorded from now on stays as it is. What was sealed before can be read and erased all the same.
    seal: bool,
    state: Arc<StateDb>,
    data: DataDir,
}

impl Seals {
    pub(crate) fn new(keys: Keys, seal: bool, state: Arc<StateDb>, data: &DataDir) -> Self {
        Self { keys, seal, state, data: data.clone() }
    }

    /// What goes into the log. Blocks when the owner's key is not at hand: see [`Self::prepare`].
    pub(crate) fn seal(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<Ready<'_>, RecorderError> {
        let Some(owner) = owner.filter(|_| self.seal) else { return Ok(Ready { record, held: None }) };
        let owner = of(owner);
        for _ in 0..ATTEMPTS_MAX {
            // In this order: whatever is retired from here on is noticed below.
            let gate = self.keys.gate();
            let NamedKey { id, key } = self.keys.key_of(&owner, clock::now_ms()).map_err(down)?;
            let nonce = clock::random::<KEY_ID_BYTES>().map_err(down)?;
            let sealed = seal(&record, id, &key, &nonce).map_err(down)?;
            if let Some(held) = self.keys.hold(gate) {
                return Ok(Ready { record: sealed, held: Some(held) });
            }
        }
        Err(down("the key of the record was retired again and again"))
    }

    /// Makes sure that the owner's key is at hand; none when it is.
    pub(crate) fn prepare(&self, owner: &RecordOwner) -> Option<Preparing> {
        let owner = of(owner);
        if !self.seal || self.keys.at_hand(&owner).is_some() {
            return None;
        }
        let keys = self.keys.clone();
        let make = move || keys.key_of(&owner, clock::now_ms()).map(drop).map_err(down);
        Some(Box::pin(async move { tokio::task::spawn_blocking(make).await.map_err(down)? }))
    }
}

#[async_trait]
impl Erasure for Seals {
    async fn keys(&self, kind: ErasureKind, name: &str) -> Result<Vec<OwnedKey>, RecorderError> {
        let (keys, name) = (self.keys.clone(), name.to_owned());
        let scope = scope(kind, name);
        let found = tokio::task::spawn_blocking(move || keys.select(&scope)).await.map_err(down)?.map_err(down)?;
        Ok(found.into_iter().map(owned_key).collect())
    }

    async fn intend(&self, wanted: &NewErasure, by: &str) -> Result<i64, RecorderError> {
        let NewErasure { kind, name, reason } = wanted.clone();
        let (keys, intent) = (self.keys.clone(), Intent { scope: scope(kind, name), reason, by: by.to_owned() });
        tokio::task::spawn_blocking(move || keys.intend(&intent)).await.map_err(down)?.map_err(down)
    }

    async fn end_intent(&self, number: i64) -> Result<(), RecorderError> {
        let keys = self.keys.clone();
        tokio::task::spawn_blocking(move || keys.end_intent(number)).await.map_err(down)?.map_err(down)
    }

    async fn intended(&self) -> Result<Vec<Intended>, RecorderError> {
        let keys = self.keys.clone();
        let found = tokio::task::spawn_blocking(move || keys.intents()).await.map_err(down)?.map_err(down)?;
        let intended = |(number, Intent { scope, reason, by })| {
            let (kind, name) = match scope {
                Scope::User(name) => (ErasureKind::User, name),
                Scope::Agent(name) => (ErasureKind::Agent, name),
                Scope::Session(name) => (ErasureKind::Session, name),
            };
            Intended { number, wanted: NewErasure { kind, name, reason }, by }
        };
        Ok(found.into_iter().map(intended).collect())
    }

    async fn retire(&self, keys: &[OwnedKey]) -> Result<RetiredKeys, RecorderError> {
        let (all, ids) = (self.keys.clone(), ids(keys)?);
        let retired = tokio::task::spawn_blocking(move || all.retire(&ids)).await.map_err(down)?;
        Ok(Box::new(retired))
    }

    async fn destroy(&self, keys: &[OwnedKey], erased_ms: u64) -> Result<(), RecorderError> {
        let ids = ids(keys)?;
        let names: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
        let (all, state, data) = (self.keys.clone(), self.state.clone(), self.data.clone());
        let destroy = move || {
            // The copies first: they are found by the keys, which can be found as long as they are there. If we crash in
            // between, erasing again begins here.
            forget_index(&data, &all, &names)?;
            all.erase(&ids, erased_ms).map_err(down)?;
            state.clear_traces().map_err(down)
        };
        tokio::task::spawn_blocking(destroy).await.map_err(down)?
    }
}

/// The search index has words of records. Where somebody keeps it up to date, they read the record of the erasure and do it.
fn forget_index(data: &DataDir, keys: &Keys, names: &[String]) -> Result<(), RecorderError> {
    if !data.index().exists() {
        return Ok(());
    }
    let records = Records::open(&data.log()).map_err(down)?.with_keys(Some(keys.clone()));
    match Writer::open(&data.index(), &data.log(), &records, false) {
        Ok(mut writer) => writer.forget_keys(names).map_err(down),
        Err(IndexError::Busy) => Ok(()),
        Err(other) => Err(down(other)),
    }
}

fn ids(keys: &[OwnedKey]) -> Result<Vec<KeyId>, RecorderError> {
    keys.iter().map(|key| key.id.parse::<KeyId>()).collect::<Result<Vec<_>, _>>().map_err(down)
}

/// A key as the service knows it.
pub(crate) fn owned_key(owned: Owned) -> OwnedKey {
    OwnedKey { id: owned.id.to_string(), agent: owned.agent.map(Into::into), session: owned.session.into() }
}

/// Whose keys.
pub(crate) fn scope(kind: ErasureKind, name: String) -> Scope {
    match kind {
        ErasureKind::User => Scope::User(name),
        ErasureKind::Agent => Scope::Agent(name),
        ErasureKind::Session => Scope::Session(name),
    }
}

fn of(owner: &RecordOwner) -> Owner {
    match owner {
        RecordOwner::Subject { agent, user, session } => {
            Owner::Subject { agent: agent.to_string(), user: user.clone(), session: session.to_string() }
        }
        RecordOwner::Session { agent, session } => {
            Owner::Session { agent: agent.as_ref().map(ToString::to_string), session: session.to_string() }
        }
    }
}

fn down(error: impl std::fmt::Display) -> RecorderError {
    RecorderError::Down(error.to_string())
}
