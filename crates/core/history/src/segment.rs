//! An output taken apart: leaves of what a serialiser wrote, or lines of text.

mod literal;
mod yaml;

use crate::tool::is_free_text;
use holdshort_model::Character;

/// Most leaves of one output that are looked at.
pub(crate) const LEAVES_MAX: usize = 20_000;
/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 64;
/// Longest short text, in words: longer ones are prose.
const SHORT_WORDS: usize = 6;
/// So much of the name of a field is kept beside each of its values, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// A piece of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The text as it was meant: unescaped.
    pub(crate) text: String,
    /// In what it stood.
    pub(crate) character: Character,
    /// First byte in the part.
    pub(crate) at: usize,
    /// A serialiser wrote it, so that its borders are not the author's.
    pub(crate) typed: bool,
    /// Number of the record that it is a field of; 0 = none.
    pub(crate) record: u32,
    /// It is the name of a field.
    pub(crate) is_key: bool,
    /// The field that it is the value of, or an entry of.
    pub(crate) key: Option<Box<str>>,
}

impl Leaf {
    /// A piece of a text that no serialiser wrote.
    fn plain(text: &str, character: Character, at: usize) -> Self {
        Self { text: text.to_owned(), character, at, typed: false, record: 0, is_key: false, key: None }
    }
}

/// A leaf as the readers of formats find it.
pub(super) struct Raw {
    text: String,
    /// Name of the field that it is the value of.
    key: Option<String>,
    /// It is itself the name of a field.
    is_key: bool,
    /// Number of the list that it is an entry of.
    list: Option<usize>,
    /// Number of the innermost mapping around it.
    record: u32,
    at: usize,
}

/// Whether a record has two fields of one name: a line that somebody wrote into a text, as no serialiser does.
fn repeats_a_name(raw: &[Raw]) -> bool {
    let mut names = std::collections::HashSet::new();
    raw.iter().any(|leaf| leaf.is_key && !names.insert((leaf.record, leaf.text.as_str())))
}

