//! A loaded, immutable set of policies.

use crate::engine::{Engine, Trace};
use crate::rego::{self, RegoEngine};
use crate::{Bundle, Diagnostic, EvalError, Finding, LoadOptions, PolicyInfo};
use holdshort_model::{Digest, Facts, Mode, SequenceSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Policies that passed every check and are compiled. Swapped whole when a bundle changes.
///
/// ```
/// use holdshort_policy::{Bundle, LoadOptions, PolicySet};
///
/// let set = PolicySet::load(&Bundle::default(), &LoadOptions::default()).unwrap();
/// assert!(set.policies().is_empty());
/// ```
#[derive(Clone)]
pub struct PolicySet {
    engine: Arc<dyn Engine>,
    /// As they were loaded.
    loaded: Arc<[PolicyInfo]>,
    /// With the modes in force.
    policies: Arc<[PolicyInfo]>,
    /// Modes that differ from what was loaded, by id.
    changed: BTreeMap<Arc<str>, Mode>,
    sequences: Arc<[SequenceSpec]>,
    bundle: Arc<Bundle>,
    /// Over sources and data.
    content: Digest,
    digest: Digest,
}

impl PolicySet {
    /// Checks and compiles a bundle, and runs the examples of its policies.
    ///
    /// # Errors
    /// Every fault that was found, in the order of files and lines. Nothing of a faulty bundle is loaded.
    pub fn load(bundle: &Bundle, options: &LoadOptions) -> Result<Self, Vec<Diagnostic>> {
        let loaded = rego::load(bundle, options)?;
        let policies: Arc<[PolicyInfo]> = loaded.infos().into();
        let content = content(bundle);
        let digest = digest(content, &policies);
        let engine = RegoEngine::build(&loaded, options.replicas).map_err(|fault| vec![fault])?;
        let sequences = loaded.sequences.into_values().map(|declared| declared.spec).collect();
        let (engine, changed) = (Arc::new(engine), BTreeMap::new());
        let bundle = Arc::new(bundle.clone());
        Ok(Self { engine, loaded: policies.clone(), policies, changed, sequences, bundle, content, digest })
    }

    /// The same policies with other modes, by id or last part of the id; what is not named has the mode that it was
    /// loaded with, whatever this set says. Nothing is compiled. A name that no policy has says nothing here: ask
    /// [`Self::policy`] before a person's word is kept.
    #[must_use]
    pub fn with_modes(&self, modes: &BTreeMap<String, Mode>) -> Self {
        let mut policies = self.loaded.to_vec();
        let mut changed = BTreeMap::new();
        for policy in &mut policies {
            let said = modes.get(&*policy.id).or_else(|| modes.get(rego::short(&policy.id)));
            if let Some(mode) = said.filter(|mode| **mode != policy.mode) {
                policy.mode = *mode;
                changed.insert(policy.id.clone(), *mode);
            }
        }
        let digest = digest(self.content, &policies);
        Self { policies: policies.into(), changed, digest, ..self.clone() }
    }

    /// A policy by its id (`holdshort.rules.mass_delete`) or last part (`mass_delete`).
    pub fn policy(&self, name: &str) -> Option<&PolicyInfo> {
        self.policies.iter().find(|policy| &*policy.id == name || rego::short(&policy.id) == name)
    }

    /// The rules that fire for these facts: by policy, then by strictness, then by message.
    ///
    /// # Errors
    /// When any policy could not be evaluated to its end; the caller has to refuse the action.
    pub fn evaluate(&self, facts: &Facts) -> Result<Vec<Finding>, EvalError> {
        let mut findings = self.engine.evaluate(facts)?;
        self.set_modes(&mut findings);
        Ok(findings)
    }

    /// As [`Self::evaluate`], with an account of what was evaluated and what a guard left out.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn explain(&self, facts: &Facts) -> Result<Trace, EvalError> {
        let mut trace = self.engine.explain(facts)?;
        self.set_modes(&mut trace.findings);
        Ok(trace)
    }

    fn set_modes(&self, findings: &mut [Finding]) {
        if self.changed.is_empty() {
            return;
        }
        for finding in findings {
            if let Some(mode) = self.changed.get(&finding.policy) {
                finding.mode = *mode;
            }
        }
    }

    /// What it was loaded from.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Digest over sources, data and modes: the same digest means the same answers.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The policies, ordered by id.
    pub fn policies(&self) -> &[PolicyInfo] {
        &self.policies
    }

    /// What the policies want to know of a session's past, ordered by name.
    pub fn sequences(&self) -> &[SequenceSpec] {
        &self.sequences
    }
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicySet").field("digest", &self.digest).field("policies", &self.policies.len()).finish()
    }
}

fn content(bundle: &Bundle) -> Digest {
    let mut files: Vec<_> = bundle.files.iter().collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    // The engine's objects are ordered by key, whatever order the JSON text had.
    let data = crate::input::from_json(&bundle.data).to_json_str().unwrap_or_default();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(files.len() * 2 + 1);
    for file in files {
        parts.push(file.path.as_bytes());
        parts.push(file.text.as_bytes());
    }
    parts.push(data.as_bytes());
    Digest::of_parts(parts)
}

fn digest(content: Digest, policies: &[PolicyInfo]) -> Digest {
    let modes: Vec<String> = policies.iter().map(|policy| format!("{} {:?}", policy.id, policy.mode)).collect();
    let content = content.to_string();
    Digest::of_parts(std::iter::once(content.as_bytes()).chain(modes.iter().map(|mode| mode.as_bytes())))
}
