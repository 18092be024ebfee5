//! What people write every day shows no sign: this repository's own documentation and sources.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads files")]

use holdshort_detect::{Detectors, Parts};
use std::fs;
use std::path::{Path, PathBuf};

fn texts(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        // The detectors' own tests are full of what they look for.
        if path.ends_with("core/detect") || path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            texts(&path, out);
        } else if path.extension().is_some_and(|kind| ["md", "rs", "toml", "rego"].iter().any(|one| kind == *one)) {
            out.push(path);
        }
    }
}

#[test]
fn documentation_and_sources_hold_no_secret_and_no_mark() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let detectors = Detectors::new(Parts::default()).unwrap();
    let mut files = Vec::new();
    for folder in ["docs", "crates", "policies", "profiles"] {
        texts(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    for path in files {
        let found = detectors.scan_parts(&[fs::read_to_string(&path).unwrap()], false);
        let rules: Vec<&str> = found.secrets.iter().map(|secret| secret.rule.as_str()).collect();
        // The retold incidents quote the sample key of a scenario, and it is found there.
        let sample: &[&str] = if path.ends_with("incidents-retold.md") { &["generic-api-key"] } else { &[] };
        assert_eq!(rules, sample, "{}", path.display());
        assert_eq!(found.injection.marks, [], "{}", path.display());
    }
}
