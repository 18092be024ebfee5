//! Records as one line for people.

use holdshort_model::{
    Answer, ApprovalRecord, Decision, DecisionRecord, DeclassificationRecord, Effect, ErasureRecord, LifecycleRecord,
    Mode, Outcome, PolicyRecord, PromotionRecord, Record, ResponseRecord, StandingRecord, ToolChange,
};
use std::time::{Duration, UNIX_EPOCH};

/// Reasons that fit on a line.
const REASONS_MAX: usize = 3;

/// One record as one line: index (or what stands for one that is not known), time, what happened, to whom, why.
pub(crate) fn record_line(index: impl std::fmt::Display, record: &Record) -> String {
    let text = match record {
        Record::Decision(decision) => decision_line(decision),
        Record::Outcome(outcome) => outcome_line(outcome),
        Record::ToolChange(change) => change_line(change),
        Record::Policy(policy) => policy_line(policy),
        Record::Declassification(lowered) => lowered_line(lowered),
        Record::Approval(approval) => approval_line(approval),
        Record::Standing(standing) => standing_line(standing),
        Record::Response(step) => response_line(step),
        Record::Promotion(promotion) => promotion_line(promotion),
        Record::Erasure(erasure) => erasure_line(erasure),
        Record::Lifecycle(event) => lifecycle_line(event),
    };
    // INVARIANT: one record is one line, and no text of an agent reaches the terminal as a control sequence.
    format!("{index:>6} {}", safe(&text).trim_end())
}

/// Text of others without anything that steers a terminal.
pub(crate) fn safe(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// Whether a character is not seen as one: it steers a terminal, turns the direction of a text, or takes no room.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn lowered_line(lowered: &DeclassificationRecord) -> String {
    let DeclassificationRecord { agent, session, what, reason, by, .. } = lowered;
    format!("{} declassified `{what}` in {session} of {agent}, by {by}: {reason}", time(lowered.id.time_ms()))
}

fn approval_line(approval: &ApprovalRecord) -> String {
    let ApprovalRecord { id, event, agent, session, answer, exception, .. } = approval;
    let mut line = format!("{} approval {event} {id} for {agent} in {session}", time(approval.time_ms));
    if let Some(Answer { by, reason, approved, .. }) = answer {
        let word = match (event.as_str(), approved) {
            ("revoked", _) => "",
            (_, true) => "approved ",
            (_, false) => "refused ",
        };
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        line.push_str(&format!(", {word}by {by}{why}"));
    }
    if let Some(exception) = exception {
        line.push_str(&format!(", {} until {}", exception.name, time(exception.until_ms)));
    }
    line
}

fn standing_line(record: &StandingRecord) -> String {
    let after = &record.after;
    let word = if record.released { "released" } else { "contained" };
    let left = serde_json::to_value(after.standing).unwrap_or_default();
    let left = left.as_str().unwrap_or("unknown").to_owned();
    let grants =
        if after.removed.is_empty() { String::new() } else { format!(" without {}", after.removed.join(", ")) };
    format!("{} {word} {}: {left}{grants}, by {}: {}", time(record.time_ms), after.scope, after.by, after.reason)
}

fn response_line(step: &ResponseRecord) -> String {
    let done = if step.done { "done" } else { "failed" };
    format!("{} response {} {done} after [{}]: {}", time(step.time_ms), step.step.as_str(), step.decision, step.text)
}

fn promotion_line(promotion: &PromotionRecord) -> String {
    let word = if promotion.after == Mode::Enforce { "promoted" } else { "demoted" };
    let PromotionRecord { policy, by, reason, .. } = promotion;
    format!("{} {word} {policy}, by {by}: {reason}", time(promotion.time_ms))
}

fn erasure_line(erasure: &ErasureRecord) -> String {
    let ErasureRecord { scope, keys, by, reason, .. } = erasure;
    let word = if keys.len() == 1 { "key" } else { "keys" };
    format!("{} erased one {}, {} {word}, by {by}: {reason}", time(erasure.time_ms), scope.as_str(), keys.len())
}

