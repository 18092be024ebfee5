//! Which words of a person's language ask for which effect: data, one file for each language.
//!
//! Format, a line each, `#` begins a comment:
//! `verb CONCEPT CLASS form...`: forms in which a person asks (imperative, infinitive), `"several words"` in quotes;
//! CLASS is a verb of effects (`spend`, `send`, ...), or `open` for verbs that leave open what to do;
//! `noun GROUP form...`: words for one kind of thing; `authority GROUP...`, `openended GROUP...` name groups;
//! `negation`, `noun-marker`, `ask-marker` and forms: words that turn an ask around, or stand before a noun or an ask.
//! Concepts and groups have the same names in every language: that is how a German request meets an English tool.

mod parse;

use crate::text::Token;
use holdshort_model::Verb;
use siphasher::sip::SipHasher13;
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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

/// Names and kinds that all languages share.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    concepts: Vec<String>,
    groups: Vec<String>,
    /// Groups whose change is a change of authority.
    pub(crate) authority: u64,
    /// Groups that stand for things to do.
    pub(crate) open_ended: u64,
}

/// All languages.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    pub(crate) registry: Registry,
    english: Language,
    others: Vec<Language>,
    /// What single words mean in texts that somebody else wrote, by [`word_hash`].
    index: HashMap<u64, Meaning>,
}

/// What a word means in a text that somebody else wrote, in whichever language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The verb that it is a form of, unless that only reads.
    pub(crate) concept: Option<(u8, Class)>,
    /// The kinds of things that it names.
    pub(crate) groups: u64,
    /// An ask may follow.
    pub(crate) marks_ask: bool,
}

impl Meaning {
    /// Whether it speaks of paying or of authority, or of a thing of these kinds.
    pub(crate) fn picks(&self, kinds: u64) -> bool {
        let commits = matches!(self.concept, Some((_, Class::Effect(Verb::Spend | Verb::Grant))));
        commits || self.groups & kinds != 0
    }
}

/// Hash of a word as texts are indexed by.
pub(crate) fn word_hash(word: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(word.as_bytes());
    hasher.finish()
}

/// The words of one language. A form may be a verb and a noun.
#[derive(Debug, Default)]
pub(crate) struct Language {
    name: &'static str,
    forms: HashMap<String, Vec<Word>>,
    /// The forms with diacritics, without them: for people who type none.
    plain: HashMap<String, Vec<Word>>,
    /// First words of forms of several words, and how many words the longest of them has.
    heads: HashMap<String, usize>,
    /// Forms of scripts without blanks.
    continuous: Vec<(String, Word)>,
}

const ENGLISH: &str = include_str!("en.txt");
const OTHERS: &[(&str, &str)] = &[
    ("de", include_str!("de.txt")),
    ("es", include_str!("es.txt")),
    ("fr", include_str!("fr.txt")),
    ("it", include_str!("it.txt")),
    ("ja", include_str!("ja.txt")),
    ("nl", include_str!("nl.txt")),
    ("pt", include_str!("pt.txt")),
    ("zh", include_str!("zh.txt")),
];

