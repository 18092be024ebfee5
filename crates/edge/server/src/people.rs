//! The people who answer: registered, given tokens, removed. Recorded, then kept, then in force.

use crate::change::ChangeError;
use crate::service::Service;
use holdshort_api::{IssuedPersonToken, NewPerson, NewToken, PersonSummary, TokenSummary};
use holdshort_inventory::{People, PersonEntry, PersonStore, Role, StoreError, Token, TokenEntry, TokenRefusal};
use holdshort_model::Digest;
use serde_json::json;
use std::sync::{Arc, PoisonError, RwLock};

/// Longest label of a token, in characters.
const LABEL_CHARS_MAX: usize = 128;

/// The registered people as they are now.
pub(crate) struct Registry {
    people: RwLock<Arc<People>>,
    store: Arc<dyn PersonStore + Send + Sync>,
}

impl Registry {
    /// Takes up what was kept.
    ///
    /// # Errors
    /// When the store cannot be read, or its entries do not go together.
    pub(crate) fn load(store: Arc<dyn PersonStore + Send + Sync>) -> Result<Self, StoreError> {
        let people = read(&*store)?;
        Ok(Self { people: RwLock::new(Arc::new(people)), store })
    }

    fn now(&self) -> Arc<People> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, people: People) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(people);
    }
}

fn read(store: &(dyn PersonStore + Send + Sync)) -> Result<People, StoreError> {
    People::new(store.people()?).map_err(|error| StoreError::Damaged(error.to_string()))
}

impl Service {
    /// The person whose token this is, and what they may do.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn authenticate_person(&self, token: &str) -> Result<PersonEntry, TokenRefusal> {
        self.people.now().by_token(token, self.now_ms()).cloned()
    }

    /// Registered people, by name.
    pub fn people(&self) -> Vec<PersonSummary> {
        self.people.now().iter().map(summary).collect()
    }

    /// Registers a person.
    ///
    /// # Errors
    /// When the name or a role is not one, the name is taken, or the change cannot be recorded or kept.
    pub async fn add_person(&self, new: NewPerson) -> Result<PersonSummary, ChangeError> {
        let NewPerson { name, roles } = new;
        let mut roles = roles.iter().map(|role| self::role(role)).collect::<Result<Vec<Role>, _>>()?;
        roles.sort_unstable();
        roles.dedup();
        let entry = PersonEntry { name, roles, created_ms: self.now_ms(), tokens: Vec::new() };
        People::new([entry.clone()]).map_err(|error| ChangeError::Invalid(error.to_string()))?;
        let _changing = self.changing.lock().await;
        if self.people.now().by_name(&entry.name).is_some() {
            return Err(ChangeError::Conflict(format!("there is already a person `{}`", entry.name)));
        }
        self.record("person-added", json!({ "person": entry.name, "roles": entry.roles })).await?;
        let added = summary(&entry);
        self.change_people(move |store| store.add_person(&entry)).await?;
        Ok(added)
    }

    /// Removes a person with their tokens. What they approved stays approved.
    ///
    /// # Errors
    /// When nobody registered them, or the change cannot be recorded or kept.
    pub async fn remove_person(&self, name: String) -> Result<(), ChangeError> {
        let _changing = self.changing.lock().await;
        self.person(&name)?;
        self.record("person-removed", json!({ "person": name })).await?;
        self.change_people(move |store| store.remove_person(&name)).await
    }

    /// Makes a token for a person. The answer is the only place where it stands in clear text.
    ///
    /// # Errors
    /// When nobody registered the person, or the change cannot be recorded or kept.
    pub async fn issue_person_token(&self, name: String, new: NewToken) -> Result<IssuedPersonToken, ChangeError> {
        let NewToken { label, expires_ms } = new;
        if label.chars().count() > LABEL_CHARS_MAX {
            return Err(ChangeError::Invalid(format!("`label` is longer than {LABEL_CHARS_MAX} characters")));
        }
        if expires_ms.is_some_and(|end| end <= self.now_ms()) {
            return Err(ChangeError::Invalid("`expires_ms` is in the past".into()));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| ChangeError::State(format!("no random numbers: {error}")))?;
        let token = Token::from_random(random);
        let hash = token.hash();
        let entry = TokenEntry { hash, label, created_ms: self.now_ms(), expires_ms, revoked: false };
        let _changing = self.changing.lock().await;
        self.person(&name)?;
        let detail = json!({ "person": name, "token": hash, "label": entry.label, "expires_ms": expires_ms });
        self.record("person-token-issued", detail).await?;
        let owner = name.clone();
        self.change_people(move |store| store.add_person_token(&owner, &entry)).await?;
        Ok(IssuedPersonToken { hash, person: name, token: token.text().into() })
    }

    /// Revokes a token of a person; from the next request on it is refused.
    ///
    /// # Errors
    /// When the person has no such token, or the change cannot be recorded or kept.
    pub async fn revoke_person_token(&self, name: String, hash: Digest) -> Result<(), ChangeError> {
        let _changing = self.changing.lock().await;
        if !self.person(&name)?.tokens.iter().any(|token| token.hash == hash) {
            return Err(ChangeError::Missing(format!("`{name}` has no such token")));
        }
        self.record("person-token-revoked", json!({ "person": name, "token": hash })).await?;
        self.change_people(move |store| store.revoke_person_token(&name, &hash)).await
    }

    fn person(&self, name: &str) -> Result<PersonEntry, ChangeError> {
        let missing = || ChangeError::Missing(format!("nobody registered a person `{name}`"));
        self.people.now().by_name(name).cloned().ok_or_else(missing)
    }

    // INVARIANT: the caller holds `changing` and recorded the change. If we crash in here, then the record tells of a
    // change that was not made; the state that is loaded at the next start is what counts.
    async fn change_people<F>(&self, work: F) -> Result<(), ChangeError>
    where
        F: FnOnce(&(dyn PersonStore + Send + Sync)) -> Result<(), StoreError> + Send + 'static,
    {
        let store = self.people.store.clone();
        let changed = tokio::task::spawn_blocking(move || {
            work(&*store)?;
            read(&*store)
        });
        let failure = match changed.await {
            Ok(Ok(people)) => {
                self.people.put(people);
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.record("change-failed", failure.clone().into()).await?;
        Err(ChangeError::State(failure))
    }
}

fn role(name: &str) -> Result<Role, ChangeError> {
    match name {
        "approve" => Ok(Role::Approve),
        "read" => Ok(Role::Read),
        "release" => Ok(Role::Release),
        "audit" => Ok(Role::Audit),
        other => {
            let other: String = other.chars().take(80).collect();
            Err(ChangeError::Invalid(format!("`{other}` is not a role: use `approve`, `read`, `release` or `audit`")))
        }
    }
}

fn summary(entry: &PersonEntry) -> PersonSummary {
    let token = |token: &TokenEntry| TokenSummary {
        hash: token.hash,
        label: token.label.clone(),
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        revoked: token.revoked,
    };
    let role = |role: &Role| match role {
        Role::Approve => "approve".to_owned(),
        Role::Read => "read".to_owned(),
        Role::Release => "release".to_owned(),
        Role::Audit => "audit".to_owned(),
    };
    PersonSummary {
        name: entry.name.clone(),
        roles: entry.roles.iter().map(role).collect(),
        created_ms: entry.created_ms,
        tokens: entry.tokens.iter().map(token).collect(),
    }
}
