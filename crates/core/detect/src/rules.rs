//! Threat rules that others publish: patterns with an id and a severity.
//!
//! Patterns are run only where the literals stand together that each of their matches must hold, so that most texts cost
//! one pass over them and little else. A match longer than [`SPAN_BYTES`] may be missed.

mod entry;
mod import;
mod literals;
mod pattern;
mod translate;
mod yaml;

pub use entry::{Condition, Entry, FILE_BYTES_MAX, Place, RULES_MAX, RuleError, read};
pub use import::{ImportError, Imported, RULE_BYTES_MAX, import};
pub use pattern::PATTERN_BYTES_MAX;

use crate::{Field, Text};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use holdshort_model::{Digest, RuleMatch};
use literals::{Clause, LITERAL_BYTES_MAX};
use pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The stable ones of the Agent Threat Rules, as [`read`] reads them: see `data/rules/README.md`.
pub const BUILTIN: &str = include_str!("../data/rules/agent-threat-rules.jsonl");

/// Longest match that is found for certain, in bytes.
pub const SPAN_BYTES: usize = 1 << 10;
/// How much of a text is given to a pattern without literals at a time. Two such windows share [`SPAN_BYTES`].
const WINDOW_BYTES: usize = 8 << 10;
/// Bytes that patterns may be run over for one text, besides [`WORK_FACTOR`] times its length. Patterns over hostile text
/// cost up to 50 ns a byte: this bounds a text of 64 KiB to some 50 ms, and a small text is always read to its end.
const WORK_BYTES: usize = 512 << 10;
/// How often, on average, a text may be gone over.
const WORK_FACTOR: usize = 8;

/// A set of threat rules, compiled.
pub struct Rules {
    digest: Digest,
    entries: Vec<Entry>,
    patterns: Vec<Guarded>,
    literals: AhoCorasick,
    guards: Guards,
}

/// What the literals of the guarded patterns mean.
struct Guards {
    /// The alternatives of the patterns that are guarded.
    alternatives: Vec<Alternative>,
    /// The literals of each clause.
    clauses: Vec<Literals>,
    /// For each literal, the alternatives whose rarest clause it fulfils.
    wakes: Vec<Vec<u32>>,
    /// For each literal, the clauses that it fulfils.
    fulfils: Vec<Vec<u32>>,
}

/// What stands, in this order, in every text that a pattern matches, or that one of its alternatives does.
struct Alternative {
    pattern: usize,
    /// Clauses on both sides of the rarest one, by number, the nearest first.
    before: Vec<u32>,
    after: Vec<u32>,
}

/// A set of literals, one bit each.
type Literals = Box<[u64]>;

/// Where a literal ends, and which it is.
type LiteralHit = (usize, usize);

struct Guarded {
    pattern: Pattern,
    rule: usize,
    argument: bool,
    result: bool,
    /// It is run only where the clauses of one of its alternatives are fulfilled in order, near each other.
    is_guarded: bool,
    /// Each of its matches holds a character that is not ASCII.
    foreign: bool,
}

