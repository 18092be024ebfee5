//! What is known of a loaded policy without running it.

use crate::Rule;
use holdshort_model::Mode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How serious a policy's author says a match is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in a report.
    Low,
    /// Worth a look.
    #[default]
    Medium,
    /// Worth an alert.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The text form, as in `custom.severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A policy, as its metadata and its rules describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyInfo {
    /// Package of the policy, such as `holdshort.rules.mass_delete`.
    pub id: Arc<str>,
    /// `title` of the metadata.
    pub title: String,
    /// `description` of the metadata; may be empty.
    pub description: String,
    /// `custom.severity` of the metadata.
    pub severity: Severity,
    /// The mode in force: from the options, else from `custom.mode`, else the default.
    pub mode: Mode,
    /// `custom.frameworks` of the metadata, such as `OWASP-ASI02`.
    pub frameworks: Vec<String>,
    /// Path of its file.
    pub file: String,
    /// The rules that it contributes to.
    pub rules: Vec<Rule>,
    /// What must hold before any of its rules can fire, in words; `always` when it is evaluated for every action.
    pub guard: String,
    /// How many examples it carries.
    pub examples: usize,
}
