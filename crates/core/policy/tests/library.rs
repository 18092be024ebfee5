//! The policies that are shipped in `policies/`.

use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};

fn library() -> Bundle {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../policies");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rego") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push(SourceFile { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
    Bundle { files, data: serde_json::Value::Null }
}

#[test]
fn the_library_loads_and_its_examples_hold() {
    if let Err(faults) = PolicySet::load(&library(), &LoadOptions::default()) {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", texts.join("\n"));
    }
}
