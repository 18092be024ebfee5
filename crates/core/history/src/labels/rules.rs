//! What labels go by.

use holdshort_effects::{CatalogEntry, Classification, Outputs};

/// The scale, and what is declared of outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelRules {
    /// Levels and categories.
    pub classification: Classification,
    /// What comes back from tools.
    pub outputs: Outputs,
}

impl LabelRules {
    /// Compiles declarations that were checked before ([`Classification::check`], [`holdshort_effects::Catalog::new`]).
    /// `trusted_servers`: the servers whose outputs the configuration trusts.
    pub fn new(
        classification: Classification,
        catalog: &[CatalogEntry],
        trusted_servers: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { classification, outputs: Outputs::new(catalog, trusted_servers) }
    }
}
