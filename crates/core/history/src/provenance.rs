//! Where the values of an action's arguments come from.

mod words;

use crate::atoms::{Atom, Kind, atoms, host, whole};
use crate::intent::Request;
use crate::seen::{Place, Seen, decoded};
use crate::text::{fold, tokens};
use crate::tool::Tool;
use holdshort_model::{ArgumentRole, Character, Integrity, Origin, Provenance, Reach, SourceKind, ValueSource};
use serde_json::Value;
use std::collections::BTreeMap;

/// Arguments that are traced; more make the rest unknown.
const ARGUMENTS_MAX: usize = 64;
/// Values that are looked at to find them; what lies behind is unknown.
const LEAVES_MAX: usize = 1_024;
/// Deepest nesting of arguments that is followed; what lies deeper is unknown.
const DEPTH_MAX: usize = 16;
/// Longest names on the way to a value, in bytes together: the agent chooses them, and each value repeats them. What has
/// longer ones is unknown.
const PATH_BYTES_MAX: usize = 1_024;
/// Where that is said, instead of a JSON pointer.
const REST: &str = "*";
/// Addresses of one argument that are traced; with more of them nobody knows.
const ATOMS_MAX: usize = 32;
/// Sources of one argument that are named.
const SOURCES_MAX: usize = 4;
/// Words of a text whose sources are looked up.
const WORDS_MAX: usize = 256;
/// Longest value that is looked at; of a longer one nobody knows what the rest holds, in bytes.
const VALUE_BYTES_MAX: usize = 65_536;

/// What values are compared with.
pub(crate) struct Trail<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) request: Option<&'a Request>,
    pub(crate) known: &'a dyn Fn(&str, &str) -> bool,
    /// The folder that the agent works in.
    pub(crate) workspace: Option<&'a str>,
    /// The action removes something.
    pub(crate) deletes: bool,
    /// The action moves money or changes authority.
    pub(crate) commits: bool,
    /// The action gives something to somebody else.
    pub(crate) gives: bool,
}

/// A value's way, so far as it is known.
struct Way {
    origin: Origin,
    sources: Vec<ValueSource>,
    rivals: u32,
    known: bool,
}

