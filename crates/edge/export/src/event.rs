//! What is carried out: a record with its place in the log, and as much of it as may leave.

use holdshort_model::{Effect, Level, Pin, Record, RecordId, Standing, Step, is_digested};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Id of the key that a record is sealed with.
pub type Key = [u8; 16];

/// Whether arguments leave the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Their digest does; the person's request and the values that an obligation puts in stay too.
    #[default]
    Digest,
    /// As they stand in the record.
    Full,
}

/// A record and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Origin of the log's checkpoint.
    pub log: Arc<str>,
    /// Index in the log, from 0.
    pub index: u64,
    /// Hash of its leaf in the log's tree.
    pub leaf: [u8; 32],
    /// When the exporter read it, in milliseconds since 1970: the time of what says none itself.
    pub seen_ms: u64,
    /// Bytes of the stored record.
    pub bytes: usize,
    /// The key that it is sealed with; none when it is not.
    pub key: Option<Key>,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// This.
    Record(Box<Record>),
    /// Nobody can say.
    Unreadable(Unreadable),
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its key was destroyed.
    Erased,
    /// Its key is not at hand.
    Closed,
    /// A later version wrote it.
    Unknown,
}

impl Unreadable {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }
}

impl Event {
    /// The leaf's hash as 64 hex digits.
    #[must_use]
    pub fn leaf_hex(&self) -> String {
        hex(&self.leaf)
    }

    /// What tells it from every other one: the log and the index.
    #[must_use]
    pub fn uid(&self) -> String {
        format!("{}#{}", self.log, self.index)
    }

    /// Its `type`; `unreadable` for what cannot be read.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Unreadable(_) => "unreadable",
            Body::Record(record) => kind(record),
        }
    }

    /// Whether nobody can say what it says.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self.body, Body::Unreadable(_))
    }

    /// When it happened, in milliseconds since 1970.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        match &self.body {
            Body::Unreadable(_) => self.seen_ms,
            Body::Record(record) => match &**record {
                Record::Decision(decision) => decision.received_ms,
                // The decision's id has its time; the end is so much later. How much an agent may have said itself: what
                // is on record has ended.
                Record::Outcome(outcome) => {
                    let begin = outcome.decision.time_ms();
                    begin.saturating_add(outcome.duration_us / 1_000).min(self.seen_ms).max(begin)
                }
                Record::ToolChange(change) => change.time_ms,
                Record::Policy(policy) => policy.time_ms,
                Record::Declassification(lowered) => u64::try_from(lowered.at_ns / 1_000_000).unwrap_or_default(),
                Record::Approval(approval) => approval.time_ms,
                Record::Standing(standing) => standing.time_ms,
                Record::Response(response) => response.time_ms,
                Record::Promotion(promotion) => promotion.time_ms,
                Record::Erasure(erasure) => erasure.time_ms,
                Record::Lifecycle(lifecycle) => lifecycle.time_ms,
            },
        }
    }

    /// The decision that it is, or belongs to.
    #[must_use]
    pub fn decision(&self) -> Option<RecordId> {
        let Body::Record(record) = &self.body else { return None };
        match &**record {
            Record::Decision(decision) => Some(decision.decision.id),
            Record::Outcome(outcome) => Some(outcome.decision),
            Record::Approval(approval) => Some(approval.decision),
            Record::Response(response) => Some(response.decision),
            Record::Standing(standing) => standing.after.decision,
            _ => None,
        }
    }

    /// How grave it is. Of a decision, its level of risk; of the rest, what somebody who watches would want.
    #[must_use]
    pub fn level(&self) -> Level {
        let Body::Record(record) = &self.body else { return Level::Low };
        match &**record {
            Record::Decision(decision) => decision.decision.risk.level,
            Record::ToolChange(change) if matches!(change.pin, Pin::Changed | Pin::Shadowed) => Level::Medium,
            Record::Policy(policy) if !policy.accepted => Level::High,
            Record::Declassification(_) | Record::Promotion(_) | Record::Erasure(_) => Level::Medium,
            Record::Approval(approval) if approval.event == "asked" => Level::Medium,
            Record::Standing(standing) if standing.released => Level::Medium,
            Record::Standing(standing) => match standing.after.standing {
                Standing::Active | Standing::Narrowed => Level::High,
                Standing::Isolated | Standing::Terminated => Level::Critical,
            },
            Record::Response(response) if !response.done || response.step == Step::OpenIncident => Level::High,
            Record::Response(_) => Level::Medium,
            Record::Lifecycle(lifecycle) if is_fault(&lifecycle.event) => Level::High,
            _ => Level::Low,
        }
    }

    /// Whether the action was refused, where there is one.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let Body::Record(record) = &self.body else { return false };
        matches!(&**record, Record::Decision(decision) if decision.decision.enforced == Effect::Deny)
    }

    /// The record as JSON, without what has to stay; `null` when it cannot be read.
    #[must_use]
    pub fn record(&self, arguments: Arguments) -> Value {
        let Body::Record(record) = &self.body else { return Value::Null };
        let mut value = serde_json::to_value(record).unwrap_or_default();
        if arguments == Arguments::Digest {
            withhold(&mut value);
        }
        value
    }
}

