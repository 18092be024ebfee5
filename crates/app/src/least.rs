//! Least privilege from behaviour: the smallest grants that cover what an agent did.
//!
//! The rules, all of them:
//! - Only what ran counts. Each effect is covered by the narrowest pattern that grants can say: the file, the host of an address,
//!   the mail address, the id; what has none of these, or is not known for sure, by its tool.
//! - Three files or more of one folder that are read, or written, are taken together as the folder; three such folders or more
//!   of one folder as everything below it. A folder directly below the root is never taken whole.
//! - Five ids or more of one kind that are read, or written, on one server are taken together as the kind there.
//! - Deleting, executing, sending, spending, delegating and granting are never generalised. Neither are hosts and mail addresses.
//! - What only `*` would cover is left out, and named.
//!
//! Deterministic: the same records give the same text.

use holdshort_decide::GrantEntry;
use holdshort_effects::{ResourcePattern, Target};
use holdshort_model::{ActionKind, DecisionRecord, Effect, Facts, Mode, Verb};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Files of one folder, or folders of one folder, from which on they are taken together.
const FILES_MIN: usize = 3;
/// Ids of one kind from which on they are taken together.
const IDS_MIN: usize = 5;
/// Names above a folder that is taken whole, itself included: `/home/me` and deeper.
const FOLDER_DEPTH_MIN: usize = 2;
/// Different things that are remembered; what is over it is covered by its tool.
const ITEMS_MAX: usize = 50_000;
/// Different things that are named because nothing covers them.
const UNCOVERED_MAX: usize = 20;
/// Longest text of a resource that becomes a pattern, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

const WORKSPACE: &str = "${workspace}";

/// The effects of an action as grants see them.
pub(crate) fn targets(facts: &Facts) -> Vec<Target<'_>> {
    let action = &facts.action;
    let target = |effect| Target {
        effect,
        server: action.server.as_deref(),
        tool: (action.kind == ActionKind::ToolCall).then_some(action.name.as_str()),
        workspace: facts.context.workspace.as_deref(),
    };
    action.effects.iter().map(target).collect()
}

/// What an agent did.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// Patterns by server and verb.
    items: BTreeMap<(String, &'static str), BTreeSet<String>>,
    count: usize,
    uncovered: BTreeSet<String>,
    class: Option<String>,
    from_ms: u64,
    to_ms: u64,
}

/// A proposal.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Suggestion {
    /// The class that it is for: the agent's latest.
    pub(crate) class: String,
    /// The grants.
    pub(crate) grants: Vec<GrantEntry>,
    /// Patterns that stand for more than what was used, and how many things of it were.
    pub(crate) generalised: Vec<(String, usize)>,
    /// What no narrow grant covers.
    pub(crate) uncovered: Vec<String>,
    /// When the first and the last action were decided, in milliseconds since 1970.
    pub(crate) from_ms: u64,
    /// See `from_ms`.
    pub(crate) to_ms: u64,
}

impl Used {
    /// Counts an action, if it ran.
    pub(crate) fn add(&mut self, record: &DecisionRecord) {
        if record.decision.enforced != Effect::Allow {
            return;
        }
        let at_ms = record.received_ms;
        self.from_ms = if self.class.is_none() { at_ms } else { self.from_ms.min(at_ms) };
        self.to_ms = self.to_ms.max(at_ms);
        self.class = Some(record.facts.subject.agent.class.clone());
        for target in targets(&record.facts) {
            self.effect(&target);
        }
    }

    fn effect(&mut self, target: &Target<'_>) {
        let tool = target.server.zip(target.tool).map(|(server, tool)| format!("tool:{server}/{tool}"));
        let exact = exact(target).filter(|_| self.count < ITEMS_MAX);
        let fits = |text: &String| ResourcePattern::parse(text).is_ok_and(|pattern| pattern.matches(target));
        let verb = target.effect.verb.as_str();
        // Globs in what an agent names would cover more than it: then its tool does.
        let Some(pattern) = exact.filter(fits).or_else(|| tool.filter(|tool| is_plain(tool) && fits(tool))) else {
            if self.uncovered.len() < UNCOVERED_MAX {
                let name = target.tool.unwrap_or("an action that is no tool");
                self.uncovered.insert(format!("{verb} a {} by {name}", target.effect.resource.kind));
            }
            return;
        };
        let server = target.server.unwrap_or_default().to_owned();
        self.count += usize::from(self.items.entry((server, verb)).or_default().insert(pattern));
    }

