//! What somebody kept of a log, elsewhere: its older checkpoints, and who its witnesses are. Shared by `log verify`,
//! `log audit` and `log verify-proof`.

use crate::failure::{Failure, named_file};
use crate::{remote, render};
use holdshort_ledger::{Checkpoint, Cosigned, POLICY_BYTES_MAX, VerifierKey, WitnessPolicy, kept_notes};
use holdshort_store::log::{
    self, CHECKPOINT_FILE, CONTRADICTION_FILE, Coverage, CoverageError, Damage, Source, Wrong, parting,
};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Longest file of kept checkpoints that is read: a checkpoint a minute for three months.
const KEPT_BYTES_MAX: u64 = 1 << 30;

/// Longest file of evidence that is read: one checkpoint with its signatures.
const EVIDENCE_BYTES_MAX: usize = 16 << 10;

/// Checkpoints that an audit looks at, each with a few files of the log; and one more.
const AUDITED_MAX: usize = 64;

/// Older checkpoints of a log, signed by it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// By size.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Pieces of the file that are no checkpoint of this log.
    passed_over: usize,
}

/// Reads one checkpoint that was kept elsewhere, or a file of many.
pub(super) fn read_kept(path: &Path, key: &VerifierKey) -> Result<Kept, Failure> {
    let found = kept_notes(&read(path, KEPT_BYTES_MAX)?);
    let mut kept = Kept { checkpoints: Vec::new(), passed_over: found.broken };
    let mut why = "it holds no signed note".to_owned();
    for note in &found.notes {
        match Checkpoint::of_note(note, key) {
            Ok(checkpoint) => kept.checkpoints.push(checkpoint),
            Err(error) => {
                kept.passed_over = kept.passed_over.saturating_add(1);
                why = error.to_string();
            }
        }
    }
    if found.more > 0 {
        return Err(Failure::usage(format!(
            "`{}` has {} checkpoints more than the {} that are read at once",
            path.display(),
            found.more,
            found.notes.len()
        ))
        .hint("give its newest part, such as what `tail` shows of it, and the rest as another file"));
    }
    if kept.checkpoints.is_empty() {
        return Err(Failure::refused(format!(
            "the older checkpoint in `{}` is not one of this log: {why}",
            path.display()
        ))
        .hint(format!("a copy of the log's `{CHECKPOINT_FILE}` file is one; a log with a new key is another log")));
    }
    kept.checkpoints.sort_by_key(|checkpoint| checkpoint.size);
    for pair in kept.checkpoints.windows(2) {
        if let [first, second] = pair
            && first.size == second.size
            && first.root != second.root
        {
            let size = first.size;
            return Err(Failure::refused(format!(
                "the log signed two different trees of {size} records: both are in `{}`",
                path.display()
            ))
            .hint("the two checkpoints prove that it told two stories; keep them"));
        }
    }
    Ok(kept)
}

impl Kept {
    /// The newest one: what the log has to continue.
    pub(super) fn newest(&self) -> Option<&Checkpoint> {
        self.checkpoints.last()
    }

    /// In words, for what was checked.
    pub(super) fn describe(&self) -> String {
        let size = |checkpoint: Option<&Checkpoint>| checkpoint.map_or(0, |checkpoint| checkpoint.size);
        let (count, first, last) = (self.checkpoints.len(), size(self.checkpoints.first()), size(self.newest()));
        let passed_over = match self.passed_over {
            0 => String::new(),
            broken => format!(" ({broken} pieces of the file are none of this log)"),
        };
        match count {
            1 => format!("the older checkpoint of {last} records{passed_over}"),
            _ => format!("{count} older checkpoints of {first} to {last} records{passed_over}"),
        }
    }

    /// Checks that a log continues them: all of a few, of many the newest, the oldest and some between. Gives how many.
    pub(super) fn audit(&self, source: &mut dyn Source, key: &VerifierKey) -> Result<usize, Damage> {
        let (step, mut looked_at) = (self.checkpoints.len().div_ceil(AUDITED_MAX).max(1), 0);
        for (at, older) in self.checkpoints.iter().rev().enumerate() {
            if at.is_multiple_of(step) || at + 1 == self.checkpoints.len() {
                log::audit(source, key, older)?;
                looked_at += 1;
            }
        }
        Ok(looked_at)
    }

    /// From which record on a log left what was kept, as far as that shows; empty when it does not.
    pub(super) fn locate(&self, source: &mut dyn Source, key: &VerifierKey, damage: &Damage) -> String {
        if !matches!(damage.wrong, Wrong::Rewritten(_) | Wrong::RolledBack { .. }) {
            return String::new();
        }
        let found = log::fetch_checkpoint(source, key).and_then(|(_, now)| parting(source, &now, &self.checkpoints));
        let size = match damage.wrong {
            Wrong::RolledBack { found, .. } => found,
            _ => u64::MAX,
        };
        match found {
            // All that it has may be as it was; what it does not have any more is gone.
            Ok(Some(parting)) if parting.differs_before > size => match parting.same {
                0 => format!("; the records from {size} on are gone"),
                same => format!("; records before {same} are the same, and those from {size} on are gone"),
            },
            Ok(Some(parting)) if parting.same == 0 => {
                format!("; the first record that differs is before record {}", parting.differs_before)
            }
            Ok(Some(parting)) => format!(
                "; records before {} are the same, and the first one that differs is before {}",
                parting.same, parting.differs_before
            ),
            Ok(None) | Err(_) => String::new(),
        }
    }
}

