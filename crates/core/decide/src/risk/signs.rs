//! The signs of each signal: what makes an action riskier, and why.
//!
//! INVARIANT: every sign adds. No sign is looked at to take another one away.

use super::model::{RiskWeights, Signal};
use super::score::Score;
use holdshort_inventory::UNKNOWN_CLASS;
use holdshort_model::{
    ActionEffect, Asks, Authentication, Certainty, Content, DestinationSignal, Facts, Integrity, Mode, Origin, Pin,
    Standing, Verb,
};

/// Different pieces of personal data from which on they are many.
const BULK: u32 = 10;

pub(super) fn identity(facts: &Facts, score: &mut Score<'_>) {
    let subject = &facts.subject;
    let agent = &subject.agent;
    if agent.class == UNKNOWN_CLASS {
        score.add(Signal::Identity, "unregistered", || "nobody registered the agent".into());
    }
    if subject.authenticated_by == Authentication::None {
        score.add(Signal::Identity, "unauthenticated", || "the agent's identity is not established".into());
    }
    match &agent.owner {
        None => score.add(Signal::Identity, "ownerless", || "nobody answers for the agent".into()),
        Some(owner) if !owner.active => {
            score.add(Signal::Identity, "owner_inactive", || format!("its owner `{}` is disabled", owner.id));
        }
        Some(_) => {}
    }
    for parent in &subject.delegation {
        score.add(Signal::Identity, "delegated", || format!("it acts for the agent `{parent}`"));
    }
}

pub(super) fn permissions(facts: &Facts, lacking: Option<Mode>, score: &mut Score<'_>) {
    match lacking {
        Some(Mode::Enforce) => {
            score.add(Signal::Permissions, "uncovered", || "no grant covers what it does".into());
        }
        Some(Mode::Observe) => {
            score.add(Signal::Permissions, "uncovered_observed", || "no grant covers what it does (observed)".into());
        }
        None => {}
    }
    if facts.subject.standing != Standing::Active {
        score.add(Signal::Permissions, "narrowed", || "permissions were taken away from the agent".into());
    }
}

/// How much harm the action can do, in percent: the most of its effects.
pub(super) fn exposure(weights: &RiskWeights, facts: &Facts) -> u8 {
    facts.action.effects.iter().map(|effect| weights.exposure(effect.verb)).max().unwrap_or_default()
}

pub(super) fn prompt_context(facts: &Facts, exposure: u8, score: &mut Score<'_>) {
    let signal = Signal::PromptContext;
    let mut add = |sign: &str, confidence: u8, why: &dyn Fn() -> String| {
        score.add_part(signal, sign, exposure, confidence, why);
    };
    let request = &facts.request;
    let consequential = facts.action.effects.iter().any(|effect| effect.verb != Verb::Read);
    if consequential && request.asks == Asks::No {
        match request.known {
            true => add("unasked", 100, &|| "the person's request does not ask for it".into()),
            false => add("unasked_unknown", 100, &|| "the person's request is not known".into()),
        }
    }
    if let Some(source) = request.steered_by.first() {
        add("steered", 100, &|| format!("`{source}` tells the agent to do it"));
    }
    let untrusted = facts.labels.integrity == Integrity::Untrusted;
    let strange = |origins: &[Origin]| {
        untrusted
            && facts.provenance.values().any(|value| value.address && !value.known && origins.contains(&value.origin))
    };
    if strange(&[Origin::Prose, Origin::Instruction, Origin::Unknown]) {
        add("untrusted_value", 100, &|| "a destination comes from untrusted text".into());
    }
    if strange(&[Origin::Nowhere]) {
        add("made_up_value", 100, &|| "a destination stands nowhere that the session has seen".into());
    }
    let (here, seen) = (&facts.signals.content, &facts.signals.seen);
    if seen.injection >= 50 {
        add("injection_seen", sure(seen.injection), &|| "a result reads like an instruction to the model".into());
    }
    if here.injection.percent >= 50 {
        let percent = sure(here.injection.percent);
        add("injection_here", percent, &|| "the arguments read like an instruction to a model".into());
    }
    if let Some(mark) = seen.marks.first() {
        add("marks_seen", 100, &|| format!("a result held {mark}"));
    }
    if let Some(mark) = here.injection.marks.first() {
        add("marks_here", 100, &|| format!("{} at `{}`", mark.kind, mark.at));
    }
    if let Some(rule) = seen.rules.first() {
        add("rule_seen", 100, &|| format!("a result matched the threat rule `{rule}`"));
    }
    if let Some(rule) = here.rules.iter().find(|rule| rule.counts) {
        add("rule_here", 100, &|| format!("the threat rule `{}` matches at `{}`", rule.rule, rule.at));
    }
}

