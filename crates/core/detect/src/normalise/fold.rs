//! Folding of what looks the same, or is not seen at all.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

// From here on zero-width characters inside Latin words are no accident of an editor.
const SPLITS_MIN: usize = 3;
// Emoji carry one variation selector, some ideographs too; text written in them carries one for each byte.
const SELECTORS_MIN: usize = 4;
// `🏴` + `gbsct` + end: the longest subdivision that has a flag is six letters long.
const FLAG_TAGS_MAX: usize = 6;

/// A folded text, and the signs that are gone from it.
pub(super) struct Folded<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) marks: Vec<&'static str>,
}

/// NFKC without the characters that nobody sees.
pub(super) fn fold(plain: &str) -> Folded<'_> {
    if plain.is_ascii() {
        return Folded { text: Cow::Borrowed(plain), marks: Vec::new() };
    }
    if !plain.chars().any(unseen) {
        return Folded { text: compose(plain), marks: Vec::new() };
    }
    let mut found = Found::default();
    let mut text = String::with_capacity(plain.len());
    let mut rest = plain.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        if !unseen(c) {
            text.push(c);
            before = c;
            continue;
        }
        found.take(c, before, rest.peek().copied());
    }
    found.close();
    let marks = found.marks(plain);
    let mut text = compose(&text).into_owned();
    for hidden in [&found.tagged, &found.selected] {
        if !hidden.is_empty() {
            text.push('\n');
            text.push_str(hidden);
        }
    }
    Folded { text: Cow::Owned(text), marks }
}

fn compose(text: &str) -> Cow<'_, str> {
    match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfkc().collect()),
    }
}

fn unseen(c: char) -> bool {
    zero_width(c) || bidi(c) || tag(c).is_some() || selector(c).is_some()
}

fn zero_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

fn bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn tag(c: char) -> Option<u8> {
    u8::try_from(u32::from(c).checked_sub(0xE0000)?).ok().filter(u8::is_ascii)
}

fn selector(c: char) -> Option<u8> {
    match c {
        '\u{fe00}'..='\u{fe0f}' => u8::try_from(u32::from(c) - 0xFE00).ok(),
        '\u{e0100}'..='\u{e01ef}' => u8::try_from(u32::from(c) - 0xE0100 + 16).ok(),
        _ => None,
    }
}

fn right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[derive(Default)]
struct Found {
    splits: usize,
    overrides: bool,
    embeddings: bool,
    flag: bool,
    tags: String,
    tagged: String,
    selectors: Vec<u8>,
    selected: String,
    selected_mark: bool,
}

impl Found {
    fn take(&mut self, c: char, before: char, after: Option<char>) {
        if let Some(byte) = tag(c) {
            if self.tags.is_empty() {
                self.flag = before == '\u{1f3f4}';
            }
            if byte == 0x7f && self.flag && self.tags.len() <= FLAG_TAGS_MAX {
                self.tags.clear();
            } else {
                self.tags.push(char::from(byte));
            }
        } else if let Some(byte) = selector(c) {
            self.selectors.push(byte);
        } else if bidi(c) {
            self.overrides |= matches!(c, '\u{202d}' | '\u{202e}');
            self.embeddings = true;
        } else if c != '\u{ad}' && before.is_ascii_alphanumeric() && after.is_some_and(|c| c.is_ascii_alphanumeric()) {
            self.splits += 1;
        }
        if after.is_none_or(|next| tag(next).is_none()) {
            self.tagged.push_str(self.tags.trim_matches(|c: char| c.is_ascii_control()));
            self.tags.clear();
        }
        if after.is_none_or(|next| selector(next).is_none()) {
            self.close();
        }
    }

    // The end of a run of variation selectors.
    fn close(&mut self) {
        if self.selectors.len() >= SELECTORS_MIN {
            self.selected_mark = true;
            self.selected.push_str(&String::from_utf8_lossy(&self.selectors));
        }
        self.selectors.clear();
    }

    fn marks(&self, plain: &str) -> Vec<&'static str> {
        let mut marks = Vec::new();
        if self.overrides || self.embeddings && !plain.chars().any(right_to_left) {
            marks.push("bidi");
        }
        if self.selected_mark {
            marks.push("hidden-text");
        }
        if !self.tagged.is_empty() {
            marks.push("tag-characters");
        }
        if self.splits >= SPLITS_MIN {
            marks.push("zero-width");
        }
        marks
    }
}
