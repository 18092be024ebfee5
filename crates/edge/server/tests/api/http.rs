//! What the API refuses, and the rest of its routes.

use crate::support::{ADMIN, World, request};
use holdshort_api::{OPENAPI, RecordsQuery};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const HOST: &str = "host: 127.0.0.1:7070";

fn bearer() -> String {
    format!("authorization: Bearer {ADMIN}")
}

async fn check(world: &World, line: &str, headers: &[&str], body: &[u8], status: u16, code: &str, words: &str) {
    let head = format!("{line} HTTP/1.1\n{}\ncontent-length: {}", headers.join("\n"), body.len());
    let (found, head, answer) = world.raw(&head, body).await;
    let text = answer.to_string();
    let shown = text.chars().take(300).collect::<String>();
    assert_eq!((found, &answer["error"]["code"]), (status, &Value::from(code)), "{line} {headers:?}: {shown}");
    assert!(text.contains(words), "{line}: `{words}` is not in {shown}");
    assert!(head.contains("x-content-type-options: nosniff") && head.contains("cache-control: no-store"), "{head}");
}

#[tokio::test]
async fn requests_that_are_refused() {
    let world = World::start().await;
    let bearer = bearer();
    let json = "content-type: application/json";
    let good = serde_json::to_vec(&request("a", "s", "read")).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let decide = "POST /v1/decide";
    let typo = text.replace("\"session\":", "\"sesion\":");
    let kind = text.replace("tool.call", "tool.cal");
    let twice = text.replacen('{', "{\"session\":\"t\",", 1);
    let deep = text.replace("\"/w/a.txt\"", &format!("{}{}", "[".repeat(200), "]".repeat(200)));
    let large = vec![b' '; 8 * 1024 * 1024 + 1];
    let all = [HOST, bearer.as_str(), json];
    for (line, headers, body, status, code, words) in [
        // Who.
        (decide, vec![HOST, json], good.as_slice(), 401, "unauthorized", "Authorization: Bearer"),
        (decide, vec![HOST, json, "authorization: Bearer wrong"], &good, 401, "unauthorized", "not good"),
        (decide, vec![HOST, json, "authorization: Basic YTpi"], &good, 401, "unauthorized", "Bearer"),
        (decide, vec![HOST, json, &bearer, "authorization: Bearer x"], &good, 401, "unauthorized", "two"),
        ("GET /v1/agents", vec![HOST], b"", 401, "unauthorized", "token"),
        ("GET /metrics", vec![HOST], b"", 401, "unauthorized", "token"),
        ("GET /log/checkpoint", vec![HOST], b"", 401, "unauthorized", "token"),
        // From where.
        (decide, vec!["host: evil.example", &bearer, json], &good, 403, "foreign-origin", "Host"),
        (decide, vec!["host: 127.0.0.1.evil.example", &bearer, json], &good, 403, "foreign-origin", "Host"),
        (decide, vec![HOST, HOST, &bearer, json], &good, 403, "foreign-origin", "Host"),
        (decide, vec![HOST, &bearer, json, "origin: http://evil.example"], &good, 403, "foreign-origin", "Origin"),
        (decide, vec![HOST, &bearer, json, "origin: null"], &good, 403, "foreign-origin", "Origin"),
        ("GET /healthz", vec!["host: evil.example"], b"", 403, "foreign-origin", "Host"),
        ("GET http://evil.example/healthz", vec![HOST], b"", 403, "foreign-origin", "target"),
        // What.
        (decide, vec![HOST, &bearer], &good, 415, "unsupported-media-type", "application/json"),
        (decide, vec![HOST, &bearer, "content-type: text/plain"], &good, 415, "unsupported-media-type", "JSON"),
        (decide, all.to_vec(), b"{", 400, "unparseable", "line 1"),
        (decide, all.to_vec(), b"[]", 400, "unparseable", "wrong"),
        (decide, all.to_vec(), b"\xff", 400, "unparseable", "wrong"),
        (decide, all.to_vec(), typo.as_bytes(), 400, "unparseable", "did you mean `session`?"),
        (decide, all.to_vec(), kind.as_bytes(), 400, "unparseable", "did you mean `tool.call`?"),
        (decide, all.to_vec(), twice.as_bytes(), 400, "unparseable", "duplicate field"),
        (decide, all.to_vec(), deep.as_bytes(), 400, "unparseable", "recursion"),
        (decide, all.to_vec(), &large, 413, "oversize", "larger"),
        ("POST /v1/agents", all.to_vec(), &large[..65_537], 413, "oversize", "larger"),
        ("GET /v1/records?limit=0", all.to_vec(), b"", 400, "bad-request", "1 to 1000"),
        ("GET /v1/records?limit=1001", all.to_vec(), b"", 400, "bad-request", "1 to 1000"),
        ("GET /v1/records?form=1", all.to_vec(), b"", 400, "bad-request", "did you mean `from`?"),
        ("DELETE /v1/agents/a/tokens/x", all.to_vec(), b"", 400, "bad-request", "sha256"),
        ("DELETE /v1/agents/%ff", all.to_vec(), b"", 400, "bad-request", "UTF-8"),
        // Where to.
        ("GET /v1/decisions", all.to_vec(), b"", 404, "not-found", "openapi"),
        ("GET /v1/decide", all.to_vec(), b"", 405, "method-not-allowed", "methods"),
    ] {
        check(&world, line, &headers, body, status, code, words).await;
    }
    assert!(world.tape.of_type("decision").is_empty());
    check(&world, "POST /v1/policies/reload", &[HOST], b"", 401, "unauthorized", "token").await;
    let origin = "origin: https://console.example";
    let headers = ["host: console.example", &bearer, json, origin].join("\n");
    let head = format!("{decide} HTTP/1.1\n{headers}\ncontent-length: {}", good.len());
    assert_eq!(world.raw(&head, &good).await.0, 200);
}

