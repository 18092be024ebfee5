//! ARCHITECTURE.md is true: its table of edges is what cargo knows, and its code map names every crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crate to the crates of ours that it depends on, names without `holdshort-`.
type Edges = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn short(package: &str) -> Option<String> {
    match package {
        "holdshort" => Some("app".into()),
        other => other.strip_prefix("holdshort-").map(str::to_owned),
    }
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Edges of what is built into the product: tests may lean on more, the product may not.
fn edges_of_cargo() -> Edges {
    let metadata = metadata();
    let mut edges = Edges::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = short(package["name"].as_str().unwrap()) else { continue };
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let linked = dependencies.filter(|dependency| dependency["kind"].is_null());
        let ours = linked.filter_map(|dependency| short(dependency["name"].as_str().unwrap())).collect();
        edges.insert(name, ours);
    }
    edges
}

/// The rows between `<!-- edges -->` and `<!-- /edges -->`: `| crate | dependencies |`.
fn edges_of_document(text: &str) -> Edges {
    let (_, table) = text.split_once("<!-- edges -->").expect("ARCHITECTURE.md has a table of edges");
    let (table, _) = table.split_once("<!-- /edges -->").expect("the table of edges ends");
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| crate"));
    let mut edges = Edges::new();
    for row in rows {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let (name, dependencies) = (cells.next().unwrap(), cells.next().unwrap());
        let dependencies = dependencies.split(',').map(str::trim).filter(|name| *name != "-").map(str::to_owned);
        assert!(edges.insert(name.to_owned(), dependencies.collect()).is_none(), "`{name}` stands there twice");
    }
    edges
}

#[test]
fn the_table_of_edges_is_what_cargo_knows() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (documented, real) = (edges_of_document(&text), edges_of_cargo());
    for (name, dependencies) in &real {
        let row = documented.get(name).unwrap_or_else(|| panic!("`{name}` has no row in ARCHITECTURE.md"));
        assert_eq!(dependencies, row, "edges of `{name}`: left is cargo, right is ARCHITECTURE.md");
    }
    let gone: Vec<_> = documented.keys().filter(|name| !real.contains_key(*name)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names crates that do not exist: {gone:?}");
}

#[test]
fn the_core_touches_no_socket_no_file_and_no_database() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let path = package["manifest_path"].as_str().unwrap();
        if !path.contains("/crates/core/") {
            continue;
        }
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        for dependency in dependencies.filter(|dependency| dependency["kind"].is_null()) {
            let (package, name) = (package["name"].as_str().unwrap(), dependency["name"].as_str().unwrap());
            let forbidden = ["tokio", "hyper", "axum", "rusqlite", "rustix", "getrandom", "rand", "reqwest", "mio"];
            assert!(!forbidden.contains(&name), "`{package}` is core and depends on `{name}`");
            assert!(name != "regorus" || package == "holdshort-policy", "only `policy` links a policy engine");
        }
    }
}

#[test]
fn every_path_in_the_code_map_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|path| path.contains('/') && path.ends_with(['/', 's', 'd']))
        .filter(|path| path.starts_with("crates/") || path.starts_with("docs/") || path.starts_with("testkit/"))
        .collect();
    assert!(paths.len() > 10, "the code map names the crates");
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names `{path}`, which does not exist");
    }
}
