//! `grants`: proposals from what agents really did, and grants that nothing uses.

use super::log;
use crate::cli::{GrantsCommand, Output, When};
use crate::config::Loaded;
use crate::failure::{Failure, Outcome};
use crate::least::{Doubts, LeftOuts, Marked, Suggestion, Used, ran, targets};
use crate::place::{DataDir, Place};
use crate::replay::{Entry, Progress, Stretch, database, each};
use crate::skipped::Skipped;
use crate::{out, render};
use holdshort_decide::{Coverage, GrantEntry, Grants, Known};
use holdshort_inventory::{IncidentStore as _, UNKNOWN_CLASS};
use holdshort_model::{DecisionRecord, Mode, RecordId};
use holdshort_store::records::{LoggedRecord, Records};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Agents of a class that are counted one by one.
const AGENTS_MAX: usize = 1_000;
/// Other agents of the class that the proposal names.
const COLLEAGUES_NAMED: usize = 10;
/// Patterns to look at that are named in the comment.
const MARKED_NAMED: usize = 50;
/// Incidents that are read at once.
const INCIDENTS_PAGE: usize = 100;
/// Resources of a grant that a terminal gets.
const RESOURCES_SHOWN: usize = 3;

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

/// Which sessions were contained, at any time, or are part of an incident.
fn doubts(reader: &Records, data: &DataDir) -> Result<Doubts, Failure> {
    let mut doubts = Doubts::default();
    let database = database(data)?;
    let mut before: Option<RecordId> = None;
    loop {
        let page = database.incidents(None, before, INCIDENTS_PAGE).map_err(Failure::internal)?;
        page.iter().for_each(|incident| doubts.incident(incident));
        match page.last() {
            Some(last) if page.len() == INCIDENTS_PAGE => before = Some(last.id),
            _ => break,
        }
    }
    let all = Stretch::default();
    let mut progress = Progress::new(all.count(reader));
    let make = || |record: LoggedRecord| record.parse();
    each(all.records(reader), make, |record| {
        progress.step();
        record.map_or(Ok(()), |record| doubts.look(&record)).map_err(Failure::refused)
    })?;
    Ok(doubts)
}

/// What the proposal would have refused of the stretch.
#[derive(Default, Serialize)]
struct Refused {
    /// Actions of the agent that ran and count.
    ran: u64,
    /// Of them: it would have refused them, because no grant but `*` can cover them.
    ran_refused: u64,
    /// Actions that ran and do not count.
    left_out: u64,
    /// Of them: it refuses them.
    left_out_refused: u64,
    /// Attempts of the agent that did not run.
    attempts: u64,
    /// Of them: it refuses them.
    attempts_refused: u64,
    /// Actions of other agents of the class that ran and that it would have refused.
    others: BTreeMap<String, u64>,
}