#[tokio::test]
async fn the_log_is_served_and_nothing_beside_it() {
    let world = World::start().await;
    let log = world.dir.join("log");
    std::fs::create_dir_all(log.join("tile/0")).unwrap();
    std::fs::create_dir_all(log.join("records")).unwrap();
    for (name, text) in [
        ("checkpoint", "note"),
        ("log.pub", "key"),
        ("log.key", "secret"),
        ("records/0", "secret"),
        ("tile/0/000", "tile"),
    ] {
        std::fs::write(log.join(name), text).unwrap();
    }
    let client = world.operator();
    for (name, text) in [("checkpoint", "note"), ("log.pub", "key"), ("tile/0/000", "tile")] {
        assert_eq!(client.log_file(name).await.unwrap().unwrap(), text);
    }
    for name in [
        "log.key",
        "records/0",
        "../state.db",
        "..%2fstate.db",
        "tile/..%2f..%2f..%2fstate.db",
        "%2e%2e/state.db",
        "tile/0/001",
        "tile/0/000/x",
        "checkpoint%00",
        "tile%2f0%2f000%2f..%2f..%2f..%2flog.key",
        "tile/0/",
    ] {
        assert_eq!(client.log_file(name).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn records_come_in_pages() {
    let world = World::start().await;
    let client = world.operator();
    for _ in 0..5 {
        client.decide(&request("a", "s", "read")).await.unwrap();
    }
    let query = RecordsQuery { from: Some(2), limit: Some(3), ..RecordsQuery::default() };
    let page = client.records(&query).await.unwrap();
    assert_eq!(page.records.iter().map(|entry| entry.index).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(page.next, Some(5));
    let rest = client.records(&RecordsQuery { from: page.next, ..RecordsQuery::default() }).await.unwrap();
    assert_eq!((rest.records.len(), rest.next), (2, None));
}

#[tokio::test]
async fn every_route_of_the_contract_answers_and_no_other() {
    let world = World::start().await;
    let contract: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = contract["paths"].as_object().unwrap();
    assert!(paths.len() >= 19, "{} paths", paths.len());
    for (path, item) in paths {
        for method in ["get", "post", "delete"] {
            let path = path.replace("{id}", "a").replace("{hash}", "h").replace("{name}", "checkpoint");
            let head = format!("{} {path} HTTP/1.1\n{HOST}\ncontent-length: 0", method.to_uppercase());
            // Without a credential: a route that is there says 401 or answers, one that is not says 404 or 405.
            let (status, ..) = if path == "/v1/events" { continue } else { world.raw(&head, b"").await };
            let there = !matches!(status, 404 | 405);
            assert_eq!(there, item.get(method).is_some(), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn decisions_are_told_as_they_become_durable() {
    let world = World::start().await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let head = format!("GET /v1/events HTTP/1.1\r\n{HOST}\r\n{}\r\n\r\n", bearer());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    // The head of the answer comes after the listener was put on the list.
    while lines.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
    let ruling = world.operator().decide(&request("a", "s", "wipe")).await.unwrap();
    let mut event = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        event.push(line);
        if event.last().is_some_and(|line| line.starts_with("data: ")) {
            break;
        }
    }
    let data = event.iter().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["id"], &data["enforced"]), (&Value::from(ruling.decision.id.to_string()), &"deny".into()));
    assert!(event.contains(&"event: decision".to_owned()), "{event:?}");
    // The end of the service ends the stream.
    world.stop().await;
    while lines.next_line().await.ok().flatten().is_some() {}
}
