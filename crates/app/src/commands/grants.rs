//! `grants`: proposals from what agents really did, and grants that nothing uses.

use super::log;
use crate::cli::{GrantsCommand, Output, When};
use crate::config::Loaded;
use crate::failure::{Failure, Outcome};
use crate::least::{Suggestion, Used, targets};
use crate::place::Place;
use crate::replay::{Entry, Progress, Stretch, each};
use crate::skipped::Skipped;
use crate::{out, render};
use holdshort_decide::{Coverage, GrantEntry, Grants, Known};
use holdshort_model::{DecisionRecord, Effect, Mode};
use holdshort_store::records::Records;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Agents of a class that are counted one by one.
const AGENTS_MAX: usize = 1_000;
/// Other agents of the class that the proposal names.
const COLLEAGUES_NAMED: usize = 10;

pub(super) fn run(command: GrantsCommand) -> Outcome {
    match command {
        GrantsCommand::Suggest { place, output, agent, since } => suggest(&place, output, &agent, since),
        GrantsCommand::Unused { place, output, since } => unused(&place, output, since),
    }
}

/// Every decision of a stretch, in order.
fn decisions(reader: &Records, stretch: &Stretch, mut take: impl FnMut(&DecisionRecord)) -> Result<Skipped, Failure> {
    let mut skipped = Skipped::default();
    let mut progress = Progress::new(stretch.count(reader));
    let make = || |record| stretch.read(&record);
    each(stretch.records(reader), make, |entry| {
        progress.step();
        match entry {
            Entry::Decision(record) => take(&record),
            Entry::Erased => skipped.erased += 1,
            Entry::Closed => skipped.closed += 1,
            Entry::Other | Entry::Unreadable => {}
        }
        Ok(())
    })?;
    Ok(skipped)
}

/// What the proposal would have refused of the stretch.
#[derive(Default, Serialize)]
struct Refused {
    /// Actions of the agent that ran.
    ran: u64,
    /// Of them: it would have refused them, because no grant but `*` can cover them.
    ran_refused: u64,
    /// Attempts of the agent that did not run.
    attempts: u64,
    /// Of them: it refuses them.
    attempts_refused: u64,
    /// Actions of other agents of the class that ran and that it would have refused.
    others: BTreeMap<String, u64>,
}

