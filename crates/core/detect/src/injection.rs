//! Text that reads like an instruction to a model.

use holdshort_model::Digest;

/// The text model.
#[derive(Clone)]
pub struct Model {
    digest: Digest,
}

impl Model {
    /// Digest of the weights.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How sure the model is that `folded` holds an instruction to a model, 0 to 100.
    pub fn percent(&self, folded: &str) -> u8 {
        let _ = folded;
        0
    }
}
