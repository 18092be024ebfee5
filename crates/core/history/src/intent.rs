//! What a text asks for: the person's request, or a sentence that somebody else wrote.
//!
//! Deterministic and by words: which verbs stand where people put what they want, and which things stand beside them.
//! A text that is not understood asks for nothing.

use crate::atoms::{Kind, atoms};
use crate::lexicon::{Class, Language, Lexicon, Word, word_hash};
use crate::text::{Token, fold, stem, tokens};
use crate::tool::Tool;
use crate::words::Index;
use holdshort_model::{Asks, Verb};
use std::collections::HashSet;

/// Longest request that is read, in bytes; the rest is cut off, and asks for nothing.
const REQUEST_BYTES_MAX: usize = 65_536;
/// Most asks that are kept of one request.
const ASKS_MAX: usize = 256;
/// Most numbers that are kept of one request.
const NUMBERS_MAX: usize = 128;
/// A quotation of so many words is something to say, not something to do.
const QUOTED_WORDS: usize = 4;

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) concept: u8,
    pub(crate) class: Class,
    pub(crate) word: String,
    /// Kinds of things in its sentence.
    pub(crate) groups: u64,
    sentence: usize,
}

/// The person's request, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) raw: String,
    pub(crate) folded: String,
    pub(crate) asks: Vec<Ask>,
    /// Kinds of things in all of it.
    pub(crate) groups: u64,
    /// Hashes of the stems of the words of each sentence, sorted; and of all of them.
    sentences: Vec<Vec<u64>>,
    stems: Vec<u64>,
    words: Index,
    /// It leaves to something else what to do.
    pub(crate) open: bool,
    /// The addresses in it.
    addresses: HashSet<String>,
    /// The numbers in it that are no small counts.
    numbers: Vec<f64>,
}

impl Request {
    /// Reads a request.
    pub(crate) fn read(text: &str) -> Self {
        let head = head(text);
        let folded = fold(head);
        let lexicon = Lexicon::get();
        let tokens: Vec<Token<'_>> = tokens(&folded).collect();
        let reader = Reader { language: lexicon.language_of(&folded, &tokens), english: lexicon.english() };
        let quoted = quotations(&folded);
        let is_quoted = |at: usize| {
            let behind = quoted.partition_point(|(start, _)| *start <= at);
            behind.checked_sub(1).and_then(|last| quoted.get(last)).is_some_and(|(_, end)| at < *end)
        };
        let mut request = Self { raw: head.to_owned(), ..Self::default() };
        let mut groups_of: Vec<u64> = Vec::new();
        let items = reader.items(&tokens);
        for (position, item) in items.iter().enumerate() {
            let Some(words) = item.tokens.first().map(|token| (token, item.words)) else { continue };
            let (token, words) = words;
            grow(&mut groups_of, &mut request.sentences, token.sentence);
            if let Some(sentence) = request.sentences.get_mut(token.sentence) {
                sentence.extend(item.tokens.iter().map(|token| word_hash(stem(token.text))));
            }
            if is_quoted(token.at) {
                continue;
            }
            if let Some((concept, class)) = reader.asked(&items, position)
                && request.asks.len() < ASKS_MAX
            {
                let (word, sentence) = (token.text.to_owned(), token.sentence);
                request.asks.push(Ask { concept, class, word, groups: 0, sentence });
            }
            let inside = item
                .tokens
                .iter()
                .filter(|_| item.tokens.len() > 1)
                .fold(0, |mask, token| mask | reader.groups(token.text));
            if let Some(groups) = groups_of.get_mut(token.sentence) {
                *groups |= words.iter().fold(inside, |mask, word| mask | word.group());
            }
        }
        continuous(&mut request, reader.language, &folded, &mut groups_of);
        for ask in &mut request.asks {
            ask.groups = groups_of.get(ask.sentence).copied().unwrap_or_default();
        }
        request.groups = groups_of.iter().fold(0, |all, groups| all | groups);
        for sentence in &mut request.sentences {
            sentence.sort_unstable();
            sentence.dedup();
        }
        request.stems = request.sentences.iter().flatten().copied().collect();
        request.stems.sort_unstable();
        request.stems.dedup();
        request.open = request.is_open(lexicon);
        request.addresses = atoms(&folded).into_iter().map(|atom| atom.value).collect();
        let pieces = folded
            .split(|c: char| c.is_whitespace() || matches!(c, '$' | '\u{20ac}' | '\u{a3}' | '(' | ')' | '"' | '\''));
        request.numbers = pieces.filter_map(number).take(NUMBERS_MAX).collect();
        request.words = Index::read(&folded);
        request.folded = folded;
        request
    }

