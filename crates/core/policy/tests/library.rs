//! The policies that are shipped in `policies/`: they load, their examples hold, and the committed matrix is theirs.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: it reads the shipped policies, and failing is its purpose"
)]

use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile, matrix, probes, strictest, test};
use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../policies");
const MATRIX_HEAD: &str = "# What the policies alone say

Grants are not in it: what no grant covers is refused besides. Probes: `matrix.json`; `crm` is a server of the CRM and
`corp.example` is inside. Written by `cargo test -p holdshort-policy --test library -- --ignored`.

";

fn library(data: Value) -> Bundle {
    let folders = [FOLDER.to_owned(), format!("{FOLDER}/flow")];
    let paths = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|end| end == "rego")).map(|path| SourceFile {
        path: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
    });
    Bundle { files: files.collect(), data }
}

fn load(data: Value) -> PolicySet {
    PolicySet::load(&library(data), &LoadOptions::default()).unwrap_or_else(|faults| {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", texts.join("\n"));
    })
}

fn table() -> String {
    let set = load(json!({"crm_servers": ["crm"], "internal_domains": ["corp.example"]}));
    let probes = probes(&std::fs::read_to_string(format!("{FOLDER}/matrix.json")).unwrap()).unwrap();
    format!("{MATRIX_HEAD}{}", matrix(&["coding", "support", "unknown"], &probes, |facts| strictest(&set, facts)))
}

#[test]
fn the_library_loads_and_every_policy_is_guarded() {
    let set = load(Value::Null);
    assert_eq!(set.policies().len(), 25);
    for policy in set.policies() {
        assert_ne!(policy.guard, "always", "{}", policy.id);
        assert!(!policy.description.is_empty() && !policy.frameworks.is_empty(), "{}", policy.id);
    }
}

#[test]
fn every_example_passes_and_is_reported() {
    let reports = test(&library(Value::Null)).unwrap();
    assert!(reports.iter().all(|report| report.passed() && report.examples.len() > 1), "{reports:#?}");
}

#[test]
fn an_explanation_names_what_ran_and_what_was_left_out() {
    let set = load(Value::Null);
    let text = std::fs::read_to_string(format!("{FOLDER}/matrix.json")).unwrap();
    let probe = probes(&text).unwrap().into_iter().find(|probe| probe.name == "delete 400 mails").unwrap();
    let trace = set.explain(&probe.facts).unwrap();
    assert_eq!(trace.findings, set.evaluate(&probe.facts).unwrap());
    assert!(trace.evaluated.contains(&"holdshort.rules.mass_delete".to_owned()));
    let left_out = trace.excluded.iter().find(|left| left.policy == "holdshort.rules.changed_tool").unwrap();
    assert_eq!(left_out.guard, "tool.pin is changed; tool.pin is shadowed");
}

#[test]
fn many_threads_get_the_same_answer() {
    let options = LoadOptions { replicas: 2, ..LoadOptions::default() };
    let set = PolicySet::load(&library(Value::Null), &options).unwrap();
    let probes = probes(&std::fs::read_to_string(format!("{FOLDER}/matrix.json")).unwrap()).unwrap();
    let expected: Vec<_> = probes.iter().map(|probe| set.evaluate(&probe.facts).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (probe, expected) in probes.iter().zip(&expected).cycle().take(500) {
                    assert_eq!(&set.evaluate(&probe.facts).unwrap(), expected, "{}", probe.name);
                }
            });
        }
    });
}

#[test]
fn the_matrix_is_current() {
    let committed = std::fs::read_to_string(format!("{FOLDER}/MATRIX.md")).unwrap_or_default();
    assert_eq!(committed, table(), "run `cargo test -p holdshort-policy --test library -- --ignored`");
}

#[test]
#[ignore = "writes policies/MATRIX.md"]
fn write_the_matrix() {
    std::fs::write(format!("{FOLDER}/MATRIX.md"), table()).unwrap();
}
