//! The border behind which a policy language stands. Rego today; Cedar is the next one.

use crate::{EvalError, Finding};
use holdshort_model::Facts;
use serde::Serialize;

/// A compiled set of policies in one language. Immutable; shared by threads.
///
/// INVARIANT: the answer depends on the facts and on what was loaded, on nothing else. Replay relies on it.
pub trait Engine: Send + Sync {
    /// The rules that fire.
    ///
    /// # Errors
    /// When any policy could not be evaluated to its end. There is no partial answer.
    fn evaluate(&self, facts: &Facts) -> Result<Vec<Finding>, EvalError>;

    /// The same, with an account of what was run and what was left out.
    ///
    /// # Errors
    /// As [`Engine::evaluate`].
    fn explain(&self, facts: &Facts) -> Result<Trace, EvalError>;
}

/// How a set of findings came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The rules that fired.
    pub findings: Vec<Finding>,
    /// Ids of the policies that were evaluated.
    pub evaluated: Vec<String>,
    /// Policies that were left out, since a guard of theirs cannot hold.
    pub excluded: Vec<Exclusion>,
}

/// A policy rule that was not evaluated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exclusion {
    /// Id of the policy.
    pub policy: String,
    /// Name of the rule.
    pub rule: String,
    /// The guard that does not hold, such as `action.kind is tool.call`.
    pub guard: String,
}
