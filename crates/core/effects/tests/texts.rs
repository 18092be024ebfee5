//! Text that a machine runs, through tools and as an action of its own: one rule over deletions sees all of it.

use holdshort_effects::{Catalog, Question, effects_of};
use holdshort_model::{ActionEffect, ActionKind, Certainty, Verb};
use serde_json::{Value, json};

fn effects(kind: ActionKind, name: &str, args: &Value) -> Vec<ActionEffect> {
    let catalog = Catalog::default();
    let server = (kind == ActionKind::ToolCall).then_some("s");
    effects_of(&Question {
        kind,
        server,
        name,
        args,
        definition: None,
        trusted: false,
        catalog: &catalog,
        workspace: Some("/w"),
    })
}

// As a policy counts: what is deleted in all; `None` without a bound.
fn deleted(effects: &[ActionEffect]) -> Option<u64> {
    effects.iter().filter(|effect| effect.verb == Verb::Delete).map(|effect| effect.count).sum()
}

#[test]
fn deletions_are_counted_wherever_they_stand() {
    for (text, expected) in [
        ("rm -rf x", None),
        ("find . -delete", None),
        ("git clean -fd", None),
        ("ls && sudo rm -r x", None),
        ("sh -c 'rm -rf x'", None),
        ("echo $(rm -rf x)", None),
        ("ls | xargs rm", None),
        ("rm *.log", None),
        ("ssh host rm -rf /data", None),
        ("rm a b", Some(2)),
        ("rm a; rm b c", Some(3)),
        ("rm a; rm a", Some(1)),
        ("ls -la", Some(0)),
        ("echo 'rm -rf x'", Some(0)),
    ] {
        for (kind, name, args) in [
            (ActionKind::ShellCommand, "shell", json!({"command": text})),
            (ActionKind::ShellCommand, "shell", json!({"command": ["bash", "-lc", text]})),
            (ActionKind::ToolCall, "run_command", json!({"command": text})),
            (ActionKind::ToolCall, "run_command", json!({"command": "bash", "args": ["-c", text]})),
            (ActionKind::ToolCall, "execute", json!({"cmd": text})),
            (ActionKind::ToolCall, "bash", json!({"script": text})),
            (ActionKind::ToolCall, "run_commands", json!({"commands": ["true", text]})),
        ] {
            let effects = effects(kind, name, &args);
            // The list of words also counts as the text that they become when a server joins them.
            let found = deleted(&effects);
            assert_eq!(found, expected, "{name} {args}: {effects:#?}");
        }
    }
}

#[test]
fn a_tool_that_runs_text_still_runs_it() {
    let found = effects(ActionKind::ToolCall, "run_command", &json!({"command": "cat a"}));
    let has = |verb, kind: &str| found.iter().any(|effect| effect.verb == verb && effect.resource.kind == kind);
    assert!(has(Verb::Execute, "tool") && has(Verb::Read, "file"), "{found:?}");
    let own = effects(ActionKind::ShellCommand, "shell", &json!({"command": "cat a"}));
    assert_eq!(own.iter().map(|effect| effect.verb).collect::<Vec<_>>(), [Verb::Read]);
}

#[test]
fn the_folder_is_an_argument() {
    for args in [json!({"command": "rm a", "cwd": "src"}), json!({"command": "rm a", "workdir": "/w/src"})] {
        for (kind, name) in [(ActionKind::ShellCommand, "shell"), (ActionKind::ToolCall, "run_command")] {
            let found = effects(kind, name, &args);
            let delete = found.iter().find(|effect| effect.verb == Verb::Delete && effect.resource.path.is_some());
            let paths: Vec<_> = found.iter().filter_map(|effect| effect.resource.path.as_deref()).collect();
            assert!(delete.is_some() && paths.contains(&"/w/src/a"), "{name} {args}: {found:?}");
        }
    }
}

#[test]
fn the_name_of_an_action_is_no_command() {
    let found = effects(ActionKind::ToolCall, "edit_text", &json!({"command": "view", "path": "/w/a"}));
    assert!(found.iter().all(|effect| effect.resource.kind != "process"), "{found:?}");
}

