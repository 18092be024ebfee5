//! Everything that a session has read, indexed by value: each output once, each question a few look-ups.
//!
//! What is kept are hashes of values and words with the places where they stood, never the texts. Bounded: beyond the
//! limits nothing more is kept, and that is said.

use crate::atoms::{Kind, atoms, whole};
use crate::intent::Request;
use crate::lexicon::{Class, Lexicon, Word, is_consequential};
use crate::segment::{Leaf, leaves};
use crate::text::{fold, stem, tokens};
use holdshort_model::{Character, Reach, SourceKind};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

/// Bytes of one output that are looked at.
pub(crate) const OUTPUT_BYTES_MAX: usize = 256 << 10;
/// Sources that one session remembers.
const SOURCES_MAX: usize = 4_096;
/// Values that one session remembers: about 100 bytes each.
const VALUES_MAX: usize = 131_072;
/// Words that one session remembers: about 50 bytes each.
const WORDS_MAX: usize = 131_072;
/// Places of one value that are remembered; the most trustworthy ones.
const PLACES_MAX: usize = 4;
/// Sources of one word, or of one concept, that are remembered.
const WORD_SOURCES_MAX: usize = 4;
/// Longest value that is remembered as a whole, in bytes.
const VALUE_BYTES_MAX: usize = 256;
/// Decoded texts of one output.
const DECODED_MAX: usize = 16;

/// Key of a value: 128 bits, so that no value can be made to look like another one.
pub(crate) type Key = u128;

/// The key of a folded value.
pub(crate) fn key(value: &str) -> Key {
    let mut hasher = SipHasher13::new();
    hasher.write(value.as_bytes());
    hasher.finish128().as_u128()
}

/// Where something was read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: Box<str>,
    pub(crate) reach: Reach,
    pub(crate) trusted: bool,
    pub(crate) kind: SourceKind,
    /// Somebody else wrote all of it: a page, a file.
    pub(crate) content: bool,
    /// How many different addresses of each kind it holds: in all, in typed fields, and in records that the request
    /// singles out.
    addresses: [Addresses; 4],
}

#[derive(Clone, Copy, Debug, Default)]
struct Addresses {
    all: u32,
    typed: u32,
    meant: u32,
}

/// One place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: u32,
    pub(crate) at: u32,
    pub(crate) length: u32,
    pub(crate) character: Character,
    /// The value is all of what a serialiser wrote there.
    pub(crate) typed: bool,
    pub(crate) decoded: bool,
    /// Something else in its record is what the person said.
    pub(crate) meant: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    sources: [u32; WORD_SOURCES_MAX],
    count: u8,
    concept: Option<(u8, Class)>,
    groups: u64,
    marks_ask: bool,
}

impl Heard {
    fn add(&mut self, source: u32) {
        let known = self.sources.iter().take(usize::from(self.count)).any(|other| *other == source);
        if let (false, Some(slot)) = (known, self.sources.get_mut(usize::from(self.count))) {
            *slot = source;
            self.count += 1;
        }
    }
}

/// What a session has read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    sources: Vec<Source>,
    values: HashMap<Key, Vec<Place>>,
    words: HashMap<u64, Heard>,
    /// Who asks for what: concept, class and kinds of things of sentences with a verb that changes something.
    mentions: HashMap<u8, Vec<Mention>>,
    /// Values that the agent itself brought in without anybody having given them to it: they are nobody's data.
    tainted: HashSet<Key>,
    pub(crate) truncated: bool,
}

/// A source asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) source: u32,
    pub(crate) class: Class,
    pub(crate) groups: u64,
}

impl Seen {
    /// A source, by the number that places have.
    pub(crate) fn source(&self, number: u32) -> Option<&Source> {
        self.sources.get(usize::try_from(number).ok()?)
    }

    /// Where a folded value stood.
    pub(crate) fn places(&self, value: &str) -> &[Place] {
        self.values.get(&key(value)).map_or(&[], Vec::as_slice)
    }

    /// Sources of a word.
    pub(crate) fn word(&self, word: &str) -> &[u32] {
        self.words
            .get(&word_key(word))
            .map_or(&[], |heard| heard.sources.get(..usize::from(heard.count)).unwrap_or(&[]))
    }

    /// Sources with a sentence that uses a concept.
    pub(crate) fn mentions(&self, concept: u8) -> &[Mention] {
        self.mentions.get(&concept).map_or(&[], Vec::as_slice)
    }

    /// How many other addresses of the same kind in the source could be meant as well.
    pub(crate) fn rivals(&self, place: &Place, kind: Kind) -> u32 {
        let addresses = self.source(place.source).and_then(|source| source.addresses.get(kind as usize));
        let Addresses { all, typed, meant } = addresses.copied().unwrap_or_default();
        let alike = match (place.typed, place.meant) {
            (true, true) => meant,
            (true, false) => typed,
            (false, _) => all,
        };
        alike.saturating_sub(1)
    }

