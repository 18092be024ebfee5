//! Which words of a person's language ask for which effect: data, one file for each language.
//!
//! Format, a line each, `#` begins a comment:
//! `verb CONCEPT CLASS form...`: forms in which a person asks (imperative, infinitive), `"several words"` in quotes;
//! CLASS is a verb of effects (`spend`, `send`, ...), or `open` for verbs that leave open what to do;
//! `noun GROUP form...`: words for one kind of thing; `authority GROUP...`, `openended GROUP...` name groups;
//! `negation`, `noun-marker`, `ask-marker` and forms: words that turn an ask around, or stand before a noun or an ask.
//! Concepts and groups have the same names in every language: that is how a German request meets an English tool.

mod parse;

use crate::text::{Token, stem};
use holdshort_model::Verb;
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use parse::Class;

/// What a word is, for the lexicon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Asks for something.
    Verb {
        /// Number of the concept, the same in every language.
        concept: u8,
        /// What it asks for.
        class: Class,
    },
    /// Names a kind of thing.
    Noun {
        /// Number of the group, the same in every language.
        group: u8,
    },
    /// Turns an ask around.
    Negation,
    /// A noun follows.
    NounMarker,
    /// An ask follows.
    AskMarker,
}

/// All languages in one table. A form may be a verb and a noun.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    forms: HashMap<String, Vec<Word>>,
    /// First words of forms of several words, and how many words the longest of them has.
    heads: HashMap<String, usize>,
    /// Forms of scripts without blanks.
    continuous: Vec<(String, Word)>,
    /// Groups whose change is a change of authority.
    pub(crate) authority: u64,
    /// Groups that stand for things to do.
    pub(crate) open_ended: u64,
    concepts: Vec<String>,
    groups: Vec<String>,
}

const LANGUAGES: &[(&str, &str)] = &[("en", include_str!("en.txt"))];

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon::default();
    for (language, text) in LANGUAGES {
        // A broken line is a fault of the build, which a test finds: it reads every file and says where it breaks.
        let _ = parse::read(language, text, &mut lexicon);
    }
    lexicon
});

/// What was found at a place in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// What the words there may be.
    pub(crate) words: &'a [Word],
    /// How many words they are.
    pub(crate) length: usize,
}

