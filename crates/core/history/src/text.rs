//! Text as the matchers see it: folded, and cut into words and sentences.

use unicode_normalization::UnicodeNormalization;

/// Folds case, compatibility forms and white space, and drops what cannot be seen.
///
/// NFKC, lower case, zero-width, bidirectional and tag characters removed, each run of white space one blank.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        text.bytes().for_each(|byte| push_ascii(&mut folded, byte));
    } else {
        let short = text.chars().map(|c| if is_phrase(c) { ' ' } else { c });
        short.nfkc().flat_map(char::to_lowercase).for_each(|c| push(&mut folded, c));
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

/// As [`push`]: most bytes of a text are neither blank nor invisible.
fn push_ascii(folded: &mut String, byte: u8) {
    match byte {
        b'!'..=b'~' => folded.push(char::from(byte.to_ascii_lowercase())),
        _ => push(folded, char::from(byte)),
    }
}

fn push(folded: &mut String, c: char) {
    if c.is_whitespace() {
        if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    } else if !is_invisible(c) {
        folded.push(c.to_ascii_lowercase());
    }
}

/// One character that stands for a whole phrase of 18 or 8: texts of it would grow tenfold, and nobody writes addresses
/// with it.
fn is_phrase(c: char) -> bool {
    matches!(c, '\u{fdfa}' | '\u{fdfb}')
}

/// Zero-width, bidirectional, tag, variation and control characters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace())
}

/// A word of a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// The word: letters, digits, and apostrophes between them.
    pub(crate) text: &'a str,
    /// First byte in the folded text.
    pub(crate) at: usize,
    /// It begins a sentence or a clause.
    pub(crate) opens: bool,
    /// Number of its sentence.
    pub(crate) sentence: usize,
}

/// The words of a folded text.
pub(crate) fn tokens(folded: &str) -> Tokens<'_> {
    Tokens { text: folded, at: 0, sentence: 0, opens: true, empty: true }
}

/// Iterates over the words of a folded text.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    sentence: usize,
    opens: bool,
    /// The sentence has no word yet.
    empty: bool,
}

impl Tokens<'_> {
    fn char_at(&self, at: usize) -> Option<char> {
        match self.text.as_bytes().get(at)? {
            byte if byte.is_ascii() => Some(char::from(*byte)),
            _ => self.text.get(at..)?.chars().next(),
        }
    }

    fn between(&mut self, c: char, next: Option<char>) {
        let next_is_blank = next.is_none_or(|next| !next.is_alphanumeric());
        match c {
            '.' | '!' | '?' | ';' | '\u{3002}' | '\u{ff1f}' | '\u{ff01}' if next_is_blank => {
                self.sentence += usize::from(!self.empty);
                (self.opens, self.empty) = (true, true);
            }
            '-' if !next_is_blank => {}
            ',' | ':' | '(' | '"' | '\u{201c}' | '-' | '*' | '\u{3001}' | '|' => self.opens = true,
            _ => {}
        }
    }

    fn word_end(&self, from: usize) -> usize {
        let mut end = from;
        while let Some(c) = self.char_at(end) {
            let inner =
                || matches!(c, '\'' | '\u{2019}') && self.char_at(end + c.len_utf8()).is_some_and(char::is_alphabetic);
            if !c.is_alphanumeric() && !inner() {
                break;
            }
            end += c.len_utf8();
        }
        end
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let c = self.char_at(self.at)?;
            let next = self.at + c.len_utf8();
            if c.is_alphanumeric() {
                let (at, end) = (self.at, self.word_end(next));
                let text = self.text.get(at..end)?;
                let token = Token { text, at, opens: self.opens, sentence: self.sentence };
                (self.at, self.opens, self.empty) = (end, false, false);
                return Some(token);
            }
            if c != ' ' {
                self.between(c, self.char_at(next));
            }
            self.at = next;
        }
    }
}