    /// The agent brought in a value that nobody gave it.
    pub(crate) fn taint(&mut self, value: &str) {
        if self.tainted.len() < VALUES_MAX {
            self.tainted.insert(key(value));
        } else {
            self.truncated = true;
        }
    }

    /// Whether the agent brought a value in itself.
    pub(crate) fn is_tainted(&self, value: &str) -> bool {
        self.tainted.contains(&key(value))
    }

    /// An estimate of the memory that this takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let places: usize = self.values.capacity() * 48
            + self.values.values().map(|places| places.capacity() * size_of::<Place>()).sum::<usize>();
        self.sources.len() * 96
            + places
            + self.words.capacity() * (size_of::<Heard>() + 9)
            + self.tainted.capacity() * 17
    }

    /// Reads what came back of an action.
    pub(crate) fn observe(&mut self, source: Source, parts: &[&str], request: Option<&Request>) {
        let Ok(number) = u32::try_from(self.sources.len()) else { return };
        if self.sources.len() >= SOURCES_MAX {
            self.truncated = true;
            return;
        }
        let (content, id) = (source.content, number);
        self.sources.push(source);
        let mut left = OUTPUT_BYTES_MAX;
        for part in parts {
            let end = part.floor_char_boundary(left);
            self.truncated |= end < part.len();
            left -= end;
            let part = part.get(..end).unwrap_or_default();
            let (leaves, complete) = leaves(part, content);
            self.truncated |= !complete;
            let meant = singled_out(&leaves, request);
            for leaf in &leaves {
                self.leaf(id, leaf, meant.contains(&leaf.record), false);
            }
        }
    }

    fn leaf(&mut self, source: u32, leaf: &Leaf, meant: bool, decoded: bool) {
        let folded = fold(&leaf.text);
        let at = u32::try_from(leaf.at).unwrap_or(u32::MAX);
        let place = |at: u32, length: usize, character, typed| Place {
            source,
            at,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            character,
            typed,
            decoded,
            meant,
        };
        let typed = leaf.typed && !decoded;
        let address = whole(&folded);
        if let Some((kind, value)) = &address {
            let typed = typed && !self.is_tainted(value);
            let character = if typed { leaf.character } else { Character::Prose };
            self.address(*kind, value, place(at, leaf.text.len(), character, typed));
        }
        if folded.len() <= VALUE_BYTES_MAX && leaf.character != Character::Prose {
            let typed = typed && !self.is_tainted(&folded);
            let character = if self.is_tainted(&folded) { Character::Prose } else { leaf.character };
            self.value(&folded, place(at, leaf.text.len(), character, typed));
        }
        // What a serialiser wrote and is one short value asks for nothing. Lines of a text are in the text itself.
        if leaf.typed || leaf.character == Character::Prose {
            let instructs = self.prose(source, &folded);
            if address.is_none() {
                for atom in atoms(&folded) {
                    let is_instruction = instructs.iter().any(|(start, end)| (*start..*end).contains(&atom.at));
                    let character = if is_instruction { Character::Instruction } else { Character::Prose };
                    let at = at.saturating_add(u32::try_from(atom.at).unwrap_or(u32::MAX));
                    self.address(atom.kind, &atom.value, place(at, atom.end - atom.at, character, false));
                }
            }
        }
        if !decoded && leaf.character == Character::Prose {
            for text in encoded(&leaf.text).into_iter().take(DECODED_MAX) {
                self.leaf(source, &Leaf { text, ..leaf.clone() }, false, true);
            }
        }
    }

    /// Indexes the words of a text. The byte ranges of the sentences that tell the reader to do something.
    fn prose(&mut self, source: u32, folded: &str) -> Vec<(usize, usize)> {
        let lexicon = Lexicon::get();
        let mut sentences = Vec::new();
        let mut now = Sentence::default();
        let mut marks_ask = false;
        for token in tokens(folded) {
            if token.sentence != now.number {
                self.close(source, &now, &mut sentences);
                now = Sentence { number: token.sentence, start: token.at, ..Sentence::default() };
                marks_ask = false;
            }
            now.end = token.at + token.text.len();
            let Some(heard) = self.hear(source, token.text, lexicon) else { continue };
            now.groups |= heard.groups;
            if let Some((concept, class)) = heard.concept {
                if now.concepts.len() < 8 {
                    now.concepts.push((concept, class));
                }
                let commands = matches!(class, Class::Effect(verb) if is_consequential(verb) || verb == holdshort_model::Verb::Write)
                    || lexicon.concept(concept) == "read"
                    || class == Class::Open;
                now.instructs |= commands && (token.opens || marks_ask);
            }
            marks_ask = heard.marks_ask;
        }
        self.close(source, &now, &mut sentences);
        // `30,000` is one number.
        for piece in folded.split_whitespace().filter(|piece| piece.contains(',')) {
            let digits = piece.trim_matches(|c: char| !c.is_ascii_digit());
            if digits.contains(',') && digits.bytes().all(|c| c.is_ascii_digit() || matches!(c, b',' | b'.')) {
                self.hear(source, &digits.replace(',', ""), lexicon);
            }
        }
        sentences
    }

    fn close(&mut self, source: u32, sentence: &Sentence, instructs: &mut Vec<(usize, usize)>) {
        if sentence.instructs {
            instructs.push((sentence.start, sentence.end));
        }
        for (concept, class) in &sentence.concepts {
            let mention = Mention { source, class: *class, groups: sentence.groups };
            let mentions = self.mentions.entry(*concept).or_default();
            if mentions.len() < 4 * WORD_SOURCES_MAX && !mentions.contains(&mention) {
                mentions.push(mention);
            }
        }
    }

    fn hear(&mut self, source: u32, word: &str, lexicon: &Lexicon) -> Option<Heard> {
        let key = word_key(word);
        if let Some(heard) = self.words.get_mut(&key) {
            heard.add(source);
            return Some(*heard);
        }
        if self.words.len() >= WORDS_MAX {
            self.truncated = true;
            return None;
        }
        let is_mark = |words: &[Word]| words.contains(&Word::AskMarker);
        let mut heard = Heard {
            concept: lexicon.verb(word).filter(|(_, class)| *class != Class::Effect(holdshort_model::Verb::Read)),
            groups: lexicon.groups(word),
            marks_ask: lexicon.english().word(word).is_some_and(is_mark),
            ..Heard::default()
        };
        heard.add(source);
        self.words.insert(key, heard);
        Some(heard)
    }

    fn address(&mut self, kind: Kind, value: &str, place: Place) {
        let before = self.places(value).iter().find(|other| other.source == place.source).copied();
        self.value(value, place);
        if kind == Kind::Url {
            let host = crate::atoms::host(value);
            if host != value {
                self.value(host, Place { typed: false, character: Character::Prose, ..place });
            }
        }
        let source = usize::try_from(place.source).ok().and_then(|number| self.sources.get_mut(number));
        if let Some(count) = source.and_then(|source| source.addresses.get_mut(kind as usize)) {
            count.all += u32::from(before.is_none());
            count.typed += u32::from(place.typed && before.is_none_or(|before| !before.typed));
            count.meant += u32::from(place.typed && place.meant && before.is_none_or(|before| !before.meant));
        }
    }

    fn value(&mut self, value: &str, place: Place) {
        if value.is_empty() {
            return;
        }
        let key = key(value);
        if self.values.len() >= VALUES_MAX && !self.values.contains_key(&key) {
            self.truncated = true;
            return;
        }
        let places = self.values.entry(key).or_default();
        if let Some(other) = places.iter_mut().find(|other| other.source == place.source) {
            let meant = place.typed && (other.meant || place.meant);
            if place.character < other.character {
                *other = place;
            }
            other.meant |= meant;
            return;
        }
        if places.len() < PLACES_MAX {
            places.push(place);
        } else if let Some(worst) =
            places.iter_mut().max_by_key(|other| other.character).filter(|worst| worst.character > place.character)
        {
            *worst = place;
        }
    }
}

