//! The servers and clients that people run, through the real gateway and the real wrapper: the same script gives the
//! same results as without Holdshort.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::{Gateway, assert_verifies, decisions, home, records, register, stdio_upstream, wrapped};
use holdshort_testkit::Driver::{PythonFastmcp, PythonMcp, Rmcp, TypescriptV1, TypescriptV2};
use holdshort_testkit::{CommandLine, Counterpart, Driver, Script, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const ALL: [Driver; 4] = [TypescriptV1, TypescriptV2, PythonMcp, PythonFastmcp];

/// Runs a script directly, through the HTTP gateway and through the wrapper, and compares what the clients saw. Each run
/// has a folder of its own, which is the agent's workspace: `script` is made for it, `server` prepares it and says how
/// to start the server.
fn same_results(drivers: &[Driver], script: impl Fn(&str) -> String, server: impl Fn(&Path) -> CommandLine) {
    let prepared = || {
        let folder = tempfile::Builder::new().prefix("counterpart").tempdir().unwrap();
        let line = server(folder.path());
        let script = script(folder.path().to_str().unwrap());
        let workspace = format!("workspace = \"{}\"", folder.path().display());
        (folder, line, script, workspace)
    };
    for &driver in drivers {
        let (folder, line, script, _) = prepared();
        let direct = report(&Script::new(driver, &script).command(&line), folder.path());

        let (folder, line, script, workspace) = prepared();
        let home = home(&workspace, &stdio_upstream("counterpart", &line));
        let mut gateway = Gateway::start(&home);
        let token = register(&home, "client");
        let through = Script::new(driver, &script).token(&token).url(&gateway.url("counterpart"));
        assert_same(driver, "the gateway", &direct, &report(&through, folder.path()));
        assert!(gateway.interrupt().success());
        assert_on_record(&home, "client");

        let (folder, line, script, workspace) = prepared();
        let home = gateway::home(&workspace, "");
        // The service is there already, so that nothing is left in the background.
        let mut gateway = Gateway::start(&home);
        let through = Script::new(driver, &script).command(&wrapped(&home, "counterpart", &line));
        assert_same(driver, "the wrapper", &direct, &report(&through, folder.path()));
        assert!(gateway.interrupt().success());
        assert_on_record(&home, "stdio:");
    }
}

/// What the client saw, with the run's own folder by one name.
fn report(report: &Value, folder: &Path) -> Value {
    assert_eq!(report["failed"], Value::Null, "{report:#}");
    serde_json::from_str(&report.to_string().replace(folder.to_str().unwrap(), "FOLDER")).unwrap()
}

/// Takes out what belongs to the era that the client and its peer agreed on, and what the SDKs know in one era only.
fn without_era(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for key in ["resultType", "ttlMs", "cacheScope", "execution"] {
                fields.remove(key);
            }
            // A resource that does not exist has another code in each era.
            if let Some(code) = fields.get_mut("code").filter(|code| **code == -32002) {
                *code = json!(-32602);
            }
            if let Some(Value::Object(meta)) = fields.get_mut("_meta") {
                meta.retain(|key, _| !key.starts_with("io.modelcontextprotocol/"));
                if meta.is_empty() {
                    fields.remove("_meta");
                }
            }
            fields.values_mut().for_each(without_era);
        }
        Value::Array(items) => items.iter_mut().for_each(without_era),
        _ => {}
    }
}

fn assert_same(driver: Driver, way: &str, direct: &Value, through: &Value) {
    let results = |report: &Value| report["results"].as_array().unwrap().clone();
    let (mut left, mut right) = (results(direct), results(through));
    if direct["era"] != through["era"] {
        left.iter_mut().chain(&mut right).for_each(without_era);
    }
    // What is listed depends on who asks, so the gateway forbids shared caches to keep it, whatever the server says.
    for one in left.iter_mut().chain(&mut right).filter(|one| one["op"].as_str().unwrap().starts_with("list")) {
        for key in ["cacheScope", "ttlMs"] {
            one["result"].as_object_mut().map(|result| result.remove(key));
        }
    }
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(left, right, "{driver:?} through {way}, {} and {}", direct["era"], through["era"]);
    }
}

/// Everything that the script did is on record for this agent, and the log is sound.
fn assert_on_record(home: &support::Home, agent: &str) {
    assert_verifies(home);
    let records = records(home);
    let decisions = decisions(&records);
    assert!(!decisions.is_empty());
    for decision in decisions {
        assert!(decision["request"]["subject"]["agent"].as_str().unwrap().starts_with(agent), "{decision}");
        assert_eq!(decision["decision"]["enforced"], "allow", "{decision}");
    }
}

