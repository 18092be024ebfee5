//! Messages to people, made of what was captured.

use super::alarms::Alarm;
use super::evidence::{Answer, Captured, unnamed};
use holdshort_inventory::UNKNOWN_CLASS;
use holdshort_model::{
    Agent, Approval, Containment, Effect, Mode, Notice, NoticeAction, NoticeAlarm, NoticeKind, NoticeSubject, RecordId,
    one_line,
};

/// Longest text of a question's notice, in characters.
const TEXT_CHARS_MAX: usize = 300;
/// Longest name in one, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest value of an alarm's fact, in characters: a path, an address, what somebody answered.
const FACT_CHARS_MAX: usize = 500;
/// Most facts of an alarm.
const FACTS_MAX: usize = 24;
/// Most entries of a list in one.
const LISTED_MAX: usize = 8;

/// What a decision is told as. `id` is that of the message.
pub(super) fn of_decision(answer: &Answer, captured: &Captured, incident: Option<RecordId>, id: RecordId) -> Notice {
    let evidence = &answer.evidence;
    Notice {
        id,
        kind: answer.kind,
        count: 1,
        at_ms: evidence.at_ms,
        last_ms: evidence.at_ms,
        level: answer.level,
        title: answer.title(),
        incident,
        approval: answer.approval,
        alarm: None,
        decision: answer.decision,
        index: answer.index,
        subject: NoticeSubject {
            agent: captured.agent.clone(),
            class: captured.class.clone(),
            owner: captured.owner.clone(),
            user: captured.user.clone(),
            delegation: captured.delegation.clone(),
            session: captured.session.clone(),
        },
        action: NoticeAction {
            kind: captured.kind.clone(),
            server: captured.server.clone(),
            name: captured.name.clone(),
            effects: captured.effects.clone(),
            destinations: captured.destinations.clone(),
        },
        effect: answer.effect,
        enforced: answer.enforced,
        mode: answer.mode,
        containment: answer.containment,
        removed: answer.removed.iter().take(LISTED_MAX).map(|grant| one_line(grant, NAME_CHARS_MAX)).collect(),
        reasons: answer.reasons.clone(),
        score: captured.risk.score,
        parts: parts(&captured.risk),
        commands: commands(answer, incident),
    }
}

/// What a question that waits is told as.
pub(super) fn of_approval(approval: &Approval, agent: Option<&Agent>, id: RecordId) -> Notice {
    let name = |text: &str| one_line(text, NAME_CHARS_MAX);
    let effect = |effect: &holdshort_model::ActionEffect| format!("{} {}", effect.verb.as_str(), effect.resource.kind);
    let hosts = approval.effects.iter().filter_map(|effect| effect.resource.host.as_deref());
    let mut known = vec![approval.name.clone(), approval.agent.to_string()];
    known.extend(approval.server.clone());
    known.extend(approval.effects.iter().filter_map(|effect| effect.resource.host.clone()));
    known.extend(agent.map(|agent| agent.class.clone()));
    let reason = |reason: &holdshort_model::Reason| {
        (name(&reason.policy), one_line(&unnamed(&reason.message, &known), TEXT_CHARS_MAX))
    };
    let show = approval.id.to_string();
    Notice {
        id,
        kind: NoticeKind::Approval,
        count: 1,
        at_ms: approval.asked_ms,
        last_ms: approval.asked_ms,
        level: approval.risk.level,
        title: format!(
            "`{}` of the agent `{}` waits for a person's answer",
            name(&approval.name),
            name(approval.agent.as_str())
        ),
        incident: None,
        approval: Some(approval.id),
        alarm: None,
        decision: approval.decision,
        index: None,
        subject: NoticeSubject {
            agent: approval.agent.clone(),
            class: agent.map_or_else(|| UNKNOWN_CLASS.to_owned(), |agent| name(&agent.class)),
            owner: agent.and_then(|agent| agent.owner.as_ref()).map(|owner| name(&owner.id)),
            user: approval.user.as_deref().map(name),
            delegation: Vec::new(),
            session: approval.session.clone(),
        },
        action: NoticeAction {
            kind: approval.kind.as_str().to_owned(),
            server: approval.server.as_deref().map(name),
            name: name(&approval.name),
            effects: approval.effects.iter().take(LISTED_MAX).map(effect).map(|text| name(&text)).collect(),
            destinations: hosts.take(LISTED_MAX).map(name).collect(),
        },
        effect: Effect::Ask,
        enforced: Effect::Ask,
        mode: Mode::Enforce,
        containment: Containment::None,
        removed: Vec::new(),
        reasons: approval.reasons.iter().take(LISTED_MAX).map(reason).collect(),
        score: approval.risk.score,
        parts: parts(&approval.risk)
            .into_iter()
            .map(|(what, points, why)| (what, points, unnamed(&why, &known)))
            .collect(),
        commands: vec![
            ("look at it".into(), format!("holdshort approvals show {show}")),
            ("approve it".into(), format!("holdshort approvals approve {show} --reason WHY")),
            ("refuse it".into(), format!("holdshort approvals refuse {show} --reason WHY")),
        ],
    }
}

