//! `log search`: the records that match, read in the log.

use super::log::{open, shown, time_ms, unreadable};
use super::{log_index, log_names};
use crate::cli::{EffectChoice, FilterArgs, LevelChoice, SearchArgs};
use crate::failure::{Failure, Outcome};
use crate::skipped::Skipped;
use crate::{out, render};
use holdshort_model::{Effect, Level};
use holdshort_store::index::{Contradiction, Facet, Filter, Index, Order, Sealed, Search};
use holdshort_store::records::Records;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::process::ExitCode;

pub(super) fn run(arguments: &SearchArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    let filter = filter(&arguments.filter)?;
    let range = range(arguments)?;
    let records = open(&data.log())?;
    check_reach(&records, &range)?;
    let is_useful = filter.is_indexed() && !arguments.no_index;
    let index = if is_useful { log_index::fresh(&data, &loaded.config.log, &records) } else { None };
    let order = if arguments.oldest_first { Order::OldestFirst } else { Order::NewestFirst };
    let mut found = 0usize;
    let mut search = Search::new(&records, index.as_ref(), &filter, order, range.clone());
    for record in search.by_ref().take(arguments.limit) {
        if !out::offer(shown(&record.map_err(unreadable)?, arguments.output)?)? {
            return Ok(ExitCode::SUCCESS);
        }
        found = found.saturating_add(1);
    }
    if let Some(fault) = search.fault() {
        out::note(format_args!("the index was left, and the records were read: {fault}"));
    }
    let left = search.left();
    if filter.may_miss() {
        let looked = match order {
            Order::NewestFirst => left.end..range.end,
            Order::OldestFirst => range.start..left.start.max(range.start),
        };
        let index = index.as_ref().filter(|_| search.fault().is_none());
        if let Some(line) = skipped(index, search.sealed(), looked).line() {
            out::note(format_args!("{line}; any of them may be one of these"));
        }
    }
    if found < arguments.limit
        && let Some(first) = dropped(&records, &range, arguments)?
    {
        out::note(format_args!("the records before {first} were dropped on purpose, and are not searched"));
    }
    if let (0, Some(index)) = (found, &index) {
        log_names::tell_unknown(&records, index, &filter)?;
    }
    if !left.is_empty() && std::io::stdout().is_terminal() {
        match order {
            Order::NewestFirst => out::note(format_args!("older ones: --before {}", left.end)),
            Order::OldestFirst => out::note(format_args!("later ones: --from {}", left.start)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The records that are looked at.
fn range(arguments: &SearchArgs) -> Result<Range<u64>, Failure> {
    if arguments.limit == 0 {
        return Err(Failure::usage("`--limit 0` asks for nothing").hint("leave it out for 100 records"));
    }
    match (arguments.from, arguments.before) {
        (Some(from), Some(before)) if from >= before => {
            Err(Failure::usage(format!("no record lies from {from} on and before {before}"))
                .hint("name the lower index with `--from`; `--before` is not included"))
        }
        (from, before) => Ok(from.unwrap_or(0)..before.unwrap_or(u64::MAX)),
    }
}

/// Refuses to begin behind the end of the log. The place right behind it is where pages end.
fn check_reach(records: &Records, range: &Range<u64>) -> Result<(), Failure> {
    let size = records.size();
    if range.start <= size {
        return Ok(());
    }
    Err(Failure::usage(format!("`--from {}` is behind the end of the log, which has {size} records", range.start))
        .hint(format!("records go from 0 to {}", size.saturating_sub(1))))
}

/// Index of the first record that was kept, where what was dropped before it belongs to what is searched.
fn dropped(records: &Records, range: &Range<u64>, arguments: &SearchArgs) -> Result<Option<u64>, Failure> {
    let first = records.first().map_err(unreadable)?;
    if first <= range.start {
        return Ok(None);
    }
    // What was dropped is older than what is left.
    let next = records.forwards(first).next().transpose().map_err(unreadable)?;
    let oldest_ms = next.and_then(|record| record.parse().map(|record| time_ms(&record)));
    let is_later = arguments.filter.since.zip(oldest_ms).is_some_and(|(since, oldest_ms)| oldest_ms <= since.0);
    Ok((!is_later).then_some(first))
}

/// What a search could not read: what it came by, and what the index has as erased where it was not read.
pub(super) fn skipped(index: Option<&Index>, sealed: Sealed, looked: Range<u64>) -> Skipped {
    let mut skipped = Skipped { erased: sealed.erased, closed: sealed.closed };
    if let Some(index) = index {
        // There may be millions, which are not read for a note. A damaged row: the next search says so.
        skipped.erased = skipped.erased.saturating_add(index.count(Facet::Type, "erased", &looked).unwrap_or_default());
    }
    skipped
}

/// What is looked for, from the command line.
pub(super) fn filter(arguments: &FilterArgs) -> Result<Filter, Failure> {
    let FilterArgs { agent, session, user, tool, server, kind, verb, types, policy, .. } = arguments;
    let facets = [
        (Facet::Agent, agent),
        (Facet::Session, session),
        (Facet::User, user),
        (Facet::Tool, tool),
        (Facet::Server, server),
        (Facet::Kind, kind),
        (Facet::Verb, verb),
        (Facet::Type, types),
        (Facet::Policy, policy),
    ];
    let mut filter = facets.into_iter().fold(Filter::default(), |filter, (facet, values)| filter.any(facet, values));
    filter = filter
        .effects(Facet::Effect, arguments.effect.iter().map(|choice| effect(*choice)))
        .effects(Facet::Enforced, arguments.enforced.iter().map(|choice| effect(*choice)))
        .ids(arguments.id.iter().copied())
        .since(arguments.since.map(|when| when.0))
        .until(arguments.until.map(|when| when.0))
        .contains(arguments.contains.clone());
    if let Some(choice) = arguments.level {
        filter = filter.at_least(level(choice));
    }
    if let Some(text) = &arguments.text {
        filter = filter.says(text).map_err(Failure::usage)?;
    }
    match filter.check() {
        Ok(()) => Ok(filter),
        Err(Contradiction::Time { since_ms, until_ms }) => {
            let (since, until) = (render::time(since_ms), render::time(until_ms));
            Err(Failure::usage(format!(
                "`--since` is {since} and `--until` is {until}: the time ends before it begins"
            ))
            .hint("`--since 7d --until 1d` is the time from a week ago up to yesterday"))
        }
        Err(other) => Err(Failure::usage(other)),
    }
}

fn effect(choice: EffectChoice) -> Effect {
    match choice {
        EffectChoice::Allow => Effect::Allow,
        EffectChoice::Ask => Effect::Ask,
        EffectChoice::Deny => Effect::Deny,
    }
}

fn level(choice: LevelChoice) -> Level {
    match choice {
        LevelChoice::Low => Level::Low,
        LevelChoice::Medium => Level::Medium,
        LevelChoice::High => Level::High,
        LevelChoice::Critical => Level::Critical,
    }
}
