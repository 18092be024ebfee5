//! `input.signals` and `input.risk`.
//!
//! Most actions have no signs at all. What such an action gets is made once and then only counted.

use super::{Keys, Sections, insert_text, insert_texts, whole};
use holdshort_model::{
    Anomaly, ApprovalHistory, Content, DestinationSignal, Facts, Indicator, Injection, Level, Mark, PersonalData, Risk,
    RiskPart, RuleMatch, SecretSignal, SeenContent, Signals,
};
use regorus::Value;
use regorus::value::Object;

/// The documents of facts without signs.
pub(super) struct Quiet {
    signals: Value,
    injection: Value,
    seen: Value,
    anomaly: Value,
    approvals: Value,
    risk: Value,
}

impl Quiet {
    pub(super) fn new(k: &Keys) -> Self {
        let mut quiet = Self {
            signals: Value::Null,
            injection: injection(k, &Injection::default()),
            seen: seen(k, &SeenContent::default()),
            anomaly: anomaly(k, &Anomaly::default()),
            approvals: approvals(k, &ApprovalHistory::default()),
            risk: risk(k, &Risk::default()),
        };
        quiet.signals = signals(k, &quiet, &Signals::default());
        quiet
    }
}

pub(super) fn insert(k: &Keys, quiet: &Quiet, input: &mut Object, facts: &Facts, read: Sections) {
    if read.have("signals") {
        let found = or(&facts.signals, &quiet.signals, |found| signals(k, quiet, found));
        input.insert(k.signals.clone(), found);
    }
    if read.have("risk") {
        input.insert(k.risk.clone(), or(&facts.risk, &quiet.risk, |weighed| risk(k, weighed)));
    }
}

// What was made before, for what says nothing.
fn or<T: Default + PartialEq>(value: &T, quiet: &Value, make: impl Fn(&T) -> Value) -> Value {
    match *value == T::default() {
        true => quiet.clone(),
        false => make(value),
    }
}

fn signals(k: &Keys, quiet: &Quiet, signals: &Signals) -> Value {
    let mut object = Object::new();
    let Content { injection: text, secrets, personal_data, intelligence, rules, truncated } = &signals.content;
    object.insert(k.injection.clone(), or(text, &quiet.injection, |text| injection(k, text)));
    insert_list(&mut object, &k.secrets, secrets, |one| secret(k, one));
    insert_list(&mut object, &k.personal_data, personal_data, |one| personal(k, one));
    insert_list(&mut object, &k.intelligence, intelligence, |one| indicator(k, one));
    insert_list(&mut object, &k.rules, rules, |one| rule(k, one));
    insert_flag(&mut object, &k.truncated, *truncated);
    object.insert(k.seen.clone(), or(&signals.seen, &quiet.seen, |content| seen(k, content)));
    insert_list(&mut object, &k.destinations, &signals.destinations, |one| destination(k, one));
    object.insert(k.anomaly.clone(), or(&signals.anomaly, &quiet.anomaly, |one| anomaly(k, one)));
    object.insert(k.approvals.clone(), or(&signals.approvals, &quiet.approvals, |one| approvals(k, one)));
    whole(object)
}

fn injection(k: &Keys, injection: &Injection) -> Value {
    let mut object = Object::new();
    object.insert(k.percent.clone(), number(injection.percent));
    insert_list(&mut object, &k.marks, &injection.marks, |one| mark(k, one));
    whole(object)
}

fn mark(k: &Keys, mark: &Mark) -> Value {
    whole(found(k, &k.kind, &mark.kind, &mark.at))
}

fn secret(k: &Keys, secret: &SecretSignal) -> Value {
    let mut object = found(k, &k.rule, &secret.rule, &secret.at);
    insert_text(&mut object, &k.fingerprint, Some(&secret.fingerprint));
    insert_flag(&mut object, &k.own, secret.own);
    object.insert(k.confidence.clone(), number(secret.confidence));
    insert_text(&mut object, &k.decoded, secret.decoded.as_deref());
    whole(object)
}

fn personal(k: &Keys, data: &PersonalData) -> Value {
    let mut object = found(k, &k.kind, &data.kind, &data.at);
    object.insert(k.count.clone(), Value::from(u64::from(data.count)));
    object.insert(k.confidence.clone(), number(data.confidence));
    whole(object)
}

fn indicator(k: &Keys, indicator: &Indicator) -> Value {
    let mut object = found(k, &k.feed, &indicator.feed, &indicator.at);
    insert_text(&mut object, &k.kind, Some(&indicator.kind));
    object.insert(k.confidence.clone(), number(indicator.confidence));
    whole(object)
}

fn rule(k: &Keys, rule: &RuleMatch) -> Value {
    let mut object = found(k, &k.rule, &rule.rule, &rule.at);
    object.insert(k.severity.clone(), Value::from(level(rule.severity)));
    object.insert(k.counts.clone(), Value::Bool(rule.counts));
    whole(object)
}