/// What an alarm is told as.
pub(super) fn of_alarm(alarm: &Alarm, id: RecordId, now_ms: u64) -> Notice {
    let fact = |(what, value): &(&str, String)| ((*what).to_owned(), one_line(value, FACT_CHARS_MAX));
    Notice {
        kind: NoticeKind::Alarm,
        level: alarm.level,
        title: one_line(&alarm.title, TEXT_CHARS_MAX),
        alarm: Some(NoticeAlarm {
            event: alarm.event.to_owned(),
            facts: alarm.facts.iter().take(FACTS_MAX).map(fact).collect(),
        }),
        index: alarm.index,
        commands: alarm.commands.iter().map(|(what, line)| ((*what).to_owned(), line.clone())).collect(),
        ..of_nobody(id, now_ms, alarm.event)
    }
}

/// What somebody who tries a channel gets.
pub(super) fn of_test(id: RecordId, now_ms: u64) -> Notice {
    of_nobody(id, now_ms, "holdshort notify test")
}

/// A message that is about no action.
fn of_nobody(id: RecordId, now_ms: u64, name: &str) -> Notice {
    Notice {
        id,
        kind: NoticeKind::Test,
        count: 1,
        at_ms: now_ms,
        last_ms: now_ms,
        level: holdshort_model::Level::Low,
        title: "this is a test; nothing happened".into(),
        incident: None,
        approval: None,
        alarm: None,
        decision: id,
        index: None,
        subject: NoticeSubject {
            agent: "nobody".into(),
            class: "none".into(),
            owner: None,
            user: None,
            delegation: Vec::new(),
            session: "none".into(),
        },
        action: NoticeAction {
            kind: "test".into(),
            server: None,
            name: name.into(),
            effects: Vec::new(),
            destinations: Vec::new(),
        },
        effect: Effect::Allow,
        enforced: Effect::Allow,
        mode: Mode::Enforce,
        containment: Containment::None,
        removed: Vec::new(),
        reasons: Vec::new(),
        score: 0,
        parts: Vec::new(),
        commands: Vec::new(),
    }
}

fn parts(risk: &holdshort_model::Risk) -> Vec<(String, u8, String)> {
    let part = |part: &holdshort_model::RiskPart| {
        (one_line(&part.signal, NAME_CHARS_MAX), part.points, one_line(&part.why, TEXT_CHARS_MAX))
    };
    risk.parts.iter().take(LISTED_MAX).map(part).collect()
}

fn commands(answer: &Answer, incident: Option<RecordId>) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    if let Some(incident) = incident {
        commands.push(("look at the incident".into(), format!("holdshort incidents show {incident}")));
    }
    commands.push(("look at the record".into(), format!("holdshort log show {}", answer.decision)));
    if let Some(approval) = answer.approval.filter(|_| answer.enforced == Effect::Ask) {
        commands.push(("approve it".into(), format!("holdshort approvals approve {approval} --reason WHY")));
    }
    let agent = quoted(answer.evidence.agent.as_str());
    match answer.containment {
        Containment::None if answer.enforced == Effect::Allow => {}
        Containment::None => {
            commands.push(("isolate the agent".into(), format!("holdshort contain {agent} --isolate --reason WHY")));
        }
        Containment::Narrow => {
            // Whether grants are taken from the session or from the agent is a matter of configuration.
            let session = quoted(answer.evidence.session.as_str());
            commands.push(("see what was taken away".into(), "holdshort standing".into()));
            let line = format!("holdshort release {agent} --session {session} --reason WHY");
            commands.push(("give it back to the session".into(), line));
            commands.push(("give it back to the agent".into(), format!("holdshort release {agent} --reason WHY")));
        }
        Containment::Isolate | Containment::Terminate => {
            commands.push(("give it back".into(), format!("holdshort release {agent} --reason WHY")));
        }
    }
    commands
}

/// A word of a shell: people copy these lines, and an agent may have chosen its name.
fn quoted(text: &str) -> String {
    let text = one_line(text, NAME_CHARS_MAX);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:@/+-".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_a_command_line() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("stdio:claude-code", "stdio:claude-code");
        check("a b", "'a b'");
        check("x; rm -rf ~ #", "'x; rm -rf ~ #'");
        check("it's $(id)\n`id`", "'it'\\''s $(id) `id`'");
        check("--all", "'--all'");
        check("", "''");
    }
}