    /// The proposal; `None` when nothing ran.
    pub(crate) fn suggest(self, agent: &str) -> Option<Suggestion> {
        let class = self.class?;
        let mut generalised = Vec::new();
        // The verbs that have the same resources on the same server share a grant.
        let mut by_resources: BTreeMap<(String, Vec<String>), Vec<Verb>> = BTreeMap::new();
        for ((server, verb), patterns) in self.items {
            let Some(verb) = Verb::ALL.into_iter().find(|known| known.as_str() == verb) else { continue };
            let resources = match verb {
                Verb::Read | Verb::Write => generalise(patterns, &mut generalised),
                _ => patterns.into_iter().collect(),
            };
            by_resources.entry((server, resources)).or_default().push(verb);
        }
        let mut grants: Vec<GrantEntry> = Vec::new();
        for ((server, resources), mut verbs) in by_resources {
            verbs.sort_by_key(|verb| verb.as_str());
            let words: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
            let place = if server.is_empty() { "local" } else { &server };
            let name = format!("{agent}-{place}-{}", words.join("-"));
            let servers = vec![if is_plain(&server) && !server.is_empty() { server } else { "*".to_owned() }];
            grants.push(GrantEntry { name, class: class.clone(), verbs, resources, servers, mode: Mode::Enforce });
        }
        generalised.sort();
        generalised.dedup();
        let (uncovered, from_ms, to_ms) = (self.uncovered.into_iter().collect(), self.from_ms, self.to_ms);
        Some(Suggestion { class, grants, generalised, uncovered, from_ms, to_ms })
    }
}

/// The narrowest pattern over the resource of an effect.
fn exact(target: &Target<'_>) -> Option<String> {
    let resource = &target.effect.resource;
    let kind = resource.kind.as_str();
    let text = match (kind, &resource.path, &resource.host, &resource.id) {
        ("file", Some(path), ..) => match target.workspace.filter(|at| *at != "/").and_then(|at| path.strip_prefix(at))
        {
            Some(below) if below.is_empty() || below.starts_with('/') => format!("file:{WORKSPACE}{below}"),
            _ => format!("file:{path}"),
        },
        ("mail", _, _, Some(address)) => format!("mail:{}", address.to_lowercase()),
        ("url" | "host" | "network", _, Some(host), _) => format!("host:{host}"),
        ("tool", ..) => return None,
        (kind, _, _, Some(id)) => format!("{kind}:{id}"),
        (_, _, Some(host), None) => format!("host:{host}"),
        _ => return None,
    };
    (text.len() <= TEXT_BYTES_MAX && is_plain(&text)).then_some(text)
}

fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?'])
}

/// Takes together what belongs together.
fn generalise(patterns: BTreeSet<String>, generalised: &mut Vec<(String, usize)>) -> Vec<String> {
    let (files, rest): (BTreeSet<String>, BTreeSet<String>) =
        patterns.into_iter().partition(|pattern| pattern.starts_with("file:"));
    let mut resources = ids(rest, generalised);
    resources.extend(folders(files, generalised));
    resources.sort_unstable();
    resources
}

fn ids(patterns: BTreeSet<String>, generalised: &mut Vec<(String, usize)>) -> Vec<String> {
    let mut by_kind: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pattern in patterns {
        let kind = pattern.split(':').next().unwrap_or_default().to_owned();
        by_kind.entry(kind).or_default().push(pattern);
    }
    let mut all = Vec::new();
    for (kind, patterns) in by_kind {
        // What leads outside, and tools, which say more than their number.
        let fixed = matches!(kind.as_str(), "host" | "mail" | "tool" | "method");
        if fixed || patterns.len() < IDS_MIN {
            all.extend(patterns);
        } else {
            generalised.push((format!("{kind}:*"), patterns.len()));
            all.push(format!("{kind}:*"));
        }
    }
    all
}

fn folders(files: BTreeSet<String>, generalised: &mut Vec<(String, usize)>) -> Vec<String> {
    // Folder, its files.
    let mut by_folder: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let folder = parent(&file).to_owned();
        by_folder.entry(folder).or_default().push(file);
    }
    let mut whole: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (folder, files) in by_folder {
        if files.len() >= FILES_MIN && is_deep(&folder) {
            whole.insert(folder, files.len());
        } else {
            all.extend(files);
        }
    }
    let mut by_parent: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    for (folder, count) in whole {
        by_parent.entry(parent(&folder).to_owned()).or_default().push((folder, count));
    }
    let mut below: Vec<String> = Vec::new();
    for (above, folders) in by_parent {
        if folders.len() >= FILES_MIN && is_deep(&above) {
            generalised.push((format!("{above}/**"), folders.iter().map(|(_, count)| count).sum()));
            below.push(format!("{above}/"));
            all.push(format!("{above}/**"));
        } else {
            for (folder, count) in folders {
                generalised.push((format!("{folder}/*"), count));
                all.push(format!("{folder}/*"));
            }
        }
    }
    // What a folder covers already needs no line of its own.
    let covered =
        |pattern: &String| below.iter().any(|above| pattern.starts_with(above) && *pattern != format!("{above}**"));
    all.retain(|pattern| !covered(pattern));
    generalised.retain(|(pattern, _)| !covered(pattern));
    all
}

