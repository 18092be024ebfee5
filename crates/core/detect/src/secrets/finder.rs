//! Finds secrets in one text: keywords first, then the rules around them.

use super::judge;
use super::rule::{Rule, Shape};
use super::set::RuleSet;
use regex_automata::{Anchored, Input};
use std::ops::Range;

// A token is looked for this far after its keyword, and this far before.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
const TOKEN_BEFORE_MAX: usize = 96;
// Name, blanks, operator, quotes and the longest value of the generic rule.
const ASSIGNMENT_BYTES: usize = 512;
// What stands between a keyword and the operator.
const BEFORE_OPERATOR_MAX: usize = 24;
// Secrets in one text; over it the text is dense with them, and the rest is not looked at.
const HITS_MAX: usize = 256;
// The name around a keyword.
const NAME_BYTES_MAX: usize = 50;

/// Bytes that expressions may still be run over in this scan: texts made of keywords only cost what others do.
pub(crate) struct Fuel {
    pub(crate) left: usize,
}

impl Fuel {
    // Of ordinary text the expressions see less than its own length.
    const PER_BYTE: usize = 16;
    const LEAST: usize = 256 * 1024;

    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: Self::LEAST + bytes * Self::PER_BYTE }
    }

    // False: nothing is left.
    fn burn(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}

/// A secret: which rule, and where in the text.
pub(crate) struct Hit<'a> {
    pub(crate) rule: &'a str,
    pub(crate) confidence: u8,
    pub(crate) at: Range<usize>,
    generic: bool,
}

/// Adds the secrets in `text` to `hits`. Returns false when not everything was looked at.
pub(crate) fn find<'a>(set: &'a RuleSet, text: &str, fuel: &mut Fuel, hits: &mut Vec<Hit<'a>>) -> bool {
    let text = text.as_bytes();
    let mut search = Search { set, text, stretch: 0..0, done: Vec::new(), hits: Vec::new() };
    let mut complete = true;
    for keyword in set.keywords.find_overlapping_iter(text) {
        for rule in set.owners.get(keyword.pattern().as_usize()).into_iter().flatten() {
            complete &= search.around(*rule, keyword.start()..keyword.end(), fuel);
        }
        if fuel.left == 0 || search.hits.len() >= HITS_MAX {
            complete = false;
            break;
        }
    }
    hits.append(&mut without_doubles(search.hits));
    complete
}

struct Search<'a, 't> {
    set: &'a RuleSet,
    text: &'t [u8],
    // The stretch without blanks and quotes that was looked at last.
    stretch: Range<usize>,
    // Up to where each rule has been looked for.
    done: Vec<usize>,
    hits: Vec<Hit<'a>>,
}

