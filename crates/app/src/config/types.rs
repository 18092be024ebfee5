//! The configuration file as types. The doc comments are the reference: unit, default and effect of each field.

use crate::config::secret::{ProcessEnv, Sensitive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The configuration of Holdshort: one TOML file. Every field has a default.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Set of defaults that the file's own values are laid over. `quickstart` observes agents that nobody registered
    /// and enforces the built-in policies; `strict` refuses unregistered agents and unpinned tools. Default: `quickstart`.
    pub(crate) profile: ProfileName,
    /// Directory for keys, database and log. `--data` and `HOLDSHORT_DATA` come first.
    /// Default: `$XDG_DATA_HOME/holdshort`, else `~/.local/share/holdshort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<PathBuf>,
    /// What happens to agents that nobody registered: `observe` records what no grant covers and lets it run unless a
    /// policy refuses it; `refuse` refuses everything. Default: `observe` in quickstart, `refuse` in strict.
    pub(crate) unknown_agent: holdshort_decide::UnknownAgent,
    /// The control plane and decision service.
    pub(crate) api: Api,
    /// The MCP gateway.
    pub(crate) mcp: Mcp,
    /// MCP servers behind the gateway. `holdshort mcp` guards its own server and does not need an entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) upstream: Vec<Upstream>,
    /// Agents that the file declares, besides those added with `holdshort agents add`. The file wins at each start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) agents: Vec<AgentEntry>,
    /// What a class of agents may do at all. Policies restrict further; nothing else grants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) grants: Vec<holdshort_decide::GrantEntry>,
    /// What tools do, in the organisation's own words; stronger than what is derived from a tool's definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) catalog: Vec<holdshort_effects::CatalogEntry>,
    /// Labels of resources, for policies that read them and for the labels of a session.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<holdshort_effects::LabelRule>,
    /// What the texts of labels mean: levels of confidentiality and categories of data.
    pub(crate) classification: holdshort_effects::Classification,
    /// Policies: where they are, which ones only observe, and the data that they read.
    pub(crate) policies: Policies,
    /// What signs weigh in the risk score, where that differs from the built-in weights: `version`, `alone`, `levels`,
    /// `caps`, `exposure`, `points.<signal>`, see docs/reference/risk.md. Default: the built-in weights.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) risk: serde_json::Map<String, Value>,
    /// Questions to people.
    pub(crate) approvals: crate::config::approvals::Approvals,
    /// Pinned tool definitions.
    pub(crate) pins: Pins,
    /// What content is scanned for.
    pub(crate) detect: super::Detect,
    /// What is written into records.
    pub(crate) record: RecordConfig,
    /// What decisions take away.
    pub(crate) containment: super::Containment,
    /// Channels that people are told by: playbooks of policies, and questions that wait for an answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notify: Vec<super::Notify>,
    /// Records on their way to other systems. `holdshort export status` says how far each got.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) export: Vec<super::Export>,
    /// How incidents and messages to people are put together.
    pub(crate) response: super::ResponseSettings,
    /// Who beside us sees the log's checkpoints: witnesses that cosign them, and places where they are published.
    pub(crate) witnesses: super::Witnesses,
    /// The log on disk: how much room it leaves, and what becomes of old records.
    pub(crate) log: super::LogSettings,
    /// Bounds against floods and runaways.
    pub(crate) limits: Limits,
}

/// Name of a set of defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProfileName {
    /// Observe what is unknown, enforce the built-in policies.
    #[default]
    Quickstart,
    /// Refuse what is unknown.
    Strict,
}

/// The control plane and decision service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    /// Address and port of the HTTP API. Port 0 takes a free one, written to `service.json` in the data directory.
    /// An address that is not loopback needs `allowed_hosts`. Default: `127.0.0.1:7070`.
    pub(crate) listen: String,
    /// Host names that requests may name besides the listen address and `localhost`; protects against DNS rebinding.
    /// Default: none.
    pub(crate) allowed_hosts: Vec<String>,
    /// Web origins that browsers may call from. Default: none.
    pub(crate) allowed_origins: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7070".into(), allowed_hosts: Vec::new(), allowed_origins: Vec::new() }
    }
}

