//! What a baseline looks at of an action.
//!
//! Only what stands in the facts before signals are gathered, so that scoring and learning see the same. Hashes and
//! lengths; names are kept for the words of a score, and are no part of what is learnt.

use holdshort_model::{ActionKind, Facts, Verb};
use psl::Psl as _;
use serde_json::Value;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::net::IpAddr;

/// Most destinations, classes of data and records that are told apart; the others count as one thing together.
pub(super) const THINGS_MAX: usize = 8;
/// Most values of the arguments whose size is counted; over it the size is that of the largest action.
const VALUES_MAX: u32 = 4_096;

/// An action as a baseline sees it. `'a`: the facts that it was read from.
#[derive(Clone, Debug)]
pub struct BaselineEvent<'a> {
    pub(super) tool: Named<'a>,
    pub(super) previous: Named<'a>,
    pub(super) places: Few<Place<'a>>,
    pub(super) data: Few<Data<'a>>,
    pub(super) records: Few<u64>,
    /// Size of the arguments, roughly that of their texts.
    pub(super) bytes: u64,
    /// How many things are touched.
    pub(super) count: u64,
}

/// A hash, and what people call it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) hash: u64,
    pub(super) name: &'a str,
}

/// Where an action reaches: the registrable domain, the address, or the kind of resource; and what it does there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    pub(super) hash: u64,
    pub(super) verb: u64,
    pub(super) name: &'a str,
    pub(super) verb_name: &'static str,
}

/// A class of data that an action touches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Data<'a> {
    pub(super) hash: u64,
    pub(super) name: &'a str,
    /// The action carries something to somebody else.
    pub(super) outward: bool,
}

impl<'a> BaselineEvent<'a> {
    /// What counts of an action. `previous`: the tool that the session used before, by any stable name. `None` for what
    /// keeps a protocol alive or only lists: that says nothing about habits.
    pub fn of(facts: &'a Facts, previous: Option<&'a str>) -> Option<Self> {
        let action = &facts.action;
        let named = match action.kind {
            ActionKind::Protocol | ActionKind::CatalogList | ActionKind::RootsList | ActionKind::TaskRead => {
                return None;
            }
            ActionKind::ToolCall
            | ActionKind::PromptGet
            | ActionKind::ShellCommand
            | ActionKind::DbStatement
            | ActionKind::HttpRequest
            | ActionKind::Unknown => true,
            // Their names are addresses, or say no more than the kind.
            ActionKind::ResourceRead
            | ActionKind::ResourceSubscribe
            | ActionKind::Complete
            | ActionKind::Sampling
            | ActionKind::Elicitation
            | ActionKind::TaskUpdate => false,
        };
        let kind = action.kind.as_str();
        let name = if named { action.name.as_str() } else { kind };
        let server = action.server.as_deref().unwrap_or_default();
        let mut event = Self {
            tool: Named { hash: hash("tool", &[kind, server, name]), name },
            previous: previous.map_or_else(Named::default, |name| Named { hash: hash("previous", &[name]), name }),
            places: Few::default(),
            data: Few::default(),
            records: Few::default(),
            bytes: size(&action.args),
            count: 0,
        };
        event.read_effects(facts);
        Some(event)
    }

    /// The same without the names, to be learnt when the facts are gone.
    pub fn unnamed(&self) -> BaselineEvent<'static> {
        BaselineEvent {
            tool: Named { hash: self.tool.hash, name: "" },
            previous: Named { hash: self.previous.hash, name: "" },
            places: self.places.map(|place| Place { hash: place.hash, verb: place.verb, name: "", verb_name: "" }),
            data: self.data.map(|data| Data { hash: data.hash, name: "", outward: data.outward }),
            records: self.records.clone(),
            bytes: self.bytes,
            count: self.count,
        }
    }

    fn read_effects(&mut self, facts: &'a Facts) {
        let mut outward = false;
        for effect in &facts.action.effects {
            outward |= matches!(effect.verb, Verb::Send | Verb::Spend | Verb::Delegate);
            let resource = &effect.resource;
            let (domain, name) = match resource.host.as_deref() {
                Some(host) => ("host", registrable(host)),
                None => ("kind", resource.kind.as_str()),
            };
            let verb_name = effect.verb.as_str();
            let place = Place { hash: hash(domain, &[name]), verb: effect.verb as u64, name, verb_name };
            self.places.push(place);
            if let Some(record) = resource.path.as_deref().or(resource.id.as_deref()) {
                self.records.push(hash("record", &[&resource.kind, record]));
            }
            self.count = self.count.saturating_add(effect.count.unwrap_or(1));
        }
        for label in facts.action.effects.iter().flat_map(|effect| &effect.resource.labels) {
            self.data.push(Data { hash: hash("data", &[label]), name: label, outward });
        }
        // What the session has read may go along with whatever leaves it.
        let read = std::iter::once(&facts.labels.confidentiality).chain(&facts.labels.categories);
        for label in read.filter(|label| outward && !label.is_empty()) {
            self.data.push(Data { hash: hash("data", &[label]), name: label, outward });
        }
    }

    /// Everything that is learnt as familiar, each with a key of its own.
    pub(super) fn features(&self, mut each: impl FnMut(u64)) {
        each(self.tool.hash);
        each(self.previous_key());
        each(self.transition_key());
        for place in self.places.iter() {
            each(place.hash);
            each(self.use_key(place));
        }
        self.data.iter().for_each(|data| each(data.key()));
    }

    pub(super) fn previous_key(&self) -> u64 {
        mix(self.previous.hash, 1)
    }

    pub(super) fn transition_key(&self) -> u64 {
        mix(self.previous.hash, mix(self.tool.hash, 2))
    }

    /// The tool doing this at this place.
    pub(super) fn use_key(&self, place: &Place<'_>) -> u64 {
        mix(self.tool.hash, mix(place.hash, 8 + place.verb))
    }
}

