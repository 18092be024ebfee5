//! `rules`: Agent Threat Rules become a file of rules.

use crate::cli::RulesCommand;
use crate::detectors::bounded;
use crate::failure::{Failure, Outcome, io_failure};
use crate::out;
use holdshort_detect::rules::{Entry, FILE_BYTES_MAX, RULE_BYTES_MAX, RULES_MAX, Rules, import};
use holdshort_detect::{Field, Text};
use serde_json::json;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Deepest folder that is looked into.
const DEPTH_MAX: u32 = 8;

/// What became of the rules.
#[derive(Default)]
struct Imported {
    kept: BTreeMap<String, Entry>,
    /// File and reason.
    left_out: Vec<(String, String)>,
    /// Rules without some of their patterns.
    partly: Vec<(String, Vec<String>)>,
    /// Rules that match benign texts.
    noisy: BTreeMap<String, usize>,
}

pub(super) fn run(command: RulesCommand) -> Outcome {
    let RulesCommand::Import { output, path, to, stable, benign } = command;
    let mut files = Vec::new();
    collect(&path, 0, &mut files)?;
    files.sort();
    let mut imported = Imported::default();
    for file in &files {
        let name = file.strip_prefix(&path).unwrap_or(file).display().to_string();
        read(file, name, &mut imported)?;
    }
    if let Some(benign) = benign {
        calm(&mut imported, &benign)?;
    }
    imported.kept.retain(|_, entry| entry.counts || !stable);
    if imported.kept.is_empty() {
        let first = imported.left_out.first().map(|(file, why)| format!(": {file}: {why}")).unwrap_or_default();
        return Err(Failure::refused(format!("no rule in `{}` can be used{first}", path.display())));
    }
    let mut text = String::new();
    for entry in imported.kept.values() {
        let line =
            serde_json::to_string(entry).map_err(|error| Failure::internal(format!("cannot write a rule: {error}")))?;
        text.push_str(&line);
        text.push('\n');
    }
    fs::write(&to, &text).map_err(io_failure("write", &to))?;
    report(&imported, &to, output.json)
}

fn read(file: &Path, name: String, imported: &mut Imported) -> Result<(), Failure> {
    let Ok(text) = String::from_utf8(bounded(file, RULE_BYTES_MAX)?) else {
        imported.left_out.push((name, "not UTF-8".into()));
        return Ok(());
    };
    match import(&text) {
        Ok(rule) => {
            if !rule.left_out.is_empty() {
                imported.partly.push((rule.entry.id.clone(), rule.left_out));
            }
            if let Some(twice) = imported.kept.insert(rule.entry.id.clone(), rule.entry) {
                imported
                    .left_out
                    .push((name, format!("a second rule with the id `{}`; the later one is kept", twice.id)));
            }
        }
        Err(why) => imported.left_out.push((name, why.to_string())),
    }
    Ok(())
}

// A rule that matches a benign text does not count: it is only observed.
fn calm(imported: &mut Imported, benign: &Path) -> Result<(), Failure> {
    let texts = String::from_utf8(bounded(benign, 16 * FILE_BYTES_MAX)?)
        .map_err(|_| Failure::usage(format!("`{}` is not UTF-8", benign.display())))?;
    let mut lines = String::new();
    for entry in imported.kept.values().filter(|entry| entry.counts) {
        lines.push_str(
            &serde_json::to_string(entry)
                .map_err(|error| Failure::internal(format!("cannot write a rule: {error}")))?,
        );
        lines.push('\n');
    }
    let rules = Rules::new(&[("imported", &lines)])
        .map_err(|faults| Failure::internal(faults.first().map(ToString::to_string).unwrap_or_default()))?;
    for (n, line) in texts.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let text: String = serde_json::from_str(line).map_err(|error| {
            Failure::usage(format!("{}:{}: {error}", benign.display(), n + 1)).hint("one JSON string a line")
        })?;
        let mut found = Vec::new();
        for field in [Field::Argument, Field::Result] {
            rules.find(&Text::new("", &text), field, &mut found);
        }
        found.sort();
        found.dedup();
        found.into_iter().for_each(|one| *imported.noisy.entry(one.rule).or_default() += 1);
    }
    for id in imported.noisy.keys() {
        imported.kept.get_mut(id).into_iter().for_each(|entry| entry.counts = false);
    }
    Ok(())
}

fn collect(path: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read `{}`: {error}", path.display())).hint("name a folder or a file with rules")
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    if depth >= DEPTH_MAX {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let yaml = entry
            .extension()
            .is_some_and(|extension| extension == OsStr::new("yaml") || extension == OsStr::new("yml"));
        if entry.is_dir() || yaml {
            collect(&entry, depth + 1, files)?;
        }
        if files.len() > 2 * RULES_MAX {
            return Err(Failure::usage(format!("more than {} files below `{}`", 2 * RULES_MAX, path.display())));
        }
    }
    Ok(())
}

fn report(imported: &Imported, to: &Path, json: bool) -> Outcome {
    let counting = imported.kept.values().filter(|entry| entry.counts).count();
    if json {
        let left_out: Vec<_> =
            imported.left_out.iter().map(|(file, why)| json!({ "file": file, "why": why })).collect();
        let partly: Vec<_> =
            imported.partly.iter().map(|(rule, why)| json!({ "rule": rule, "left_out": why })).collect();
        out::json(&json!({
            "rules": imported.kept.len(), "counting": counting, "left_out": left_out, "partly": partly, "noisy": imported.noisy,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (file, why) in &imported.left_out {
        out::line(format_args!("left out: {file}: {why}"))?;
    }
    for (rule, why) in &imported.partly {
        out::line(format_args!("{rule}: without {}", why.join("; ")))?;
    }
    for (rule, texts) in &imported.noisy {
        out::line(format_args!("{rule}: does not count, it matches {texts} benign texts"))?;
    }
    out::line(format_args!(
        "{} rules in `{}`, {counting} of them count; {} files left out",
        imported.kept.len(),
        to.display(),
        imported.left_out.len()
    ))?;
    Ok(ExitCode::SUCCESS)
}
