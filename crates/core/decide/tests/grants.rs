//! Grants that say nothing are refused at load, with the nearest name.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use holdshort_decide::{GrantEntry, GrantError, Grants, Known};
use serde_json::json;

fn errors(entry: &serde_json::Value) -> Vec<String> {
    let entry: GrantEntry = serde_json::from_value(entry.clone()).unwrap();
    let known =
        Known { classes: Some(&["coding", "office"]), servers: Some(&["files", "github"]), kinds: Some(&["crm"]) };
    let errors = Grants::compile(&[entry], &known).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn dead_configuration_is_refused() {
    let base = json!({"name": "g", "class": "coding", "verbs": ["read"], "resources": ["*"]});
    assert!(errors(&base).is_empty());
    for (key, value, expected) in [
        ("class", json!("codign"), "the class `codign`, which does not exist; did you mean `coding`?"),
        (
            "class",
            json!("zzzzzzzz*"),
            "the class `zzzzzzzz*`, which does not exist; known are `coding`, `office`, `unknown`",
        ),
        ("servers", json!(["file"]), "the server `file`, which does not exist; did you mean `files`?"),
        ("resources", json!(["tool:githib/*"]), "the server `githib`, which does not exist; did you mean `github`?"),
        ("resources", json!(["rcm:*"]), "the kind of resource `rcm`, which does not exist; did you mean `crm`?"),
        ("resources", json!(["file:a"]), "has the resource `file:a` is not absolute"),
        ("verbs", json!([]), "has no verbs"),
        ("resources", json!([]), "has no resources"),
        ("servers", json!([]), "has no servers"),
        ("class", json!(""), "has no class"),
        ("name", json!(""), "has no name"),
    ] {
        let mut entry = base.clone();
        entry[key] = value;
        let found = errors(&entry);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?} lacks {expected}");
    }
    for (key, value) in [
        ("class", json!("unknown")),
        ("class", json!("*")),
        ("class", json!("cod*")),
        ("servers", json!(["git*"])),
        ("resources", json!(["crm:*", "tool:*/x", "method:a/b"])),
    ] {
        let mut entry = base.clone();
        entry[key] = value;
        assert!(errors(&entry).is_empty(), "{entry}");
    }
}

#[test]
fn names_are_unique_and_fields_known() {
    let entry: GrantEntry =
        serde_json::from_value(json!({"name": "g", "class": "c", "verbs": ["read"], "resources": ["*"]})).unwrap();
    let twice = Grants::compile(&[entry.clone(), entry], &Known::default()).unwrap_err();
    assert_eq!(twice, [GrantError::DuplicateName("g".into())]);
    assert!(
        serde_json::from_value::<GrantEntry>(
            json!({"name": "g", "class": "c", "verbs": [], "resources": [], "verb": 1})
        )
        .is_err()
    );
    let schema = serde_json::to_value(schemars::schema_for!(GrantEntry)).unwrap();
    let described = |field: &str| schema["properties"][field]["description"].is_string();
    assert!(["name", "class", "verbs", "resources", "servers", "mode"].into_iter().all(described), "{schema}");
}
