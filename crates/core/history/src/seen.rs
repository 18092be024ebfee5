//! Everything that a session has read, indexed by value: each output once, each question a few look-ups.
//!
//! What is kept are hashes of values and words with the places where they stood, never the texts. Bounded: beyond the
//! limits nothing more is kept, and that is said.

mod encoded;
mod place;
mod source;

use crate::atoms::{Kind, atoms, whole};
use crate::intent::Request;
use crate::lexicon::{Class, Lexicon, word_hash};
use crate::segment::{Leaf, leaves};
use crate::text::{fold, tokens};
pub(crate) use encoded::decoded;
use encoded::encoded;
use holdshort_model::Character;
pub(crate) use place::Place;
use place::Places;
use siphasher::sip128::{Hasher128, SipHasher13};
use source::Addresses;
pub(crate) use source::{Fields, Source};
use std::collections::hash_map::Entry;
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
/// Sources of one word that are remembered.
const WORD_SOURCES_MAX: usize = 2;
/// Sources of one concept that are remembered.
const MENTIONS_MAX: usize = 16;
/// Runs of words that one session remembers, how long they are, and how much of a sentence is looked at.
const SPOKEN_MAX: usize = 16_384;
const RUN_WORDS_MAX: usize = 5;
const SPOKEN_WORDS_MAX: usize = 48;
/// Fewest words of a sentence that asks somebody for something.
const ASKING_WORDS_MIN: usize = 3;
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

/// No source: a session has fewer.
const NO_SOURCE: u16 = u16::MAX;

/// What a session has read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    sources: Vec<Source>,
    /// What the names of the sources take, in bytes.
    names: usize,
    values: HashMap<Key, Places>,
    /// Values with more than one place.
    several: usize,
    /// By the lower half of a word's hash: what is found here names sources, and decides nothing alone.
    words: HashMap<u32, [u16; WORD_SOURCES_MAX]>,
    /// Who asks for what: concept, class and kinds of things of sentences with a verb that changes something.
    mentions: HashMap<u8, Vec<Mention>>,
    /// Runs of words in others' sentences that speak of doing something, by [`word_hash`], with the first source.
    spoken: HashMap<u64, u16>,
    /// Values that the agent itself brought in without anybody having given them to it: they are nobody's data.
    tainted: HashSet<Key>,
    pub(crate) truncated: bool,
}

/// A source asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) source: u16,
    pub(crate) class: Class,
    pub(crate) groups: u64,
}

impl Seen {
    /// A source, by the number that places have.
    pub(crate) fn source(&self, number: u16) -> Option<&Source> {
        self.sources.get(usize::from(number))
    }

    /// Where a folded value stood.
    pub(crate) fn places(&self, value: &str) -> &[Place] {
        self.values.get(&key(value)).map_or(&[], Places::as_slice)
    }

    /// Sources of a word.
    pub(crate) fn word(&self, word: &str) -> impl Iterator<Item = u16> {
        let sources = self.words.get(&short(word_hash(word))).copied().unwrap_or([NO_SOURCE; WORD_SOURCES_MAX]);
        sources.into_iter().filter(|source| *source != NO_SOURCE)
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

    /// How many records of the source the request singles out, when the place is in none of them.
    pub(crate) fn singled_out_instead(&self, place: &Place) -> u32 {
        let meant = self.source(place.source).map_or(0, |source| source.meant);
        if place.meant { 0 } else { meant }
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
        self.sources.capacity() * size_of::<Source>()
            + self.names
            + buckets(self.values.capacity()) * (size_of::<(Key, Places)>() + 1)
            + self.several * (PLACES_MAX * size_of::<Place>() + 64)
            + buckets(self.words.capacity()) * (size_of::<(u32, [u16; WORD_SOURCES_MAX])>() + 1)
            + self.mentions.values().map(|mentions| mentions.capacity() * size_of::<Mention>() + 48).sum::<usize>()
            + buckets(self.spoken.capacity()) * (size_of::<(u64, u16)>() + 1)
            + buckets(self.tainted.capacity()) * (size_of::<Key>() + 1)
    }

    /// Reads what came back of an action.
    pub(crate) fn observe(&mut self, source: Source, parts: &[&str], request: Option<&Request>) {
        let Ok(number) = u16::try_from(self.sources.len()) else { return };
        if self.sources.len() >= SOURCES_MAX {
            self.truncated = true;
            return;
        }
        let (content, id) = (source.content, number);
        self.names += source.id.len() + 16;
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
            if let Some(source) = self.sources.get_mut(usize::from(id)) {
                source.meant = source.meant.saturating_add(u32::try_from(meant.len()).unwrap_or(u32::MAX));
            }
            let mut keys: HashSet<&str> = HashSet::new();
            for leaf in &leaves {
                // The names of fields come again with every record.
                if leaf.is_key && !keys.insert(&leaf.text) {
                    continue;
                }
                self.leaf(id, leaf, meant.contains(&leaf.record), false);
            }
        }
    }

