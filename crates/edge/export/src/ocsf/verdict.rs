//! The profile `security_control`: what was decided, as actions and dispositions.

use super::class::Draft;
use holdshort_model::{Containment, Decision, Effect, Level, Mode, Reason};
use serde_json::{Value, json};

/// Most reasons that are named.
const REASONS_MAX: usize = 16;

/// Action and disposition, with their captions.
pub(super) type Verdict = ((u32, &'static str), (u32, &'static str));

const ALLOWED: (u32, &str) = (1, "Allowed");
const DENIED: (u32, &str) = (2, "Denied");

pub(super) const WAITS: Verdict = (DENIED, (14, "Delayed"));
pub(super) const APPROVED: Verdict = (ALLOWED, (8, "Approved"));
pub(super) const REJECTED: Verdict = (DENIED, (25, "Rejected"));

/// The verdict of a decision.
pub(super) fn verdict(decision: &Decision) -> Verdict {
    match (decision.enforced, decision.containment) {
        (Effect::Deny, Containment::Isolate | Containment::Terminate) => (DENIED, (4, "Isolated")),
        (Effect::Deny, Containment::Narrow) => (DENIED, (24, "Access Revoked")),
        (Effect::Deny, Containment::None) => (DENIED, (2, "Blocked")),
        (Effect::Ask, _) => WAITS,
        // What a person approved, what goes out changed, what is only watched: each is told apart from a plain yes.
        (Effect::Allow, _) if decision.effect != Effect::Allow && decision.mode == Mode::Observe => {
            ((3, "Observed"), (15, "Detected"))
        }
        (Effect::Allow, _) if !decision.obligations.is_empty() => ((4, "Modified"), (11, "Corrected")),
        (Effect::Allow, _) if decision.approved.is_some() => APPROVED,
        (Effect::Allow, _) => (ALLOWED, (1, "Allowed")),
    }
}

pub(super) fn set(draft: &mut Draft, ((action, action_name), (disposition, disposition_name)): Verdict) {
    draft.set("action_id", action);
    draft.set("action", action_name);
    draft.set("disposition_id", disposition);
    draft.set("disposition", disposition_name);
}

/// Everything of a decision that the profile has a place for.
pub(super) fn decided(draft: &mut Draft, decision: &Decision) {
    set(draft, verdict(decision));
    let policy = |reason: &Reason| {
        json!({
            "name": reason.policy, "uid": reason.policy, "desc": reason.message,
            "is_applied": reason.mode == Mode::Enforce, "version": decision.snapshot,
        })
    };
    draft.set("policy", decision.reasons.first().map(policy));
    let authorization = |reason: &Reason| json!({ "decision": reason.effect, "policy": policy(reason) });
    draft.set("authorizations", decision.reasons.iter().take(REASONS_MAX).map(authorization).collect::<Vec<_>>());
    let (id, name) = risk(decision.risk.level);
    draft.set("risk_level_id", id);
    draft.set("risk_level", name);
    draft.set("risk_score", decision.risk.score);
    let part = |part: &holdshort_model::RiskPart| format!("{} {}: {}", part.points, part.signal, part.why);
    draft.set("risk_details", decision.risk.parts.iter().map(part).collect::<Vec<_>>().join("; "));
    // Something that somebody should look at, wherever it stands (of every class, not of findings alone).
    let grave = decision.risk.level >= Level::High && decision.effect != Effect::Allow;
    if grave || decision.containment != Containment::None || !decision.playbook.is_empty() {
        draft.set("is_alert", Value::Bool(true));
    }
}

/// The level of a risk.
const fn risk(level: Level) -> (u32, &'static str) {
    match level {
        Level::Low => (1, "Low"),
        Level::Medium => (2, "Medium"),
        Level::High => (3, "High"),
        Level::Critical => (4, "Critical"),
    }
}

/// The severity of an event.
pub(super) const fn severity(level: Level, plain: bool) -> (u32, &'static str) {
    match level {
        Level::Low if plain => (1, "Informational"),
        Level::Low => (2, "Low"),
        Level::Medium => (3, "Medium"),
        Level::High => (4, "High"),
        Level::Critical => (5, "Critical"),
    }
}