fn suggest(place: &Place, output: Output, agent: &str, since: Option<When>) -> Outcome {
    let loaded = place.load()?;
    let data = place.data(&loaded)?;
    let reader = log::open(&data.log())?;
    let doubts = doubts(&reader, &data)?;
    let (mut used, mut left_out) = (Used::default(), LeftOuts::default());
    let mine = Stretch::default().since(since).agent(Some(agent));
    let skipped = decisions(&reader, &mine, |record| match doubts.left_out(record) {
        _ if !ran(record) => {}
        Some(why) => left_out.add(why),
        None => used.add(record),
    })?;
    // Grants of this class alone are what it replaces.
    let stays = |class: &str| {
        let others = loaded.config.grants.iter().filter(|entry| entry.class != class);
        others.map(|entry| entry.name.clone()).collect::<Vec<_>>()
    };
    let taken = used.class().map(stays).unwrap_or_default();
    let suggestion = used.suggest(agent, &taken).ok_or_else(|| {
        let why = left_out.lines().collect::<Vec<_>>().join(" ");
        let why = if why.is_empty() { why } else { format!(". {why}") };
        Failure::refused(format!("no action of the agent `{agent}` ran in this time that could be granted{why}"))
            .hint("`holdshort log search --agent` shows what it did; a longer `--since` looks further back")
    })?;
    // The last look says what the others cannot: what the proposal as a whole refuses.
    let grants = Grants::compile(&suggestion.grants, &Known::default())
        .map_err(|faults| Failure::internal(format!("the proposal is no grant: {faults:?}")))?;
    let mut refused = Refused::default();
    decisions(&reader, &Stretch::default().since(since), |record| {
        look(record, agent, &suggestion.class, &grants, &doubts, &mut refused);
    })?;
    let present = present(&loaded, &suggestion.class);
    let proposal = Proposal { agent, suggestion, present, refused, left_out, skipped, dropped: mine.dropped(&reader)? };
    match output.json {
        true => out::json(&proposal.json())?,
        false => out::raw(&proposal.change()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn look(record: &DecisionRecord, agent: &str, class: &str, grants: &Grants, doubts: &Doubts, refused: &mut Refused) {
    let who = &record.facts.subject.agent;
    let mine = who.id.as_str() == agent;
    // What the agent did in another class is what it does.
    if !mine && who.class != class {
        return;
    }
    let covered = grants.coverage(class, &[], &targets(&record.facts), Mode::Enforce) == Coverage::Full;
    let (all, refusals) = match (mine, ran(record), doubts.left_out(record).is_some()) {
        (true, true, false) => (&mut refused.ran, &mut refused.ran_refused),
        (true, true, true) => (&mut refused.left_out, &mut refused.left_out_refused),
        (true, false, _) => (&mut refused.attempts, &mut refused.attempts_refused),
        (false, true, false) if !covered => {
            let id = who.id.as_str();
            let id = if refused.others.len() < AGENTS_MAX || refused.others.contains_key(id) { id } else { "(others)" };
            *refused.others.entry(id.to_owned()).or_default() += 1;
            return;
        }
        (false, _, _) => return,
    };
    *all += 1;
    *refusals += u64::from(!covered);
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

/// A proposal with what a person has to know.
struct Proposal<'a> {
    agent: &'a str,
    suggestion: Suggestion,
    present: Present,
    refused: Refused,
    left_out: LeftOuts,
    skipped: Skipped,
    dropped: Option<u64>,
}

impl Proposal<'_> {
    fn json(&self) -> serde_json::Value {
        let Self { suggestion, present, refused, left_out, skipped, dropped, .. } = self;
        json!({
            "class": suggestion.class, "grants": suggestion.grants, "generalised": suggestion.generalised,
            "marked": suggestion.marked, "uncovered": suggestion.uncovered, "in_place_of": present.own,
            "shared": present.shared, "would_have_refused": refused, "left_out": left_out, "skipped": skipped,
            "dropped_before": dropped, "from_ms": suggestion.from_ms, "to_ms": suggestion.to_ms,
        })
    }

    /// As a part of a configuration, with comments.
    fn change(&self) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Part<'a> {
            grants: &'a [GrantEntry],
        }
        let Self { agent, suggestion, present, refused, left_out, skipped, dropped } = self;
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
        if suggestion.class == UNKNOWN_CLASS {
            lines.push(format!(
                "NOBODY REGISTERED `{agent}`: a grant for `{UNKNOWN_CLASS}` holds for every agent that nobody registered. \
                 `holdshort agents add` gives it a class."
            ));
        }
        let names = |names: &[String]| format!("`{}`", names.join("`, `"));
        if !present.own.is_empty() {
            lines.push(format!("In place of: {}.", names(&present.own)));
        }
        if !present.shared.is_empty() {
            lines.push(format!(
                "Grants of several classes hold beside it, and this takes nothing of them away: {}.",
                names(&present.shared)
            ));
        }
        for (pattern, count) in &suggestion.generalised {
            lines.push(format!("`{pattern}` stands for {count} that were used."));
        }
        lines.extend(marked(&suggestion.marked));
        lines.extend(left_out.lines());
        for what in &suggestion.uncovered {
            lines.push(format!("Not covered, because only `*` would cover it: {what}."));
        }
        if suggestion.grants.iter().any(|grant| grant.servers == [""]) {
            lines.push("The server with the empty name stands for what happens without a server.".to_owned());
        }
        lines.push(format!(
            "It would have refused {} of the {} actions that ran, and {} of the {} attempts that did not run.",
            refused.ran_refused, refused.ran, refused.attempts_refused, refused.attempts
        ));
        if refused.left_out > 0 {
            lines.push(format!(
                "It refuses {} of the {} actions that were left out.",
                refused.left_out_refused, refused.left_out
            ));
        }
        lines.extend(colleagues(&refused.others));
        lines.extend(skipped.line().map(|line| format!("Not looked at: {line}.")));
        lines.extend(dropped.map(|first| format!("{}.", gone(first))));
        let comment = lines.iter().map(|line| format!("# {}\n", render::safe(line))).collect::<String>();
        let grants = toml::to_string(&Part { grants: &suggestion.grants }).map_err(Failure::internal)?;
        Ok(format!("{comment}\n{grants}"))
    }
}

