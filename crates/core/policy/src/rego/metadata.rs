//! OPA `# METADATA` annotations of a package: a block of comment lines that holds YAML.

use crate::diagnostic::Diagnostic;
use crate::info::Severity;
use holdshort_model::{Mode, SequenceSpec};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What stands in the annotations above `package`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) custom: Custom,
    // The rest of OPA's annotations. They say nothing to Holdshort, and are no mistakes.
    #[serde(default, rename = "scope")]
    _scope: Option<String>,
    #[serde(default, rename = "authors")]
    _authors: Option<serde_json::Value>,
    #[serde(default, rename = "organizations")]
    _organizations: Option<serde_json::Value>,
    #[serde(default, rename = "related_resources")]
    _related_resources: Option<serde_json::Value>,
    #[serde(default, rename = "schemas")]
    _schemas: Option<serde_json::Value>,
    #[serde(default, rename = "entrypoint")]
    _entrypoint: Option<bool>,
}

/// `custom` of the annotations: Holdshort's own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Custom {
    #[serde(default)]
    pub(crate) severity: Severity,
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    #[serde(default)]
    pub(crate) frameworks: Vec<String>,
    /// What the policy reads from `data.org`, each with the value that holds when the organisation supplies none.
    #[serde(default)]
    pub(crate) org: BTreeMap<String, serde_json::Value>,
    /// What the policy wants to know of the past, by the names that it gives.
    #[serde(default)]
    pub(crate) sequences: BTreeMap<String, SequenceSpec>,
}

/// The annotations above `package`, from the text of a file.
pub(crate) fn read(path: &str, text: &str, package_line: u32) -> Result<Metadata, Diagnostic> {
    let missing = || {
        Diagnostic::at(path, (1, 1), "missing-metadata", "no `# METADATA` block above `package`")
            .hint("begin the file with `# METADATA` and `# title: ...`; docs/guides/add-a-policy.md shows it")
    };
    let head: Vec<&str> = text.lines().take(package_line.saturating_sub(1) as usize).collect();
    let start = head.iter().position(|line| is_marker(line)).ok_or_else(missing)?;
    let mut yaml = String::new();
    for line in head.iter().skip(start + 1) {
        let Some(comment) = line.strip_prefix('#') else { break };
        yaml.push_str(comment.strip_prefix(' ').unwrap_or(comment));
        yaml.push('\n');
    }
    let at_marker = u32::try_from(start).unwrap_or(u32::MAX).saturating_add(1);
    let metadata: Metadata = yaml_serde::from_str(&yaml).map_err(|error| {
        let inside = error.location().map_or(0, |place| u32::try_from(place.line()).unwrap_or(0));
        Diagnostic::at(path, (at_marker.saturating_add(inside), 1), "bad-metadata", format!("METADATA: {error}"))
            .hint("OPA annotations, with `custom` holding severity, mode, frameworks, org and sequences")
    })?;
    if metadata.title.trim().is_empty() {
        return Err(Diagnostic::at(path, (at_marker, 1), "missing-metadata", "METADATA has no `title`")
            .hint("one line that says what the policy stops"));
    }
    Ok(metadata)
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|comment| comment.trim() == "METADATA")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read() {
        let text = "# Licence\n\n# METADATA\n# title: T\n# description: |\n#   two\n#   lines\n# custom:\n#   severity: high\n#   mode: observe\n#   frameworks: [A]\n#   org:\n#     hosts: []\npackage p";
        let metadata = read("a.rego", text, 14).unwrap();
        assert_eq!(metadata.title, "T");
        assert_eq!(metadata.description, "two\nlines\n");
        assert_eq!(metadata.custom.severity, Severity::High);
        assert_eq!(metadata.custom.mode, Some(Mode::Observe));
        assert_eq!(metadata.custom.org["hosts"], serde_json::json!([]));
    }

    #[test]
    fn missing_and_wrong_annotations_are_refused_with_a_line() {
        assert_eq!(read("a.rego", "package p", 1).unwrap_err().code, "missing-metadata");
        assert_eq!(read("a.rego", "# METADATA\n# scope: package\npackage p", 3).unwrap_err().code, "missing-metadata");
        let fault = read("a.rego", "# METADATA\n# title: T\n# custom:\n#   sevrity: high\npackage p", 5).unwrap_err();
        assert_eq!((fault.code, fault.line), ("bad-metadata", 4));
        assert!(fault.message.contains("sevrity"), "{fault}");
    }
}