impl Rules {
    /// Compiles the rules of several files, given as name and text. A later rule replaces an earlier one of the same id.
    ///
    /// # Errors
    /// Everything that is wrong, with file and line.
    pub fn new(files: &[(&str, &str)]) -> Result<Self, Vec<RuleError>> {
        let mut faults = Vec::new();
        let mut by_id: BTreeMap<String, Entry> = BTreeMap::new();
        for (file, text) in files {
            let entries = entry::read(file, text).unwrap_or_else(|wrong| {
                faults.extend(wrong);
                Vec::new()
            });
            for (line, entry) in entries {
                let patterns = entry.any.iter().flat_map(|condition| &condition.matches);
                let wrong = patterns.filter_map(|text| Pattern::new(text).err());
                faults.extend(wrong.map(|reason| RuleError::Line { file: (*file).to_owned(), line, reason }));
                by_id.insert(entry.id.clone(), entry);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Self::of(by_id.into_values().collect()).map_err(|fault| vec![fault])
    }

    /// Compiles `entries`.
    pub(super) fn of(entries: Vec<Entry>) -> Result<Self, RuleError> {
        let faulty = |line: usize, reason: String| RuleError::Line { file: "rules".into(), line, reason };
        if entries.len() > RULES_MAX {
            let (found, max) = (entries.len(), RULES_MAX);
            return Err(RuleError::TooMuch { file: "rules".into(), what: "rules", found, max });
        }
        let mut patterns: Vec<Guarded> = Vec::new();
        let mut required = Vec::new();
        for (rule, entry) in entries.iter().enumerate() {
            for condition in &entry.any {
                let is_in = |place| condition.places.contains(&place);
                for text in &condition.matches {
                    let (pattern, needs) = Pattern::new(text).map_err(|reason| faulty(rule + 1, reason))?;
                    let own = needs.alternatives.iter().filter(|alternative| !alternative.is_empty());
                    required.extend(own.map(|alternative| (patterns.len(), alternative.clone())));
                    let is_guarded = needs.alternatives.iter().all(|alternative| !alternative.is_empty());
                    let (argument, result) = (is_in(Place::Argument), is_in(Place::Result));
                    patterns.push(Guarded { pattern, rule, argument, result, is_guarded, foreign: needs.foreign });
                }
            }
        }
        let clauses = required.iter().flat_map(|(_, clauses): &(usize, Vec<Clause>)| clauses);
        let known: BTreeSet<Vec<u8>> = clauses.flatten().cloned().collect();
        let known: Vec<Vec<u8>> = known.into_iter().collect();
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        let literals = builder.build(&known).map_err(|error| faulty(1, error.to_string()))?;
        let guards = Guards::of(&known, &required);
        let texts: Vec<Vec<u8>> = entries.iter().map(|entry| serde_json::to_vec(entry).unwrap_or_default()).collect();
        let digest = Digest::of_parts(texts.iter().map(Vec::as_slice));
        Ok(Self { digest, entries, patterns, literals, guards })
    }

    /// Bytes that the literals take, which is most of a set of rules before its patterns are run.
    pub fn bytes(&self) -> usize {
        self.literals.memory_usage() + self.guards.clauses.iter().map(|literals| literals.len() * 8).sum::<usize>()
    }

    /// Digest of the rules.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The rules, by id.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds the rules that match `text`, which stands in `field`, to `out`. False: the text costs more to read than it may,
    /// and was not read to its end.
    pub fn find(&self, text: &Text<'_>, field: Field, out: &mut Vec<RuleMatch>) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        let mut pass = Pass { rules: self, field, matched: vec![false; self.entries.len()], work: 0 };
        let plain = (text.plain != text.folded.as_ref()).then_some(text.plain);
        let layers = text.decoded.iter().map(|layer| layer.text.as_str());
        let complete = std::iter::once(text.folded.as_ref()).chain(plain).chain(layers).all(|one| pass.read(one));
        let matched = pass.matched.iter().zip(&self.entries).filter(|(matched, _)| **matched);
        out.extend(matched.map(|(_, entry)| RuleMatch {
            rule: entry.id.clone(),
            at: text.at.to_owned(),
            severity: entry.severity,
            counts: entry.counts,
        }));
        complete
    }
}

struct Pass<'a> {
    rules: &'a Rules,
    field: Field,
    matched: Vec<bool>,
    work: usize,
}

impl Pass<'_> {
    // False when the text costs too much.
    fn read(&mut self, text: &str) -> bool {
        let allowed = self.work + WORK_BYTES + WORK_FACTOR * text.len();
        let rules = self.rules;
        let candidates = rules.candidates(text.as_bytes(), self.field, &mut self.work, allowed);
        if self.work > allowed {
            return false;
        }
        let unguarded = rules.patterns.iter().filter(|guarded| !guarded.is_guarded);
        let foreign = !text.is_ascii();
        unguarded.filter(|guarded| foreign || !guarded.foreign).all(|guarded| self.whole(guarded, text, allowed))
            && candidates.into_iter().all(|(at, place)| {
                rules.patterns.get(at).is_none_or(|guarded| self.run(guarded, text.as_bytes().get(place), allowed))
            })
    }

