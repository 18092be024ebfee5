//! Whether an event is one that a pattern means.

use holdshort_effects::Glob;
use holdshort_model::{ActionEffect, ActionFacts, ActionKind, EventPattern, Integrity, LabelPattern, Verb};
use serde_json::Value;

/// A label that content brought into the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised<'a> {
    /// Content that outsiders can write.
    Untrusted,
    /// Data of this classification.
    Confidentiality(&'a str),
    /// Data of this category.
    Category(&'a str),
}

/// A compiled [`EventPattern`].
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    kinds: u32,
    servers: Vec<Glob>,
    tools: Vec<Glob>,
    arguments: Vec<(String, Value)>,
    effect: Option<EffectPattern>,
    label: Option<LabelPattern>,
}

/// What has to hold for one effect.
#[derive(Clone, Debug)]
struct EffectPattern {
    verbs: u32,
    kinds: Vec<String>,
    hosts: Vec<Glob>,
    paths: Vec<Glob>,
    labels: Vec<String>,
}

impl Pattern {
    pub(super) fn compile(pattern: &EventPattern) -> Self {
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text)).collect::<Vec<Glob>>();
        let EventPattern { action, server, tool, arguments, verb, kind, host, path, labels, label } = pattern;
        let any_effect = verb.is_empty() && kind.is_empty() && host.is_empty() && path.is_empty() && labels.is_empty();
        Self {
            kinds: bits(action.iter().map(|kind| *kind as u32)),
            servers: globs(server),
            tools: globs(tool),
            arguments: arguments.iter().map(|(pointer, value)| (pointer.clone(), value.clone())).collect(),
            effect: (!any_effect).then(|| EffectPattern {
                verbs: bits(verb.iter().map(|verb| *verb as u32)),
                kinds: kind.clone(),
                hosts: globs(host),
                paths: globs(path),
                labels: labels.clone(),
            }),
            label: label.clone(),
        }
    }

    /// Whether the action is one of those that are meant.
    pub(super) fn matches(&self, action: &ActionFacts) -> bool {
        self.matches_call(action)
            && self.effect.as_ref().is_none_or(|wanted| action.effects.iter().any(|effect| wanted.matches(effect)))
    }

    /// The effects of an action that are meant; all of them when the pattern says nothing of effects.
    pub(super) fn effects<'a>(&'a self, action: &'a ActionFacts) -> impl Iterator<Item = &'a ActionEffect> {
        let wanted = self.effect.as_ref();
        action.effects.iter().filter(move |effect| wanted.is_none_or(|wanted| wanted.matches(effect)))
    }

    /// Whether a label is one of those that are meant.
    pub(super) fn matches_label(&self, raised: Raised<'_>) -> bool {
        let Some(label) = &self.label else { return false };
        match raised {
            Raised::Untrusted => label.integrity == Some(Integrity::Untrusted),
            Raised::Confidentiality(name) => label.confidentiality.iter().any(|wanted| wanted == name),
            Raised::Category(name) => label.category.iter().any(|wanted| wanted == name),
        }
    }

    fn matches_call(&self, action: &ActionFacts) -> bool {
        self.label.is_none()
            && has(self.kinds, action.kind)
            && (self.servers.is_empty() || any(&self.servers, action.server.as_deref()))
            && (self.tools.is_empty() || any(&self.tools, Some(&action.name)))
            && self.arguments.iter().all(|(pointer, value)| action.args.pointer(pointer) == Some(value))
    }
}

impl EffectPattern {
    fn matches(&self, effect: &ActionEffect) -> bool {
        let resource = &effect.resource;
        has_verb(self.verbs, effect.verb)
            && (self.kinds.is_empty() || self.kinds.contains(&resource.kind))
            && (self.hosts.is_empty() || any(&self.hosts, resource.host.as_deref()))
            && (self.paths.is_empty() || any(&self.paths, resource.path.as_deref()))
            && (self.labels.is_empty() || resource.labels.iter().any(|label| self.labels.contains(label)))
    }
}

fn any(globs: &[Glob], text: Option<&str>) -> bool {
    text.is_some_and(|text| globs.iter().any(|glob| glob.matches(text)))
}

// Bit sets: there are fewer than 32 kinds and verbs. No bit at all = every one.
fn bits(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.fold(0, |bits, number| bits | 1_u32.checked_shl(number).unwrap_or(0))
}

fn has(bits: u32, kind: ActionKind) -> bool {
    bits == 0 || bits & 1_u32.checked_shl(kind as u32).unwrap_or(0) != 0
}

fn has_verb(bits: u32, verb: Verb) -> bool {
    bits == 0 || bits & 1_u32.checked_shl(verb as u32).unwrap_or(0) != 0
}
