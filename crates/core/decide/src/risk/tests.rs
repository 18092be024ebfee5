use super::*;
use holdshort_model::{
    Anomaly, Authentication, Certainty, DestinationSignal, Indicator, Integrity, Level, Mark, Owner, PersonalData, Pin,
    RuleMatch, SecretSignal, Standing, ToolFacts,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// An agent with an owner does what its person asked for.
fn asked(effects: Value) -> Facts {
    serde_json::from_value(json!({
        "subject": {
            "agent": {"id": "a", "class": "office", "owner": {"id": "ann", "active": true}},
            "session": "s", "authenticated_by": "token", "standing": "active",
        },
        "action": {"kind": "tool.call", "server": "mail", "name": "t", "effects": effects, "args": {}},
        "context": {"time": 0, "enforcement_point": "mcp-http"},
        "request": {"known": true, "asks": "call"},
    }))
    .unwrap()
}

fn effect(verb: &str) -> Value {
    json!([{"verb": verb, "resource": {"kind": "mail"}, "count": 1, "certainty": "declared"}])
}

fn risk(facts: &Facts) -> Risk {
    assess(RiskWeights::builtin(), facts, None)
}

type Sign = (&'static str, fn(&mut Facts));

fn secret(own: bool) -> SecretSignal {
    SecretSignal { rule: "r".into(), at: "/body".into(), fingerprint: "f".into(), own, confidence: 100, decoded: None }
}

fn host(facts: &mut Facts, change: fn(&mut DestinationSignal)) {
    let mut host = DestinationSignal { host: "evil.example".into(), known: true, ..Default::default() };
    change(&mut host);
    facts.signals.destinations.push(host);
}

/// Bad signs, each as a change of what is known.
const SIGNS: [Sign; 31] = [
    ("unregistered", |facts| facts.subject.agent.class = "unknown".into()),
    ("unauthenticated", |facts| facts.subject.authenticated_by = Authentication::None),
    ("owner inactive", |facts| facts.subject.agent.owner = Some(Owner { id: "x".into(), active: false })),
    ("delegated", |facts| facts.subject.delegation.push("parent".into())),
    ("narrowed", |facts| facts.subject.standing = Standing::Narrowed),
    ("unasked", |facts| facts.request.asks = holdshort_model::Asks::No),
    ("steered", |facts| facts.request.steered_by.push("page#1".into())),
    ("untrusted session", |facts| facts.labels.integrity = Integrity::Untrusted),
    ("injection seen", |facts| facts.signals.seen.injection = facts.signals.seen.injection.max(95)),
    ("injection here", |facts| facts.signals.content.injection.percent = 80),
    ("marks seen", |facts| facts.signals.seen.marks.push("hidden-text".into())),
    ("marks here", |facts| {
        facts.signals.content.injection.marks.push(Mark { kind: "bidi".into(), at: "/a".into() });
    }),
    ("rule here", |facts| {
        let rule = RuleMatch { rule: "r".into(), at: "/a".into(), severity: Level::High, counts: true };
        facts.signals.content.rules.push(rule);
    }),
    ("changed tool", |facts| {
        let (server, name) = ("mail".into(), "t".into());
        facts.tool = Some(ToolFacts {
            server,
            name,
            pin: Pin::Changed,
            annotations: Value::Null,
            definition: None,
            could: None,
        });
    }),
    ("unprovable", |facts| facts.action.effects.iter_mut().for_each(|e| e.certainty = Certainty::Unprovable)),
    ("unknown host", |facts| host(facts, |host| host.known = false)),
    ("look-alike", |facts| host(facts, |host| host.looks_like = Some("good.example".into()))),
    ("special address", |facts| host(facts, |host| host.special = Some("metadata".into()))),
    ("odd", |facts| host(facts, |host| host.odd.push("userinfo".into()))),
    ("novel", |facts| {
        facts.signals.anomaly = Anomaly { cold: false, events: 900, novelty: 100, surprise: 90, ..Default::default() };
    }),
    ("classified", |facts| facts.labels.confidentiality = "confidential".into()),
    ("secret", |facts| facts.signals.content.secrets.push(secret(false))),
    ("own secret", |facts| facts.signals.content.secrets.push(secret(true))),
    ("secret seen", |facts| facts.signals.seen.secrets.push("r".into())),
    ("personal", |facts| {
        let data = PersonalData { kind: "iban".into(), at: "/a".into(), count: 20, confidence: 90 };
        facts.signals.content.personal_data.push(data);
    }),
    ("intelligence", |facts| {
        let hit = Indicator { feed: "f".into(), kind: "domain".into(), at: "/url".into(), confidence: 90 };
        facts.signals.content.intelligence.push(hit);
    }),
    ("listed host", |facts| {
        host(facts, |host| (host.listed, host.listed_confidence) = (Some("f".into()), 80));
    }),
    ("refused before", |facts| facts.signals.approvals.refused_same += 1),
    ("flooding", |facts| facts.signals.approvals.flooding = true),
    ("truncated", |facts| facts.signals.content.truncated = true),
    ("forgotten", |facts| facts.history.truncated = true),
];

#[test]
fn every_sign_weighs_something_and_gives_its_reason() {
    for (name, change) in SIGNS {
        let mut facts = asked(effect("send"));
        let before = risk(&facts);
        change(&mut facts);
        if name == "untrusted session" {
            continue; // It weighs only together with a value of an untrusted source.
        }
        let after = risk(&facts);
        assert!(after.score > before.score, "{name}: {before:?} {after:?}");
        assert!(after.parts.iter().all(|part| !part.why.is_empty()));
    }
    let covered = asked(effect("send"));
    for mode in [Mode::Enforce, Mode::Observe] {
        assert!(assess(RiskWeights::builtin(), &covered, Some(mode)).score > risk(&covered).score);
    }
}

#[test]
fn a_sign_alone_is_never_critical() {
    for (name, change) in SIGNS {
        let mut facts = asked(effect("read"));
        change(&mut facts);
        assert!(risk(&facts).level < Level::Critical, "{name}");
    }
}

// The worked examples of docs/reference/risk.md.
#[test]
fn one_example_for_each_level() {
    let read = asked(effect("read"));
    assert_eq!((risk(&read).score, risk(&read).level), (0, Level::Low));

    let mut medium = asked(effect("send"));
    medium.signals.destinations.push(DestinationSignal { host: "new.example".into(), ..Default::default() });
    medium.request.asks = holdshort_model::Asks::No;
    medium.signals.seen.injection = 90;
    let medium = risk(&medium);
    assert_eq!((medium.score, medium.level), (45, Level::Medium), "{medium:?}");

    let mut high = asked(effect("send"));
    high.signals.destinations.push(DestinationSignal { host: "new.example".into(), ..Default::default() });
    high.request.asks = holdshort_model::Asks::No;
    high.request.steered_by.push("get_page#2".into());
    (high.labels.confidentiality, high.labels.categories) = ("confidential".into(), vec!["personal".into()]);
    let high = risk(&high);
    assert_eq!((high.score, high.level), (77, Level::High), "{high:?}");

    let mut critical = asked(effect("send"));
    critical.request.asks = holdshort_model::Asks::No;
    critical.request.steered_by.push("get_page#2".into());
    critical.signals.content.secrets.push(secret(true));
    let critical = risk(&critical);
    assert_eq!((critical.score, critical.level), (87, Level::Critical), "{critical:?}");
}

#[test]
fn what_can_do_little_weighs_little() {
    let mut facts = asked(effect("read"));
    facts.request.steered_by.push("page#1".into());
    assert!(risk(&facts).level < Level::Medium, "a page that says `read` is followed by reading");
    facts.action.effects = serde_json::from_value(effect("send")).unwrap();
    assert!(risk(&facts).level > Level::Low);
}

proptest! {
    #[test]
    fn adding_a_bad_sign_never_lowers_the_score(
        verb in prop::sample::select(vec!["read", "write", "send", "delete", "spend"]),
        signs in prop::collection::vec(0..SIGNS.len(), 0..10),
        more in 0..SIGNS.len(),
        lacking in any::<bool>(),
    ) {
        let mut facts = asked(effect(verb));
        for sign in signs {
            SIGNS[sign].1(&mut facts);
        }
        let lacking = lacking.then_some(Mode::Enforce);
        let before = assess(RiskWeights::builtin(), &facts, lacking);
        SIGNS[more].1(&mut facts);
        let after = assess(RiskWeights::builtin(), &facts, lacking);
        prop_assert!(after.score >= before.score && after.level >= before.level, "{} {:?} {:?}", SIGNS[more].0, before, after);
    }

    #[test]
    fn a_worse_effect_never_lowers_the_score(
        first in prop::sample::select(vec!["read", "write", "send"]),
        other in prop::sample::select(vec!["read", "write", "send", "delete", "grant"]),
        signs in prop::collection::vec(0..SIGNS.len(), 0..8),
    ) {
        let mut facts = asked(effect(first));
        for sign in signs {
            SIGNS[sign].1(&mut facts);
        }
        let before = risk(&facts);
        facts.action.effects.extend(serde_json::from_value::<Vec<_>>(effect(other)).unwrap());
        prop_assert!(risk(&facts).score >= before.score);
    }
}
