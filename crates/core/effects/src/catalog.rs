//! What the organisation declares about its tools and resources. Its word stands in the place of any guess.

use crate::roles::{self, Place, RESOURCES_MAX};
use crate::{Glob, OutputError, OutputRule, PatternError, ResourcePattern, Target, Trust};
use holdshort_model::{ActionEffect, Certainty, Resource, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What tools of a server do: one `[[catalog]]` table. All entries that match a tool count together, and where one of them
/// has effects, none are derived any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// Name of the upstream server; `*` and `?` as in globs. Default: every server.
    #[serde(default = "any")]
    pub server: String,
    /// Name of the tool on its server; `*` and `?` as in globs.
    pub tool: String,
    /// What a call does. Without any, the effects are derived as if the entry were not there; then it has to say something
    /// of the output. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<DeclaredEffect>,
    /// What the output contains, for the labels of the session. Default: nothing is declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<OutputRule>,
    /// Whether outsiders could write what the tool gives back: `trusted` or `untrusted`. Default: what the server's
    /// `outputs` says, else `untrusted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Names of the fields of its structured output that may say where something goes: `iban`, `email`. With it, no other text
    /// of the output counts as a field. Default: what a serialiser wrote and is short, unless its name is that of free text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Names of tools of the same server that a call of this one needs first, such as `login`. A request that asks for this
    /// tool asks for those as well. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

impl CatalogEntry {
    /// Whether it says something of what comes back.
    pub(crate) fn says_of_output(&self) -> bool {
        self.trust.is_some() || !self.output.is_empty() || !self.fields.is_empty()
    }
}

/// One declared effect of a tool. At most one of `id`, `path` and `host` says which argument names the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredEffect {
    /// What happens: `read`, `write`, `delete`, `execute`, `send`, `spend`, `delegate` or `grant`.
    #[schemars(schema_with = "verb_schema")]
    pub verb: Verb,
    /// Kind of the resource, a lower-case word such as `file`, `mail`, `crm`. Default: `record`.
    #[serde(default = "record")]
    pub kind: String,
    /// JSON pointer to the argument with the id of the resource, or a list of them, such as `/ids`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointer to the argument with a file path, or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// JSON pointer to the argument with a URL or host name, or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// JSON pointer to the argument with the number of things that are touched, or with a list whose length it is. Where
    /// the call lacks it, the number is unknown. Default: one for each resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Whether it can be undone. Default: not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversible: Option<bool>,
}

/// Classification of resources: one `[[labels]]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRule {
    /// Pattern of resources, as in grants: `file:/srv/hr/**`, `host:*.example.com`, `tool:crm/*`.
    pub resource: String,
    /// Labels that the resources get, such as `confidential`.
    pub labels: Vec<String>,
}

fn any() -> String {
    "*".to_owned()
}

fn record() -> String {
    "record".to_owned()
}

fn verb_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": Verb::ALL.map(Verb::as_str)})
}

/// A declaration that says nothing or cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// An entry that says nothing.
    #[error(
        "the catalog entry for `{0}` has no effects and says nothing of the output; remove it, or say what the tool does"
    )]
    NoEffects(String),
    /// An output rule that cannot be.
    #[error("the catalog entry for `{tool}`: {fault}")]
    Output {
        /// The tool.
        tool: String,
        /// What is wrong.
        fault: OutputError,
    },
    /// Not a JSON pointer.
    #[error("the catalog entry for `{tool}` has `{pointer}`, which is not a JSON pointer; write `/` before the name")]
    NotAPointer {
        /// The tool.
        tool: String,
        /// What stands there.
        pointer: String,
    },
    /// More than one of `id`, `path`, `host`.
    #[error(
        "an effect of the catalog entry for `{0}` has more than one of `id`, `path`, `host`; make two effects of it"
    )]
    TwoResources(String),
    /// A kind that no pattern could name.
    #[error("the catalog entry for `{tool}` has the kind `{kind}`; kinds are lower-case words")]
    BadKind {
        /// The tool.
        tool: String,
        /// The kind.
        kind: String,
    },
    /// A name that matches nothing.
    #[error("a catalog entry has an empty server or tool; write `*` for all")]
    EmptyName,
    /// A label rule without labels.
    #[error("the label rule for `{0}` has no labels; remove it")]
    NoLabels(String),
    /// A label rule with a pattern that cannot match.
    #[error("the label rule's pattern {0}")]
    Pattern(#[from] PatternError),
}

/// Everything that the organisation declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    entries: Vec<(Glob, Glob, Vec<DeclaredEffect>)>,
    labels: Vec<(ResourcePattern, Vec<String>)>,
}

