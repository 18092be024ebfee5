//! What the fold goes by: compiled from configuration and policies, immutable, part of the snapshot.

/// Everything that [`crate::State`] needs beside the events. Swapped with the snapshot; a state outlives it.
#[derive(Clone, Debug, Default)]
pub struct Rules {}
