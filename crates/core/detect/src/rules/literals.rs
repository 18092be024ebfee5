//! Which literals a text must hold for a pattern to match it, so that most patterns are never run.

use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::BTreeSet;

/// Shortest literal that is looked for: shorter ones are in every text.
const LITERAL_BYTES_MIN: usize = 3;
/// Longest literal that is looked for: what is longer is cut, which only lets more through.
pub(super) const LITERAL_BYTES_MAX: usize = 12;
/// Most strings that a part of a pattern is spelled out to.
const STRINGS_MAX: usize = 64;
/// Largest class of characters that is spelled out.
const CLASS_MAX: usize = 8;
/// Most clauses of one alternative.
const CLAUSES_MAX: usize = 8;
/// Most patterns that one is split into.
const ALTERNATIVES_MAX: usize = 12;

/// Literals in lower case, one of which stands in every text that the pattern matches.
pub(super) type Clause = BTreeSet<Vec<u8>>;

/// What every match of a pattern holds.
pub(super) struct Required {
    /// One literal of each clause of one of these, letter case aside, in this order. An alternative without clauses: not
    /// known.
    pub(super) alternatives: Vec<Vec<Clause>>,
    /// A character that is not ASCII.
    pub(super) foreign: bool,
}

/// What every text that `hir` matches holds, as far as that is known.
pub(super) fn required(hir: &Hir) -> Required {
    let mut branches = Vec::new();
    split(hir, ALTERNATIVES_MAX, &mut branches);
    let alternatives: Vec<Vec<Clause>> = branches.iter().map(chosen).collect();
    // Where one of them says nothing, the others do not help.
    let unknown = alternatives.iter().any(Vec::is_empty);
    Required { alternatives: if unknown { vec![Vec::new()] } else { alternatives }, foreign: is_foreign(hir) }
}

// The best clauses, in the order in which they stand.
fn chosen(hir: &Hir) -> Vec<Clause> {
    let mut clauses: Vec<(usize, Clause)> = Needs::of(hir).into_clauses().into_iter().enumerate().collect();
    clauses.sort_by_key(|(_, clause)| std::cmp::Reverse(worth(clause)));
    clauses.truncate(CLAUSES_MAX);
    clauses.sort_by_key(|(at, _)| *at);
    clauses.into_iter().map(|(_, clause)| clause).collect()
}

// The patterns that `hir` is the alternative of, at most `max`.
fn split(hir: &Hir, max: usize, out: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Capture(capture) => return split(&capture.sub, max, out),
        HirKind::Alternation(branches) if branches.len() <= max && Needs::of(hir).exact.is_none() => {
            let rest = max - branches.len() + 1;
            return branches.iter().for_each(|branch| split(branch, rest, out));
        }
        HirKind::Concat(parts) => {
            let worth_it = |part: &&Hir| branches(part).is_some_and(|branches| branches.len() <= max);
            let at = parts.iter().position(|part| worth_it(&part));
            if let Some((at, branches)) = at.and_then(|at| Some((at, branches(parts.get(at)?)?))) {
                let (before, after) = (parts.get(..at).unwrap_or_default(), parts.get(at + 1..).unwrap_or_default());
                let rest = max - branches.len() + 1;
                for branch in branches {
                    split(&Hir::concat([before, std::slice::from_ref(branch), after].concat()), rest, out);
                }
                return;
            }
        }
        _ => {}
    }
    out.push(hir.clone());
}

// The branches of an alternation that cannot be spelled out.
fn branches(hir: &Hir) -> Option<&[Hir]> {
    match hir.kind() {
        HirKind::Capture(capture) => branches(&capture.sub),
        HirKind::Alternation(branches) if Needs::of(hir).exact.is_none() => Some(branches),
        _ => None,
    }
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

/// How often one of the literals stands in usual texts, as a guess: long ones are rare, and so are few of them.
pub(super) fn frequency(clause: &Clause) -> usize {
    clause.iter().map(|literal| 1 << (LITERAL_BYTES_MAX - literal.len().min(LITERAL_BYTES_MAX))).sum()
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
        let text = |literal: &Vec<u8>| String::from_utf8(literal.clone()).unwrap();
        let alternatives = required(&regex_syntax::parse(pattern).unwrap()).alternatives;
        let found: Vec<Vec<String>> = alternatives
            .iter()
            .map(|clauses| clauses.iter().map(|clause| clause.iter().map(text).collect::<Vec<_>>().join("|")).collect())
            .collect();
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn characters_that_no_ascii_text_holds() {
        for (pattern, expected) in
            [("[\u{e0}-\u{ff}]+x", true), ("[a\u{e0}]", false), ("\u{e9}|\u{e8}", true), ("\u{e9}|e", false)]
        {
            assert_eq!(required(&regex_syntax::parse(pattern).unwrap()).foreign, expected, "{pattern}");
        }
    }

    #[test]
    fn what_a_pattern_requires() {
        check("(?i)ignore\\s+all\\s+prior", &[&["ignore", "all", "prior"]]);
        check("(?i)previous", &[&["previous|previou\u{17f}"]]);
        check("(?:ignore|forget) (?:it|that)", &[&["forget it|forget that|ignore it|ignore that"]]);
        check("colou?r", &[&["color|colour"]]);
        check("a*", &[&[]]);
        check("(?:a|the) x", &[&["a x|the x"]]);
        check("begin(?:send.*mail|post.*form)end", &[&["beginsend", "mailend"], &["beginpost", "formend"]]);
        check("(?:send.*mail|x)", &[&[]]);
        check("(?:token){2,}", &[&["token"]]);
        check("(?i)\u{212a}elvin", &[&["kelvin|\u{212a}elvin"]]);
    }
}
