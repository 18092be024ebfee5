//! Why a bundle does not load: one [`Diagnostic`] for each fault, with place and hint.

use std::fmt;

/// A fault of a bundle. A bundle with any diagnostic does not load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Path of the file, as in [`crate::SourceFile::path`]; empty for faults of the bundle as a whole.
    pub file: String,
    /// Line from 1; 0 when the fault has no line.
    pub line: u32,
    /// Column from 1; 0 when the fault has no column.
    pub column: u32,
    /// Stable code, such as `unknown-field`. `docs/reference/policy.md` lists them.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A fault of a whole file, or with an empty path of the whole bundle.
    pub(crate) fn of_file(file: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::at(file, (0, 0), code, message)
    }

    /// A fault at a line and column.
    pub(crate) fn at(file: &str, place: (u32, u32), code: &'static str, message: impl Into<String>) -> Self {
        let (line, column) = place;
        Self { file: file.into(), line, column, code, message: message.into(), hint: None }
    }

    /// Adds what would be right.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The candidate nearest to `name`, when it is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// A hint that names the nearest candidate, or lists all of them.
pub(crate) fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, candidates.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = candidates.into_iter().map(|name| format!("`{name}`")).collect();
            format!("one of {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_place_code_and_hint() {
        let diagnostic =
            Diagnostic::at("a.rego", (3, 7), "unknown-field", "no such field").hint("did you mean `kind`?");
        assert_eq!(diagnostic.to_string(), "a.rego:3:7: no such field [unknown-field]; did you mean `kind`?");
        assert_eq!(Diagnostic::of_file("", "too-large", "too many files").to_string(), "too many files [too-large]");
    }

    #[test]
    fn the_nearest_name_is_suggested_or_else_all() {
        assert_eq!(suggest("kidn", ["kind", "name"]), "did you mean `kind`?");
        assert_eq!(suggest("zzz", ["kind", "name"]), "one of `kind`, `name`");
    }
}
