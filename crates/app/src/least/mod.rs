//! Least privilege from behaviour: the smallest grants that cover what an agent did.
//!
//! The rules, all of them:
//! - Only what ran counts, and of that nothing that was done under somebody else's hand: see [`doubts`].
//! - Each effect is covered by the narrowest pattern that grants can say: the file, the host of an address, the mail address, the id;
//!   what has none of these, or is not known for sure, by its tool.
//! - Three files or more of one folder with the same ending that are read, or written, are taken together as `FOLDER/*.ENDING`; three
//!   such folders or more of one folder, if they are read, as `FOLDER/*/*.ENDING`. A folder directly below the root never is, nor are
//!   the folders of a home, hidden names, and names without an ending.
//! - Five records or more of one kind that are read, or written, on one server are taken together as the kind there.
//! - Deleting, executing, sending, spending, delegating and granting are never generalised. Neither are hosts and mail addresses,
//!   nor anything that a person has to look at.
//! - What only `*` would cover is left out, and named.
//! - What others cover already is left away, so that each pattern is needed.
//!
//! Deterministic: the same records give the same text.

mod doubts;
mod patterns;
#[cfg(test)]
mod tests;

pub(crate) use doubts::{Doubts, LeftOuts, ran};

use doubts::Mark;

use holdshort_decide::GrantEntry;
use holdshort_effects::{ResourcePattern, Target};
use holdshort_model::{ActionEffect, ActionKind, Certainty, DecisionRecord, Facts, Mode, Verb};
use patterns::{covering, exact, generalise, is_plain, tool};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Different things that are remembered; what is over it is covered by its tool.
const ITEMS_MAX: usize = 50_000;
/// Different things that are named because nothing covers them.
const UNCOVERED_MAX: usize = 20;

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

/// Where and what: the server, none for what happens without one, and the verb.
type Place = (String, &'static str);

/// What tells one effect from another, as far as grants do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tool: Option<String>,
    workspace: Option<String>,
    kind: String,
    id: Option<String>,
    host: Option<String>,
    path: Option<String>,
    certainty: Certainty,
}

/// An effect that ran.
#[derive(Clone, Debug)]
struct Item {
    /// What covers it narrowly.
    pattern: String,
    /// All that may cover it.
    covering: Vec<String>,
    /// Some action with it is none that a person has to look at.
    plain: bool,
    marks: BTreeSet<Mark>,
}

/// What an agent did.
#[derive(Debug, Default)]
pub(crate) struct Used {
    items: BTreeMap<Place, BTreeMap<Key, Item>>,
    count: usize,
    /// Tools of what was too much to be remembered.
    tools: BTreeMap<Place, BTreeSet<String>>,
    uncovered: BTreeSet<String>,
    class: Option<String>,
    from_ms: u64,
    to_ms: u64,
}

/// A pattern that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Marked {
    /// What is done.
    pub(crate) verb: &'static str,
    /// The pattern.
    pub(crate) pattern: String,
    /// Why.
    pub(crate) why: Vec<Mark>,
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
    /// Patterns that a person has to look at.
    pub(crate) marked: Vec<Marked>,
    /// What no narrow grant covers.
    pub(crate) uncovered: Vec<String>,
    /// When the first and the last action were decided, in milliseconds since 1970.
    pub(crate) from_ms: u64,
    /// See `from_ms`.
    pub(crate) to_ms: u64,
}

/// What the effects of one place need.
#[derive(Default)]
struct Needed {
    patterns: BTreeSet<String>,
    stands_for: BTreeMap<String, usize>,
    marks: BTreeMap<String, BTreeSet<Mark>>,
}

impl Used {
    /// Counts an action that ran.
    pub(crate) fn add(&mut self, record: &DecisionRecord) {
        let at_ms = record.received_ms;
        self.from_ms = if self.class.is_none() { at_ms } else { self.from_ms.min(at_ms) };
        self.to_ms = self.to_ms.max(at_ms);
        self.class = Some(record.facts.subject.agent.class.clone());
        let mark = doubts::mark(record);
        for target in targets(&record.facts) {
            self.effect(&target, mark);
        }
    }

    fn effect(&mut self, target: &Target<'_>, mark: Option<Mark>) {
        let verb = target.effect.verb.as_str();
        let server = target.server.unwrap_or_default();
        let place = (server.to_owned(), verb);
        let known = self.items.get_mut(&place).and_then(|items| items.get_mut(&Key::of(target)));
        if let Some(item) = known {
            item.plain |= mark.is_none();
            item.marks.extend(mark);
            return;
        }
        let fits = |text: &String| ResourcePattern::parse(text).is_ok_and(|pattern| pattern.matches(target));
        // Globs in what an agent names would cover more than it: then its tool does. A server's name is a glob as well.
        let covering: Vec<String> = covering(target).into_iter().filter(fits).collect();
        let tool = tool(target).filter(fits);
        let pattern = exact(target).filter(fits).or_else(|| tool.clone()).filter(|_| is_plain(server));
        match (pattern, tool) {
            (Some(pattern), _) if self.count < ITEMS_MAX => {
                let item = Item { pattern, covering, plain: mark.is_none(), marks: mark.into_iter().collect() };
                self.items.entry(place).or_default().insert(Key::of(target), item);
                self.count += 1;
            }
            (Some(_), Some(tool)) => drop(self.tools.entry(place).or_default().insert(tool)),
            _ if self.uncovered.len() < UNCOVERED_MAX => {
                let name = target.tool.unwrap_or("an action that is no tool");
                self.uncovered.insert(format!("{verb} a {} by {name}", target.effect.resource.kind));
            }
            _ => {}
        }
    }

