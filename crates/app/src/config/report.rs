//! What `config check` finds beside what a start would find first: everything at once, each with its place in the file.

use crate::failure::Failure;
use std::fmt::Display;
use std::path::Path;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Something that cannot work. `place`: the key in the file.
    pub(crate) fn problem(&mut self, place: &str, what: impl Display, hint: &str) {
        let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
        self.problems.push(format!("`{place}`: {what}{hint}"));
    }

    /// Something that works, and may not be what is meant; or that could not be looked at from here.
    pub(crate) fn note(&mut self, place: &str, what: impl Display) {
        self.notes.push(format!("`{place}`: {what}"));
    }

    /// A file that is to be written: its directory is there and can be written, and nothing else stands in its place.
    pub(crate) fn writable(&mut self, place: &str, path: &Path) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display();
        if path.is_dir() {
            return self.problem(place, format_args!("`{shown}` is a directory"), "name a file in it");
        }
        if !folder.is_dir() {
            let missing = format_args!("the directory `{}` is not there", folder.display());
            return self.problem(place, missing, "make it, or correct the path");
        }
        let target = if path.exists() { path } else { folder };
        if let Err(error) = rustix::fs::access(target, rustix::fs::Access::WRITE_OK) {
            let unwritable = format_args!("`{}` cannot be written: {error}", target.display());
            self.problem(place, unwritable, "give it to the user that runs the service");
        }
    }

    /// What works and should be known.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// # Errors
    /// With all problems, when there are some.
    pub(crate) fn finish(self, file: &str) -> Result<(), Failure> {
        match self.problems.as_slice() {
            [] => Ok(()),
            problems => Err(Failure::config(format!("{file}: {}", problems.join(&format!("\n       {file}: "))))
                .hint("docs/reference/configuration.md says what each key takes")),
        }
    }
}
