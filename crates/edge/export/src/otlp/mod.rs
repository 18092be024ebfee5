//! OpenTelemetry: a decision is a log record and a span; every other record is a log record, and an outcome ends the span.
//!
//! A span of what was refused or waits is complete at once. One of what was allowed goes out when its outcome is there,
//! or as it is: after a while, or when too many are open.

mod names;
mod wire;

pub(crate) use wire::{Signal, body, lines, rejected};

use crate::event::{Arguments, Body, Event, Key, keys};
use crate::open::Open;
use crate::summary::{Summary, Value, name, succeeded};
use holdshort_model::{ActionKind, DecisionRecord, Effect, Level, Outcome, Record, RecordId};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use sha2::{Digest as _, Sha256};

/// Most spans that wait for their outcome. Each takes one to two kilobytes.
const OPEN_MAX: usize = 4_096;
/// How long a span waits for its outcome, in milliseconds.
const OPEN_MS_MAX: u64 = 600_000;

/// Makes log records and spans of records.
#[derive(Debug)]
pub(crate) struct Spans {
    open: Open<Span>,
    newest_ms: u64,
}

impl Default for Spans {
    fn default() -> Self {
        Self { open: Open::new(OPEN_MAX), newest_ms: 0 }
    }
}

impl Spans {
    /// The log record of a record, and the spans that are complete with it.
    pub(crate) fn push(&mut self, event: &Event, arguments: Arguments) -> (LogRecord, Vec<Span>) {
        let summary = Summary::of(event);
        let mut log = log_record(event, &summary);
        let mut spans = Vec::new();
        self.open.at(event.index);
        // A clock that was ahead, of whoever recorded or of this host, is not believed for longer than it was.
        self.newest_ms = self.newest_ms.max(event.time_ms()).min(event.seen_ms);
        if let Body::Record(record) = &event.body {
            match &**record {
                Record::Decision(decision) => {
                    if arguments == Arguments::Full {
                        log.attributes
                            .push(text("gen_ai.tool.call.arguments", decision.request.action.args.to_string()));
                    }
                    let span = started(decision, event, &summary);
                    if decision.decision.enforced == Effect::Allow {
                        spans.extend(self.open.insert(decision.decision.id, event.time_ms(), event.key, span));
                    } else {
                        spans.push(span);
                    }
                }
                Record::Outcome(outcome) => {
                    let open = self.open.remove(&outcome.decision);
                    if let Some(span) = &open {
                        log.trace_id.clone_from(&span.trace_id);
                    }
                    spans.push(ended(open.unwrap_or_else(|| bare(outcome)), outcome, event));
                }
                Record::Erasure(_) => {
                    let gone = keys(record);
                    self.open.forget(&mut |key| gone.contains(key));
                }
                _ => {}
            }
        }
        let newest_ms = self.newest_ms;
        spans.extend(self.overdue(newest_ms));
        (log, spans)
    }

    /// The spans whose outcome is not waited for any longer at this time, in milliseconds since 1970.
    pub(crate) fn overdue(&mut self, now_ms: u64) -> Vec<Span> {
        std::iter::from_fn(|| self.open.expired(now_ms, OPEN_MS_MAX)).collect()
    }

    pub(crate) fn mark(&mut self) {
        self.open.mark();
    }

    pub(crate) fn rewind(&mut self, index: u64) {
        self.open.rewind(index);
    }

    pub(crate) fn forget(&mut self, gone: &mut impl FnMut(&Key) -> bool) {
        self.open.forget(gone);
    }
}

fn log_record(event: &Event, summary: &Summary) -> LogRecord {
    let (severity_number, severity_text) = match (event.level(), event.is_refusal()) {
        (Level::Critical, _) => (SeverityNumber::Error3, "CRITICAL"),
        (Level::High, _) => (SeverityNumber::Error, "HIGH"),
        (Level::Medium, _) | (Level::Low, true) => (SeverityNumber::Warn, "MEDIUM"),
        (Level::Low, false) => (SeverityNumber::Info, "LOW"),
    };
    let (trace_id, span_id) = match event.decision() {
        Some(id) => (trace_id(id, trace_of(event)), span_id(id)),
        None => (Vec::new(), Vec::new()),
    };
    LogRecord {
        time_unix_nano: event.time_ms().saturating_mul(1_000_000),
        observed_time_unix_nano: event.seen_ms.saturating_mul(1_000_000),
        severity_number: severity_number.into(),
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(summary.message.clone())) }),
        attributes: attributes(event, summary),
        event_name: format!("holdshort.{}", summary.what),
        trace_id,
        span_id,
        ..LogRecord::default()
    }
}