fn lifecycle_line(event: &LifecycleRecord) -> String {
    let LifecycleRecord { time_ms, event, detail } = event;
    // What has parts is shown as it stands in the record.
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        other => Some(other.to_string()),
    };
    let fields = detail.as_object().and_then(|fields| {
        fields
            .iter()
            .map(|(name, value)| plain(value).map(|value| format!("{name} {value}")))
            .collect::<Option<Vec<_>>>()
    });
    let detail = match fields {
        Some(fields) => fields.join(", "),
        None if detail.is_null() => String::new(),
        None => detail.to_string(),
    };
    format!("{} service {event} {detail}", time(*time_ms))
}

/// A time as RFC 3339 in UTC.
pub(crate) fn time(ms: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        // Years beyond 9999 cannot be written in that form.
        Some(time) if ms < 253_402_300_800_000 => humantime::format_rfc3339_millis(time).to_string(),
        _ => format!("{ms} ms"),
    }
}

/// What a decision comes to, in a few words.
pub(crate) fn verdict(decision: &Decision) -> String {
    let word = |effect: Effect| match effect {
        Effect::Allow => "allow",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    };
    match decision.mode {
        Mode::Enforce => word(decision.enforced).to_owned(),
        Mode::Observe => format!("{} (observed: {})", word(decision.enforced), word(decision.effect)),
    }
}

fn decision_line(record: &DecisionRecord) -> String {
    let DecisionRecord { decision, request, received_ms, .. } = record;
    let (action, agent) = (&request.action, &request.subject.agent);
    let target =
        action.server.as_ref().map_or_else(|| action.name.clone(), |server| format!("{server}/{}", action.name));
    let reasons: Vec<String> = decision
        .reasons
        .iter()
        .take(REASONS_MAX)
        .map(|reason| format!("{}: {}", reason.policy, reason.message))
        .collect();
    let more = decision.reasons.len().saturating_sub(REASONS_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let (time, verdict, id) = (time(*received_ms), verdict(decision), decision.id);
    format!("{time} {verdict} {agent} {} {target} [{id}] {}{more}", action.kind, reasons.join("; "))
}

fn outcome_line(outcome: &Outcome) -> String {
    let status = serde_json::to_value(outcome.status).unwrap_or_default();
    let status = status.as_str().unwrap_or("unknown").to_owned();
    let Outcome { decision, session, bytes, duration_us, .. } = outcome;
    let ended = time(outcome.ended_ms());
    format!("{ended} outcome {status} of [{decision}] in {session}: {bytes} bytes, after {duration_us} us")
}

fn change_line(change: &ToolChange) -> String {
    let ToolChange { time_ms, server, tool, difference, .. } = change;
    let pin = serde_json::to_value(change.pin).unwrap_or_default();
    let pin = pin.as_str().unwrap_or("unknown").to_owned();
    format!("{} tool {pin} {server}/{tool} {} {}", time(*time_ms), change.after, difference.join("; "))
}

fn policy_line(policy: &PolicyRecord) -> String {
    let PolicyRecord { time_ms, snapshot, accepted, source, diagnostics } = policy;
    let state = if *accepted { "accepted" } else { "refused" };
    format!("{} policies {state} from {source}, in force {snapshot} {}", time(*time_ms), diagnostics.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_record_is_one_line_without_control_characters() {
        let event = "up\u{1b}[31m\nroot: all is well".to_owned();
        let record = Record::Lifecycle(LifecycleRecord { time_ms: 0, event, detail: serde_json::Value::Null });
        let line = record_line(7, &record);
        assert!(line.starts_with("     7 1970-01-01T00:00:00.000Z service up"), "{line}");
        assert!(!line.chars().any(char::is_control));
    }

    #[test]
    fn what_happened_to_the_service_is_said_in_words() {
        let line = |detail| lifecycle_line(&LifecycleRecord { time_ms: 0, event: "incident-closed".into(), detail });
        let flat = line(serde_json::json!({"by": "ann", "reason": "rotated", "count": 2}));
        assert_eq!(flat, "1970-01-01T00:00:00.000Z service incident-closed by ann, count 2, reason rotated");
        let nested = line(serde_json::json!({"by": "ann", "all": [1]}));
        assert_eq!(nested, r#"1970-01-01T00:00:00.000Z service incident-closed {"all":[1],"by":"ann"}"#);
    }

    #[test]
    fn times_out_of_range_are_numbers() {
        assert_eq!(time(u64::MAX), format!("{} ms", u64::MAX));
    }
}
