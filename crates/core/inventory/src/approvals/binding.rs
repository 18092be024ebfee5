//! What an answer is for, and what it makes of a decision.

use crate::canonical::canonical;
use holdshort_model::{Approved, Decision, Digest, Effect, Facts, Mode, Reason};
use serde_json::json;

/// What stands in a reason in place of a policy, when the question itself is refused.
pub const APPROVALS_POLICY: &str = "approvals";

/// What an approval of this decided action is bound to: digest of the canonical JSON of everything that a person says yes
/// to. Another argument, definition, policy, session or person gives another one.
pub fn binding(decision: &Decision, facts: &Facts) -> Digest {
    let (subject, action) = (&facts.subject, &facts.action);
    let bound = json!({
        "agent": subject.agent.id,
        "authenticated_by": subject.authenticated_by,
        "delegation": subject.delegation,
        "user": subject.user,
        "session": subject.session,
        "kind": action.kind,
        "server": action.server,
        "name": action.name,
        "args": action.args,
        "definition": facts.tool.as_ref().and_then(|tool| tool.definition),
        "effects": action.effects,
        "snapshot": decision.snapshot,
    });
    Digest::of(canonical(&bound).as_bytes())
}

/// What is wanted, by whom and for whom: digest of what a refusal holds for. Wider than [`binding`]: another session,
/// another way to it or another policy does not make the same wish a new one.
pub(super) fn wanted(facts: &Facts) -> Digest {
    let (subject, action) = (&facts.subject, &facts.action);
    let wish = json!({
        "agent": subject.agent.id,
        "user": subject.user,
        "kind": action.kind,
        "server": action.server,
        "name": action.name,
        "args": action.args,
    });
    Digest::of(canonical(&wish).as_bytes())
}

/// The policies that ask and are enforced: sorted, each once.
pub fn asking(reasons: &[Reason]) -> Vec<&str> {
    let asks = |reason: &&Reason| reason.effect == Effect::Ask && reason.mode == Mode::Enforce;
    let mut policies: Vec<&str> = reasons.iter().filter(asks).map(|reason| reason.policy.as_str()).collect();
    policies.sort_unstable();
    policies.dedup();
    policies
}

/// Turns an Ask into an Allow, because of people's answer. Its reasons stay, so that the record says what was asked.
///
/// INVARIANT: a Deny stays a Deny, also one that is only observed.
pub fn lift(decision: &mut Decision, approved: Approved) {
    if decision.enforced != Effect::Ask {
        return;
    }
    decision.enforced = Effect::Allow;
    if decision.effect == Effect::Ask {
        decision.effect = Effect::Allow;
    }
    settle_mode(decision);
    decision.approval = Some(approved.id);
    decision.approved = Some(approved);
}

/// Turns an Ask into a Deny, because nobody is asked about it (any more).
pub fn refuse(decision: &mut Decision, message: String) {
    decision.effect = Effect::Deny;
    decision.enforced = Effect::Deny;
    settle_mode(decision);
    let reason = Reason { policy: APPROVALS_POLICY.into(), message, effect: Effect::Deny, mode: Mode::Enforce };
    decision.reasons.insert(0, reason);
}

/// Makes of a decision what people's answers made of it when it was recorded: for replay, which asks nobody.
pub fn as_recorded(decision: &mut Decision, recorded: &Decision) {
    if decision.enforced != Effect::Ask {
        return;
    }
    let refused = |reason: &&Reason| reason.policy == APPROVALS_POLICY && reason.effect == Effect::Deny;
    match (&recorded.approved, recorded.reasons.iter().find(refused)) {
        (_, Some(reason)) => refuse(decision, reason.message.clone()),
        (Some(approved), None) => lift(decision, approved.clone()),
        (None, None) => decision.approval = recorded.approval,
    }
}

fn settle_mode(decision: &mut Decision) {
    decision.mode = if decision.enforced < decision.effect { Mode::Observe } else { Mode::Enforce };
}