fn suggest(place: &Place, output: Output, agent: &str, since: Option<When>) -> Outcome {
    let loaded = place.load()?;
    let reader = log::open(&log::directory(place)?)?;
    let mut used = Used::default();
    let mine = Stretch::default().since(since).agent(Some(agent));
    let skipped = decisions(&reader, &mine, |record| used.add(record))?;
    let suggestion = used.suggest(agent).ok_or_else(|| {
        Failure::refused(format!("no action of the agent `{agent}` ran in this time"))
            .hint("`holdshort log search --agent` shows what it did; a longer `--since` looks further back")
    })?;
    // The second look says what the first one cannot: what the proposal as a whole refuses.
    let grants = Grants::compile(&suggestion.grants, &Known::default())
        .map_err(|faults| Failure::internal(format!("the proposal is no grant: {faults:?}")))?;
    let mut refused = Refused::default();
    decisions(&reader, &Stretch::default().since(since), |record| {
        look(record, agent, &suggestion.class, &grants, &mut refused);
    })?;
    let present = present(&loaded, &suggestion.class);
    match output.json {
        true => out::json(&json!({
            "class": suggestion.class, "grants": suggestion.grants, "generalised": suggestion.generalised,
            "uncovered": suggestion.uncovered, "in_place_of": present.own, "shared": present.shared,
            "would_have_refused": refused, "skipped": skipped,
        }))?,
        false => out::raw(&change(agent, &suggestion, &present, &refused, skipped)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn look(record: &DecisionRecord, agent: &str, class: &str, grants: &Grants, refused: &mut Refused) {
    let who = &record.facts.subject.agent;
    if who.class != class {
        return;
    }
    let covered = grants.coverage(class, &[], &targets(&record.facts), Mode::Enforce) == Coverage::Full;
    let ran = record.decision.enforced == Effect::Allow;
    match (who.id.as_str() == agent, ran) {
        (true, true) => {
            refused.ran += 1;
            refused.ran_refused += u64::from(!covered);
        }
        (true, false) => {
            refused.attempts += 1;
            refused.attempts_refused += u64::from(!covered);
        }
        (false, true) if !covered => {
            let id = who.id.as_str();
            let id = if refused.others.len() < AGENTS_MAX || refused.others.contains_key(id) { id } else { "(others)" };
            *refused.others.entry(id.to_owned()).or_default() += 1;
        }
        (false, _) => {}
    }
}

/// The grants that the configuration has for a class.
struct Present {
    /// Those of this class alone.
    own: Vec<String>,
    /// Those of other classes as well.
    shared: Vec<String>,
}

fn present(loaded: &Loaded, class: &str) -> Present {
    let grants = &loaded.config.grants;
    let shared =
        |entry: &&GrantEntry| entry.class != class && holdshort_effects::Glob::new(&entry.class).matches(class);
    let name = |entry: &GrantEntry| entry.name.clone();
    Present {
        own: grants.iter().filter(|entry| entry.class == class).map(name).collect(),
        shared: grants.iter().filter(shared).map(name).collect(),
    }
}

/// The proposal as a part of a configuration, with what a person has to know as comments.
fn change(
    agent: &str,
    suggestion: &Suggestion,
    present: &Present,
    refused: &Refused,
    skipped: Skipped,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Part<'a> {
        grants: &'a [GrantEntry],
    }
    let mut lines = vec![
        format!(
            "Proposed for the class `{}`, from {} actions of the agent `{agent}` that ran,",
            suggestion.class, refused.ran
        ),
        format!(
            "from {} to {}. Read it before you use it.",
            render::time(suggestion.from_ms),
            render::time(suggestion.to_ms)
        ),
    ];
    let names = |names: &[String]| format!("`{}`", names.join("`, `"));
    if !present.own.is_empty() {
        lines.push(format!("In place of: {}.", names(&present.own)));
    }
    if !present.shared.is_empty() {
        lines.push(format!("Grants of several classes hold beside it: {}.", names(&present.shared)));
    }
    for (pattern, count) in &suggestion.generalised {
        lines.push(format!("`{pattern}` stands for {count} that were used."));
    }
    for what in &suggestion.uncovered {
        lines.push(format!("Left out, because only `*` would cover it: {what}."));
    }
    lines.push(format!(
        "It would have refused {} of the {} actions that ran, and {} of the {} attempts that did not run.",
        refused.ran_refused, refused.ran, refused.attempts_refused, refused.attempts
    ));
    lines.extend(colleagues(&refused.others));
    lines.extend(skipped.line().map(|line| format!("Not looked at: {line}.")));
    let comment = lines.iter().map(|line| format!("# {}\n", render::safe(line))).collect::<String>();
    let grants = toml::to_string(&Part { grants: &suggestion.grants }).map_err(Failure::internal)?;
    Ok(format!("{comment}\n{grants}"))
}

/// What the proposal would have cost the other agents of the class: those first who lose most, and how much the rest.
fn colleagues(others: &BTreeMap<String, u64>) -> Vec<String> {
    let mut most: Vec<(&String, u64)> = others.iter().map(|(id, count)| (id, *count)).collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (named, rest) = most.split_at(most.len().min(COLLEAGUES_NAMED));
    let actions = |count: u64| if count == 1 { "1 action".to_owned() } else { format!("{count} actions") };
    let mut lines: Vec<String> = named
        .iter()
        .map(|(id, count)| format!("It would have refused {} of `{id}`, which has the same class.", actions(*count)))
        .collect();
    if !rest.is_empty() {
        let lost = rest.iter().map(|(_, count)| count).sum();
        lines.push(format!(
            "And {} of {} more agents of the class; `--json` names them. Does each of them need a class of its own?",
            actions(lost),
            rest.len()
        ));
    }
    lines
}

/// A grant and how often it was used.
#[derive(Serialize)]
struct Use<'a> {
    name: &'a str,
    class: &'a str,
    used: u64,
}

fn unused(place: &Place, output: Output, since: Option<When>) -> Outcome {
    let loaded = place.load()?;
    let entries = &loaded.config.grants;
    let grants = Grants::compile(entries, &Known::default()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::config(lines.join("\n       "))
    })?;
    let reader = log::open(&log::directory(place)?)?;
    let (mut counts, mut ran): (BTreeMap<String, u64>, u64) = Default::default();
    let skipped = decisions(&reader, &Stretch::default().since(since), |record| {
        if record.decision.enforced == Effect::Allow {
            ran += 1;
            for name in grants.involved(&record.facts.subject.agent.class, &[], &targets(&record.facts)) {
                *counts.entry(name).or_default() += 1;
            }
        }
    })?;
    let uses = entries.iter().map(|entry| {
        let used = counts.get(&entry.name).copied().unwrap_or(0);
        Use { name: &entry.name, class: &entry.class, used }
    });
    let uses: Vec<Use<'_>> = uses.collect();
    if output.json {
        out::json(&json!({ "actions": ran, "grants": uses, "skipped": skipped }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let idle: Vec<&GrantEntry> = entries.iter().filter(|entry| !counts.contains_key(&entry.name)).collect();
    out::line(format_args!("{ran} actions ran; {} of {} grants were not used", idle.len(), entries.len()))?;
    skipped.line().map_or(Ok(()), out::line)?;
    let row = |entry: &&GrantEntry| {
        let verbs: Vec<&str> = entry.verbs.iter().map(|verb| verb.as_str()).collect();
        vec![entry.name.clone(), entry.class.clone(), verbs.join(", "), entry.resources.join(", ")]
    };
    out::table(&["GRANT", "CLASS", "VERBS", "RESOURCES"], &idle.iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_loses_most_is_named_first_and_the_rest_is_counted() {
        let others: BTreeMap<String, u64> = (1..=13).map(|count| (format!("agent-{count:02}"), count)).collect();
        let lines = colleagues(&others);
        assert_eq!(lines.len(), COLLEAGUES_NAMED + 1);
        assert!(lines[0].contains("refused 13 actions of `agent-13`"), "{}", lines[0]);
        assert!(lines[COLLEAGUES_NAMED].starts_with("And 6 actions of 3 more agents"), "{}", lines[COLLEAGUES_NAMED]);
        let one = colleagues(&[("a".to_owned(), 1)].into());
        assert_eq!(one, ["It would have refused 1 action of `a`, which has the same class."]);
    }
}