/// English forms that no rule derives, with their verbs.
const IRREGULAR: &[(&str, &str)] = &[
    ("bought", "buy"),
    ("deletion", "delete"),
    ("did", "do"),
    ("done", "do"),
    ("gave", "give"),
    ("given", "give"),
    ("invitation", "invite"),
    ("made", "make"),
    ("paid", "pay"),
    ("payment", "pay"),
    ("ran", "run"),
    ("removal", "remove"),
    ("sent", "send"),
    ("sold", "sell"),
    ("told", "tell"),
    ("written", "write"),
    ("wrote", "write"),
];

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    // A broken line is a fault of the build, which a test finds: it reads every file and says where it breaks.
    Lexicon::build().0
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

    fn build() -> (Self, Vec<parse::BadLine>) {
        let mut lexicon = Self::default();
        let mut bad = Vec::new();
        lexicon.english.name = "en";
        bad.extend(parse::read("en", ENGLISH, &mut lexicon.registry, &mut lexicon.english).err());
        for (name, text) in OTHERS {
            let mut language = Language { name, ..Language::default() };
            bad.extend(parse::read(name, text, &mut lexicon.registry, &mut language).err());
            lexicon.others.push(language);
        }
        lexicon.index = lexicon.meanings();
        (lexicon, bad)
    }

    /// What a word means, by its [`word_hash`].
    pub(crate) fn meaning(&self, hash: u64) -> Meaning {
        self.index.get(&hash).copied().unwrap_or_default()
    }

    fn meanings(&self) -> HashMap<u64, Meaning> {
        let mut words: Vec<String> = Vec::new();
        let forms =
            |language: &Language| language.forms.keys().filter(|form| !form.contains(' ')).cloned().collect::<Vec<_>>();
        for form in forms(&self.english) {
            let dropped = form.strip_suffix('e').unwrap_or(&form);
            let doubled = form.chars().next_back().map(|last| format!("{form}{last}")).unwrap_or_default();
            words.extend(["s", "es", "d", "ed", "ing"].map(|ending| format!("{form}{ending}")));
            words.extend(["ing", "ed"].map(|ending| format!("{dropped}{ending}")));
            words.extend(["ing", "ed"].map(|ending| format!("{doubled}{ending}")));
            words.push(form.strip_suffix('y').map(|stem| format!("{stem}ies")).unwrap_or_default());
            words.push(form);
        }
        words.extend(IRREGULAR.iter().map(|(word, _)| (*word).to_owned()));
        words.extend(self.others.iter().flat_map(forms));
        let marks = |word: &str| self.english.word(word).is_some_and(|words| words.contains(&Word::AskMarker));
        let meaning = |word: &String| Meaning {
            concept: self.verb(word).filter(|(_, class)| *class != Class::Effect(Verb::Read)),
            groups: self.groups(word),
            marks_ask: marks(word),
        };
        let all = words.iter().map(|word| (word_hash(word), meaning(word)));
        all.filter(|(_, meaning)| *meaning != Meaning::default()).collect()
    }

    /// English: the language that tools are named in.
    pub(crate) fn english(&self) -> &Language {
        &self.english
    }

    /// The language of a text: by its script, else the one that knows most of its words.
    pub(crate) fn language_of(&self, folded: &str, tokens: &[Token<'_>]) -> &Language {
        let named = |name: &str| self.others.iter().find(|language| language.name == name);
        if folded.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}')) {
            return named("ja").unwrap_or(&self.english);
        }
        if folded.chars().any(is_continuous) {
            return named("zh").unwrap_or(&self.english);
        }
        let hits = |language: &Language| {
            tokens.iter().take(256).filter(|token| language.forms.contains_key(token.text)).count()
        };
        let english = hits(&self.english);
        let best = self.others.iter().map(|language| (hits(language), language)).max_by_key(|(hits, _)| *hits);
        best.filter(|(hits, _)| *hits > english).map_or(&self.english, |(_, language)| language)
    }

    /// The verb that a word is a form of, in English however it is inflected, in other languages as it stands.
    pub(crate) fn verb(&self, word: &str) -> Option<(u8, Class)> {
        let long = word.chars().count() > 4;
        let other = || self.others.iter().filter(|_| long).find_map(|language| language.verb(word));
        self.english.inflected(word).or_else(other)
    }

    /// The groups of nouns that a word belongs to in any language, as a mask.
    pub(crate) fn groups(&self, word: &str) -> u64 {
        let long = word.chars().count() > 3;
        let others = self.others.iter().filter(|_| long).fold(0, |mask, language| mask | language.groups(word));
        self.english.groups(word) | others
    }

    /// The mask of a group by its name.
    pub(crate) fn group(&self, name: &str) -> u64 {
        self.registry.groups.iter().position(|known| known == name).map_or(0, |at| 1 << at)
    }

    /// Name of a concept.
    pub(crate) fn concept(&self, number: u8) -> &str {
        self.registry.concepts.get(usize::from(number)).map_or("", String::as_str)
    }
}

