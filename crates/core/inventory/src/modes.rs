//! Modes of policies that a person changed: promoted from observe to enforce, or back.

use crate::StoreError;
use holdshort_model::Mode;
use serde::{Deserialize, Serialize};

/// Longest name and longest reason that are kept, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

/// The mode that a person gave a policy. It is stronger than the policy's own metadata; the configuration is stronger still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyMode {
    /// Id of the policy, such as `holdshort.rules.mass_delete`.
    pub policy: String,
    /// Its mode.
    pub mode: Mode,
    /// Who.
    pub by: String,
    /// Why, in the person's words.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

impl PolicyMode {
    /// Whether it can be kept: every text is there, and none is too long.
    pub fn is_sound(&self) -> bool {
        [&self.policy, &self.by, &self.reason]
            .iter()
            .all(|text| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX)
    }
}

/// Keeps the modes that people changed. Every method is atomic and durable when it returns.
pub trait PolicyModeStore {
    /// All of them, by policy.
    ///
    /// # Errors
    /// When the store fails or is damaged. Nothing starts then: a promoted policy must not fall back unseen.
    fn policy_modes(&self) -> Result<Vec<PolicyMode>, StoreError>;

    /// Keeps a mode in the place of an earlier one.
    ///
    /// # Errors
    /// When the store fails; then the earlier one stays.
    fn put_policy_mode(&self, mode: &PolicyMode) -> Result<(), StoreError>;
}

/// What every store of modes has to do. `reopen` opens the same store again.
///
/// # Errors
/// The first thing that it does differently.
pub fn check_policy_mode_store<S: PolicyModeStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let said = |error: StoreError| error.to_string();
    let same =
        |what: &str, found: Vec<PolicyMode>, wanted: &[&PolicyMode]| match found.iter().eq(wanted.iter().copied()) {
            true => Ok(()),
            false => Err(format!("{what}: found {found:?}")),
        };
    let store = reopen();
    same("an empty store", store.policy_modes().map_err(said)?, &[])?;
    let first = PolicyMode {
        policy: "holdshort.rules.a".into(),
        mode: Mode::Enforce,
        by: "ann \"quoted\" 'and' more".into(),
        reason: "a week without a false alarm".into(),
        since_ms: u64::from(u32::MAX) * 1_000,
    };
    let other = PolicyMode { policy: "holdshort.rules.b".into(), mode: Mode::Observe, ..first.clone() };
    store.put_policy_mode(&other).map_err(said)?;
    store.put_policy_mode(&first).map_err(said)?;
    same("after putting", reopen().policy_modes().map_err(said)?, &[&first, &other])?;
    let back = PolicyMode { mode: Mode::Observe, by: "bob".into(), ..first };
    store.put_policy_mode(&back).map_err(said)?;
    same("after putting one again", reopen().policy_modes().map_err(said)?, &[&back, &other])
}