impl Source {
    /// A source of which nothing was read yet.
    pub(crate) fn new(id: &str, kind: SourceKind, reach: Reach, trusted: bool, content: bool) -> Self {
        Self { id: id.into(), reach, trusted, kind, content, addresses: [Addresses::default(); 4] }
    }
}

/// The records that the person's request singles out: a field says the same number or name.
fn singled_out(leaves: &[Leaf], request: Option<&Request>) -> HashSet<u32> {
    let Some(request) = request else { return HashSet::new() };
    let says = |leaf: &&Leaf| {
        leaf.record > 0 && !leaf.is_key && leaf.text.len() <= VALUE_BYTES_MAX && request.singles_out(&fold(&leaf.text))
    };
    leaves.iter().filter(says).map(|leaf| leaf.record).collect()
}

#[derive(Default)]
struct Sentence {
    number: usize,
    start: usize,
    end: usize,
    groups: u64,
    concepts: Vec<(u8, Class)>,
    instructs: bool,
}

fn word_key(word: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(stem(word).as_bytes());
    hasher.finish()
}

/// Texts that stand in base64 in a text.
fn encoded(text: &str) -> Vec<String> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let pieces = text.split(|c| !is_base64(c)).filter(|piece| (16..=65_536).contains(&piece.len()));
    pieces.filter_map(decoded).collect()
}

/// The text that a base64 text stands for, when it stands for a text.
pub(crate) fn decoded(piece: &str) -> Option<String> {
    use base64::Engine as _;
    let plain: String = piece
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}