/// What lies beside a log as evidence against it: a checkpoint with the same key's signature that the log does not continue.
/// What is not that says nothing.
pub(super) fn evidence(source: &mut dyn Source, key: &VerifierKey) -> Option<Checkpoint> {
    let bytes = source.fetch(CONTRADICTION_FILE, EVIDENCE_BYTES_MAX).ok()?;
    let signed = kept_notes(&bytes).notes.iter().find_map(|note| Checkpoint::of_note(note, key).ok())?;
    match log::audit(source, key, &signed).err()?.wrong {
        Wrong::Rewritten(_) | Wrong::RolledBack { .. } => Some(signed),
        _ => None,
    }
}

/// Reads a policy of witnesses.
pub(super) fn read_policy(path: &Path) -> Result<WitnessPolicy, Failure> {
    let bytes = read(path, u64::try_from(POLICY_BYTES_MAX).unwrap_or(u64::MAX))?;
    WitnessPolicy::parse(&bytes)
        .map_err(|error| Failure::usage(format!("the witness policy `{}`: {error}", path.display())))
}

/// Checks that a policy that names logs names this one.
pub(super) fn check_log(policy: &WitnessPolicy, key: &VerifierKey) -> Result<(), Failure> {
    if policy.logs().is_empty() || policy.logs().contains(key) {
        return Ok(());
    }
    Err(Failure::refused(format!("the witness policy does not know the key of log `{}`", key.name()))
        .hint("its `log` lines are the keys that it was made for; another key is another log"))
}

/// How far witnesses vouch for a log; a refusal when they do not.
pub(super) fn coverage(
    source: &mut dyn Source,
    key: &VerifierKey,
    policy: &WitnessPolicy,
    kept: Option<&Kept>,
) -> Result<Coverage, Failure> {
    check_log(policy, key)?;
    log::coverage(source, key, policy).map_err(|error| match &error {
        CoverageError::Damage(damage) => {
            let located = kept.map(|kept| kept.locate(source, key, damage)).unwrap_or_default();
            let rewritten = matches!(damage.wrong, Wrong::Rewritten(_) | Wrong::RolledBack { .. });
            let what = if rewritten { "the log contradicts what it showed to its witnesses" } else { "the log does not pass" };
            let failure = Failure::refused(format!("{what}: {damage}{located}")).hint(
                "keep `checkpoint` and `checkpoint.witnessed`: both are signed by the log. `log audit --copy` with a mirror names the record",
            );
            remote::judged(damage, failure)
        }
        CoverageError::Unmet { .. } => Failure::refused(&error)
            .hint("a log that its witnesses refuse is one that they saw another history of; ask them what they hold"),
    })
}

/// What witnesses vouch for, in lines.
pub(super) fn coverage_lines(coverage: &Coverage, policy: &WitnessPolicy) -> Vec<String> {
    let (covered, behind) = (coverage.witnessed.size, coverage.uncovered());
    let mut lines = vec![match coverage.cosigned.present.is_empty() {
        true => "the policy asks for no witness: the log alone vouches for its records".to_owned(),
        false => format!("witnesses vouch for {covered} records, by {}:", policy.quorum()),
    }];
    lines.extend(cosigned_lines(&coverage.cosigned));
    if behind > 0 {
        lines.push(format!("{behind} records are newer than that: they continue it, and the log alone says so"));
    }
    lines
}

/// Who cosigned and who did not.
pub(super) fn cosigned_lines(cosigned: &Cosigned) -> Vec<String> {
    let present = cosigned
        .present
        .iter()
        .map(|(name, time_s)| format!("  `{name}` cosigned at {}", render::time(time_s.saturating_mul(1_000))));
    let missing = cosigned.missing.iter().map(|(name, why)| format!("  `{name}` {why}"));
    present.chain(missing).collect()
}

/// The same as JSON.
pub(super) fn coverage_json(coverage: &Coverage) -> Value {
    let mut value = cosigned_json(&coverage.cosigned);
    if let Some(object) = value.as_object_mut() {
        object.insert("covered".into(), coverage.witnessed.size.into());
        object.insert("not_covered".into(), coverage.uncovered().into());
    }
    value
}

/// Cosignatures as JSON.
pub(super) fn cosigned_json(cosigned: &Cosigned) -> Value {
    let present: Vec<Value> =
        cosigned.present.iter().map(|(name, time_s)| json!({ "name": name, "time_s": time_s })).collect();
    let missing: Vec<Value> = cosigned.missing.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
    json!({ "met": cosigned.met, "cosigned": present, "missing": missing })
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(named_file("read", path))?;
    opened.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(named_file("read", path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(Failure::usage(format!("`{}` is longer than {bytes_max} bytes", path.display())));
    }
    Ok(bytes)
}
