//! Signs in content: secrets, personal data, injected instructions, odd destinations, threat intelligence, threat rules.
//!
//! Evidence only. Nothing here allows or refuses, nothing keeps or prints a value that it found.

use holdshort_model::{Content, DestinationSignal, Digest};
use serde_json::Value;

/// Everything that content is scanned with: compiled once, immutable, shared.
#[derive(Debug, Default)]
pub struct Detectors {}

impl Detectors {
    /// Digest of the rules, lists, models and settings.
    pub fn digest(&self) -> Digest {
        Digest::of(b"")
    }

    /// Scans the arguments of an action, decoded forms included. Places are JSON pointers.
    pub fn scan_args(&self, args: &Value) -> Content {
        let _ = args;
        Content::default()
    }

    /// Scans the parts of a result. Places are `part/N`. `truncated`: something was left out before.
    pub fn scan_parts(&self, parts: &[String], truncated: bool) -> Content {
        let _ = parts;
        Content { truncated, ..Content::default() }
    }

    /// Looks at the hosts or URLs that an action reaches. `known`: whether a person or the organisation knows a host.
    pub fn destinations<'a>(
        &self,
        reached: impl Iterator<Item = &'a str>,
        known: &dyn Fn(&str) -> bool,
    ) -> Vec<DestinationSignal> {
        let _ = (reached, known);
        Vec::new()
    }
}