impl Data<'_> {
    pub(super) fn key(&self) -> u64 {
        mix(self.hash, 4 + u64::from(self.outward))
    }
}

/// Something that can be one of a few.
pub(super) trait Thing: Copy + Default {
    fn same(&self, other: &Self) -> bool;
    /// Both as one, in whatever order.
    fn joined(self, other: Self) -> Self;
}

const SEVERAL: &str = "many others";

impl Thing for Place<'_> {
    fn same(&self, other: &Self) -> bool {
        (self.hash, self.verb) == (other.hash, other.verb)
    }

    fn joined(self, other: Self) -> Self {
        Self { hash: self.hash.wrapping_add(other.hash), verb: self.verb.max(other.verb), name: SEVERAL, ..self }
    }
}

impl Thing for Data<'_> {
    fn same(&self, other: &Self) -> bool {
        self.hash == other.hash
    }

    fn joined(self, other: Self) -> Self {
        Self { hash: self.hash.wrapping_add(other.hash), name: SEVERAL, outward: self.outward | other.outward }
    }
}

impl Thing for u64 {
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn joined(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

/// At most [`THINGS_MAX`] different things; what is over it is one thing together, which is new unless exactly the
/// same were together before.
#[derive(Clone, Debug)]
pub(super) struct Few<T> {
    items: [T; THINGS_MAX],
    length: usize,
}

impl<T: Thing> Default for Few<T> {
    fn default() -> Self {
        Self { items: [T::default(); THINGS_MAX], length: 0 }
    }
}

impl<T: Thing> Few<T> {
    fn push(&mut self, thing: T) {
        if self.iter().any(|own| own.same(&thing)) {
            return;
        }
        match self.items.get_mut(self.length) {
            Some(free) => {
                *free = thing;
                self.length += 1;
            }
            None => {
                if let Some(last) = self.items.last_mut() {
                    *last = last.joined(thing);
                }
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().take(self.length)
    }

    fn map<U: Thing>(&self, to: impl FnMut(T) -> U) -> Few<U> {
        Few { items: self.items.map(to), length: self.length }
    }
}

/// The domain that somebody registered, by the public suffix list; an address or a name without one as it is.
fn registrable(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let domain = psl::List.domain(host.as_bytes());
    domain.and_then(|domain| std::str::from_utf8(domain.as_bytes()).ok()).unwrap_or(host)
}

/// Two numbers as one, well mixed (the finaliser of splitmix64).
pub(super) fn mix(one: u64, other: u64) -> u64 {
    let x = one.rotate_left(32) ^ other.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x2545_F491_4F6C_DD1D);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

// Lengths stand before texts, so that no two lists run together.
fn hash(domain: &str, texts: &[&str]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0x686f_6c64_7368_6f72, 0x6261_7365_6c69_6e65);
    for text in std::iter::once(&domain).chain(texts) {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

fn size(args: &Value) -> u64 {
    let (mut left, mut bytes) = (VALUES_MAX, 0);
    if measure(args, &mut left, &mut bytes) { bytes } else { u64::MAX }
}

// False when there was too much. JSON that got this far has a bounded depth: the parsers see to it.
fn measure(value: &Value, left: &mut u32, bytes: &mut u64) -> bool {
    let Some(fewer) = left.checked_sub(1) else { return false };
    *left = fewer;
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => *bytes += 4,
        Value::String(text) => *bytes += text.len() as u64,
        Value::Array(items) => return items.iter().all(|item| measure(item, left, bytes)),
        Value::Object(fields) => {
            return fields.iter().all(|(name, value)| {
                *bytes += name.len() as u64;
                measure(value, left, bytes)
            });
        }
    }
    true
}
