//! Hosts that an action reaches: as they will be contacted, where they lead, and what is odd about how they are written.
//!
//! Nothing is resolved: a name that leads to a private address is found by who resolves it.

mod address;
mod host;
mod lookalike;

pub(crate) use lookalike::Lookalikes;

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
    reached: &mut dyn Iterator<Item = &str>,
    known: &dyn Fn(&str) -> bool,
) -> Vec<DestinationSignal> {
    let mut hosts: BTreeMap<String, DestinationSignal> = BTreeMap::new();
    for written in reached.take(REACHED_MAX) {
        let signal = one(lookalikes, written, known);
        match hosts.get_mut(&signal.host) {
            // The same host written in two ways is as odd as both.
            Some(there) => {
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
            (signal.special.is_none(), signal.looks_like.is_none(), signal.odd.is_empty(), signal.known)
        });
        signals.truncate(FOUND_MAX);
        signals.sort();
    }
    signals
}

fn one(lookalikes: &Lookalikes, written: &str, known: &dyn Fn(&str) -> bool) -> DestinationSignal {
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
    DestinationSignal { host, domain, known, looks_like, special: special.map(str::to_owned), odd }
}

#[cfg(test)]
mod tests;
