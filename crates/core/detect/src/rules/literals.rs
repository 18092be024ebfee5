//! Which literals a text must hold for a pattern to match it, so that most patterns are never run.

use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::BTreeSet;

/// Shortest literal that is looked for: shorter ones are in every text.
const LITERAL_BYTES_MIN: usize = 3;
/// Longest literal that is looked for: what is longer is cut, which only lets more through.
pub(super) const LITERAL_BYTES_MAX: usize = 24;
/// Most strings that a part of a pattern is spelled out to.
const STRINGS_MAX: usize = 64;
/// Largest class of characters that is spelled out.
const CLASS_MAX: usize = 8;
/// Most alternatives that are kept for one pattern.
const CLAUSES_MAX: usize = 8;

/// Literals in lower case, one of which stands in every text that the pattern matches.
pub(super) type Clause = BTreeSet<Vec<u8>>;

/// What every match of a pattern holds.
pub(super) struct Required {
    /// One literal of each of these, letter case aside.
    pub(super) clauses: Vec<Clause>,
    /// A character that is not ASCII.
    pub(super) foreign: bool,
}

/// What every text that `hir` matches holds, as far as that is known.
pub(super) fn required(hir: &Hir) -> Required {
    let mut clauses = Needs::of(hir).into_clauses();
    clauses.sort_by_key(|clause| std::cmp::Reverse(worth(clause)));
    clauses.dedup();
    clauses.truncate(CLAUSES_MAX);
    Required { clauses, foreign: is_foreign(hir) }
}

fn is_foreign(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => !literal.0.is_ascii(),
        HirKind::Class(Class::Unicode(class)) => class.iter().all(|range| !range.start().is_ascii()),
        HirKind::Class(Class::Bytes(class)) => class.iter().all(|range| !range.start().is_ascii()),
        HirKind::Capture(capture) => is_foreign(&capture.sub),
        HirKind::Repetition(repetition) => repetition.min > 0 && is_foreign(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().any(is_foreign),
        HirKind::Alternation(branches) => branches.iter().all(is_foreign),
    }
}

/// What is known of a part of a pattern.
#[derive(Default)]
struct Needs {
    /// All the strings that it matches, in lower case, when they are few.
    exact: Option<Clause>,
    /// What every match holds.
    clauses: Vec<Clause>,
}

impl Needs {
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::exact([Vec::new()]),
            HirKind::Literal(literal) => Self::exact([lower(&literal.0)]),
            HirKind::Class(class) => Self { exact: spelled(class), clauses: Vec::new() },
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let inner = Self::of(&repetition.sub);
                match (repetition.min, repetition.max) {
                    (0, Some(1)) => {
                        let exact = inner.exact.map(|mut strings| {
                            strings.insert(Vec::new());
                            strings
                        });
                        Self { exact, clauses: Vec::new() }
                    }
                    (0, _) => Self::default(),
                    (1, Some(1)) => inner,
                    _ => Self { exact: None, clauses: inner.into_clauses() },
                }
            }
            HirKind::Concat(parts) => concat(parts),
            HirKind::Alternation(branches) => alternation(branches),
        }
    }

    fn exact(strings: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { exact: Some(strings.into_iter().collect()), clauses: Vec::new() }
    }

    fn into_clauses(self) -> Vec<Clause> {
        let mut clauses = self.clauses;
        clauses.extend(self.exact.and_then(usable));
        clauses
    }
}

// Neighbours that can be spelled out are joined for as long as they stay few.
fn concat(parts: &[Hir]) -> Needs {
    let mut clauses = Vec::new();
    let mut run: Clause = [Vec::new()].into();
    let mut whole = true;
    for part in parts {
        let needs = Needs::of(part);
        clauses.extend(needs.clauses);
        let joined = needs.exact.as_ref().and_then(|strings| cross(&run, strings));
        match (joined, needs.exact) {
            (Some(longer), _) => run = longer,
            (None, next) => {
                whole = false;
                clauses.extend(usable(std::mem::take(&mut run)));
                run = next.unwrap_or_else(|| [Vec::new()].into());
            }
        }
    }
    if whole {
        return Needs { exact: Some(run), clauses };
    }
    clauses.extend(usable(run));
    Needs { exact: None, clauses }
}

