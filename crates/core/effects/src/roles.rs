//! From what a tool does and what its arguments name to effects on resources.

use crate::args::{self, Arguments, Named, Role, Side};
use crate::host::{Host, host_of_name, host_of_url, mail_address};
use crate::path::{is_file_uri, normalise};
use crate::script::{self, Language, Script};
use crate::shell::ShellContext;
use crate::sql::Dialect;
use crate::tool::Classified;
use crate::words;
use holdshort_model::{ActionEffect, Certainty, Resource, Verb};
use serde_json::Value;

/// Most resources of one call that become effects of their own. The rest is one effect more, with its number as its
/// count, on a resource that nobody can name: only the grant `*` covers it.
pub const RESOURCES_MAX: usize = 64;
/// Longest id that is put together from several parameters.
const JOINED_ID_BYTES_MAX: usize = 512;

/// A call of a tool.
pub(crate) struct Call<'a> {
    pub(crate) server: &'a str,
    pub(crate) name: &'a str,
    pub(crate) args: &'a Value,
    pub(crate) workspace: Option<&'a str>,
}

/// A resource and whether its text says for sure what is meant.
pub(crate) struct Place {
    pub(crate) resource: Resource,
    pub(crate) certain: bool,
}

struct Thing {
    role: Role,
    side: Side,
    addressed: bool,
    place: Place,
}

/// The effects of a call.
pub(crate) fn effects(tool: &Classified, call: &Call<'_>) -> Vec<ActionEffect> {
    if call.args.is_null() {
        return tool.verbs.iter().map(|verb| on_tool(*verb, tool, call, Some(0))).collect();
    }
    let arguments = args::read(call.args);
    let (things, total) = things(&arguments, call.workspace);
    let scripts = scripts(&arguments, tool, call);
    let mut effects = Vec::new();
    let mut verbs = tool.verbs.clone();
    if arguments.code || !scripts.is_empty() {
        verbs.insert(Verb::Execute);
    }
    for verb in verbs {
        let before = effects.len();
        for thing in &things {
            effects.extend(on_thing(verb, tool, thing));
        }
        if !effects.iter().skip(before).any(|effect: &ActionEffect| effect.verb == verb) {
            effects.push(on_tool(verb, tool, call, Some(1)));
        }
    }
    // What leaves for an address is sent there, whatever the tool is called.
    for thing in things.iter().filter(|thing| leaves(thing, tool)) {
        push_new(&mut effects, effect(Verb::Send, tool, thing.place.resource.clone(), thing.place.certain, Some(1)));
    }
    count(&mut effects, tool, &arguments, things.len().max(total));
    if let Some(number) = total.checked_sub(things.len()).filter(|number| *number > 0) {
        let kind = things.last().map(|thing| thing.place.resource.kind.clone()).unwrap_or_default();
        let rest = Resource { kind, ..Resource::default() };
        let number = u64::try_from(number).ok();
        effects.extend(tool.verbs.iter().map(|verb| effect(*verb, tool, rest.clone(), false, number)));
    }
    let cwd = script::folder(call.args);
    for script in scripts {
        let context = ShellContext { workspace: call.workspace, cwd };
        script::effects(script, call.server, &context).into_iter().for_each(|effect| push_new(&mut effects, effect));
    }
    if arguments.truncated {
        for effect in &mut effects {
            effect.certainty = Certainty::Unknown;
            effect.count = None;
        }
    }
    effects
}

// The texts that this tool runs. An editor's `command: "view"` is the name of one of its own; a `query` is a statement
// for tools that speak of databases, and words to look for elsewhere.
fn scripts<'a>(arguments: &'a Arguments, tool: &Classified, call: &Call<'_>) -> Vec<&'a Script> {
    let executes = tool.verbs.contains(&Verb::Execute);
    let name = words::of_name(call.name);
    let queries = executes
        || name.iter().any(|word| matches!(word.as_str(), "sql" | "query" | "database" | "db" | "statement"))
        || script::dialect(call.server) != Dialect::Generic;
    let runs = |script: &&Script| match script.language {
        Language::Query => queries && script::is_statement(&script.text),
        Language::Shell | Language::Either => executes || script.text.trim().contains(char::is_whitespace),
        Language::Sql | Language::Other => true,
    };
    arguments.scripts.iter().filter(runs).collect()
}

