//! Pins of tool definitions: trust on first use, and no quiet change after that.
//!
//! INVARIANT: seeing a definition never replaces a pin. Only [`Pins::accept`] does, for a digest that a person saw.
//! Of two servers with a tool of one name, the first keeps its standing and the later one is `shadowed`: a server that
//! joins later cannot take the tools of others out of service.

use crate::canonical::{canonical, definition_digest, stable};
use crate::difference;
use holdshort_model::{Digest, Pin, ToolChange, ToolDefinition};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most tools that are remembered of one server: the largest public servers have a few hundred.
pub const TOOLS_PER_SERVER_MAX: usize = 2_048;
/// Largest definition in its canonical form: the largest public ones are below 64 KiB.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1024;
/// Most servers that are remembered.
pub const SERVERS_MAX: usize = 1_024;

/// What happens when a tool is seen for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FirstUse {
    /// Its definition is pinned at once; from the next listing on it is `match`.
    #[default]
    Trust,
    /// It stays `new` until a person accepts it.
    Ask,
}

/// A definition at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// [`definition_digest`] of it.
    pub digest: Digest,
    /// The definition without its volatile fields.
    pub definition: Value,
    /// When it was first seen, or accepted; in milliseconds since 1970.
    pub time_ms: u64,
}

/// What is known of one tool of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinEntry {
    /// Upstream server.
    pub server: String,
    /// Name on that server.
    pub tool: String,
    /// The definition that is trusted; `None` until first use or a person pinned one.
    pub pinned: Option<Seen>,
    /// The definition that the server gave last.
    pub latest: Seen,
}

/// What a listing showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Comparison with the pin, in the order of the definitions.
    pub pins: Vec<Pin>,
    /// What has to be recorded. A state that was recorded before is not recorded again.
    pub changes: Vec<ToolChange>,
    /// Entries that changed and have to be stored.
    pub dirty: Vec<PinEntry>,
}

/// Definitions that cannot be remembered, or an acceptance that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinsError {
    /// The server has too many tools.
    #[error("the server `{0}` has more than {TOOLS_PER_SERVER_MAX} tools; split it")]
    TooManyTools(String),
    /// There are too many servers.
    #[error("more than {SERVERS_MAX} servers")]
    TooManyServers,
    /// A definition is too large.
    #[error("the definition of `{1}` on `{0}` is larger than {DEFINITION_BYTES_MAX} bytes")]
    TooLarge(String, String),
    /// One page has two tools of one name; which one a call means is undefined.
    #[error("the server `{0}` lists two tools with the name `{1}`")]
    DuplicateTool(String, String),
    /// Nobody saw that tool.
    #[error("no tool `{1}` of the server `{0}` was seen; list its tools first")]
    NeverSeen(String, String),
    /// The server shows something else by now.
    #[error("the definition of `{tool}` on `{server}` is now {latest}, not {wanted}; look at it again")]
    Outdated {
        /// Upstream server.
        server: String,
        /// Name of the tool.
        tool: String,
        /// What was to be accepted.
        wanted: Digest,
        /// What the server shows.
        latest: Digest,
    },
}

type Key = (String, String);

/// All pins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pins {
    first_use: FirstUse,
    servers: BTreeMap<String, BTreeMap<String, PinEntry>>,
    // Who pinned a name, and a definition whatever its name, first.
    names: HashMap<String, Vec<String>>,
    bodies: HashMap<Digest, Vec<Key>>,
}

impl Pins {
    /// Builds the view from what was stored.
    pub fn new(first_use: FirstUse, entries: impl IntoIterator<Item = PinEntry>) -> Self {
        let mut pins = Self { first_use, ..Self::default() };
        for entry in entries {
            pins.put(entry);
        }
        pins
    }

    /// What happens at first use.
    pub fn first_use(&self) -> FirstUse {
        self.first_use
    }

    /// What is known of a tool.
    pub fn entry(&self, server: &str, tool: &str) -> Option<&PinEntry> {
        self.servers.get(server)?.get(tool)
    }

    /// All entries, by server and tool.
    pub fn iter(&self) -> impl Iterator<Item = &PinEntry> {
        self.servers.values().flat_map(BTreeMap::values)
    }

    /// How the definition that a server gave last compares with the pin. `New` for a tool that nobody saw.
    pub fn pin(&self, server: &str, tool: &str) -> Pin {
        match self.entry(server, tool) {
            None => Pin::New,
            Some(entry) => self.compare(entry),
        }
    }

    /// Takes notice of one page of a listing.
    ///
    /// # Errors
    /// When a definition is too large, names collide or there are too many; then nothing is remembered of the page.
    pub fn observe(
        &mut self,
        server: &str,
        definitions: &[ToolDefinition],
        now_ms: u64,
    ) -> Result<Observed, PinsError> {
        let digests = self.check(server, definitions)?;
        let mut observed = Observed::default();
        for (definition, digest) in definitions.iter().zip(digests) {
            self.observe_one(server, definition, digest, now_ms, &mut observed);
        }
        Ok(observed)
    }