/// Whether `needle` stands in `text` and ends where a word ends on both sides. Both folded.
pub(crate) fn contains_word(text: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return false;
    }
    let free_head = !needle.starts_with(char::is_alphanumeric);
    let free_tail = !needle.ends_with(char::is_alphanumeric);
    text.match_indices(needle).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + needle.len()..).and_then(|tail| tail.chars().next());
        (free_head || !before.is_some_and(joins_word_before)) && (free_tail || !after.is_some_and(joins_word_after))
    })
}

/// What makes one word with what stands behind it.
pub(crate) fn joins_word_before(c: char) -> bool {
    joins_word_after(c) || matches!(c, '.' | '/')
}

/// What makes one word with what stands before it.
pub(crate) fn joins_word_after(c: char) -> bool {
    joins_part(c) || c == '@'
}

/// What makes one word with what stands beside it, where the parts of addresses are words.
pub(crate) fn joins_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// As [`contains_word`], where the parts of paths and addresses are words as well.
pub(crate) fn contains_part(text: &str, needle: &str) -> bool {
    !needle.is_empty()
        && text.match_indices(needle).any(|(at, _)| {
            let before = text.get(..at).and_then(|head| head.chars().next_back());
            let after = text.get(at + needle.len()..).and_then(|tail| tail.chars().next());
            !before.is_some_and(joins_part) && !after.is_some_and(joins_part)
        })
}

/// An English word without the endings of the plural: only for comparing nouns with each other.
pub(crate) fn stem(word: &str) -> &str {
    let cut = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() >= 3);
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    let plural = ["sses", "ches", "shes", "xes", "zes"].iter().any(|ending| word.ends_with(ending));
    let es = if plural { cut("es") } else { None };
    cut("ies").or(es).or_else(|| cut("s")).or_else(|| cut("y")).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding() {
        for (text, folded) in [
            ("  Hello\u{200b}  World\n", "hello world"),
            ("\u{ff35}\u{ff33}133", "us133"),
            ("a\u{202e}b\u{0}c", "abc"),
            ("STRASSE \u{c4}", "strasse \u{e4}"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn ascii_folds_byte_by_byte_as_any_text_does() {
        for first in 0..=0x7f_u8 {
            for second in 0..=0x7f_u8 {
                let text: String = ['x', char::from(first), char::from(second), 'Y'].iter().collect();
                // A letter that is no ASCII sends the text the other way.
                let expected = fold(&format!("{text}\u{e9}"));
                assert_eq!(format!("{}\u{e9}", fold(&text)), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn words_and_sentences() {
        let folded = fold("Don't send it. Visit www.x.com, then pay 1,200.00!");
        let found: Vec<(String, usize, bool)> =
            tokens(&folded).map(|token| (token.text.to_owned(), token.sentence, token.opens)).collect();
        let expect = [
            ("don't", 0, true),
            ("send", 0, false),
            ("it", 0, false),
            ("visit", 1, true),
            ("www", 1, false),
            ("x", 1, false),
            ("com", 1, false),
            ("then", 1, true),
            ("pay", 1, false),
            ("1", 1, false),
            ("200", 1, true),
            ("00", 1, false),
        ];
        let expect: Vec<(String, usize, bool)> = expect.map(|(text, at, opens)| (text.to_owned(), at, opens)).to_vec();
        assert_eq!(found, expect);
    }

    #[test]
    fn whole_words_only() {
        assert!(contains_word("visit www.our-company.com.they sent", "www.our-company.com"));
        assert!(!contains_word("visit our-company.com", "company.com"));
        assert!(!contains_word("mail ann@x.com", "x.com"));
        assert!(contains_word("pay us133.", "us133") && !contains_word("pay us1334", "us133"));
        assert!(contains_word("the 'general' channel", "general"));
        assert!(!contains_word("x", ""));
    }

    #[test]
    fn stems() {
        for (word, expect) in [
            ("messages", "message"),
            ("bus", "bus"),
            ("parties", "part"),
            ("party", "part"),
            ("address", "address"),
            ("boxes", "box"),
        ] {
            assert_eq!(stem(word), expect);
        }
    }
}