/// What stands before the last `/`.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a folder, such as `file:/home/me`, may be taken whole.
fn is_deep(folder: &str) -> bool {
    match folder.strip_prefix("file:") {
        Some(path) if path.starts_with(WORKSPACE) => true,
        Some(path) => path.split('/').filter(|name| !name.is_empty()).count() >= FOLDER_DEPTH_MIN,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::{ActionEffect, Certainty, Resource};

    fn check(texts: &[&str], expected: &[&str]) {
        let patterns = texts.iter().map(ToString::to_string).collect();
        let mut generalised = Vec::new();
        assert_eq!(generalise(patterns, &mut generalised), expected, "{texts:?}");
        for pattern in expected {
            ResourcePattern::parse(pattern).unwrap();
        }
    }

    #[test]
    fn what_belongs_together_is_taken_together() {
        check(&["file:/srv/a/1", "file:/srv/a/2"], &["file:/srv/a/1", "file:/srv/a/2"]);
        check(&["file:/srv/a/1", "file:/srv/a/2", "file:/srv/a/3"], &["file:/srv/a/*"]);
        check(&["file:/etc/1", "file:/etc/2", "file:/etc/3"], &["file:/etc/1", "file:/etc/2", "file:/etc/3"]);
        check(&["file:/1", "file:/2", "file:/3"], &["file:/1", "file:/2", "file:/3"]);
        check(
            &["file:${workspace}/1", "file:${workspace}/2", "file:${workspace}/3", "file:/w/4"],
            &["file:${workspace}/*", "file:/w/4"],
        );
        let folders: Vec<String> = ["a", "b", "c"]
            .iter()
            .flat_map(|folder| (0..3).map(move |file| format!("file:/home/me/{folder}/{file}")))
            .collect();
        let mut texts: Vec<&str> = folders.iter().map(String::as_str).collect();
        texts.push("file:/home/me/a/deep/one");
        texts.push("file:/home/me2/x");
        check(&texts, &["file:/home/me/**", "file:/home/me2/x"]);
        check(
            &["host:a.example", "host:b.example", "host:c.example", "host:d.example", "host:e.example"],
            &["host:a.example", "host:b.example", "host:c.example", "host:d.example", "host:e.example"],
        );
        check(&["record:1", "record:2", "record:3", "record:4"], &["record:1", "record:2", "record:3", "record:4"]);
        check(&["record:1", "record:2", "record:3", "record:4", "record:5"], &["record:*"]);
    }

    fn covered(resource: Resource, certainty: Certainty, expected: Option<&str>) {
        let effect = ActionEffect { verb: Verb::Delete, resource, reversible: None, count: None, certainty };
        let target = Target { effect: &effect, server: Some("fs"), tool: Some("rm"), workspace: Some("/w") };
        let mut used = Used::default();
        used.effect(&target);
        let found: Vec<String> = used.items.into_values().flatten().collect();
        assert_eq!(found.first().map(String::as_str), expected, "{effect:?}");
    }

    #[test]
    fn the_narrowest_pattern_is_taken_and_it_covers() {
        let file = |path: &str| Resource { kind: "file".into(), path: Some(path.into()), ..Resource::default() };
        covered(file("/w/a"), Certainty::Derived, Some("file:${workspace}/a"));
        covered(file("/w2/a"), Certainty::Derived, Some("file:/w2/a"));
        covered(file("/w/*"), Certainty::Derived, Some("tool:fs/rm"));
        covered(file("/w/a"), Certainty::Unknown, Some("tool:fs/rm"));
        let mail = Resource { kind: "mail".into(), id: Some("Bob@Example.org".into()), ..Resource::default() };
        covered(mail, Certainty::Derived, Some("mail:bob@example.org"));
        let url = Resource { kind: "url".into(), host: Some("x.example".into()), ..Resource::default() };
        covered(url, Certainty::Derived, Some("host:x.example"));
        let method = Resource { kind: "method".into(), id: Some("fs/odd".into()), ..Resource::default() };
        covered(method, Certainty::Unknown, Some("method:fs/odd"));
        let bare = Resource { kind: "method".into(), ..Resource::default() };
        covered(bare, Certainty::Unknown, None);
    }
}
