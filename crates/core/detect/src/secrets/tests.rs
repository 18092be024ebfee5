use super::*;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::bytes_regex;
use proptest::test_runner::TestRunner;

const ASIDE: [(&str, &str); 22] = [
    (r#"(?:[\x60'"\s;]|\\[nr]|$|\b)"#, ";"),
    (r"\b", ""),
    (r"(?:\B|\s|\z)", " "),
    (r"(?:[^a-zA-Z0-9+/]|\z)", " "),
    (r"(?:[^\w-]|\z)", " "),
    (r"(?:\s|\z)", " "),
    (r"(?:$|[\\'", r"(?:[\\'"),
    ("(?:^|[", "(?:["),
    (r"[\/|\#|\?|:]|$", "/"),
    (r"[\S]", "[!-~]"),
    ("(?s:.)", r"[ -~\n]"),
    (".{8,}", "[a-zA-Z0-9]{8,}"),
    ("{0,20})[", "{0,12})["),
    (r"[\w.=-]", "[a-zA-Z0-9]"),
    (r"[\w=\-]", "[a-zA-Z0-9]"),
    (r"[a-z0-9=_\-]", "[a-z0-9]"),
    ("hooks.slack.com", r"hooks\.slack\.com"),
    (r"\r\n]{40", "]{40"),
    (r#"|\{\{[ \t\w"|$:=,.-]+}}|""|''"#, ""),
    (".contribsys.", r"\.contribsys\."),
    ("xoxe.xox", r"xoxe\.xox"),
    (r"|\|\||:|=>|\?=|,)", "|:|=>)"),
];

fn found(text: &str) -> Vec<&'static str> {
    let mut hits = Vec::new();
    assert!(find(builtin().unwrap(), text, &mut Fuel::new(text.len()), &mut hits), "{text}");
    hits.into_iter().map(|hit| hit.rule).collect()
}

// Texts that a rule's own expression generates are found by the rule: around the keyword is enough, nothing is skipped.
// Some drawn values are let pass, rightly: too little entropy, or a word in them.
#[test]
fn what_a_rule_describes_is_found() {
    const DRAWN: usize = 16;
    let (mut drawn, mut hits, mut silent) = (0, 0, Vec::new());
    for rule in &builtin().unwrap().rules {
        // What may be any byte is drawn from printable ones, borders are a blank or a semicolon.
        let pattern = ASIDE
            .iter()
            .fold(rule.pattern().replace(rule::BORDER_WIDE, ";"), |pattern, (from, to)| pattern.replace(from, to));
        let strategy = bytes_regex(&format!("(?-u){pattern}")).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let mut runner = TestRunner::deterministic();
        let mut of_rule = 0;
        for _ in 0..DRAWN {
            let bytes = strategy.new_tree(&mut runner).unwrap().current();
            let text: String =
                bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' }).collect();
            // Keywords that stand apart from the token.
            let text = format!("airtable cloudflare facebook sourcegraph x {text} and so on");
            of_rule += usize::from(found(&text).contains(&rule.id.as_str()));
        }
        (drawn, hits) = (drawn + DRAWN, hits + of_rule);
        if of_rule * 4 < DRAWN {
            silent.push(format!("{} {of_rule}/{DRAWN}", rule.id));
        }
    }
    assert!(silent.is_empty() && hits * 100 >= drawn * 97, "{hits} of {drawn}; {silent:?}");
}

#[test]
fn secrets_are_found_in_prose_urls_and_json() {
    let key = ["9f3KqL0x", "Z27vBn4M", "8sTtQw"].concat();
    for text in [
        format!("the api_key is api_key={key}."),
        format!("https://x.example/?token={key}&a=b"),
        format!(r#"{{"client_secret": "{key}", "a": 1}}"#),
        format!(r#"{{\"client_secret\": \"{key}\", \"a\": 1}}"#),
        format!("password: {key}\n"),
        format!("<password>{key}</password>"),
    ] {
        assert_eq!(found(&text), ["generic-api-key"], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_let_pass() {
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "api_key = \"YOUR_API_KEY_1234567890\"",
        "token=${GITHUB_TOKEN} secret: {{ vault.secret1 }} key=<your-key-here-2>",
        "key: 61cbab5d0f3a7be2f34f26c1e1d1f8f1f54c2d19",
        "idempotency_key: 123e4567-e89b-12d3-a456-426614174000",
        "nextPageToken=\"CAUQAA8f3KqL0xZ27vBn\"",
        "cache-key: linux-rust-1.91-v2",
        "the token, authentication2024 and the key > 10 are words",
        "let key = Sha256::digest(b\"x\"); secret: config.get(\"a1\")",
        "https://github.com/rust-lang/rust/commit/61cbab5d0f3a7be2f34f26c1e1d1f8f1f54c2d19",
        "sha512-9fQ1ZC4nVqm6N3hGkqgJ8m1m0t1dYwzQ4cKf3yqUuF2nV9bTg5k0XxS7p8LrEeWj6aHiOoMlD3vBsCzPqRtYuA==",
        "password: \"correct horse\" password = \"administrator\"",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}