    /// Pins the definition that a person saw.
    ///
    /// # Errors
    /// When nobody saw the tool, or the server shows another definition by now.
    pub fn accept(&mut self, server: &str, tool: &str, digest: Digest, now_ms: u64) -> Result<PinEntry, PinsError> {
        let never = || PinsError::NeverSeen(server.to_owned(), tool.to_owned());
        let mut entry = self.entry(server, tool).ok_or_else(never)?.clone();
        if entry.latest.digest != digest {
            let (server, tool) = (entry.server, entry.tool);
            return Err(PinsError::Outdated { server, tool, wanted: digest, latest: entry.latest.digest });
        }
        entry.pinned = Some(Seen { time_ms: now_ms, ..entry.latest.clone() });
        self.put(entry.clone());
        Ok(entry)
    }

    fn check(&self, server: &str, definitions: &[ToolDefinition]) -> Result<Vec<Digest>, PinsError> {
        let known = self.servers.get(server);
        if known.is_none() && self.servers.len() >= SERVERS_MAX {
            return Err(PinsError::TooManyServers);
        }
        let mut names = HashSet::new();
        let mut digests = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let names_it = || (server.to_owned(), definition.name.clone());
            if !names.insert(definition.name.as_str()) {
                let (server, tool) = names_it();
                return Err(PinsError::DuplicateTool(server, tool));
            }
            if canonical(&definition.definition).len() > DEFINITION_BYTES_MAX {
                let (server, tool) = names_it();
                return Err(PinsError::TooLarge(server, tool));
            }
            digests.push(definition_digest(&definition.definition));
        }
        let fresh = names.iter().filter(|name| !known.is_some_and(|tools| tools.contains_key(**name))).count();
        if known.map_or(0, BTreeMap::len) + fresh > TOOLS_PER_SERVER_MAX {
            return Err(PinsError::TooManyTools(server.to_owned()));
        }
        Ok(digests)
    }

    fn observe_one(
        &mut self,
        server: &str,
        definition: &ToolDefinition,
        digest: Digest,
        now_ms: u64,
        observed: &mut Observed,
    ) {
        if let Some(entry) = self.entry(server, &definition.name)
            && entry.latest.digest == digest
        {
            observed.pins.push(self.compare(entry));
            return;
        }
        let latest = Seen { digest, definition: stable(&definition.definition), time_ms: now_ms };
        let before = self.entry(server, &definition.name);
        let pinned = before.and_then(|entry| entry.pinned.clone());
        let mut entry = PinEntry { server: server.to_owned(), tool: definition.name.clone(), pinned, latest };
        let pin = self.compare(&entry);
        observed.pins.push(pin);
        // A definition that returns to what is pinned is worth a record too: somebody may be switching it on and off.
        let reference = entry.pinned.as_ref().or(before.map(|entry| &entry.latest));
        observed.changes.push(ToolChange {
            time_ms: now_ms,
            server: entry.server.clone(),
            tool: entry.tool.clone(),
            pin,
            before: entry.pinned.as_ref().map(|seen| seen.digest),
            after: digest,
            difference: reference.map_or_else(Vec::new, |seen| difference(&seen.definition, &entry.latest.definition)),
        });
        if pin == Pin::New && self.first_use == FirstUse::Trust {
            entry.pinned = Some(entry.latest.clone());
        }
        observed.dirty.push(entry.clone());
        self.put(entry);
    }

    // Branches here: the four answers.
    fn compare(&self, entry: &PinEntry) -> Pin {
        match &entry.pinned {
            Some(pinned) if pinned.digest == entry.latest.digest => Pin::Match,
            Some(_) => Pin::Changed,
            None if self.is_shadow(entry) => Pin::Shadowed,
            None => Pin::New,
        }
    }

    fn is_shadow(&self, entry: &PinEntry) -> bool {
        let named_elsewhere =
            self.names.get(&entry.tool).is_some_and(|servers| servers.iter().any(|server| *server != entry.server));
        // Without a description many tools look alike: `{"type": "object"}` is nobody's work.
        let described =
            entry.latest.definition.get("description").and_then(Value::as_str).is_some_and(|d| !d.is_empty());
        let body = body_digest(&entry.latest.definition);
        let same_body = self
            .bodies
            .get(&body)
            .is_some_and(|keys| keys.iter().any(|(server, tool)| (server, tool) != (&entry.server, &entry.tool)));
        named_elsewhere || described && same_body
    }

    fn put(&mut self, entry: PinEntry) {
        if let Some(seen) = &entry.pinned {
            let servers = self.names.entry(entry.tool.clone()).or_default();
            if !servers.contains(&entry.server) {
                servers.push(entry.server.clone());
            }
            let key = (entry.server.clone(), entry.tool.clone());
            let keys = self.bodies.entry(body_digest(&seen.definition)).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        self.servers.entry(entry.server.clone()).or_default().insert(entry.tool.clone(), entry);
    }
}

// The definition under any name: a copy that only changes `name` and `title` is the same tool to a model.
fn body_digest(definition: &Value) -> Digest {
    let mut body = definition.clone();
    if let Value::Object(fields) = &mut body {
        fields.remove("name");
        fields.remove("title");
    }
    definition_digest(&body)
}
