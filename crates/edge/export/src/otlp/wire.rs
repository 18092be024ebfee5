//! Requests of OTLP over HTTP, as the generated types of the OpenTelemetry project write them.

use crate::format::json_line;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Log records.
    Logs,
    /// Spans.
    Traces,
}

impl Signal {
    /// Its path below the collector's address.
    #[must_use]
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Logs => "v1/logs",
            Self::Traces => "v1/traces",
        }
    }
}

/// The body of a request in the binary form; none when there is nothing to send.
#[must_use]
pub(crate) fn body(signal: Signal, logs: &[&LogRecord], spans: &[&Span]) -> Option<Vec<u8>> {
    match signal {
        Signal::Logs => logs_request(logs).map(|request| request.encode_to_vec()),
        Signal::Traces => traces_request(spans).map(|request| request.encode_to_vec()),
    }
}

/// The same as lines of JSON, which is what a file of OTLP has.
#[must_use]
pub(crate) fn lines(logs: &[&LogRecord], spans: &[&Span]) -> Vec<String> {
    let logs = logs_request(logs).map(|request| json_line(&request));
    let traces = traces_request(spans).map(|request| json_line(&request));
    logs.into_iter().chain(traces).collect()
}

/// How many items of a request the collector did not take, and why (a "partial success"). It wants none of them again.
#[must_use]
pub(crate) fn rejected(signal: Signal, answer: &[u8]) -> Option<(u64, String)> {
    // Some answer in JSON whatever they were asked in.
    if let Ok(said) = serde_json::from_slice::<serde_json::Value>(answer) {
        return rejected_json(signal, said.get("partialSuccess")?);
    }
    let (count, why) = match signal {
        Signal::Logs => {
            let partial = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
            (partial.rejected_log_records, partial.error_message)
        }
        Signal::Traces => {
            let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
            (partial.rejected_spans, partial.error_message)
        }
    };
    noteworthy(u64::try_from(count).ok()?, why)
}

fn rejected_json(signal: Signal, partial: &serde_json::Value) -> Option<(u64, String)> {
    let count = partial.get(match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Traces => "rejectedSpans",
    });
    // 64-bit numbers are texts in the JSON of protobuf.
    let count = count.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok())).unwrap_or(0);
    let why = partial.get("errorMessage").and_then(serde_json::Value::as_str).unwrap_or_default();
    noteworthy(count, why.to_owned())
}

/// A message without a count is a warning.
fn noteworthy(count: u64, why: String) -> Option<(u64, String)> {
    (count > 0 || !why.is_empty()).then_some((count, why))
}

fn logs_request(logs: &[&LogRecord]) -> Option<ExportLogsServiceRequest> {
    let log_records: Vec<LogRecord> = logs.iter().map(|log| (*log).clone()).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource: Some(resource()), scope_logs, ..ResourceLogs::default() }];
    (!logs.is_empty()).then_some(ExportLogsServiceRequest { resource_logs })
}

fn traces_request(spans: &[&Span]) -> Option<ExportTraceServiceRequest> {
    let all: Vec<Span> = spans.iter().map(|span| (*span).clone()).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans: all, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource()), scope_spans, ..ResourceSpans::default() }];
    (!spans.is_empty()).then_some(ExportTraceServiceRequest { resource_spans })
}

fn scope() -> InstrumentationScope {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    InstrumentationScope { name: "holdshort".into(), version, ..InstrumentationScope::default() }
}

fn resource() -> Resource {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    };
    let attributes =
        vec![attribute("service.name", "holdshort"), attribute("service.version", env!("CARGO_PKG_VERSION"))];
    Resource { attributes, ..Resource::default() }
}
