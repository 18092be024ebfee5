//! Hosts that an action reaches: as they will be contacted, where they lead, and what is odd about how they are written.
//!
//! Nothing is resolved: a name that leads to a private address is found by who resolves it.

mod address;
mod host;
mod lookalike;

pub(crate) use lookalike::Lookalikes;

use crate::intelligence::Intelligence;
use holdshort_model::{DestinationSignal, FOUND_MAX};
use std::collections::BTreeMap;

/// Most hosts that one action is looked at for; the rest is not named.
const REACHED_MAX: usize = 1024;

/// Registrable domain of `host` (public suffix list, private section included), which is lower case and in punycode.
pub(crate) fn registrable(host: &str) -> Option<&str> {
    let domain = psl::domain(host.as_bytes())?;
    std::str::from_utf8(domain.as_bytes()).ok()
}

/// What is to be said of each host, sorted, without repetition.
pub(crate) fn look(
    lookalikes: &Lookalikes,
    feeds: Option<&Intelligence>,
    reached: &mut dyn Iterator<Item = &str>,
    known: &dyn Fn(&str) -> bool,
) -> Vec<DestinationSignal> {
    let mut hosts: BTreeMap<String, DestinationSignal> = BTreeMap::new();
    for written in reached.take(REACHED_MAX) {
        let signal = one(lookalikes, feeds, written, known);
        match hosts.get_mut(&signal.host) {
            // The same host written in two ways is as odd as both, and as bad as the worse of two pages.
            Some(there) => {
                if signal.listed_confidence > there.listed_confidence || there.listed.is_none() {
                    (there.listed, there.listed_confidence) = (signal.listed, signal.listed_confidence);
                }
                there.odd.extend(signal.odd);
                there.odd.sort();
                there.odd.dedup();
            }
            None => {
                hosts.insert(signal.host.clone(), signal);
            }
        }
    }
    let mut signals: Vec<DestinationSignal> = hosts.into_values().collect();
    if signals.len() > FOUND_MAX {
        // Nobody hides a strange host behind many ordinary ones.
        signals.sort_by_key(|signal| {
            let DestinationSignal { listed, special, looks_like, odd, known, .. } = signal;
            (listed.is_none(), special.is_none(), looks_like.is_none(), odd.is_empty(), *known)
        });
        signals.truncate(FOUND_MAX);
        signals.sort();
    }
    signals
}

fn one(
    lookalikes: &Lookalikes,
    feeds: Option<&Intelligence>,
    written: &str,
    known: &dyn Fn(&str) -> bool,
) -> DestinationSignal {
    let host::Host { text: host, name, mut odd } = host::parse(written);
    let domain = name.then(|| registrable(&host)).flatten().map(str::to_owned);
    let special = if name { address::special_name(&host) } else { address::special(&host) };
    let known = known(&host);
    let looks_like = match &domain {
        Some(domain) if !known => lookalikes.of(&host, domain),
        _ => None,
    };
    if name && address::embeds(&host) {
        odd.push("embedded-address".to_owned());
    }
    odd.sort();
    odd.dedup();
    let named = feeds.and_then(|feeds| feeds.names(&host, Some(written).filter(|written| written.contains("://"))));
    let (listed, listed_confidence) = named.map_or((None, 0), |(feed, sure)| (Some(feed.to_owned()), sure));
    let special = special.map(str::to_owned);
    DestinationSignal { host, domain, known, looks_like, special, odd, listed, listed_confidence }
}

#[cfg(test)]
mod tests;
