//! One pass over all texts of an action or a result.

use crate::{DetectError, Field, Parts, Text};
use holdshort_model::{Content, DestinationSignal, Digest, FOUND_MAX};
use serde_json::Value;

/// Most bytes of text that one scan looks at, decoded forms not counted.
pub const SCAN_BYTES_MAX: usize = 1024 * 1024;

/// Most texts (strings, numbers, keys) of one set of arguments that a scan looks at.
pub const LEAVES_MAX: usize = 16 * 1024;

/// The detectors, compiled.
pub(crate) struct Built {
    parts: Parts,
    digest: Digest,
}

impl Built {
    pub(crate) fn new(parts: Parts) -> Result<Self, Vec<DetectError>> {
        let mut digests = Vec::new();
        digests.extend(parts.injection.as_ref().map(|model| model.digest()));
        digests.extend(parts.intelligence.as_ref().map(|feeds| feeds.digest()));
        digests.extend(parts.rules.as_ref().map(|rules| rules.digest()));
        let digest = Digest::of_parts(digests.iter().map(|digest| digest.as_bytes().as_slice()));
        Ok(Self { parts, digest })
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn scan_args(&self, args: &Value) -> Content {
        let mut content = Content::default();
        if let Value::String(text) = args {
            self.scan(&Text::new("", text), Field::Argument, &mut content);
        }
        bound(&mut content);
        content
    }

    pub(crate) fn scan_parts(&self, parts: &[String], truncated: bool) -> Content {
        let mut content = Content { truncated, ..Content::default() };
        for (n, part) in parts.iter().enumerate() {
            self.scan(&Text::new(&format!("part/{n}"), part), Field::Result, &mut content);
        }
        bound(&mut content);
        content
    }

    fn scan(&self, text: &Text<'_>, field: Field, content: &mut Content) {
        if let Some(model) = &self.parts.injection {
            content.injection.percent = content.injection.percent.max(model.percent(&text.folded));
        }
        if let Some(feeds) = &self.parts.intelligence {
            feeds.find(text, &mut content.intelligence);
        }
        if let Some(rules) = &self.parts.rules {
            rules.find(text, field, &mut content.rules);
        }
    }

    pub(crate) fn destinations(
        &self,
        reached: &mut dyn Iterator<Item = &str>,
        known: &dyn Fn(&str) -> bool,
    ) -> Vec<DestinationSignal> {
        reached
            .map(|host| DestinationSignal { host: host.to_owned(), known: known(host), ..DestinationSignal::default() })
            .collect()
    }

    pub(crate) fn exempt(&self, server: &str, content: &mut Content) {
        let exempt = |rule: &str| {
            self.parts.exemptions.iter().any(|one| one.rule == rule && one.server.as_deref() == Some(server))
        };
        content.secrets.retain(|secret| secret.own || !exempt(&secret.rule));
        content.personal_data.retain(|data| !exempt(&data.kind));
        content.rules.retain(|rule| !exempt(&rule.rule));
    }
}

// Sorted, without repetition, bounded: the same content gives the same signals.
fn bound(content: &mut Content) {
    content.intelligence.sort();
    content.intelligence.dedup();
    content.rules.sort();
    content.rules.dedup();
    content.truncated |= content.intelligence.len() > FOUND_MAX || content.rules.len() > FOUND_MAX;
    content.intelligence.truncate(FOUND_MAX);
    content.rules.truncate(FOUND_MAX);
}
