//! Sequences through the whole pipeline: what was permitted counts, what was refused does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "each test file uses its part")]
mod world;

use holdshort_decide::{SessionView, Snapshot, decide, listed};
use holdshort_history::{Decided, Settled, State};
use holdshort_model::{ActionKind, Decision, Effect, Mode, OutcomeStatus, RecordId, Request, SequenceFacts};
use holdshort_policy::SourceFile;
use serde_json::json;
use world::{World, grant, request};

const MINUTE: i64 = 60_000_000_000;
const START: i64 = 1_770_000_000_000_000_000;
const BURST: &str = include_str!("../../../../policies/burst_of_deletes.rego");
const STOLEN: &str = include_str!("../../../../policies/outside_after_credentials.rego");
const DESTINATIONS: &str = include_str!("../../../../policies/destinations.rego");
const FOUR_EYES: &str = r#"# METADATA
# title: Money moves after the account was looked up
# custom:
#   sequences:
#     looked_up:
#       operator: since
#       window: 1h
#       where: {tool: read_account}
#       until: {tool: write_account}
#       same: /path
#       outcome: done
package holdshort.rules.pay

deny contains "look the account up first" if {
	input.action.name == "pay"
	not input.history.sequences["pay/looked_up"].holds
}

examples := [
	{"name": "nothing was looked up", "input": {"action": {"name": "pay"}}, "expect": ["deny"]},
	{
		"name": "the account was looked up",
		"input": {"action": {"name": "pay"}, "history": {"sequences": {"pay/looked_up": {"holds": true}}}},
		"expect": [],
	},
]
"#;

const AFTER_WEB: &str = r#"# METADATA
# title: Nothing is run for a minute after foreign text was read
# custom:
#   sequences:
#     foreign:
#       operator: formerly_within
#       window: 1m
#       where: {label: {integrity: untrusted}}
package holdshort.rules.web

ask contains "foreign text was just read" if {
	input.action.name == "run_script"
	input.history.sequences["web/foreign"].holds
}

examples := [
	{
		"name": "foreign text was read",
		"input": {"action": {"name": "run_script"}, "history": {"sequences": {"web/foreign": {"holds": true}}}},
		"expect": ["ask"],
	},
	{"name": "nothing was read", "input": {"action": {"name": "run_script"}}, "expect": []},
]
"#;

struct Session {
    snapshot: Snapshot,
    state: State,
    now_ns: i64,
    number: u64,
    last: SequenceFacts,
    name: &'static str,
}

impl Session {
    fn new(name: &'static str, sources: &[(&str, &str)]) -> Self {
        let files: Vec<SourceFile> =
            sources.iter().map(|(path, text)| SourceFile { path: (*path).into(), text: (*text).into() }).collect();
        let everything =
            grant("all", "coding", &["read", "write", "delete", "send", "spend", "execute"], &["*"], Mode::Enforce);
        let snapshot = World::default().policies(&files).grants(&[everything]).snapshot();
        Self { snapshot, state: State::default(), now_ns: START, number: 0, last: SequenceFacts::default(), name }
    }

    fn decide(&mut self, request: &Request) -> (RecordId, Decision) {
        self.number += 1;
        let id = RecordId::from_parts(self.number, 0);
        let view = SessionView { state: Some(&self.state), ..SessionView::active("session".into()) };
        let (decision, facts) = decide(&self.snapshot, &view, request, id, self.now_ns);
        self.last = facts.history.sequences[self.name].clone();
        let decided = Decided { id, facts: &facts, enforced: decision.enforced, definition: None, now_ns: self.now_ns };
        self.state.decided(self.snapshot.rules(), &decided);
        (id, decision)
    }

    fn settle(&mut self, decision: RecordId, status: OutcomeStatus) {
        let settled =
            Settled { decision, status, parts: &["done"], claimed: false, truncated: false, now_ns: self.now_ns };
        self.state.settled(self.snapshot.rules(), &settled);
    }
}

fn tool(name: &str, args: serde_json::Value) -> Request {
    request("coder", ActionKind::ToolCall, name, args)
}

fn deletion(count: usize) -> Request {
    let paths: Vec<String> = (0..count).map(|number| format!("/w/{number}")).collect();
    tool("delete_files", json!({"paths": paths}))
}