// What it is, and where it stands.
fn found(k: &Keys, key: &Value, what: &str, at: &str) -> Object {
    let mut object = Object::new();
    object.insert(key.clone(), Value::from(what));
    object.insert(k.at.clone(), Value::from(at));
    object
}

fn seen(k: &Keys, seen: &SeenContent) -> Value {
    let mut object = Object::new();
    object.insert(k.injection.clone(), number(seen.injection));
    insert_texts(&mut object, &k.marks, &seen.marks);
    insert_texts(&mut object, &k.secrets, &seen.secrets);
    insert_flag(&mut object, &k.own_secret, seen.own_secret);
    insert_texts(&mut object, &k.personal_data, &seen.personal_data);
    insert_texts(&mut object, &k.intelligence, &seen.intelligence);
    insert_texts(&mut object, &k.rules, &seen.rules);
    object.insert(k.unscanned.clone(), Value::from(u64::from(seen.unscanned)));
    insert_flag(&mut object, &k.truncated, seen.truncated);
    whole(object)
}

fn destination(k: &Keys, destination: &DestinationSignal) -> Value {
    let mut object = Object::new();
    insert_text(&mut object, &k.host, Some(&destination.host));
    insert_text(&mut object, &k.domain, destination.domain.as_deref());
    object.insert(k.known.clone(), Value::Bool(destination.known));
    insert_text(&mut object, &k.looks_like, destination.looks_like.as_deref());
    insert_text(&mut object, &k.special, destination.special.as_deref());
    insert_texts(&mut object, &k.odd, &destination.odd);
    insert_text(&mut object, &k.listed, destination.listed.as_deref());
    if destination.listed_confidence > 0 {
        object.insert(k.listed_confidence.clone(), number(destination.listed_confidence));
    }
    whole(object)
}

fn anomaly(k: &Keys, anomaly: &Anomaly) -> Value {
    let mut object = Object::new();
    object.insert(k.cold.clone(), Value::Bool(anomaly.cold));
    object.insert(k.events.clone(), Value::from(anomaly.events));
    object.insert(k.novelty.clone(), number(anomaly.novelty));
    object.insert(k.surprise.clone(), number(anomaly.surprise));
    object.insert(k.volume.clone(), number(anomaly.volume));
    insert_texts(&mut object, &k.why, &anomaly.why);
    whole(object)
}

fn approvals(k: &Keys, approvals: &ApprovalHistory) -> Value {
    let mut object = Object::new();
    let ApprovalHistory { pending, approved, refused, expired, refused_same, flooding } = approvals;
    let counts = [
        (&k.pending, pending),
        (&k.approved, approved),
        (&k.refused, refused),
        (&k.expired, expired),
        (&k.refused_same, refused_same),
    ];
    for (key, count) in counts {
        object.insert(key.clone(), Value::from(u64::from(*count)));
    }
    insert_flag(&mut object, &k.flooding, *flooding);
    whole(object)
}

fn risk(k: &Keys, risk: &Risk) -> Value {
    let mut object = Object::new();
    object.insert(k.score.clone(), number(risk.score));
    object.insert(k.level.clone(), Value::from(level(risk.level)));
    let parts: Vec<Value> = risk.parts.iter().map(|one| part(k, one)).collect();
    object.insert(k.parts.clone(), Value::from(parts));
    whole(object)
}

fn part(k: &Keys, part: &RiskPart) -> Value {
    let mut object = Object::new();
    insert_text(&mut object, &k.signal, Some(&part.signal));
    object.insert(k.points.clone(), number(part.points));
    object.insert(k.confidence.clone(), number(part.confidence));
    insert_text(&mut object, &k.why, Some(&part.why));
    whole(object)
}

fn number(value: u8) -> Value {
    Value::from(u64::from(value))
}

fn insert_flag(object: &mut Object, key: &Value, flag: bool) {
    if flag {
        object.insert(key.clone(), Value::Bool(true));
    }
}

fn insert_list<T>(object: &mut Object, key: &Value, items: &[T], make: impl Fn(&T) -> Value) {
    if !items.is_empty() {
        object.insert(key.clone(), Value::from(items.iter().map(make).collect::<Vec<Value>>()));
    }
}

/// Text form of a level, as serde writes it.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InputBuilder;
    use crate::input::tests::full;

    #[test]
    fn levels_are_serdes() {
        for value in [Level::Low, Level::Medium, Level::High, Level::Critical] {
            assert_eq!(serde_json::to_value(value).unwrap(), level(value));
        }
    }

    #[test]
    fn one_sign_leaves_the_others_quiet() {
        let mut facts = full();
        facts.signals = Signals::default();
        facts.signals.approvals.flooding = true;
        facts.signals.content.truncated = true;
        let built = InputBuilder::new().build(&facts, Sections::ALL).to_json_str().unwrap();
        let built: serde_json::Value = serde_json::from_str(&built).unwrap();
        assert_eq!(built, serde_json::to_value(&facts).unwrap());
    }
}