// 50 is where the text model begins to say something.
fn sure(percent: u8) -> u8 {
    percent.saturating_sub(50).saturating_mul(2).clamp(20, 100)
}

pub(super) fn tool(facts: &Facts, score: &mut Score<'_>) {
    let effects = &facts.action.effects;
    for verb in Verb::ALL {
        if effects.iter().any(|effect| effect.verb == verb) {
            score.add(Signal::Tool, verb.as_str(), || format!("it can {}", verb.as_str()));
        }
    }
    let harmful = |effect: &&ActionEffect| effect.verb != Verb::Read;
    if effects.iter().filter(harmful).any(|effect| effect.reversible == Some(false)) {
        score.add(Signal::Tool, "irreversible", || "it cannot be undone".into());
    }
    if effects.iter().any(|effect| effect.verb == Verb::Delete && effect.count.is_none()) {
        score.add(Signal::Tool, "unbounded", || "nobody says how much it deletes".into());
    }
    match facts.tool.as_ref().map(|tool| tool.pin) {
        Some(Pin::New) => score.add(Signal::Tool, "new", || "nobody has accepted the tool's definition".into()),
        Some(Pin::Changed) => score.add(Signal::Tool, "changed", || "the tool's definition has changed".into()),
        Some(Pin::Shadowed) => score.add(Signal::Tool, "shadowed", || "another tool looks like this one".into()),
        Some(Pin::Match) | None => {}
    }
}

pub(super) fn destination(facts: &Facts, exposure: u8, score: &mut Score<'_>) {
    let mut add = |sign: &str, why: &dyn Fn() -> String| {
        score.add_part(Signal::Destination, sign, exposure, 100, why);
    };
    let hosts = &facts.signals.destinations;
    if let Some(host) = hosts.iter().find(|host| !host.known) {
        add("unknown_host", &|| format!("`{}` was never approved", host.host));
    }
    if let Some((host, like)) = hosts.iter().find_map(|host| host.looks_like.as_ref().map(|like| (host, like))) {
        add("looks_like", &|| format!("`{}` looks like `{like}` and is not", host.host));
    }
    if let Some((host, what)) = hosts.iter().find_map(|host| host.special.as_ref().map(|what| (host, what))) {
        add("special", &|| format!("`{}` is a {what} address", host.host));
    }
    if let Some((host, odd)) = hosts.iter().find_map(|host| host.odd.first().map(|odd| (host, odd))) {
        add("odd", &|| format!("`{}` is written oddly: {odd}", host.host));
    }
    let stranger = |(_, value): &(&String, &holdshort_model::Provenance)| {
        value.address && !value.known && !value.record && value.origin > Origin::Request
    };
    if let Some((pointer, _)) = facts.provenance.iter().find(stranger) {
        add("unknown_address", &|| format!("the destination at `{pointer}` was never approved"));
    }
}

pub(super) fn history(facts: &Facts, score: &mut Score<'_>) {
    let anomaly = &facts.signals.anomaly;
    // Of an agent that is hardly known the figures say little: half.
    let confidence = if anomaly.cold { 50 } else { 100 };
    let said = || anomaly.why.first().cloned();
    for (sign, share, default) in [
        ("novelty", anomaly.novelty, "the agent never did this"),
        ("surprise", anomaly.surprise, "it does not follow what the agent did before"),
        ("volume", anomaly.volume, "it is much more than usual"),
    ] {
        score.add_part(Signal::History, sign, share, confidence, || said().unwrap_or_else(|| default.into()));
    }
    if anomaly.cold && anomaly.events > 0 {
        score.add(Signal::History, "cold", || format!("the agent is known from {} actions only", anomaly.events));
    }
}