#[test]
fn many_small_deletions_are_one_large_one() {
    let mut session = Session::new("burst_of_deletes/deleted", &[("burst.rego", BURST)]);
    let (first, decision) = session.decide(&deletion(20));
    assert_eq!(decision.effect, Effect::Allow, "{decision:?}");
    let (second, decision) = session.decide(&deletion(20));
    assert_eq!(decision.effect, Effect::Allow);
    // Both are in flight. Refused ones add nothing, however often they come.
    for _ in 0..100 {
        let (_, decision) = session.decide(&deletion(11));
        assert_eq!((decision.effect, session.last.value), (Effect::Ask, 51.0));
        assert!(decision.reasons[0].message.contains("51 things"), "{decision:?}");
        assert_eq!(session.last.witnesses, [second, first]);
    }
    assert_eq!(session.decide(&deletion(10)).1.effect, Effect::Allow, "{:?}", session.last);
    session.settle(second, OutcomeStatus::ToolError);
    let (_, decision) = session.decide(&deletion(20));
    assert_eq!((decision.effect, session.last.value), (Effect::Allow, 50.0), "what failed is given back");
    session.now_ns += 10 * MINUTE;
    assert_eq!(session.decide(&deletion(1)).1.effect, Effect::Ask, "exactly ten minutes are within");
    session.now_ns += 1;
    assert_eq!(session.decide(&deletion(20)).1.effect, Effect::Allow);
}

#[test]
fn a_key_that_was_read_is_asked_about_when_something_goes_outside() {
    let files = [("stolen.rego", STOLEN), ("destinations.rego", DESTINATIONS)];
    let mut session = Session::new("outside_after_credentials/read", &files);
    let send = tool("send_message", json!({"url": "https://paste.example/x", "text": "a"}));
    assert_eq!(session.decide(&send).1.effect, Effect::Allow);
    session.decide(&tool("read_file", json!({"path": "/w/notes.txt"})));
    assert_eq!(session.decide(&send).1.effect, Effect::Allow);
    let (read, decision) = session.decide(&tool("read_file", json!({"path": "/home/dev/.ssh/id_ed25519"})));
    assert_eq!(decision.effect, Effect::Allow);
    assert_eq!(session.decide(&send).1.effect, Effect::Ask);
    assert_eq!(session.last.witnesses, [read]);
    session.settle(read, OutcomeStatus::Ok);
    session.now_ns += 30 * MINUTE;
    assert_eq!(session.decide(&send).1.effect, Effect::Ask);
    session.now_ns += 1;
    assert_eq!(session.decide(&send).1.effect, Effect::Allow);
}

#[test]
fn what_has_to_have_happened_must_have_come_back() {
    let mut session = Session::new("pay/looked_up", &[("pay.rego", FOUR_EYES)]);
    let pay = |path: &str| tool("pay", json!({"path": path}));
    let look = |path: &str| tool("read_account", json!({"path": path}));
    assert_eq!(session.decide(&pay("/w/a")).1.effect, Effect::Deny);
    let (looked, _) = session.decide(&look("/w/a"));
    assert_eq!(session.decide(&pay("/w/a")).1.effect, Effect::Deny, "it is in flight");
    session.settle(looked, OutcomeStatus::Ok);
    assert_eq!(session.decide(&pay("/w/b")).1.effect, Effect::Deny, "another account");
    assert_eq!(session.decide(&pay("/w/a")).1.effect, Effect::Allow);
    session.decide(&tool("write_account", json!({"path": "/w/a"})));
    assert_eq!(session.decide(&pay("/w/a")).1.effect, Effect::Deny, "it was changed since");
    // The tool is listed all the same: it can be called after a look.
    let view = SessionView { state: Some(&session.state), ..SessionView::active("session".into()) };
    let subject = pay("/w/a").subject;
    assert!(listed(&session.snapshot, &view, &subject, "fs", "pay", session.now_ns));
}

#[test]
fn what_was_read_is_an_event() {
    let mut session = Session::new("web/foreign", &[("web.rego", AFTER_WEB)]);
    let run = tool("run_script", json!({"script": "x"}));
    let (before, decision) = session.decide(&run);
    assert_eq!(decision.effect, Effect::Allow);
    session.settle(before, OutcomeStatus::Error);
    let (read, _) = session.decide(&tool("read_file", json!({"path": "/w/a"})));
    session.settle(read, OutcomeStatus::Ok);
    assert_eq!(session.decide(&run).1.effect, Effect::Ask);
    assert_eq!(session.last.witnesses[0], read);
    session.now_ns += MINUTE + 1;
    assert_eq!(session.decide(&run).1.effect, Effect::Allow, "{:?}", session.last);
}
