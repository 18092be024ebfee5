//! `log search`: the records that match, read in the log.

use super::log::{open, shown, unreadable};
use super::log_index;
use crate::cli::{EffectChoice, FilterArgs, LevelChoice, SearchArgs};
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::skipped::Skipped;
use holdshort_model::{Effect, Level};
use holdshort_store::index::{Facet, Filter, Index, Order, Sealed, Search};
use holdshort_store::records::Records;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::process::ExitCode;

pub(super) fn run(arguments: &SearchArgs) -> Outcome {
    let data = arguments.place.data(&arguments.place.load()?)?;
    let filter = filter(&arguments.filter)?;
    let records = open(&data.log())?;
    let is_useful = filter.is_indexed() && !arguments.no_index;
    let index = if is_useful { log_index::fresh(&data, &records) } else { None };
    let order = if arguments.oldest_first { Order::OldestFirst } else { Order::NewestFirst };
    let range = arguments.from.unwrap_or(0)..arguments.before.unwrap_or(u64::MAX);
    let mut search = Search::new(&records, index.as_ref(), &filter, order, range.clone());
    for record in search.by_ref().take(arguments.limit) {
        if !out::offer(shown(&record.map_err(unreadable)?, arguments.output)?)? {
            return Ok(ExitCode::SUCCESS);
        }
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
        if let Some(line) = skipped(&records, index, search.sealed(), looked)?.line() {
            out::note(format_args!("{line}; any of them may be one of these"));
        }
    }
    if !left.is_empty() && std::io::stdout().is_terminal() {
        match order {
            Order::NewestFirst => out::note(format_args!("older ones: --before {}", left.end)),
            Order::OldestFirst => out::note(format_args!("later ones: --from {}", left.start)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a search could not read: what it came by, and what the index has as erased where it was not read.
fn skipped(records: &Records, index: Option<&Index>, sealed: Sealed, looked: Range<u64>) -> Result<Skipped, Failure> {
    let mut skipped = Skipped { erased: sealed.erased, closed: sealed.closed };
    if let Some(index) = index {
        let (erased, indexed) =
            (Filter::default().any(Facet::Type, ["erased"]), looked.start..looked.end.min(index.size()));
        for record in Search::new(records, Some(index), &erased, Order::OldestFirst, indexed) {
            skipped.look(&record.map_err(unreadable)?);
        }
    }
    Ok(skipped)
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
    match &arguments.text {
        Some(text) => filter.says(text).map_err(Failure::usage),
        None => Ok(filter),
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
