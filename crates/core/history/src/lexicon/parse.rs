//! Reading a language file.

use super::{Language, Registry, Word};
use holdshort_model::Verb;

/// What a verb asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// An effect.
    Effect(Verb),
    /// Whatever something else says.
    Open,
}

/// What is wrong with a language file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{language}.txt, line {line}: {what}")]
pub(crate) struct BadLine {
    language: &'static str,
    line: usize,
    what: String,
}

/// Reads a language. What was read before a bad line stays.
pub(super) fn read(
    name: &'static str,
    text: &str,
    registry: &mut Registry,
    language: &mut Language,
) -> Result<(), BadLine> {
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        one(line, registry, language).map_err(|what| BadLine { language: name, line: number + 1, what })?;
    }
    Ok(())
}

fn one(line: &str, registry: &mut Registry, language: &mut Language) -> Result<(), String> {
    let fields = fields(line);
    let (kind, rest) = fields.split_first().ok_or("the line is empty")?;
    match (kind.as_str(), rest) {
        ("verb", [concept, class, forms @ ..]) => {
            let class = class_of(class).ok_or_else(|| format!("`{class}` is no class"))?;
            let concept = number(&mut registry.concepts, concept).ok_or("there are too many concepts")?;
            forms.iter().for_each(|form| language.add(form, Word::Verb { concept, class }));
        }
        ("noun", [group, forms @ ..]) => {
            let group = number(&mut registry.groups, group).ok_or("there are too many groups")?;
            forms.iter().for_each(|form| language.add(form, Word::Noun { group }));
        }
        ("authority" | "openended", names) => {
            for name in names {
                let at = registry.groups.iter().position(|known| known == name);
                let bit = 1_u64 << at.ok_or_else(|| format!("`{name}` is no group"))?;
                let mask = if kind == "authority" { &mut registry.authority } else { &mut registry.open_ended };
                *mask |= bit;
            }
        }
        ("negation", forms) => forms.iter().for_each(|form| language.add(form, Word::Negation)),
        ("noun-marker", forms) => forms.iter().for_each(|form| language.add(form, Word::NounMarker)),
        ("ask-marker", forms) => forms.iter().for_each(|form| language.add(form, Word::AskMarker)),
        (kind, _) => return Err(format!("`{kind}` is no kind of line, or something is missing after it")),
    }
    Ok(())
}

/// Words, and several words in quotes as one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for (position, piece) in line.split('"').enumerate() {
        match position % 2 {
            0 => fields.extend(piece.split_whitespace().map(str::to_owned)),
            _ => fields.push(piece.to_owned()),
        }
    }
    fields
}

fn class_of(name: &str) -> Option<Class> {
    if name == "open" {
        return Some(Class::Open);
    }
    Verb::ALL.into_iter().find(|verb| verb.as_str() == name).map(Class::Effect)
}

/// The number of a name; 64 fit into a mask.
fn number(names: &mut Vec<String>, name: &str) -> Option<u8> {
    let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u8::try_from(at).ok().filter(|at| *at < 64)
}