pub(super) fn data(facts: &Facts, exposure: u8, score: &mut Score<'_>) {
    let mut add = |sign: &str, confidence: u8, why: &dyn Fn() -> String| {
        score.add_part(Signal::Data, sign, exposure, confidence, why);
    };
    let (labels, Content { secrets, personal_data, .. }) = (&facts.labels, &facts.signals.content);
    if !labels.confidentiality.is_empty() {
        add("classified", 100, &|| format!("the session has read data that is `{}`", labels.confidentiality));
    }
    if let Some(category) = labels.categories.first() {
        add("categories", 100, &|| format!("the session has read {category} data"));
    }
    if let Some(secret) = secrets.iter().find(|secret| secret.own) {
        let why = || format!("the organisation's secret `{}` stands at `{}`", secret.rule, secret.at);
        add("own_secret", secret.confidence, &why);
    }
    if let Some(secret) = secrets.iter().filter(|secret| !secret.own).max_by_key(|secret| secret.confidence) {
        add("secret", secret.confidence, &|| format!("a secret ({}) stands at `{}`", secret.rule, secret.at));
    }
    let seen = &facts.signals.seen;
    if seen.own_secret {
        add("own_secret_seen", 100, &|| "the session has seen a secret of the organisation".into());
    }
    if let Some(rule) = seen.secrets.first() {
        add("secret_seen", 100, &|| format!("the session has seen a secret ({rule})"));
    }
    if let Some(data) = personal_data.iter().max_by_key(|data| data.confidence) {
        add("personal", data.confidence, &|| format!("personal data ({}) stands at `{}`", data.kind, data.at));
    }
    let people: u32 = personal_data.iter().map(|data| data.count).fold(0, u32::saturating_add);
    if people >= BULK {
        let confidence = personal_data.iter().map(|data| data.confidence).max().unwrap_or_default();
        add("personal_bulk", confidence, &|| format!("{people} pieces of personal data"));
    }
}

pub(super) fn intelligence(facts: &Facts, score: &mut Score<'_>) {
    let hit = facts.signals.content.intelligence.iter().max_by_key(|hit| hit.confidence);
    let named = |host: &&DestinationSignal| host.listed.is_some();
    let listed = facts.signals.destinations.iter().filter(named).max_by_key(|host| host.listed_confidence);
    // One contribution: what stands in the arguments is mostly where the action goes.
    match (hit, listed) {
        (Some(hit), listed) if listed.is_none_or(|host| host.listed_confidence <= hit.confidence) => {
            let why = || format!("the feed `{}` names the {} at `{}`", hit.feed, hit.kind, hit.at);
            score.add_part(Signal::Intelligence, "here", 100, hit.confidence, why);
        }
        (_, Some(host)) => {
            let feed = host.listed.as_deref().unwrap_or_default();
            let why = || format!("the feed `{feed}` names `{}`, where it goes", host.host);
            score.add_part(Signal::Intelligence, "here", 100, host.listed_confidence, why);
        }
        _ => {}
    }
    if let Some(feed) = facts.signals.seen.intelligence.first() {
        score.add(Signal::Intelligence, "seen", || format!("a result held something that the feed `{feed}` names"));
    }
}

pub(super) fn approvals(facts: &Facts, score: &mut Score<'_>) {
    let history = &facts.signals.approvals;
    for _ in 0..history.refused_same.min(3) {
        score.add(Signal::Approvals, "refused_same", || "a person refused this tool today".into());
    }
    for _ in 0..history.refused.min(5) {
        score.add(Signal::Approvals, "refused", || format!("people refused {} of its questions", history.refused));
    }
    if history.flooding {
        score.add(Signal::Approvals, "flooding", || "it asks faster than people can answer".into());
    }
}

pub(super) fn confidence(facts: &Facts, score: &mut Score<'_>) {
    let signal = Signal::Confidence;
    let has = |certainty: Certainty| facts.action.effects.iter().any(|effect| effect.certainty == certainty);
    if has(Certainty::Unprovable) {
        score.add(signal, "unprovable", || "part of it is known only when it runs".into());
    }
    if has(Certainty::Unknown) {
        score.add(signal, "unknown_effect", || "nothing says what it does".into());
    }
    let (here, seen) = (&facts.signals.content, &facts.signals.seen);
    if here.truncated {
        score.add(signal, "truncated", || "not all of the arguments was scanned".into());
    }
    if seen.unscanned > 0 {
        score.add(signal, "unscanned", || format!("{} results are still being scanned", seen.unscanned));
    }
    if seen.truncated {
        score.add(signal, "seen_truncated", || "not all of the results was scanned".into());
    }
    if facts.history.truncated {
        score.add(signal, "forgotten", || "something that the session saw was forgotten".into());
    }
    if facts.provenance.values().any(|value| value.address && value.coverage < 100) {
        score.add(signal, "uncovered_value", || "part of a destination comes from nowhere known".into());
    }
}