impl Catalog {
    /// Compiles declarations.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(entries: &[CatalogEntry], labels: &[LabelRule]) -> Result<Self, Vec<CatalogError>> {
        let mut catalog = Self::default();
        let mut errors = Vec::new();
        for entry in entries {
            check(entry, &mut errors);
            if !entry.effects.is_empty() {
                catalog.entries.push((Glob::new(&entry.server), Glob::new(&entry.tool), entry.effects.clone()));
            }
        }
        for rule in labels {
            if rule.labels.is_empty() {
                errors.push(CatalogError::NoLabels(rule.resource.clone()));
            }
            match ResourcePattern::parse(&rule.resource) {
                Ok(pattern) => catalog.labels.push((pattern, rule.labels.clone())),
                Err(error) => errors.push(error.into()),
            }
        }
        if errors.is_empty() { Ok(catalog) } else { Err(errors) }
    }

    /// Whether some entry declares resources of this kind.
    pub fn has_kind(&self, kind: &str) -> bool {
        self.entries.iter().any(|(_, _, effects)| effects.iter().any(|effect| effect.kind == kind))
    }

    /// The declared effects of a call; `None` when nothing is declared for the tool.
    pub(crate) fn effects(
        &self,
        server: &str,
        tool: &str,
        args: &Value,
        workspace: Option<&str>,
    ) -> Option<Vec<ActionEffect>> {
        let mut effects: Option<Vec<ActionEffect>> = None;
        for (servers, tools, declared) in &self.entries {
            if servers.matches(server) && tools.matches(tool) {
                let all = effects.get_or_insert_default();
                for effect in declared {
                    if args.is_null() {
                        all.push(effect.as_such(server, tool));
                    } else {
                        effect.push(args, workspace, all);
                    }
                }
            }
        }
        effects
    }

    /// Puts the declared labels on the resources of effects.
    pub(crate) fn label(
        &self,
        effects: &mut [ActionEffect],
        server: Option<&str>,
        tool: Option<&str>,
        workspace: Option<&str>,
    ) {
        if self.labels.is_empty() {
            return;
        }
        for effect in effects {
            // What the reading of the action put there stays.
            let mut labels: Vec<String> = std::mem::take(&mut effect.resource.labels);
            for (pattern, names) in &self.labels {
                let target = Target { effect, server, tool, workspace };
                if pattern.matches(&target) {
                    labels.extend(names.iter().cloned());
                }
            }
            labels.sort_unstable();
            labels.dedup();
            effect.resource.labels = labels;
        }
    }
}

impl DeclaredEffect {
    // The tool as such: the kind is known, no resource is touched.
    fn as_such(&self, server: &str, tool: &str) -> ActionEffect {
        let place = roles::plain(&self.kind, &format!("{server}/{tool}"));
        self.effect(place.resource, Some(0), Certainty::Declared)
    }

    fn push(&self, args: &Value, workspace: Option<&str>, effects: &mut Vec<ActionEffect>) {
        let count = self.count.as_deref().map(|pointer| count_at(args, pointer));
        let pointer = self.path.as_deref().or(self.host.as_deref()).or(self.id.as_deref());
        let nameless = || Resource { kind: self.kind.clone(), ..Resource::default() };
        let Some(pointer) = pointer else {
            effects.push(self.effect(nameless(), count.unwrap_or(Some(1)), Certainty::Declared));
            return;
        };
        let items: Vec<&Value> = match args.pointer(pointer) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(item) => vec![item],
            None => Vec::new(),
        };
        for item in items.iter().take(RESOURCES_MAX) {
            let Place { mut resource, certain } = self.place(item, workspace);
            resource.kind.clone_from(&self.kind);
            let certainty = if certain { Certainty::Declared } else { Certainty::Unknown };
            effects.push(self.effect(resource, count.unwrap_or(Some(1)), certainty));
        }
        if items.is_empty() || items.len() > RESOURCES_MAX {
            // Nobody can say which ones: only the grant `*` covers it.
            let rest = items.len().checked_sub(RESOURCES_MAX).and_then(|rest| u64::try_from(rest).ok());
            effects.push(self.effect(nameless(), count.unwrap_or(rest), Certainty::Unknown));
        }
    }

    fn place(&self, item: &Value, workspace: Option<&str>) -> Place {
        let text = match item {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Place { certain: false, ..roles::plain(&self.kind, &other.to_string()) },
        };
        if self.path.is_some() {
            roles::file(&text, workspace)
        } else if self.host.is_some() {
            roles::host(&text)
        } else if self.kind == "mail" {
            roles::mail(&text)
        } else {
            roles::plain(&self.kind, &text)
        }
    }

    fn effect(&self, resource: Resource, count: Option<u64>, certainty: Certainty) -> ActionEffect {
        ActionEffect { verb: self.verb, resource, reversible: self.reversible, count, certainty }
    }
}

fn count_at(args: &Value, pointer: &str) -> Option<u64> {
    match args.pointer(pointer)? {
        Value::Array(items) => u64::try_from(items.len()).ok(),
        other => other.as_u64(),
    }
}

fn check(entry: &CatalogEntry, errors: &mut Vec<CatalogError>) {
    let tool = || entry.tool.clone();
    if entry.tool.is_empty() || entry.server.is_empty() {
        errors.push(CatalogError::EmptyName);
    }
    if entry.effects.is_empty() && !entry.says_of_output() && entry.needs.is_empty() {
        errors.push(CatalogError::NoEffects(tool()));
    }
    for rule in &entry.output {
        errors.extend(rule.check().err().map(|fault| CatalogError::Output { tool: tool(), fault }));
    }
    for effect in &entry.effects {
        let resources = [&effect.id, &effect.path, &effect.host];
        if resources.iter().filter(|pointer| pointer.is_some()).count() > 1 {
            errors.push(CatalogError::TwoResources(tool()));
        }
        for pointer in resources.into_iter().chain([&effect.count]).flatten() {
            if !pointer.starts_with('/') {
                errors.push(CatalogError::NotAPointer { tool: tool(), pointer: pointer.clone() });
            }
        }
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
        if effect.kind.is_empty() || !effect.kind.bytes().all(plain) {
            errors.push(CatalogError::BadKind { tool: tool(), kind: effect.kind.clone() });
        }
    }
}
