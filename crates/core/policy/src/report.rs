//! What a person asks of a bundle: are the examples right, and what is wrong with it.

use crate::bundle::{Bundle, LoadOptions};
use crate::diagnostic::Diagnostic;
use crate::rego;
use serde::Serialize;

/// The examples of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// Id of the policy.
    pub policy: String,
    /// Title of the policy.
    pub title: String,
    /// Path of its file.
    pub file: String,
    /// Its examples, in the order of the file.
    pub examples: Vec<ExampleReport>,
}

impl PolicyReport {
    /// Whether every example came out as it says.
    pub fn passed(&self) -> bool {
        self.examples.iter().all(|example| example.fault.is_none())
    }
}

/// What came of one example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExampleReport {
    /// Name of the example.
    pub name: String,
    /// Line on which it stands, from 1.
    pub line: u32,
    /// What the rules said that fired, each as `deny: message`.
    pub fired: Vec<String>,
    /// Why the example failed; absent when it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Runs the examples of a bundle and reports each, those that pass as well.
///
/// # Errors
/// The diagnostics of a bundle that cannot be run at all.
pub fn test(bundle: &Bundle) -> Result<Vec<PolicyReport>, Vec<Diagnostic>> {
    let loaded = rego::read(bundle, &LoadOptions::default())?;
    let mut reports = Vec::new();
    for (index, policy) in loaded.policies.iter().enumerate().filter(|(_, policy)| !policy.units.is_empty()) {
        let outcomes = rego::run_examples(&loaded, index).map_err(|fault| vec![fault])?;
        let examples = outcomes.iter().map(|outcome| ExampleReport {
            name: outcome.name.clone(),
            line: outcome.place.0,
            fired: outcome.fired.iter().flatten().map(|(rule, message)| format!("{rule}: {message}")).collect(),
            fault: outcome.fault(&policy.file.path).map(|fault| fault.message),
        });
        reports.push(PolicyReport {
            policy: policy.info.id.to_string(),
            title: policy.info.title.clone(),
            file: policy.file.path.clone(),
            examples: examples.collect(),
        });
    }
    Ok(reports)
}

/// Everything that keeps a bundle from being loaded; of one that would load, what is of no use in it.
pub fn lint(bundle: &Bundle) -> Vec<Diagnostic> {
    let options = LoadOptions::default();
    let loaded = match crate::PolicySet::load(bundle, &options).and_then(|_| rego::read(bundle, &options)) {
        Ok(loaded) => loaded,
        Err(faults) => return faults,
    };
    let unread = loaded.sequences.iter().filter(|(name, _)| !loaded.sequences_read.contains(*name));
    let unread = unread.map(|(name, declared)| {
        let message = format!("no policy reads the sequence `{name}`, and every session keeps it");
        Diagnostic::at(&declared.file, declared.place, "unread-sequence", message).hint("use it, or remove it")
    });
    unread.chain(rego::negated(bundle)).collect()
}
