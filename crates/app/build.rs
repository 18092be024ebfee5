//! Embeds the policy library: one list of (path, text), made anew whenever something below `policies/` changes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name.to_owned()));
    let library = variable("CARGO_MANIFEST_DIR")?.join("../../policies");
    let mut files = Vec::new();
    collect(&library, &mut files)?;
    files.sort();
    let mut list = String::from("[\n");
    for file in &files {
        let name = file.strip_prefix(&library).map_err(io::Error::other)?;
        let absolute = fs::canonicalize(file)?;
        let _ = writeln!(
            list,
            "    ({:?}, include_str!({:?})),",
            name.display().to_string(),
            absolute.display().to_string()
        );
    }
    list.push_str("]\n");
    fs::write(variable("OUT_DIR")?.join("library.rs"), list)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    // Cargo watches a directory with everything below it.
    println!("cargo::rerun-if-changed={}", directory.display());
    if !directory.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rego") {
            files.push(path);
        }
    }
    Ok(())
}
