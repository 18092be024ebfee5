//! YAML as a bounded tree of texts. No aliases, no types: what a scalar means is the reader's business.

use saphyr_parser::{Event, Parser};

/// Deepest nesting.
const DEPTH_MAX: usize = 24;
/// Most scalars, lists and mappings.
const NODES_MAX: usize = 20_000;

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of `key`.
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of `key`.
    pub(super) fn text_at(&self, key: &str) -> Option<&str> {
        self.at(key).and_then(Self::text)
    }

    /// The text that it is.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list; none when it is something else.
    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }
}

enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

/// The one document of `text`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = span.start.line();
        let done = match event {
            Event::Alias(_) => return Err(format!("line {line}: aliases are not read")),
            Event::Scalar(scalar, ..) => Node::Text(scalar.into_owned()),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                nodes += 1;
                bounded(line, nodes, open.len())?;
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                nodes += 1;
                bounded(line, nodes, open.len())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Node::List(list),
                Some(Open::Map(pairs, _)) => Node::Map(pairs),
                None => return Err(format!("line {line}: nothing is open here")),
            },
            _ => continue,
        };
        nodes += 1;
        bounded(line, nodes, open.len())?;
        match open.last_mut() {
            None if root.is_some() => return Err(format!("line {line}: a second document")),
            None => root = Some(done),
            Some(Open::List(list)) => list.push(done),
            Some(Open::Map(pairs, key)) => match (key.take(), done) {
                (Some(name), value) => pairs.push((name, value)),
                (None, Node::Text(name)) if pairs.iter().any(|(known, _)| *known == name) => {
                    return Err(format!("line {line}: `{name}` stands here twice"));
                }
                (None, Node::Text(name)) => *key = Some(name),
                (None, _) => return Err(format!("line {line}: a key that is no text")),
            },
        }
    }
    root.ok_or_else(|| "empty".into())
}

fn bounded(line: usize, nodes: usize, depth: usize) -> Result<(), String> {
    match (nodes > NODES_MAX, depth > DEPTH_MAX) {
        (true, _) => Err(format!("line {line}: more than {NODES_MAX} values")),
        (_, true) => Err(format!("line {line}: nested deeper than {DEPTH_MAX}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_texts() {
        let node = read("a: 1\nb:\n  - 'x'\n  - c: |\n      two\n      lines\n").unwrap();
        assert_eq!(node.text_at("a"), Some("1"));
        let list = node.at("b").unwrap().list();
        assert_eq!(list[0].text(), Some("x"));
        assert_eq!(list[1].text_at("c"), Some("two\nlines\n"));
    }

    #[test]
    fn what_is_hostile_is_refused() {
        let check = |text: &str, expected: &str| {
            let reason = read(text).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        };
        check("a: &x [1]\nb: [*x, *x]\n", "aliases");
        check(&"[".repeat(100), "deeper");
        check(&format!("[{}]", "1,".repeat(NODES_MAX)), "more than");
        check("a: 1\na: 2\n", "twice");
        check("", "empty");
        check("--- 1\n--- 2\n", "second document");
        check("? [a]\n: b\n", "no text");
    }
}