#[test]
fn statements_are_told_from_searches() {
    let run = |server: &str, name: &str, args: &Value| {
        let catalog = Catalog::default();
        let kind = ActionKind::ToolCall;
        effects_of(&Question {
            kind,
            server: Some(server),
            name,
            args,
            definition: None,
            trusted: false,
            catalog: &catalog,
            workspace: None,
        })
    };
    let executes = |effects: &[ActionEffect]| effects.iter().any(|effect| effect.verb == Verb::Execute);
    let deletes = json!({"query": "DELETE FROM users"});
    assert!(executes(&run("postgres", "query", &deletes)) && executes(&run("s", "run_sql", &deletes)));
    // Beyond what the tool says, the statement is read.
    assert!(run("s", "query", &json!({"sql": "DELETE FROM t"})).len() > 2);
    for query in ["delete from inbox", "old mail"] {
        assert!(!executes(&run("mail", "search_messages", &json!({"query": query}))), "{query}");
    }
}

#[test]
fn one_rule_over_deletions_covers_statements_too() {
    for (kind, name, args, expected) in [
        (ActionKind::DbStatement, "query", json!({"sql": "DELETE FROM users"}), None),
        (ActionKind::DbStatement, "query", json!({"sql": "SELECT 1", "dialect": "postgres"}), Some(0)),
        (ActionKind::ToolCall, "execute", json!({"sql": "DELETE FROM users"}), None),
        (ActionKind::ToolCall, "run_query", json!({"query": "DELETE FROM users"}), None),
        (ActionKind::ToolCall, "run_command", json!({"command": "psql -h db -c 'DELETE FROM users'"}), None),
        (ActionKind::ShellCommand, "shell", json!({"command": "mysql -e 'DELETE FROM users'"}), None),
        (ActionKind::ShellCommand, "shell", json!({"command": "sqlite3 a.db 'DELETE FROM users'"}), None),
        (ActionKind::ShellCommand, "shell", json!({"command": "psql <<EOF\nDELETE FROM users;\nEOF\n"}), None),
        (ActionKind::ShellCommand, "shell", json!({"command": "psql -c 'SELECT 1'"}), Some(0)),
    ] {
        let found = effects(kind, name, &args);
        assert_eq!(deleted(&found), expected, "{name} {args}: {found:#?}");
    }
}

#[test]
fn a_command_without_text_is_unknown() {
    for args in [json!({}), json!({"command": 1}), json!({"command": ["a", 1]}), Value::Null] {
        let found = effects(ActionKind::ShellCommand, "shell", &args);
        assert_eq!(found.len(), 1);
        assert!(found[0].verb == Verb::Execute && found[0].certainty == Certainty::Unknown && found[0].count.is_none());
    }
}

#[test]
fn a_name_and_a_search_are_more_than_one() {
    for (name, args, expected) in [
        ("delete_message", json!({"id": "1", "query": "in:inbox"}), None),
        ("delete_rows", json!({"table": "t", "where": "1=1"}), None),
        ("delete_rows", json!({"id": "1", "filter": {"a": 1}}), None),
        ("delete_rows", json!({"id": "1", "query": "x", "limit": 5}), Some(5)),
        ("delete_message", json!({"id": "1", "query": ""}), None),
        ("delete_message", json!({"id": "1"}), Some(1)),
        ("delete_messages", json!({"ids": ["1", "2"]}), Some(2)),
    ] {
        let found = effects(ActionKind::ToolCall, name, &args);
        assert_eq!(deleted(&found), expected, "{name} {args}: {found:?}");
    }
}

#[test]
fn other_shells_are_not_read_as_this_one() {
    for shell in ["pwsh", "PowerShell", "C:\\Windows\\System32\\cmd.exe", "fish"] {
        let found = effects(ActionKind::ShellCommand, shell, &json!({"command": "Remove-Item -Recurse C:\\x"}));
        assert!(found.iter().all(|effect| effect.certainty == Certainty::Unknown), "{shell}: {found:?}");
    }
}