/// The name of a field as its values keep it.
fn key_of(text: &str) -> String {
    text.get(..text.floor_char_boundary(KEY_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// Takes a part of an output apart. `content`: somebody else wrote all of it, its structure included. False: there is
/// more than was looked at.
pub(crate) fn leaves(part: &str, content: bool) -> (Vec<Leaf>, bool) {
    if !content {
        let head = part.trim_start();
        let structured = match head.bytes().next() {
            Some(b'{' | b'[') => literal::read(part),
            Some(_) if looks_like_yaml(head) => yaml::read(part),
            _ => None,
        };
        if let Some(raw) = structured.filter(|raw| !repeats_a_name(raw)) {
            let complete = raw.len() < LEAVES_MAX;
            return (judged(raw), complete);
        }
    }
    lines(part, content)
}

// `- x` or `key:` at the beginning; anything else would be one plain text for YAML.
fn looks_like_yaml(head: &str) -> bool {
    let first = head.lines().next().unwrap_or_default();
    let key = first
        .split_once(':')
        .is_some_and(|(key, rest)| key.len() <= 64 && !key.contains(' ') && (rest.is_empty() || rest.starts_with(' ')));
    first.starts_with("- ") || key
}

fn judged(raw: Vec<Raw>) -> Vec<Leaf> {
    let odd = odd_entries(&raw);
    let mut keys: std::collections::HashMap<String, bool> = std::collections::HashMap::new();
    let mut free_text = |key: &str| match keys.get(key) {
        Some(free) => *free,
        None => {
            let free = is_free_text(key);
            keys.insert(key.to_owned(), free);
            free
        }
    };
    raw.into_iter()
        .enumerate()
        .map(|(position, leaf)| {
            let short = leaf.text.split_whitespace().count() <= SHORT_WORDS && !leaf.text.contains('\n');
            let character = match (&leaf.key, leaf.list) {
                _ if leaf.is_key && short => Character::Field,
                (Some(key), _) if free_text(key) => Character::Prose,
                _ if !short => Character::Prose,
                (_, Some(_)) if odd.get(position).copied().unwrap_or_default() => Character::Prose,
                (_, Some(_)) => Character::Entry,
                _ => Character::Field,
            };
            Leaf {
                text: leaf.text,
                character,
                at: leaf.at,
                typed: character != Character::Prose,
                record: leaf.record,
                is_key: leaf.is_key,
                key: leaf.key.map(String::into_boxed_str),
            }
        })
        .collect()
}

// An address among names, a sentence among words: not what the list is a list of.
fn odd_entries(raw: &[Raw]) -> Vec<bool> {
    let mut lists: std::collections::HashMap<usize, (usize, usize)> = std::collections::HashMap::new();
    let address = |leaf: &Raw| !crate::atoms::atoms(&crate::text::fold(&leaf.text)).is_empty();
    let flags: Vec<bool> = raw.iter().map(|leaf| leaf.list.is_some() && address(leaf)).collect();
    for (leaf, flag) in raw.iter().zip(&flags) {
        if let Some(list) = leaf.list {
            let counts = lists.entry(list).or_default();
            *counts = (counts.0 + usize::from(*flag), counts.1 + 1);
        }
    }
    let odd = |(leaf, flag): (&Raw, &bool)| {
        leaf.list.and_then(|list| lists.get(&list)).is_some_and(|(with, all)| *flag && with * 2 <= *all)
    };
    raw.iter().zip(&flags).map(odd).collect()
}

/// Lines of text: short ones may be entries or cells, as names; what they hold of addresses is prose.
fn lines(part: &str, content: bool) -> (Vec<Leaf>, bool) {
    let mut leaves = vec![Leaf::plain(part, Character::Prose, 0)];
    if content {
        return (leaves, true);
    }
    let mut at = 0;
    for (record, line) in (1_u32..).zip(part.split_inclusive('\n')) {
        let cells = line.trim().trim_start_matches(['-', '*', '\u{2022}', '>', '#']);
        let separator = if cells.contains('|') { '|' } else { '\t' };
        let table = cells.contains(separator);
        for cell in cells.split(separator).map(str::trim).filter(|cell| !cell.is_empty()) {
            let character = if table { Character::Cell } else { Character::Entry };
            for text in readings(cell) {
                let short = (1..=SHORT_WORDS).contains(&text.split_whitespace().count());
                if short && !text.ends_with(['.', '!', '?']) {
                    leaves.push(Leaf { record, ..Leaf::plain(text, character, at) });
                }
            }
            if leaves.len() >= LEAVES_MAX {
                return (leaves, false);
            }
        }
        at += line.len();
    }
    (leaves, true)
}

/// What a line of a listing may name: all of it, the value behind a label, what stands behind a tag in brackets, an id in
/// brackets: `[FILE] a.pdf`, `help (5002)`, `button [ref=e10]`.
fn readings(cell: &str) -> Vec<&str> {
    let mut readings = vec![cell];
    let mut add = |text: &str| -> Option<()> {
        let text = text.trim();
        let range = cell.find(text)?;
        let text = cell.get(range..range + text.len())?;
        if !text.is_empty() && !readings.contains(&text) {
            readings.push(text);
        }
        Some(())
    };
    if let Some((_, value)) = cell.split_once(": ") {
        add(value);
    }
    if let Some((_, rest)) = cell.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        add(rest);
    }
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((head, rest)) = cell.split_once(open)
            && let Some((inside, _)) = rest.split_once(close)
        {
            add(inside.split_once('=').map_or(inside, |(_, value)| value));
            add(head);
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(part: &str, content: bool) -> Vec<String> {
        let (leaves, complete) = leaves(part, content);
        assert!(complete);
        leaves
            .iter()
            .map(|leaf| format!("{:?}{}:{}", leaf.character, if leaf.typed { "!" } else { "" }, leaf.text))
            .collect()
    }

    #[test]
    fn structure_of_a_serialiser() {
        let yaml = "- amount: 100.0\n  subject: Pizza party\n  recipient: CH93\n- 'a: b'\n";
        assert_eq!(
            seen(yaml, false),
            [
                "Field!:amount",
                "Field!:100.0",
                "Field!:subject",
                "Prose:Pizza party",
                "Field!:recipient",
                "Field!:CH93",
                "Entry!:a: b"
            ]
        );
        assert_eq!(
            seen("{'message': 'x', \"ids\": [1, 2]}", false),
            ["Field!:message", "Prose:x", "Field!:ids", "Entry!:1", "Entry!:2"]
        );
        assert_eq!(
            seen("- general\n- random\n- www.evil.com\n", false),
            ["Entry!:general", "Entry!:random", "Prose:www.evil.com"]
        );
    }

    #[test]
    fn what_somebody_wrote_has_no_structure() {
        assert_eq!(seen("{\"iban\": \"US133\"}", true), ["Prose:{\"iban\": \"US133\"}"]);
        assert_eq!(seen("Two files:\n- a b\n", false), ["Prose:Two files:\n- a b\n", "Entry:Two files:", "Entry:a b"]);
        assert_eq!(seen("{broken", false), ["Prose:{broken", "Entry:{broken"]);
    }
}
