//! Open Cybersecurity Schema Framework 1.9.0: one event for each record.
//!
//! Every event says where its record stands: `metadata.log_name` and `metadata.sequence` are log and index, the
//! attestation's fingerprint is the hash of the leaf. That hash is over the record in the log, and not over the event,
//! which is why its serialization is named: with a proof of the log it shows what the event was made of.

mod chain;
mod change;
mod class;
mod decision;
mod observables;
mod verdict;

pub use class::VERSION;

use crate::event::{Arguments, Body, Event, Key, keys};
use crate::open::Open;
use crate::summary::Summary;
use chain::Chain;
use class::{Draft, object, product};
use decision::Act;
use holdshort_model::{ActionKind, Record, one_line};
use serde_json::{Value, json};

/// Most decisions whose outcome is waited for. Each takes some 200 bytes.
const OPEN_MAX: usize = 8_192;
/// Longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 512;

/// Makes events of records.
#[derive(Debug)]
pub(crate) struct Events {
    open: Open<Act>,
    chain: Chain,
}

impl Default for Events {
    fn default() -> Self {
        Self { open: Open::new(OPEN_MAX), chain: Chain::default() }
    }
}

impl Events {
    /// The event of a record.
    pub(crate) fn push(&mut self, event: &Event, arguments: Arguments) -> Value {
        self.open.at(event.index);
        let summary = Summary::of(event);
        let mut profiles = vec!["record_integrity"];
        let mut draft = match &event.body {
            Body::Unreadable(why) => change::unreadable(*why),
            Body::Record(record) => self.record(record, event, arguments, &mut profiles),
        };
        let uid = uid(event);
        draft.set("attestation_list", json!([self.chain.attestation(event, &uid, draft.type_uid())]));
        draft.set("metadata", metadata(event, uid, &profiles));
        draft.set("time", event.time_ms());
        let plain = !event.is_refusal();
        let (severity, name) = verdict::severity(event.level(), plain);
        draft.set("severity_id", severity);
        draft.set("severity", name);
        draft.set("message", one_line(&summary.message, MESSAGE_CHARS_MAX));
        draft.finish()
    }

    pub(crate) fn mark(&mut self) {
        self.open.mark();
        self.chain.mark();
    }

    pub(crate) fn rewind(&mut self, index: u64) {
        self.open.rewind(index);
        self.chain.rewind(index);
    }

    pub(crate) fn forget(&mut self, gone: &mut impl FnMut(&Key) -> bool) {
        self.open.forget(gone);
    }

    fn record(
        &mut self,
        record: &Record,
        event: &Event,
        arguments: Arguments,
        profiles: &mut Vec<&'static str>,
    ) -> Draft {
        match record {
            Record::Decision(record) => {
                profiles.extend(["security_control", "ai_operation"]);
                if record.request.context.trace.is_some() {
                    profiles.push("trace");
                }
                // Where the class has no actor of its own.
                if record.request.action.kind == ActionKind::HttpRequest {
                    profiles.push("host");
                }
                self.open.insert(record.decision.id, event.time_ms(), event.key, Act::of(record));
                decision::decided(record, event, arguments)
            }
            Record::Outcome(outcome) => {
                profiles.extend(["security_control", "ai_operation"]);
                decision::ended(outcome, self.open.remove(&outcome.decision).as_ref(), event)
            }
            Record::Approval(record) => {
                profiles.push("security_control");
                change::approval(record)
            }
            Record::Standing(record) => {
                profiles.push("security_control");
                change::standing(record)
            }
            Record::Response(record) => {
                profiles.push("security_control");
                change::response(record)
            }
            Record::Promotion(record) => change::promotion(record),
            Record::Erasure(erasure) => {
                let gone = keys(record);
                self.open.forget(&mut |key| gone.contains(key));
                change::erasure(erasure)
            }
            Record::Policy(record) => change::policy(record),
            Record::ToolChange(record) => change::tool_change(record),
            Record::Declassification(record) => change::declassification(record),
            Record::Lifecycle(record) => {
                if record.event == "incident-closed" {
                    profiles.push("security_control");
                }
                change::lifecycle(record, event)
            }
        }
    }
}

/// A decision is known by its id everywhere; every other record by its place.
fn uid(event: &Event) -> String {
    match (&event.body, event.decision()) {
        (Body::Record(record), Some(id)) if matches!(**record, Record::Decision(_)) => id.to_string(),
        _ => event.uid(),
    }
}

fn metadata(event: &Event, uid: String, profiles: &[&str]) -> Value {
    let decision = event.decision().map(|id| id.to_string());
    object([
        ("version", json!(VERSION)),
        ("product", product()),
        ("profiles", json!(profiles)),
        ("uid", json!(uid)),
        ("correlation_uid", json!(decision)),
        ("log_name", json!(&*event.log)),
        ("log_provider", json!("Holdshort")),
        ("event_code", json!(event.kind())),
        ("sequence", json!(event.index)),
        ("logged_time", json!(event.time_ms())),
        ("processed_time", json!(event.seen_ms)),
        ("untruncated_size", json!(i32::try_from(event.bytes).ok())),
    ])
}
