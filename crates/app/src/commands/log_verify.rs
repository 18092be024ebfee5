//! `log verify`: everything in a log directory, or everything that is handed out of a log elsewhere.

use super::log::directory;
use super::log_kept::{self, Kept, read_kept, read_policy};
use crate::cli::{Output, VerifyArgs};
use crate::failure::{Code, Failure, Outcome};
use crate::out;
use crate::remote::{self, Steady, Whereabouts};
use holdshort_ledger::{Checkpoint, VerifierKey, WitnessPolicy};
use holdshort_store::log::{
    self, CONTRADICTION_FILE, Coverage, Damage, DirectorySource, RECORDS_DIRECTORY, Source, VerifyOptions, Wrong,
};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// What is known from elsewhere.
struct Known {
    key: VerifierKey,
    pinned: bool,
    kept: Option<Kept>,
    policy: Option<WitnessPolicy>,
}

/// What was found in a log that passes.
struct Passed {
    checkpoint: Checkpoint,
    /// More to say of it, in words and as JSON.
    more: Vec<String>,
    detail: serde_json::Map<String, serde_json::Value>,
}

pub(super) fn run(arguments: &VerifyArgs) -> Outcome {
    let whereabouts = match arguments.log.as_deref().map(Whereabouts::parse).transpose()? {
        None => Whereabouts::Directory(directory(&arguments.place)?),
        Some(whereabouts) => whereabouts,
    };
    let local = match &whereabouts {
        // A copy without records, such as a mirror's, is checked by its public files like one that is far away.
        Whereabouts::Directory(named) if arguments.token.is_none() && has_records(named) => Some(named.clone()),
        _ => None,
    };
    let mut source: Box<dyn Source> = match &local {
        Some(directory) => Box::new(DirectorySource::new(directory)),
        None => Box::new(Steady::new(whereabouts.open(arguments.token.as_deref())?)),
    };
    let known = known(arguments, source.as_mut())?;
    let coverage = match &known.policy {
        Some(policy) => Some(log_kept::coverage(source.as_mut(), &known.key, policy, known.kept.as_ref())?),
        None => None,
    };
    let checked = match &local {
        Some(directory) => verify_records(directory, &known),
        None => verify_public(source.as_mut(), &known),
    };
    match checked {
        Ok(mut passed) => {
            if let Some(evidence) = log_kept::evidence(source.as_mut(), &known.key) {
                out::note(format_args!(
                    "beside it lies `{CONTRADICTION_FILE}`: with the same key another history was signed, of {} records. One of the two is not what happened; `log audit --copy` with a mirror names the record",
                    evidence.size
                ));
                passed.detail.insert("contradiction".into(), evidence.size.into());
            }
            tell(&passed, &known, coverage.as_ref(), arguments.output)
        }
        Err(damage) => {
            let located = known.kept.as_ref().map(|kept| kept.locate(source.as_mut(), &known.key, &damage));
            refuse(&damage, &located.unwrap_or_default(), local.as_deref(), arguments.output)
        }
    }
}

fn known(arguments: &VerifyArgs, source: &mut dyn Source) -> Result<Known, Failure> {
    let policy = arguments.witness_policy.as_deref().map(read_policy).transpose()?;
    let key = remote::key(arguments.key.as_deref(), source)?;
    let named = policy.as_ref().is_some_and(|policy| !policy.logs().is_empty());
    let kept = arguments.older.as_deref().map(|path| read_kept(path, &key)).transpose()?;
    Ok(Known { key, pinned: arguments.key.is_some() || named, kept, policy })
}

/// Whether a directory holds records, or is none at all, which the check of records says best.
fn has_records(directory: &Path) -> bool {
    directory.join(RECORDS_DIRECTORY).exists() || !directory.join("mirror.pub").exists()
}

fn options(known: &Known) -> VerifyOptions {
    let older = known.kept.as_ref().map(|kept| kept.checkpoints.clone()).unwrap_or_default();
    VerifyOptions { key: Some(known.key.clone()), older }
}

