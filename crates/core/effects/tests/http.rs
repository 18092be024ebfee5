//! Effects of HTTP requests: verbs by method, places by address.

use holdshort_effects::{Catalog, LabelRule, Question, effects_of, http::effects};
use holdshort_model::{ActionKind, Certainty, Verb};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn methods() {
    for (method, expected) in [
        ("GET", vec![Verb::Read, Verb::Send]),
        ("head", vec![Verb::Read, Verb::Send]),
        ("POST", vec![Verb::Write, Verb::Send]),
        ("PATCH", vec![Verb::Write, Verb::Send]),
        ("DELETE", vec![Verb::Delete, Verb::Send]),
        ("CONNECT", vec![Verb::Execute, Verb::Send]),
        ("PURGE", vec![Verb::Execute, Verb::Send]),
        ("", vec![Verb::Execute, Verb::Send]),
        ("GET ", vec![Verb::Execute, Verb::Send]),
    ] {
        let found = effects(method, "https://api.example.com/x");
        assert_eq!(found.iter().map(|effect| effect.verb).collect::<Vec<_>>(), expected, "{method}");
        assert!(found.iter().all(|effect| effect.resource.host.as_deref() == Some("api.example.com")));
        let proven = found.iter().all(|effect| effect.certainty == Certainty::Derived);
        assert_eq!(proven, expected[0] != Verb::Execute, "{method}");
    }
}

#[test]
fn places() {
    for (url, expected) in [
        ("https://example.com/", ""),
        ("http://8.8.8.8/", ""),
        ("http://127.0.0.1:80/", "loopback private-network"),
        ("http://localhost/", "loopback private-network"),
        ("http://a.localhost./", "loopback private-network"),
        ("http://0/", "loopback private-network"),
        ("http://2130706433/", "loopback private-network"),
        ("http://0x7f.1/", "loopback private-network"),
        ("http://0177.0.0.1/", "loopback private-network"),
        ("http://[::1]/", "loopback private-network"),
        ("http://[::ffff:127.0.0.1]/", "loopback private-network"),
        ("http://10.1.2.3/", "private-network"),
        ("http://172.31.0.1/", "private-network"),
        ("http://172.32.0.1/", ""),
        ("http://100.64.0.1/", "private-network"),
        ("http://[fd00::1]/", "private-network"),
        ("http://[fe80::1]/", "private-network"),
        ("http://[64:ff9b::a00:1]/", "private-network"),
        ("http://[2002:a00:1::]/", "private-network"),
        ("http://[2606:4700::1111]/", ""),
        ("http://169.254.169.254/latest/meta-data", "metadata-service private-network"),
        ("http://2852039166/", "metadata-service private-network"),
        ("http://[::ffff:a9fe:a9fe]/", "metadata-service private-network"),
        ("http://[64:ff9b::a9fe:a9fe]/", "metadata-service private-network"),
        ("http://metadata.google.internal/", "metadata-service private-network"),
        ("http://good.com@169.254.169.254/", "metadata-service private-network"),
        ("http://intranet/", "private-network"),
        ("http://db.internal/", "private-network"),
        ("http://internal.example.com/", ""),
        ("http://notlocalhost.com/", ""),
    ] {
        let found = effects("GET", url);
        assert_eq!(found[0].resource.labels.join(" "), expected, "{url}");
    }
}

#[test]
fn what_clients_read_in_two_ways_is_unknown() {
    for url in
        ["http://a@b.com/", "http://2130706433/", "http://ex%61mple.com/", "http:\\\\b.com", "http://a.com\\@b.com"]
    {
        assert!(effects("GET", url).iter().all(|effect| effect.certainty == Certainty::Unknown), "{url}");
    }
    for url in ["", "nonsense", "/path", "http://", "javascript:x", "gopher://h/x", "ftp://h/x", "wss://h/x"] {
        assert_eq!(effects("GET", url)[0].certainty, Certainty::Unprovable, "{url}");
    }
    let file = effects("GET", "file:///etc/passwd");
    assert_eq!((file[0].verb, file[0].resource.path.as_deref()), (Verb::Read, Some("/etc/passwd")));
}

#[test]
fn declared_labels_are_added() {
    let rule = LabelRule { resource: "host:10.*".into(), labels: vec!["finance".into()] };
    let catalog = Catalog::new(&[], &[rule]).unwrap();
    let args = json!({"url": "http://10.0.0.1/"});
    let found = effects_of(&Question {
        kind: ActionKind::HttpRequest,
        server: None,
        name: "GET",
        args: &args,
        definition: None,
        trusted: false,
        catalog: &catalog,
        workspace: None,
    });
    assert_eq!(found[0].resource.labels, ["finance", "private-network"]);
}

#[test]
fn the_question_is_answered() {
    let catalog = Catalog::default();
    let ask = |args: &serde_json::Value| {
        effects_of(&Question {
            kind: ActionKind::HttpRequest,
            server: None,
            name: "DELETE",
            args,
            definition: None,
            trusted: false,
            catalog: &catalog,
            workspace: None,
        })
    };
    assert_eq!(ask(&json!({"url": "https://example.com/1"})), effects("DELETE", "https://example.com/1"));
    assert_eq!(ask(&json!({}))[0].certainty, Certainty::Unknown);
}

proptest! {
    #[test]
    fn any_request_is_survived(method in any::<String>(), url in any::<String>()) {
        let rooted = format!("http://{url}");
        prop_assert!(!effects(&method, &url).is_empty() && !effects("GET", &rooted).is_empty());
    }

    // Every notation of an address says the same place.
    #[test]
    fn notations_agree(address in any::<u32>()) {
        let dotted = std::net::Ipv4Addr::from(address);
        let labels = |host: String| effects("GET", &format!("http://{host}/"))[0].resource.labels.clone();
        let plain = labels(dotted.to_string());
        for host in [address.to_string(), format!("{address:#x}"), format!("[::ffff:{dotted}]"), format!("[64:ff9b::{dotted}]")] {
            prop_assert_eq!(&labels(host.clone()), &plain, "{}", host);
        }
    }
}
