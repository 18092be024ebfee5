//! Grants: what agents of a class may do at all. Only grants allow; policies restrict.

use crate::nearest::hint;
use holdshort_effects::{Glob, KINDS, PatternError, ResourcePattern, Target};
use holdshort_inventory::UNKNOWN_CLASS;
use holdshort_model::{ActionEffect, Mode, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What agents of a class may do: one `[[grants]]` table.
///
/// An effect of an action is covered when one grant has its verb, a pattern for its resource and the server. An action
/// with an effect that no grant covers is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// Name that people and containment use, such as `coding-files`; unique.
    pub name: String,
    /// Class of agents; `*` and `?` as in globs. `unknown` is the class of agents that nobody registered, and only this
    /// word and `*` name it.
    pub class: String,
    /// What they may do: `read`, `write`, `delete`, `execute`, `send`, `spend`, `delegate`, `grant`.
    #[schemars(schema_with = "verbs_schema")]
    pub verbs: Vec<Verb>,
    /// Patterns of resources: `*`, `file:/home/me/**`, `file:${workspace}/**`, `host:*.example.com`,
    /// `mail:*@example.com`, `tool:SERVER/NAME`, or a kind that the catalog declares, such as `crm:*`.
    pub resources: Vec<String>,
    /// Names of the servers it holds for; `*` and `?` as in globs. Default: all.
    #[serde(default = "every_server")]
    pub servers: Vec<String>,
    /// `enforce`: what this class was not granted is refused. `observe`: it is only recorded, as long as every grant of
    /// the class is in this mode. Default: `enforce`.
    #[serde(default)]
    #[schemars(schema_with = "mode_schema")]
    pub mode: Mode,
}

fn every_server() -> Vec<String> {
    vec!["*".to_owned()]
}

fn verbs_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let verbs = Verb::ALL.map(Verb::as_str);
    schemars::json_schema!({"type": "array", "items": {"type": "string", "enum": verbs}})
}

fn mode_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["observe", "enforce"], "default": "enforce"})
}

/// Names that are known when grants are compiled. `None`: not known, so not checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Classes of agents, without `unknown`.
    pub classes: Option<&'a [&'a str]>,
    /// Names of servers.
    pub servers: Option<&'a [&'a str]>,
    /// Kinds of resources that the catalog declares.
    pub kinds: Option<&'a [&'a str]>,
}

/// A grant that says nothing, or could never cover anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Two grants with one name.
    #[error("two grants have the name `{0}`; containment takes grants away by name")]
    DuplicateName(String),
    /// No name, class, verb, resource or server.
    #[error("the grant `{name}` has no {lacks}, so it covers nothing")]
    Empty {
        /// The grant.
        name: String,
        /// What it lacks.
        lacks: &'static str,
    },
    /// A name that nothing has.
    #[error("the grant `{name}` names the {what} `{wrong}`, which does not exist{hint}")]
    Unknown {
        /// The grant.
        name: String,
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        wrong: String,
        /// The nearest known name.
        hint: String,
    },
    /// A pattern that can never match.
    #[error("the grant `{name}` has the resource {error}")]
    Pattern {
        /// The grant.
        name: String,
        /// What is wrong.
        error: PatternError,
    },
}

/// How far grants reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every effect is covered.
    Full,
    /// The first effect that no grant covers.
    Lacking {
        /// Its position.
        position: usize,
        /// How the lack is treated.
        mode: Mode,
    },
}

impl Coverage {
    /// How the lack is treated, when there is one.
    pub fn lacking(&self) -> Option<Mode> {
        match self {
            Self::Full => None,
            Self::Lacking { mode, .. } => Some(*mode),
        }
    }
}

/// All grants, compiled.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    grants: Vec<Grant>,
}

#[derive(Clone, Debug)]
struct Grant {
    name: String,
    class: Glob,
    verbs: Vec<Verb>,
    resources: Vec<ResourcePattern>,
    servers: Vec<Glob>,
    mode: Mode,
}