#[test]
fn server_everything() {
    let script = r#"[
        {"op": "list", "what": "tools"}, {"op": "list", "what": "prompts"},
        {"op": "list", "what": "resources"}, {"op": "list", "what": "templates"},
        {"op": "call", "name": "echo", "arguments": {"message": "grüezi \u0000 \"q\""}},
        {"op": "call", "name": "get-sum", "arguments": {"a": 1.5, "b": 2}},
        {"op": "call", "name": "get-tiny-image"},
        {"op": "call", "name": "get-structured-content", "arguments": {"location": "Chicago"}},
        {"op": "call", "name": "get-annotated-message", "arguments": {"messageType": "error", "includeImage": true}},
        {"op": "call", "name": "no-such-tool"},
        {"op": "call", "name": "get-sum", "arguments": {"a": "one"}},
        {"op": "prompt", "name": "args-prompt", "arguments": {"city": "Oslo"}},
        {"op": "complete", "ref": {"type": "ref/prompt", "name": "completable-prompt"},
         "argument": {"name": "department", "value": "E"}},
        {"op": "concurrent", "times": 5, "operations": [
            {"op": "call", "name": "echo", "arguments": {"message": "a"}},
            {"op": "call", "name": "trigger-long-running-operation", "arguments": {"duration": 0.2, "steps": 2}}]}
    ]"#;
    same_results(&ALL, |_| script.into(), |_| Counterpart::Everything.line());
}

#[test]
fn server_filesystem() {
    let script = r#"[
        {"op": "list", "what": "tools"},
        {"op": "call", "name": "write_file", "arguments": {"path": "FOLDER/a.txt", "content": "one\ntwo\n"}},
        {"op": "call", "name": "create_directory", "arguments": {"path": "FOLDER/sub"}},
        {"op": "call", "name": "edit_file", "arguments":
            {"path": "FOLDER/a.txt", "edits": [{"oldText": "two", "newText": "2"}]}},
        {"op": "call", "name": "move_file", "arguments":
            {"source": "FOLDER/a.txt", "destination": "FOLDER/sub/b.txt"}},
        {"op": "call", "name": "read_text_file", "arguments": {"path": "FOLDER/sub/b.txt"}},
        {"op": "call", "name": "list_directory", "arguments": {"path": "FOLDER"}},
        {"op": "call", "name": "read_text_file", "arguments": {"path": "FOLDER/missing"}},
        {"op": "call", "name": "list_allowed_directories"}
    ]"#;
    let made_for = |folder: &str| script.replace("FOLDER", folder);
    same_results(&ALL, made_for, |folder| Counterpart::Filesystem.line().arg(folder));
}

#[test]
fn server_memory() {
    let script = r#"[
        {"op": "list", "what": "tools"},
        {"op": "call", "name": "create_entities", "arguments": {"entities": [
            {"name": "ada", "entityType": "person", "observations": ["counts"]},
            {"name": "engine", "entityType": "thing", "observations": []}]}},
        {"op": "call", "name": "create_relations", "arguments": {"relations": [
            {"from": "ada", "to": "engine", "relationType": "knows"}]}},
        {"op": "call", "name": "add_observations", "arguments": {"observations": [
            {"entityName": "ada", "contents": ["writes"]}]}},
        {"op": "call", "name": "delete_entities", "arguments": {"entityNames": ["engine"]}},
        {"op": "call", "name": "search_nodes", "arguments": {"query": "writes"}},
        {"op": "call", "name": "read_graph"}
    ]"#;
    let line = |folder: &Path| {
        let file = format!("MEMORY_FILE_PATH={}", folder.join("memory.jsonl").display());
        CommandLine::new("env").arg(file).args(Counterpart::Memory.line().words())
    };
    same_results(&ALL, |_| script.into(), line);
}

#[test]
fn mcp_server_git() {
    let script = r#"[
        {"op": "list", "what": "tools"},
        {"op": "call", "name": "git_status", "arguments": {"repo_path": "FOLDER"}},
        {"op": "call", "name": "git_add", "arguments": {"repo_path": "FOLDER", "files": ["b.txt"]}},
        {"op": "call", "name": "git_diff_staged", "arguments": {"repo_path": "FOLDER"}},
        {"op": "call", "name": "git_log", "arguments": {"repo_path": "FOLDER"}},
        {"op": "call", "name": "git_show", "arguments": {"repo_path": "FOLDER", "revision": "no-such-revision"}}
    ]"#;
    let repository = |folder: &Path| {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            for name in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{name}_NAME"), "t").env(format!("GIT_{name}_EMAIL"), "t@example.org");
                command.env(format!("GIT_{name}_DATE"), "2026-01-01T00:00:00Z");
            }
            assert!(command.arg("-C").arg(folder).args(arguments).status().unwrap().success());
        };
        std::fs::write(folder.join("a.txt"), "a\n").unwrap();
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "a.txt"]);
        git(&["commit", "--quiet", "--no-gpg-sign", "-m", "first"]);
        std::fs::write(folder.join("b.txt"), "b\n").unwrap();
        Counterpart::Git.line().arg("--repository").arg(folder)
    };
    same_results(&[TypescriptV2, PythonMcp], |folder| script.replace("FOLDER", folder), repository);
}

