//! What the fold goes by: compiled from configuration and policies, immutable, part of the snapshot.

use crate::tool::Tool;
use crate::{LabelRules, Sequences};
use holdshort_model::Digest;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Definitions that are kept as they were read; beyond that all are read again.
const TOOLS_MAX: usize = 4_096;

/// Everything that [`crate::State`] needs beside the events. Swapped with the snapshot; a state outlives it.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What labels go by.
    pub labels: LabelRules,
    /// What policies want to know of the past.
    pub sequences: Sequences,
    tools: Arc<Tools>,
}

/// Definitions as they were read. INVARIANT: invisible: what is kept is what would be read again.
#[derive(Debug, Default)]
struct Tools(Mutex<HashMap<Digest, Arc<Tool>>>);

impl Rules {
    /// What a definition says; `digest`: its own, when it is pinned.
    pub(crate) fn tool(&self, name: &str, definition: Option<&Value>, digest: Option<Digest>) -> Arc<Tool> {
        let Some(digest) = digest else { return Arc::new(Tool::read(name, definition)) };
        let mut tools = self.tools.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tool) = tools.get(&digest) {
            return tool.clone();
        }
        if tools.len() >= TOOLS_MAX {
            tools.clear();
        }
        let tool = Arc::new(Tool::read(name, definition));
        tools.insert(digest, tool.clone());
        tool
    }
}