/// An effect on a resource that the action itself names.
pub(crate) fn effect_on(verb: Verb, place: Place, count: Option<u64>) -> ActionEffect {
    let certainty = if place.certain { Certainty::Derived } else { Certainty::Unknown };
    ActionEffect { verb, resource: place.resource, reversible: None, count, certainty }
}

/// The resource that a URI names.
pub(crate) fn uri(uri: &str, workspace: Option<&str>) -> Place {
    if is_file_uri(uri) {
        return file(uri, workspace);
    }
    match host_of_url(uri) {
        Some(host) if is_web(uri) => url(uri, host),
        _ => plain("resource", uri),
    }
}

/// A file by its path.
pub(crate) fn file(raw: &str, workspace: Option<&str>) -> Place {
    let path = normalise(raw, workspace);
    let resource =
        Resource { kind: "file".to_owned(), id: Some(raw.to_owned()), path: Some(path.text), ..Resource::default() };
    Place { resource, certain: path.certain }
}

/// A host by a URL or its name.
pub(crate) fn host(raw: &str) -> Place {
    match host_of_url(raw).or_else(|| host_of_name(raw)) {
        Some(host) => url(raw, host),
        None => Place { certain: false, ..plain("url", raw) },
    }
}

/// A person by a mail address.
pub(crate) fn mail(raw: &str) -> Place {
    match mail_address(raw) {
        Some((address, Host { name, certain })) => Place {
            resource: Resource { kind: "mail".to_owned(), id: Some(address), host: Some(name), ..Resource::default() },
            certain,
        },
        None => Place { certain: false, ..plain("mail", raw) },
    }
}

/// A thing of any kind by its id.
pub(crate) fn plain(kind: &str, id: &str) -> Place {
    Place {
        resource: Resource { kind: kind.to_owned(), id: Some(id.to_owned()), ..Resource::default() },
        certain: true,
    }
}

fn url(raw: &str, host: Host) -> Place {
    let resource =
        Resource { kind: "url".to_owned(), id: Some(raw.to_owned()), host: Some(host.name), ..Resource::default() };
    Place { resource, certain: host.certain }
}

fn is_web(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "ftp" | "ftps")
}

// At most `RESOURCES_MAX`, and how many there are in all.
fn things(arguments: &Arguments, workspace: Option<&str>) -> (Vec<Thing>, usize) {
    let ids = arguments.named.iter().filter(|named| named.role == Role::Id);
    let mut chosen: Vec<&Named> = arguments.named.iter().filter(|named| named.role != Role::Id).collect();
    let listed: Vec<&Named> = ids.clone().filter(|named| named.listed).collect();
    let placed = chosen.iter().any(|named| named.role != Role::Mail);
    chosen.extend(listed.iter().copied());
    let total = chosen.len();
    let mut things: Vec<Thing> = chosen.into_iter().take(RESOURCES_MAX).map(|named| thing(named, workspace)).collect();
    if listed.is_empty() && !placed {
        let scalars: Vec<&Named> = ids.collect();
        let sided = scalars.iter().any(|named| named.side != Side::Neither);
        if sided {
            things.extend(scalars.into_iter().take(8).map(|named| thing(named, workspace)));
        } else if !scalars.is_empty() {
            let texts: Vec<&str> = scalars.iter().take(8).map(|named| named.text.as_str()).collect();
            let place = plain("record", &bounded(&texts.join("/")));
            things.push(Thing { role: Role::Id, side: Side::Neither, addressed: false, place });
        }
    }
    let total = total.max(things.len());
    (things, total)
}

fn bounded(id: &str) -> String {
    let end = id.char_indices().map(|(at, _)| at).find(|at| *at >= JOINED_ID_BYTES_MAX).unwrap_or(id.len());
    id.get(..end).unwrap_or_default().to_owned()
}