/// That the period is not whole.
fn gone(first: u64) -> String {
    format!("The records before index {first} were dropped: what was done then is not counted")
}

/// What a person has to look at before it is granted.
fn marked(marked: &[Marked]) -> Vec<String> {
    let line = |one: &Marked| {
        let why: Vec<&str> = one.why.iter().map(|mark| mark.as_str()).collect();
        format!("Look at: {} `{}`: {}.", one.verb, one.pattern, why.join("; "))
    };
    let mut lines: Vec<String> = marked.iter().take(MARKED_NAMED).map(line).collect();
    if let Some(more) = marked.len().checked_sub(MARKED_NAMED).filter(|more| *more > 0) {
        lines.push(format!("Look at {more} more, which `--json` names."));
    }
    lines
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
    let reader = log::open(&place.data(&loaded)?.log())?;
    let stretch = Stretch::default().since(since);
    let (mut counts, mut actions, mut period): (BTreeMap<String, u64>, u64, Option<(u64, u64)>) = Default::default();
    let skipped = decisions(&reader, &stretch, |record| {
        if ran(record) {
            actions += 1;
            let at_ms = record.received_ms;
            period = Some(period.map_or((at_ms, at_ms), |(from, to)| (at_ms.min(from), at_ms.max(to))));
            for name in grants.involved(&record.facts.subject.agent.class, &[], &targets(&record.facts)) {
                *counts.entry(name).or_default() += 1;
            }
        }
    })?;
    let dropped = stretch.dropped(&reader)?;
    let uses = entries.iter().map(|entry| {
        let used = counts.get(&entry.name).copied().unwrap_or(0);
        Use { name: &entry.name, class: &entry.class, used }
    });
    let uses: Vec<Use<'_>> = uses.collect();
    if output.json {
        out::json(&json!({
            "actions": actions, "grants": uses, "skipped": skipped, "dropped_before": dropped,
            "from_ms": period.map(|(from, _)| from), "to_ms": period.map(|(_, to)| to),
        }))?;
        return if actions == 0 { Err(nothing_ran(&skipped, dropped)) } else { Ok(ExitCode::SUCCESS) };
    }
    // Who knows of no action must not call a grant unused: somebody would take it away.
    if actions == 0 {
        return Err(nothing_ran(&skipped, dropped));
    }
    let idle: Vec<&GrantEntry> = entries.iter().filter(|entry| !counts.contains_key(&entry.name)).collect();
    out::line(format_args!("{actions} actions ran; {} of {} grants were not used", idle.len(), entries.len()))?;
    if let Some((from, to)) = period {
        out::line(format_args!("from {} to {}", render::time(from), render::time(to)))?;
    }
    dropped.map_or(Ok(()), |first| out::line(gone(first)))?;
    skipped.line().map_or(Ok(()), out::line)?;
    let row = |entry: &&GrantEntry| {
        let verbs: Vec<&str> = entry.verbs.iter().map(|verb| verb.as_str()).collect();
        let mut resources: Vec<&str> = entry.resources.iter().take(RESOURCES_SHOWN).map(String::as_str).collect();
        let more = entry.resources.len().saturating_sub(RESOURCES_SHOWN);
        let more = (more > 0).then(|| format!("and {more} more"));
        resources.extend(more.as_deref());
        vec![entry.name.clone(), entry.class.clone(), verbs.join(", "), resources.join(", ")]
    };
    out::table(&["GRANT", "CLASS", "VERBS", "RESOURCES"], &idle.iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Why nothing can be said of any grant.
fn nothing_ran(skipped: &Skipped, dropped: Option<u64>) -> Failure {
    let why: Vec<String> = dropped.map(gone).into_iter().chain(skipped.line()).collect();
    let failure = Failure::refused("no action is on record as having run, so that no grant can be called unused");
    if why.is_empty() { failure.hint("`--since` asks for an earlier time") } else { failure.hint(why.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_single_action_no_grant_is_called_unused() {
        let failure = nothing_ran(&Skipped { erased: 0, closed: 3 }, Some(7));
        assert_eq!(failure.code(), crate::failure::Code::Refused);
        assert!(
            failure.advice().contains("before index 7 were dropped") && failure.advice().contains('3'),
            "{failure:?}"
        );
        assert!(nothing_ran(&Skipped::default(), None).advice().contains("--since"));
    }

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