impl<'a> Search<'a, '_> {
    // False: out of fuel, or a rule that cannot be run.
    fn around(&mut self, n: usize, keyword: Range<usize>, fuel: &mut Fuel) -> bool {
        let set = self.set;
        let Some(rule) = set.rules.get(n) else { return true };
        match rule.shape {
            Shape::Token { bytes_min } => {
                self.stretch_around(&keyword);
                if self.stretch.len() < bytes_min {
                    return true;
                }
                // One byte on each side: the borders that expressions ask for.
                let start = self.stretch.start.max(keyword.start.saturating_sub(TOKEN_BEFORE_MAX)).saturating_sub(1);
                let end = self.stretch.end.min(keyword.end + TOKEN_BYTES_MAX).saturating_add(1).min(self.text.len());
                self.each(n, rule, start, end, keyword.start, fuel)
            }
            Shape::Window { before, after } => {
                let start = keyword.start.saturating_sub(before);
                let end = (keyword.end + after).min(self.text.len());
                self.each(n, rule, start, end, keyword.start, fuel)
            }
            Shape::Assignment => {
                if !self.assigned(&keyword, rule.generic) {
                    return true;
                }
                let end = (keyword.start + ASSIGNMENT_BYTES).min(self.text.len());
                let Some(regex) = rule.regex() else { return false };
                let input = Input::new(self.text).span(keyword.start..end).anchored(Anchored::Yes);
                let Some(found) = regex.find(input.clone()) else { return fuel.burn(64) };
                if !fuel.burn(found.len()) {
                    return false;
                }
                let name = self.name_before(found.start());
                self.take(rule, regex, &input, name..found.end());
                true
            }
        }
    }

    // Every match of a rule in `start..end`, once.
    fn each(&mut self, n: usize, rule: &'a Rule, start: usize, end: usize, keyword: usize, fuel: &mut Fuel) -> bool {
        if self.done.is_empty() {
            self.done = vec![0; self.set.rules.len()];
        }
        let Some(done) = self.done.get_mut(n) else { return true };
        if keyword < *done {
            return true;
        }
        let mut start = start.max(*done);
        *done = end;
        let Some(regex) = rule.regex() else { return false };
        while start < end {
            if !fuel.burn(end - start) {
                return false;
            }
            let input = Input::new(self.text).span(start..end);
            let Some(found) = regex.find(input.clone()) else { break };
            self.take(rule, regex, &input.span(found.start()..end), found.range());
            start = found.end().max(start + 1);
        }
        true
    }

    // Judges one match; `found` reaches back to the beginning of the name.
    fn take(&mut self, rule: &'a Rule, regex: &regex_automata::meta::Regex, input: &Input<'_>, found: Range<usize>) {
        let secret = if rule.whole {
            found.clone()
        } else {
            let mut groups = regex.create_captures();
            regex.search_captures(&input.clone().anchored(Anchored::Yes), &mut groups);
            let group = |n: usize| groups.get_group(n).map(|span| span.range()).filter(|range| !range.is_empty());
            match rule.group {
                0 => (1..groups.group_len()).find_map(group).unwrap_or_else(|| found.clone()),
                n => group(n).unwrap_or_else(|| found.clone()),
            }
        };
        let value = self.text.get(secret.clone()).unwrap_or_default();
        if judge::counts(self.set, rule, self.text, &(found.start..secret.end), value) {
            self.hits.push(Hit { rule: &rule.id, confidence: rule.confidence, at: secret, generic: rule.generic });
        }
    }

    fn stretch_around(&mut self, keyword: &Range<usize>) {
        if self.stretch.contains(&keyword.start) && keyword.end <= self.stretch.end {
            return;
        }
        let border = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`');
        let least = keyword.start.saturating_sub(TOKEN_BEFORE_MAX);
        let before = self.text.get(least..keyword.start).unwrap_or_default();
        let most = (keyword.end + TOKEN_BYTES_MAX).min(self.text.len());
        let after = self.text.get(keyword.end..most).unwrap_or_default();
        let start = before.iter().rposition(border).map_or(least, |at| least + at + 1);
        let end = after.iter().position(border).map_or(most, |at| keyword.end + at);
        self.stretch = start..end;
    }

    // Whether an operator stands soon after the keyword, as the expressions of assignments want it.
    fn assigned(&self, keyword: &Range<usize>, generic: bool) -> bool {
        let after = self.text.get(keyword.end..).unwrap_or_default();
        let between = |byte: &&u8| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_whitespace()
                || matches!(byte, b'_' | b'.' | b'-' | b'\'' | b'"' | b'\\')
        };
        let skipped = after.iter().take(BEFORE_OPERATOR_MAX).take_while(between).count();
        match after.get(skipped) {
            // In prose a comma or a bar assigns nothing.
            Some(b'=' | b':' | b'>' | b'?') => true,
            Some(b',' | b'|') => !generic,
            _ => false,
        }
    }

    fn name_before(&self, start: usize) -> usize {
        let before = self.text.get(start.saturating_sub(NAME_BYTES_MAX)..start).unwrap_or_default();
        let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        start - before.iter().rev().take_while(name).count()
    }
}

// One hit for a rule and place; the generic rule gives way to every other.
fn without_doubles(mut hits: Vec<Hit<'_>>) -> Vec<Hit<'_>> {
    hits.sort_by(|a, b| (a.generic, a.at.start, a.rule).cmp(&(b.generic, b.at.start, b.rule)));
    let mut kept: Vec<Hit<'_>> = Vec::with_capacity(hits.len());
    for hit in hits {
        let doubled = kept.iter().any(|other| {
            let meets = other.at.start < hit.at.end && hit.at.start < other.at.end;
            meets && (hit.generic || other.rule == hit.rule)
        });
        if !doubled {
            kept.push(hit);
        }
    }
    kept
}
