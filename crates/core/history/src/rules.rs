//! What the fold goes by: compiled from configuration and policies, immutable, part of the snapshot.

use crate::{LabelRules, Sequences};

/// Everything that [`crate::State`] needs beside the events. Swapped with the snapshot; a state outlives it.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What labels go by.
    pub labels: LabelRules,
    /// What policies want to know of the past.
    pub sequences: Sequences,
}
