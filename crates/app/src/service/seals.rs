//! Sealing records on their way to the log, and destroying the keys.

use crate::clock;
use crate::place::DataDir;
use async_trait::async_trait;
use holdshort_ledger::{KEY_ID_BYTES, KeyId, seal};
use holdshort_model::ErasureKind;
use holdshort_server::{Erasure, OwnedKey, Preparing, RecordOwner, RecorderError};
use holdshort_store::index::{IndexError, Writer};
use holdshort_store::keys::{Keys, NamedKey, Owner, Scope};
use holdshort_store::records::Records;
use holdshort_store::sqlite::StateDb;
use std::sync::Arc;

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
    pub(crate) fn seal(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<Vec<u8>, RecorderError> {
        let Some(owner) = owner.filter(|_| self.seal) else { return Ok(record) };
        let NamedKey { id, key } = self.keys.key_of(&of(owner), clock::now_ms()).map_err(down)?;
        let nonce = clock::random::<KEY_ID_BYTES>().map_err(down)?;
        seal(&record, id, &key, &nonce).map_err(down)
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
        let scope = match kind {
            ErasureKind::User => Scope::User(name),
            ErasureKind::Agent => Scope::Agent(name),
            ErasureKind::Session => Scope::Session(name),
        };
        let found = tokio::task::spawn_blocking(move || keys.select(&scope)).await.map_err(down)?.map_err(down)?;
        Ok(found
            .into_iter()
            .map(|owned| OwnedKey { id: owned.id.to_string(), session: owned.session.into() })
            .collect())
    }

    async fn destroy(&self, keys: &[OwnedKey], erased_ms: u64) -> Result<(), RecorderError> {
        let ids = keys.iter().map(|key| key.id.parse::<KeyId>()).collect::<Result<Vec<_>, _>>().map_err(down)?;
        let mut sessions: Vec<String> = keys.iter().map(|key| key.session.to_string()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let names: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
        let (all, state, data) = (self.keys.clone(), self.state.clone(), self.data.clone());
        let destroy = move || {
            // The copies first: their names are found by the keys, which can be found as long as they are there. If we crash
            // in between, erasing again begins here.
            state.forget_approvals(&sessions).map_err(down)?;
            forget_index(&data, &all, &names)?;
            all.erase(&ids, erased_ms).map_err(down)
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