/// The MCP gateway.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mcp {
    /// Address and port of the gateway: `/mcp/<upstream>` for one server, `/mcp` for all of them. Port 0 takes a free
    /// one, written to `service.json`. An address that is not loopback needs `allowed_hosts`. Default: `127.0.0.1:7071`.
    pub(crate) listen: String,
    /// Host names that requests may name besides the listen address and `localhost`. Default: none.
    pub(crate) allowed_hosts: Vec<String>,
    /// Web origins that browsers may call from. Default: none.
    pub(crate) allowed_origins: Vec<String>,
    /// How a refused call is answered. Default: `error`.
    pub(crate) refusal: RefusalForm,
    /// Whether `/mcp` offers all upstreams together, names prefixed with `<upstream>__`. Default: true.
    pub(crate) federated: bool,
    /// Agent that requests without a token are taken for; only on a loopback address. Default: none, they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) anonymous_agent: Option<String>,
    /// Absolute path of the folder that the agents work in, for policies and for `file:${workspace}/**` in grants. The
    /// wrapper takes its own working directory. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<PathBuf>,
    /// Who may say what the person asked for, which decides what counts as asked. Default: `["cli"]`.
    pub(crate) intent_from: Vec<IntentSource>,
}

impl Default for Mcp {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7071".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            refusal: RefusalForm::default(),
            federated: true,
            anonymous_agent: None,
            workspace: None,
            intent_from: vec![IntentSource::Cli],
        }
    }
}

/// Who may say what the person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IntentSource {
    /// Whoever starts the wrapper: `holdshort mcp --intent` or `HOLDSHORT_INTENT`.
    Cli,
    /// The client's program, in `_meta["com.holdshort/intent"]` of its requests. Only for clients that put the person's
    /// own words there, and nothing that a model wrote.
    Meta,
}

/// How a refused call is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RefusalForm {
    /// A JSON-RPC error with code -32001.
    #[default]
    Error,
    /// A tool result with `isError: true`, for clients that show tool errors to the model but hide protocol errors.
    Result,
}

/// An MCP server behind the gateway. Either `command` (stdio) or `url` (streamable HTTP).
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Upstream {
    /// Name in paths, prefixes, policies and records: letters, digits, `-`, `.` and single `_`, at most 64. Required.
    pub(crate) name: String,
    /// Program of a stdio server. Starting it is code execution: only who may write this file decides about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    /// Arguments of the program. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) args: Vec<String>,
    /// Environment variables of the program. A value is a text, or `{ from = "NAME" }` to take it from Holdshort's own
    /// environment, which is the place for secrets. Default: none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, ProcessEnv>,
    /// Working directory of the program. Default: that of Holdshort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<PathBuf>,
    /// Address of a streamable HTTP server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// HTTP headers for the server. A value is a text, or `{ from = "NAME" }` to take it from the environment.
    /// Headers that carry credentials must use the second form. Default: none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, Sensitive>,
    /// Environment variable with the bearer token for the server. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_env: Option<String>,
    /// Whether what the server says of its own tools (annotations such as `readOnlyHint`) may loosen the reading of
    /// their effects. An untrusted server's hints can only tighten it. Default: false.
    pub(crate) trusted: bool,
    /// Whether outsiders could write what the server gives back: `trusted` or `untrusted`. A `[[catalog]]` entry can say
    /// otherwise for a tool. Default: `untrusted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outputs: Option<holdshort_effects::Trust>,
    /// Protocol that the server is spoken to in. Default: `auto`.
    pub(crate) era: EraChoice,
}

/// Protocol that an MCP server is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EraChoice {
    /// The newest that both sides know.
    #[default]
    Auto,
    /// 2025-11-25 or older, with sessions.
    Session,
    /// 2026-07-28, without sessions.
    Stateless,
}

/// An agent that the configuration declares.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentEntry {
    /// Id of the agent. For stdio wrappers: the name given with `--agent`, else `stdio:<program of the client>`.
    pub(crate) id: String,
    /// Class whose grants apply.
    pub(crate) class: String,
    /// The person or team that answers for the agent. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
}

