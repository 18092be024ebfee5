//! A loaded, immutable set of policies.

use crate::engine::{Engine, Trace};
use crate::rego::{self, RegoEngine};
use crate::{Bundle, Diagnostic, EvalError, Finding, LoadOptions, PolicyInfo};
use holdshort_model::{Digest, Facts, SequenceSpec};

/// Policies that passed every check and are compiled. Swapped whole when a bundle changes.
///
/// ```
/// use holdshort_policy::{Bundle, LoadOptions, PolicySet};
///
/// let set = PolicySet::load(&Bundle::default(), &LoadOptions::default()).unwrap();
/// assert!(set.policies().is_empty());
/// ```
pub struct PolicySet {
    engine: Box<dyn Engine>,
    policies: Vec<PolicyInfo>,
    sequences: Vec<SequenceSpec>,
    digest: Digest,
}

impl PolicySet {
    /// Checks and compiles a bundle, and runs the examples of its policies.
    ///
    /// # Errors
    /// Every fault that was found, in the order of files and lines. Nothing of a faulty bundle is loaded.
    pub fn load(bundle: &Bundle, options: &LoadOptions) -> Result<Self, Vec<Diagnostic>> {
        let loaded = rego::load(bundle, options)?;
        let policies = loaded.infos();
        let digest = digest(bundle, &policies);
        let engine = RegoEngine::build(&loaded, options.replicas).map_err(|fault| vec![fault])?;
        let sequences = loaded.sequences.into_values().map(|declared| declared.spec).collect();
        Ok(Self { engine: Box::new(engine), policies, sequences, digest })
    }

    /// The rules that fire for these facts: by policy, then by strictness, then by message.
    ///
    /// # Errors
    /// When any policy could not be evaluated to its end; the caller has to refuse the action.
    pub fn evaluate(&self, facts: &Facts) -> Result<Vec<Finding>, EvalError> {
        self.engine.evaluate(facts)
    }

    /// As [`Self::evaluate`], with an account of what was evaluated and what a guard left out.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn explain(&self, facts: &Facts) -> Result<Trace, EvalError> {
        self.engine.explain(facts)
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

fn digest(bundle: &Bundle, policies: &[PolicyInfo]) -> Digest {
    let mut files: Vec<_> = bundle.files.iter().collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    // The engine's objects are ordered by key, whatever order the JSON text had.
    let data = crate::input::from_json(&bundle.data).to_json_str().unwrap_or_default();
    let modes: Vec<String> = policies.iter().map(|policy| format!("{} {:?}", policy.id, policy.mode)).collect();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(files.len() * 2 + modes.len() + 1);
    for file in files {
        parts.push(file.path.as_bytes());
        parts.push(file.text.as_bytes());
    }
    parts.push(data.as_bytes());
    parts.extend(modes.iter().map(|mode| mode.as_bytes()));
    Digest::of_parts(parts)
}