impl Trail<'_> {
    /// The provenance of the arguments, by JSON pointer.
    pub(crate) fn of(&self, tool: &Tool, args: &Value) -> BTreeMap<String, Provenance> {
        let mut found = BTreeMap::new();
        let (mut path, mut left) = (Vec::new(), LEAVES_MAX);
        self.walk(tool, args, &mut path, &mut left, &mut found);
        found
    }

    fn walk<'v>(
        &self,
        tool: &Tool,
        value: &'v Value,
        path: &mut Vec<Step<'v>>,
        left: &mut usize,
        found: &mut BTreeMap<String, Provenance>,
    ) {
        let name_bytes: usize = path.iter().map(|step| if let Step::Field(name) = step { name.len() } else { 0 }).sum();
        if path.len() > DEPTH_MAX || name_bytes > PATH_BYTES_MAX || *left == 0 || found.len() >= ARGUMENTS_MAX {
            found.entry(REST.to_owned()).or_insert_with(unknown);
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    path.push(Step::Field(name));
                    self.walk(tool, field, path, left, found);
                    path.pop();
                    if found.contains_key(REST) {
                        return;
                    }
                }
            }
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    path.push(Step::Entry(position));
                    self.walk(tool, item, path, left, found);
                    path.pop();
                    if found.contains_key(REST) {
                        return;
                    }
                }
            }
            Value::String(text) => {
                *left -= 1;
                self.leaf(tool, value, text, path, found);
            }
            Value::Number(number) => {
                *left -= 1;
                self.leaf(tool, value, &number.to_string(), path, found);
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn leaf(
        &self,
        tool: &Tool,
        value: &Value,
        text: &str,
        path: &[Step<'_>],
        found: &mut BTreeMap<String, Provenance>,
    ) {
        if text.is_empty() {
            return;
        }
        let names: Vec<&str> = path.iter().map(|step| if let Step::Field(name) = step { name } else { "0" }).collect();
        let parameter = tool.parameter(&names, value);
        let end = text.floor_char_boundary(VALUE_BYTES_MAX);
        let mut is_cut = end < text.len();
        let text = text.get(..end).unwrap_or_default();
        let folded = fold(text);
        // The id of a record names what is in the tool's own store: it leads nowhere else, whatever it looks like.
        // An account may be written as a number, an amount is none.
        let may_lead = !parameter.record && (value.is_string() || parameter.role == ArgumentRole::Target);
        let mut addresses = if may_lead { Self::addresses(text, &folded) } else { Vec::new() };
        is_cut |= addresses.len() > ATOMS_MAX;
        let address = is_cut || addresses.iter().any(|atom| atom.kind != Kind::Path || self.is_outside(&atom.value));
        let role = match parameter.role {
            ArgumentRole::Setting if address => ArgumentRole::Target,
            ArgumentRole::Target if !parameter.record && is_moment(&folded) => ArgumentRole::Setting,
            // Where an agent puts a file in its own workspace is its own business; which one it removes is not.
            ArgumentRole::Target if !address && !addresses.is_empty() && !self.takes(&folded) => ArgumentRole::Setting,
            role => role,
        };
        let mut way = match role {
            ArgumentRole::Setting => match self.number(value) {
                Some(way) => way,
                None => return,
            },
            ArgumentRole::Target if addresses.is_empty() => {
                // The place in a list says nothing: a name is known for its parameter.
                let mut fields = path.iter().rev().filter_map(|step| match step {
                    Step::Field(name) => Some(*name),
                    Step::Entry(_) => None,
                });
                self.name(&folded, fields.next().unwrap_or_default())
            }
            ArgumentRole::Target | ArgumentRole::Content => {
                addresses.truncate(ATOMS_MAX);
                let ways = addresses.iter().map(|atom| self.address(atom, role));
                match ways.reduce(Way::worse) {
                    Some(way) => way,
                    None => match self.text(&folded) {
                        Some(way) => way,
                        None if is_cut => self.nowhere(),
                        None => return,
                    },
                }
            }
        };
        // What was not looked at may be anything.
        if is_cut {
            (way.origin, way.known) = (Origin::Unknown, false);
        }
        way.sources.truncate(SOURCES_MAX);
        let coverage = self.coverage(&folded, &way);
        let provenance = Provenance {
            role,
            origin: way.origin,
            sources: way.sources,
            coverage,
            required: parameter.required,
            address,
            record: parameter.record,
            rivals: way.rivals,
            known: way.known,
        };
        found.insert(pointer(path), provenance);
    }

    /// The addresses of a value, plain or in base64.
    fn addresses(text: &str, folded: &str) -> Vec<Atom> {
        if let Some((kind, value)) = whole(folded) {
            return vec![Atom { kind, value, at: 0, end: folded.len() }];
        }
        let mut found = atoms(folded);
        found.extend(behind(text).flat_map(|text| atoms(&fold(&text))));
        found
    }

    /// Whether a file goes away, or to somebody else.
    fn takes(&self, path: &str) -> bool {
        self.deletes || (self.gives && path.starts_with(['/', '~', '\\']))
    }

    /// A path that leaves the workspace; without a known one no path does.
    fn is_outside(&self, path: &str) -> bool {
        let Some(workspace) = self.workspace.map(fold) else { return false };
        let rooted = path.starts_with(['/', '~', '\\']) || path.get(1..2) == Some(":");
        let rest = path.strip_prefix(workspace.trim_end_matches('/'));
        let inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        path.split(['/', '\\']).any(|part| part == "..") || (rooted && !inside)
    }

    fn address(&self, atom: &Atom, role: ArgumentRole) -> Way {
        let canonical = atom.value.as_str();
        // Who approves an address in a text approves no destination.
        let kind = match role {
            ArgumentRole::Content => atom.kind.mentioned(),
            ArgumentRole::Target | ArgumentRole::Setting => atom.kind.as_str(),
        };
        if (self.known)(kind, canonical) {
            return Way { origin: Origin::Request, sources: Vec::new(), rivals: 0, known: true };
        }
        let says = |request: &&Request| request.has_address(atom.kind, canonical);
        if self.request.as_ref().is_some_and(says) {
            return self.given("exact");
        }
        // Another page of a host that the person named.
        let host = host(canonical);
        if atom.kind == Kind::Url && self.request.is_some_and(|request| request.has_host(host)) {
            return self.given("part");
        }
        let places = self.seen.places(canonical);
        if !places.is_empty() {
            return self.placed(places, Some(atom.kind), "exact");
        }
        match atom.kind {
            Kind::Url => {
                let places = self.seen.places(host);
                if !places.is_empty() {
                    return self.placed(places, Some(Kind::Url), "part");
                }
            }
            Kind::Path => {
                let name = canonical.rsplit(['/', '\\']).next().unwrap_or(canonical);
                if self.request.as_ref().is_some_and(|request| name.len() > 2 && request.says(name)) {
                    return self.given("part");
                }
                let places = self.seen.places(name);
                if !places.is_empty() {
                    return self.placed(places, Some(Kind::Path), "part");
                }
            }
            Kind::Mail | Kind::Account => {}
        }
        self.joined(canonical).unwrap_or_else(|| self.nowhere())
    }

    /// A target that is no address: a name, an id.
    fn name(&self, folded: &str, parameter: &str) -> Way {
        if (self.known)("name", &format!("{parameter}={folded}")) {
            return Way { origin: Origin::Request, sources: Vec::new(), rivals: 0, known: true };
        }
        let bare = folded.trim_matches(|c: char| !c.is_alphanumeric());
        if self
            .request
            .is_some_and(|request| request.says_name(folded) || (!bare.is_empty() && request.says_name(bare)))
        {
            return self.given("exact");
        }
        for value in [folded, bare] {
            let places = self.seen.places(value);
            if !places.is_empty() {
                return self.unless_spoken(value, self.placed(places, None, "exact"));
            }
        }
        let words: Vec<&str> = tokens(folded).map(|token| token.text).take(WORDS_MAX).collect();
        let says_all = |request: &Request| !words.is_empty() && words.iter().all(|word| request.says(word));
        if self.request.is_some_and(says_all) {
            return self.given("joined");
        }
        self.shared_source(&words).unwrap_or_else(|| self.nowhere())
    }

    /// A name that a list has and that others' words speak of as well: for money and authority the words count, since it
    /// may be they that picked it.
    fn unless_spoken(&self, value: &str, way: Way) -> Way {
        let spoken = self.seen.spoken(value).filter(|_| self.commits && way.origin == Origin::Field);
        let Some(number) = spoken else { return way };
        let character = Character::Instruction;
        let place = Place { source: number, at: 0, length: 0, character, typed: false, decoded: false, meant: false };
        let mut sources: Vec<ValueSource> = self.value_source(&place, "exact").into_iter().collect();
        sources.extend(way.sources);
        Way { origin: Origin::Instruction, sources, ..way }
    }

    fn of_source(&self, number: u16, form: &str) -> Option<Way> {
        let source = self.seen.source(number)?;
        let place = Place {
            source: number,
            at: 0,
            length: 0,
            character: Character::Prose,
            typed: false,
            decoded: false,
            meant: false,
        };
        let origin = origin(source.reach, source.trusted, &place, true);
        let sources = self.value_source(&place, form).into_iter().collect();
        Some(Way { origin, sources, rivals: 0, known: false })
    }

    fn given(&self, form: &str) -> Way {
        let source = ValueSource {
            kind: SourceKind::User,
            id: "request".to_owned(),
            trust: Integrity::Trusted,
            character: Character::Prose,
            reach: Reach::Named,
            document: false,
            span: [0, 0],
            form: form.to_owned(),
        };
        Way { origin: Origin::Request, sources: vec![source], rivals: 0, known: false }
    }

    /// The most trustworthy of several places; for an address only a typed one counts as a field.
    fn placed(&self, places: &[Place], kind: Option<Kind>, form: &str) -> Way {
        let rank = |place: &Place| {
            let source = self.seen.source(place.source);
            let (reach, trusted) = source.map_or((Reach::Elsewhere, false), |source| (source.reach, source.trusted));
            let origin = origin(reach, trusted, place, kind.is_none() || kind == Some(Kind::Path));
            // A typed address that the request does not lead to is worth less than a text that the person named.
            let astray = kind.is_some() && origin == Origin::Field && reach > Reach::Topic;
            (if astray { Origin::Prose } else { origin }, reach, place.character, origin)
        };
        let mut ordered: Vec<&Place> = places.iter().collect();
        ordered.sort_by_key(|place| rank(place));
        let Some(best) = ordered.first() else { return self.nowhere() };
        let rivals = kind.map_or_else(|| self.seen.singled_out_instead(best), |kind| self.seen.rivals(best, kind));
        let form = if best.decoded { "base64" } else { form };
        let sources = ordered.iter().filter_map(|place| self.value_source(place, form)).collect();
        Way { origin: rank(best).3, sources, rivals, known: false }
    }

    fn nowhere(&self) -> Way {
        let origin = if self.seen.truncated || self.request.is_none() { Origin::Unknown } else { Origin::Nowhere };
        Way { origin, sources: Vec::new(), rivals: 0, known: false }
    }

    fn value_source(&self, place: &Place, form: &str) -> Option<ValueSource> {
        let source = self.seen.source(place.source)?;
        Some(ValueSource {
            kind: source.kind,
            id: source.id.to_string(),
            trust: if source.trusted { Integrity::Trusted } else { Integrity::Untrusted },
            character: place.character,
            reach: source.reach,
            document: source.content,
            span: [u64::from(place.at), u64::from(place.at) + u64::from(place.length)],
            form: form.to_owned(),
        })
    }

    /// How much of a text its sources cover, in percent.
    fn coverage(&self, folded: &str, way: &Way) -> u8 {
        if way.sources.is_empty() {
            return 0;
        }
        let (mut all, mut covered) = (0_usize, 0_usize);
        for token in tokens(folded).take(WORDS_MAX) {
            all += 1;
            let said = self.request.is_some_and(|request| request.says(token.text));
            covered += usize::from(
                said || self.seen.word(token.text).next().is_some() || !self.seen.places(token.text).is_empty(),
            );
        }
        u8::try_from((covered * 100).checked_div(all).unwrap_or(100)).unwrap_or(100)
    }
}

impl Way {
    /// The less trustworthy of two ways of parts of one value, with the sources of both.
    fn worse(self, other: Self) -> Self {
        let (mut worse, better) = if other.origin > self.origin { (other, self) } else { (self, other) };
        worse.rivals = worse.rivals.max(better.rivals);
        worse.known &= better.known;
        worse.sources.extend(better.sources);
        worse
    }
}

/// What a place makes of a value. `name`: the value is no address, so that a short line of a text is enough.
fn origin(reach: Reach, trusted: bool, place: &Place, name: bool) -> Origin {
    let whole = matches!(place.character, Character::Field | Character::Cell | Character::Entry);
    match (place.character, reach) {
        _ if trusted => Origin::Request,
        _ if whole && (place.typed || name) => Origin::Field,
        (_, Reach::Named) => Origin::Named,
        (Character::Instruction, _) => Origin::Instruction,
        _ => Origin::Prose,
    }
}

/// A date or a time, however it is written in figures.
pub(crate) fn is_moment(folded: &str) -> bool {
    let figures = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ':' | 't' | 'z' | '+' | ' ');
    (4..=40).contains(&folded.len())
        && folded.chars().all(figures)
        && folded.matches(['-', '/', '.', ':']).count() > 0
        && folded.matches(|c: char| c.is_ascii_digit()).count() <= 18
        && !folded.contains("..")
}

/// What is said of arguments that nobody looked at.
fn unknown() -> Provenance {
    Provenance {
        role: ArgumentRole::Target,
        origin: Origin::Unknown,
        sources: Vec::new(),
        coverage: 0,
        required: true,
        address: true,
        record: false,
        rivals: 0,
        known: false,
    }
}

enum Step<'v> {
    Field(&'v str),
    Entry(usize),
}

fn pointer(path: &[Step<'_>]) -> String {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            Step::Field(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            Step::Entry(position) => pointer.push_str(&position.to_string()),
        }
    }
    pointer
}

/// The texts that stand in base64 in a value.
fn behind(value: &str) -> impl Iterator<Item = String> {
    let is_border = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '-' | '_' | '=');
    value.split(is_border).filter(|piece| piece.len() >= 16).filter_map(decoded)
}
