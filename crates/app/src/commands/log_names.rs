//! What was looked for and is in no record at all, with the names that are nearest to it.

use super::log::unreadable;
use crate::failure::Failure;
use crate::out;
use crate::render::safe;
use holdshort_store::index::{Facet, Filter, Index, Order, Row, Search};
use holdshort_store::records::Records;
use std::collections::BTreeSet;

/// Facets whose values are names that people type.
const NAMED: [Facet; 6] = [Facet::Agent, Facet::Session, Facet::User, Facet::Tool, Facet::Server, Facet::Policy];
/// Newest records that names are taken from: the index has none. Reading so many takes a moment.
const READ_MAX: usize = 10_000;
/// Names that are looked at, and that are told.
const NAMES_MAX: usize = 10_000;
const TOLD_MAX: usize = 3;

/// Says on standard error which names no record has. Of a search that found nothing, each is a likely reason.
pub(super) fn tell_unknown(records: &Records, index: &Index, filter: &Filter) -> Result<(), Failure> {
    for (facet, wanted) in filter.named().filter(|(facet, _)| NAMED.contains(facet)) {
        let alone = Filter::default().any(facet, [wanted]);
        let mut search = Search::new(records, Some(index), &alone, Order::NewestFirst, 0..u64::MAX);
        if search.next().transpose().map_err(unreadable)?.is_some() {
            continue;
        }
        let near = nearest(wanted, &names(records, facet)?);
        let meant = match near.split_last() {
            Some((last, [])) => format!("; did you mean `{}`?", safe(last)),
            Some((last, rest)) => {
                let rest: Vec<String> = rest.iter().map(|name| format!("`{}`", safe(name))).collect();
                format!("; did you mean {} or `{}`?", rest.join(", "), safe(last))
            }
            None => String::new(),
        };
        out::note(format_args!("no record of {} `{}`{meant}", facet.as_str(), safe(wanted)));
    }
    Ok(())
}

/// The values of a facet in the newest records.
fn names(records: &Records, facet: Facet) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    for record in records.backwards(u64::MAX).take(READ_MAX) {
        Row::read(&record.map_err(unreadable)?, |row| {
            let values = row.facets.iter().filter(|(found, _)| *found == facet).map(|(_, value)| value.as_ref());
            if names.len() < NAMES_MAX {
                names.extend(values.map(str::to_owned));
            }
        });
    }
    Ok(names)
}

/// The names that somebody may have meant: those that are the fewest slips away, and few.
fn nearest(wanted: &str, names: &BTreeSet<String>) -> Vec<String> {
    let small = wanted.to_lowercase();
    let slips_max = 1 + wanted.chars().count() / 4;
    let slips = |name: &String| {
        let name = name.to_lowercase();
        // The beginning of a name, or a part of it, is what people remember.
        let is_part = small.len() > 2 && name != small && name.contains(&small);
        if is_part { 1 } else { strsim::damerau_levenshtein(&small, &name) }
    };
    let mut near: Vec<(usize, &String)> = names.iter().map(|name| (slips(name), name)).collect();
    near.sort_unstable();
    let least = near.first().map_or(0, |(slips, _)| *slips);
    near.retain(|(slips, _)| *slips == least && *slips <= slips_max);
    near.into_iter().take(TOLD_MAX).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_slips_another_case_and_parts_are_near() {
        let names: BTreeSet<String> =
            ["tidy", "Tidy-2", "mail/delete_messages", "planner", "x"].map(str::to_owned).into();
        for (wanted, expected) in [
            ("tydi", vec!["tidy"]),
            ("TIDY", vec!["tidy"]),
            ("tidy-3", vec!["Tidy-2"]),
            ("delete_mesages", vec![]),
            ("mail/delete_mesages", vec!["mail/delete_messages"]),
            ("delete_messages", vec!["mail/delete_messages"]),
            ("nobody", vec![]),
            ("", vec!["x"]),
        ] {
            assert_eq!(nearest(wanted, &names), expected, "{wanted}");
        }
    }
}