impl Grants {
    /// Compiles grants.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn compile(entries: &[GrantEntry], known: &Known<'_>) -> Result<Self, Vec<GrantError>> {
        let mut grants: Vec<Grant> = Vec::with_capacity(entries.len());
        let mut errors = Vec::new();
        for entry in entries {
            if grants.iter().any(|grant| grant.name == entry.name) {
                errors.push(GrantError::DuplicateName(entry.name.clone()));
            }
            grants.push(compile(entry, known, &mut errors));
        }
        if errors.is_empty() { Ok(Self { grants }) } else { Err(errors) }
    }

    /// Whether there is a grant of this name.
    pub fn has(&self, name: &str) -> bool {
        self.grants.iter().any(|grant| grant.name == name)
    }

    /// Whether grants of `class`, without those whose names are in `removed`, cover all effects. `default` is how a lack
    /// is treated when no grant names the class.
    pub fn coverage(&self, class: &str, removed: &[String], targets: &[Target<'_>], default: Mode) -> Coverage {
        self.first_lack(class, removed, targets, default, |pattern, target| pattern.matches(target))
    }

    /// The same for a tool as such: whether some arguments could lead to effects that are covered.
    pub fn coverage_of_tool(&self, class: &str, removed: &[String], targets: &[Target<'_>], default: Mode) -> Coverage {
        self.first_lack(class, removed, targets, default, |pattern, target| {
            pattern.may_match_tool(target.server, target.tool)
        })
    }

    /// Names of the grants of `class` that cover some of the effects, without those in `removed`; sorted.
    pub fn involved(&self, class: &str, removed: &[String], targets: &[Target<'_>]) -> Vec<String> {
        let fits = |pattern: &ResourcePattern, target: &Target<'_>| pattern.matches(target);
        let left = self.grants.iter().filter(|grant| grant.class.matches(class) && !removed.contains(&grant.name));
        let involved = left.filter(|grant| targets.iter().any(|target| grant.covers(target, fits)));
        let mut names: Vec<String> = involved.map(|grant| grant.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn first_lack(
        &self,
        class: &str,
        removed: &[String],
        targets: &[Target<'_>],
        default: Mode,
        fits: impl Fn(&ResourcePattern, &Target<'_>) -> bool,
    ) -> Coverage {
        let mine = || self.grants.iter().filter(|grant| grant.class.matches(class));
        let left = || mine().filter(|grant| !removed.contains(&grant.name));
        let covered = |target: &Target<'_>| left().any(|grant| grant.covers(target, &fits));
        match targets.iter().position(|target| !covered(target)) {
            None => Coverage::Full,
            // Taken away from this subject: enforced, whatever the grants' mode.
            Some(position) if mine().count() != left().count() => Coverage::Lacking { position, mode: Mode::Enforce },
            Some(position) => {
                let mode = match (mine().next(), mine().any(|grant| grant.mode == Mode::Enforce)) {
                    (None, _) => default,
                    (Some(_), true) => Mode::Enforce,
                    (Some(_), false) => Mode::Observe,
                };
                Coverage::Lacking { position, mode }
            }
        }
    }

    /// What the class may do with this verb, in words, for the refusal.
    pub fn allowed_instead(&self, class: &str, verb: Verb) -> Vec<String> {
        let mine = self.grants.iter().filter(|grant| grant.class.matches(class) && grant.verbs.contains(&verb));
        let mut patterns: Vec<String> =
            mine.flat_map(|grant| grant.resources.iter().map(ToString::to_string)).collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns.truncate(5);
        patterns
    }
}

impl Grant {
    fn covers(&self, target: &Target<'_>, fits: impl Fn(&ResourcePattern, &Target<'_>) -> bool) -> bool {
        let ActionEffect { verb, .. } = target.effect;
        let server = target.server.unwrap_or_default();
        self.verbs.contains(verb)
            && self.servers.iter().any(|glob| glob.matches(server))
            && self.resources.iter().any(|pattern| fits(pattern, target))
    }
}

fn compile(entry: &GrantEntry, known: &Known<'_>, errors: &mut Vec<GrantError>) -> Grant {
    let name = || entry.name.clone();
    let lacks = [
        (entry.name.is_empty(), "name"),
        (entry.class.is_empty(), "class"),
        (entry.verbs.is_empty(), "verbs"),
        (entry.resources.is_empty(), "resources"),
        (entry.servers.is_empty(), "servers"),
    ];
    errors.extend(
        lacks.into_iter().filter(|(empty, _)| *empty).map(|(_, lacks)| GrantError::Empty { name: name(), lacks }),
    );
    if !entry.class.is_empty() {
        exists("class", &entry.class, known.classes, &[UNKNOWN_CLASS], entry, errors);
    }
    for server in &entry.servers {
        exists("server", server, known.servers, &[], entry, errors);
    }
    let mut resources = Vec::new();
    for text in &entry.resources {
        match ResourcePattern::parse(text) {
            Ok(pattern) => {
                if let Some(server) = pattern.server() {
                    exists("server", &server, known.servers, &[], entry, errors);
                }
                if let Some(kind) = pattern.kind() {
                    exists("kind of resource", kind, known.kinds, KINDS, entry, errors);
                }
                resources.push(pattern);
            }
            Err(error) => errors.push(GrantError::Pattern { name: name(), error }),
        }
    }
    Grant {
        name: name(),
        class: Glob::new(&entry.class),
        verbs: entry.verbs.clone(),
        resources,
        servers: entry.servers.iter().map(|server| Glob::new(server)).collect(),
        mode: entry.mode,
    }
}

fn exists(
    what: &'static str,
    wrong: &str,
    known: Option<&[&str]>,
    always: &[&str],
    entry: &GrantEntry,
    errors: &mut Vec<GrantError>,
) {
    let Some(known) = known else { return };
    let glob = Glob::new(wrong);
    let names = || known.iter().chain(always).copied();
    if wrong != "*" && !names().any(|name| glob.matches(name)) {
        let hint = hint(wrong, names());
        errors.push(GrantError::Unknown { name: entry.name.clone(), what, wrong: wrong.to_owned(), hint });
    }
}
