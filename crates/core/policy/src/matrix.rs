//! The matrix: what each class of agent gets for a fixed list of actions. Committed, so that a change of policy is
//! reviewed by its effect.

use crate::rego::base;
use crate::{PolicySet, Rule};
use holdshort_model::{Containment, Effect, Facts};
use serde::Deserialize;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// Most probes of one matrix.
const PROBES_MAX: usize = 1_000;

/// An action whose decision the matrix shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// What a reader sees, such as `delete 400 mails`.
    pub name: String,
    /// The facts, for an agent of any class.
    pub facts: Facts,
}

/// A list of probes that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// It is no list of probes.
    #[error("the probes are no list of `{{\"name\", \"input\"}}`: {0}")]
    Form(#[from] serde_json::Error),
    /// A probe's input is wrong.
    #[error("probe `{name}`: {fault}")]
    Input {
        /// Name of the probe.
        name: String,
        /// What is wrong.
        fault: String,
    },
    /// There are too many.
    #[error("{0} probes; at most {PROBES_MAX} are shown")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeText {
    name: String,
    input: Json,
}

/// Reads `policies/matrix.json`: a list of `{"name", "input"}`, where the input is a fragment as in examples.
///
/// # Errors
/// When the text is no such list, or when an input has a field that does not exist.
pub fn probes(text: &str) -> Result<Vec<Probe>, MatrixError> {
    let texts: Vec<ProbeText> = serde_json::from_str(text)?;
    if texts.len() > PROBES_MAX {
        return Err(MatrixError::TooMany(texts.len()));
    }
    let probe = |text: ProbeText| {
        let wrong = |fault: String| MatrixError::Input { name: text.name.clone(), fault };
        let facts = crate::rego::facts_over(base(), text.input.clone()).map_err(wrong)?;
        Ok(Probe { name: text.name.clone(), facts })
    };
    texts.into_iter().map(probe).collect()
}

/// What policies alone come to, in enforce mode, and what they take away. A policy that fails is a refusal.
pub fn strictest(set: &PolicySet, facts: &Facts) -> (Effect, Containment) {
    let Ok(found) = set.evaluate(facts) else { return (Effect::Deny, Containment::None) };
    let rules = || found.iter().map(|finding| finding.rule);
    let effect = rules().map(Rule::effect).max().unwrap_or(Effect::Allow);
    (effect, rules().map(Rule::containment).max().unwrap_or_default())
}

/// A table in Markdown: a row for each probe, a column for each class. The same input gives the same text.
pub fn matrix(classes: &[&str], probes: &[Probe], decide: impl Fn(&Facts) -> (Effect, Containment)) -> String {
    let mut text = format!("| action | {} |\n|---|{}\n", classes.join(" | "), "---|".repeat(classes.len()));
    for probe in probes {
        let cells = classes.iter().map(|class| {
            let mut facts = probe.facts.clone();
            facts.subject.agent.class = (*class).to_owned();
            match decide(&facts) {
                (_, Containment::Terminate) => "**terminate**",
                (_, Containment::Isolate) => "**isolate**",
                (_, Containment::Narrow) => "**deny, narrow**",
                (Effect::Deny, Containment::None) => "**deny**",
                (Effect::Ask, Containment::None) => "ask",
                (Effect::Allow, Containment::None) => "allow",
            }
        });
        let cells: Vec<&str> = cells.collect();
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "| {} | {} |", probe.name.replace('|', "\\|"), cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_probes_and_columns_are_classes() {
        let text = json!([{"name": "read a file", "input": {"action": {"name": "read_file"}}}]).to_string();
        let probes = probes(&text).unwrap();
        let table =
            matrix(&["coding", "support", "unknown"], &probes, |facts| match facts.subject.agent.class.as_str() {
                "coding" => (Effect::Allow, Containment::None),
                "support" => (Effect::Deny, Containment::Isolate),
                _ => (Effect::Deny, Containment::None),
            });
        let rows = "| read a file | allow | **isolate** | **deny** |\n";
        assert_eq!(table, format!("| action | coding | support | unknown |\n|---|---|---|---|\n{rows}"));
    }

    #[test]
    fn a_field_that_does_not_exist_is_refused() {
        let text = json!([{"name": "x", "input": {"action": {"nmae": "read_file"}}}]).to_string();
        let error = probes(&text).unwrap_err().to_string();
        assert_eq!(error, "probe `x`: `input.action` has no field `nmae`; did you mean `name`?");
    }
}
