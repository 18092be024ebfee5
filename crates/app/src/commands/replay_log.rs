//! `replay` of the log: the identical decisions, or what a candidate would change.

use super::log;
use crate::cli::{ReplayArgs, StretchArgs};
use crate::config::Loaded;
use crate::failure::{Code, Failure, Outcome, io_failure};
use crate::replay::difference::{Change, Comparer, Counts, Difference};
use crate::replay::identical::{Judge, Tally};
use crate::replay::{Kept, Progress, Stretch, each, html};
use crate::{out, render, replay, snapshot};
use holdshort_decide::Snapshot;
use holdshort_inventory::{Pins, PolicyModeStore as _};
use holdshort_model::{Agent, AgentId, Claims};
use holdshort_store::sqlite::StateDb;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Rows by policy and agent that a terminal gets.
const ROWS_SHOWN_MAX: usize = 20;
/// Longest name of a policy in a table, in characters: a row fits a terminal.
const POLICY_CHARS: usize = 30;
/// Longest name of an agent in a table, in characters.
const AGENT_CHARS: usize = 20;

pub(super) fn run(arguments: &ReplayArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    let reader = log::open(&data.log())?;
    let database = replay::database(&data)?;
    let stretch = stretch(&arguments.stretch, &database)?;
    let dropped = stretch.dropped(&reader)?;
    let mut progress = Progress::new(stretch.count(&reader));
    let records = stretch.records(&reader);
    let kept = Kept::new(&database);
    let Some(config) = &arguments.against else {
        let mut tally = Tally { dropped_before: dropped, ..Tally::default() };
        let make = || {
            let mut judge = Judge::new(&stretch, &kept);
            move |record| judge.judge(&record)
        };
        each(records, make, |verdict| {
            progress.step();
            tally.add(verdict);
            Ok(())
        })?;
        let rate = progress.rate(tally.decisions);
        drop(progress);
        return same(arguments, &tally, rate);
    };
    let Candidate { snapshot, agents } = candidate(config, arguments, &database)?;
    let mut difference = Difference::default();
    difference.dropped_before = dropped;
    let make = || {
        let comparer = Comparer::new(&stretch, &snapshot, &agents);
        move |record| comparer.compare(&record)
    };
    each(records, make, |compared| {
        progress.step();
        difference.add(compared);
        Ok(())
    })?;
    drop(progress);
    let mut difference = difference.finish();
    difference.unseen = unseen(&difference, &snapshot, &kept);
    let notes = notes(&difference);
    if let Some(path) = &arguments.html {
        fs::write(path, html::page(&difference, &notes)).map_err(io_failure("write", path))?;
    }
    match arguments.output.json {
        true => out::json(&json!({ "candidate": snapshot.digest(), "difference": difference, "notes": notes }))?,
        false => print(&difference, &notes)?,
    }
    Ok(if arguments.strict && !difference.is_empty() { Code::Refused.into() } else { ExitCode::SUCCESS })
}

fn stretch(arguments: &StretchArgs, database: &StateDb) -> Result<Stretch, Failure> {
    let StretchArgs { since, session, agent, incident, from, to } = arguments;
    log::in_order(*from, *to)?;
    let stretch =
        Stretch::default().since(*since).session(session.as_deref()).agent(agent.as_deref()).between(*from, *to);
    match incident {
        Some(id) => stretch.incident(database, id),
        None => Ok(stretch),
    }
}

/// Another configuration.
struct Candidate {
    snapshot: Snapshot,
    /// The agents that it declares.
    agents: BTreeMap<AgentId, Agent>,
}

