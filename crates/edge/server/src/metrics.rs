//! Counters of the service in the Prometheus text format. Labels take values from closed sets only.

use holdshort_model::{Decision, Effect, FailMode, OutcomeStatus, Standing, StandingEntry};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the histograms, in microseconds.
const BOUNDS_US: [u64; 14] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

const EFFECTS: [(Effect, &str); 3] = [(Effect::Allow, "allow"), (Effect::Ask, "ask"), (Effect::Deny, "deny")];
const FAULTS: [FailMode; 9] = [
    FailMode::DeciderLate,
    FailMode::RecorderDown,
    FailMode::RecorderFull,
    FailMode::UnknownAgent,
    FailMode::Unparseable,
    FailMode::PolicyError,
    FailMode::NoPolicy,
    FailMode::Oversize,
    FailMode::ApprovalsDown,
];
const OUTCOMES: [(OutcomeStatus, &str); 8] = [
    (OutcomeStatus::Ok, "ok"),
    (OutcomeStatus::ToolError, "tool-error"),
    (OutcomeStatus::Error, "error"),
    (OutcomeStatus::InputRequired, "input-required"),
    (OutcomeStatus::Timeout, "timeout"),
    (OutcomeStatus::UpstreamFault, "upstream-fault"),
    (OutcomeStatus::Cancelled, "cancelled"),
    (OutcomeStatus::Sent, "sent"),
];

/// What is counted.
#[derive(Default)]
pub(crate) struct Metrics {
    decisions: [[AtomicU64; 3]; 3],
    faults: [AtomicU64; 9],
    outcomes: [AtomicU64; 8],
    deciding: Histogram,
    appending: Histogram,
}

#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_ns: AtomicU64,
}

impl Metrics {
    pub(crate) fn decision(&self, decision: &Decision) {
        let at = |effect: Effect| EFFECTS.iter().position(|(known, _)| *known == effect);
        if let Some((decided, enforced)) = at(decision.effect).zip(at(decision.enforced)) {
            add(self.decisions.get(decided).and_then(|row| row.get(enforced)), 1);
        }
        // A failure inside of deciding is a decision with this reason, not a fault.
        for name in decision.reasons.iter().filter_map(|reason| reason.policy.strip_prefix("fail-mode/")) {
            FAULTS.into_iter().filter(|mode| mode.as_str() == name).for_each(|mode| self.fault(mode));
        }
    }

    pub(crate) fn fault(&self, mode: FailMode) {
        add(FAULTS.iter().position(|known| *known == mode).and_then(|at| self.faults.get(at)), 1);
    }

    pub(crate) fn outcome(&self, status: OutcomeStatus) {
        add(OUTCOMES.iter().position(|(known, _)| *known == status).and_then(|at| self.outcomes.get(at)), 1);
    }

    pub(crate) fn deciding(&self, time: Duration) {
        self.deciding.observe(time);
    }

    pub(crate) fn appending(&self, time: Duration) {
        self.appending.observe(time);
    }

    /// The text format, version 0.0.4.
    pub(crate) fn render(&self, sessions: usize, history_bytes: usize, reduced: u64) -> String {
        let mut out = String::with_capacity(8 * 1024);
        head(&mut out, "holdshort_decisions_total", "counter", "Durable decisions by what was decided and enforced.");
        for ((_, decided), row) in EFFECTS.iter().zip(&self.decisions) {
            for ((_, enforced), count) in EFFECTS.iter().zip(row) {
                let labels = format!("effect=\"{decided}\",enforced=\"{enforced}\"");
                line(&mut out, "holdshort_decisions_total", &labels, count);
            }
        }
        head(&mut out, "holdshort_faults_total", "counter", "Refusals that come from a failure, by fail mode.");
        for (mode, count) in FAULTS.iter().zip(&self.faults) {
            line(&mut out, "holdshort_faults_total", &format!("mode=\"{}\"", mode.as_str()), count);
        }
        head(&mut out, "holdshort_outcomes_total", "counter", "Reported outcomes by status.");
        for ((_, status), count) in OUTCOMES.iter().zip(&self.outcomes) {
            line(&mut out, "holdshort_outcomes_total", &format!("status=\"{status}\""), count);
        }
        self.deciding.render(&mut out, "holdshort_deciding_seconds", "Time to decide.");
        self.appending.render(&mut out, "holdshort_append_seconds", "Time until a record is durable.");
        head(&mut out, "holdshort_sessions", "gauge", "Live sessions.");
        let _ = writeln!(out, "holdshort_sessions {sessions}");
        head(&mut out, "holdshort_history_bytes", "gauge", "What live sessions remember.");
        let _ = writeln!(out, "holdshort_history_bytes {history_bytes}");
        head(&mut out, "holdshort_histories_reduced_total", "counter", "Sessions that gave up what they had seen.");
        let _ = writeln!(out, "holdshort_histories_reduced_total {reduced}");
        out
    }
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let us = u64::try_from(time.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        add(BOUNDS_US.iter().position(|bound| us <= *bound).and_then(|at| self.buckets.get(at)), 1);
        add(Some(&self.count), 1);
        add(Some(&self.sum_ns), u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn render(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "histogram", help);
        let mut below = 0;
        for (bound, bucket) in BOUNDS_US.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {below}", *bound as f64 / 1e6);
        }
        let count = self.count.load(Ordering::Relaxed).max(below);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {}", self.sum_ns.load(Ordering::Relaxed) as f64 / 1e9);
        let _ = writeln!(out, "{name}_count {count}");
    }
}

fn add(counter: Option<&AtomicU64>, amount: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}

/// What waits for people: questions, and what was taken away and not given back.
pub(crate) fn render_waiting(out: &mut String, questions: usize, taken: &[StandingEntry]) {
    head(out, "holdshort_approvals_pending", "gauge", "Questions that wait for a person.");
    let _ = writeln!(out, "holdshort_approvals_pending {questions}");
    head(out, "holdshort_standings", "gauge", "Agents, sessions and classes from whom something was taken away.");
    for (standing, name) in
        [(Standing::Narrowed, "narrowed"), (Standing::Isolated, "isolated"), (Standing::Terminated, "terminated")]
    {
        let count = taken.iter().filter(|entry| entry.standing == standing).count();
        let _ = writeln!(out, "holdshort_standings{{standing=\"{name}\"}} {count}");
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, count: &AtomicU64) {
    let _ = writeln!(out, "{name}{{{labels}}} {}", count.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_text_forms_of_the_model() {
        for (effect, text) in EFFECTS {
            assert_eq!(serde_json::to_value(effect).unwrap(), text);
        }
        for (status, text) in OUTCOMES {
            assert_eq!(serde_json::to_value(status).unwrap(), text);
        }
    }

    #[test]
    fn histogram_buckets_are_cumulative() {
        let metrics = Metrics::default();
        for us in [4, 5, 6, 2_000_000] {
            metrics.appending(Duration::from_micros(us));
        }
        metrics.fault(FailMode::RecorderDown);
        let text = metrics.render(7, 8, 9);
        for expected in [
            "holdshort_append_seconds_bucket{le=\"0.000005\"} 2",
            "holdshort_append_seconds_bucket{le=\"0.00001\"} 3",
            "holdshort_append_seconds_bucket{le=\"1\"} 3",
            "holdshort_append_seconds_bucket{le=\"+Inf\"} 4",
            "holdshort_append_seconds_count 4",
            "holdshort_faults_total{mode=\"recorder-down\"} 1",
            "holdshort_sessions 7",
            "holdshort_history_bytes 8",
            "holdshort_histories_reduced_total 9",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
        }
    }
}