/// Whether something is carried out or only observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeChoice {
    /// The record says what would have been done.
    Observe,
    /// It is carried out.
    #[default]
    Enforce,
}

/// Policies.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policies {
    /// Whether the built-in library is loaded. Default: true.
    pub(crate) builtin: bool,
    /// Directories with more policies, relative to this file. Watched: a change takes hold on the next action, a faulty
    /// one is refused and the last good set stays. Default: none.
    pub(crate) paths: Vec<PathBuf>,
    /// Mode of policies that say none themselves. With `observe` nothing is stopped, and `holdshort policy report` says what
    /// would have been; `holdshort policy promote` then enforces them one by one. Default: `enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<ModeChoice>,
    /// Mode of single policies, by package such as `holdshort.rules.mass_delete`; stronger than a policy's own metadata.
    /// Default: none.
    pub(crate) modes: BTreeMap<String, ModeChoice>,
    /// What policies read as `data.org`: classifications, owners, allowed destinations. Default: empty.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) data: serde_json::Map<String, Value>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { builtin: true, paths: Vec::new(), mode: None, modes: BTreeMap::new(), data: serde_json::Map::new() }
    }
}

/// Pinned tool definitions.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pins {
    /// What happens to a tool definition that was never seen: `trust` pins it and lets it be used; with `ask` a person
    /// has to accept it with `holdshort pins accept` first. Default: `trust` in quickstart, `ask` in strict.
    pub(crate) first_use: holdshort_inventory::FirstUse,
}

/// What is written into records.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecordConfig {
    /// `full` keeps the arguments of actions, which replay needs; `digest` keeps only their SHA-256. Default: `full`.
    pub(crate) arguments: RecordArguments,
    /// Seal each session's records with a key of its own in `keys.db`, so that `holdshort log erase` can make them unreadable
    /// and every proof still holds. `false` writes records as plain text that nothing can erase. Default: `true`.
    pub(crate) seal: bool,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { arguments: RecordArguments::default(), seal: true }
    }
}

/// How much of an action's arguments a record keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordArguments {
    /// All of them.
    #[default]
    Full,
    /// Their digest.
    Digest,
}

/// Bounds against floods and runaways.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Largest message from a client, in bytes; over it the message is refused. Default: 4194304 (4 MiB).
    pub(crate) request_bytes_max: usize,
    /// Largest message from an upstream, in bytes; over it the call fails. Default: 67108864 (64 MiB).
    pub(crate) response_bytes_max: usize,
    /// Requests of one MCP session that may be under way at once. Default: 256.
    pub(crate) in_flight_max: usize,
    /// Live sessions; over it the one that was idle longest is forgotten, of the agent that has most. Default: 10000.
    pub(crate) sessions_max: usize,
    /// What all sessions together may remember of what they have seen, in bytes; over it sessions give that up, of the
    /// agent whose sessions remember most the one that was idle longest first, and where their values come from is
    /// unknown from then on. Default: 536870912 (512 MiB).
    pub(crate) history_bytes: usize,
    /// Inactivity after which a session ends, in seconds. Default: 1800 (30 minutes).
    pub(crate) session_idle_s: u64,
    /// An upstream that says nothing about a request for this long has failed, in milliseconds.
    /// Default: 300000 (5 minutes).
    pub(crate) upstream_silence_ms: u64,
    /// Time that a decision and its record may take, in milliseconds; over it the action is refused. Default: 2000.
    pub(crate) decision_deadline_ms: u64,
    /// Arguments whose JSON is longer than this are recorded as their digest, in bytes. Default: 16384 (16 KiB).
    pub(crate) argument_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 4 << 20,
            response_bytes_max: 64 << 20,
            in_flight_max: 256,
            sessions_max: 10_000,
            history_bytes: 512 << 20,
            session_idle_s: 1_800,
            upstream_silence_ms: 300_000,
            decision_deadline_ms: 2_000,
            argument_bytes_max: 16 << 10,
        }
    }
}
