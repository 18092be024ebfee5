//! Block YAML, as tools print records.

use super::{DEPTH_MAX, LEAVES_MAX, Raw};
use saphyr_parser::{Event, Parser};

enum Inside {
    Mapping { key: Option<String>, value_next: bool, record: u32 },
    List(usize),
}

/// The leaves, or `None` when it is not one document with a mapping or a list at its root.
pub(super) fn read(part: &str) -> Option<Vec<Raw>> {
    let mut raw = Vec::new();
    let mut stack: Vec<Inside> = Vec::new();
    let (mut lists, mut documents, mut records) = (0, 0, 0_u32);
    // Marks count characters; outputs are mostly ASCII, and a place may be off by what is not.
    for event in Parser::new_from_str(part) {
        let (event, span) = event.ok()?;
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return None;
                }
            }
            Event::MappingStart(..) => {
                records += 1;
                stack.push(Inside::Mapping { key: None, value_next: false, record: records });
            }
            Event::SequenceStart(..) => {
                lists += 1;
                stack.push(Inside::List(lists));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                stack.pop();
                ended(&mut stack);
            }
            Event::Scalar(text, ..) => {
                let is_root = stack.is_empty();
                scalar(&mut stack, &mut raw, text.into_owned(), span.start.index());
                if is_root {
                    return None;
                }
            }
            // What an alias stands for was seen where it is defined.
            Event::Alias(_) => ended(&mut stack),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        if stack.len() > DEPTH_MAX || raw.len() >= LEAVES_MAX {
            return (raw.len() >= LEAVES_MAX).then_some(raw);
        }
    }
    (!raw.is_empty()).then_some(raw)
}

fn ended(stack: &mut [Inside]) {
    if let Some(Inside::Mapping { key, value_next, .. }) = stack.last_mut() {
        (*key, *value_next) = (None, false);
    }
}

fn scalar(stack: &mut [Inside], raw: &mut Vec<Raw>, text: String, at: usize) {
    let enclosing = stack.iter().rev().skip(1).find_map(|inside| match inside {
        Inside::Mapping { key, .. } => Some(key.clone()),
        Inside::List(_) => None,
    });
    let record = stack.iter().rev().find_map(|inside| match inside {
        Inside::Mapping { record, .. } => Some(*record),
        Inside::List(_) => None,
    });
    let record = record.unwrap_or_default();
    let (key, list) = match stack.last_mut() {
        Some(Inside::Mapping { key, value_next, .. }) if !*value_next => {
            (*key, *value_next) = (Some(super::key_of(&text)), true);
            return raw.push(Raw { text, key: None, is_key: true, list: None, record, at });
        }
        Some(Inside::Mapping { key, value_next, .. }) => {
            *value_next = false;
            (key.take(), None)
        }
        Some(Inside::List(list)) => (enclosing.flatten(), Some(*list)),
        None => (None, None),
    };
    raw.push(Raw { text, key, is_key: false, list, record, at });
}
