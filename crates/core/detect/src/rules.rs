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
use std::sync::Arc;

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
    /// The alternatives of the patterns that are guarded.
    alternatives: Vec<Alternative>,
    /// For each literal, the alternatives whose rarest clause it fulfils.
    wakes: Vec<Vec<u32>>,
}

/// What stands, in this order, in every text that a pattern matches, or that one of its alternatives does.
struct Alternative {
    pattern: usize,
    before: Vec<Literals>,
    after: Vec<Literals>,
}

/// A set of literals, one bit each.
type Literals = Arc<[u64]>;

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
        let (alternatives, wakes) = alternatives(&known, &required);
        let texts: Vec<Vec<u8>> = entries.iter().map(|entry| serde_json::to_vec(entry).unwrap_or_default()).collect();
        let digest = Digest::of_parts(texts.iter().map(Vec::as_slice));
        Ok(Self { digest, entries, patterns, literals, alternatives, wakes })
    }

    /// Bytes that the literals take, which is most of a set of rules before its patterns are run.
    pub fn bytes(&self) -> usize {
        let clauses = self.alternatives.iter().flat_map(|one| one.before.iter().chain(&one.after));
        self.literals.memory_usage() + clauses.map(|literals| literals.len() * 8).sum::<usize>()
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
        let candidates = rules.candidates(text.as_bytes(), &mut self.work, allowed);
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
        let looked_for = match self.field {
            Field::Argument => guarded.argument,
            Field::Result => guarded.result,
        };
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

impl Rules {
    // The patterns that may match, and where: the literals of all clauses of an alternative stand there in order, near each
    // other. By pattern, then by place. The steps that this takes are added to `work`; over `allowed` it is given up.
    fn candidates(&self, text: &[u8], work: &mut usize, allowed: usize) -> Vec<(usize, Range<usize>)> {
        // Where literals end, and which.
        let mut hits: Vec<(usize, usize)> = Vec::new();
        let mut woken: Vec<(usize, usize)> = Vec::new();
        for hit in self.literals.find_overlapping_iter(text) {
            let literal = hit.pattern().as_usize();
            woken.extend(self.wakes.get(literal).into_iter().flatten().map(|one| (*one as usize, hits.len())));
            hits.push((hit.end(), literal));
        }
        // The alternatives of one pattern follow each other.
        woken.sort_unstable();
        let mut found: Vec<(usize, Range<usize>)> = Vec::new();
        for (number, at) in woken {
            *work += 1;
            if *work > allowed {
                break;
            }
            let (Some(alternative), Some((end, _))) = (self.alternatives.get(number), hits.get(at)) else { continue };
            let near = |hit: &&(usize, usize)| hit.0.abs_diff(*end) <= SPAN_BYTES;
            let before = hits.get(..at).unwrap_or_default().iter().rev().take_while(near);
            let after = hits.get(at + 1..).unwrap_or_default().iter().take_while(near);
            if !(stand(&alternative.before, before, work) && stand(&alternative.after, after, work)) {
                continue;
            }
            let place = end.saturating_sub(SPAN_BYTES + LITERAL_BYTES_MAX)..text.len().min(end + SPAN_BYTES);
            match found.last_mut().filter(|(pattern, _)| *pattern == alternative.pattern) {
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

// Whether hits for all of `clauses` stand among `hits`, in this order.
fn stand<'a>(clauses: &[Literals], hits: impl Iterator<Item = &'a (usize, usize)>, work: &mut usize) -> bool {
    let mut clauses = clauses.iter();
    let Some(mut wanted) = clauses.next() else { return true };
    for (_, literal) in hits {
        *work += 1;
        if wanted.get(literal / 64).is_some_and(|word| word & (1 << (literal % 64)) != 0) {
            match clauses.next() {
                Some(next) => wanted = next,
                None => return true,
            }
        }
    }
    false
}

// `required`: patterns and the clauses of one of their alternatives each.
fn alternatives(known: &[Vec<u8>], required: &[(usize, Vec<Clause>)]) -> (Vec<Alternative>, Vec<Vec<u32>>) {
    let numbers = |clause: &Clause| clause.iter().filter_map(|one| known.binary_search(one).ok()).collect::<Vec<_>>();
    let mut shared: BTreeMap<Clause, Literals> = BTreeMap::new();
    let mut set = |clause: &Clause| {
        let fresh = || {
            let mut words = vec![0_u64; known.len().div_ceil(64)];
            for number in numbers(clause) {
                words.get_mut(number / 64).into_iter().for_each(|word| *word |= 1 << (number % 64));
            }
            Literals::from(words)
        };
        shared.entry(clause.clone()).or_insert_with(fresh).clone()
    };
    let mut wakes = vec![Vec::new(); known.len()];
    let mut alternatives = Vec::new();
    for (pattern, clauses) in required {
        let rarest = clauses.iter().enumerate().min_by_key(|(_, clause)| literals::frequency(clause));
        let Some((at, rarest)) = rarest else { continue };
        for number in numbers(rarest) {
            wakes.get_mut(number).into_iter().for_each(|wakes| wakes.push(alternatives.len() as u32));
        }
        // Those before it from the nearest on, as they are looked for.
        let before = clauses.iter().take(at).rev().map(&mut set).collect();
        let after = clauses.iter().skip(at + 1).map(&mut set).collect();
        alternatives.push(Alternative { pattern: *pattern, before, after });
    }
    (alternatives, wakes)
}

#[cfg(test)]
mod tests;