    fn whole(&mut self, guarded: &Guarded, text: &str, allowed: usize) -> bool {
        let starts = (0..text.len()).step_by(WINDOW_BYTES - SPAN_BYTES);
        let mut windows = starts.map(|from| from..text.len().min(from + WINDOW_BYTES));
        windows.all(|place| self.run(guarded, text.as_bytes().get(place), allowed))
    }

    fn run(&mut self, guarded: &Guarded, bytes: Option<&[u8]>, allowed: usize) -> bool {
        let looked_for = guarded.is_for(self.field);
        let matched = self.matched.get_mut(guarded.rule).filter(|matched| looked_for && !**matched);
        let (Some(matched), Some(bytes)) = (matched, bytes) else { return true };
        if self.work > allowed {
            return false;
        }
        self.work += bytes.len();
        *matched = guarded.pattern.is_match(bytes);
        true
    }
}

impl Guarded {
    fn is_for(&self, field: Field) -> bool {
        match field {
            Field::Argument => self.argument,
            Field::Result => self.result,
        }
    }
}

impl Rules {
    // The patterns that may match in `field`, and where: the literals of all clauses of an alternative stand there in order,
    // near each other. By pattern, then by place. The steps that this takes are added to `work`; over `allowed` it is given up.
    fn candidates(&self, text: &[u8], field: Field, work: &mut usize, allowed: usize) -> Vec<(usize, Range<usize>)> {
        let hits = self.literals.find_overlapping_iter(text).map(|hit| (hit.end(), hit.pattern().as_usize()));
        let hits: Vec<LiteralHit> = hits.collect();
        let mut woken = self.guards.woken(&hits, |at| self.patterns.get(at).is_some_and(|one| one.is_for(field)));
        // The alternatives of one pattern follow each other.
        woken.sort_unstable();
        let mut found: Vec<(usize, Range<usize>)> = Vec::new();
        for (number, at) in woken {
            *work += 1;
            if *work > allowed {
                break;
            }
            let alternative = self.guards.alternatives.get(number as usize);
            let (Some(alternative), Some((end, _))) = (alternative, hits.get(at)) else { continue };
            let place = end.saturating_sub(SPAN_BYTES + LITERAL_BYTES_MAX)..text.len().min(end + SPAN_BYTES);
            let last = found.last_mut().filter(|(pattern, _)| *pattern == alternative.pattern);
            if last.as_ref().is_some_and(|(_, known)| known.start <= place.start && place.end <= known.end) {
                continue;
            }
            let near = |hit: &&LiteralHit| hit.0.abs_diff(*end) <= SPAN_BYTES;
            let before = hits.get(..at).unwrap_or_default().iter().rev().take_while(near);
            let after = hits.get(at + 1..).unwrap_or_default().iter().take_while(near);
            let guards = &self.guards;
            if !(guards.stand(&alternative.before, before, work) && guards.stand(&alternative.after, after, work)) {
                continue;
            }
            match last {
                Some((_, known)) if (known.start..=known.end).contains(&place.start) => {
                    known.end = known.end.max(place.end)
                }
                _ => found.push((alternative.pattern, place)),
            }
        }
        found.sort_by_key(|(at, place)| (*at, place.start));
        found
    }
}

impl Guards {
    // `required`: patterns and the clauses of one of their alternatives each.
    fn of(known: &[Vec<u8>], required: &[(usize, Vec<Clause>)]) -> Self {
        let empty = vec![Vec::new(); known.len()];
        let mut guards = Self { alternatives: Vec::new(), clauses: Vec::new(), wakes: empty.clone(), fulfils: empty };
        let mut numbers: BTreeMap<&Clause, u32> = BTreeMap::new();
        for (pattern, clauses) in required {
            let numbered: Vec<u32> = clauses
                .iter()
                .map(|clause| *numbers.entry(clause).or_insert_with(|| guards.add(known, clause)))
                .collect();
            let rarest = clauses.iter().enumerate().min_by_key(|(_, clause)| literals::frequency(clause));
            let Some((at, rarest)) = rarest else { continue };
            for literal in rarest.iter().filter_map(|one| known.binary_search(one).ok()) {
                let woken = guards.alternatives.len() as u32;
                guards.wakes.get_mut(literal).into_iter().for_each(|wakes| wakes.push(woken));
            }
            let before = numbered.iter().take(at).rev().copied().collect();
            let after = numbered.iter().skip(at + 1).copied().collect();
            guards.alternatives.push(Alternative { pattern: *pattern, before, after });
        }
        guards
    }