    /// An estimate of the memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let sentences: usize = self.sentences.iter().map(|words| size_of_val(words) + words.capacity() * 8).sum();
        let addresses: usize = self.addresses.iter().map(|address| address.len() + 64).sum();
        let asks: usize = self.asks.iter().map(|ask| size_of_val(ask) + ask.word.len() + 16).sum();
        size_of::<Self>()
            + self.raw.len()
            + self.folded.capacity()
            + sentences
            + self.stems.capacity() * 8
            + self.words.bytes()
            + addresses
            + asks
            + self.numbers.capacity() * 8
    }

    // "Do the tasks on my list", and nothing else that changes anything.
    fn is_open(&self, lexicon: &Lexicon) -> bool {
        let wishes = |ask: &Ask| {
            let says = |word: &str| self.sentences.get(ask.sentence).is_some_and(|words| has(words, word));
            says("what") && ["ask", "want", "say", "need", "request", "suggest", "asked", "wrote"].into_iter().any(says)
        };
        let opens =
            |ask: &Ask| ask.class == Class::Open && (ask.groups & lexicon.registry.open_ended != 0 || wishes(ask));
        let says = |ask: &Ask| matches!(ask.class, Class::Effect(verb) if verb != Verb::Read);
        self.asks.iter().any(opens) && !self.asks.iter().any(says)
    }

    /// Whether a value stands in the request as a word of its own. `value`: folded.
    pub(crate) fn says(&self, value: &str) -> bool {
        self.words.contains_word(&self.folded, value)
    }

    /// Whether the person wrote this address, whichever way it is written.
    pub(crate) fn has_address(&self, kind: Kind, value: &str) -> bool {
        self.addresses.contains(value)
            || self.says(value)
            || (kind == Kind::Url && (self.says(&format!("www.{value}")) || self.says(&format!("//{value}"))))
    }

    /// Whether some of the words of a query are the person's.
    pub(crate) fn says_some_of(&self, folded: &str) -> bool {
        let words: Vec<&str> = tokens(folded).map(|token| token.text).filter(|word| word.len() > 2).take(32).collect();
        let said = words.iter().filter(|word| self.says(word)).count();
        !words.is_empty() && said * 3 >= words.len()
    }

    /// Whether a name stands in the request, be it as a part of a path or an address.
    pub(crate) fn says_name(&self, name: &str) -> bool {
        self.words.contains_part(&self.folded, name)
    }

    /// Whether the person wrote an address of this host.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        self.has_address(Kind::Url, host) || self.addresses.iter().any(|address| crate::atoms::host(address) == host)
    }

    /// Whether the person gave this number, however it is written.
    pub(crate) fn has_number(&self, value: &str) -> bool {
        number(value).is_some_and(|value| self.numbers.iter().any(|given| (given - value).abs() < 1e-6))
    }

    /// Whether a field of a record says what the person said: the same number, or a word of some length.
    pub(crate) fn singles_out(&self, folded: &str) -> bool {
        if number(folded).is_some() {
            return self.has_number(folded);
        }
        let english = Lexicon::get().english();
        let marks = |word: &str| {
            english
                .word(word)
                .is_some_and(|words| words.iter().any(|word| matches!(word, Word::NounMarker | Word::AskMarker)))
        };
        tokens(folded).take(16).any(|token| token.text.len() > 3 && !marks(token.text) && self.says(token.text))
    }

    /// Whether the request speaks of what a tool reads.
    pub(crate) fn speaks_of(&self, tool: &Tool) -> bool {
        self.groups & tool.groups != 0 || tool.stems.iter().any(|stem| has(&self.stems, stem))
    }

    /// Whether the request asks for a call with these effects, and the words that say so.
    pub(crate) fn asks_for(&self, tool: &Tool, verbs: &[Verb]) -> (Asks, Vec<String>) {
        let mut because = Vec::new();
        let wanted: Vec<Verb> = wanted(verbs);
        let all = wanted.iter().all(|verb| match self.asks.iter().find(|ask| self.matches(ask, *verb, tool)) {
            Some(ask) => {
                if !because.contains(&ask.word) {
                    because.push(ask.word.clone());
                }
                true
            }
            // What is only changed may be asked for in any words, as long as they speak of the thing that is changed.
            None => *verb == Verb::Write && self.speaks_of_thing(tool),
        });
        match (all, tool.prepares && !self.asks.is_empty(), self.open) {
            (true, _, _) => (Asks::Call, because),
            (false, true, _) => (Asks::Step, Vec::new()),
            (false, false, true) => (Asks::Open, Vec::new()),
            (false, false, false) => (Asks::No, Vec::new()),
        }
    }

    /// Whether the request asks for a tool of which only the name is known.
    pub(crate) fn asks_for_named(&self, tool: &Tool) -> bool {
        let fits = |groups: u64| groups == 0 || tool.groups == 0 || groups & tool.groups != 0;
        self.asks.iter().any(|ask| tool.concepts & (1 << ask.concept) != 0 && fits(ask.groups))
    }

    fn speaks_of_thing(&self, tool: &Tool) -> bool {
        let lexicon = Lexicon::get();
        let things = tool.groups & !(lexicon.group("person") | lexicon.group("profile") | lexicon.group("task"));
        let named = |stem: &String| has(&self.stems, stem);
        self.groups & things != 0 || tool.stems.iter().any(named)
    }

    fn matches(&self, ask: &Ask, verb: Verb, tool: &Tool) -> bool {
        let lexicon = Lexicon::get();
        let shared = ask.groups & tool.groups;
        // Everybody speaks of people and of details; that names no object.
        let things = shared & !(lexicon.group("person") | lexicon.group("profile"));
        let same_concept = tool.concepts & (1 << ask.concept) != 0;
        let names_object = || {
            let words = self.sentences.get(ask.sentence).map(Vec::as_slice).unwrap_or_default();
            tool.stems.iter().any(|stem| has(words, stem))
        };
        let money = ask.groups & lexicon.group("money") != 0;
        let Class::Effect(class) = ask.class else { return false };
        match verb {
            Verb::Read => true,
            Verb::Spend => class == Verb::Spend || (matches!(class, Verb::Send | Verb::Write | Verb::Delete) && money),
            Verb::Send => {
                // "Leave a comment", "write to Ann".
                let speaks = lexicon.group("message") | lexicon.group("channel");
                let written =
                    lexicon.concept(ask.concept) == "write" && ask.groups & (speaks | lexicon.group("person")) != 0;
                class == Verb::Send
                    || (class == Verb::Write
                        && (written || (ask.groups & speaks != 0 && (shared != 0 || names_object()))))
            }
            // "Cancel yoga": what goes is a name that no lexicon knows. What is moved goes from where it was.
            Verb::Delete => {
                let named = things != 0 || tool.groups == 0 || ask.groups == 0 || names_object();
                let renames = tool.moves && matches!(lexicon.concept(ask.concept), "move" | "update");
                (class == Verb::Delete && named) || (class == Verb::Write && (same_concept || renames))
            }
            // Authority is never given along with something else: its own object has to be named.
            Verb::Grant => {
                let changes = matches!(class, Verb::Grant | Verb::Write | Verb::Send | Verb::Delete);
                let authority = shared & lexicon.registry.authority != 0 && changes;
                let own = class == Verb::Grant && same_concept;
                authority
                    || own
                    || (same_concept
                        && tool.groups & lexicon.registry.authority == 0
                        && (shared != 0 || names_object()))
            }
            Verb::Write => {
                same_concept || (!matches!(class, Verb::Read | Verb::Send) && (things != 0 || names_object()))
            }
            Verb::Execute => {
                class == Verb::Execute || same_concept || (class != Verb::Read && (things != 0 || names_object()))
            }
            Verb::Delegate => matches!(class, Verb::Delegate | Verb::Send) || same_concept,
        }
    }
}

