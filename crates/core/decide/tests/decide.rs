//! Decisions: a table of cases, and what holds for all of them.

mod world;

use holdshort_decide::{SessionView, Snapshot, UnknownAgent, decide, listed};
use holdshort_inventory::{FirstUse, Pins};
use holdshort_model::{
    ActionKind, Containment, Decision, Effect, Mode, Obligation, RecordId, Request, Standing, ToolDefinition,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use world::{World, grant, policy, request};

const NOW: i64 = 1_770_000_000_000_000_000;

fn run(snapshot: &Snapshot, session: &SessionView, request: &Request) -> Decision {
    decide(snapshot, session, request, RecordId::from_parts(1, 2), NOW).0
}

fn answer(world: &World, request: &Request) -> Decision {
    run(&world.snapshot(), &SessionView::active("session".into()), request)
}

#[test]
fn cases() {
    use Effect::{Allow, Ask, Deny};
    let read = json!({"path": "/w/a"});
    let observe =
        |name: &str| World::default().policies(&[policy(name, "deny", "tool.call")]).mode(name, Mode::Observe);
    for (what, world, agent, tool, args, effect, enforced, first_reason) in [
        ("granted", World::default(), "coder", "read_file", &read, Allow, Allow, ""),
        ("not this path", World::default(), "coder", "read_file", &json!({"path": "/w/../etc"}), Deny, Deny, "grants"),
        ("not this verb", World::default(), "coder", "delete_file", &read, Deny, Deny, "grants"),
        ("nothing known", World::default(), "coder", "frobnicate", &read, Deny, Deny, "grants"),
        ("no grant for class", World::default(), "clerk", "read_file", &read, Deny, Deny, "grants"),
        ("unknown refused", World::default(), "nobody", "read_file", &read, Deny, Deny, "fail-mode/unknown-agent"),
        (
            "unknown observed",
            World::default().unknown(UnknownAgent::Observe),
            "nobody",
            "read_file",
            &read,
            Deny,
            Allow,
            "grants",
        ),
        ("no policy", World::default().no_policies(), "coder", "read_file", &read, Deny, Deny, "fail-mode/no-policy"),
        (
            "denied",
            World::default().policies(&[policy("p", "deny", "tool.call")]),
            "coder",
            "read_file",
            &read,
            Deny,
            Deny,
            "holdshort.rules.p",
        ),
        (
            "asked",
            World::default().policies(&[policy("p", "ask", "tool.call")]),
            "coder",
            "read_file",
            &read,
            Ask,
            Ask,
            "holdshort.rules.p",
        ),
        ("observed", observe("p"), "coder", "read_file", &read, Deny, Allow, "holdshort.rules.p"),
        (
            "other kind",
            World::default().policies(&[policy("p", "deny", "prompt.get")]),
            "coder",
            "read_file",
            &read,
            Allow,
            Allow,
            "",
        ),
        (
            "noted",
            World::default().policies(&[policy("p", "observe", "tool.call")]),
            "coder",
            "read_file",
            &read,
            Allow,
            Allow,
            "holdshort.rules.p",
        ),
        (
            "grants observed",
            World::default().grants(&[grant("g", "coding", &["read"], &["host:x.com"], Mode::Observe)]),
            "coder",
            "read_file",
            &read,
            Deny,
            Allow,
            "grants",
        ),
    ] {
        let decision = answer(&world, &request(agent, ActionKind::ToolCall, tool, args.clone()));
        assert_eq!((decision.effect, decision.enforced), (effect, enforced), "{what}: {:?}", decision.reasons);
        assert_eq!(decision.mode, if enforced < effect { Mode::Observe } else { Mode::Enforce }, "{what}");
        let first = decision.reasons.first().map_or("", |reason| reason.policy.as_str());
        assert_eq!(first, first_reason, "{what}: {:?}", decision.reasons);
    }
}

#[test]
fn what_touches_nothing_needs_no_grant_but_standing() {
    let world = World::default();
    for kind in [ActionKind::Protocol, ActionKind::CatalogList] {
        let request = request("clerk", kind, "ping", Value::Null);
        assert_eq!(answer(&world, &request).effect, Effect::Allow, "{kind}");
        for standing in [Standing::Isolated, Standing::Terminated] {
            let session = SessionView { standing, ..SessionView::active("s".into()) };
            let decision = run(&world.snapshot(), &session, &request);
            assert_eq!((decision.enforced, decision.reasons[0].policy.as_str()), (Effect::Deny, "standing"));
        }
    }
    let unknown = request("coder", ActionKind::Unknown, "x/y", json!({}));
    assert_eq!(answer(&world, &unknown).enforced, Effect::Deny);
    let all = World::default().grants(&[grant("g", "coding", &["execute"], &["*"], Mode::Enforce)]);
    assert_eq!(answer(&all, &unknown).enforced, Effect::Deny, "`*` does not name it");
    let named = World::default().grants(&[grant("g", "coding", &["execute"], &["method:fs/x/y"], Mode::Enforce)]);
    assert_eq!(answer(&named, &unknown).enforced, Effect::Allow);
}

#[test]
fn what_the_enforcement_point_cannot_forward_is_refused_whatever_grants_say() {
    let world = World::default();
    let mut request = request("clerk", ActionKind::Protocol, "ping", json!({"fault": "a batch"}));
    assert_eq!(answer(&world, &request).enforced, Effect::Allow);
    request.context.fault = Some(holdshort_model::FailMode::Unparseable);
    let decision = answer(&world, &request);
    assert_eq!((decision.effect, decision.enforced), (Effect::Deny, Effect::Deny));
    assert_eq!(decision.reasons[0].policy, "fail-mode/unparseable");
    assert!(decision.reasons[0].message.contains("a batch"));
}

#[test]
fn a_grant_that_was_taken_away_is_gone() {
    let world = World::default();
    let request = request("coder", ActionKind::ToolCall, "read_file", json!({"path": "/w/a"}));
    let removed = vec!["coding-files".to_owned()];
    let session = SessionView { removed, standing: Standing::Narrowed, ..SessionView::active("s".into()) };
    assert_eq!(run(&world.snapshot(), &session, &request).enforced, Effect::Deny);
    assert!(!listed(&world.snapshot(), &session, &request.subject, "fs", "read_file", NOW));
}

#[test]
fn containment_and_obligations() {
    let all = |rule: &str| World::default().policies(&[policy("p", rule, "tool.call")]);
    let request = request("coder", ActionKind::ToolCall, "read_file", json!({"path": "/w/a", "note": "x"}));
    let isolate = answer(&all("isolate"), &request);
    assert_eq!((isolate.enforced, isolate.containment), (Effect::Deny, Containment::Isolate));
    let narrow = answer(&all("narrow"), &request);
    assert_eq!(
        (narrow.enforced, narrow.containment, narrow.removed),
        (Effect::Deny, Containment::Narrow, vec!["coding-files".into()])
    );
    let observed = answer(&all("isolate").mode("p", Mode::Observe), &request);
    assert_eq!(
        (observed.effect, observed.enforced, observed.containment),
        (Effect::Deny, Effect::Allow, Containment::None)
    );
    let redact = answer(&all("redact"), &request);
    assert_eq!(
        (redact.enforced, redact.obligations),
        (Effect::Allow, vec![Obligation::Redact { pointer: "/note".into() }])
    );
}

#[test]
fn listing_and_calling_are_one_predicate() {
    let world = World::default().policies(&[world::no_tool("secret_tool")]);
    let (snapshot, session) = (world.snapshot(), SessionView::active("s".into()));
    for (tool, expected) in [
        ("read_file", true),
        ("write_file", true),
        ("delete_file", false),
        ("get_secret_tool", true),
        ("secret_tool", false),
    ] {
        let request = request("coder", ActionKind::ToolCall, tool, json!({"path": "/w/a"}));
        for _ in 0..2 {
            assert_eq!(listed(&snapshot, &session, &request.subject, "fs", tool, NOW), expected, "{tool}");
        }
        if !expected {
            assert_eq!(run(&snapshot, &session, &request).enforced, Effect::Deny, "{tool}");
        }
    }
}

#[test]
fn a_tool_refused_as_such_is_refused_with_any_arguments() {
    // Denies only while no arguments are there: the call itself would pass.
    let world = World::default().policies(&[world::only_without_arguments()]);
    let request = request("coder", ActionKind::ToolCall, "read_file", json!({"path": "/w/a"}));
    let decision = answer(&world, &request);
    assert_eq!((decision.effect, decision.enforced), (Effect::Deny, Effect::Deny), "{:?}", decision.reasons);
    let observed = answer(&world.mode("probe", Mode::Observe), &request);
    assert_eq!((observed.effect, observed.enforced), (Effect::Deny, Effect::Allow));
}

#[test]
fn remembering_changes_nothing() {
    let world = World::default().policies(&[world::no_tool("write_file"), world::only_this_session("one")]);
    let (warm, view) = (world.snapshot(), |id: &str| SessionView::active(id.into()));
    for _ in 0..2 {
        for (agent, session, tool) in [
            ("coder", "one", "read_file"),
            ("coder", "two", "read_file"),
            ("clerk", "one", "read_file"),
            ("coder", "one", "write_file"),
        ] {
            let request = request(agent, ActionKind::ToolCall, tool, json!({"path": "/w/a"}));
            let cold = run(&world.snapshot(), &view(session), &request);
            assert_eq!(run(&warm, &view(session), &request), cold, "{agent} {session} {tool}");
        }
    }
}

#[test]
fn a_new_tool_asks_when_configured() {
    let mut pins = Pins::new(FirstUse::Ask, []);
    let tool =
        ToolDefinition { name: "read_file".into(), definition: json!({"name": "read_file", "description": "Reads"}) };
    pins.observe("fs", std::slice::from_ref(&tool), 1).unwrap();
    let request = request("coder", ActionKind::ToolCall, "read_file", json!({"path": "/w/a"}));
    let world = World::default().pins(pins.clone());
    assert_eq!(answer(&world, &request).enforced, Effect::Ask);
    let digest = pins.entry("fs", "read_file").unwrap().latest.digest;
    pins.accept("fs", "read_file", digest, 2).unwrap();
    let later = world.snapshot().with_pins(Arc::new(pins));
    assert_eq!(run(&later, &SessionView::active("s".into()), &request).enforced, Effect::Allow);
}

#[test]
fn the_refusal_says_what_would_be_allowed() {
    let request = request("coder", ActionKind::ToolCall, "read_file", json!({"path": "/etc/passwd"}));
    let decision = answer(&World::default(), &request);
    let expected = "no grant lets an agent of class `coding` read the file `/etc/passwd`; it may read `file:/w/**`";
    assert_eq!(decision.reasons[0].message, expected);
}

#[test]
fn the_digest_names_the_configuration() {
    let one = World::default();
    assert_eq!(one.snapshot().digest(), one.snapshot().digest());
    for other in [
        World::default().grants(&[]),
        World::default().unknown(UnknownAgent::Observe),
        World::default().policies(&[policy("p", "deny", "tool.call")]),
        World::default().no_policies(),
    ] {
        assert_ne!(one.snapshot().digest(), other.snapshot().digest());
    }
}

fn kinds() -> impl Strategy<Value = ActionKind> {
    prop::sample::select(ActionKind::ALL.to_vec())
}

fn requests() -> impl Strategy<Value = Request> {
    let agents = prop::sample::select(vec!["coder", "clerk", "nobody"]);
    let tools =
        prop::sample::select(vec!["read_file", "write_file", "delete_file", "move_file", "fetch", "frobnicate"]);
    let paths = prop::sample::select(vec!["/w/a", "a", "../x", "/etc/passwd", "~/x", "/w/../w/b"]);
    (agents, kinds(), tools, paths)
        .prop_map(|(agent, kind, tool, path)| request(agent, kind, tool, json!({"path": path})))
}

fn rules() -> impl Strategy<Value = Vec<(&'static str, &'static str, bool)>> {
    let rule = prop::sample::select(vec!["deny", "ask", "observe", "isolate"]);
    let kind = prop::sample::select(vec!["tool.call", "resource.read", "protocol"]);
    prop::collection::vec((rule, kind, any::<bool>()), 0..3)
}

fn world_of(rules: &[(&str, &str, bool)], observe_all: bool) -> World {
    let name = |position: usize| format!("p{position}");
    let sources: Vec<_> =
        rules.iter().enumerate().map(|(position, (rule, kind, _))| policy(&name(position), rule, kind)).collect();
    rules.iter().enumerate().fold(World::default().policies(&sources), |world, (position, (_, _, enforce))| {
        world.mode(&name(position), if *enforce && !observe_all { Mode::Enforce } else { Mode::Observe })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn another_policy_never_widens(request in requests(), rules in rules(), more in rules()) {
        let fewer = answer(&world_of(&rules, false), &request);
        let all: Vec<_> = rules.iter().chain(&more).copied().collect();
        let stricter = answer(&world_of(&all, false), &request);
        prop_assert!(stricter.effect >= fewer.effect && stricter.enforced >= fewer.enforced);
    }

    #[test]
    fn observing_never_changes_what_is_decided(request in requests(), rules in rules()) {
        let (enforced, observed) = (answer(&world_of(&rules, false), &request), answer(&world_of(&rules, true), &request));
        prop_assert_eq!(enforced.effect, observed.effect);
        prop_assert!(observed.enforced <= enforced.enforced && enforced.enforced <= enforced.effect);
    }

    #[test]
    fn fewer_grants_never_widen(request in requests(), keep in any::<bool>()) {
        let grants = [
            grant("a", "coding", &["read", "write", "send"], &["*"], Mode::Enforce),
            grant("b", "coding", &["delete", "execute"], &["file:${workspace}/**", "tool:fs/*"], Mode::Enforce),
        ];
        let many = answer(&World::default().grants(&grants), &request);
        let few = answer(&World::default().grants(&grants[usize::from(keep)..=usize::from(keep)]), &request);
        prop_assert!(few.effect >= many.effect && few.enforced >= many.enforced);
    }

    #[test]
    fn bit_for_bit(request in requests(), rules in rules()) {
        let world = world_of(&rules, false);
        let (one, two) = (answer(&world, &request), answer(&world, &request));
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
        let ordered = one.reasons.windows(2).all(|pair| pair[0].effect >= pair[1].effect);
        prop_assert!(ordered, "{:?}", one.reasons);
    }

    #[test]
    fn order_of_policies_and_grants_does_not_matter(request in requests(), rules in rules()) {
        let (one, two) = (answer(&world_of(&rules, false), &request), answer(&world_of(&rules, false).reversed(), &request));
        prop_assert_eq!((one.effect, one.enforced, one.reasons), (two.effect, two.enforced, two.reasons));
    }
}