impl Language {
    /// English needs no look ahead for a negation, and has endings that are derived.
    pub(crate) fn is_english(&self) -> bool {
        self.name == "en"
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

    /// What a single word may be: plurals of English nouns, what stands behind an elision, forms without diacritics.
    pub(crate) fn word(&self, word: &str) -> Option<&[Word]> {
        if let Some(exact) = self.forms.get(word) {
            return Some(exact);
        }
        if !self.is_english() {
            let bare = word.rsplit(['\'', '\u{2019}']).next().filter(|bare| bare.len() < word.len());
            let behind = bare.and_then(|bare| self.forms.get(bare));
            return behind.or_else(|| self.plain.get(word)).map(Vec::as_slice);
        }
        let singular = word.strip_suffix('s').filter(|singular| singular.len() > 2)?;
        let found = self.forms.get(singular).or_else(|| self.forms.get(singular.strip_suffix('e')?));
        let found = found.or_else(|| self.forms.get(&format!("{}y", singular.strip_suffix("ie")?)))?;
        found.iter().any(|word| matches!(word, Word::Noun { .. })).then_some(found.as_slice())
    }

    fn verb(&self, word: &str) -> Option<(u8, Class)> {
        self.forms.get(word)?.iter().find_map(|word| match word {
            Word::Verb { concept, class } => Some((*concept, *class)),
            _ => None,
        })
    }

    /// The verb that an English word is a form of: `sends`, `paid`, `transferring`.
    pub(crate) fn inflected(&self, word: &str) -> Option<(u8, Class)> {
        if let Some(found) = self.verb(word) {
            return Some(found);
        }
        if let Some((_, base)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
            return self.verb(base);
        }
        for ending in ["s", "es", "ed", "d", "ing"] {
            let Some(base) = word.strip_suffix(ending).filter(|base| base.len() > 2) else { continue };
            let doubled = base.chars().rev().take(2).collect::<Vec<char>>();
            let shorter = base.char_indices().next_back().and_then(|(at, _)| base.get(..at));
            let single = shorter.filter(|_| matches!(doubled[..], [a, b] if a == b));
            let found = self.verb(base).or_else(|| self.verb(&format!("{base}e"))).or_else(|| self.verb(single?));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The groups of nouns that a word belongs to, as a mask.
    pub(crate) fn groups(&self, word: &str) -> u64 {
        self.word(word).unwrap_or_default().iter().fold(0, |mask, word| mask | word.group())
    }

    /// What stands in a text of a script without blanks, without what is negated there.
    pub(crate) fn in_continuous(&self, folded: &str) -> Vec<Word> {
        let window = |from: usize, characters: usize, forward: bool| -> String {
            match forward {
                true => folded.get(from..).unwrap_or_default().chars().take(characters).collect(),
                false => {
                    let head: Vec<char> =
                        folded.get(..from).unwrap_or_default().chars().rev().take(characters).collect();
                    head.into_iter().rev().collect()
                }
            }
        };
        let ends = |c: char| {
            matches!(c, '\u{3002}' | '\u{ff0c}' | '\u{3001}' | ',' | '.' | '!' | '?' | '\u{ff1f}' | '\u{ff01}')
        };
        let negations: Vec<&str> =
            self.continuous.iter().filter(|(_, word)| *word == Word::Negation).map(|(form, _)| form.as_str()).collect();
        let negated = |at: usize, form: &str| {
            let near = match self.name {
                // Japanese negates behind the verb, Chinese before it; both within the clause.
                "ja" => window(at + form.len(), 9, true).split(ends).next().unwrap_or_default().to_owned(),
                _ => window(at, 6, false).rsplit(ends).next().unwrap_or_default().to_owned(),
            };
            negations.iter().any(|negation| near.contains(negation))
        };
        let mut found = Vec::new();
        for (form, word) in &self.continuous {
            let is_verb = matches!(word, Word::Verb { .. });
            let stands = folded.match_indices(form.as_str()).take(16).any(|(at, _)| !is_verb || !negated(at, form));
            if stands && (is_verb || matches!(word, Word::Noun { .. })) {
                found.push(*word);
            }
        }
        found
    }

    fn add(&mut self, form: &str, word: Word) {
        let form = crate::text::fold(form);
        if form.chars().any(is_continuous) {
            self.continuous.push((form, word));
            return;
        }
        let words: Vec<&str> = crate::text::tokens(&form).map(|token| token.text).collect();
        let form = words.join(" ");
        if let Some(head) = words.first().filter(|_| words.len() > 1) {
            let longest = self.heads.entry((*head).to_owned()).or_default();
            *longest = words.len().max(*longest);
        }
        let plain: String = form.nfd().filter(|c| !is_combining_mark(*c)).collect();
        let both = [
            (plain != form && words.len() == 1).then_some((&mut self.plain, plain)),
            Some((&mut self.forms, form.clone())),
        ];
        for (table, form) in both.into_iter().flatten() {
            let words = table.entry(form).or_default();
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
}

impl Word {
    /// The mask of the group that a noun belongs to.
    pub(crate) fn group(self) -> u64 {
        if let Self::Noun { group } = self { 1 << group } else { 0 }
    }
}

/// Han, Hiragana, Katakana.
fn is_continuous(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_reads() {
        let (lexicon, bad) = Lexicon::build();
        assert_eq!(bad, []);
        assert!(lexicon.registry.authority != 0 && lexicon.registry.open_ended != 0);
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
            assert_eq!(lexicon.verb(word).map(|(number, _)| lexicon.concept(number)), Some(concept), "{word}");
        }
        assert!(lexicon.groups("messages") & lexicon.group("message") != 0);
        assert!(lexicon.groups("companies") & lexicon.group("travel") != 0);
    }
}