/// What a person must have asked for: the consequential effects, else the others that change something.
fn wanted(verbs: &[Verb]) -> Vec<Verb> {
    let strong: Vec<Verb> =
        verbs.iter().copied().filter(|verb| !matches!(verb, Verb::Read | Verb::Write | Verb::Execute)).collect();
    match strong.contains(&Verb::Spend) || strong.contains(&Verb::Grant) {
        // Money that moves is sent to somebody, and so is an invitation.
        true => strong.into_iter().filter(|verb| *verb != Verb::Send).collect(),
        false if strong.is_empty() => verbs.to_vec(),
        false => strong,
    }
}

/// So much of a request as is read.
pub(crate) fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(REQUEST_BYTES_MAX)).unwrap_or_default()
}

/// An amount as people write it: `10.00`, `1,200`, `30 000` is not one. Small whole numbers are counts.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_end_matches(['.', ',', '!', '?', ';', ':', '%']);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value: f64 = text.replace(',', "").parse().ok()?;
    (value >= 10.0 || value.fract() != 0.0).then_some(value)
}

fn has(stems: &[u64], word: &str) -> bool {
    stems.binary_search(&word_hash(word)).is_ok()
}

fn grow(groups: &mut Vec<u64>, sentences: &mut Vec<Vec<u64>>, sentence: usize) {
    while sentences.len() <= sentence {
        sentences.push(Vec::new());
        groups.push(0);
    }
}