fn thing(named: &Named, workspace: Option<&str>) -> Thing {
    let place = match named.role {
        Role::Path => file(&named.text, workspace),
        Role::Url if is_file_uri(&named.text) => file(&named.text, workspace),
        // `playlist:calm`, `light`: a name of the tool's own, unless a host can be read in it.
        Role::Url | Role::Host if is_own_name(&named.text) => plain("record", &named.text),
        Role::Url | Role::Host => host(&named.text),
        Role::Mail => mail(&named.text),
        Role::Id => plain("record", &named.text),
    };
    Thing { role: named.role, side: named.side, addressed: named.addressed, place }
}

// What one verb does to one thing.
fn on_thing(verb: Verb, tool: &Classified, thing: &Thing) -> Option<ActionEffect> {
    let verb = match (verb, thing.role, thing.side) {
        (Verb::Delete, _, Side::To) | (Verb::Write, _, Side::From) if tool.moves => return None,
        (Verb::Read, _, Side::To) | (Verb::Write, _, Side::From) if tool.copies => return None,
        // An attachment is read, and sent to somebody else.
        (Verb::Send, Role::Path, _) => Verb::Read,
        (Verb::Send | Verb::Grant | Verb::Spend, Role::Mail, _) => verb,
        (_, Role::Mail, _) => return None,
        _ => verb,
    };
    Some(effect(verb, tool, thing.place.resource.clone(), thing.place.certain, Some(1)))
}

// No dot, no slash, no number that could be an address in disguise, and no host of this machine.
fn is_own_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
    let letters = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    letters && !text.to_ascii_lowercase().contains("localhost") && !text.to_ascii_lowercase().starts_with("http")
}

fn leaves(thing: &Thing, tool: &Classified) -> bool {
    let only_reads = tool.verbs.iter().all(|verb| *verb == Verb::Read);
    match thing.role {
        Role::Url | Role::Host => thing.place.resource.kind == "url",
        Role::Mail => !only_reads && thing.addressed,
        Role::Path | Role::Id => false,
    }
}

fn push_new(effects: &mut Vec<ActionEffect>, effect: ActionEffect) {
    if !effects.contains(&effect) {
        effects.push(effect);
    }
}

fn effect(verb: Verb, tool: &Classified, resource: Resource, certain: bool, count: Option<u64>) -> ActionEffect {
    let certainty = if certain { tool.certainty() } else { Certainty::Unknown };
    let reversible = if verb == Verb::Read { None } else { tool.reversible };
    ActionEffect { verb, resource, reversible, count, certainty }
}

fn on_tool(verb: Verb, tool: &Classified, call: &Call<'_>, count: Option<u64>) -> ActionEffect {
    let place = plain("tool", &format!("{}/{}", call.server, call.name));
    effect(verb, tool, place.resource, true, count)
}

fn count(effects: &mut Vec<ActionEffect>, tool: &Classified, arguments: &Arguments, things: usize) {
    let mut rest = Vec::new();
    for effect in effects.iter_mut() {
        let named = effect.resource.kind != "tool";
        effect.count = match effect.verb {
            Verb::Delete | Verb::Read if arguments.all => None,
            Verb::Delete if tool.container && !tool.moves => None,
            // Both a name and a search: nobody says which of them decides.
            Verb::Delete if named && arguments.filtered && !tool.moves => arguments.limit,
            Verb::Delete | Verb::Read if !named => {
                arguments.limit.or((arguments.listed > 0).then_some(arguments.listed))
            }
            _ if arguments.all => None,
            _ => effect.count,
        };
        // Values in lists that name nothing we know are still things that go.
        let unnamed = arguments.listed.saturating_sub(u64::try_from(things).unwrap_or(u64::MAX));
        if effect.verb == Verb::Delete && named && unnamed > 0 && rest.is_empty() && effect.count.is_some() {
            let resource = Resource { kind: effect.resource.kind.clone(), ..Resource::default() };
            rest.push(ActionEffect { resource, count: Some(unnamed), ..effect.clone() });
        }
    }
    effects.append(&mut rest);
}
