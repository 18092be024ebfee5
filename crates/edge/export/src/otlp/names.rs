//! Names of attributes: those of the OpenTelemetry conventions where there is one, else ours. The only place for both.
//!
//! The GenAI and MCP conventions are in development; there is none for decisions yet.

/// A field of a record and its attribute.
pub(super) const NAMES: [(&str, &str); 33] = [
    ("agent", "gen_ai.agent.id"),
    ("session", "gen_ai.conversation.id"),
    ("user", "user.id"),
    ("request_id", "jsonrpc.request.id"),
    ("decision", "holdshort.decision.id"),
    ("agent_class", "holdshort.agent.class"),
    ("owner", "holdshort.agent.owner"),
    ("delegation", "holdshort.agent.delegation"),
    ("kind", "holdshort.action.kind"),
    ("action", "holdshort.action.name"),
    ("server", "holdshort.action.server"),
    ("verbs", "holdshort.action.verbs"),
    ("resources", "holdshort.action.resources"),
    ("destinations", "holdshort.action.destinations"),
    ("digest", "holdshort.digest"),
    ("enforced", "holdshort.decision.enforced"),
    ("effect", "holdshort.decision.effect"),
    ("mode", "holdshort.decision.mode"),
    ("containment", "holdshort.decision.containment"),
    ("removed", "holdshort.decision.removed"),
    ("policies", "holdshort.decision.policies"),
    ("reason", "holdshort.reason"),
    ("obligations", "holdshort.decision.obligations"),
    ("snapshot", "holdshort.snapshot"),
    ("score", "holdshort.risk.score"),
    ("level", "holdshort.risk.level"),
    ("risks", "holdshort.risk.signals"),
    ("approval", "holdshort.approval.id"),
    ("by", "holdshort.by"),
    ("incident", "holdshort.incident.id"),
    ("status", "holdshort.status"),
    ("bytes", "holdshort.outcome.bytes"),
    ("duration_us", "holdshort.duration_us"),
];

/// What says where the enforcement point is.
pub(super) const ENFORCEMENT_POINT: &str = "holdshort.enforcement_point";
/// The log's origin.
pub(super) const LOG: &str = "holdshort.log";
/// The record's index in it.
pub(super) const INDEX: &str = "holdshort.index";
/// The hash of its leaf.
pub(super) const LEAF: &str = "holdshort.leaf";
/// What kind of record it is.
pub(super) const TYPE: &str = "holdshort.type";
/// The tool, as the GenAI conventions have it.
pub(super) const TOOL: &str = "gen_ai.tool.name";
/// What the agent does, as the GenAI conventions have it.
pub(super) const OPERATION: &str = "gen_ai.operation.name";
/// The protocol's method, as the MCP conventions have it.
pub(super) const METHOD: &str = "mcp.method.name";
/// Why a span is an error.
pub(super) const ERROR_TYPE: &str = "error.type";

/// The attribute of a field.
pub(super) fn attribute(field: &str) -> Option<&'static str> {
    match field {
        "enforcement_point" => Some(ENFORCEMENT_POINT),
        _ => NAMES.iter().find(|(name, _)| *name == field).map(|(_, attribute)| *attribute),
    }
}