    fn leaf(&mut self, source: u16, leaf: &Leaf, meant: bool, decoded: bool) {
        let folded = fold(&leaf.text);
        let at = u32::try_from(leaf.at).unwrap_or(u32::MAX);
        let place = |at: u32, length: usize, character, typed| Place {
            source,
            at,
            length: u16::try_from(length).unwrap_or(u16::MAX),
            character,
            typed,
            decoded,
            meant,
        };
        let address = whole(&folded);
        let typed = leaf.typed && !decoded && self.may_be_field(source, leaf, address.is_some());
        if let Some((kind, value)) = &address {
            let typed = typed && !self.is_tainted(value);
            let character = if typed || *kind == Kind::Path { leaf.character } else { Character::Prose };
            self.address(*kind, value, place(at, leaf.text.len(), character, typed));
        }
        if folded.len() <= VALUE_BYTES_MAX && leaf.character != Character::Prose {
            let bound = leaf.typed && !typed;
            let character = if bound || self.is_tainted(&folded) { Character::Prose } else { leaf.character };
            let typed = typed && !self.is_tainted(&folded);
            self.value(&folded, place(at, leaf.text.len(), character, typed));
        }
        // Numbers and addresses in typed fields are no words. Lines of a text are in the text itself.
        let wordless = leaf.typed && (address.is_some() || folded.starts_with(|c: char| c.is_ascii_digit()));
        if !wordless && (leaf.typed || leaf.character == Character::Prose) {
            // Line by line: a listing has no full stops, and one entry says nothing about the next.
            let mut from = 0;
            for line in leaf.text.split_inclusive('\n') {
                let folded = fold(line);
                let (instructs, picks) = self.prose(source, &folded);
                if picks
                    && leaf.character == Character::Prose
                    && !self.source(source).is_some_and(|source| source.trusted)
                {
                    self.speak(source, &folded);
                }
                let before = at.saturating_add(u32::try_from(from).unwrap_or(u32::MAX));
                from += line.len();
                if address.is_some() {
                    continue;
                }
                for atom in atoms(&folded) {
                    let behind = instructs.partition_point(|(start, _)| *start <= atom.at);
                    let sentence = behind.checked_sub(1).and_then(|last| instructs.get(last));
                    let is_instruction = sentence.is_some_and(|(_, end)| atom.at < *end);
                    let character = if is_instruction { Character::Instruction } else { Character::Prose };
                    let at = before.saturating_add(u32::try_from(atom.at).unwrap_or(u32::MAX));
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

    fn may_be_field(&self, source: u16, leaf: &Leaf, address: bool) -> bool {
        let declared = self.source(source).and_then(|source| source.fields.as_ref());
        declared.is_none_or(|fields| {
            let named = || leaf.key.as_ref().is_some_and(|key| fields.names.iter().any(|name| name.as_str() == &**key));
            (fields.addresses_only && !address) || named()
        })
    }

    /// Indexes the words of a text. The byte ranges of the sentences that tell the reader to do something, and whether any
    /// speaks of things that are picked by name.
    fn prose(&mut self, source: u16, folded: &str) -> (Vec<(usize, usize)>, bool) {
        let lexicon = Lexicon::get();
        let kinds = picked_kinds(lexicon);
        let (mut sentences, mut picks) = (Vec::new(), false);
        let mut now = Sentence::default();
        let mut marks_ask = false;
        for token in tokens(folded) {
            if token.sentence != now.number {
                self.close(source, &now, &mut sentences);
                now = Sentence { number: token.sentence, start: token.at, ..Sentence::default() };
                marks_ask = false;
            }
            now.end = token.at + token.text.len();
            // Words that blanks separate: a path is one.
            let before = token.at.checked_sub(1).and_then(|at| folded.as_bytes().get(at));
            now.words += usize::from(before.is_none_or(|byte| *byte == b' '));
            let hash = word_hash(token.text);
            self.hear(source, hash);
            let meaning = lexicon.meaning(hash);
            now.groups |= meaning.groups;
            picks |= meaning.picks(kinds);
            if let Some((concept, class)) = meaning.concept {
                if now.concepts.len() < 8 {
                    now.concepts.push((concept, class));
                }
                now.instructs |= token.opens || marks_ask;
            }
            marks_ask = meaning.marks_ask;
        }
        self.close(source, &now, &mut sentences);
        // `30,000` is one number.
        for piece in folded.split_whitespace().filter(|piece| piece.contains(',')) {
            let digits = piece.trim_matches(|c: char| !c.is_ascii_digit());
            if digits.contains(',') && digits.bytes().all(|c| c.is_ascii_digit() || matches!(c, b',' | b'.')) {
                self.hear(source, word_hash(&digits.replace(',', "")));
            }
        }
        (sentences, picks)
    }

    /// Remembers what the sentences of a text name that speak of doing something: `book the Riverside Hotel`.
    fn speak(&mut self, source: u16, folded: &str) {
        let lexicon = Lexicon::get();
        let mut sentence: Vec<(&str, crate::lexicon::Meaning)> = Vec::new();
        let mut number = 0;
        for token in tokens(folded) {
            if token.sentence != number {
                self.remember_runs(source, &sentence);
                sentence.clear();
                number = token.sentence;
            }
            if sentence.len() < SPOKEN_WORDS_MAX {
                sentence.push((token.text, lexicon.meaning(word_hash(token.text))));
            }
        }
        self.remember_runs(source, &sentence);
    }

    fn remember_runs(&mut self, source: u16, sentence: &[(&str, crate::lexicon::Meaning)]) {
        let kinds = picked_kinds(Lexicon::get());
        if sentence.len() < ASKING_WORDS_MIN || !sentence.iter().any(|(_, meaning)| meaning.picks(kinds)) {
            return;
        }
        for start in 0..sentence.len() {
            let mut run = String::new();
            for (position, (word, meaning)) in sentence.iter().skip(start).take(RUN_WORDS_MAX).enumerate() {
                if position > 0 {
                    run.push(' ');
                }
                run.push_str(word);
                let plain = position == 0 && (meaning.marks_ask || word.len() < 3);
                if plain {
                    break;
                }
                if self.spoken.len() >= SPOKEN_MAX {
                    self.truncated = true;
                    return;
                }
                self.spoken.entry(word_hash(&run)).or_insert(source);
            }
        }
    }

    /// The source of a sentence that speaks of doing something and names this.
    pub(crate) fn spoken(&self, folded: &str) -> Option<u16> {
        let words: Vec<&str> = tokens(folded).map(|token| token.text).collect();
        self.spoken.get(&word_hash(&words.join(" "))).copied()
    }

    fn close(&mut self, source: u16, sentence: &Sentence, instructs: &mut Vec<(usize, usize)>) {
        if sentence.instructs {
            instructs.push((sentence.start, sentence.end));
        }
        // A name, a path, an acknowledgement asks nobody for anything.
        let quiet = self.source(source).is_some_and(|source| source.acknowledges);
        if quiet || sentence.words < ASKING_WORDS_MIN {
            return;
        }
        for (concept, class) in &sentence.concepts {
            let mention = Mention { source, class: *class, groups: sentence.groups };
            let mentions = self.mentions.entry(*concept).or_default();
            if mentions.len() < MENTIONS_MAX && !mentions.contains(&mention) {
                mentions.push(mention);
            }
        }
    }

    fn hear(&mut self, source: u16, hash: u64) {
        let full = self.words.len() >= WORDS_MAX;
        match self.words.entry(short(hash)) {
            Entry::Occupied(mut entry) => {
                let sources = entry.get_mut();
                if sources.contains(&source) {
                    return;
                }
                // The sources that the request leads to are kept before others.
                let reach = |number: u16| self.sources.get(usize::from(number)).map(|source| source.reach);
                let worst = sources.iter_mut().max_by_key(|slot| (**slot == NO_SOURCE, reach(**slot)));
                if let Some(slot) = worst.filter(|slot| **slot == NO_SOURCE || reach(**slot) > reach(source)) {
                    *slot = source;
                }
            }
            Entry::Vacant(_) if full => self.truncated = true,
            Entry::Vacant(entry) => {
                let mut sources = [NO_SOURCE; WORD_SOURCES_MAX];
                if let Some(first) = sources.first_mut() {
                    *first = source;
                }
                entry.insert(sources);
            }
        }
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
        let source = self.sources.get_mut(usize::from(place.source));
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
        let places = match self.values.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Places::One(place));
                return;
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        if let Some(other) = places.as_mut_slice().iter_mut().find(|other| other.source == place.source) {
            let meant = other.meant || place.meant;
            if place.character < other.character {
                *other = place;
            }
            other.meant |= meant;
            return;
        }
        if places.as_slice().len() < PLACES_MAX {
            self.several += usize::from(matches!(places, Places::One(_)));
            return places.push(place);
        }
        let worst = places.as_mut_slice().iter_mut().max_by_key(|other| other.character);
        if let Some(worst) = worst.filter(|worst| worst.character > place.character) {
            *worst = place;
        }
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

/// Kinds of things that are picked by name: what is paid for, and who may do something.
fn picked_kinds(lexicon: &Lexicon) -> u64 {
    ["money", "travel", "product", "access"].iter().fold(0, |mask, name| mask | lexicon.group(name))
}

#[derive(Default)]
struct Sentence {
    number: usize,
    start: usize,
    end: usize,
    groups: u64,
    concepts: Vec<(u8, Class)>,
    words: usize,
    instructs: bool,
}

fn short(hash: u64) -> u32 {
    (hash & u64::from(u32::MAX)) as u32
}

/// Slots of a table of the standard library with room for so many.
fn buckets(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() }
}
