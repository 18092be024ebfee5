//! Loading a hostile bundle ends in a set or in diagnostics, never in a panic or an endless loop.
#![no_main]

use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use libfuzzer_sys::fuzz_target;

const HEAD: &str = "# METADATA\n# title: T\npackage holdshort.rules.t\n";

fuzz_target!(|text: &str| {
    for text in [text.to_owned(), format!("{HEAD}{text}")] {
        let files = vec![SourceFile { path: "t.rego".to_owned(), text }];
        let _ = PolicySet::load(&Bundle { files, data: serde_json::Value::Null }, &LoadOptions::default());
    }
});
