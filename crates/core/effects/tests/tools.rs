//! The reading of real tools against a table of what they do, with its accuracy.

use holdshort_effects::{Source, classify};
use holdshort_model::Verb;
use serde_json::json;

/// Where a tool that changes something would be taken for one that reads, or a removal for something milder.
fn is_dangerous(expected: &[&str], found: &[&str]) -> bool {
    let harmless = |verbs: &[&str]| verbs.iter().all(|verb| *verb == "read");
    harmless(found) && !harmless(expected) || expected.contains(&"delete") && !found.contains(&"delete")
}

#[test]
fn real_tools() {
    let rows: Vec<Vec<&str>> = include_str!("data/tools.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    let (mut right, mut misses, mut dangerous) = (0, Vec::new(), Vec::new());
    for row in &rows {
        let [server, name, description, expected] = row[..] else { panic!("{row:?}") };
        let known_miss = expected.ends_with('!');
        let definition = json!({"name": name, "description": description, "inputSchema": {"type": "object"}});
        let classified = classify(name, Some(&definition), false);
        let mut found: Vec<&str> = classified.verbs.iter().map(|verb: &Verb| verb.as_str()).collect();
        found.sort_unstable();
        let found = if classified.source == Source::Nothing { vec!["?"] } else { found };
        let wanted: Vec<&str> = expected.trim_end_matches('!').split('+').collect();
        if found == wanted {
            right += 1;
            assert!(!known_miss, "{server}/{name} is read correctly now: remove its mark");
            continue;
        }
        let line = format!("{server}/{name}: found {}, expected {expected}", found.join("+"));
        if is_dangerous(&wanted, &found) && !known_miss {
            dangerous.push(line.clone());
        }
        misses.push(line);
    }
    println!("{right} of {} tools are read as labelled; misses:\n{}", rows.len(), misses.join("\n"));
    assert!(rows.len() >= 120, "{} tools", rows.len());
    assert!(right * 100 >= rows.len() * 93, "only {right} of {}: {misses:#?}", rows.len());
    assert!(dangerous.is_empty(), "{dangerous:#?}");
}
