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
use literals::LITERAL_BYTES_MAX;
use pattern::Pattern;
use std::collections::BTreeMap;
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
    /// For each literal, the clauses that it fulfils.
    fulfils: Vec<Vec<Clause>>,
    clauses: usize,
}

/// One clause of one alternative of a pattern. Those of an alternative have consecutive numbers.
#[derive(Clone, Copy)]
struct Clause {
    number: u32,
    pattern: u32,
    is_first: bool,
    is_last: bool,
}

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
        let mut clauses = 0;
        let mut by_literal: BTreeMap<Vec<u8>, Vec<Clause>> = BTreeMap::new();
        for (rule, entry) in entries.iter().enumerate() {
            for condition in &entry.any {
                let is_in = |place| condition.places.contains(&place);
                for text in &condition.matches {
                    let (pattern, needs) = Pattern::new(text).map_err(|reason| faulty(rule + 1, reason))?;
                    let number = patterns.len() as u32;
                    for alternative in &needs.alternatives {
                        for (n, literals) in alternative.iter().enumerate() {
                            let (is_first, is_last) = (n == 0, n + 1 == alternative.len());
                            let clause = Clause { number: clauses as u32, pattern: number, is_first, is_last };
                            literals.iter().for_each(|one| by_literal.entry(one.clone()).or_default().push(clause));
                            clauses += 1;
                        }
                    }
                    let is_guarded = needs.alternatives.iter().all(|alternative| !alternative.is_empty());
                    let (argument, result) = (is_in(Place::Argument), is_in(Place::Result));
                    patterns.push(Guarded { pattern, rule, argument, result, is_guarded, foreign: needs.foreign });
                }
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        let literals = builder.build(by_literal.keys()).map_err(|error| faulty(1, error.to_string()))?;
        let texts: Vec<Vec<u8>> = entries.iter().map(|entry| serde_json::to_vec(entry).unwrap_or_default()).collect();
        let digest = Digest::of_parts(texts.iter().map(Vec::as_slice));
        Ok(Self { digest, entries, patterns, literals, fulfils: by_literal.into_values().collect(), clauses })
    }

    /// Bytes that the literals take, which is most of a set of rules before its patterns are run.
    pub fn bytes(&self) -> usize {
        self.literals.memory_usage() + self.clauses * std::mem::size_of::<Clause>()
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
        let candidates = rules.candidates(text.as_bytes());
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
    // The patterns that may match, and where: the literals of all their clauses stand there in order, near each other. By
    // pattern, then by place.
    fn candidates(&self, text: &[u8]) -> Vec<(usize, Range<usize>)> {
        // For each clause that was fulfilled after the ones before it: where the first of them was, the latest time. That
        // is the end of a literal; none ends at 0.
        let mut begun: Vec<usize> = Vec::new();
        let mut found: Vec<(usize, Range<usize>)> = Vec::new();
        let mut latest: Vec<Option<usize>> = Vec::new();
        for hit in self.literals.find_overlapping_iter(text) {
            let end = hit.end();
            if begun.is_empty() {
                begun.resize(self.clauses, 0);
                latest.resize(self.patterns.len(), None);
            }
            for clause in self.fulfils.get(hit.pattern().as_usize()).into_iter().flatten() {
                let number = clause.number as usize;
                let first = match clause.is_first {
                    true => end,
                    false => begun.get(number.saturating_sub(1)).copied().unwrap_or(0),
                };
                if first == 0 || first + SPAN_BYTES < end {
                    continue;
                }
                if !clause.is_last {
                    begun.get_mut(number).into_iter().for_each(|begun| *begun = first.max(*begun));
                    continue;
                }
                let place = end.saturating_sub(SPAN_BYTES + LITERAL_BYTES_MAX)..text.len().min(end + SPAN_BYTES);
                let at = clause.pattern as usize;
                let Some(known) = latest.get_mut(at) else { continue };
                match known.and_then(|known| found.get_mut(known)) {
                    Some((_, before)) if place.start <= before.end => before.end = place.end,
                    _ => {
                        *known = Some(found.len());
                        found.push((at, place));
                    }
                }
            }
        }
        found.sort_by_key(|(at, place)| (*at, place.start));
        found
    }
}

#[cfg(test)]
mod tests;
