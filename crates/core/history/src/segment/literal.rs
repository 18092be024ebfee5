//! JSON and the literals that Python prints: dictionaries, lists, texts in either quotation marks.

use super::{DEPTH_MAX, LEAVES_MAX, Raw};

enum Inside {
    Mapping { key: Option<String>, record: u32 },
    List(usize),
}

/// The leaves, or `None` when it is not one literal from the beginning to the end.
pub(super) fn read(part: &str) -> Option<Vec<Raw>> {
    let mut reader = Reader { part, at: 0, stack: Vec::new(), raw: Vec::new(), lists: 0, records: 0 };
    loop {
        reader.blanks();
        let c = reader.peek()?;
        let at = reader.at;
        match c {
            '{' => {
                reader.records += 1;
                let record = reader.records;
                reader.push(Inside::Mapping { key: None, record })?;
            }
            '[' | '(' => {
                reader.lists += 1;
                let list = Inside::List(reader.lists);
                reader.push(list)?;
            }
            '}' | ']' | ')' => {
                let ends =
                    matches!((reader.stack.pop()?, c), (Inside::Mapping { .. }, '}') | (Inside::List(_), ']' | ')'));
                if !ends {
                    return None;
                }
                reader.at += 1;
                reader.value_ends();
                if reader.stack.is_empty() {
                    reader.blanks();
                    return (reader.at == part.len()).then_some(reader.raw);
                }
            }
            ',' | ':' => reader.at += 1,
            '"' | '\'' => {
                let text = reader.quoted(c)?;
                reader.scalar(text, at);
            }
            _ => {
                let text = reader.bare()?;
                reader.scalar(text, at);
            }
        }
        if reader.raw.len() >= LEAVES_MAX {
            return Some(reader.raw);
        }
    }
}

struct Reader<'a> {
    part: &'a str,
    at: usize,
    stack: Vec<Inside>,
    raw: Vec<Raw>,
    lists: usize,
    records: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.part.get(self.at..)?.chars().next()
    }

    fn blanks(&mut self) {
        while let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
            self.at += c.len_utf8();
        }
    }

    fn push(&mut self, inside: Inside) -> Option<()> {
        self.at += 1;
        self.stack.push(inside);
        (self.stack.len() <= DEPTH_MAX).then_some(())
    }

    fn value_ends(&mut self) {
        if let Some(Inside::Mapping { key, .. }) = self.stack.last_mut() {
            *key = None;
        }
    }

    fn scalar(&mut self, text: String, at: usize) {
        self.blanks();
        let names = self.peek() == Some(':');
        let record = self.stack.iter().rev().find_map(|inside| match inside {
            Inside::Mapping { record, .. } => Some(*record),
            Inside::List(_) => None,
        });
        let record = record.unwrap_or_default();
        let (key, list) = match self.stack.last_mut() {
            Some(Inside::Mapping { key, .. }) if names => {
                *key = Some(super::key_of(&text));
                return self.raw.push(Raw { text, key: None, is_key: true, list: None, record, at });
            }
            Some(Inside::Mapping { key, .. }) => (key.take(), None),
            Some(Inside::List(list)) => (None, Some(*list)),
            None => (None, None),
        };
        // An entry of a list belongs to the field that the list is the value of.
        let key = key.or_else(|| {
            self.stack.iter().rev().find_map(|inside| match inside {
                Inside::Mapping { key, .. } => Some(key.clone()),
                Inside::List(_) => None,
            })?
        });
        self.raw.push(Raw { text, key, is_key: false, list, record, at });
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let c = self.peek()?;
            self.at += c.len_utf8();
            match c {
                _ if c == quote => return Some(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        let digits = match c {
            'n' => return Some('\n'),
            't' => return Some('\t'),
            'r' => return Some('\r'),
            'b' | 'f' => return Some(' '),
            'u' => 4,
            'x' => 2,
            'U' => 8,
            other => return Some(other),
        };
        let hex = |at: usize| u32::from_str_radix(self.part.get(at..at + digits)?, 16).ok();
        let (code, next) = (hex(self.at)?, self.at + digits);
        self.at = next;
        // A pair of surrogates is one character.
        if (0xd800..0xdc00).contains(&code) && self.part.get(next..next + 2) == Some("\\u") {
            let low = u32::from_str_radix(self.part.get(next + 2..next + 6)?, 16).ok()?;
            if (0xdc00..0xe000).contains(&low) {
                self.at = next + 6;
                return char::from_u32(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// A number, `true`, `None`, `datetime.date(`...
    fn bare(&mut self) -> Option<String> {
        let rest = self.part.get(self.at..)?;
        let end = rest.find([',', ':', '}', ']', ')', '{', '[', '(', '"', '\'', '\n']).unwrap_or(rest.len());
        let text = rest.get(..end)?.trim_end();
        self.at += end.max(1);
        (!text.is_empty()).then(|| text.to_owned())
    }
}
