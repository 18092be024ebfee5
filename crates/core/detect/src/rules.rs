//! Threat rules that others publish.

use crate::{Field, Text};
use holdshort_model::{Digest, RuleMatch};

/// A set of threat rules.
pub struct Rules {
    digest: Digest,
}

impl Rules {
    /// Digest of the rules.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Adds the rules that match `text`, which stands in `field`, to `out`.
    pub fn find(&self, text: &Text<'_>, field: Field, out: &mut Vec<RuleMatch>) {
        let _ = (text, field, out);
    }
}
