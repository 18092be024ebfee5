//! A notice in words. What agents and servers chose stands in it as one line of visible text, without links.

use holdshort_model::{Containment, Effect, Level, Mode, Notice, NoticeKind, one_line};
use std::fmt::Write as _;

/// Longest value of one line, in characters.
const VALUE_CHARS_MAX: usize = 500;
/// Longest headline, in characters.
const HEADLINE_CHARS_MAX: usize = 140;

/// One line of text that no program takes for a link.
pub(crate) fn plain(text: &str) -> String {
    one_line(text, VALUE_CHARS_MAX).replace("://", "[:]//")
}

/// What happened, in one line.
pub(crate) fn headline(notice: &Notice) -> String {
    let level = level(notice.level).to_uppercase();
    let mut line = format!("[Holdshort] {level}: {}", plain(&notice.title));
    if notice.count > 1 {
        let _ = write!(line, " ({} times)", notice.count);
    }
    one_line(&line, HEADLINE_CHARS_MAX)
}

/// Everything else: what it is, and the value.
pub(crate) fn lines(notice: &Notice) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut add = |what: &str, value: String| {
        if !value.is_empty() {
            lines.push((what.to_owned(), value));
        }
    };
    match &notice.alarm {
        Some(alarm) => {
            add("alarm", plain(&alarm.event));
            for (what, value) in &alarm.facts {
                add(&plain(what), plain(value));
            }
        }
        None => acted(notice, &mut add),
    }
    if notice.count > 1 {
        add("how often", format!("{} times", notice.count));
    }
    add("incident", notice.incident.map(|id| id.to_string()).unwrap_or_default());
    add("approval", notice.approval.map(|id| id.to_string()).unwrap_or_default());
    add("record", notice.index.map(|index| format!("{index} of the log")).unwrap_or_default());
    lines
}

/// What an agent did, and what was decided on it.
fn acted(notice: &Notice, add: &mut impl FnMut(&str, String)) {
    let (subject, action) = (&notice.subject, &notice.action);
    add("agent", format!("{} (class {})", plain(subject.agent.as_str()), plain(&subject.class)));
    add("owner", plain(subject.owner.as_deref().unwrap_or_default()));
    add("acts for", plain(subject.user.as_deref().unwrap_or_default()));
    add("through", list(&subject.delegation));
    add("session", plain(subject.session.as_str()));
    let server = action.server.as_deref().map(|server| format!(" of {}", plain(server))).unwrap_or_default();
    add("action", format!("{} {}{server}", plain(&action.kind), plain(&action.name)));
    add("effects", list(&action.effects));
    // Bare host names become links in some programs.
    add("destinations", list(&action.destinations).replace('.', "[.]"));
    add("decision", decided(notice));
    add("containment", containment(notice));
    add("risk", format!("{} of 100, {}", notice.score, level(notice.level)));
    for (signal, points, why) in &notice.parts {
        add("risk part", format!("{points} {}: {}", plain(signal), plain(why)));
    }
    for (policy, message) in &notice.reasons {
        add("reason", format!("{} ({})", plain(message), plain(policy)));
    }
}

/// What a person may do, one line each.
pub(crate) fn commands(notice: &Notice) -> Vec<String> {
    notice.commands.iter().map(|(what, line)| format!("{}: {}", plain(what), plain(line))).collect()
}

pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

fn list(texts: &[String]) -> String {
    texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join(", ")
}

fn decided(notice: &Notice) -> String {
    if notice.kind == NoticeKind::Test {
        return String::new();
    }
    let word = |effect| match effect {
        Effect::Allow => "allowed",
        Effect::Ask => "a person has to approve",
        Effect::Deny => "refused",
    };
    match notice.mode {
        Mode::Enforce => word(notice.enforced).to_owned(),
        Mode::Observe => format!("{}; only observed, it would be: {}", word(notice.enforced), word(notice.effect)),
    }
}

fn containment(notice: &Notice) -> String {
    match notice.containment {
        Containment::None => String::new(),
        Containment::Narrow => format!("grants taken away: {}", list(&notice.removed)),
        Containment::Isolate => "isolated".to_owned(),
        Containment::Terminate => "terminated".to_owned(),
    }
}