    // The number of a new clause.
    fn add(&mut self, known: &[Vec<u8>], clause: &Clause) -> u32 {
        let number = self.clauses.len() as u32;
        let mut words = vec![0_u64; known.len().div_ceil(64)];
        for literal in clause.iter().filter_map(|one| known.binary_search(one).ok()) {
            insert(&mut words, literal);
            self.fulfils.get_mut(literal).into_iter().for_each(|fulfilled| fulfilled.push(number));
        }
        self.clauses.push(words.into());
        number
    }

    // The alternatives that `hits` wake, each with the place of the hit, as far as all of their clauses are fulfilled not too
    // far from it, in whatever order.
    fn woken(&self, hits: &[LiteralHit], is_wanted: impl Fn(usize) -> bool) -> Vec<(u32, usize)> {
        let stretches: Vec<&[LiteralHit]> = hits.chunk_by(|a, b| a.0 / SPAN_BYTES == b.0 / SPAN_BYTES).collect();
        let fulfilled: Vec<Vec<u64>> = stretches.iter().map(|stretch| self.fulfilled(stretch)).collect();
        let mut woken = Vec::new();
        let mut at = 0;
        for (n, stretch) in stretches.iter().enumerate() {
            // What is near a hit stands in its own stretch, or in one beside it.
            let mut near = vec![0_u64; self.clauses.len().div_ceil(64)];
            for beside in fulfilled.get(n.saturating_sub(1)..(n + 2).min(fulfilled.len())).unwrap_or_default() {
                near.iter_mut().zip(beside).for_each(|(all, more)| *all |= more);
            }
            for (_, literal) in *stretch {
                for number in self.wakes.get(*literal).into_iter().flatten() {
                    let alternative = self.alternatives.get(*number as usize);
                    let all_near = |one: &Alternative| {
                        one.before.iter().chain(&one.after).all(|clause| contains(&near, *clause as usize))
                    };
                    if alternative.is_some_and(|one| all_near(one) && is_wanted(one.pattern)) {
                        woken.push((*number, at));
                    }
                }
                at += 1;
            }
        }
        woken
    }

    // The clauses that `hits` fulfil.
    fn fulfilled(&self, hits: &[LiteralHit]) -> Vec<u64> {
        let mut seen = vec![0_u64; self.fulfils.len().div_ceil(64)];
        let mut fulfilled = vec![0_u64; self.clauses.len().div_ceil(64)];
        for (_, literal) in hits {
            if !contains(&seen, *literal) {
                insert(&mut seen, *literal);
                let clauses = self.fulfils.get(*literal).into_iter().flatten();
                clauses.for_each(|clause| insert(&mut fulfilled, *clause as usize));
            }
        }
        fulfilled
    }

    // Whether hits for all of `clauses` stand among `hits`, in this order.
    fn stand<'a>(&self, clauses: &[u32], hits: impl Iterator<Item = &'a LiteralHit>, work: &mut usize) -> bool {
        let mut clauses = clauses.iter().filter_map(|clause| self.clauses.get(*clause as usize));
        let Some(mut wanted) = clauses.next() else { return true };
        for (_, literal) in hits {
            *work += 1;
            if contains(wanted, *literal) {
                match clauses.next() {
                    Some(next) => wanted = next,
                    None => return true,
                }
            }
        }
        false
    }
}

fn contains(set: &[u64], number: usize) -> bool {
    set.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
}

fn insert(set: &mut [u64], number: usize) {
    set.get_mut(number / 64).into_iter().for_each(|word| *word |= 1 << (number % 64));
}

#[cfg(test)]
mod tests;
