//! Calls and what they read.

use super::super::properties::declassification;
use super::*;
use holdshort_effects::{Catalog, CatalogEntry, Classification};
use holdshort_model::Resource;
use serde_json::json;

fn rules() -> LabelRules {
    let entries = r#"[
        {"tool": "get_patients", "output": [{"pointer": "/patients/*/ssn", "labels": ["restricted", "personal"]}]},
        {"tool": "get_hours", "trust": "trusted"},
        {"tool": "add_comment", "trust": "untrusted"}
    ]"#;
    let entries: Vec<CatalogEntry> = serde_json::from_str(entries).unwrap();
    Catalog::new(&entries, &[]).unwrap();
    LabelRules::new(Classification::default(), &entries, &[], ["wiki".to_owned()])
}

fn effect(verb: Verb, labels: &[&str]) -> ActionEffect {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let resource = Resource { kind: "file".into(), labels, ..Resource::default() };
    ActionEffect { verb, resource, reversible: None, count: Some(1), certainty: Certainty::Derived }
}

fn call(server: &str, tool: &str, effects: Vec<ActionEffect>) -> Facts {
    let facts = json!({
        "subject": {"agent": {"id": "a", "class": "c"}, "session": "s", "authenticated_by": "token", "standing": "active"},
        "action": {"kind": "tool.call", "server": server, "name": tool, "effects": [], "args": {}},
        "context": {"time": 1, "enforcement_point": "test"},
    });
    let mut facts: Facts = serde_json::from_value(facts).unwrap();
    facts.action.effects = effects;
    facts
}

fn id(n: u64) -> RecordId {
    RecordId::from_parts(n, 0)
}

fn came_back(
    session: &mut Labelling,
    rules: &LabelRules,
    n: u64,
    status: OutcomeStatus,
    parts: &[&str],
    whole: bool,
    claimed: bool,
) {
    session.came_back(rules, &Settled { decision: id(n), status, parts, truncated: !whole, claimed, now_ns: 20 });
}

// One call, and what comes back of it.
fn after(facts: &Facts, status: OutcomeStatus, parts: &[&str], whole: bool) -> Labels {
    let (rules, mut session) = (rules(), Labelling::default());
    session.permitted(&rules, id(1), facts, "call#1", 10);
    came_back(&mut session, &rules, 1, status, parts, whole, false);
    assert_eq!(session.in_flight.len(), 0);
    session.labels(&rules)
}

#[test]
fn what_comes_back_is_read() {
    use OutcomeStatus::{Cancelled, Ok, Timeout, ToolError};
    let read = || vec![effect(Verb::Read, &["confidential"])];
    let write = || vec![effect(Verb::Write, &["restricted"])];
    let both = || vec![effect(Verb::Read, &["internal"]), effect(Verb::Write, &["restricted"])];
    let long = "x".repeat(CONFIRMATION_BYTES_MAX + 1);
    let ssn = r#"{"patients":[{"ssn":"1"}]}"#;
    let none = r#"{"patients":[]}"#;
    for (what, server, tool, effects, status, parts, whole, confidentiality, untrusted) in [
        ("a classified file", "fs", "read_file", read(), Ok, vec!["text"], true, "confidential", true),
        ("an empty file", "fs", "read_file", read(), Ok, vec![""], true, "confidential", false),
        ("something that was left out", "fs", "read_file", read(), Ok, vec![], false, "confidential", true),
        ("an error that tells something", "fs", "read_file", read(), ToolError, vec!["no"], true, "confidential", true),
        ("no answer", "fs", "read_file", read(), Timeout, vec![], true, "", false),
        ("a part of an answer", "fs", "read_file", read(), Cancelled, vec!["te"], true, "confidential", true),
        ("a confirmation", "fs", "write_file", write(), Ok, vec!["done"], true, "", false),
        ("a confirmation that is none", "fs", "write_file", write(), Ok, vec![&long], true, "restricted", true),
        (
            "a confirmation of outsiders' words",
            "fs",
            "add_comment",
            write(),
            Ok,
            vec!["done"],
            true,
            "restricted",
            true,
        ),
        ("from here to there", "fs", "copy", both(), Ok, vec![&long], true, "internal", true),
        ("a trusted server", "wiki", "read", read(), Ok, vec!["text"], true, "confidential", false),
        ("a trusted tool", "clinic", "get_hours", read(), Ok, vec!["9 to 5"], true, "confidential", false),
        ("a field of the output", "clinic", "get_patients", vec![], Ok, vec![ssn], true, "restricted", true),
        ("no such field", "clinic", "get_patients", vec![], Ok, vec![none], true, "", true),
    ] {
        let labels = after(&call(server, tool, effects), status, &parts, whole);
        assert_eq!(labels.confidentiality, confidentiality, "{what}");
        assert_eq!(labels.integrity == Integrity::Untrusted, untrusted, "{what}");
        assert_eq!(labels.since.is_some(), untrusted, "{what}");
    }
}

#[test]
fn effects_that_nobody_can_vouch_for_read() {
    let mut doubtful = effect(Verb::Write, &["confidential"]);
    doubtful.certainty = Certainty::Unknown;
    let labels = after(&call("fs", "frobnicate", vec![doubtful]), OutcomeStatus::Ok, &["ok"], true);
    assert_eq!((labels.confidentiality.as_str(), labels.integrity), ("confidential", Integrity::Untrusted));
}

