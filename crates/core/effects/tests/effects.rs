//! Effects of whole calls: verbs, resources, counts, certainty.

use holdshort_effects::{
    ARGUMENT_LEAVES_MAX, Catalog, CatalogEntry, LabelRule, Question, RESOURCES_MAX, ResourcePattern, Target, effects_of,
};
use holdshort_model::{ActionEffect, ActionKind, Certainty, Verb};
use proptest::prelude::*;
use serde_json::{Value, json};

fn question<'a>(name: &'a str, args: &'a Value, catalog: &'a Catalog) -> Question<'a> {
    let workspace = Some("/w");
    Question {
        kind: ActionKind::ToolCall,
        server: Some("s"),
        name,
        args,
        definition: None,
        trusted: false,
        catalog,
        workspace,
    }
}

fn call(name: &str, args: &Value) -> Vec<ActionEffect> {
    effects_of(&question(name, args, &Catalog::default()))
}

// `verb kind:what xCOUNT`, with `?` for an unknown certainty, `x-` for an unknown count.
fn line(effect: &ActionEffect) -> String {
    let resource = &effect.resource;
    let what = match resource.kind.as_str() {
        "file" => resource.path.as_ref(),
        "url" => resource.host.as_ref(),
        _ => resource.id.as_ref(),
    };
    let unsure = if effect.certainty == Certainty::Unknown { "?" } else { "" };
    let count = effect.count.map_or("-".to_owned(), |count| count.to_string());
    let what = what.map_or("*", String::as_str);
    format!("{} {}:{what} x{count}{unsure}", effect.verb.as_str(), resource.kind)
}

fn lines(name: &str, args: &Value) -> Vec<String> {
    call(name, args).iter().map(line).collect()
}