/// Another configuration, with the modes that people gave.
fn candidate(config: &Path, arguments: &ReplayArgs, database: &StateDb) -> Result<Candidate, Failure> {
    let loaded = Loaded::read(Some(config))?;
    let data = arguments.place.data(&arguments.place.load()?).ok();
    let pins = Arc::new(Pins::new(loaded.config.pins.first_use, []));
    let snapshot = snapshot::build(&loaded, data.as_ref(), Arc::default(), pins)?;
    let modes = database.policy_modes().map_err(Failure::internal)?;
    let snapshot = snapshot.with_modes(&modes.into_iter().map(|entry| (entry.policy, entry.mode)).collect());
    let known = snapshot::agents(&loaded.config, Vec::new())?;
    let declared = loaded.config.agents.iter().map(|declared| {
        let id = AgentId::from(declared.id.as_str());
        (id.clone(), known.resolve(&id, &Claims::default()))
    });
    Ok(Candidate { snapshot, agents: declared.collect() })
}

fn same(arguments: &ReplayArgs, tally: &Tally, rate: f64) -> Outcome {
    if arguments.output.json {
        out::json(tally)?;
    } else {
        let Tally { decisions, identical, different, snapshots, .. } = tally;
        if *decisions == 0 {
            out::line("no decision is in this stretch")?;
        } else {
            out::line(format_args!(
                "{decisions} decisions: {identical} came out identical, {different} did not ({rate:.0}/s)"
            ))?;
        }
        for (digest, count) in snapshots {
            out::line(format_args!("  {count} by the snapshot {digest}"))?;
        }
        missing(&tally.unreplayable, &tally.unreadable)?;
        skipped(&tally.erased, &tally.closed)?;
        tally.dropped_before.map_or(Ok(()), |first| out::line(format_args!("  {}", gone(first))))?;
        for one in &tally.differences {
            let (recorded, replayed) = (render::safe(&one.recorded), render::safe(&one.replayed));
            let field = render::safe(&one.field);
            out::line(format_args!("record {}, decision {}: `{field}` differs", one.index, one.id))?;
            out::line(format_args!("    recorded: {recorded}\n    replayed: {replayed}"))?;
        }
    }
    if let Some(first) = tally.differences.first() {
        let (what, field) = (tally.different, render::safe(&first.field));
        let word = if what == 1 { "decision does" } else { "decisions do" };
        return Err(Failure::refused(format!(
            "{what} {word} not come out as recorded; the first is record {}: `{field}` differs",
            first.index
        ))
        .hint("`holdshort log verify` says whether the log was changed; `holdshort log show` prints the record"));
    }
    if tally.decisions > 0 && tally.identical == 0 {
        return Err(Failure::refused("no decision of this stretch can be decided again")
            .hint("a data directory holds the snapshots and the keys of its own log; what is missing is named above"));
    }
    // What checks nothing has not passed.
    Ok(if arguments.strict && !(tally.is_whole() && tally.decisions > 0) {
        Code::Refused.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn missing(
    unreplayable: &std::collections::BTreeMap<String, crate::replay::identical::Named>,
    unreadable: &crate::replay::identical::Named,
) -> Result<(), Failure> {
    for (why, named) in unreplayable {
        out::line(format_args!("  {} not replayable: {why} ({named})", named.count))?;
    }
    if unreadable.count > 0 {
        out::line(format_args!("  {} of another version, not read ({unreadable})", unreadable.count))?;
    }
    Ok(())
}

/// What could not be read because it is sealed.
fn skipped(erased: &crate::replay::identical::Named, closed: &crate::replay::identical::Named) -> Result<(), Failure> {
    if erased.count > 0 {
        out::line(format_args!("  {} erased, may have been decisions ({erased})", erased.count))?;
    }
    if closed.count > 0 {
        out::line(format_args!("  {} sealed, their keys are not here; may be decisions ({closed})", closed.count))?;
    }
    Ok(())
}

/// What the candidate declares otherwise than a snapshot that decided, and what the recorded facts cannot tell.
fn unseen(difference: &Difference, candidate: &Snapshot, kept: &Kept<'_>) -> Vec<&'static str> {
    let Ok((new, _)) = candidate.document() else { return Vec::new() };
    let mut found = [("catalog", false), ("labels", false), ("servers", false), ("detectors", false)];
    for old in difference.snapshots.iter().filter_map(|digest| kept.declared(digest)) {
        let differs = [
            old.catalog != new.catalog,
            old.labels != new.labels || old.classification != new.classification,
            old.servers != new.servers,
            old.detectors != new.detectors,
        ];
        for ((_, found), differs) in found.iter_mut().zip(differs) {
            *found |= differs;
        }
    }
    found.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

/// What has to be said of the whole: what the recorded facts cannot tell.
fn notes(difference: &Difference) -> Vec<String> {
    let mut notes = vec![
        "The past is the recorded one: what a refusal would have changed for later actions is not seen.".to_owned(),
    ];
    if !difference.unseen.is_empty() {
        notes.push(format!(
            "NOT SEEN: the candidate's {} differ from what was in force. What an action does, its labels and its signals \
             are as recorded.",
            difference.unseen.join(", ")
        ));
    }
    if difference.blind > 0 {
        notes.push(format!(
            "{} decisions were made before the candidate's new sequences were counted; its rules about them say \
             nothing there.",
            difference.blind
        ));
    }
    notes.extend(difference.dropped_before.map(gone));
    notes
}

/// That the stretch is not whole.
fn gone(first: u64) -> String {
    format!("The records before index {first} were dropped, and are not looked at.")
}

/// A name as a cell of a table: without the package that all policies stand in, and cut where it is long.
fn short(name: &str, chars: usize) -> String {
    let name = render::safe(name.strip_prefix("holdshort.rules.").unwrap_or(name));
    match name.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name,
    }
}

fn print(difference: &Difference, notes: &[String]) -> Result<(), Failure> {
    let Difference { decisions, same, changed, questions, .. } = difference;
    if *decisions == 0 {
        out::line("no decision is in this stretch")?;
        difference.others().iter().try_for_each(|line| out::line(format_args!("  {line}")))?;
        return difference.dropped_before.map_or(Ok(()), |first| out::line(gone(first)));
    }
    out::line(format_args!("{decisions} decisions, {same} with the same answer"))?;
    for change in Change::ALL {
        out::line(format_args!("  {} {}", changed.of(change), change.as_str()))?;
    }
    difference.others().iter().try_for_each(|line| out::line(format_args!("  {line}")))?;
    out::line(format_args!("questions to people: {}", questions.in_words()))?;
    if !difference.rows.is_empty() {
        let counts = |counts: Counts| Change::ALL.map(|change| counts.of(change).to_string());
        out::line("")?;
        let rows = difference.policies.iter().map(|row| {
            let [refused, asked, allowed] = counts(row.counts);
            vec![short(&row.policy, POLICY_CHARS), refused, asked, allowed]
        });
        out::table(&["POLICY", "REFUSED", "ASKED", "ALLOWED"], &rows.collect::<Vec<_>>())?;
        out::line("")?;
        let rows = difference.rows.iter().take(ROWS_SHOWN_MAX).map(|row| {
            let [refused, asked, allowed] = counts(row.counts);
            vec![short(&row.policy, POLICY_CHARS), short(&row.agent, AGENT_CHARS), refused, asked, allowed]
        });
        out::table(&["POLICY", "AGENT", "REFUSED", "ASKED", "ALLOWED"], &rows.collect::<Vec<_>>())?;
        if let Some(more) = difference.rows.len().checked_sub(ROWS_SHOWN_MAX).filter(|more| *more > 0) {
            out::line(format_args!("and {more} more; `--html` and `--json` have them"))?;
        }
        out::line("")?;
    }
    for change in Change::ALL {
        if let Some(first) = difference.examples.get(&change).and_then(|examples| examples.first()) {
            let reasons = render::safe(&first.reasons.join("; "));
            let (index, agent, name) = (first.index, render::safe(&first.agent), render::safe(&first.name));
            out::line(format_args!("{}: record {index}, {agent} `{name}`: {reasons}", change.as_str()))?;
        }
    }
    notes.iter().try_for_each(|note| out::line(format_args!("note: {note}")))
}
