//! What labels go by.

use holdshort_effects::{CatalogEntry, Classification, LabelRule, Meaning, Outputs};
use std::collections::BTreeSet;

/// The scale, and what is declared of outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelRules {
    /// Levels and categories.
    pub classification: Classification,
    /// What comes back from tools.
    pub outputs: Outputs,
    declared: BTreeSet<String>,
}

impl LabelRules {
    /// Compiles declarations that were checked before ([`Classification::check`], [`holdshort_effects::Catalog::new`]).
    /// `trusted_servers`: the servers whose outputs the configuration trusts.
    pub fn new(
        classification: Classification,
        catalog: &[CatalogEntry],
        resources: &[LabelRule],
        trusted_servers: impl IntoIterator<Item = String>,
    ) -> Self {
        let outputs = catalog.iter().flat_map(|entry| &entry.output).flat_map(|rule| &rule.labels);
        let labels = outputs.chain(resources.iter().flat_map(|rule| &rule.labels));
        let declared = labels.filter(|label| classification.meaning(label) != Meaning::Plain).cloned().collect();
        Self { classification, outputs: Outputs::new(catalog, trusted_servers), declared }
    }

    /// Every level and category that some declaration can give to what a session reads. Where nothing is declared,
    /// nothing is classified.
    pub fn declared(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(String::as_str)
    }
}
