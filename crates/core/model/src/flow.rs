//! What is known of a session's past and of where values come from: `input.labels`, `input.provenance`,
//! `input.request` and `input.history` of the policy contract.

use crate::RecordId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `input.labels`: what the session has read so far. A join: it only rises, except by a recorded declassification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// `untrusted` once content that outsiders can write was read.
    pub integrity: Integrity,
    /// The highest classification of the data that was read; empty = nothing classified was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confidentiality: String,
    /// Categories of the data that was read (`personal`, `payment`, ...), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// When untrusted content was first read, in nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Where untrusted content came from, the first ones, such as `get_webpage#3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// Whether outsiders could write what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrity {
    /// Nothing of that kind was read.
    #[default]
    Trusted,
    /// Outsiders could have written it.
    Untrusted,
}

/// `input.provenance["<JSON pointer>"]`: where the value of an argument comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What the argument is for.
    pub role: ArgumentRole,
    /// The least trustworthy place that a part of the value can only come from.
    pub origin: Origin,
    /// Where the value, or an address in it, was seen; at most a few. Of one address the most trustworthy place stands first;
    /// of several the places of the least trustworthy one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ValueSource>,
    /// How much of the value its sources cover, in percent.
    #[serde(default)]
    pub coverage: u8,
    /// The tool's schema requires the argument.
    #[serde(default)]
    pub required: bool,
    /// The value is, or holds, an address: e-mail, URL, host, account, repository, path outside the workspace.
    #[serde(default)]
    pub address: bool,
    /// It is the id of a record in the tool's own store, which leads nowhere else.
    #[serde(default)]
    pub record: bool,
    /// Other values of the same kind in the same source: a person would not know which one is meant.
    #[serde(default)]
    pub rivals: u32,
    /// This agent used the value as a destination before for this person, and a person approved it.
    #[serde(default)]
    pub known: bool,
}

/// What an argument is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArgumentRole {
    /// It says where something goes or what is touched: a recipient, an account, a path, an id.
    Target,
    /// Text that is carried along: a body, a subject, a comment.
    Content,
    /// Anything else: an amount, a date, a flag.
    Setting,
}

/// Where a value comes from, the most trustworthy first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The person's request, or what the system or a trusted tool said.
    Request,
    /// A typed field, table cell or list entry that a tool's own serialiser wrote.
    Field,
    /// Text of a source that the person named.
    Named,
    /// Text of another source.
    Prose,
    /// A text that tells the reader to do something.
    Instruction,
    /// Nowhere in what the session has seen: the model made it up, or put it together.
    Nowhere,
    /// It cannot be told: no request is known, or something was forgotten (`input.history.truncated`).
    Unknown,
}

/// One place where a value was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueSource {
    /// Kind of source.
    pub kind: SourceKind,
    /// `request`, or tool and number of the call in the session, such as `read_file#2`.
    pub id: String,
    /// Whether outsiders could write it.
    pub trust: Integrity,
    /// In what the value stood.
    pub character: Character,
    /// How the person's request leads to the source.
    pub reach: Reach,
    /// Somebody else wrote all of the source, its structure included: a page, a file.
    pub document: bool,
    /// First byte and end of the value in the source.
    pub span: [u64; 2],
    /// How the value differs from what stands there: `exact`, `folded`, `part`, `joined`, `number`, `base64`.
    pub form: String,
}

/// Kind of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The person's request.
    User,
    /// The system, or the person's settings. This version never says it.
    System,
    /// The result of a tool, resource or prompt.
    #[default]
    Tool,
    /// What the agent wrote down itself and read again.
    Memory,
}

/// In what a value stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Character {
    /// The whole value of a field.
    Field,
    /// A cell of a table.
    Cell,
    /// An entry of a list.
    Entry,
    /// Running text.
    #[default]
    Prose,
    /// Text that tells the reader to do something.
    Instruction,
}

/// How the person's request leads to a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// The request names it: an argument of the reading call stands in the request.
    Named,
    /// The request speaks of what the reading tool reads.
    Topic,
    /// It was read through an address that a named source holds.
    Linked,
    /// Nothing in the request leads there.
    #[default]
    Elsewhere,
}

/// `input.request`: what the person's request has to do with this action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// Whether the request is known at all.
    pub known: bool,
    /// Whether it asks for this action.
    pub asks: Asks,
    /// The words of the request that say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Untrusted sources with a sentence that asks for this action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steered_by: Vec<String>,
}

/// Whether the person's request asks for an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asks {
    /// The verb and its object.
    Call,
    /// An action that the asked one needs: log in before buying.
    Step,
    /// It leaves open what to do: "do the tasks on my list".
    Open,
    /// No.
    #[default]
    No,
}

/// `input.history`: the past of the session, calls in flight included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryFacts {
    /// Actions that were allowed so far.
    pub actions: u64,
    /// Actions that were allowed and have not come back.
    pub in_flight: u64,
    /// Allowed actions by verb of their effects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// The sequences that policies declare, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequences: BTreeMap<String, SequenceFacts>,
    /// Something that was seen was forgotten or not looked at, so that `provenance` can miss a source.
    #[serde(default)]
    pub truncated: bool,
}

/// `input.history.sequences["<policy>/<name>"]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SequenceFacts {
    /// For `formerly_within` and `since`.
    pub holds: bool,
    /// For the counting operators: number or sum, this action included.
    pub value: f64,
    /// The events that made it so, the latest ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<RecordId>,
}