    /// The agent's latest class; `None` when nothing ran.
    pub(crate) fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// The proposal; `None` when nothing ran. `taken`: names of grants that stay.
    pub(crate) fn suggest(mut self, agent: &str, taken: &[String]) -> Option<Suggestion> {
        let class = self.class.take()?;
        let mut places: BTreeMap<Place, Needed> =
            self.items.into_iter().map(|(place, items)| (place.clone(), needed(&place, items.into_values()))).collect();
        for (place, tools) in self.tools {
            places.entry(place).or_default().patterns.extend(tools);
        }
        // The verbs that have the same resources on the same server share a grant.
        let mut by_resources: BTreeMap<(String, BTreeSet<String>), Vec<Verb>> = BTreeMap::new();
        let (mut generalised, mut marked) = (BTreeMap::new(), Vec::new());
        for ((server, verb), Needed { patterns, stands_for, marks }) in places {
            let Some(known) = Verb::ALL.into_iter().find(|known| known.as_str() == verb) else { continue };
            by_resources.entry((server, patterns)).or_default().push(known);
            for (pattern, count) in stands_for {
                let most: &mut usize = generalised.entry(pattern).or_default();
                *most = count.max(*most);
            }
            let marks = marks.into_iter();
            marked.extend(marks.map(|(pattern, why)| Marked { verb, pattern, why: why.into_iter().collect() }));
        }
        let mut names: BTreeSet<String> = taken.iter().cloned().collect();
        let mut grants: Vec<GrantEntry> = Vec::new();
        for ((server, resources), mut verbs) in by_resources {
            verbs.sort_by_key(|verb| verb.as_str());
            let words: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
            let place = if server.is_empty() { "local" } else { &server };
            let name = unique(&mut names, &format!("{agent}-{place}-{}", words.join("-")));
            let (servers, resources) = (vec![server], resources.into_iter().collect());
            grants.push(GrantEntry { name, class: class.clone(), verbs, resources, servers, mode: Mode::Enforce });
        }
        let generalised = generalised.into_iter().collect();
        let (uncovered, from_ms, to_ms) = (self.uncovered.into_iter().collect(), self.from_ms, self.to_ms);
        Some(Suggestion { class, grants, generalised, marked, uncovered, from_ms, to_ms })
    }
}

impl Key {
    fn of(target: &Target<'_>) -> Self {
        let ActionEffect { resource, certainty, .. } = target.effect;
        Self {
            tool: target.tool.map(str::to_owned),
            workspace: target.workspace.map(str::to_owned),
            kind: resource.kind.clone(),
            id: resource.id.clone(),
            host: resource.host.clone(),
            path: resource.path.clone(),
            certainty: *certainty,
        }
    }
}

/// What covers the items: generalised where they are many, and nothing that is not needed.
fn needed((_, verb): &Place, items: impl Iterator<Item = Item>) -> Needed {
    let items: Vec<Item> = items.collect();
    let (read, written) = (*verb == Verb::Read.as_str(), *verb == Verb::Write.as_str());
    let many: BTreeSet<String> = items.iter().filter(|item| item.plain).map(|item| item.pattern.clone()).collect();
    let (mut patterns, mut stands_for) = match read || written {
        true => generalise(many, written),
        false => (many, BTreeMap::new()),
    };
    patterns.extend(items.iter().filter(|item| !item.plain).map(|item| item.pattern.clone()));
    prune(&mut patterns, &stands_for, &items);
    stands_for.retain(|pattern, _| patterns.contains(pattern));
    let mut marks: BTreeMap<String, BTreeSet<Mark>> = BTreeMap::new();
    for item in items.into_iter().filter(|item| !item.plain && patterns.contains(&item.pattern)) {
        marks.entry(item.pattern).or_default().extend(item.marks);
    }
    Needed { patterns, stands_for, marks }
}

/// Takes away each pattern without which every item is still covered: the wide ones first, those of tools last, which are only
/// there where nothing else says it.
fn prune(patterns: &mut BTreeSet<String>, stands_for: &BTreeMap<String, usize>, items: &[Item]) {
    let mut covered: Vec<usize> = Vec::with_capacity(items.len());
    let mut items_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, item) in items.iter().enumerate() {
        let mut count = 0_usize;
        for pattern in item.covering.iter().filter(|pattern| patterns.contains(*pattern)) {
            items_of.entry(pattern).or_default().push(number);
            count += 1;
        }
        covered.push(count);
    }
    let rank = |pattern: &String| (pattern.starts_with("tool:"), !stands_for.contains_key(pattern));
    let mut order: Vec<String> = patterns.iter().cloned().collect();
    order.sort_by_key(|pattern| (rank(pattern), pattern.clone()));
    for pattern in order {
        let mine = items_of.get(pattern.as_str()).map(Vec::as_slice).unwrap_or_default();
        let needed = mine.iter().any(|number| covered.get(*number).is_none_or(|count| *count <= 1));
        if !needed {
            for number in mine {
                if let Some(count) = covered.get_mut(*number) {
                    *count -= 1;
                }
            }
            patterns.remove(&pattern);
        }
    }
}

/// A name that no other grant has.
fn unique(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let later = (2_usize..).map(|number| format!("{wanted}-{number}"));
    let name = std::iter::once(wanted.to_owned()).chain(later).find(|name| !names.contains(name));
    let name = name.unwrap_or_else(|| wanted.to_owned());
    names.insert(name.clone());
    name
}