/// The language of a request, and English for what it borrows.
struct Reader<'a> {
    language: &'a Language,
    english: &'a Language,
}

/// Words that belong together.
struct Item<'a> {
    tokens: &'a [Token<'a>],
    words: &'a [Word],
}

impl Item<'_> {
    fn opens(&self) -> bool {
        self.tokens.first().is_some_and(|token| token.opens)
    }

    fn sentence(&self) -> usize {
        self.tokens.first().map_or(0, |token| token.sentence)
    }

    fn is(&self, word: Word) -> bool {
        self.words.contains(&word)
    }
}

impl<'a> Reader<'a> {
    fn items(&self, tokens: &'a [Token<'a>]) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        let mut rest = tokens;
        while !rest.is_empty() {
            let found = self.language.at(rest).or_else(|| self.english.at(rest));
            let length = found.map_or(1, |found| found.length).clamp(1, rest.len());
            let (head, tail) = rest.split_at(length);
            items.push(Item { tokens: head, words: found.map_or(&[], |found| found.words) });
            rest = tail;
        }
        items
    }

    fn groups(&self, word: &str) -> u64 {
        self.language.groups(word) | self.english.groups(word)
    }

    /// The verb, when these words ask for something in this place.
    fn asked(&self, items: &[Item<'_>], position: usize) -> Option<(u8, Class)> {
        let item = items.get(position)?;
        let verb = item.words.iter().find_map(|word| match word {
            Word::Verb { concept, class } => Some((*concept, *class)),
            _ => None,
        })?;
        // Back to the beginning of the clause: what stands before it belongs to something else.
        let mut clause = Vec::new();
        if !item.opens() {
            for other in items.get(..position).unwrap_or_default().iter().rev().take(4) {
                if other.sentence() != item.sentence() {
                    break;
                }
                clause.push(other);
                if other.opens() {
                    break;
                }
            }
        }
        if clause.iter().any(|other| other.is(Word::Negation)) || self.negated_behind(items, position, verb.1) {
            return None;
        }
        let previous = clause.first();
        let invites = item.opens() || previous.is_none_or(|other| other.is(Word::AskMarker));
        let noun = item.words.iter().any(|word| matches!(word, Word::Noun { .. }));
        let follows_noun_marker = previous.is_some_and(|other| other.is(Word::NounMarker));
        (invites || (!noun && !follows_noun_marker)).then_some(verb)
    }

    // `Verwijder niets`, `loesche nicht`, and the `do` of `do not`.
    fn negated_behind(&self, items: &[Item<'_>], position: usize, class: Class) -> bool {
        let reach = match (self.language.is_english(), class) {
            (true, Class::Open) => 1,
            (true, _) => 0,
            (false, _) => 4,
        };
        let behind = items.get(position + 1..).unwrap_or_default().iter().take(reach);
        behind.take_while(|other| !other.opens()).any(|other| other.is(Word::Negation))
    }
}

/// Languages without blanks: forms found anywhere, in one sentence.
fn continuous(request: &mut Request, language: &Language, folded: &str, groups: &mut Vec<u64>) {
    let found = language.in_continuous(folded);
    if found.is_empty() {
        return;
    }
    grow(groups, &mut request.sentences, 0);
    for word in found {
        if let Word::Verb { concept, class } = word
            && request.asks.len() < ASKS_MAX
        {
            request.asks.push(Ask { concept, class, word: String::new(), groups: 0, sentence: 0 });
        }
        if let Some(mask) = groups.first_mut() {
            *mask |= word.group();
        }
    }
}

/// Byte ranges between quotation marks that hold something to say.
fn quotations(folded: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut open: Option<(char, usize)> = None;
    let mut previous = ' ';
    let mut characters = folded.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        match open {
            None => {
                let closing = match c {
                    '"' => Some('"'),
                    '\u{201c}' | '\u{201e}' => Some('\u{201d}'),
                    '\u{ab}' => Some('\u{bb}'),
                    '\'' | '\u{2018}' if !previous.is_alphanumeric() => Some(if c == '\'' { '\'' } else { '\u{2019}' }),
                    _ => None,
                };
                open = closing.map(|closing| (closing, at));
            }
            Some((closing, start)) if c == closing && !next.is_alphanumeric() => {
                let inside = folded.get(start..at).unwrap_or_default();
                if tokens(inside).count() >= QUOTED_WORDS {
                    ranges.push((start, at));
                }
                open = None;
            }
            Some(_) => {}
        }
        previous = c;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// What people ask for, in nine languages; see the data file.
    #[test]
    fn requests_of_every_day() {
        let lexicon = Lexicon::get();
        let mut wrong = Vec::new();
        let lines = include_str!("../tests/data/requests.jsonl").lines();
        for line in lines.clone() {
            let expect: Value = serde_json::from_str(line).unwrap();
            let request = Request::read(expect["text"].as_str().unwrap());
            let texts = |key: &str| -> BTreeSet<&str> {
                expect[key].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
            };
            let asks: BTreeSet<&str> = request.asks.iter().map(|ask| lexicon.concept(ask.concept)).collect();
            let all_groups = texts("groups").iter().all(|group| request.groups & lexicon.group(group) != 0);
            if asks != texts("asks") || !all_groups {
                wrong.push(format!("{}: {:?} for {:?} of {}", expect["lang"], asks, texts("asks"), expect["text"]));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.count(), wrong.join("\n"));
    }
}