/// Ids of keys as an erasure names them.
pub(crate) fn keys(record: &Record) -> Vec<Key> {
    let Record::Erasure(erasure) = record else { return Vec::new() };
    let key = |text: &String| {
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
        let bytes: Vec<u8> =
            digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        Key::try_from(bytes).ok().filter(|_| text.len() == 2 * size_of::<Key>())
    };
    erasure.keys.iter().filter_map(key).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether an event of the service's life is a fault.
pub(crate) fn is_fault(event: &str) -> bool {
    [
        "fault",
        "-down",
        "-lost",
        "-late",
        "-conflict",
        "error",
        "failed",
        "refused",
        "unparseable",
        "oversize",
        "unknown-agent",
        "full",
    ]
    .iter()
    .any(|word| event.contains(word))
}

pub(crate) const fn kind(record: &Record) -> &'static str {
    match record {
        Record::Decision(_) => "decision",
        Record::Outcome(_) => "outcome",
        Record::ToolChange(_) => "tool-change",
        Record::Policy(_) => "policy",
        Record::Declassification(_) => "declassification",
        Record::Approval(_) => "approval",
        Record::Standing(_) => "standing",
        Record::Response(_) => "response",
        Record::Promotion(_) => "promotion",
        Record::Erasure(_) => "erasure",
        Record::Lifecycle(_) => "lifecycle",
    }
}

/// The types of records that there are.
pub const KINDS: [&str; 12] = [
    "decision",
    "outcome",
    "tool-change",
    "policy",
    "declassification",
    "approval",
    "standing",
    "response",
    "promotion",
    "erasure",
    "lifecycle",
    "unreadable",
];

// Only a decision has arguments, words of a person and values that go into arguments.
fn withhold(record: &mut Value) {
    for pointer in ["/request/action/args", "/facts/action/args"] {
        if let Some(args) = record.pointer_mut(pointer).filter(|args| !args.is_null() && !is_digested(args)) {
            let text = args.to_string();
            *args = json!({ "$digest": holdshort_model::Digest::of(text.as_bytes()), "$bytes": text.len() });
        }
    }
    for pointer in ["/request/context", "/facts/context"] {
        if let Some(context) = record.pointer_mut(pointer).and_then(Value::as_object_mut) {
            context.remove("intent");
        }
    }
    if let Some(request) = record.pointer_mut("/facts/request").and_then(Value::as_object_mut) {
        request.remove("because");
    }
    for obligation in record.pointer_mut("/decision/obligations").and_then(Value::as_array_mut).into_iter().flatten() {
        for name in ["value", "text"] {
            if let Some(value) = obligation.get_mut(name) {
                *value = Value::Null;
            }
        }
    }
    // What is called may be an address.
    for pointer in ["/request/action/name", "/facts/action/name"] {
        if let Some(Value::String(name)) = record.pointer_mut(pointer) {
            *name = crate::summary::public_id(name);
        }
    }
    for effect in record.pointer_mut("/facts/action/effects").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::String(id)) = effect.pointer_mut("/resource/id") {
            *id = crate::summary::public_id(id);
        }
    }
}
