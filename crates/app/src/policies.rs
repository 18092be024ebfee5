//! Where policies come from: the embedded library and directories.

use crate::config::{Loaded, ModeChoice};
use crate::failure::{Failure, io_failure};
use holdshort_model::Mode;
use holdshort_policy::{Bundle, Diagnostic, LoadOptions, PolicySet, SourceFile};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The policy library `policies/` as it was when this program was built: path, text.
const LIBRARY: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// Deepest folder that is looked into, so that a loop of links ends.
const DEPTH_MAX: u32 = 16;
/// Most files that are read from one directory; the engine has its own limit beside it.
const FILES_MAX: usize = 4_096;

/// Faults that are shown at once; the first ones usually explain the rest.
const FAULTS_SHOWN_MAX: usize = 20;

/// Reads everything that the configuration names.
pub(crate) fn bundle(loaded: &Loaded) -> Result<Bundle, Failure> {
    let mut files = Vec::new();
    if loaded.config.policies.builtin {
        let builtin =
            |(path, text): &(&str, &str)| SourceFile { path: format!("builtin/{path}"), text: (*text).into() };
        files.extend(LIBRARY.iter().map(builtin));
    }
    for path in &loaded.config.policies.paths {
        collect(path, &loaded.resolve(path), 0, &mut files)?;
    }
    let data = &loaded.config.policies.data;
    Ok(Bundle { files, data: if data.is_empty() { Value::Null } else { Value::Object(data.clone()) } })
}

/// Reads one directory, as `policy test DIR` does.
pub(crate) fn bundle_of(directory: &Path) -> Result<Bundle, Failure> {
    let mut files = Vec::new();
    collect(Path::new(""), directory, 0, &mut files)?;
    if files.is_empty() {
        return Err(Failure::usage(format!("there is no policy below `{}`", directory.display()))
            .hint("policies are files that end in `.rego`"));
    }
    Ok(Bundle { files, data: Value::Null })
}

/// How policies are loaded: one copy of the compiled programs for each core.
pub(crate) fn options(loaded: &Loaded) -> LoadOptions {
    let modes = loaded.config.policies.modes.iter().map(|(name, mode)| (name.clone(), Mode::from(*mode))).collect();
    let replicas = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    LoadOptions { modes, default_mode: loaded.config.policies.mode.map(Mode::from), replicas }
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Observe => Self::Observe,
            ModeChoice::Enforce => Self::Enforce,
        }
    }
}

/// Loads the policies that the configuration names.
///
/// # Errors
/// Exit code 64 with each fault: file, line, hint.
pub(crate) fn load(loaded: &Loaded) -> Result<PolicySet, Failure> {
    PolicySet::load(&bundle(loaded)?, &options(loaded)).map_err(|faults| refused(&faults))
}

/// A bundle that does not load.
pub(crate) fn refused(faults: &[Diagnostic]) -> Failure {
    let lines: Vec<String> = faults.iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
    let more = faults.len().saturating_sub(FAULTS_SHOWN_MAX);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    Failure::config(format!("the policies do not load:\n  {}{more}", lines.join("\n  ")))
}

/// Reads `directory`; `shown` stands for it in the names of the files.
fn collect(shown: &Path, directory: &Path, depth: u32, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    if depth > DEPTH_MAX || files.len() > FILES_MAX {
        return Err(Failure::config(format!("`{}` is too deep or has too many files", directory.display())));
    }
    let unreadable = |error| Failure::config(format!("cannot read the policies in `{}`: {error}", directory.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name());
    }
    names.sort();
    for name in names {
        let (path, shown) = (directory.join(&name), shown.join(&name));
        if path.is_dir() {
            collect(&shown, &path, depth + 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rego") {
            let text = fs::read_to_string(&path).map_err(io_failure("read", &path))?;
            files.push(SourceFile { path: shown.display().to_string(), text });
        }
    }
    Ok(())
}