#[test]
fn what_is_under_way_counts_until_it_came_back_with_nothing() {
    let (rules, mut session) = (rules(), Labelling::default());
    session.permitted(
        &rules,
        id(1),
        &call("clinic", "get_patients", vec![effect(Verb::Read, &[])]),
        "get_patients#1",
        10,
    );
    let labels = session.labels(&rules);
    assert_eq!(
        (labels.confidentiality.as_str(), labels.categories.as_slice()),
        ("restricted", ["personal".into()].as_slice())
    );
    assert_eq!((labels.sources.as_slice(), labels.since), (["get_patients#1".to_owned()].as_slice(), Some(10)));
    came_back(&mut session, &rules, 1, OutcomeStatus::Timeout, &[], true, false);
    assert_eq!(session.labels(&rules), Labels::default());
    // What nobody permitted changes nothing.
    came_back(&mut session, &rules, 7, OutcomeStatus::Ok, &["text"], true, false);
    assert_eq!(session.labels(&rules), Labels::default());
}

#[test]
fn reads_of_which_nothing_is_heard_stay_bounded_and_count() {
    let (rules, mut session) = (rules(), Labelling::default());
    session.permitted(
        &rules,
        id(0),
        &call("fs", "read_file", vec![effect(Verb::Read, &["restricted"])]),
        "read_file#0",
        1,
    );
    for n in 1..10_000u64 {
        session.permitted(&rules, id(n), &call("fs", "read_file", vec![effect(Verb::Read, &[])]), "read_file#n", 2);
    }
    assert_eq!(session.in_flight.len(), READS_IN_FLIGHT_MAX);
    assert!(session.bytes() < 32_768, "{}", session.bytes());
    assert_eq!(session.labels(&rules).confidentiality, "restricted");
    assert!(session.state().carries("restricted"));
}

#[test]
fn an_agents_word_takes_nothing_away() {
    use OutcomeStatus::{Cancelled, Ok};
    let rules = rules();
    let read = || vec![effect(Verb::Read, &["internal"])];
    for (server, tool, effects, status, part, confidentiality, untrusted) in [
        ("clinic", "get_patients", read(), Ok, r#"{"patients":[]}"#, "restricted", true),
        ("clinic", "get_patients", read(), Cancelled, "", "restricted", true),
        ("wiki", "read", read(), Ok, "text", "internal", true),
        ("fs", "write_file", vec![effect(Verb::Write, &["restricted"])], Ok, "done", "", false),
    ] {
        let mut session = Labelling::default();
        session.permitted(&rules, id(1), &call(server, tool, effects), "call#1", 10);
        came_back(&mut session, &rules, 1, status, &[part], true, true);
        let labels = session.labels(&rules);
        assert_eq!(labels.confidentiality, confidentiality, "{tool}");
        assert_eq!(labels.integrity == Integrity::Untrusted, untrusted, "{tool}");
    }
}

#[test]
fn a_long_name_is_not_kept_and_counts() {
    let entries: Vec<CatalogEntry> =
        serde_json::from_str(r#"[{"tool": "get_*", "output": [{"pointer": "/ssn", "labels": ["restricted"]}]}]"#)
            .unwrap();
    let rules = LabelRules::new(Classification::default(), &entries, &[], []);
    let mut session = Labelling::default();
    let name = format!("get_{}", "x".repeat(10_000));
    session.permitted(&rules, id(1), &call("s", &name, vec![effect(Verb::Read, &[])]), &format!("{name}#1"), 1);
    assert!(session.bytes() < 1_024, "{}", session.bytes());
    came_back(&mut session, &rules, 1, OutcomeStatus::Ok, &["{}"], true, false);
    assert_eq!(session.labels(&rules).confidentiality, "restricted");
}

#[test]
fn a_declassification_lowers_and_the_next_read_raises() {
    let (rules, mut session) = (rules(), Labelling::default());
    let read = call("fs", "read_file", vec![effect(Verb::Read, &["restricted"])]);
    assert_eq!(session.lowering(&rules, "restricted", 1), None);
    for n in 1..3 {
        session.permitted(&rules, id(n), &read, "read_file", 10);
        assert_eq!(session.lowering(&rules, "restricted", 10), None, "it is under way: there is nothing to look at");
        came_back(&mut session, &rules, n, OutcomeStatus::Ok, &["text"], true, false);
        assert_eq!(session.labels(&rules).confidentiality, "restricted");
        for what in ["restricted", "integrity"] {
            let before = session.labels(&rules);
            let lowering = session.lowering(&rules, what, 10).unwrap();
            assert_eq!((&lowering.before, &session.labels(&rules)), (&before, &before), "asking lowers nothing");
            let record = DeclassificationRecord { what: what.into(), at_ns: lowering.at_ns, ..declassification() };
            session.declassified(&record);
            assert_eq!(lowering.after, session.labels(&rules));
        }
        assert_eq!(session.labels(&rules), Labels::default());
    }
}

#[test]
fn what_is_read_while_the_record_is_written_stays() {
    let (rules, mut session) = (rules(), Labelling::default());
    let read = call("fs", "read_file", vec![effect(Verb::Read, &["restricted"])]);
    session.permitted(&rules, id(1), &read, "read_file#1", 50);
    came_back(&mut session, &rules, 1, OutcomeStatus::Ok, &["text"], true, false);
    let at_ns = session.lowering(&rules, "restricted", 50).unwrap().at_ns;
    // The clock is set back meanwhile.
    session.permitted(&rules, id(2), &read, "read_file#2", 5);
    came_back(&mut session, &rules, 2, OutcomeStatus::Ok, &["text"], true, false);
    session.declassified(&DeclassificationRecord { what: "restricted".into(), at_ns, ..declassification() });
    assert_eq!(session.labels(&rules).confidentiality, "restricted");
}