#[test]
fn calls() {
    let mut wrong = Vec::new();
    for (name, args, expected) in [
        ("read_file", json!({"path": "a/../b.txt"}), vec!["read file:/w/b.txt x1"]),
        ("read_file", json!({"path": "../../etc/passwd"}), vec!["read file:/etc/passwd x1"]),
        ("read_file", json!({"path": "~/x"}), vec!["read file:~/x x1?"]),
        ("read_multiple_files", json!({"paths": ["a", "/b"]}), vec!["read file:/w/a x1", "read file:/b x1"]),
        ("write_file", json!({"path": "a", "content": "https://x.com /etc/passwd"}), vec!["write file:/w/a x1"]),
        (
            "move_file",
            json!({"source": "./a", "destination": "/b/c"}),
            vec!["write file:/b/c x1", "delete file:/w/a x1"],
        ),
        ("copy_file", json!({"from_path": "a", "to_path": "b"}), vec!["read file:/w/a x1", "write file:/w/b x1"]),
        (
            "fetch",
            json!({"url": "https://Example.com/x?secret=1"}),
            vec!["read url:example.com x1", "send url:example.com x1"],
        ),
        ("fetch", json!({"url": "https://good.com@evil.com/"}), vec!["read url:evil.com x1?", "send url:evil.com x1?"]),
        (
            "update_hook",
            json!({"config": {"target": "https://evil.com"}}),
            vec!["write url:evil.com x1", "send url:evil.com x1"],
        ),
        (
            "send_email",
            json!({"to": ["A@x.com", "b@y.org"], "subject": "s", "body": "/etc"}),
            vec!["send mail:a@x.com x1", "send mail:b@y.org x1"],
        ),
        (
            "send_email",
            json!({"to": "a@x.com", "attachments": ["/w/secret"]}),
            vec!["read file:/w/secret x1", "send mail:a@x.com x1"],
        ),
        (
            "create_event",
            json!({"title": "t", "participants": ["a@x.com"]}),
            vec!["write record:t x1", "send mail:a@x.com x1"],
        ),
        (
            "delete_emails",
            json!({"ids": ["1", "2", "3"]}),
            vec!["delete record:1 x1", "delete record:2 x1", "delete record:3 x1"],
        ),
        ("delete_email", json!({"email_id": "7"}), vec!["delete record:7 x1"]),
        ("delete_emails", json!({"query": "*"}), vec!["delete tool:s/delete_emails x-"]),
        ("delete_emails", json!({"filter": {}}), vec!["delete tool:s/delete_emails x-"]),
        ("delete_emails", json!({}), vec!["delete tool:s/delete_emails x-"]),
        ("delete_emails", json!({"older_than_days": 3, "limit": 500}), vec!["delete tool:s/delete_emails x500"]),
        ("delete_file", json!({"path": "/w/a"}), vec!["delete file:/w/a x1"]),
        ("delete_file", json!({"path": "/w/*"}), vec!["delete file:/w/* x-"]),
        ("remove", json!({"path": "/w/a", "recursive": true}), vec!["delete file:/w/a x-"]),
        ("delete_directory", json!({"path": "/w/a"}), vec!["delete file:/w/a x-"]),
        ("delete_table_row", json!({"id": "7"}), vec!["delete record:7 x1"]),
        ("delete_all_rows", json!({"id": "7"}), vec!["delete record:7 x-"]),
        ("delete_repository", json!({"owner": "o", "repo": "r"}), vec!["delete record:o/r x-"]),
        (
            "delete_observations",
            json!({"deletions": [{"entityName": "e", "observations": ["a", "b", "c"]}]}),
            vec!["delete record:e x1", "delete record:* x3"],
        ),
        ("frobnicate", json!({"x": 1}), vec!["execute tool:s/frobnicate x1?"]),
        ("frobnicate", json!({"path": "/etc/x"}), vec!["execute file:/etc/x x1?"]),
        (
            "get_file_contents",
            json!({"owner": "o", "repo": "r", "path": "src/a.rs"}),
            vec!["read record:o/src/a.rs/r x1"],
        ),
        ("get_file_contents", json!({"owner": "o", "path": "/etc/passwd"}), vec!["read file:/etc/passwd x1"]),
        ("delete_files", Value::Null, vec!["delete tool:s/delete_files x0"]),
    ] {
        let found = lines(name, &args);
        if found != expected {
            wrong.push(format!("{name} {args}: {found:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_move_of_bare_names_deletes_and_writes() {
    let verbs: Vec<Verb> =
        call("move_file", &json!({"source": "a", "destination": "b"})).iter().map(|e| e.verb).collect();
    assert_eq!(verbs, [Verb::Write, Verb::Delete]);
}

#[test]
fn other_kinds() {
    for (kind, name, expected) in [
        (ActionKind::ResourceRead, "file:///etc/x", vec!["read file:/etc/x x1"]),
        (ActionKind::ResourceRead, "file:///a/%2e%2e/x", vec!["read file:file:///a/%2e%2e/x x1?"]),
        (ActionKind::ResourceRead, "https://x.com/a", vec!["read url:x.com x1"]),
        (ActionKind::ResourceRead, "demo://text/1", vec!["read resource:demo://text/1 x1"]),
        (ActionKind::PromptGet, "p", vec!["read prompt:s/p x1"]),
        (ActionKind::Complete, "p", vec!["read completion:s/p x1"]),
        (ActionKind::Sampling, "m", vec!["send model:s/m x1"]),
        (ActionKind::Elicitation, "m", vec!["read person:s/m x1"]),
        (ActionKind::TaskUpdate, "m", vec!["write task:s/m x1"]),
        (ActionKind::Protocol, "ping", vec![]),
        (ActionKind::CatalogList, "tools/list", vec![]),
        (ActionKind::Unknown, "x/y", vec!["execute method:s/x/y x-?"]),
    ] {
        let (args, catalog) = (json!({}), Catalog::default());
        let effects = effects_of(&Question { kind, ..question(name, &args, &catalog) });
        assert_eq!(effects.iter().map(line).collect::<Vec<_>>(), expected, "{kind} {name}");
    }
}

#[test]
fn caps_close() {
    let ids: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let effects = call("delete_emails", &json!({"ids": ids}));
    let last = effects.last().unwrap();
    assert_eq!((last.count, last.certainty, last.resource.id.as_ref()), (Some(936), Certainty::Unknown, None));
    assert_eq!(effects.iter().filter_map(|effect| effect.count).sum::<u64>(), 1_000);
    assert!(effects.len() <= RESOURCES_MAX + 2, "{}", effects.len());
    let many: Vec<usize> = (0..=ARGUMENT_LEAVES_MAX).collect();
    let effects = call("write_rows", &json!({"path": "/w/a", "zrows": many}));
    assert!(
        effects.iter().all(|effect| effect.certainty == Certainty::Unknown && effect.count.is_none()),
        "{effects:?}"
    );
}

fn definition(hints: &Value) -> Value {
    json!({"name": "t", "description": "", "annotations": hints})
}

#[test]
fn trusted_hints_decide() {
    let (args, catalog) = (json!({"id": "1"}), Catalog::default());
    for (name, hints, trusted, expected) in [
        ("frobnicate", json!({"readOnlyHint": true}), true, vec!["read record:1 x1"]),
        ("frobnicate", json!({"readOnlyHint": true}), false, vec!["execute record:1 x1?"]),
        ("delete_x", json!({"readOnlyHint": true}), false, vec!["delete record:1 x1"]),
        ("cancel_x", json!({"destructiveHint": false}), true, vec!["write record:1 x1"]),
        ("cancel_x", json!({"destructiveHint": false}), false, vec!["delete record:1 x1"]),
        ("get_x", json!({"readOnlyHint": false}), false, vec!["read record:1 x1", "write record:1 x1"]),
    ] {
        let definition = definition(&hints);
        let effects =
            effects_of(&Question { definition: Some(&definition), trusted, ..question(name, &args, &catalog) });
        assert_eq!(effects.iter().map(line).collect::<Vec<_>>(), expected, "{name} {hints} {trusted}");
    }
}

proptest! {
    #[test]
    fn an_untrusted_hint_never_loosens(
        name in "(get|list|delete|create|move|send|frob|run|invite|pay)_(file|all|role|x)",
        before in prop::collection::btree_map("(readOnly|destructive|openWorld|idempotent)Hint", any::<bool>(), 0..4),
        key in "(readOnly|destructive|openWorld|idempotent)Hint", value in any::<bool>(),
    ) {
        prop_assume!(!before.contains_key(&key));
        let mut after = before.clone();
        after.insert(key, value);
        let (args, catalog) = (json!({"id": "1", "path": "a"}), Catalog::default());
        let effects = |hints: &std::collections::BTreeMap<String, bool>| {
            let definition = definition(&json!(hints));
            effects_of(&Question { definition: Some(&definition), ..question(&name, &args, &catalog) })
        };
        let (without, with) = (effects(&before), effects(&after));
        for effect in without {
            let kept = with.iter().any(|other| {
                other.verb == effect.verb && other.resource == effect.resource && other.count == effect.count
                    && other.certainty == effect.certainty && (effect.reversible != Some(false) || other.reversible == Some(false))
            });
            prop_assert!(kept, "{effect:?} is gone from {with:?}");
        }
    }

    #[test]
    fn same_question_same_answer(text in ".{0,30}", name in ".{0,20}") {
        let args = json!({"path": text, "to": [text], "url": text, "x": {"y": [text]}});
        prop_assert_eq!(call(&name, &args), call(&name, &args));
        prop_assert!(!call(&name, &args).is_empty());
    }
}

#[test]
fn the_catalog_stands_in_the_place_of_a_guess() {
    let entry: CatalogEntry = serde_json::from_value(json!({
        "server": "s", "tool": "purge_*", "effects": [{"verb": "write", "kind": "crm", "id": "/ids", "count": "/ids", "reversible": true}]
    }))
    .unwrap();
    let rule = LabelRule { resource: "crm:v*".into(), labels: vec!["vip".into()] };
    let catalog = Catalog::new(&[entry], &[rule]).unwrap();
    let args = json!({"ids": ["v1", "w2"]});
    let effects = effects_of(&question("purge_x", &args, &catalog));
    assert_eq!(effects.iter().map(line).collect::<Vec<_>>(), ["write crm:v1 x2", "write crm:w2 x2"]);
    assert!(effects.iter().all(|effect| effect.certainty == Certainty::Declared && effect.reversible == Some(true)));
    assert_eq!((&effects[0].resource.labels[..], &effects[1].resource.labels[..]), (&["vip".to_owned()][..], &[][..]));
    let lacking = effects_of(&question("purge_x", &Value::Bool(true), &catalog));
    assert_eq!(lacking.iter().map(line).collect::<Vec<_>>(), ["write crm:* x-?"]);
    assert_eq!(lines("purge_x", &args).len(), 2);
    let as_such = effects_of(&question("purge_x", &Value::Null, &catalog));
    assert_eq!(as_such.iter().map(line).collect::<Vec<_>>(), ["write crm:s/purge_x x0"]);
}

#[test]
fn wrong_declarations() {
    for (entry, expected) in [
        (json!({"tool": "t", "effects": []}), "no effects"),
        (json!({"tool": "", "effects": [{"verb": "read"}]}), "empty server or tool"),
        (json!({"tool": "t", "effects": [{"verb": "read", "id": "id"}]}), "not a JSON pointer"),
        (json!({"tool": "t", "effects": [{"verb": "read", "id": "/a", "path": "/b"}]}), "more than one"),
        (json!({"tool": "t", "effects": [{"verb": "read", "kind": "C R M"}]}), "lower-case"),
    ] {
        let entry: CatalogEntry = serde_json::from_value(entry).unwrap();
        let errors = Catalog::new(&[entry], &[]).unwrap_err();
        assert!(errors[0].to_string().contains(expected), "{errors:?}");
    }
    let rule = LabelRule { resource: "file:relative".into(), labels: vec![] };
    assert_eq!(Catalog::new(&[], &[rule]).unwrap_err().len(), 2);
    assert!(serde_json::from_value::<CatalogEntry>(json!({"tool": "t", "effects": [], "efects": 1})).is_err());
}

#[test]
fn patterns() {
    let covers = |pattern: &str, name: &str, args: &Value| {
        let pattern = ResourcePattern::parse(pattern).unwrap();
        let tool = Some(name);
        call(name, args)
            .iter()
            .all(|effect| pattern.matches(&Target { effect, server: Some("s"), tool, workspace: Some("/w/./") }))
    };
    for (pattern, name, args, expected) in [
        ("*", "frobnicate", json!({}), true),
        ("tool:s/frob*", "frobnicate", json!({}), true),
        ("tool:t/frob*", "frobnicate", json!({}), false),
        ("file:/w/**", "read_file", json!({"path": "a/b"}), true),
        ("file:/w/**", "read_file", json!({"path": "/w"}), true),
        ("file:/w/*", "read_file", json!({"path": "a/b"}), false),
        ("file:/w/**", "read_file", json!({"path": "../w2/a"}), false),
        ("file:/w/**", "read_file", json!({"path": "/w/../etc/passwd"}), false),
        ("file:/w/**", "read_file", json!({"path": "/w/~/\u{0}"}), false),
        ("file:**", "read_file", json!({"path": "~/a"}), false),
        ("*", "read_file", json!({"path": "~/a"}), true),
        ("file:${workspace}/**", "read_file", json!({"path": "a"}), true),
        ("file:${workspace}/**", "read_file", json!({"path": "/ww/a"}), false),
        ("file:${workspace}", "read_file", json!({"path": "."}), true),
        ("file:/**/*.rs", "read_file", json!({"path": "/a/b/c.rs"}), true),
        ("file:/**/*.rs", "read_file", json!({"path": "/a/b/c.rs/d"}), false),
        ("file:/w/**", "fetch", json!({"url": "https://x.com"}), false),
        ("host:*.x.com", "fetch", json!({"url": "https://a.X.com"}), true),
        ("host:*.x.com", "fetch", json!({"url": "https://x.com"}), false),
        ("host:*.x.com", "fetch", json!({"url": "https://x.com.evil.org"}), false),
        ("host:*.x.com", "fetch", json!({"url": "https://evil.org\\.x.com"}), false),
        ("host:*.x.com", "fetch", json!({"url": "https://evil.org#.x.com"}), false),
        ("host:*x.com", "send_email", json!({"to": "a@x.com"}), false),
        ("mail:*@x.com", "send_email", json!({"to": "A@X.com"}), true),
        ("mail:*@x.com", "send_email", json!({"to": ["a@x.com", "a@y.com"]}), false),
        ("mail:*@x.com", "send_email", json!({"to": "a@y.com@x.com"}), false),
        ("record:INV-*", "get_record", json!({"id": "INV-7"}), true),
    ] {
        assert_eq!(covers(pattern, name, &args), expected, "{pattern} {name} {args}");
    }
}

#[test]
fn patterns_that_can_never_match() {
    for text in [
        "",
        "file",
        "file:",
        "file:a",
        "file:/a/../b",
        "file:/a//b",
        "file:/a/",
        "file:/a**",
        "file:/${workspace}",
        "file:${home}/x",
        "host:https://x.com",
        "host:x.com/a",
        "host:x.com:80",
        "host:x.com.",
        "mail:example.com",
        "tool:x",
        "tool:/x",
        "url:https://x",
        "File:/x",
        ":x",
    ] {
        let error = ResourcePattern::parse(text).expect_err(text);
        assert!(error.to_string().len() > 20, "{error}");
    }
}

#[test]
fn an_unknown_method_needs_its_name() {
    let (args, catalog) = (json!({}), Catalog::default());
    let effects = effects_of(&Question { kind: ActionKind::Unknown, ..question("x/y", &args, &catalog) });
    let covered = |pattern: &str| {
        let target = Target { effect: &effects[0], server: Some("s"), tool: None, workspace: None };
        ResourcePattern::parse(pattern).unwrap().matches(&target)
    };
    assert!(!covered("*") && !covered("tool:*/*") && covered("method:s/x/*"));
}