fn verify_records(directory: &Path, known: &Known) -> Result<Passed, Damage> {
    let verified = log::verify(directory, &options(known), &mut |_| {})?;
    let mut passed = Passed { checkpoint: verified.checkpoint, more: Vec::new(), detail: serde_json::Map::new() };
    if verified.unsealed > 0 {
        passed.more.push(format!("{} records behind the last checkpoint are sound", verified.unsealed));
    }
    let first = verified.dropped.as_ref().map_or(0, |dropped| dropped.first);
    let live = passed.checkpoint.size.saturating_add(verified.unsealed).saturating_sub(first + verified.archived);
    if verified.archived > 0 || first > 0 {
        passed.more.push(format!("{live} live, {} archived, {first} dropped", verified.archived));
    }
    if let Some(dropped) = &verified.dropped {
        let (when, record) = (crate::render::time(dropped.time_ms), dropped.record);
        let because = crate::render::safe(&dropped.because);
        passed.more.push(format!("dropped before record {first} at {when}, on record {record}: {because}"));
    }
    for (name, count) in [("live", live), ("archived", verified.archived), ("dropped", first)] {
        passed.detail.insert(name.into(), count.into());
    }
    passed.detail.insert("unsealed".into(), verified.unsealed.into());
    passed.detail.insert("torn_bytes".into(), verified.torn_bytes.into());
    Ok(passed)
}

fn verify_public(source: &mut dyn Source, known: &Known) -> Result<Passed, Damage> {
    let checkpoint = log::verify_public(source, &known.key, &options(known), &mut |_| {})?;
    let what = "entries and tiles; the records themselves are not served";
    let mut detail = serde_json::Map::new();
    detail.insert("checked".into(), what.into());
    Ok(Passed { checkpoint, more: vec![format!("checked: {what}")], detail })
}

fn tell(passed: &Passed, known: &Known, coverage: Option<&Coverage>, output: Output) -> Outcome {
    let Passed { checkpoint, more, detail } = passed;
    let (size, origin, root) = (checkpoint.size, &checkpoint.origin, checkpoint.root.to_string());
    if output.json {
        let mut value = json!({ "ok": true, "origin": origin, "size": size, "root": root, "key_pinned": known.pinned });
        if let Some(object) = value.as_object_mut() {
            object.extend(detail.clone());
            object.extend(coverage.map(|found| ("witnesses".to_owned(), log_kept::coverage_json(found))));
        }
        out::json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format_args!("ok: {size} records of `{origin}`, root {root}"))?;
    for line in more {
        out::line(format_args!("    {line}"))?;
    }
    if let Some(kept) = &known.kept {
        out::line(format_args!("    it continues {}", kept.describe()))?;
    }
    if let (Some(coverage), Some(policy)) = (coverage, &known.policy) {
        for line in log_kept::coverage_lines(coverage, policy) {
            out::line(format_args!("    {line}"))?;
        }
    }
    if !known.pinned {
        out::line("    the key is the log's own; `--key` checks against one that was kept elsewhere")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn refuse(damage: &Damage, located: &str, local: Option<&Path>, output: Output) -> Outcome {
    if output.json && !matches!(damage.wrong, Wrong::Unreachable(_)) {
        let (place, wrong) = (&damage.place, format!("{}{located}", damage.wrong));
        let (file, offset, index) = (&place.file, place.offset, place.index);
        out::json(&json!({ "ok": false, "file": file, "offset": offset, "index": index, "wrong": wrong }))?;
        return Ok(Code::Refused.into());
    }
    Err(match local {
        Some(directory) => {
            Failure::refused(format!("the log in `{}` is damaged: {damage}{located}", directory.display()))
                .hint("this is the first damaged place; keep the directory as it is and compare it with a copy")
        }
        None => {
            let failure = Failure::refused(format!("the log does not pass: {damage}{located}"))
                .hint("keep the checkpoint that it has now: signed, it is evidence. No answer: see `--token`");
            remote::judged(damage, failure)
        }
    })
}