fn started(record: &DecisionRecord, event: &Event, summary: &Summary) -> Span {
    let DecisionRecord { request, decision, .. } = record;
    let operation = match request.action.kind {
        ActionKind::ToolCall | ActionKind::ShellCommand | ActionKind::DbStatement | ActionKind::HttpRequest => {
            "execute_tool"
        }
        ActionKind::Sampling => "chat",
        ref other => other.as_str(),
    };
    let mut attributes = attributes(event, summary);
    attributes.push(text(names::OPERATION, operation));
    let start = event.time_ms().saturating_mul(1_000_000);
    let mut span = Span {
        trace_id: trace_id(decision.id, trace_of(event)),
        span_id: span_id(decision.id),
        name: format!("{operation} {}", crate::summary::public_name(record)),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(record.deciding_ns),
        ..Span::default()
    };
    if decision.enforced != Effect::Allow {
        let word = name(&decision.enforced);
        attributes.push(text(names::ERROR_TYPE, format!("holdshort.{word}")));
        span.status = Some(Status { message: summary.message.clone(), code: StatusCode::Error.into() });
    }
    span.attributes = attributes;
    span
}

// The decision went by before this exporter began, or too many were open.
fn bare(outcome: &Outcome) -> Span {
    Span {
        trace_id: trace_id(outcome.decision, None),
        span_id: span_id(outcome.decision),
        name: "execute_tool".into(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: outcome.decision.time_ms().saturating_mul(1_000_000),
        ..Span::default()
    }
}

fn ended(mut span: Span, outcome: &Outcome, event: &Event) -> Span {
    let end = span.start_time_unix_nano.saturating_add(outcome.duration_us.saturating_mul(1_000));
    // No later than it was on record.
    let seen = event.seen_ms.saturating_mul(1_000_000);
    span.end_time_unix_nano = end.min(seen).max(span.start_time_unix_nano).max(span.end_time_unix_nano);
    let number = |name: &str, number: u64| {
        attribute(name, any_value::Value::IntValue(i64::try_from(number).unwrap_or(i64::MAX)))
    };
    span.attributes.push(text("holdshort.outcome.status", name(&outcome.status)));
    span.attributes.push(number("holdshort.outcome.bytes", outcome.bytes));
    span.attributes.push(number("holdshort.outcome.index", event.index));
    span.attributes.push(text("holdshort.outcome.leaf", event.leaf_hex()));
    if !succeeded(outcome.status) {
        span.attributes.push(text(names::ERROR_TYPE, name(&outcome.status)));
        span.status = Some(Status { message: name(&outcome.status), code: StatusCode::Error.into() });
    }
    span
}

fn attributes(event: &Event, summary: &Summary) -> Vec<KeyValue> {
    let index = any_value::Value::IntValue(i64::try_from(event.index).unwrap_or(i64::MAX));
    let mut attributes = vec![
        text(names::LOG, &*event.log),
        attribute(names::INDEX, index),
        text(names::LEAF, event.leaf_hex()),
        text(names::TYPE, event.kind()),
    ];
    for (field, value) in &summary.fields {
        let Some(known) = names::attribute(field) else { continue };
        let value = match value {
            Value::Text(text) => any_value::Value::StringValue(text.clone()),
            Value::Number(number) => any_value::Value::IntValue(i64::try_from(*number).unwrap_or(i64::MAX)),
            Value::List(texts) => {
                let value = |text: &String| AnyValue { value: Some(any_value::Value::StringValue(text.clone())) };
                any_value::Value::ArrayValue(ArrayValue { values: texts.iter().map(value).collect() })
            }
        };
        attributes.push(attribute(known, value));
    }
    if let (Some(kind), Some(action)) = (summary.get("kind"), summary.get("action"))
        && kind == ActionKind::ToolCall.as_str()
    {
        attributes.push(text(names::TOOL, action));
        attributes.push(text(names::METHOD, "tools/call"));
    }
    attributes
}

fn text(name: &str, value: impl Into<String>) -> KeyValue {
    attribute(name, any_value::Value::StringValue(value.into()))
}

fn attribute(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn trace_of(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Record(record) => match &**record {
            Record::Decision(decision) => decision.request.context.trace.as_deref(),
            _ => None,
        },
        Body::Unreadable(_) => None,
    }
}

/// The trace that the request belongs to; one of the decision's own where it does not say.
fn trace_id(decision: RecordId, given: Option<&str>) -> Vec<u8> {
    given.and_then(hex).unwrap_or_else(|| derived(b"holdshort/trace/v1", decision, 16))
}

fn span_id(decision: RecordId) -> Vec<u8> {
    derived(b"holdshort/span/v1", decision, 8)
}

// All zeros would be invalid, and comes up once in 2^64.
fn derived(what: &[u8], decision: RecordId, bytes: usize) -> Vec<u8> {
    Sha256::new().chain_update(what).chain_update(decision.to_string()).finalize().iter().copied().take(bytes).collect()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
    let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (text.len() == 32 && bytes.iter().any(|byte| *byte != 0)).then_some(bytes)
}