#[test]
fn mcp_server_sqlite() {
    let script = r#"[
        {"op": "list", "what": "tools"},
        {"op": "call", "name": "create_table", "arguments": {"query": "CREATE TABLE t (n INTEGER, s TEXT)"}},
        {"op": "call", "name": "write_query", "arguments": {"query": "INSERT INTO t VALUES (1, 'one'), (2, 'zwölf')"}},
        {"op": "call", "name": "read_query", "arguments": {"query": "SELECT * FROM t ORDER BY n"}},
        {"op": "call", "name": "list_tables"},
        {"op": "call", "name": "describe_table", "arguments": {"table_name": "t"}},
        {"op": "call", "name": "append_insight", "arguments": {"insight": "few rows"}},
        {"op": "read", "uri": "memo://insights"},
        {"op": "call", "name": "read_query", "arguments": {"query": "SELECT * FROM nothing"}}
    ]"#;
    let database = |folder: &Path| Counterpart::Sqlite.line().arg("--db-path").arg(folder.join("t.db"));
    same_results(&[TypescriptV1, PythonMcp], |_| script.into(), database);
}

#[test]
fn mcp_server_fetch() {
    let script = r#"[{"op": "list", "what": "tools"}, {"op": "list", "what": "prompts"}]"#;
    same_results(&[TypescriptV1, PythonFastmcp], |_| script.into(), |_| Counterpart::Fetch.line());
}

/// The Rust SDK as a client of other people's servers.
#[test]
fn rmcp_as_client() {
    let script = r#"[
        {"op": "list", "what": "tools"}, {"op": "list", "what": "prompts"}, {"op": "list", "what": "resources"},
        {"op": "call", "name": "echo", "arguments": {"message": "grüezi"}},
        {"op": "call", "name": "get-structured-content", "arguments": {"location": "Chicago"}},
        {"op": "call", "name": "no-such-tool"}
    ]"#;
    same_results(&[Rmcp], |_| script.into(), |_| Counterpart::Everything.line());
    same_results(&[Rmcp], |_| r#"[{"op": "list", "what": "tools"}]"#.into(), |_| Counterpart::Fetch.line());
}

/// The Rust SDK as a server, on stdio and over HTTP.
#[test]
fn rmcp_as_server() {
    let script = r#"[
        {"op": "list", "what": "tools"},
        {"op": "call", "name": "add", "arguments": {"a": 9007199254740993, "b": -1}},
        {"op": "call", "name": "measure", "arguments": {"text": "zwölf \u0000"}},
        {"op": "call", "name": "fail"},
        {"op": "call", "name": "add", "arguments": {"a": "one"}},
        {"op": "call", "name": "no_such_tool"}
    ]"#;
    same_results(&[TypescriptV1, TypescriptV2, Rmcp], |_| script.into(), |_| Counterpart::Rmcp.line().arg("--stdio"));
    let server = Server::start_ours(&Counterpart::Rmcp.line());
    through_http(&server, script, "auto", &[TypescriptV1, TypescriptV2, PythonMcp, Rmcp]);
}

/// Sampling, elicitation, roots, subscriptions, progress, cancellation, input_required, over HTTP in the server's era.
#[test]
fn everything_that_the_fixtures_do() {
    let cases = [
        (Counterpart::FixtureSession, "fixture.json", "auto", &ALL[..]),
        (Counterpart::FixtureStateless, "fixture.json", "auto", &ALL[..]),
        (Counterpart::FixtureSession, "session.json", "legacy", &[TypescriptV1, TypescriptV2]),
        (Counterpart::FixtureStateless, "stateless.json", "2026-07-28", &[TypescriptV2]),
    ];
    for (counterpart, script, era, drivers) in cases {
        through_http(&Server::start_ours(&counterpart.line()), script, era, drivers);
    }
}

/// Runs a script directly and through the gateway, which reaches the server over HTTP.
fn through_http(server: &Server, script: &str, era: &str, drivers: &[Driver]) {
    // In the quickstart profile a server may not use the model unasked.
    let observed = "[policies.modes]\n\"holdshort.rules.server_requests\" = \"observe\"\n";
    let upstream = gateway::http_upstream("fixture", server.url(), "");
    let home = home("workspace = \"/workspace\"", &format!("{observed}{upstream}"));
    let gateway = Gateway::start(&home);
    let token = register(&home, "client");
    for &driver in drivers {
        let script = || Script::new(driver, script).era(era);
        let direct = script().against(server);
        let through = script().token(&token).url(&gateway.url("fixture"));
        let nowhere = Path::new("/no/such/folder");
        assert_same(driver, "the gateway", &report(&direct, nowhere), &report(&through, nowhere));
        assert_eq!(direct["asked"], through["asked"], "{driver:?}");
    }
}