// One literal of the best clause of each branch; nothing when a branch has none.
fn alternation(branches: &[Hir]) -> Needs {
    let needs: Vec<Needs> = branches.iter().map(Needs::of).collect();
    let exact = needs.iter().try_fold(Clause::new(), |mut all, one| {
        all.extend(one.exact.clone()?);
        (all.len() <= STRINGS_MAX).then_some(all)
    });
    if exact.is_some() {
        return Needs { exact, clauses: Vec::new() };
    }
    let union = needs.into_iter().try_fold(Clause::new(), |mut all, one| {
        all.extend(one.into_clauses().into_iter().max_by_key(worth)?);
        (all.len() <= 4 * STRINGS_MAX).then_some(all)
    });
    Needs { exact: None, clauses: union.into_iter().collect() }
}

fn cross(left: &Clause, right: &Clause) -> Option<Clause> {
    if left.len() * right.len() > STRINGS_MAX {
        return None;
    }
    let pairs = left.iter().flat_map(|head| right.iter().map(move |tail| [head.as_slice(), tail.as_slice()].concat()));
    Some(pairs.collect())
}

// Only when all of them are long enough to say something. What holds another one of the set is not needed.
fn usable(strings: Clause) -> Option<Clause> {
    if strings.is_empty() || strings.iter().any(|string| string.len() < LITERAL_BYTES_MIN) {
        return None;
    }
    let cut = |string: Vec<u8>| string.get(..LITERAL_BYTES_MAX).map_or_else(|| string.clone(), <[u8]>::to_vec);
    let cut: Clause = strings.into_iter().map(cut).collect();
    let holds = |long: &[u8], short: &[u8]| long != short && long.windows(short.len()).any(|window| window == short);
    Some(cut.iter().filter(|long| !cut.iter().any(|short| holds(long, short))).cloned().collect())
}

// Long literals first, then few of them.
fn worth(clause: &Clause) -> (usize, std::cmp::Reverse<usize>) {
    (clause.iter().map(Vec::len).min().unwrap_or(0).min(12), std::cmp::Reverse(clause.len()))
}

fn lower(bytes: &[u8]) -> Vec<u8> {
    bytes.to_ascii_lowercase()
}

fn spelled(class: &Class) -> Option<Clause> {
    let mut strings = Clause::new();
    match class {
        Class::Unicode(class) => {
            for range in class.iter() {
                for c in range.start()..=range.end() {
                    strings.insert(lower(c.to_string().as_bytes()));
                    if strings.len() > CLASS_MAX {
                        return None;
                    }
                }
            }
        }
        Class::Bytes(class) => {
            for range in class.iter() {
                for byte in range.start()..=range.end() {
                    strings.insert(lower(&[byte]));
                    if strings.len() > CLASS_MAX {
                        return None;
                    }
                }
            }
        }
    }
    Some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&[&str]]) {
        let clauses = required(&regex_syntax::parse(pattern).unwrap()).clauses;
        let found: BTreeSet<BTreeSet<String>> = clauses
            .iter()
            .map(|clause| clause.iter().map(|literal| String::from_utf8(literal.clone()).unwrap()).collect())
            .collect();
        let expected: BTreeSet<BTreeSet<String>> =
            expected.iter().map(|clause| clause.iter().map(|text| (*text).to_owned()).collect()).collect();
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn characters_that_no_ascii_text_holds() {
        for (pattern, expected) in [("[\u{e0}-\u{ff}]+x", true), ("[a\u{e0}]", false), ("\u{e9}|\u{e8}", true), ("\u{e9}|e", false)] {
            assert_eq!(required(&regex_syntax::parse(pattern).unwrap()).foreign, expected, "{pattern}");
        }
    }

    #[test]
    fn what_a_pattern_requires() {
        check("(?i)ignore\\s+all\\s+prior", &[&["ignore"], &["all"], &["prior"]]);
        check("(?i)previous", &[&["previous", "previou\u{17f}"]]);
        check("(?:ignore|forget) (?:it|that)", &[&["ignore it", "ignore that", "forget it", "forget that"]]);
        check("colou?r", &[&["color", "colour"]]);
        check("a*", &[]);
        check("(?:a|the) x", &[&["a x", "the x"]]);
        check("(?:send.*mail|post.*form)", &[&["mail", "form"]]);
        check("(?:send.*mail|x)", &[]);
        check("(?:token){2,}", &[&["token"]]);
        check("(?i)\u{212a}elvin", &[&["kelvin", "\u{212a}elvin"]]);
    }
}
