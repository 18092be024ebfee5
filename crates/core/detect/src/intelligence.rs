//! Threat intelligence: hosts, addresses, URLs and hashes that feeds name.

use crate::Text;
use holdshort_model::{Digest, Indicator};

/// What all feeds name.
pub struct Intelligence {
    digest: Digest,
}

impl Intelligence {
    /// Digest of the feeds.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Adds what `text` names to `out`.
    pub fn find(&self, text: &Text<'_>, out: &mut Vec<Indicator>) {
        let _ = (text, out);
    }
}