impl Lexicon {
    /// The lexicon of all languages.
    pub(crate) fn get() -> &'static Self {
        &LEXICON
    }

    /// The longest form that begins at the first of these words.
    pub(crate) fn at(&self, tokens: &[Token<'_>]) -> Option<Found<'_>> {
        let first = tokens.first()?.text;
        if let Some(longest) = self.heads.get(first) {
            for length in (2..=(*longest).min(tokens.len())).rev() {
                let form: Vec<&str> = tokens.iter().take(length).map(|token| token.text).collect();
                if let Some(words) = self.forms.get(form.join(" ").as_str()) {
                    return Some(Found { words, length });
                }
            }
        }
        self.word(first).map(|words| Found { words, length: 1 })
    }

    /// What a single word may be; plurals of English nouns included.
    pub(crate) fn word(&self, word: &str) -> Option<&[Word]> {
        let exact = self.forms.get(word).map(Vec::as_slice);
        exact.or_else(|| {
            let singular = word.strip_suffix('s').filter(|singular| singular.len() > 2)?;
            let found = self.forms.get(singular).or_else(|| self.forms.get(singular.strip_suffix('e')?));
            let found = found.or_else(|| self.forms.get(&format!("{}y", singular.strip_suffix("ie")?)))?;
            found.iter().any(|word| matches!(word, Word::Noun { .. })).then_some(found.as_slice())
        })
    }

    /// The verb that a word is a form of, however it is inflected in English: `sends`, `paid`, `transferring`.
    pub(crate) fn inflected(&self, word: &str) -> Option<(u8, Class)> {
        let verb = |form: &str| {
            self.forms.get(form).and_then(|words| {
                words.iter().find_map(|word| match word {
                    Word::Verb { concept, class } => Some((*concept, *class)),
                    _ => None,
                })
            })
        };
        if let Some(found) = verb(word) {
            return Some(found);
        }
        let irregular = match word {
            "sent" => "send",
            "paid" => "pay",
            "bought" => "buy",
            "sold" => "sell",
            "wrote" | "written" => "write",
            "gave" | "given" => "give",
            "made" => "make",
            "ran" => "run",
            "told" => "tell",
            "done" | "did" => "do",
            "payment" => "pay",
            "deletion" => "delete",
            "removal" => "remove",
            "invitation" => "invite",
            _ => "",
        };
        if !irregular.is_empty() {
            return verb(irregular);
        }
        for ending in ["s", "es", "ed", "d", "ing"] {
            let Some(base) = word.strip_suffix(ending).filter(|base| base.len() > 2) else { continue };
            let doubled = base.chars().rev().take(2).collect::<Vec<char>>();
            let single = base.get(..base.len() - 1).filter(|_| matches!(doubled[..], [a, b] if a == b));
            let found = verb(base).or_else(|| verb(&format!("{base}e"))).or_else(|| single.and_then(verb));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The groups of nouns that a word belongs to, as a mask.
    pub(crate) fn groups(&self, word: &str) -> u64 {
        let words = self.word(word).unwrap_or_default();
        words.iter().fold(0, |mask, word| mask | if let Word::Noun { group } = word { 1 << group } else { 0 })
    }

    /// The mask of a group by its name.
    pub(crate) fn group(&self, name: &str) -> u64 {
        self.groups.iter().position(|known| known == name).map_or(0, |at| 1 << at)
    }

    /// Name of a concept.
    pub(crate) fn concept(&self, number: u8) -> &str {
        self.concepts.get(usize::from(number)).map_or("", String::as_str)
    }

    /// What stands in a text of a script without blanks.
    pub(crate) fn in_continuous(&self, folded: &str) -> Vec<(usize, Word)> {
        if folded.is_ascii() {
            return Vec::new();
        }
        let found = |(form, word): &(String, Word)| folded.find(form.as_str()).map(|at| (at, *word));
        self.continuous.iter().filter_map(found).collect()
    }

    fn add(&mut self, form: &str, word: Word) {
        let form = crate::text::fold(form);
        let words: Vec<&str> = crate::text::tokens(&form).map(|token| token.text).collect();
        let form = words.join(" ");
        if form.chars().any(is_continuous) {
            self.continuous.push((form, word));
            return;
        }
        let length = form.split(' ').count();
        if let Some(head) = form.split(' ').next().filter(|_| length > 1) {
            let longest = self.heads.entry(head.to_owned()).or_default();
            *longest = length.max(*longest);
        }
        let words = self.forms.entry(form).or_default();
        if !words.contains(&word) {
            words.push(word);
        }
    }
}

/// Han, Hiragana, Katakana.
fn is_continuous(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Whether two nouns are the same but for their number.
pub(crate) fn same_noun(one: &str, other: &str) -> bool {
    one == other || stem(one) == stem(other)
}

/// Whether an effect changes something that a person must have wanted.
pub(crate) fn is_consequential(verb: Verb) -> bool {
    matches!(verb, Verb::Delete | Verb::Execute | Verb::Send | Verb::Spend | Verb::Delegate | Verb::Grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_reads() {
        let mut lexicon = Lexicon::default();
        for (language, text) in LANGUAGES {
            assert_eq!(parse::read(language, text, &mut lexicon), Ok(()));
        }
        assert!(lexicon.authority != 0 && lexicon.open_ended != 0);
    }

    #[test]
    fn inflection() {
        let lexicon = Lexicon::get();
        for (word, concept) in [
            ("sends", "send"),
            ("sent", "send"),
            ("transferring", "transfer"),
            ("deleted", "delete"),
            ("paying", "pay"),
            ("invited", "invite"),
            ("shared", "share"),
        ] {
            assert_eq!(lexicon.inflected(word).map(|(number, _)| lexicon.concept(number)), Some(concept), "{word}");
        }
        assert!(lexicon.groups("messages") & lexicon.group("message") != 0);
        assert!(lexicon.groups("companies") & lexicon.group("travel") != 0);
    }
}
